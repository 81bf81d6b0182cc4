"""Send keyed writes several times at once from threads of several processes, kill these meanwhile, and count effects.

    python -m bench.retries --keys 10000 --seed 7

Every key is sent 1 to 5 times with the same body, in an order by chance, by four processes with four threads each; so
sends of one key meet, within a process and between processes. Each process is killed with SIGKILL at random moments and
started again with the sends that it has not acknowledged. In the end there is one memory for each key, all answers
that were given for a key named that one, and each holds its body. Then every key is sent with another body, which is a
conflict; and some are forgotten and sent again with either body, which is gone. ``check`` finds nothing.

The exit code is 1 when anything was broken. ``--plant`` breaks it on purpose: ``scattered`` makes the id of a key
depend on the process, ``deaf`` takes any body for the first one, ``hasty`` acknowledges before the write.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Threads that the numerical library would start do not survive the forks below, and nothing here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bench.campaign import SHOWN, begin, end, options, replaced
from holdfast.core import decide
from holdfast.errors import Gone, HoldfastError, KeyReused
from holdfast.memory import Memory
from holdfast.model.records import Record
from holdfast.services import taking
from holdfast.services.remembering import Remembering

PROCESSES, THREADS = 4, 4
MOST_SENDS = 5
LIFE_S = (0.1, 2.0)
"""Between so many seconds a process lives until it is killed, unless it is done."""
SILENT_S = 120.0
"""A process that says nothing for so long hangs."""
FORGOTTEN = 50
"""Of so many keys one is forgotten."""
PLANTS = ("scattered", "deaf", "hasty")
_NOBODY = "01a1f83c-0000-7000-8000-000000000000"


def body_of(key: int, *, other: bool = False) -> str:
    """The text that is sent under a key."""
    return f"The {'other' if other else 'one'} thing that was said under number {key}."


def send(memory: Memory, key: int, *, other: bool = False) -> Record:
    """Send a key: every third one is a turn of a session, the others are facts."""
    text = body_of(key, other=other)
    if key % 3 == 0:
        return memory.session(f"talk {key % 7}").add("user", text, key=f"k{key}")
    return memory.remember(text, key=f"k{key}", tags=[f"t{key % 5}"])


# The processes


def work(path: Path, pipe: int, sends: Sequence[tuple[int, int]], plant: str | None) -> None:
    """Send and acknowledge until all is sent; killed before, mostly."""
    waiting, lock = iter(sends), threading.Lock()
    with planted(plant), Memory.open(path, embedder=None, touches=False) as memory:

        def run() -> None:
            while True:
                with lock:
                    place, key = next(waiting, (-1, -1))
                if place < 0:
                    return
                if plant == "hasty":
                    _say(pipe, place, _NOBODY)
                _say(pipe, place, send(memory, key).id)

        _together([run] * THREADS, pipe)


def _together(bodies: Sequence[Callable[[], None]], pipe: int) -> None:
    def safely(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: told to the parent, which counts it
            _say(pipe, -1, repr(error))

    threads = [threading.Thread(target=safely, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _say(pipe: int, place: int, answer: str) -> None:
    os.write(pipe, json.dumps((place, answer)).encode() + b"\n")  # short: in one piece


@dataclass
class Sender:
    """A process that sends, with what it has still to send."""

    sends: list[tuple[int, int]]
    """Place among all sends, and key."""
    number: int = 0
    pipe: int = -1
    dies_s: float = 0.0
    heard: bytes = b""

    def start(self, path: Path, life_s: float, plant: str | None) -> None:
        """Fork. Nothing of SQLite is open in this process at that moment."""
        self.pipe, theirs = os.pipe()
        self.dies_s, self.heard = time.monotonic() + life_s, b""
        self.number = os.fork()
        if self.number == 0:
            code = 1
            try:
                os.close(self.pipe)
                work(path, theirs, self.sends, plant)
                code = 0
            except BaseException as error:  # noqa: BLE001 - the edge of the process: told to the parent
                _say(theirs, -1, repr(error))
            finally:
                os._exit(code)
        os.close(theirs)

    def hear(self) -> tuple[list[tuple[int, str]], bool]:
        """What it has said since, and whether that was all: it has ended."""
        some = os.read(self.pipe, 1 << 16)
        *lines, self.heard = (self.heard + some).split(b"\n")
        if not some:
            os.close(self.pipe)
            os.waitpid(self.number, 0)
        return [tuple(json.loads(line)) for line in lines], not some


# The campaign


@dataclass
class Outcome:
    """What a campaign came to."""

    answers: dict[int, set[str]] = field(default_factory=lambda: defaultdict[int, set[str]](set))
    """Ids that were given for each key."""
    sends: int = 0
    kills: int = 0
    conflicts: int = 0
    gone: int = 0
    broken: list[str] = field(default_factory=list[str])


def run(folder: Path, keys: int, seed: int, plant: str | None) -> Outcome:
    """Send, kill, count."""
    chance, path, outcome = random.Random(seed), folder / "keys.db", Outcome()
    order = [key for key in range(keys) for _ in range(chance.randint(1, MOST_SENDS))]
    # What is sent twice is sent at about the same time: by places that are near each other in the order.
    order = [key for _, key in sorted((key + chance.uniform(0, 40), key) for key in order)]
    sends = list(enumerate(order))
    outcome.sends = len(sends)
    senders = [Sender(sends[place::PROCESSES]) for place in range(PROCESSES)]
    for sender in senders:
        sender.start(path, chance.uniform(*LIFE_S), plant)
    running = {sender.pipe: sender for sender in senders}
    heard_s = time.monotonic()
    while running:
        ready, _, _ = select.select(list(running), [], [], 0.01)
        for pipe in ready:
            sender, heard_s = running[pipe], time.monotonic()
            lines, ended = sender.hear()
            _take(outcome, sender, order, lines)
            if ended:
                del running[pipe]
                if sender.sends and len(outcome.broken) < SHOWN:
                    sender.start(path, chance.uniform(*LIFE_S), plant)
                    running[sender.pipe] = sender
        now = time.monotonic()
        for sender in running.values():
            if now >= sender.dies_s:
                os.kill(sender.number, signal.SIGKILL)
                sender.dies_s = float("inf")
                outcome.kills += 1
        if now - heard_s > SILENT_S:
            outcome.broken.append(f"nobody said anything for {SILENT_S:.0f} s")
            for sender in running.values():
                os.kill(sender.number, signal.SIGKILL)
    with planted(plant), Memory.open(path, embedder=None, touches=False) as memory:
        judge(memory, keys, outcome, chance)
    return outcome


def _take(outcome: Outcome, sender: Sender, order: list[int], lines: list[tuple[int, str]]) -> None:
    answered = set[int]()
    for place, answer in lines:
        if place < 0:
            outcome.broken.append(f"a sender failed: {answer}")
            continue
        answered.add(place)
        outcome.answers[order[place]].add(answer)
    sender.sends = [(place, key) for place, key in sender.sends if place not in answered]


def judge(memory: Memory, keys: int, outcome: Outcome, chance: random.Random) -> None:
    """Hold a space against what was sent and answered."""
    broken = outcome.broken
    held = {record.id: record.text for record in memory.records()}
    texts = sorted(held.values())
    if texts != sorted(body_of(key) for key in range(keys)):
        broken.append(f"{keys} keys had {len(held)} effects, of {len(set(texts))} different texts")
    for key in range(keys):
        answers = outcome.answers[key]
        if len(answers) != 1 or held.get(*answers) != body_of(key):
            broken.append(f"key {key} was answered with {sorted(answers)}, which hold {[held.get(a) for a in answers]}")
    if broken:
        return  # what follows would only say it again
    before = memory.summary().events, memory.storage.digest()
    for key in range(keys):
        outcome.conflicts += _is_refused(memory, key, KeyReused, broken, other=True)
    if (memory.summary().events, memory.storage.digest()) != before:
        broken.append("what was refused as a conflict left something behind")
    forgotten = chance.sample([key for key in range(keys) if len(outcome.answers[key]) == 1], max(1, keys // FORGOTTEN))
    for key in forgotten:
        memory.forget(*outcome.answers[key])
    before = memory.summary().events, memory.storage.digest()
    for key in forgotten:
        for other in (False, True):
            outcome.gone += _is_refused(memory, key, Gone, broken, other=other)
    if (memory.summary().events, memory.storage.digest()) != before or memory.summary().live != keys - len(forgotten):
        broken.append("what was refused as gone left something behind")
    broken.extend(memory.check())


def _is_refused(memory: Memory, key: int, error: type[HoldfastError], broken: list[str], *, other: bool) -> bool:
    try:
        send(memory, key, other=other)
    except error:
        return True
    except HoldfastError as wrong:
        broken.append(f"key {key} was answered with {wrong!r} instead of {error.__name__}")
    else:
        broken.append(f"key {key} was taken again, instead of {error.__name__}")
    return False


@contextmanager
def planted(plant: str | None) -> Generator[None]:
    """The named fault, for the time of a ``with``."""
    keyed = Remembering.keyed_record

    def scattered(self: Remembering, operation: str, key: str) -> Any:
        return keyed(self, f"{operation} {os.getpid()}", key)

    with ExitStack() as stack:
        if plant == "scattered":
            stack.enter_context(replaced(Remembering, "keyed_record", scattered))
        elif plant == "deaf":
            stack.enter_context(replaced(taking, "same_call", lambda *_: True))
            stack.enter_context(replaced(decide, "_same_arguments", lambda *_: None))
        yield


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("retries", __doc__, PLANTS)
    parser.add_argument("--keys", type=int, default=10_000)
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    start = time.monotonic()
    outcome = run(folder, given.keys, seed, given.plant)
    print(
        f"keys {given.keys}  sends {outcome.sends}  kills {outcome.kills}  conflicts {outcome.conflicts}  "
        f"gone {outcome.gone}  broken {len(outcome.broken)}  seed {seed}  {time.monotonic() - start:.0f} s"
    )
    return end(given, folder, outcome.broken)


if __name__ == "__main__":
    sys.exit(main())
