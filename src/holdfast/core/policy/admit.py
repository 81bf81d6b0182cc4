"""What a policy makes of a whole memory: every text in it that a caller wrote is judged.

Sessions, authors and keys are names by which memories are found, and stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from holdfast.core import border
from holdfast.core.codec import canonical
from holdfast.core.policy.judge import judge
from holdfast.errors import Refused
from holdfast.model.policy import ALWAYS, Policy, Sensitive
from holdfast.model.records import Content, Kind, Origin, Scalar
from holdfast.model.verdict import RELEASED, Verdict

_ORDER = (*map(str, Sensitive), RELEASED)
_LONG_NUMBER = 10_000_000
"""A number from which on the value of an item is looked at: shorter ones are no card, phone or identity."""
_PLAIN_CHARS = 20
"""A name of fewer letters, digits and ``_`` is too short for a secret, and is not looked at."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What may be kept of a memory, and why.

    Attributes:
        content: With labels where something was redacted, with its marks, whether it is kept apart, and until when.
        verdict: The greatest of its texts; never `Verdict.REFUSED`.
    """

    content: Content
    verdict: Verdict
    reasons: tuple[str, ...]


def admit(content: Content, policy: Policy, now_ms: int, *, released: bool = False) -> Admission:
    """Judge a memory. A lifetime it has already is never made longer, and no mark is taken from it.

    Args:
        released: A memory that its owner let out of quarantine stays out; otherwise that mark is as if it were not.

    Raises:
        Refused: nothing of it may be kept.
    """
    judging = _Judging(content, policy)
    changes = _texts(content, judging)
    out = released and RELEASED in content.marks
    marks = {*content.marks, *judging.marks}
    verdict = Verdict.STORED if judging.verdict is Verdict.QUARANTINED and out else judging.verdict
    ends = [one for one in (content.expires_at, judging.expiry(now_ms)) if one is not None]
    kept = replace(
        content,
        **changes,
        marks=in_order(marks if out else marks - {RELEASED}),
        quarantined=content.quarantined or verdict is Verdict.QUARANTINED,
        expires_at=min(ends, default=None),
    )
    return Admission(kept, verdict, tuple(judging.reasons))


def admit_revision(old: Content, changes: Mapping[str, Any], policy: Policy, now_ms: int) -> dict[str, Any]:
    """Changes to what is noted about a memory, as they may be kept; its words were judged when they came.

    Raises:
        Refused.
    """
    noted = {name: changes[name] for name in ("category", "tags", "attributes") if name in changes}
    blank = {"text": "-", "caption": None, "subject": None, "predicate": None, "object": None, "source": None}
    kept = admit(
        replace(old, **{**blank, "tags": (), "attributes": {}, **noted}), policy, now_ms, released=True
    ).content
    changed = {name: getattr(kept, name) for name in (*noted, "marks", "quarantined", "expires_at")}
    return {**changes, **changed}


def admit_words(words: str, policy: Policy) -> str:
    """A remark that goes beside a memory, such as the reason of a correction, as it may be kept.

    Raises:
        Refused.
    """
    judging = _Judging(Content(kind=Kind.FACT, text=words, valid_from=0), replace(policy, otherwise=ALWAYS))
    return judging.text("reason", words)


def in_order(marks: Iterable[str]) -> tuple[str, ...]:
    """Marks without repetition, in the order of the classes."""
    return tuple(sorted(set(marks), key=lambda mark: (_ORDER.index(mark) if mark in _ORDER else len(_ORDER), mark)))


class _Judging:
    """The judgements of one memory's texts, gathered."""

    def __init__(self, content: Content, policy: Policy) -> None:
        self._category: str | None = content.category
        self._origin: Origin = content.origin
        self._policy = policy
        self._ttl_ms: int | None = None
        self.verdict = Verdict.STORED
        self.reasons: list[str] = []
        self.marks: set[str] = set()

    def text(self, where: str, text: str, before: str = "") -> str:
        """A text as it may be kept.

        Args:
            before: What it is called by, which tells what it is: ``password`` before ``hunter2``.
        """
        judged = judge(before + text, category=self._category, origin=self._origin, policy=self._policy)
        said = [reason if where == "text" else f"{where}: {reason}" for reason in judged.reasons]
        if judged.verdict is Verdict.REFUSED:
            raise Refused(f"The policy keeps nothing of this. {' '.join(said)} Nothing was written.", tuple(said))
        self.verdict = max(self.verdict, judged.verdict)
        self.reasons.extend(said)
        self.marks.update(str(one.detector) for one in judged.findings)
        self._ttl_ms = judged.ttl_ms
        kept = judged.text
        return kept.removeprefix(before)

    def expiry(self, now_ms: int) -> int | None:
        """When the memory is to be forgotten."""
        return None if self._ttl_ms is None else now_ms + self._ttl_ms


