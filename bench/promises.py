"""What a campaign counts, and what a space must hold by what its writers were told."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import Gone, HoldfastError, NotFound
from holdfast.memory import Memory

SAMPLE = 200
"""Older writes that are looked at again in each round; at the end of a space it is all of them."""

Line = dict[str, str | int | list[str]]


@dataclass
class Verdict:
    """What was wrong with one state of a space."""

    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [*self.lost, *self.half, *self.problems]

    @property
    def fine(self) -> bool:
        return not self.lines


@dataclass
class Tally:
    """The sum of a campaign: how many states were judged, and what was wrong in them."""

    states: int = 0
    acknowledged: int = 0
    lost: int = 0
    half_applied: int = 0
    problems: int = 0

    def add(self, verdict: Verdict, acknowledged: int) -> None:
        """Count one state, with what was acknowledged by then."""
        self.states += 1
        self.acknowledged += acknowledged
        self.lost += len(verdict.lost)
        self.half_applied += len(verdict.half)
        self.problems += len(verdict.problems)

    @property
    def fine(self) -> bool:
        return not (self.lost or self.half_applied or self.problems)

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged}  lost {self.lost}  half-applied {self.half_applied}  "
            f"problems {self.problems}"
        )


@dataclass
class Promises:
    """What one space must hold, by what its writers said."""

    there: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    corrected: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    """Being forgotten or corrected when the end came: either is right, and the space says which."""
    batches: dict[str, int] = field(default_factory=dict)
    corrections: dict[str, str] = field(default_factory=dict)
    """In flight: the id corrected and the text that replaces it."""
    imports: dict[str, int] = field(default_factory=dict)
    """Conversations that were begun to be imported, and their entries."""
    imported: set[str] = field(default_factory=set)
    """Those whose import had returned."""
    backups: dict[str, list[str]] = field(default_factory=dict)
    """Files that were begun to be written, and the conversations that their writer had imported before."""
    backed: set[str] = field(default_factory=set)
    """Those that were acknowledged."""
    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)

    def hear(self, lines: list[Line]) -> None:
        """Take in what a writer said, in its order."""
        for line in lines:
            match line:
                case {"what": "there", "ids": list(ids), "texts": list(texts)}:
                    self.there.update(zip(ids, texts, strict=True))
                    self.acknowledged += len(ids)
                case {"what": "batch", "mark": str(mark), "size": int(size)}:
                    self.batches[mark] = size
                case {"what": "forgetting", "id": str(target)}:
                    self.doubtful.add(target)
                case {"what": "forgotten", "ids": list(ids)}:
                    self.gone.update(ids)
                    self.doubtful.difference_update(ids)
                    self.acknowledged += 1
                case {"what": "correcting", "id": str(target), "text": str(text)}:
                    self.doubtful.add(target)
                    self.corrections[target] = text
                case {"what": "corrected", "id": str(target), "new": str(new), "text": str(text)}:
                    self.corrected[target] = new
                    self.there[new] = text
                    self.doubtful.discard(target)
                    self.corrections.pop(target, None)
                    self.acknowledged += 1
                case {"what": "importing", "mark": str(mark), "size": int(size)}:
                    self.imports[mark] = size
                case {"what": "imported", "mark": str(mark), "size": int(size)}:
                    self.imported.add(mark)
                    self.acknowledged += size
                case {"what": "backing", "path": str(path), "marks": list(marks)}:
                    self.backups[path] = marks
                case {"what": "backed", "path": str(path)}:
                    self.backed.add(path)
                    self.acknowledged += 1
                case {"what": "rebuilt"}:
                    self.acknowledged += 1
                case _:
                    self.failures.append(f"a writer failed: {line.get('why', line)}")

    def targets(self, chance: random.Random) -> list[str]:
        """Memories that the next round may correct or forget."""
        free = [i for i in self.there if i not in self.gone and i not in self.corrected and i not in self.doubtful]
        return chance.sample(free, min(40, len(free)))


def judge(memory: Memory, promises: Promises, fresh: set[str], chance: random.Random, everything: bool) -> Verdict:
    """Hold a space against what was promised."""
    verdict = Verdict(problems=[*promises.failures, *memory.check()])
    _settle_doubts(memory, promises, verdict)
    older = [i for i in promises.there if i not in fresh]
    looked_at = fresh | set(older if everything else chance.sample(older, min(SAMPLE, len(older))))
    # What was derived fell with its source, also where nobody heard back from the forget.
    receipts = {receipt for record_id in promises.gone for receipt in _receipts(memory, record_id)}
    for record_id in looked_at - promises.gone:
        if _receipts(memory, record_id) & receipts:
            promises.gone.add(record_id)
    for record_id in looked_at | promises.gone | set(promises.corrected):
        if why := _broken(memory, promises, record_id):
            verdict.lost.append(f"{record_id}: {why}")
    for mark, size in promises.batches.items():
        found = len(memory.session(mark).turns())
        known = sum(1 for i, text in promises.there.items() if text.startswith(f"{mark}.") and i in promises.gone)
        if found + known not in (0, size):
            verdict.half.append(f"batch {mark}: {found} of {size} turns")
    promises.batches.clear()
    _judge_imports(memory, promises, verdict)
    _judge_backups(promises, verdict)
    if memory.storage.digest() != memory.storage.rebuild():
        verdict.problems.append("a rebuild gives another digest")
    return verdict


def _broken(memory: Memory, promises: Promises, record_id: str) -> str | None:
    """How a promise about one memory is broken, or None."""
    try:
        record = memory.get(record_id)
    except Gone:
        return None if record_id in promises.gone else "acknowledged, and forgotten without being asked"
    except NotFound:
        return "acknowledged, and not there"
    if record_id in promises.gone:
        return "forgotten, and still there"
    if record_id in promises.there and record.text != promises.there[record_id]:
        return f"says {record.text!r} instead of {promises.there[record_id]!r}"
    if record_id in promises.corrected and record.superseded_by != promises.corrected[record_id]:
        return "corrected, and still holds"
    return None


def _settle_doubts(memory: Memory, promises: Promises, verdict: Verdict) -> None:
    """Look what became of what was in flight, and hold the space to that from now on."""
    for target in promises.doubtful:
        text = promises.corrections.get(target)
        try:
            record = memory.get(target)
        except Gone:
            promises.gone.add(target)
            continue
        except NotFound:
            continue  # reported with the others: it was acknowledged
        if text is None or record.superseded_by is None:
            continue
        try:
            replacement = memory.get(record.superseded_by)
        except HoldfastError as error:
            verdict.half.append(f"{target} was superseded by {record.superseded_by}, which is not there: {error}")
            continue
        if replacement.text != text:
            verdict.half.append(f"{target} was superseded by {replacement.text!r} instead of {text!r}")
        promises.corrected[target] = replacement.id
        promises.there[replacement.id] = replacement.text
    promises.doubtful.clear()
    promises.corrections.clear()


def _receipts(memory: Memory, record_id: str) -> set[str]:
    try:
        return {entry.other for entry in memory.history(record_id) if entry.what == "forgotten" and entry.other}
    except NotFound:
        return set()  # reported with the others


def _judge_imports(memory: Memory, promises: Promises, verdict: Verdict) -> None:
    """Every entry at most once, those of an import that returned all there; what was cut off is imported again."""
    for again in (False, True):
        found = Counter(record.text for record in memory.records())
        for mark, size in promises.imports.items():
            entries = [found[text] for text in texts_of(mark, size)]
            if max(entries) > 1:
                verdict.half.append(f"import {mark}: {max(entries)} times the same entry")
            if (again or mark in promises.imported) and 0 in entries:
                verdict.lost.append(f"import {mark}: {entries.count(0)} of {size} entries are not there")
            if not again:
                memory.import_([conversation(mark, size)])
    promises.imports.clear()


def _judge_backups(promises: Promises, verdict: Verdict) -> None:
    """What is at the place of a backup is a sound one with all that was there before, or nothing is."""
    for name, marks in promises.backups.items():
        path = Path(name)
        if not path.exists():
            if name in promises.backed:
                verdict.lost.append(f"backup {path.name} was acknowledged and is not there")
            continue
        try:
            with Memory.open(path, embedder=None, read_only=True) as copy:
                verdict.problems += [f"backup {path.name}: {problem}" for problem in copy.check()]
                held = {record.text for record in copy.records()}
        except HoldfastError as error:
            verdict.problems.append(f"backup {path.name}: {error}")
            continue
        if missing := [mark for mark in marks if texts_of(mark, 1)[0] not in held]:
            verdict.lost.append(f"backup {path.name} lacks {len(missing)} conversations that were there before it")
        path.unlink()
    promises.backups.clear()


def texts_of(mark: str, size: int) -> list[str]:
    """The entries of a made conversation."""
    return [f"{mark}.{place}" for place in range(size)]


def conversation(mark: str, size: int) -> str:
    """A conversation as a line to be imported."""
    entries = [{"author": "Ada", "text": text} for text in texts_of(mark, size)]
    return json.dumps({"conversation": mark, "entries": entries})
