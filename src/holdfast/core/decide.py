"""Every decision about a space: read a view, judge a command, yield the events it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.core import receipts
from holdfast.core.codec import canonical, decode_content, encode_content
from holdfast.core.erasing import barring, erasable, fallen, reach, sparing, unneeded
from holdfast.core.secrets import admission_digest, normalised, text_digest
from holdfast.core.view import View
from holdfast.errors import (
    Damaged,
    Gone,
    InvalidField,
    InvalidText,
    KeyReused,
    ModelMismatch,
    NotFound,
    Rejected,
    VersionConflict,
)
from holdfast.model.events import BarReason, Draft, EventType
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin
from holdfast.model.verdict import Verdict

NO_RECORD = Id(bytes(16))
"""The id of events that are about the space and no memory."""


@dataclass(frozen=True, slots=True)
class Take:
    """Take in a new memory.

    Attributes:
        keyed: The id follows from an idempotency key, so the memory may be there already.
        readmit: Take it in although its text was forgotten or rejected.
        said: What the caller said, where the policy let something else be kept; never stored.
        verdict, reasons: What the policy decided, where there is one.
    """

    content: Content
    record: Id
    keyed: bool = False
    readmit: bool = False
    said: Content | None = None
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a `Take`: the memory's id, and whether it is new."""

    record: Id
    is_new: bool


def take(view: View, command: Take, secret: bytes) -> tuple[tuple[Draft, ...], Taken]:
    """Decide on a new memory.

    Raises:
        Gone: it was forgotten, under this key or in these words.
        Rejected: these words were corrected.
        KeyReused: the key came with other arguments before.
    """
    content = command.content
    if command.keyed:
        held = view.find(command.record)
        if held and held.receipt:
            raise Gone(
                f"The memory made with this key was forgotten (receipt {id_text(held.receipt)}). "
                "Nothing was written; use another key if it is to be remembered again."
            )
        if held and held.seq:
            _same_arguments(view, held, command)
            return (), Taken(command.record, is_new=False)
    draft = Draft(EventType.REMEMBERED, command.record, 1, encode_content(content), content=content)
    if not view.has_bars():  # in most spaces nothing is; a digest costs a tenth of taking something in
        return (draft,), Taken(command.record, is_new=True)
    digest = admission_digest(secret, content)
    reason = view.bar(digest)
    if reason and not command.readmit:
        raise _barred(reason)
    return (*((_readmitted(digest),) if reason else ()), draft), Taken(command.record, is_new=True)


@dataclass(frozen=True, slots=True)
class Correct:
    """Replace what a memory says.

    Attributes:
        version: The version the caller has seen, or None to correct whatever holds.
        replacement: Id of the memory that will hold.
        admit: Gives what a policy lets be kept of the memory that will hold.
    """

    record: Id
    text: str
    replacement: Id
    valid_from: int
    actor: str
    origin: Origin = Origin.USER
    version: int | None = None
    reason: str | None = None
    admit: Callable[[Content], Content] = field(default=lambda content: content)


def correct(view: View, command: Correct, secret: bytes) -> tuple[tuple[Draft, ...], Id]:
    """Supersede a memory by a fact that says what is right, and bar the rejected words.

    A turn stays in its session as it was said; only recall no longer returns it.

    Raises:
        NotFound, Gone, VersionConflict, InvalidText, Refused.
    """
    held = _held(view, command.record)
    if held.closed_by:
        raise VersionConflict(
            f"Memory {id_text(held.id)} was already superseded by {id_text(held.closed_by)}. "
            "Nothing was written; correct that one instead."
        )
    _expect_version(held, command.version)
    old = _content_of(view, held)
    if old.kind.is_aside:
        raise InvalidField(
            f"{id_text(held.id)} is of the kind {old.kind.name.lower()}, not a memory that could be wrong. "
            "Nothing was written; forget it, and add it anew."
        )
    corrected = replace(
        old if old.kind is Kind.FACT else _fact_about(old),
        text=command.text,
        origin=command.origin,
        trust=min(old.trust, TRUST_OF_ORIGIN[command.origin]),
        actor=command.actor,
        valid_from=command.valid_from,
        valid_to=None,
        object=None,
        arguments=None,
        marks=(),
        replaces=None,
    )
    new = command.admit(corrected)
    if normalised(old.text) == normalised(new.text):
        raise InvalidText("The correction says the same as what it corrects. Nothing was written.")
    digest = text_digest(secret, new.text)
    reason = view.bar(digest)
    if reason is BarReason.FORGOTTEN:
        raise Gone(
            "The words of this correction were forgotten and stay forgotten. Nothing was written; "
            "say it in other words, or remember them with readmit=True first."
        )
    # The reason is the caller's words, so it goes where it is erased; what closes holds a digest only.
    beside = {"because": command.reason} if command.reason else {}
    closing = canonical({"rejected": text_digest(secret, old.text).hex()})
    return (
        *((_readmitted(digest),) if reason else ()),
        Draft(EventType.REMEMBERED, command.replacement, 1, encode_content(new, **beside)),
        Draft(EventType.SUPERSEDED, command.record, held.version, closing, command.replacement),
    ), command.replacement


