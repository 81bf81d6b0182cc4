"""Take the embedding model away in every way we know, go on remembering and recalling, and give it back.

    python -m bench.outage --rounds 3 --seed 7

In each round a model fails in one way after the other: a model in this process that raises (errors of every sort, also
those that are none, and one that cannot even be printed) or returns what is no vector; and a service behind a real
socket on this machine that is not there, is silent, answers 401, 429 with and without ``Retry-After``, 500, a page
instead of JSON, half an answer, too few vectors, vectors of another length, NaN. In each case

- every write succeeds, and every recall answers by words, with the reason and the number of memories without a vector;
- after 5 failures in a row the breaker is open, `summary` says so, and while it is no call reaches the model;
- after the pause, measured by a clock that is set, one call tries it: while it still fails that is the only one;
- when it works again the backlog is embedded, every vector is right, nothing is lost and `check` finds nothing.

The exit code is 1 when any of this is broken. ``--plant`` breaks it on purpose: ``eager`` asks the model although it
keeps failing, ``trusting`` stores whatever the model returns, ``giving-up`` takes the texts that it failed for as done.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.campaign import begin, end, options, replaced
from bench.outage_service import ANSWERS, Service, serving
from holdfast.adapters.embed.http import OllamaEmbedder, OpenAIEmbedder
from holdfast.adapters.service import Pace
from holdfast.core.vectors import quantise
from holdfast.errors import Closed, EmbedderError, EmbedderRefused, EmbedderUnavailable, InvalidInput, InvalidVector
from holdfast.memory import Memory
from holdfast.model.ids import parse_id
from holdfast.ports.embedder import Embedder
from holdfast.services import breaker, embedding, refused_texts
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock

PLANTS = ("eager", "trusting", "giving-up")
WORDS = ("lamp", "chair", "clock", "desk", "stove", "mirror", "carpet", "ladder", "kettle", "drum", "violin", "anchor")


class Panic(BaseException):
    """What a library in another language raises when it gives up: no `Exception`."""


class Unspeakable(Exception):
    """An error that fails when it is asked what it is."""

    def __str__(self) -> str:
        raise RuntimeError("I cannot say")


RAISED: dict[str, Callable[[], BaseException]] = {
    "unavailable": lambda: EmbedderUnavailable("The model cannot be reached."),
    "refused": lambda: EmbedderRefused("The model refuses everything."),
    "no memory": lambda: MemoryError("no room for the weights"),
    "too deep": lambda: RecursionError("maximum recursion depth exceeded"),
    "stopped": lambda: StopIteration("no more batches"),
    "missing": lambda: KeyError("embedding"),
    "os": lambda: OSError(5, "Input/output error"),
    "timeout": lambda: TimeoutError(),
    "several lines": lambda: RuntimeError("line one\nline two\x1b[31m"),
    "text": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "cancelled": asyncio.CancelledError,
    "panic": lambda: Panic("called `Option::unwrap()` on a `None` value"),
    "unspeakable": Unspeakable,
    "one of ours": lambda: InvalidInput("An error of Holdfast that no model should raise."),
    "closed": lambda: Closed("Another one."),
}
RETURNED: dict[str, Callable[[Any], Any]] = {
    "too wide": lambda made: np.hstack((made, np.zeros((len(made), 1), np.float32))),
    "too narrow": lambda made: made[:, :-1],
    "NaN": lambda made: np.full_like(made, np.nan),
    "infinite": lambda made: np.full_like(made, np.inf),
    "zeros": np.zeros_like,
    "too long": lambda made: made * 2,
    "huge": lambda made: made.astype(np.float64) * 1e300,
    "ragged": lambda made: [list(row)[: len(row) - place % 2 - 1] for place, row in enumerate(made.tolist())],
    "words": lambda made: [["none"] * len(row) for row in made],
    "nothing": lambda made: None,
    "a mapping": lambda made: {"data": made.tolist()},
    "too few": lambda made: made[:-1],
    "too many": lambda made: np.vstack((made, made[:1])),
}


class FailingModel(HashEmbedder):
    """A model that raises or returns what it is told to; what it returns it keeps, and uses again.

    Attributes:
        calls: How often it was asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.raises: Callable[[], BaseException] | None = None
        self.spoils: Callable[[Any], Any] | None = None
        self.calls = 0
        self._made = np.zeros((64, self.dimensions), np.float32)

    def embed(self, texts: Sequence[str]) -> Any:
        """See `Embedder.embed`."""
        self.calls += 1
        if self.raises is not None:
            raise self.raises()
        made = self._made[: len(texts)]
        made[:] = super().embed(texts)
        return made if self.spoils is None else self.spoils(made)

    def embed_query(self, text: str) -> Any:
        """See `Embedder.embed_query`."""
        made = self.embed([text])
        return made if made is None or isinstance(made, dict) else np.asarray(made[0] if len(made) else [])


