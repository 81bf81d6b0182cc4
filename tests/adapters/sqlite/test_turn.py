"""Turns between processes: who waits is not overtaken, and who is gone keeps nobody waiting."""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.adapters.sqlite import turn
from holdfast.adapters.sqlite.turn import Turnstile
from holdfast.errors import StoreBusy

pytestmark = pytest.mark.skipif(turn.fcntl is None, reason="there are no file locks here")
IN_LINE = pytest.mark.skipif(not turn._HAS_PLACES, reason="there are no locks of an open file here")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "space.db")


@pytest.fixture
def turnstile(path: str) -> Iterator[Callable[[], Turnstile]]:
    """Makes turnstiles of one space; each has files of its own, as in a process of its own."""
    with ExitStack() as stack:

        def made() -> Turnstile:
            one = Turnstile(path)
            stack.callback(one.close)
            return one

        yield made


def waiting(path: str) -> int:
    """How many places in line are held."""
    line = os.open(f"{path}-lock", os.O_RDWR)
    try:
        places, place = 0, 0
        while (taken := turn._taken_from(line, place, turn._TO_THE_END)) is not None:
            places, place = places + 1, taken + 1
        return places
    finally:
        os.close(line)


def until(ready: Callable[[], bool]) -> None:
    """Look again and again; a test that hangs here is ended by its own limit."""
    patience = threading.Event()
    for _ in range(1500):
        if ready():
            return
        patience.wait(0.01)
    raise AssertionError("it never came to that")


@IN_LINE
def test_those_who_wait_get_in_in_the_order_in_which_they_came(path, turnstile) -> None:
    order = list[int]()

    def take(number: int) -> None:
        with turnstile().turn():
            order.append(number)

    with ThreadPoolExecutor(8) as pool, turnstile().turn():
        for number in range(8):
            pool.submit(take, number)
            until(lambda number=number: waiting(path) == number + 2)
    assert order == list(range(8))
    assert waiting(path) == 0


@IN_LINE
def test_who_has_just_written_comes_after_those_who_wait(path, turnstile) -> None:
    order, mine = list[str](), turnstile()

    def take(name: str) -> None:
        with turnstile().turn():
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        with mine.turn():
            for place, name in enumerate(("ann", "ben"), 2):
                pool.submit(take, name)
                until(lambda place=place: waiting(path) == place)
        with mine.turn():
            order.append("me again")
    assert order == ["ann", "ben", "me again"]


@IN_LINE
def test_who_dies_in_line_keeps_nobody_waiting_and_lets_nobody_pass(path, turnstile, monkeypatch) -> None:
    order, dead = list[str](), os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT)
    looks, looked = turn._taken_from, threading.Event()

    def noted(line: int, start: int, length: int) -> int | None:
        found = looks(line, start, length)
        if is_dead and length != turn._TO_THE_END:
            looked.set()
        return found

    def take() -> None:
        with turnstile().turn():
            order.append("behind")

    is_dead = False
    monkeypatch.setattr(turn, "_taken_from", noted)
    with ThreadPoolExecutor(1) as pool, turnstile().turn():
        assert turn._last_place(dead) == 1
        behind = pool.submit(take)
        until(lambda: waiting(path) == 3)
        os.close(dead)
        is_dead = True
        assert looked.wait(15)
        assert waiting(path) == 2
        assert not behind.done()
        order.append("first")
    assert order == ["first", "behind"]


@IN_LINE
def test_of_three_the_last_does_not_pass_the_second_when_the_one_between_them_goes(path) -> None:
    first, second, between = (os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT) for _ in range(3))
    assert [turn._last_place(line) for line in (first, second, between)] == [0, 1, 2]
    last, wait = os.open(f"{path}-lock", os.O_RDWR), turn._Wait(path)
    looks = list[int]()

    def one_look(_: object, ready: Callable[[], bool]) -> None:
        assert not ready()
        os.close(between)
        assert not ready(), "it passed the second"
        os.close(first)
        assert not ready(), "it passed the second"
        os.close(second)
        assert ready()
        looks.append(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn._Wait, "until", one_look)
        with turn._in_line(last, wait):
            assert looks == [1]
    os.close(last)


