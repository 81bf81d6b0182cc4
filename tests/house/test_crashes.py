"""Several processes at one house, and processes that die in the middle: it opens, repairs itself, orphans nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import NotAllowed
from tests.house.scenes import bytes_under, names_under, refused

CANARY = "zanzibar-canary"
DIES = """
import os, signal, sys
from holdfast import house_wiring
from holdfast.house import Holdfast
from holdfast.house_wiring import OpenSpaces
from holdfast.services.sharing import Sharing
from pathlib import Path

folder, where = sys.argv[1:]

def dying(thing, name, *, after=False, on=lambda *a: True):
    real = getattr(thing, name)
    def call(*args, **kwargs):
        if not on(*args):
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(thing, name, call)

with Holdfast.open(folder, embedder=None) as house:
    if where.startswith("create"):
        match where:
            case "create: row, no file": dying(house_wiring, "open_space")
            case "create: file, not noted": dying(house_wiring, "open_space", after=True)
            case "create: noted": dying(OpenSpaces, "_make", after=True)
        house.create("acme/new")
    else:
        house.space("acme/ada").recall("anything")
        match where:
            case "drop: before": dying(Sharing, "bury")
            case "drop: buried": dying(Sharing, "bury", after=True)
            case "drop: closed": dying(OpenSpaces, "close_space", after=True)
            case "drop: overwritten": dying(house_wiring, "_overwrite", after=True)
            case "drop: one file gone": dying(Path, "unlink", after=True)
            case "drop: file gone": dying(Path, "unlink", after=True, on=lambda path: path.name.endswith(".db"))
            case "drop: erased": dying(OpenSpaces, "erase", after=True)
            case "drop: finished": dying(Sharing, "finish", after=True)
        house.drop("acme/ada", confirm="acme/ada")
"""
CREATES = ("create: row, no file", "create: file, not noted", "create: noted")
DROPS = (
    "drop: before", "drop: buried", "drop: closed", "drop: overwritten", "drop: one file gone", "drop: file gone",
    "drop: erased", "drop: finished",
)  # fmt: skip


def die(folder: Path, where: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", DIES, str(folder), where], check=False)
    assert done.returncode == -signal.SIGKILL, f"it did not die at {where!r}"


@pytest.fixture
def settled(opened):
    """A house with a space that holds a canary, closed."""
    house = opened()
    house.create("acme/ada")
    memory = house.space("acme/ada")
    for number in range(50):
        memory.remember(f"{CANARY} {number}", subject=CANARY)
    house.create("acme/other")
    house.space("acme/other").remember("Stays.")
    house.grant("ann", "acme/ada", "write")
    house.close()


@pytest.mark.parametrize("where", CREATES)
def test_a_creation_that_died_is_finished_when_the_space_is_used(settled, opened, folder, where):
    die(folder, where)
    house = opened()
    assert [entry.name for entry in house.spaces()] == ["acme/ada", "acme/new", "acme/other"]
    assert house.check() == []
    memory = house.space("acme/new")
    memory.remember("It works.")
    assert memory.check() == []
    assert house.check() == []
    receipt = house.drop("acme/new", confirm="acme/new")
    assert house.verify(receipt).holds


@pytest.mark.parametrize("where", DROPS)
def test_a_drop_that_died_is_wholly_done_or_not_at_all(settled, opened, folder, where):
    die(folder, where)
    house = opened()
    assert house.check() == []
    assert house.space("acme/other").summary().live == 1
    if where == "drop: before":
        assert house.space("acme/ada", as_="ann").summary().live == 50
        return
    with refused(NotAllowed):
        house.space("acme/ada", as_="ann")
    (receipt,) = house.receipts()
    assert house.verify(receipt).holds
    assert CANARY.encode() not in bytes_under(folder)
    assert len({name.split(".")[0] for name in names_under(folder)}) == 1
    house.create("acme/ada")
    assert house.space("acme/ada").summary().live == 0


def test_the_test_of_drops_notices_a_house_that_does_not_repair_itself(settled, opened, folder, monkeypatch):
    die(folder, "drop: buried")
    monkeypatch.setattr("holdfast.house.Holdfast._repair", lambda self: None)
    house = opened()
    assert CANARY.encode() in bytes_under(folder)
    assert house.check(), "and the check says so"


CREATOR = """
import sys
from holdfast.errors import AlreadyThere
from holdfast.house import Holdfast
with Holdfast.open(sys.argv[1], embedder=None) as house:
    print("ready", flush=True)
    sys.stdin.readline()
    won = 0
    for number in range(20):
        try:
            house.create(f"acme/{number}")
            won += 1
        except AlreadyThere:
            pass
        house.space(f"acme/{number}").remember(f"{sys.argv[2]} was here.")
print(won, flush=True)
"""


def test_of_processes_that_make_the_same_space_at_once_one_wins(opened, folder):
    """Nor does it matter that none has made the house yet."""
    names = ("ann", "bo", "cy")
    creators = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", CREATOR, str(folder), name], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    for creator in creators:
        assert creator.stdout.readline() == "ready\n"
    for creator in creators:
        creator.stdin.write("go\n")
        creator.stdin.flush()
    won = [int(creator.communicate(timeout=120)[0]) for creator in creators]
    assert sum(won) == 20
    house = opened()
    assert len(house.spaces()) == 20
    assert [house.space(entry.name).summary().live for entry in house.spaces()] == [3] * 20
    assert house.check() == []


HOLDER = """
import sys
from holdfast.errors import NotAllowed
from holdfast.house import Holdfast
with Holdfast.open(sys.argv[1], embedder=None) as house:
    memory = house.space("acme/ada")
    session = memory.session("s")
    records = memory.records()
    next(records)
    print("ready", flush=True)
    sys.stdin.readline()
    for call in (memory.summary, lambda: memory.remember("more"), session.turns, lambda: next(records),
                 lambda: session.add("user", "more"), lambda: house.space("acme/ada")):
        try:
            print("answered", call(), flush=True)
        except NotAllowed:
            pass
    print(len(house._spaces._open), flush=True)
"""


def test_a_space_dropped_while_another_process_holds_it_is_gone_for_both(settled, opened, folder):
    holder = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "ready\n"
    house = opened()
    receipt = house.drop("acme/ada", confirm="acme/ada")
    out, trouble = holder.communicate("go\n", timeout=120)
    assert (out, trouble) == ("0\n", "")
    assert house.verify(receipt).holds
    assert CANARY.encode() not in bytes_under(folder)


WRITER = """
import sys
from holdfast.errors import NotAllowed
from holdfast.house import Holdfast
with Holdfast.open(sys.argv[1], embedder=None) as house:
    memory = house.space("acme/ada")
    print("ready", flush=True)
    number = 0
    try:
        while True:
            memory.remember(f"zanzibar-canary again {number}")
            number += 1
    except NotAllowed:
        print("refused", flush=True)
"""


def test_a_space_dropped_under_writers_of_another_process_leaves_nothing(settled, opened, folder):
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    house = opened()
    receipt = house.drop("acme/ada", confirm="acme/ada")
    for writer in writers:
        out, trouble = writer.communicate(timeout=120)
        assert (out, trouble) == ("refused\n", "")
    assert house.verify(receipt).holds
    assert CANARY.encode() not in bytes_under(folder)
    assert house.check() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_forked_child_is_told_to_open_the_house_itself(opened):
    house = opened()
    house.create("acme")
    code = os.fork()
    if code == 0:
        try:
            house.spaces()
        except BaseException as error:  # noqa: BLE001 - a child must not return into pytest
            os._exit(7 if "fork" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]) == 7
    assert len(house.spaces()) == 1