@dataclass
class Outage:
    """A way to fail: how it begins and ends, and how often the model was asked.

    Attributes:
        queries_too: Questions fail as well; else the breaker has no reason to open.
    """

    name: str
    model: Embedder
    begin: Callable[[], None]
    end: Callable[[], None]
    asked: Callable[[], int]
    queries_too: bool = True


def outages(service: Service) -> Generator[Outage]:
    """Every way to fail."""
    for name, raises in RAISED.items():
        model = FailingModel()
        yield Outage(
            f"raises: {name}",
            model,
            lambda model=model, raises=raises: setattr(model, "raises", raises),
            lambda model=model: setattr(model, "raises", None),
            lambda model=model: model.calls,
        )
    for name, spoils in RETURNED.items():
        model = FailingModel()
        yield Outage(
            f"returns: {name}",
            model,
            lambda model=model, spoils=spoils: setattr(model, "spoils", spoils),
            lambda model=model: setattr(model, "spoils", None),
            lambda model=model: model.calls,
            queries_too=name != "too many",
        )
    patient: dict[str, Any] = {"timeout_s": 0.15, "query_timeout_s": 0.15, "retries": 1, "patience_s": 1.0}
    for place, answer in enumerate(ANSWERS):
        pace = Pace(sleep=lambda _: None)
        if place % 2:
            model = OpenAIEmbedder(f"{service.url}/v1", "hash", pace=pace, **patient)
        else:
            model = OllamaEmbedder(service.url, "hash", pace=pace, **patient)
        yield Outage(
            f"service: {answer}",
            model,
            lambda answer=answer: setattr(service, "answer", answer),
            service.mend,
            lambda: service.requests,
        )


@dataclass
class Case:
    """One outage of one model over one space."""

    outage: Outage
    memory: Memory
    clock: SteppedClock
    chance: random.Random
    said: dict[str, str] = field(default_factory=dict[str, str])
    """Word and text of everything that was remembered."""
    broken: list[str] = field(default_factory=list[str])

    def expect(self, holds: bool, why: str) -> None:
        """Note a promise that was not kept."""
        if not holds:
            self.broken.append(f"{self.outage.name}: {why}")

    def remember(self) -> None:
        """One more memory, with a word of its own."""
        word = f"{self.chance.choice(WORDS)}{len(self.said)}"
        self.said[word] = f"The {word} stands in room {self.chance.randrange(1000)}."
        self.memory.remember(self.said[word])

    def recall(self, *, degraded: bool) -> None:
        """A memory is found by its own word, and the answer says how it was found."""
        word = self.chance.choice(sorted(self.said))
        answer = self.memory.recall(f"Where does the {word} stand?", limit=3)
        self.expect(bool(answer) and answer[0].text == self.said[word], f"a recall did not find the {word}")
        if degraded:
            told = answer.degraded or ""
            self.expect("the embedding model failed" in told, f"a recall did not say why it is degraded: {told!r}")
            count = f"{answer.pending} of {len(self.said)} memories have no vector yet"
            self.expect(answer.pending > 0 and count in told, f"a recall did not say how many wait: {told!r}")
            self.expect(told.isprintable(), f"the reason cannot be printed: {told!r}")
        else:
            self.expect(answer.degraded is None, f"a recall is degraded although the model works: {answer.degraded}")


def play(case: Case) -> None:
    """An outage from its beginning to its end."""
    memory, outage = case.memory, case.outage
    for _ in range(case.chance.randint(1, 12)):
        case.remember()
    memory.settle()
    case.recall(degraded=False)
    outage.begin()
    for _ in range(case.chance.randint(1, 12)):
        case.remember()
    if outage.queries_too:
        for _ in range(breaker.FAILURES):
            case.recall(degraded=True)
        _while_open(case)
        # Still down after the pause: one call finds that out, and the others are spared it.
        case.clock.advance(int(1000 * breaker.PAUSE_S))
        case.expect(memory.summary().breaker != "closed", "the breaker closed by itself")
        before = outage.asked()
        case.recall(degraded=True)
        tried = outage.asked() - before
        case.expect(tried <= 2, f"{tried} calls tried a model that was left alone")
        _while_open(case)
    outage.end()
    case.clock.advance(int(1000 * breaker.PAUSE_S))
    try:
        case.expect(memory.settle() == 0, "the backlog was not embedded")
    except (EmbedderError, InvalidVector) as error:
        case.expect(holds=False, why=f"the model works again and is said to fail: {error}")
    case.recall(degraded=False)
    case.expect(memory.summary().breaker == "closed", "the breaker did not close")
    case.broken += [f"{outage.name}: {why}" for why in (*memory.check(), *_wrong_vectors(case))]