def close(view: View, record: Id, by: Id, secret: bytes) -> tuple[Draft, ...]:
    """Supersede a memory by one that is here already; nothing to do where it is superseded or gone."""
    held = view.find(record)
    if held is None or not held.live:
        return ()
    closing = canonical({"rejected": text_digest(secret, _content_of(view, held).text).hex()})
    return (Draft(EventType.SUPERSEDED, record, held.version, closing, by),)


@dataclass(frozen=True, slots=True)
class Revise:
    """Change what is noted about a memory, not what it says.

    Attributes:
        changes: Fields of `Content` with their new values.
    """

    record: Id
    changes: Mapping[str, Any]
    actor: str
    version: int | None = None


def revise(view: View, command: Revise, secret: bytes) -> tuple[tuple[Draft, ...], int]:
    """Write a further version of a memory under the same id; gives its version.

    Raises:
        NotFound, Gone, VersionConflict.
    """
    held = _held(view, command.record)
    _expect_version(held, command.version)
    content = replace(_content_of(view, held), **command.changes, actor=command.actor)
    version = held.version + 1
    return (Draft(EventType.REVISED, command.record, version, encode_content(content)),), version


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase memories and everything derived from them.

    Attributes:
        bars: The words must not come back. False where nobody asked for that: they are gone at their source.
        spares: Those that something else held is derived from stay, with what they are derived from. So does what
            another node derived from them meanwhile: nobody asked that it go.
        made: By the event with its words, what `barring` gives for a memory, where it was made before.
        pause: Called between two pieces of the work, which may be long.
        first: Gives what is written before it in the same transaction; where it raises, nothing is erased.
    """

    records: Sequence[Id]
    receipt: Id
    actor: str
    reason: str | None = None
    bars: bool = True
    spares: bool = False
    made: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    pause: Callable[[], None] = lambda: None
    first: Callable[[View, bytes], Sequence[Draft]] | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a forget erases.

    Attributes:
        asked: The memories named by the caller that were still held.
        derived: Those that fell with them because they were derived from them.
        already: Those named that had been forgotten before.
    """

    asked: tuple[Id, ...]
    derived: tuple[Id, ...]
    already: tuple[Id, ...]


def forget(view: View, command: Forget, secret: bytes) -> tuple[tuple[Draft, ...], Forgotten]:
    """Decide what a forget erases: the named memories and, to any depth, those derived from them.

    The last event is the receipt; where nothing is left to erase there is none.

    Raises:
        NotFound: one of the ids is unknown; then nothing is forgotten.
    """
    records = unneeded(view, command.records, command.pause) if command.spares else command.records
    going, already = reach(view, records, command.pause, spares=command.spares)
    asked = dict.fromkeys(record for record in records if record in going)
    derived = tuple(record for record in going if record not in asked)
    if not going:
        return (), Forgotten((), (), tuple(already))
    drafts = tuple(_tombstones(view, going, command, secret))
    surfaces = erasable(view, list(going), command.pause)
    recorded = receipts.body(
        actor=command.actor,
        reason=command.reason,
        forgotten=list(map(id_text, asked)),
        derived=list(map(id_text, derived)),
        already=list(map(id_text, already)),
        payloads=surfaces["payloads"],
        vectors=surfaces["vectors"],
        surfaces=surfaces,
    )
    receipt = Draft(EventType.RECEIPT, NO_RECORD, 0, recorded, command.receipt)
    return (*drafts, receipt), Forgotten(tuple(asked), derived, tuple(already))


