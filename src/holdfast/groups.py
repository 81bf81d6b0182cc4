"""Verbs of a `Memory` that belong together, under one name each, such as ``memory.storage``."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import InvalidField
from holdfast.model.filters import Where
from holdfast.model.policy import Policy
from holdfast.model.recollection import Recollection
from holdfast.model.records import Record
from holdfast.model.reports import AuditReport, ImportReport, MendReport
from holdfast.model.times import When
from holdfast.space import Space

if TYPE_CHECKING:
    from holdfast.adapters.keyring import Keyring
    from holdfast.model.asked import Expectation, KeptRecall, Outcome, Replay
    from holdfast.model.encryption import Encryption
    from holdfast.model.explanation import Explanation
    from holdfast.model.moving import BackupReport, MarkdownReport
    from holdfast.model.snapshots import CompactReport, PruneReport, SnapshotReport


class Admission:
    """What may be kept in a space: see `holdfast.Policy`."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def audit(self, policy: Policy | None = None, *, dry_run: bool = True) -> AuditReport:
        """Apply a policy, or the one given at `open`, to what is held; forget what was kept for a while and is due.

        A dry run only says what would change. What is redacted is erased, and held as a new memory.
        """
        return self._space.auditing.audit(policy, dry_run=dry_run)

    def release(self, id: str, *, reason: str | None = None) -> Record:  # noqa: A002
        """Let a memory out of quarantine, into recall; `InvalidField` where it is in none."""
        self._space.auditing.release(id, reason)
        return self._space.inspecting.get(id)