def _while_open(case: Case) -> None:
    """The model is left alone, whatever is asked."""
    with case.memory._space.embedding._one_at_a_time:
        pass  # a call that was under way when it opened ends first
    found, before = case.memory.summary(), case.outage.asked()
    case.expect(found.breaker == "open", f"after {breaker.FAILURES} failures in a row the breaker is {found.breaker}")
    case.expect(bool(found.model_failure), "the summary does not say what the model failed with")
    for _ in range(3):
        case.remember()
        case.recall(degraded=True)
    try:
        case.memory.settle()
        case.expect(holds=False, why="settling did not say that the model is left alone")
    except (EmbedderError, InvalidVector):
        pass
    case.expect(case.outage.asked() == before, "the model was asked although it is left alone")


def _wrong_vectors(case: Case) -> Generator[str]:
    held = {record.id: record for record in case.memory.records()}
    if sorted(record.text for record in held.values()) != sorted(case.said.values()):
        yield f"{len(case.said)} memories were acknowledged and {len(held)} are held"
    with case.memory._space.store.reading() as reader:
        stored = reader.vectors(0)
        codes = dict(zip(stored.ns.tolist(), stored.values.astype(np.int32), strict=True))
        places = {found.n: held[one].entry for one in held if (found := reader.find(parse_id(one))) is not None}
    if codes.keys() != places.keys():
        yield f"{len(places)} memories have {len(codes)} vectors"
    for n, entry in places.items():
        # A service sends numbers as text, so the last bit may differ.
        right = quantise(HashEmbedder().embed([entry]))[0][0].astype(np.int32)
        if n in codes and int(np.abs(codes[n] - right).max()) > 1:
            yield f"the vector of {entry!r} is that of another text"


# Faults


@contextmanager
def planted(plant: str | None) -> Generator[None]:
    """The named fault, for the time of a ``with``."""
    with ExitStack() as stack:
        if plant == "eager":
            stack.enter_context(replaced(breaker.Breaker, "_admit", lambda self: None))
        elif plant == "trusting":
            stack.enter_context(replaced(embedding, "checked_vectors", lambda made, *_: np.asarray(made, np.float32)))
        elif plant == "giving-up":
            stack.enter_context(replaced(embedding.Embedding, "_see_whether_it_works", lambda *_, **__: None))
            stack.enter_context(replaced(refused_texts, "AGAIN_S", ()))
        yield


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("outage", __doc__, PLANTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="outages whose name holds this")
    parser.add_argument("--some", type=int, default=0, help="only so many of them, by chance")
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    start, broken, cases, memories = time.monotonic(), list[str](), 0, 0
    with planted(given.plant), replaced(embedding, "WAIT_S", (0.0, 0.001)), serving() as service:
        for number in range(given.rounds):
            wanted = [outage for outage in outages(service) if given.only in outage.name]
            if given.some:
                wanted = random.Random(f"{seed}.{number}").sample(wanted, given.some)
            for outage in wanted:
                chance, clock = random.Random(f"{seed}.{number}.{outage.name}"), SteppedClock(seed=number)
                path = folder / f"{cases}.db"
                with Memory.open(path, embedder=outage.model, clock=clock, touches=False) as memory:
                    case = Case(outage, memory, clock, chance)
                    try:
                        play(case)
                    except Exception as error:  # noqa: BLE001 - whatever a call raised, it should not have
                        case.broken.append(f"{outage.name}: a call raised {error!r}")
                    outage.end()
                cases, memories = cases + 1, memories + len(case.said)
                broken += case.broken
                if not case.broken:
                    for file in folder.glob(f"{path.name}*"):
                        file.unlink()
    print(
        f"outages {cases}  memories {memories}  requests {service.requests}  broken {len(broken)}  seed {seed}  "
        f"{time.monotonic() - start:.0f} s"
    )
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
