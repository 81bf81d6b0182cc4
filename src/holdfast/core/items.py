"""Items as contents and back, and what a change of one writes.

An item is a record aside that is known by its namespace and key. What it is found by stands in facts of their own, one
a text: they are recalled as any other. Item and facts are derived from each other, so that none is forgotten alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final, cast

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical, decode_content, encode_content
from holdfast.core.decide import Take, take
from holdfast.core.naming import generation
from holdfast.core.secrets import subkey
from holdfast.core.sessions import check_ttl
from holdfast.core.view import View
from holdfast.errors import Damaged, InvalidField
from holdfast.model import limits
from holdfast.model.events import Draft, EventType
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text, keyed_id, parse_id
from holdfast.model.items import Item, ItemChange
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record, Scalar

DEPTH: Final = 32
"""Labels of a namespace."""
NAMESPACE_CHARS: Final = 450
"""Characters of a namespace, written as JSON."""
TEXTS: Final = 100
"""Texts that one item is found by."""
ATTRIBUTE: Final = "item"
"""The attribute of a fact that names the item it belongs to."""
RENEWED_SHARE: Final = 20
"""A reading makes the rest of a lifetime longer once a twentieth of it has passed: fewer writes, and as good."""
_FIELDS: Final = frozenset({"namespace", "key", "value", "created_ms", "ttl_s"})


@dataclass(frozen=True, slots=True)
class ItemBody:
    """What an item's record holds beside its text."""

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    created_ms: int
    ttl_s: float | None

    @property
    def name(self) -> str:
        return item_name(self.namespace, self.key)

    def written(self) -> str:
        fields = {
            "namespace": list(self.namespace), "key": self.key, "value": self.value, "created_ms": self.created_ms,
            "ttl_s": self.ttl_s,
        }  # fmt: skip
        return canonical(fields).decode()


@dataclass(frozen=True, slots=True)
class Putting:
    """What is to be held under a name, as a policy let it be kept.

    Attributes:
        content: The item, without what it is derived from.
        facts: What it is found by, likewise.
    """

    body: ItemBody
    content: Content
    facts: tuple[Content, ...]


