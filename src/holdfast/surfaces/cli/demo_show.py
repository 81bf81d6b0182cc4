"""How a demo looks: as it goes, for a person; and as JSON at the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.surfaces import wire
from holdfast.surfaces.cli import demo_steps
from holdfast.surfaces.cli.screen import Part, Screen, count_text, one_line, short_id, size_text

if TYPE_CHECKING:
    from holdfast.model.insight import Summary
    from holdfast.model.recollection import Hit, Recollection
    from holdfast.surfaces.cli.demo import Outcome
    from holdfast.surfaces.cli.demo_child import Death
    from holdfast.surfaces.cli.demo_steps import Answer, Corrected, Erased
    from holdfast.surfaces.cli.demo_story import Story
    from holdfast.surfaces.wire import Json, JsonObject

CUT_CHARS = 220
SHOWN_FIRST = 3
"""Recalled lines shown of an answer, besides those that hold the evidence."""


@dataclass(frozen=True, slots=True)
class Shower:
    """Shows each step when it is done.

    Attributes:
        show: Where; None shows nothing.
        most: Questions shown at most; the others are asked and counted.
    """

    show: Screen | None
    most: int = 10

    def banner(self, story: Story) -> None:
        if self.show is None:
            return
        names = ", ".join(story.names[:3]) + (f" and {len(story.names) - 3} more" if len(story.names) > 3 else "")
        what = (
            f"your conversations ({names})"
            if story.own
            else "a year of conversations between Ada and Fern, her assistant"
        )
        self.show.banner(
            "Holdfast demo",
            [
                "Remember, survive a kill, recall with reasons, correct, forget.",
                f"On {what}: {count_text(len(story.entries), 'entry', 'entries')} in "
                f"{count_text(story.sessions, 'session')}.",
            ],
        )

    def death(self, story: Story, death: Death) -> None:
        if self.show is None:
            return
        self.show.heading("1. Remember, and die")
        done = death.acknowledged == len(story.entries)
        self.show.mark(
            "good" if done else "bad",
            (f"{count_text(death.acknowledged, 'entry', 'entries')}", "bold"),
            f" imported by process {death.process} and acknowledged as durable in {death.took_ms:.0f} ms",
        )
        how = "signal 9 (SIGKILL)" if os.name == "posix" else f"exit code {death.code}"
        if death.killed:
            self.show.mark("good", "Then that process was killed without warning: ", (f"died of {how}", "bold"))
        else:
            self.show.mark("bad", f"The process was not killed; it ended with {death.code}")

    def survival(self, outcome: Outcome, stats: Summary) -> None:
        if self.show is None:
            return
        survival, entries = outcome.survival, len(outcome.story.entries)
        self.show.heading("2. Open what it left, in another process")
        self.show.mark(
            "bad" if survival.lost else "good",
            (f"{entries - survival.lost:,} of {entries:,} entries", "bold"),
            " are there, word for word",
        )
        for problem in survival.problems:
            self.show.mark("bad", problem)
        if not survival.problems:
            self.show.mark("good", "check() finds nothing wrong: payloads, hash chain, indexes")
        if outcome.degraded:
            self.show.mark("warn", f"By words only: {outcome.degraded.splitlines()[0]}")
            return
        made = stats.live - stats.pending - survival.vectors
        self.show.mark(
            "good",
            f"{survival.vectors:,} vectors were made before the kill, the other {made:,} now, "
            f"in {outcome.embedded_ms / 1000:.1f} s, by {stats.model}",
        )

    def questions(self, story: Story) -> None:
        if self.show is None:
            return
        self.show.heading(f"3. Ask {count_text(len(story.questions), 'question')}")
        if not story.questions:
            self.show.line("The file has no questions; nothing is asked.", indent=2)
        elif any(question.evidence for question in story.questions):
            star = "*" if self.show.plain else "★"
            self.show.line((f"{star} marks the lines that hold the answer, as the file says.", "dim"), indent=2)

    def answer(self, number: int, answer: Answer) -> None:
        if self.show is None or number > self.most:
            return
        self.show.blank()
        self.show.line((f"Q{number}  ", "bold cyan"), (answer.question.text, "bold"), indent=2)
        parts = [f"confidence {answer.found.confidence:.2f}", f"{answer.found.took_ms:.1f} ms"]
        if answer.expected:
            parts.append(f"evidence {answer.met} of {len(answer.expected)} in the top {demo_steps.TOP}")
        self.show.line((" · ".join(parts), "dim"), indent=6)
        _show_hits(self.show, answer.found, answer.expected)
        if answer.question.answer:
            self.show.line(
                ("the file's answer: ", "dim"), (one_line(answer.question.answer, CUT_CHARS), "italic"), indent=6
            )
        if not answer.complete:
            missing = len(answer.expected) - answer.met
            self.show.mark(
                "warn", f"{count_text(missing, 'line')} of the evidence not in the top {demo_steps.TOP}", indent=4
            )

    def unshown(self, answers: Sequence[Answer]) -> None:
        if self.show is not None and len(answers) > self.most:
            self.show.blank()
            self.show.line(
                f"and {count_text(len(answers) - self.most, 'more question')}, asked and counted below", indent=2
            )

    def corrected(self, corrected: Corrected | None) -> None:
        if self.show is None:
            return
        self.show.heading("4. Correct a fact")
        if corrected is None:
            self.show.line("Skipped: the file has no 'correct' that says which entry is wrong.", indent=2)
            return
        correction, show = corrected.correction, self.show
        show.row(_label("asked"), (correction.ask, "bold"), indent=2)
        show.row(_label("before"), *_first(corrected.before, corrected.old.id), indent=2)
        show.row(_label("correct"), (correction.text, "green"), indent=2)
        show.row(_label("after"), *_first(corrected.after, corrected.new.id), indent=2)
        told = " → ".join(entry.what for entry in corrected.history)
        show.row(_label("history"), f"{short_id(corrected.old.id)}: {told} by {short_id(corrected.new.id)}", indent=2)
        for fault in corrected.faults:
            show.mark("bad", fault)
        if not corrected.faults:
            show.mark(
                "good",
                f"{correction.expect} is recalled, {correction.reject} is not; the old words are in history, "
                "and were refused when told again",
            )

    def erased(self, erased: Erased | None) -> None:
        if self.show is None:
            return
        self.show.heading("5. Forget")
        if erased is None:
            self.show.line("Skipped: the file has no 'forget' that says which entry to erase.", indent=2)
            return
        show, receipt = self.show, erased.receipt
        show.row(_label("asked"), (erased.erasure.ask, "bold"), indent=2)
        show.row(_label("before"), *_first(erased.before, erased.id), indent=2)
        show.row(
            _label("receipt"),
            f"{receipt.id}: {count_text(receipt.payloads, 'payload')} and "
            f"{count_text(receipt.vectors, 'vector')} erased, chain {receipt.chain[:16]}…",
            indent=2,
        )
        show.row(
            _label("after"),
            *_first(erased.after, None),
            (f"  (confidence {erased.before.confidence:.2f} → {erased.after.confidence:.2f})", "dim"),
            indent=2,
        )
        told = " → ".join(
            entry.what if entry.record or entry.what != "remembered" else "remembered (words erased)"
            for entry in erased.history
        )
        show.row(_label("history"), f"{short_id(erased.id)}: {told}", indent=2)
        show.row(
            _label("again"),
            f"the same file imported again: {erased.again.added} added, {erased.again.unchanged} there already, "
            f"{erased.again.forgotten} stays forgotten",
            indent=2,
        )
        for fault in erased.faults:
            show.mark("bad", fault)
        if not erased.faults:
            show.mark(
                "good",
                f'"{erased.erasure.canary}" stood in the space\'s files {count_text(erased.seen_before, "time")}; now ',
                (f"{erased.seen_after} found", "bold"),
            )

    def summary(self, outcome: Outcome, kept: Path | None) -> None:
        if self.show is None:
            return
        show, failed = self.show, outcome.failed()
        show.heading("Summary")
        expected = sum(len(answer.expected) for answer in outcome.asked)
        met = sum(answer.met for answer in outcome.asked)
        if expected:
            complete = sum(answer.complete for answer in outcome.asked)
            show.row(
                _label("evidence"),
                (f"{met:,} of {expected:,} lines", "bold"),
                f" in the top {demo_steps.TOP}; all of it for {complete} of {len(outcome.asked)} questions"
                f"{', by words only' if outcome.degraded else ''}",
                indent=2,
            )
        if (median := demo_steps.median_ms(outcome.answers)) is not None:
            show.row(
                _label("recall"), (f"{median:.1f} ms", "bold"), " median, the query's embedding included", indent=2
            )
        show.row(
            _label("file"),
            (size_text(outcome.size_bytes), "bold"),
            " with text, indexes, vectors and journal",
            indent=2,
        )
        if kept is not None:
            show.row(_label("kept"), str(kept), indent=2)
        for problem in failed:
            show.mark("bad", problem)
        if not failed:
            show.mark("good", ("Everything shown here holds.", "bold green"))


def demo_to_wire(outcome: Outcome, kept: Path | None) -> JsonObject:
    """A demo as JSON."""
    failed: list[Json] = [*outcome.failed()]
    check: list[Json] = [*outcome.survival.problems, *outcome.problems]
    return {
        "holds": not failed,
        "failed": failed,
        "db": None if kept is None else str(kept),
        "entries": len(outcome.story.entries),
        "acknowledged": outcome.death.acknowledged,
        "exit_code_of_importer": outcome.death.code,
        "lost": outcome.survival.lost,
        "vectors_at_kill": outcome.survival.vectors,
        "check": check,
        "degraded": outcome.degraded,
        "questions": [
            {
                "question": answer.question.text,
                "answer": answer.question.answer,
                "expected": [*sorted(answer.expected)],
                "met": answer.met,
                "recollection": wire.recollection_to_wire(answer.found),
            }
            for answer in outcome.answers
        ],
        "correct": _corrected_to_wire(outcome.corrected),
        "forget": _erased_to_wire(outcome.erased),
        "evidence_expected": sum(len(answer.expected) for answer in outcome.asked),
        "evidence_met": sum(answer.met for answer in outcome.asked),
        "median_ms": demo_steps.median_ms(outcome.answers),
        "size_bytes": outcome.size_bytes,
    }


def _corrected_to_wire(corrected: Corrected | None) -> Json:
    if corrected is None:
        return None
    return {
        "superseded": corrected.old.id,
        "record": wire.record_to_wire(corrected.new),
        "before": wire.recollection_to_wire(corrected.before),
        "after": wire.recollection_to_wire(corrected.after),
        "history": wire.history_to_wire(corrected.history),
        "old_words_refused": corrected.refused,
    }


def _erased_to_wire(erased: Erased | None) -> Json:
    if erased is None:
        return None
    return {
        "receipt": wire.receipt_to_wire(erased.receipt),
        "before": wire.recollection_to_wire(erased.before),
        "after": wire.recollection_to_wire(erased.after),
        "history": wire.history_to_wire(erased.history),
        "imported_again": wire.report_to_wire(erased.again) | {"questions": []},
        "found_in_files_before": erased.seen_before,
        "found_in_files_after": erased.seen_after,
    }


def _show_hits(show: Screen, found: Recollection, expected: frozenset[str]) -> None:
    for place, hit in enumerate(found, 1):
        if place > SHOWN_FIRST and hit.id not in expected:
            continue
        sign = show.sign("star" if hit.id in expected else "none")
        show.row([(1, sign), (3, (f"{place}.", "cyan")), (10, (_day(hit), "cyan"))], *_said(hit), indent=4)
        why = f"why: {', '.join(hit.reasons) or 'no signal stands out'}"
        show.row([(1, ""), (3, ""), (10, "")], (why, "dim italic"), indent=4)


def _label(name: str) -> list[tuple[int, Part]]:
    return [(9, (name, "dim"))]


def _day(hit: Hit) -> str:
    from holdfast.model.times import format_day

    return format_day(hit.record.valid_from)


def _said(hit: Hit) -> tuple[Part, ...]:
    author = f"{one_line(hit.record.author, 30)}: " if hit.record.author else ""
    return (author, "bold"), one_line(hit.text, CUT_CHARS)


def _first(found: Recollection, wanted: str | None) -> tuple[Part, ...]:
    """The line of the memory it is about, or the first one where that was not recalled."""
    for place, hit in enumerate(found, 1):
        if wanted in (None, hit.id):
            return (f"{place}. {_day(hit)}  ", "cyan"), *_said(hit)
    return _first(found, None) if found else (("nothing is recalled", "dim"),)
