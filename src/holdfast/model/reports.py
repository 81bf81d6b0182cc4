"""What Holdfast says about a space and about what it did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.model.records import Scalar


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
        corrected: Memories whose words were changed on the page they were exported to, and blocks, intentions and
            sessions of which a later state came.
        forget_pending: Why bytes of what this forgot may still be on disk, in words; None when they were
            overwritten. See `ForgetReceipt.pending`.
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
    corrected: int = 0
    forget_pending: str | None = None


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


@dataclass(frozen=True, slots=True)
class MendReport:
    """What mending a space did.

    Attributes:
        problems: What was wrong.
        done: What was made again, all of it in one transaction; empty where nothing was changed.
        left: What is still wrong; empty when all is well.
        advice: What to do about that.
    """

    problems: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    advice: str | None = None