def check_namespace(value: object, *, what: str = "namespace") -> tuple[str, ...]:
    """The labels of a namespace, none for the outermost.

    Raises:
        InvalidField.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidField(
            f"The {what} is {value!r:.80}; expected labels such as ('users', 'ada'). Nothing was written."
        )
    labels = tuple(cast("Sequence[object]", value))
    for label in labels:
        if not isinstance(label, str) or not label or not _is_utf8(label):
            raise InvalidField(f"The {what} {value!r:.80} has {label!r:.60}; expected texts. Nothing was written.")
    found = cast("tuple[str, ...]", labels)
    if len(found) > DEPTH or len(namespace_label(found)) > NAMESPACE_CHARS:
        raise InvalidField(
            f"The {what} {value!r:.80} is too long; at most {DEPTH} labels are taken, of {NAMESPACE_CHARS} characters "
            "in all. Nothing was written."
        )
    return found


def check_key(value: object) -> str:
    """A key, which may be empty.

    Raises:
        InvalidField.
    """
    if not isinstance(value, str) or len(value) > limits.LABEL_CHARS or not _is_utf8(value):
        raise InvalidField(
            f"The key is {value!r:.80}; expected a text of up to {limits.LABEL_CHARS} characters. Nothing was written."
        )
    return value


def namespace_label(namespace: Sequence[str]) -> str:
    """A namespace as one text, in characters that any label may have."""
    return json.dumps(list(namespace), separators=(",", ":"))


def item_name(namespace: Sequence[str], key: str) -> str:
    """What an item is known by."""
    return json.dumps([list(namespace), key], separators=(",", ":"))


def item_tag(prefix: Sequence[str]) -> str:
    """The tag of the facts of every item under a prefix."""
    return f"item {namespace_label(prefix)}"


def tags_of(namespace: Sequence[str]) -> tuple[str, ...]:
    """The tags of the facts of an item: of its namespace and of each prefix of it."""
    return tuple(item_tag(namespace[:depth]) for depth in range(len(namespace) + 1))


def putting(change: ItemChange, now_ms: int, actor: str) -> tuple[ItemBody, Content, tuple[Content, ...]]:
    """What a change asks to be held, checked: the item, as a policy may judge it, and what it is found by.

    Raises:
        InvalidField, InvalidText.
    """
    namespace, key = check_namespace(change.namespace), check_key(change.key)
    value = _checked_value(change.value)
    ttl_s = None if change.ttl_s is None else check_ttl(change.ttl_s, "ttl_s")
    expires = None if ttl_s is None else now_ms + max(1, round(ttl_s * 1_000))
    body = ItemBody(namespace, key, value, now_ms, ttl_s)
    common: dict[str, Any] = {
        "valid_from": now_ms, "origin": Origin.AGENT, "trust": TRUST_OF_ORIGIN[Origin.AGENT], "actor": actor,
        "expires_at": expires,
    }  # fmt: skip
    border.check_text(body.written(), "value as JSON")
    # Without the names by which it is found: a policy judges what is said.
    content = Content(kind=Kind.ITEM, text="-", body=canonical({"value": value}).decode(), **common)
    facts = tuple(Content(kind=Kind.FACT, text=one, **common) for one in _texts(change, value))
    return body, content, facts


def _texts(change: ItemChange, value: Mapping[str, Any]) -> list[str]:
    if change.texts is None:
        return [json.dumps(value, ensure_ascii=False, sort_keys=True)] if value else []
    if isinstance(change.texts, str):
        raise InvalidField(f"The texts are {change.texts!r:.80}; expected a list of them. Nothing was written.")
    texts = list(dict.fromkeys(text for text in _any(change.texts) if not isinstance(text, str) or text.strip()))
    if len(texts) > TEXTS:
        raise InvalidField(
            f"The item {change.key!r:.80} would be found by {len(texts):,} texts; at most {TEXTS} are taken. Nothing "
            "was written; index fewer fields."
        )
    return [border.check_text(text, "text that the item is found by") for text in texts]


def _any(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _checked_value(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidField(f"The value is {value!r:.80}; expected a mapping, such as a dict. Nothing was written.")
    found = dict(cast("Mapping[str, Any]", value))
    _check_keys(found)
    try:
        return json.loads(canonical(found))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidField(f"The value is no JSON ({error}). Nothing was written.") from None


def _check_keys(value: object, depth: int = 0) -> None:
    """Refuse names that are no text: JSON would make texts of them, and two might become one."""
    if depth > 100:
        raise InvalidField("The value is nested more than 100 deep. Nothing was written.")
    if isinstance(value, dict):
        for name, one in cast("dict[object, object]", value).items():
            if not isinstance(name, str):
                raise InvalidField(f"The value has a field named {name!r:.60}; expected a text. Nothing was written.")
            _check_keys(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in cast("Sequence[object]", value):
            _check_keys(one, depth + 1)


def admitted(body: ItemBody, content: Content, facts: Sequence[Content]) -> Putting:
    """The same with the names by which it is found, which stay as they are whatever a policy made of the rest."""
    kept = replace(body, value=json.loads(content.body or "{}")["value"])
    tags = tags_of(body.namespace)
    by_text = {fact.text: fact for fact in facts}  # what was redacted may say the same
    marked = tuple(replace(fact, tags=tags, attributes={ATTRIBUTE: body.name}) for fact in by_text.values())
    text = f"{namespace_label(body.namespace)} {json.dumps(body.key)}"
    return Putting(kept, replace(content, text=text, body=kept.written()), marked)


def read_item(body: str | None) -> ItemBody:
    """What an item's record holds beside its text.

    Raises:
        InvalidInput: it is not what is written there.
    """
    values = body_fields("item", body)
    if values.keys() != _FIELDS:
        raise InvalidField(f"What belongs to the item has other fields than {', '.join(sorted(_FIELDS))}.")
    namespace, key, value = (
        check_namespace(values["namespace"]),
        check_key(values["key"]),
        _checked_value(values["value"]),
    )
    if border.check_moment(values["created_ms"]) is None:
        raise InvalidField("The item does not say when it was made.")
    ttl_s = None if values["ttl_s"] is None else check_ttl(values["ttl_s"], "ttl_s")
    return ItemBody(namespace, key, value, values["created_ms"], ttl_s)


def item_of(record: Record) -> Item:
    """An item from its record."""
    values = json.loads(record.body or "{}")  # what is here was checked when it came
    return Item(
        namespace=tuple(values["namespace"]), key=values["key"], value=values["value"],
        created_ms=values["created_ms"], updated_ms=record.valid_from, id=record.id, version=record.version,
        ttl_s=values["ttl_s"], expires_ms=record.expires_at,
    )  # fmt: skip


def named_in(attributes: Mapping[str, Scalar]) -> tuple[tuple[str, ...], str] | None:
    """The namespace and key of the item that a fact with these attributes belongs to."""
    said = attributes.get(ATTRIBUTE)
    if not isinstance(said, str):
        return None
    try:
        namespace, key = json.loads(said)
        return check_namespace(namespace), check_key(key)
    except (ValueError, TypeError, InvalidField):
        return None  # somebody else's attribute


def put_drafts(view: View, asked: Putting, ids: Callable[[int], Id], secret: bytes) -> list[Draft]:
    """Decide on what a value under a name writes; nothing where the same is held already, for good.

    Raises:
        Gone, Rejected: words that it would be found by were forgotten or corrected.
        Damaged: what is held there cannot be read.
    """
    record, version = generation(view, ids)
    held = view.find(record) if version else None
    old = _content(view, held) if held else None
    facts, used = _fact_drafts(view, asked, record, old, secret)
    created = asked.body.created_ms if old is None else int(json.loads(old.body or "{}")["created_ms"])
    body = replace(asked.body, created_ms=created).written()
    content = replace(asked.content, body=body, sources=tuple(map(id_text, used)))
    if old is not None and not facts and replace(content, valid_from=old.valid_from, actor=old.actor) == old:
        return []
    kind = EventType.REMEMBERED if old is None else EventType.REVISED
    return [*facts, Draft(kind, record, version + 1, encode_content(content), content=content)]


def facts_of(view: View, record: Id, old: Content | None) -> list[Holding]:
    """The facts that an item is found by and that hold, oldest first."""
    found = {one.id: one for one in view.derived_from([record])} if old else {}
    found |= view.find_all([parse_id(one) for one in old.sources]) if old else {}
    return sorted((one for one in found.values() if one.live), key=lambda one: one.n)


def found_by(view: View, record: Id) -> list[Id]:
    """The facts that an item is found by, also where they came from elsewhere and name another record of it."""
    held = view.find(record)
    item = _content(view, held) if held and held.live else None
    if item is None:
        return []
    name = read_item(item.body).name
    found = ((one.id, _content(view, one)) for one in facts_of(view, record, item))
    return [one for one, fact in found if fact.attributes.get(ATTRIBUTE) == name]


def _fact_drafts(
    view: View, asked: Putting, record: Id, old: Content | None, secret: bytes
) -> tuple[list[Draft], list[Id]]:
    """What makes the facts of an item those that are asked for; and their ids.

    A fact stays under its id when its words change, so that all it ever said goes when it is forgotten.
    """
    name = {ATTRIBUTE: asked.body.name}
    held = {one.id: (one, _content(view, one)) for one in facts_of(view, record, old)}
    mine = {one: (at, said) for one, (at, said) in held.items() if said.attributes == name and said.kind is Kind.FACT}
    by_text = {said.text: one for one, (_, said) in mine.items()}
    kept = {by_text[fact.text] for fact in asked.facts if fact.text in by_text}
    free = [one for one in mine if one not in kept]
    fresh = _fresh(view, record, secret)
    drafts, used = list[Draft](), list[Id]()
    for fact in asked.facts:
        content = replace(fact, sources=(id_text(record),))
        one = by_text.get(fact.text) or (free.pop(0) if free else None)
        if one is None:
            one = next(fresh)
            drafts += take(view, Take(content, one), secret)[0]
        else:
            at, said = mine[one]
            if said.text != content.text:
                take(view, Take(content, one), secret)  # raises where its words are to stay away
            else:
                content = replace(content, valid_from=said.valid_from, actor=said.actor)
            if content != said:
                drafts.append(Draft(EventType.REVISED, one, at.version + 1, encode_content(content), content=content))
        used.append(one)
    # It is found by fewer words than before: the others no longer hold, and nothing is said against them.
    for one in free:
        drafts.append(Draft(EventType.SUPERSEDED, one, mine[one][0].version, canonical({}), record))
    return drafts, used


def _fresh(view: View, record: Id, secret: bytes) -> Iterator[Id]:
    """Ids for facts that are new: the same on every node, so that what two nodes put under one key becomes one."""
    for number in count():
        one = keyed_id(subkey(secret, "names"), "text of an item", record.hex(), str(number))
        if view.find(one) is None:
            yield one


def _content(view: View, held: Holding) -> Content:
    content = decode_content(view.event(held.seq)) if held.seq else None
    if content is None:
        raise Damaged(f"Memory {id_text(held.id)} has lost its text. Run `holdfast check`.")
    return content


def renewed(ttl_s: float | None, expires_ms: int | None, now_ms: int) -> int | None:
    """Until when an item is to be held after a reading; None where that changes too little to be written."""
    if ttl_s is None or expires_ms is None or expires_ms <= now_ms:
        return None
    until = now_ms + max(1, round(ttl_s * 1_000))
    return until if until - expires_ms >= ttl_s * 1_000 / RENEWED_SHARE else None


def is_over(view: View, record: Id, now_ms: int) -> bool:
    """Whether the time of an item is up, or it is not held at all."""
    held = view.find(record)
    if held is None or not held.live:
        return True
    expires_ms = _content(view, held).expires_at
    return expires_ms is not None and expires_ms <= now_ms


def renew_drafts(view: View, record: Id, now_ms: int) -> list[Draft]:
    """What holds an item, and what it is found by, for its whole lifetime from now on."""
    held = view.find(record)
    if held is None or not held.live:
        return []
    content = _content(view, held)
    until = renewed(read_item(content.body).ttl_s, content.expires_at, now_ms)
    if until is None:
        return []
    found = [(held, content), *((one, _content(view, one)) for one in facts_of(view, record, content))]
    drafts = list[Draft]()
    for one, said in found:
        if said.expires_at is not None:
            longer = replace(said, expires_at=until)
            drafts.append(Draft(EventType.REVISED, one.id, one.version + 1, encode_content(longer), content=longer))
    return drafts


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
