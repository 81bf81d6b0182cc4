"""Records known by a name, such as a block by its label: written anew under it, each time as a further version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from holdfast.core.codec import decode_content, encode_content
from holdfast.core.secrets import subkey
from holdfast.core.view import View
from holdfast.errors import VersionConflict
from holdfast.model.events import Draft, EventType
from holdfast.model.ids import Id, keyed_id
from holdfast.model.records import Content, Kind

GENERATIONS = 1_000_000
"""How often one name may be forgotten and used again."""
LOOKED_THROUGH = 10_000
"""Generations among which a record of a name is looked for."""


@dataclass(frozen=True, slots=True)
class Write:
    """Hold this content under a name.

    Attributes:
        ids: The id of the record of each generation of the name: a forgotten one is never used again.
        version: Compare and set: the version the caller has seen, 0 for none; None for whatever holds.
    """

    name: str
    ids: Callable[[int], Id]
    content: Content
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a `Write` came to: the record, its version, and whether anything changed."""

    record: Id
    version: int
    is_new: bool


def named_id(secret: bytes, kind: Kind, name: str, number: int) -> Id:
    """The id of the record of one generation of a name in a space."""
    return keyed_id(subkey(secret, "names"), kind.name.lower(), name, str(number))


def next_generation(secret: bytes, kind: Kind, name: str, record: Id) -> Id | None:
    """What a name means when this record of it is forgotten; None where it is not one of this name."""
    for number in range(LOOKED_THROUGH):
        if named_id(secret, kind, name, number) == record:
            return named_id(secret, kind, name, number + 1)
    return None


def generation(view: View, ids: Callable[[int], Id]) -> tuple[Id, int]:
    """The record that a name means now, and its version; 0 where there is none."""
    record = ids(0)
    held = view.find(record)
    if held is not None and held.receipt is not None:
        number = _following(view, ids)
        if number == GENERATIONS:
            raise VersionConflict(
                f"This name was forgotten {GENERATIONS:,} times. Nothing was written; take another name."
            )
        record = ids(number)
        held = view.find(record)
    return record, held.version if held and held.seq else 0


def _following(view: View, ids: Callable[[int], Id]) -> int:
    """The first generation that is not forgotten, by halves: each is used only once all before it are forgotten."""

    def is_forgotten(number: int) -> bool:
        held = view.find(ids(number))
        return held is not None and held.receipt is not None

    first = last = 1
    while last < GENERATIONS and is_forgotten(last):
        first, last = last + 1, 2 * last + 1
    last = min(last, GENERATIONS)
    while first < last:
        middle = (first + last) // 2
        first, last = (middle + 1, last) if is_forgotten(middle) else (first, middle)
    return first


def write(view: View, command: Write, secret: bytes) -> tuple[tuple[Draft, ...], Written]:
    """Decide on a further version of what a name means, or the first; nothing to do where it says the same.

    Raises:
        VersionConflict: another version holds than the caller has seen.
    """
    record, version = generation(view, command.ids)
    if command.version is not None and command.version != version:
        raise VersionConflict(
            f"{command.name!r:.80} is at version {version}, not {command.version}. "
            "Nothing was written; read it again and decide."
        )
    if version == 0:
        draft = Draft(EventType.REMEMBERED, record, 1, encode_content(command.content), content=command.content)
        return (draft,), Written(record, 1, is_new=True)
    held = view.find(record)
    old = decode_content(view.event(held.seq)) if held else None
    # When it was written, and by whom, is no difference.
    if old and replace(command.content, valid_from=old.valid_from, actor=old.actor) == old:
        return (), Written(record, version, is_new=False)
    draft = Draft(EventType.REVISED, record, version + 1, encode_content(command.content), content=command.content)
    return (draft,), Written(record, version + 1, is_new=False)