class Storage:
    """What a space is kept in."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def rebuild(self) -> str:
        """Make everything that follows from the journal again; gives the digest of the result."""
        return self._space.inspecting.rebuild()

    def mend(self) -> MendReport:
        """Run `Memory.check`, and make again from the journal what is damaged and follows from it.

        That is: rows of memories, what they are searched by, vectors, SQLite's indexes. Headers, payloads and chains
        of the journal are never changed: a backup has what was in them. It is one transaction, which is undone where
        the journal would not be the same afterwards, to the byte, or the file worse than before.

        Vectors that were dropped are made again as those of new memories are.

        Raises:
            StoreReadOnly, StoreFull, StoreBusy, StoreError: nothing was changed.
        """
        from holdfast.adapters.sqlite.mending import mend_file
        from holdfast.services.mending import mend

        space = self._space
        report = mend(space.ledger, space.inspecting, space.index, partial(mend_file, space.store))
        space.embedding.written()
        return report

    def backup(
        self,
        path: str | Path,
        *,
        replace: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> BackupReport:
        """Copy the space, as it is at one moment, into a file; others may go on reading and writing.

        The copy is looked through like `Memory.check` before it is put in place, durably and at once: whatever
        stops this leaves what was there before. Only its owner may read the file. It can be opened with
        ``read_only=True``; `Memory.restore` makes a space of it.

        Args:
            path: A file that is not there yet.
            replace: It may be there, if it is a backup.
            progress: Called with pages copied and pages in all.

        Raises:
            AlreadyThere: there is such a file.
            Damaged: the copy is not sound, so it was not kept.
            StoreFull, StoreBusy, StoreError: it cannot be written.
            InvalidField: the space is in memory, or the path is one of its own files.
        """
        self._space.sealing.refuse_whole_file("A backup")
        return self._space.backups.write(path, replace=replace, progress=progress)

    def export_markdown(
        self, folder: str | Path, *, about: str | None = None, mentions: bool = False, replace: bool = False
    ) -> MarkdownReport:
        """Write every live memory as pages to read and edit; `Memory.import_` of the folder follows the edits.

        Words that were changed become a correction, an entry that was deleted is forgotten, a new one is
        remembered. What was said in sessions can be deleted and not changed.

        Args:
            folder: Is made, or is empty; one that is there is filled and keeps its mode.
            about, mentions: One page of what `Memory.export` gives for these instead, which is not followed.
            replace: Replace an earlier export there, all edits of which were imported.

        Raises:
            AlreadyThere: something else is there, or edits that were not imported.
            InvalidField: it is in the folder of a house.
            StoreFull, StoreError: it cannot be written.
        """
        return self._space.transfer.export_markdown(folder, about=about, mentions=mentions, replace=replace)

    def journal(self) -> Iterator[str]:
        """The whole journal as lines of JSON: everything that is not erased, with ids, times, chains and receipts.

        Taken in by an empty space (`merge`, `Memory.import_`), it makes the same space with the same digest, in
        which proofs and receipts verify. It holds the space's secret: keep it as you keep the space. Vectors are
        not in it.

        Raises:
            Damaged: an event is not what was written; the lines end there, and what was given is not taken in.
        """
        return self._space.journals.lines()

    def merge(
        self,
        source: str | Path | Iterable[str],
        *,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """Take in a journal: an empty space becomes the one it is of, the same space takes what is new in it.

        An encrypted space that becomes another goes under a new key; the one it had stays in the keyring. A space of
        a house stays the one it is.

        All of it is looked through before anything is written; taking it in again changes nothing, and after a
        crash goes on. What was forgotten on either side is forgotten. No policy is asked: `Admission.audit` does.

        Args:
            source: A file, or its lines.
            dry_run: Only look through it and count.
            progress: Called with events taken in and events in all.

        Raises:
            UnknownFormat, Damaged: it is not what was exported: cut off, altered, in another order.
            AlreadyThere: the space has memories of its own and is another one; or it is an empty one of a house.
            InvalidField: both went on from one copy under one name; or its events are of the future.
            ModelMismatch: it holds to another model than the one that is open.
        """
        return self._space.journals.take_in(source, dry_run=dry_run, progress=progress)

    def encryption(self) -> Encryption | None:
        """How the space is encrypted; None where it is not, or as a whole file."""
        return self._space.sealing.state()

    def encrypt(self, key: bytes | Keyring) -> Encryption:
        """Encrypt a space that is not, in place: texts, labels and vectors, under a data key of its own.

        Durable when this returns, whole or not at all whenever the process dies; the plain bytes are overwritten
        in the file and its log. Nobody else may have the space open. It takes as long as writing the file anew, and
        memory for a copy of it. From then on the space opens with the key alone: keep it apart from the space.

        Args:
            key: 32 random bytes, or a keyring, in which a new key is kept before anything is changed; it goes again
                where that fails. For a space of a house only the keyring of the house.

        Raises:
            Conflict: it is encrypted already.
            StoreBusy: somebody else has it open.
            Damaged, InvalidField, StoreReadOnly, StoreFull, StoreError: nothing was changed.
        """
        from holdfast.adapters.keyring import Keyring, keys_of

        keys = keys_of(key)
        if keys is None:
            raise InvalidField("encrypt needs a key: 32 random bytes, or a Keyring. Nothing was changed.")
        return self._space.sealing.encrypt(keys, given_key=not isinstance(key, Keyring))

    def rotate_key(self, key: bytes | None = None, *, data: bool = False) -> Encryption:
        """Put an encrypted space under a new key; the old one opens it no more, whatever happens in between.

        With a keyring the old key is destroyed, for every file that is under it: backups, copies of the file, and
        what was restored from them open no more. A file that became the same space by its journal has its own key.

        Args:
            key: The new key, 32 random bytes; needed where the space was opened with one. With a keyring, a key
                is made by default, kept there first, and the old one is destroyed at the end.
            data: Change the data key too, as must be done when it may be known to somebody, or has been used too
                often: everything is encrypted anew and what was there overwritten, as by `encrypt`. Otherwise
                the data key is only wrapped anew, at once: who unwrapped it before can read copies of the space.

        Raises:
            NotEncrypted, StoreReadOnly.
            InvalidField: a key is needed; or the one given is in the keyring for this space already.
            StoreBusy: with ``data``, somebody else has the space open.
            Damaged: with ``data``, something was altered, and was not encrypted anew. Nothing was changed.
        """
        return self._space.sealing.rotate(key, data=data)

    def snapshot(self) -> SnapshotReport:
        """Note which events what is held now rests on, so that `Memory.at` begins from there for any later moment.

        It holds no words, so nothing that is forgotten stays in it. At most 8 are kept, spread over the history.

        Raises:
            StoreReadOnly, StoreFull, StoreBusy.
        """
        return self._space.pruning.snapshot()

    def prune(
        self,
        *,
        before: When | None = None,
        keep_days: float | None = None,
        superseded: bool = False,
        dry_run: bool = True,
    ) -> PruneReport:
        """Shorten the history: drop events from before a time on which nothing that is held rests.

        What is held does not change, nor its digest, and every receipt still verifies. What goes are earlier versions
        of memories between the first and the one that held at that time, and the headers of what was forgotten.
        What was decided stays for ever: tombstones, corrections, readmissions, receipts, models; so do idempotency
        keys, with their memory or its tombstone. Before that time `Memory.at` raises `HistoryPruned`, and the
        journal can be merged no more (`journal` raises it too): keep a backup, if the history may be asked for.

        A dry run only counts. Durable when this returns; a crash leaves the space as it was or pruned, and what is
        still to be dropped to the next call. `compact` gives the room back to the disk.

        Args:
            before: The history from this time on is kept.
            keep_days: The history of so many days is kept, 0 to 36,500, instead of ``before``.
            superseded: Memories superseded before that time, which nothing held is derived from, are forgotten too.

        Raises:
            InvalidInput: neither or both of ``before`` and ``keep_days``, or one that is not acceptable.
            StoreReadOnly, StoreFull, StoreBusy.
        """
        return self._space.pruning.prune(before, keep_days, superseded=superseded, dry_run=dry_run)

    def compact(self) -> CompactReport:
        """Write the file anew without the room that nothing fills any more; others may go on reading.

        It takes memory for a copy of the file, and room on the disk for one more until it is done. Writers wait
        meanwhile. A crash leaves the file as it was, or compacted.

        Raises:
            StoreFull, StoreBusy, StoreReadOnly: nothing was changed.
        """
        return self._space.pruning.compact()

    def digest(self) -> str:
        """SHA-256 over what is held: equal where the same events arrived, in any order."""
        return self._space.inspecting.digest()


class Recalls:
    """Recalls, looked at again: why they returned what they did, and whether they still do."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def explain(
        self,
        query: str,
        *,
        id: str | None = None,  # noqa: A002
        budget_tokens: int | None = None,
        limit: int | None = None,
        where: Where | None = None,
        since: When | None = None,
        until: When | None = None,
        now: When | None = None,
        min_confidence: float = 0.0,
    ) -> Explanation:
        """What `Memory.recall` returns for the same arguments, with every signal, its weights and its place.

        Recalls twice, about ten times as slow as one recall, and counts nothing as read.

        Args:
            id: A memory, to be told why it was not returned.

        Raises:
            InvalidInput.
        """
        return self._space.recall_explaining.explain(
            query, id, budget_tokens=budget_tokens, limit=limit, where=where, since=since, until=until, now=now,
            min_confidence=min_confidence,
        )  # fmt: skip

    def keep(
        self,
        query: str,
        *,
        budget_tokens: int | None = None,
        limit: int | None = None,
        where: Where | None = None,
        since: When | None = None,
        until: When | None = None,
        now: When | None = None,
        thorough: bool = False,
        min_confidence: float = 0.0,
    ) -> Recollection:
        """Recall, and keep the question and the ids and scores of the answer in the journal, for `replay`.

        What is kept is read by its id, exported, and forgotten (``where="kind = recall"``) like a memory; it is never
        recalled, and `Memory.records` leaves it out. It names the hits by their ids, so it stays when one of them is
        forgotten; words that the question itself quotes stay with it, and `Memory.preview_forget` names it then.

        Raises:
            InvalidInput, Refused, StoreError; then nothing was kept.
        """
        return self._space.asking.keep(
            query, budget_tokens=budget_tokens, limit=limit, where=where, since=since, until=until, now=now,
            thorough=thorough, min_confidence=min_confidence,
        )  # fmt: skip

    def list(self) -> builtins.list[KeptRecall]:
        """Every recall that was kept, oldest first."""
        return self._space.asking.kept()

    def replay(self, id: str | None = None) -> Replay:  # noqa: A002
        """Ask a kept recall, the newest by default, again of the space as it was then; takes what `Memory.at` takes.

        With the same model, and nothing forgotten since, it returns the same.

        Raises:
            NotFound: there is none.
            InvalidField: it was kept in another space and came by an import.
        """
        return self._space.asking.replay(id, lambda seq, at_ms: self._space.at(None, seq, at_ms))