def test_who_holds_the_turn_without_a_place_is_waited_for(path, turnstile, monkeypatch) -> None:
    # As a process of a version that knew no places does.
    assert turn.fcntl is not None
    held = os.open(f"{path}-turn", os.O_RDWR | os.O_CREAT)
    turn.fcntl.flock(held, turn.fcntl.LOCK_EX)
    monkeypatch.setattr(turn, "WAIT_S", 0.02)
    with pytest.raises(StoreBusy), turnstile().turn():
        pass
    os.close(held)
    with turnstile().turn():
        pass


@IN_LINE
def test_of_two_who_step_up_at_once_none_stands_before_somebody_who_was_there(path, monkeypatch) -> None:
    lines = [os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    looks = turn._taken_from

    def moved_on(line: int, start: int, length: int) -> int | None:
        """Between the first look, which finds nobody, and the step two come, and the first of them leaves."""
        monkeypatch.setattr(turn, "_taken_from", looks)
        found = looks(line, start, length)
        assert [turn._last_place(one) for one in lines[1:]] == [0, 1]
        turn._set(lines[1], turn._FREE, 0)
        return found

    monkeypatch.setattr(turn, "_taken_from", moved_on)
    assert turn._last_place(lines[0]) == 2
    for line in lines:
        os.close(line)


@pytest.mark.parametrize("in_line", [pytest.param(True, marks=IN_LINE), False])
def test_never_two_have_the_turn(turnstile, monkeypatch, in_line: bool) -> None:
    monkeypatch.setattr(turn, "_HAS_PLACES", in_line)
    inside, most = list[int](), list[int]()

    def take(number: int) -> None:
        mine = turnstile()
        for _ in range(40):
            with mine.turn():
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(take, number) for number in range(6)]:
            assert future.result(60) is None
    assert (set(most), len(most)) == ({1}, 240)


@pytest.mark.parametrize("in_line", [pytest.param(True, marks=IN_LINE), False])
def test_who_waits_too_long_is_told_and_gives_up_his_place(path, turnstile, monkeypatch, in_line: bool) -> None:
    monkeypatch.setattr(turn, "_HAS_PLACES", in_line)
    monkeypatch.setattr(turn, "WAIT_S", 0.02)
    other = turnstile()
    with turnstile().turn(), pytest.raises(StoreBusy, match=r"kept the turn.*Nothing was written"), other.turn():
        pass
    assert not in_line or waiting(path) == 0
    with other.turn():
        pass


@IN_LINE
def test_an_error_inside_lets_go_of_turn_and_place(path, turnstile) -> None:
    with pytest.raises(KeyboardInterrupt), turnstile().turn():
        raise KeyboardInterrupt
    assert waiting(path) == 0
    with turnstile().turn():
        assert waiting(path) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="what is checked is Linux")
def test_there_are_places_on_linux() -> None:
    assert turn._HAS_PLACES is (struct.calcsize("P") == 8)


@IN_LINE
def test_an_interrupt_as_a_place_is_taken_leaves_nobody_waiting(turnstile, path, monkeypatch):
    first, second = turnstile(), turnstile()
    taken = turn._last_place

    def interrupted(line: int) -> int:
        taken(line)
        raise KeyboardInterrupt

    with second.turn():
        monkeypatch.setattr(turn, "_last_place", interrupted)
        with pytest.raises(KeyboardInterrupt), first.turn():
            pass
        monkeypatch.setattr(turn, "_last_place", taken)
    assert waiting(path) == 0
    monkeypatch.setattr(turn, "WAIT_S", 0.5)
    with second.turn():
        pass
