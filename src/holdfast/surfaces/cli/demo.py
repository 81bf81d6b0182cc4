"""`holdfast demo`: the main job on real input, with a process that is killed in the middle of it.

It exits with 0 only when everything it showed holds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import embedder_argument, end, json_option, settings_of, show_json

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.surfaces.cli.demo_child import Death
    from holdfast.surfaces.cli.demo_show import Shower
    from holdfast.surfaces.cli.demo_steps import Answer, Corrected, Erased, Survival
    from holdfast.surfaces.cli.demo_story import Story
    from holdfast.surfaces.wire import JsonObject

MISSED_MOST = 1
"""Questions of the built-in story whose evidence may be missing among the first ten."""
MISSED_MOST_BY_WORDS = 3
"""The same where there is no embedding model, and recall is by words only."""


@dataclass
class Outcome:
    """What a demo saw so far, and what did not hold."""

    story: Story
    death: Death
    survival: Survival
    problems: tuple[str, ...] = ()
    degraded: str | None = None
    answers: list[Answer] = field(default_factory=list["Answer"])
    corrected: Corrected | None = None
    erased: Erased | None = None
    size_bytes: int = 0
    embedded_ms: float = 0.0

    @property
    def asked(self) -> list[Answer]:
        """Answers to questions whose evidence the file names."""
        return [answer for answer in self.answers if answer.expected]

    def failed(self) -> list[str]:
        """What does not hold, in words; empty when the demo showed what it promised."""
        failed = list[str]()
        if not self.death.killed:
            failed.append(f"the importing process was not killed: it ended with {self.death.code}")
        if self.survival.lost:
            failed.append(f"{self.survival.lost} acknowledged entries are not there")
        if self.death.acknowledged != len(self.story.entries):
            failed.append(f"{self.death.acknowledged} of {len(self.story.entries)} entries were acknowledged")
        failed += [f"check after the kill: {problem}" for problem in self.survival.problems]
        failed += [f"check at the end: {problem}" for problem in self.problems]
        missed = sum(not answer.complete for answer in self.asked)
        # What an own file asks is not known to be answerable, so there it is shown and not judged.
        if not self.story.own and missed > (MISSED_MOST_BY_WORDS if self.degraded else MISSED_MOST):
            failed.append(f"the evidence of {missed} questions is not all among the recalled")
        for part in (self.corrected, self.erased):
            failed += part.faults if part else ()
        return failed


@click.command("demo", short_help="Show what it does: survive a kill, recall, forget.")
@click.option("--from", "file", metavar="FILE", help="Your own conversations instead of the story that comes with it.")
@click.option("--db", metavar="FILE", help="Make the space here and keep it; there must be none.")
@click.option("--keep", is_flag=True, help="Keep the space of the demo and say where it is.")
@click.option(
    "--embedder", metavar="MODEL", help="Model: auto, none, a folder, openai:MODEL[@URL], ollama:MODEL[@URL]."
)
@json_option
def demo_command(file: str | None, db: str | None, keep: bool, embedder: str | None, as_json: bool) -> None:
    """Show what Holdfast does: remember, survive a kill, recall, correct, forget.

    A process imports a conversation and is killed; this one opens what it left, asks questions,
    corrects a fact, forgets one, and looks for what should be gone. Exits with 1 if anything does not hold.
    """
    from holdfast.surfaces.cli.demo_show import Shower, demo_to_wire
    from holdfast.surfaces.cli.demo_story import STORY, read_story
    from holdfast.surfaces.cli.screen import screen

    story = read_story(STORY if file is None else Path(file))
    settings = settings_of(db, embedder)
    shower = Shower(None if as_json else screen())
    with _place(None if db is None else settings.db, keep=keep) as path:
        outcome = _run(story, path, embedder_argument(settings.embedder), shower)
        kept = path if keep or db is not None else None
        shower.summary(outcome, kept)
        if as_json:
            told: JsonObject = demo_to_wire(outcome, kept)
            show_json(told)
    if outcome.failed():
        end(failure.PROBLEMS)


def _run(story: Story, path: Path, embedder: str | None, shower: Shower) -> Outcome:
    import time

    from holdfast.memory import Memory
    from holdfast.surfaces.cli import demo_steps
    from holdfast.surfaces.cli.demo_child import import_and_die
    from holdfast.surfaces.cli.screen import progress

    shower.banner(story)
    with progress("Importing", in_bytes=True) as bar:
        death = import_and_die(path, story.path, embedder, bar)
    shower.death(story, death)
    with Memory.open(path, embedder=None, create=False) as memory:
        survival = demo_steps.survey(memory, story)
    outcome = Outcome(story, death, survival)
    with Memory.open(path, embedder=embedder, create=False) as memory:
        start = time.perf_counter()
        with progress("Embedding") as bar:
            memory.settle(progress=bar)
        outcome.embedded_ms = (time.perf_counter() - start) * 1000
        outcome.degraded = memory.recall("hello", limit=1).degraded
        shower.survival(outcome, memory.summary())
        _ask_all(memory, story, outcome, shower)
        _correct_and_forget(memory, path, story, outcome, shower)
        outcome.problems = tuple(memory.check())
        outcome.size_bytes = memory.summary().size_bytes
    return outcome


def _ask_all(memory: Memory, story: Story, outcome: Outcome, shower: Shower) -> None:
    from holdfast.surfaces.cli import demo_steps
    from holdfast.surfaces.cli.screen import progress

    shower.questions(story)
    with progress("Asking") if len(story.questions) > shower.most else nullcontext() as bar:
        for number, question in enumerate(story.questions, 1):
            answer = demo_steps.ask(memory, question, outcome.survival.places)
            outcome.answers.append(answer)
            shower.answer(number, answer)
            if bar:
                bar(number, len(story.questions))
    shower.unshown(outcome.answers)


def _correct_and_forget(memory: Memory, path: Path, story: Story, outcome: Outcome, shower: Shower) -> None:
    from holdfast.surfaces.cli import demo_steps

    places = outcome.survival.places
    if story.correction and story.correction.entry in places:
        outcome.corrected = demo_steps.correct(memory, story.correction, places)
    shower.corrected(outcome.corrected)
    if story.erasure and story.erasure.entry in places:
        outcome.erased = demo_steps.erase(memory, story.erasure, places, story, path)
    shower.erased(outcome.erased)


@contextmanager
def _place(db: Path | None, *, keep: bool) -> Generator[Path]:
    """Where the demo's space is made: a folder that goes away, one that is kept, or the file that was named."""
    if db is not None:
        path = db.absolute()
        if path.exists():
            raise failure.FileExists(f"{path} is there already; the demo makes a new space. It was not changed.")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield path
    elif keep:
        yield Path(tempfile.mkdtemp(prefix="holdfast-demo-")) / "demo.db"
    else:
        with tempfile.TemporaryDirectory(prefix="holdfast-demo-") as folder:
            yield Path(folder) / "demo.db"