class Expectations:
    """What questions must bring back: the user's own tests of a memory."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def add(
        self,
        query: str,
        *,
        contains: str | Sequence[str] = (),
        not_contains: str | Sequence[str] = (),
        id: str | None = None,  # noqa: A002
        limit: int = 10,
        where: Where | None = None,
    ) -> Expectation:
        """Store what a question must bring back; it is kept beside the memories and never recalled itself.

        Texts of it may be words of a memory. They are forgotten with that memory where ``id`` names it; else
        `Memory.preview_forget` names the expectation among what mentions it.

        Args:
            contains: Texts that each must stand in one of the hits, whatever the case.
            not_contains: Texts that may stand in none.
            id: A memory that must be among the hits.
            limit: The most hits that are looked at, 1 to 1,000.
            where: The filter that the question is asked under.

        Raises:
            InvalidInput: nothing is expected, or something is not acceptable.
            NotFound: there is no such memory.
            Refused: the policy does not let it be kept.
        """
        return self._space.asking.expect(
            query, contains=contains, not_contains=not_contains, memory=id, limit=limit, where=where
        )

    def list(self) -> builtins.list[Expectation]:
        """Every expectation, oldest first."""
        return self._space.asking.expectations()

    def remove(self, id: str) -> None:  # noqa: A002
        """Forget an expectation.

        Raises:
            NotFound: there is none of that id.
        """
        self._space.asking.remove(id)

    def run(self) -> builtins.list[Outcome]:
        """Ask every question of which something is expected; nothing is counted as read."""
        return self._space.asking.run()
