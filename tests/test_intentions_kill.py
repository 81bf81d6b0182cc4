"""Of many processes exactly one takes each intention, and a killed one loses none that its session can name.

A taker with a session is promised at least once for that session and never for another; one without, at most once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import Memory

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

COUNT = 24
TAKER = """
import os, sys
from holdfast import Memory

path, session, until = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
with Memory.open(path, embedder=None) as memory:
    print("ready", flush=True)
    sys.stdin.readline()
    used = 0
    while some := memory.intentions.take(session=session, limit=1):
        for one in some:
            print("used", one.text, flush=True)
            used += 1
            if used == until:
                os.kill(os.getpid(), 9)
            if session:
                memory.intentions.done(one.id)
                print("done", one.text, flush=True)
"""
"""Takes one after the other, uses and closes it; dies between using and closing the one of the number given."""


def filled(path: Path) -> set[str]:
    with Memory.open(path, embedder=None) as memory:
        return {memory.intend(f"n{number}", when="now").text for number in range(COUNT)}


def taker(path: Path, session: str = "", dies_at: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TAKER, str(path), session, str(dies_at)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=os.environ,
    )  # fmt: skip


def run(takers: list[subprocess.Popen[str]]) -> list[dict[str, list[str]]]:
    """Start them at the same moment; gives what each used and closed."""
    for one in takers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in takers:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    told = []
    for one in takers:
        said = [line.split() for line in one.communicate(timeout=60)[0].splitlines()]
        told.append({what: [name for act, name in said if act == what] for what in ("used", "done")})
    return told


def test_of_several_processes_exactly_one_takes_each(tmp_path):
    path = tmp_path / "space.db"
    noted = filled(path)
    takers = [taker(path), taker(path, "s")]
    used = [name for one in run(takers) for name in one["used"]]
    assert [one.returncode for one in takers] == [0, 0]
    assert len(used) == len(set(used))
    assert set(used) == noted
    with Memory.open(path, embedder=None) as memory:
        assert memory.check() == []


def test_what_a_killed_process_took_comes_again_to_its_session_alone(tmp_path):
    path = tmp_path / "space.db"
    noted = filled(path)
    takers = [taker(path, "mine", dies_at=2), taker(path, "theirs", dies_at=3)]
    mine, theirs = run(takers)
    assert [one.returncode for one in takers] == [-signal.SIGKILL, -signal.SIGKILL]
    assert (len(mine["used"]), len(mine["done"]), len(theirs["used"]), len(theirs["done"])) == (2, 1, 3, 2)
    with Memory.open(path, embedder=None) as memory:
        assert [one.text for one in memory.intentions.take(session="mine", limit=1)] == mine["used"][-1:]
        rest = [one.text for one in memory.intentions.take(session="theirs")]
    assert rest[0] == theirs["used"][-1], "what was taken and not done comes first"
    assert set(rest).isdisjoint({*mine["used"], *theirs["done"]})
    assert {*mine["used"], *theirs["done"], *rest} == noted


def test_what_a_process_took_without_a_session_is_used_at_most_once(tmp_path):
    path = tmp_path / "space.db"
    noted = filled(path)
    (told,) = run([killed := taker(path, dies_at=6)])
    assert killed.returncode == -signal.SIGKILL
    with Memory.open(path, embedder=None) as memory:
        rest = [one.text for one in memory.intentions.take(session="s")]
    assert len(told["used"]) == 6
    assert sorted(told["used"] + rest) == sorted(noted)
