"""Kept recalls and expectations as contents and back, whether an answer is as expected, and how two answers differ."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, cast

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.core.filters import filter_from_json
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.asked import Expectation, KeptRecall
from holdfast.model.recollection import Recollection
from holdfast.model.records import Content, Kind, Record

SAME_SCORE = 1e-3
"""Scores that differ by less are the same: the order in which a machine adds is not fixed."""
_MAYBE_TEXT, _MAYBE_NUMBER = (str, type(None)), (int, type(None))
_RECALL = {
    "space": str, "node": str, "now_ms": int, "seq": int, "hits": list, "model": _MAYBE_TEXT, "engine": str,
    "degraded": _MAYBE_TEXT, "limit": int, "budget_tokens": _MAYBE_NUMBER, "where": dict,
    "since_ms": _MAYBE_NUMBER, "until_ms": _MAYBE_NUMBER, "thorough": bool,
}  # fmt: skip
_NEWER = {"min_confidence": (int, float), "altered": bool}
"""Fields of a recall that stand there only where they say something: earlier releases read the others alone."""
_EXPECTATION = {
    "contains": list, "not_contains": list, "memory": _MAYBE_TEXT, "limit": int, "where": dict,
}  # fmt: skip


def recall_content(query: str, at_ms: int, actor: str, **asked: Any) -> Content:
    """A kept recall as what is stored."""
    return Content(kind=Kind.RECALL, text=query, valid_from=at_ms, actor=actor, body=_checked(Kind.RECALL, asked))


def expectation_content(query: str, at_ms: int, actor: str, **asked: Any) -> Content:
    """An expectation as what is stored; it goes with the memory that it names."""
    sources = () if asked["memory"] is None else (asked["memory"],)
    return Content(
        kind=Kind.EXPECTATION, text=query, valid_from=at_ms, actor=actor, body=_checked(Kind.EXPECTATION, asked),
        sources=sources,
    )  # fmt: skip


def read_asked(kind: Kind, asked: str | None) -> Mapping[str, Any]:
    """What belongs to the question of something that is aside.

    Raises:
        InvalidField: it is not what is written there.
    """
    kind_is_recall = kind is Kind.RECALL
    shape = _RECALL if kind_is_recall else _EXPECTATION
    values = body_fields(kind.name.lower(), asked)
    known = {**shape, **{name: kind for name, kind in _NEWER.items() if kind_is_recall and name in values}}
    if set(values) != set(known) or not all(isinstance(values[name], known[name]) for name in known):
        raise InvalidField(f"What belongs to the {kind.name.lower()} has other fields than {', '.join(shape)}.")
    hits = values.get("hits", [])
    if not all(isinstance(hit, list) and list(map(type, cast("list[Any]", hit))) == [str, float] for hit in hits):
        raise InvalidField("The hits of the recall are not pairs of an id and a score.")
    if not all(isinstance(one, str) for name in ("contains", "not_contains") for one in values.get(name, [])):
        raise InvalidField("What the expectation looks for is not a list of texts.")
    border.check_count(values["limit"], "limit", limits.LIMIT_HITS)
    border.check_unit(values.get("min_confidence", 0.0), "least confidence")
    filter_from_json(values["where"])
    return values


def kept_recall(record: Record) -> KeptRecall:
    """A kept recall from its record.

    Raises:
        InvalidField.
    """
    values = dict(read_asked(record.kind, record.body))
    values["hits"] = tuple((one, score) for one, score in values["hits"])
    return KeptRecall(id=record.id, query=record.text, at_ms=record.valid_from, **values)


def expectation(record: Record) -> Expectation:
    """An expectation from its record.

    Raises:
        InvalidField.
    """
    values = dict(read_asked(record.kind, record.body))
    for name in ("contains", "not_contains"):
        values[name] = tuple(values[name])
    return Expectation(id=record.id, query=record.text, **values)


def expected_texts(record: Record) -> tuple[str, ...]:
    """The texts that an expectation looks for; none for anything else, or where they cannot be read."""
    if record.kind is not Kind.EXPECTATION:
        return ()
    try:
        values = read_asked(record.kind, record.body)
    except InvalidField:
        return ()
    return (*values["contains"], *values["not_contains"])


def problems(expected: Expectation, found: Recollection) -> tuple[str, ...]:
    """What of an answer is not as expected, in words."""
    entries = [_folded(hit.record.entry) for hit in found]
    said = [
        f"nothing that was returned contains {text!r}"
        for text in expected.contains
        if not any(_folded(text) in entry for entry in entries)
    ]
    for text in expected.not_contains:
        places = [place for place, entry in enumerate(entries, 1) if _folded(text) in entry]
        said += [f"hit {place} contains {text!r}" for place in places[:1]]
    if expected.memory is not None and all(hit.id != expected.memory for hit in found):
        said.append(f"memory {expected.memory} was not returned")
    return tuple(said)


def differences(
    then: Sequence[tuple[str, float]], now: Sequence[tuple[str, float]], forgotten: frozenset[str]
) -> tuple[str, ...]:
    """How two answers to one question differ, in words."""
    before, after = dict(then), dict(now)
    said = list[str]()
    for place, (one, _) in enumerate(then, 1):
        if one not in after:
            why = "was forgotten since" if one in forgotten else "is not returned any more"
            said.append(f"hit {place}, {one}, {why}")
    said += [f"{one} is returned at place {place}" for place, (one, _) in enumerate(now, 1) if one not in before]
    kept, still = [one for one, _ in then if one in after], [one for one, _ in now if one in before]
    if kept != still:
        said.append("what is returned both times comes in another order")
    moved = [one for one in kept if abs(before[one] - after[one]) > SAME_SCORE]
    if moved:
        most = max(abs(before[one] - after[one]) for one in moved)
        said.append(f"{len(moved)} of {len(kept)} scores differ, by {most:.3f} at most")
    return tuple(said)


def _checked(kind: Kind, asked: Mapping[str, Any]) -> str:
    written = canonical(asked).decode()
    read_asked(kind, written)
    return written


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