def _texts(content: Content, judging: _Judging) -> dict[str, Any]:
    """The fields that are not kept as they were said."""
    changes: dict[str, Any] = {}
    for name in ("text", "caption", "subject", "predicate", "object", "source"):
        said: str | None = getattr(content, name)
        if said is None or (name == "text" and content.kind is Kind.ITEM):
            continue
        named = changes.get("predicate", content.predicate) if name == "object" else None
        kept = judging.text(name, said, f"{named}: " if named else "")
        if kept != said:
            long = name in ("text", "caption")
            changes[name] = border.check_text(kept, name) if long else border.check_label(kept, name)
    if content.body is not None and (body := _body(content.kind, content.body, judging)) != content.body:
        changes["body"] = border.check_text(body, "body")
    if _is_of_item(content):
        return changes
    tags = tuple(dict.fromkeys(judging.text("tag", tag) for tag in content.tags))
    if tags != content.tags:
        changes["tags"] = border.check_tags(tags)
    attributes = {name: _attribute(name, value, judging) for name, value in content.attributes.items()}
    if attributes != content.attributes:
        changes["attributes"] = border.check_attributes(attributes)
    return changes


def _is_of_item(content: Content) -> bool:
    """Whether its tags and attributes only say which item it belongs to: those were judged when the item was put."""
    if content.kind is not Kind.FACT or "item" not in content.attributes or len(content.attributes) > 1:
        return False
    from holdfast.core.items import named_in, tags_of

    named = named_in(content.attributes)
    return named is not None and content.tags == tags_of(named[0])


def _body(kind: Kind, said: str, judging: _Judging) -> str:
    """What belongs to a memory, as it may be kept: its texts are judged one by one, so that it stays what it is.

    Numbers in it are times and bounds. Its names are Holdfast's own or, in what a tool was called with, anybody's.
    Of an item only the value is judged, numbers and all; what it is known by stays, or two could become one.
    """
    is_item = kind is Kind.ITEM

    def kept(value: object, name: str) -> object:
        match value:
            case bool():
                return value
            case int() | float() if is_item and abs(value) >= _LONG_NUMBER:
                return _attribute(name, value, judging)
            case str() if value.strip():
                return judging.text("body", value, f"{name}: " if name else "")
            case list():
                return [kept(one, name) for one in cast("list[object]", value)]
            case dict():
                fields = cast("dict[str, object]", value)
                return {_name(key, fields, judging): kept(one, key) for key, one in fields.items()}
            case _:
                return value

    held: Any = json.loads(said)
    judged = {**held, "value": kept(held["value"], "")} if is_item and "value" in held else kept(held, "")
    return said if judged == held else canonical(judged).decode()


def _name(key: str, beside: Mapping[str, object], judging: _Judging) -> str:
    """A name of a body as it may be kept: another one than those beside it."""
    if len(key) < _PLAIN_CHARS and key.isidentifier():
        return key
    kept = judging.text("name", key)
    return kept if kept == key else f"{kept} {list(beside).index(key) + 1}"


def _attribute(name: str, value: Scalar, judging: _Judging) -> Scalar:
    if isinstance(value, bool):
        return value
    said = str(value)
    kept = judging.text("attribute", said, f"{name}: ")
    return value if kept == said else kept