def forget_orphans(view: View, receipt: Id, actor: str, secret: bytes) -> tuple[tuple[Draft, ...], Forgotten]:
    """Decide to forget what another node derived from memories that were forgotten here, or the other way round."""
    records = tuple(fallen(view))
    command = Forget(records, receipt, actor, reason=receipts.FELL)
    return forget(view, command, secret) if records else ((), Forgotten((), (), ()))


def set_model(view: View, fingerprint: str, dimensions: int) -> tuple[Draft, ...]:
    """Bind the space to an embedding model; nothing to do where it is bound to that one already.

    Raises:
        ModelMismatch: it is bound to another.
    """
    bound = view.model()
    if bound is None:
        payload = canonical({"fingerprint": fingerprint, "dimensions": dimensions})
        return (Draft(EventType.MODEL_SET, NO_RECORD, 0, payload),)
    expect_model(bound.fingerprint, fingerprint)
    return ()


def expect_model(bound: str, given: str) -> None:
    """Raise `ModelMismatch` unless the two fingerprints are equal."""
    if bound != given:
        raise ModelMismatch(
            f"This space holds vectors of the model {bound!r}, but {given!r} was given; vectors of two models "
            "cannot be compared. Nothing was written. Open it with the model it was made with, or without one."
        )


def _held(view: View, record: Id) -> Holding:
    held = view.find(record)
    if held is None or (held.seq == 0 and held.receipt is None):
        raise NotFound(f"There is no memory {id_text(record)} in this space. Nothing was written.")
    if held.receipt:
        raise Gone(f"Memory {id_text(record)} was forgotten (receipt {id_text(held.receipt)}). Nothing was written.")
    return held


def _expect_version(held: Holding, version: int | None) -> None:
    if version is not None and version != held.version:
        raise VersionConflict(
            f"Memory {id_text(held.id)} is at version {held.version}, not {version}. "
            "Nothing was written; read it again and decide."
        )


def _content_of(view: View, held: Holding) -> Content:
    content = decode_content(view.event(held.seq))
    if content is None:
        raise Damaged(f"Memory {id_text(held.id)} has lost its text. Run `holdfast check`.")
    return content


def _same_arguments(view: View, held: Holding, command: Take) -> None:
    arguments = _content_of(view, held).arguments
    if arguments != command.content.arguments and not (command.said and command.said.arguments == arguments):
        raise key_reused(held.id)


def key_reused(record: Id) -> KeyReused:
    """The error for a key that came with another body."""
    return KeyReused(
        f"This key already made memory {id_text(record)} from other arguments. "
        "Nothing was written; use a new key for a new memory, or correct() to change that one."
    )


def _fact_about(turn: Content) -> Content:
    """The frame of a fact that corrects a turn: about whoever spoke, outside the session."""
    return Content(
        kind=Kind.FACT,
        text=turn.text,
        valid_from=turn.valid_from,
        subject=turn.author,
        tags=turn.tags,
        attributes=turn.attributes,
        source=turn.source,
        importance=turn.importance,
        trust=turn.trust,
        quarantined=turn.quarantined,
        expires_at=turn.expires_at,
    )


def _tombstones(view: View, going: Mapping[Id, Holding], command: Forget, secret: bytes) -> Iterator[Draft]:
    made = dict(command.made) if command.bars else {}
    left = [held.n for held in going.values() if (command.bars or command.spares) and held.seq not in made]
    for held, event in view.current(left).values():
        made[held.seq] = barring(event, secret) if command.bars else sparing(event)
    none = canonical({"bars": []})
    for held in going.values():
        command.pause()
        payload = made.get(held.seq, none)
        yield Draft(EventType.FORGOTTEN, held.id, held.version, payload, command.receipt)


def _readmitted(digest: bytes) -> Draft:
    """An event of its own, since what it says holds on when the memory it came with is erased."""
    return Draft(EventType.READMITTED, NO_RECORD, 0, canonical({"readmits": digest.hex()}))


def _barred(reason: BarReason) -> Gone | Rejected:
    if reason is BarReason.FORGOTTEN:
        return Gone(
            "These words were forgotten and stay forgotten. Nothing was written; pass readmit=True "
            "if they are to be remembered again."
        )
    return Rejected(
        "These words were corrected and do not come back by themselves. Nothing was written; pass readmit=True "
        "if they have become true again."
    )
