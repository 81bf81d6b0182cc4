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

GENERATIONS = 1_000
"""How often one name may be forgotten and used again."""


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
    ids = [named_id(secret, kind, name, number) for number in range(GENERATIONS)]
    return ids[ids.index(record) + 1] if record in ids[:-1] else None


def generation(view: View, ids: Callable[[int], Id]) -> tuple[Id, int]:
    """The record that a name means now, and its version; 0 where there is none."""
    for number in range(GENERATIONS):
        record = ids(number)
        held = view.find(record)
        if held is None or held.receipt is None:
            return record, held.version if held and held.seq else 0
    raise VersionConflict(f"This name was forgotten {GENERATIONS:,} times. Nothing was written; take another name.")


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
