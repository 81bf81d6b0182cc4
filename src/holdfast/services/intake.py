"""What every import shares: writing in parts, counting, and reporting what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.core.decide import Take, key_reused
from holdfast.model.ids import Id
from holdfast.model.reports import ImportReport, Skipped
from holdfast.model.verdict import Verdict
from holdfast.services.remembering import Remembering

PER_COMMIT = 500
"""Memories in one durable write of an import."""
MOST_SKIPPED = 1_000
"""Places of one sort that are named one by one; more are counted."""


@dataclass(slots=True)
class Progress:
    """What an import has done so far.

    Attributes:
        tell: Called with bytes where they are known, with entries otherwise.
        total_bytes: Of the files that are read; None for lines that come from elsewhere.
        pending: Why bytes of what was removed may still be on disk; None when they were overwritten.
    """

    tell: Callable[[int, int], None] | None
    format: str = ""
    added: int = 0
    unchanged: int = 0
    forgotten: int = 0
    removed: int = 0
    corrected: int = 0
    known: int = 0
    done_bytes: int = 0
    total_bytes: int | None = None
    unnamed: int = 0
    pending: str | None = None
    verdicts: Counter[str] = field(default_factory=Counter[str])
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    questions: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])

    def done(self) -> None:
        """Tell how far it is."""
        if self.tell is None:
            return
        if self.total_bytes is None:
            self.tell(self.added + self.unchanged + self.forgotten, self.known)
        else:
            self.tell(min(self.done_bytes, self.total_bytes), self.total_bytes)

    def skip(self, skipped: Skipped) -> None:
        """Report something that was left out."""
        if len(self.skipped) < MOST_SKIPPED:
            self.skipped.append(skipped)
        else:
            self.unnamed += 1

    def add_skipped(self, some: Iterable[Skipped]) -> None:
        """Report what a reader left out, which bounds it itself."""
        self.skipped.extend(some)

    def report(self, *, dry_run: bool) -> ImportReport:
        """The whole, at the end."""
        skipped = tuple(self.skipped)
        if self.unnamed:
            skipped += (Skipped("further on", f"{self.unnamed:,} more places like those named"),)
        return ImportReport(
            added=self.added, unchanged=self.unchanged, forgotten=self.forgotten, skipped=skipped,
            questions=tuple(self.questions), verdicts=dict(self.verdicts), removed=self.removed,
            format=self.format, dry_run=dry_run, corrected=self.corrected, forget_pending=self.pending,
        )  # fmt: skip


class Intake:
    """Takes memories in and counts them; a dry run only counts."""

    def __init__(self, remembering: Remembering, progress: Progress, *, dry_run: bool) -> None:
        self._remembering = remembering
        self._progress = progress
        self._seen = dict[Id, str | None]()
        self.dry_run = dry_run

    def take(self, commands: Sequence[Take], *, imported: bool = False) -> None:
        """Take in all of them in one durable write, or on any error none.

        Raises:
            Gone, Conflict, InvalidInput, StoreError.
        """
        taken = self._remembering.admit(commands, imported=imported, dry_run=self.dry_run)
        if self.dry_run:
            taken = self._not_seen(commands, taken)
        added = sum(taken)
        for command, is_new in zip(commands, taken, strict=True):
            if is_new and command.verdict and command.verdict is not Verdict.STORED:
                self._progress.verdicts[command.verdict.name.lower()] += 1
        self._progress.added += added
        self._progress.unchanged += len(taken) - added

    def _not_seen(self, commands: Sequence[Take], taken: Sequence[bool]) -> list[bool]:
        """What would be new after all that this dry run has seen before."""
        for command in commands:
            if self._seen.get(command.record, command.content.arguments) != command.content.arguments:
                raise key_reused(command.record)
        new = [is_new and command.record not in self._seen for command, is_new in zip(commands, taken, strict=True)]
        self._seen.update((command.record, command.content.arguments) for command in commands)
        return new
