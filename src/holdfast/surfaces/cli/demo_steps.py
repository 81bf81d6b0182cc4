"""What a demo does to a space, step by step, and what it saw: values only, nothing is shown here."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import Gone, Rejected
from holdfast.surfaces.cli.demo_child import count_bytes

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.erasure import ForgetReceipt
    from holdfast.model.insight import History
    from holdfast.model.recollection import Recollection
    from holdfast.model.records import Record
    from holdfast.model.reports import ImportReport
    from holdfast.surfaces.cli.demo_story import Correction, Entry, Erasure, Question, Story

TOP = 10
"""How many memories an answer may take its evidence from."""
Places = Mapping["Entry", str]
"""The id of the memory that holds each entry of the file."""


@dataclass(frozen=True, slots=True)
class Survival:
    """What was there when the space was opened again.

    Attributes:
        places: The memory of each entry that is there word for word.
        lost: Entries that are not.
        vectors: Memories that had their vector when the process died.
        problems: What `check` found.
    """

    places: Places
    lost: int
    vectors: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was recalled for a question.

    Attributes:
        expected: Ids of the memories that hold the answer; empty where the file names none.
    """

    question: Question
    found: Recollection
    expected: frozenset[str]

    @property
    def met(self) -> int:
        """How many of the expected memories were recalled."""
        return len(self.expected & {hit.id for hit in self.found})

    @property
    def complete(self) -> bool:
        return self.met == len(self.expected)


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction did.

    Attributes:
        refused: Whether the old words were refused when they were told again.
        faults: What does not hold, in words.
    """

    correction: Correction
    old: Record
    new: Record
    before: Recollection
    after: Recollection
    history: History
    refused: bool
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What a forget did.

    Attributes:
        seen_before, seen_after: How often the canary stood in the files.
        again: What importing the same file once more did.
    """

    erasure: Erasure
    id: str
    before: Recollection
    receipt: ForgetReceipt
    after: Recollection
    history: History
    again: ImportReport
    seen_before: int
    seen_after: int
    faults: tuple[str, ...]


def survey(memory: Memory, story: Story) -> Survival:
    """See what of the story is in the space, and whether the space is well."""
    stats = memory.summary()
    held = defaultdict[tuple[str | None, str], list[str]](list)
    for record in memory.records():
        held[record.session, record.text].append(record.id)
    places: dict[Entry, str] = {}
    for entry in story.entries:
        # The same words twice in a session: the first entry is the first memory.
        ids = held[entry.session, entry.text]
        if ids:
            places[entry] = ids.pop(0)
    return Survival(places, len(story.entries) - len(places), stats.live - stats.pending, tuple(memory.check()))


def ask(memory: Memory, question: Question, places: Places) -> Answer:
    """Recall for one question, as asked at its time."""
    found = memory.recall(question.text, limit=TOP, now=question.when)
    return Answer(question, found, frozenset(places[entry] for entry in question.evidence if entry in places))


def correct(memory: Memory, correction: Correction, places: Places) -> Corrected:
    """Replace one memory by what is right, and see that the old value does not come back."""
    old = memory.get(places[correction.entry])
    before = memory.recall(correction.ask, limit=TOP)
    new = memory.correct(old.id, correction.text, reason="the demo's correction")
    memory.settle()
    after = memory.recall(correction.ask, limit=TOP)
    try:
        memory.remember(old.text)
        refused = False
    except Rejected:
        refused = True
    told = [hit.text for hit in after]
    faults = (
        (old.id not in {hit.id for hit in before}, "the memory to correct was not recalled beforehand"),
        (
            not any(hit.id == new.id and correction.expect in hit.text for hit in after),
            "the correction is not recalled",
        ),
        (any(hit.id == old.id for hit in after), "the corrected memory is still recalled"),
        (any(correction.reject in text for text in told), "the rejected value is still recalled"),
        (not refused, "the old words were taken in again"),
    )
    return Corrected(
        correction, old, new, before, after, memory.history(old.id), refused, tuple(why for bad, why in faults if bad)
    )


def erase(memory: Memory, erasure: Erasure, places: Places, story: Story, db: Path) -> Erased:
    """Forget one memory, import the file again, and look for what should be gone."""
    gone = places[erasure.entry]
    before = memory.recall(erasure.ask, limit=TOP)
    seen_before = count_bytes(db, [erasure.canary])
    receipt = memory.forget(gone, reason="the demo's request")
    again = memory.import_(story.path)
    memory.settle()
    after = memory.recall(erasure.ask, limit=TOP)
    seen_after = count_bytes(db, [erasure.canary])
    faults = (
        (gone not in {hit.id for hit in before}, "the memory to forget was not recalled beforehand"),
        (any(erasure.canary in hit.text for hit in after), "what was forgotten is still recalled"),
        (any(erasure.canary in record.text for record in memory.records()), "what was forgotten is still held"),
        (not _is_gone(memory, gone), "the forgotten memory can still be read"),
        (again.added > 0, f"importing again added {again.added}"),
        (again.forgotten != 1, "importing again did not leave out what was forgotten"),
        (seen_before == 0, "the bytes to forget could not be found in the files beforehand"),
        (seen_after > 0, f"the forgotten bytes stand in the files {seen_after} times"),
    )
    return Erased(
        erasure, gone, before, receipt, after, memory.history(gone), again, seen_before, seen_after,
        tuple(why for bad, why in faults if bad),
    )  # fmt: skip


def median_ms(answers: Sequence[Answer]) -> float | None:
    """The middle of how long the recalls took; None without any."""
    return statistics.median(answer.found.took_ms for answer in answers) if answers else None


def _is_gone(memory: Memory, gone: str) -> bool:
    try:
        memory.get(gone)
    except Gone:
        return True
    return False
