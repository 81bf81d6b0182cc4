"""What Holdfast says about a space and about what it did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
        reason: Why it was written, in the caller's words, where a correction gave it.
    """

    what: str
    at_ms: int
    version: int
    record: Record | None
    other: str | None
    seq: int
    reason: str | None = None


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
        quarantined: Memories that are kept apart; not among the live ones.
        expired: Memories whose time is up; `Admission.audit` forgets them.
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
    quarantined: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something an import left out, and why, in words for a person.

    Attributes:
        place: Where it stands: a file, a line, a conversation, a document.
        line: The number of the line, where it is one of Holdfast's own formats.
        intended: It is of a sort that is never taken, counted in ``why``; nothing is wrong.
    """

    place: str
    why: str
    line: int | None = None
    intended: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with ``dry_run`` what it would do.

    Attributes:
        added: New memories.
        unchanged: Entries that were there already.
        forgotten: Entries left out because they were forgotten here.
        skipped: What could not be taken, what differs from what was imported before, and what is
            never taken.
        questions: Questions found beside the conversations; they are not stored.
        verdicts: How many of the new memories a policy let be kept otherwise than as said: redacted, quarantined.
        removed: Facts forgotten because they are gone at their source, with what was derived from them.
        format: What was read: ``conversation``, ``records``, both with ``+`` between, or an importer's name.
    """

    added: int
    unchanged: int
    forgotten: int
    skipped: tuple[Skipped, ...] = ()
    questions: tuple[Mapping[str, object], ...] = ()
    removed: int = 0
    format: str = ""
    dry_run: bool = False
    verdicts: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Audited:
    """What a policy decides about one memory that is held.

    Attributes:
        verdict: stored (with other marks or another lifetime), redacted, quarantined, refused or expired.
        replaced_by: Id of the memory that holds what was kept, where the verdict is redacted; None in a dry run.
    """

    id: str
    verdict: str
    reasons: tuple[str, ...]
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a policy changes of what is held.

    Attributes:
        examined: Memories that were looked at: live, superseded and quarantined ones.
        verdicts: How many of them change, by verdict.
        changes: Those memories, in order of arrival.
        receipts: Ids of the receipts of what was forgotten.
        dry_run: Nothing was changed.
    """

    examined: int
    verdicts: Mapping[str, int]
    changes: tuple[Audited, ...]
    receipts: tuple[str, ...]
    dry_run: bool
