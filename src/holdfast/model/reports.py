"""What Holdfast says about a space and about what it did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.model.records import Record, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One thing that was said, for `Session.add_many` and importers.

    Attributes:
        speaker: ``user``, ``assistant``, ``system`` or ``tool``, or a participant's name.
        when_ms: When it was said, milliseconds since the epoch; None means now.
        author: A name for the speaker, where ``speaker`` is a role.
        key: Idempotency key; the same key again writes nothing.
    """

    speaker: str
    text: str
    when_ms: int | None = None
    author: str | None = None
    session: str | None = None
    caption: str | None = None
    source: str | None = None
    key: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Scalar] | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event in the life of a memory.

    Attributes:
        what: remembered, revised, superseded or forgotten.
        at_ms: When, milliseconds since the epoch.
        version: The memory's version after it.
        record: What it said then; None where that was erased or the event has no content.
        other: The memory that superseded it, or the receipt that erased it.
    """

    what: str
    at_ms: int
    version: int
    record: Record | None
    other: str | None
    seq: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts and sizes of a space.

    Attributes:
        live, superseded, forgotten: Memories by state.
        by_kind, by_category, by_author: Live memories.
        sessions: Distinct sessions of live turns.
        oldest_ms, newest_ms: When the first and the last live memory was said or became true.
        events: Length of the journal.
        pending: Live memories without a vector.
        model: Fingerprint of the embedding model the space is bound to.
        size_bytes: All files of the space.
    """

    space: str
    live: int
    superseded: int
    forgotten: int
    by_kind: Mapping[str, int]
    by_category: Mapping[str, int]
    by_author: Mapping[str, int]
    sessions: int
    oldest_ms: int | None
    newest_ms: int | None
    events: int
    pending: int
    model: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line an import did not take, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        added: New memories.
        unchanged: Entries that were there already.
        forgotten: Entries left out because they were forgotten here.
        skipped: Lines that could not be taken, where the caller asked to go on.
        questions: Questions found beside the conversations; they are not stored.
    """

    added: int
    unchanged: int
    forgotten: int
    skipped: tuple[SkippedLine, ...] = ()
    questions: tuple[Mapping[str, object], ...] = ()
