"""A key makes a call safe to repeat: one effect, one answer, whenever and wherever it is repeated."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from holdfast import Memory, Turn
from holdfast.errors import Gone, KeyReused
from tests.services.conftest import START_MS
from tests.services.scenes import refused, state_of

YEAR_MS = 366 * 86_400_000
LINE = json.dumps(
    {"conversation": "c", "entries": [{"author": "Ada", "text": "Hello"}, {"role": "user", "text": "Hi"}]}
)


def remember(memory: Memory, **changes):
    return memory.remember(**({"text": "Ada runs.", "category": "habit", "tags": ["sport"], "key": "k"} | changes))


def add(memory: Memory, **changes):
    return memory.session("chat-1", user="Ada").add(**({"speaker": "user", "text": "Hello", "key": "k"} | changes))


BOTH = pytest.mark.parametrize("call", [remember, add])


@BOTH
def test_the_same_call_again_gives_the_same_memory_and_writes_nothing(memory, call):
    first = call(memory)
    before = state_of(memory)
    assert call(memory) == first
    assert call(memory, text=first.text) == first
    assert state_of(memory) == before


@BOTH
def test_a_retry_much_later_and_after_reopening_is_still_the_same_call(opened, path, clock, call):
    memory = opened(path)
    first = call(memory)
    before = state_of(memory)
    memory.close()
    clock.advance(10 * YEAR_MS)
    again = opened(path)
    assert call(again) == first, "without a time of the caller's, the clock is no argument"
    assert first.valid_from == START_MS
    assert state_of(again) == before


@BOTH
def test_another_body_under_a_used_key_conflicts(memory, call):
    call(memory)
    for changes in ({"text": "Other."}, {"tags": ["else"]}, {"source": "form"}, {"when": "2020-01-01"}):
        with refused(memory, KeyReused, "use a new key"):
            call(memory, **changes)


@BOTH
def test_a_stated_time_is_an_argument_however_it_is_written(memory, call):
    first = call(memory, when="2020-01-01T00:00:00+01:00")
    assert call(memory, when="2019-12-31 23:00") == first
    with refused(memory, KeyReused):
        call(memory, when="2020-01-01")


@BOTH
def test_a_default_that_is_spelled_out_is_the_same_call(memory, call):
    plain = {"tags": (), "attributes": {}, "source": None}
    assert call(memory, **plain) == call(memory, **plain | {"attributes": None, "tags": []})


@BOTH
def test_after_a_forget_the_key_is_gone_for_good(opened, path, clock, call):
    memory = opened(path)
    memory.forget(call(memory).id)
    memory.close()
    clock.advance(YEAR_MS)
    again = opened(path)
    for changes in ({}, {"text": "Other."}):
        with refused(again, Gone, "forgotten"):
            call(again, **changes)


def test_a_derived_memory_that_fell_with_its_source_is_gone_too(memory):
    source = memory.remember("Source.")
    memory.remember("Derived.", sources=[source.id], key="d")
    memory.forget(source.id)
    with refused(memory, Gone, "made with this key"):
        memory.remember("Derived.", sources=[source.id], key="d")


def test_a_retry_gives_the_memory_as_it_is_now(memory):
    first = remember(memory)
    memory.revise(first.id, importance=0.9)
    assert remember(memory) == replace(first, importance=0.9, version=2)
    successor = memory.correct(first.id, "Ada swims.")
    assert remember(memory).superseded_by == successor.id


def test_a_key_belongs_to_one_principal_and_one_operation(opened, path):
    ada, bruno = opened(path, as_="ada"), opened(path, as_="bruno")
    made = {remember(ada).id, remember(bruno).id, add(ada).id, add(bruno, text="Other.").id}
    assert len(made) == 4
    assert remember(ada).actor == "ada"
    assert ada.summary().live == 4


def test_keys_within_one_batch_have_one_effect(memory):
    chat = memory.session("chat-1")
    turns = [Turn(speaker="user", text="Hello", key=f"k{number % 2}") for number in range(6)]
    records = chat.add_many(turns)
    assert len({record.id for record in records}) == memory.summary().live == 2
    with refused(memory, KeyReused):
        chat.add_many([*turns, Turn(speaker="user", text="Other.", key="k1")])


def test_an_import_by_another_principal_adds_nothing_twice(opened, path):
    assert opened(path, as_="ada").import_([LINE]).added == 2
    bruno = opened(path, as_="bruno")
    report = bruno.import_([LINE])
    assert (report.added, report.unchanged) == (0, 2)
    assert bruno.summary().live == 2


def test_keys_and_ids_are_not_kept_in_words(opened, path):
    memory = opened(path)
    memory.remember("Ada runs.", key="ada@example.org")
    memory.close()
    assert b"ada@example.org" not in path.read_bytes()


def test_calls_without_a_key_are_each_their_own(memory):
    assert memory.remember("Ada runs.").id != memory.remember("Ada runs.").id
