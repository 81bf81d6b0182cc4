"""Correcting replaces what is said, revising what is noted; a version that was not seen is a conflict."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from holdfast import Kind, Trust
from holdfast.errors import Gone, InvalidField, InvalidText, InvalidTime, Rejected, VersionConflict
from tests.services.scenes import found, refused, state_of


def test_a_corrected_fact_is_not_recalled_and_stays_in_history(memory, clock):
    old = memory.remember("Ada lives in Lisbon.", category="place", tags=["home"], confidence=0.8)
    clock.advance(60_000)
    new = memory.correct(old.id, "Ada lives in Porto.", reason="she moved")
    assert found(memory, "Where does Ada live? Lisbon?", limit=100) == ["Ada lives in Porto."]
    assert [record.id for record in memory.records()] == [new.id]
    held = memory.get(old.id)
    assert (held.text, held.superseded_by, held.superseded_at) == (old.text, new.id, clock.now)
    assert (new.category, new.tags, new.confidence, new.valid_from) == ("place", ("home",), 0.8, clock.now)
    assert [entry.what for entry in memory.history(old.id)] == ["remembered", "superseded"]
    assert old.text not in "".join(memory.export())
    assert old.text in "".join(memory.export(superseded=True))


def test_a_corrected_turn_stays_in_its_session_as_it_was_said(memory):
    chat = memory.session("chat-1", user="Ada")
    turn = chat.add("user", "I live in Lisbon.", when="2023-05-08")
    chat.add("user", "It is warm here.")
    fact = memory.correct(turn.id, "Ada lives in Porto.")
    assert [turn.text for turn in chat.turns()] == ["I live in Lisbon.", "It is warm here."]
    assert chat.turns()[0].superseded_by == fact.id
    assert "I live in Lisbon." not in found(memory, "Lisbon", limit=100)
    assert (fact.kind, fact.subject, fact.session) == (Kind.FACT, "Ada", None)


def test_rejected_words_do_not_come_back_by_themselves(memory):
    memory.correct(memory.remember("Ada lives in Lisbon.").id, "Ada lives in Porto.")
    for same in ("Ada lives in Lisbon.", "  ada LIVES in\nlisbon ", "Ada lives in Lisbon!!"):
        with refused(memory, Rejected, "readmit"):
            memory.remember(same)
    back = memory.remember("Ada lives in Lisbon.", readmit=True)
    assert "Ada lives in Lisbon." in found(memory, "Lisbon")
    memory.remember("Ada lives in Lisbon.")
    assert memory.get(back.id).superseded_by is None


def test_a_correction_brings_rejected_words_back(memory):
    first = memory.remember("Ada lives in Lisbon.")
    second = memory.correct(first.id, "Ada lives in Porto.")
    third = memory.correct(second.id, "Ada lives in Lisbon.")
    assert found(memory, "Where does Ada live?") == ["Ada lives in Lisbon."]
    memory.remember("Ada lives in Lisbon.", key="again")
    with refused(memory, Rejected):
        memory.remember("Ada lives in Porto.")
    assert memory.get(second.id).superseded_by == third.id


def test_a_superseded_memory_names_its_successor_when_corrected_again(memory):
    old = memory.remember("Ada lives in Lisbon.")
    new = memory.correct(old.id, "Ada lives in Porto.")
    with refused(memory, VersionConflict, new.id, "correct that one"):
        memory.correct(old.id, "Ada lives in Faro.")


def test_a_correction_that_says_the_same_is_refused(memory):
    fact = memory.remember("Ada lives in Lisbon.")
    for text in ("Ada lives in Lisbon.", "ADA lives in  Lisbon"):
        with refused(memory, InvalidText, "says the same"):
            memory.correct(fact.id, text)


def test_what_was_forgotten_cannot_be_corrected_nor_brought_back_by_a_correction(memory):
    gone, kept = memory.remember("The code is 7306."), memory.remember("The code is 1111.")
    memory.forget(gone.id)
    with refused(memory, Gone, "forgotten"):
        memory.correct(gone.id, "The code is 2222.")
    with refused(memory, Gone, "forgotten"):
        memory.revise(gone.id, importance=1)
    with refused(memory, Gone, "forgotten"):
        memory.correct(kept.id, "The code is 7306.")


def test_a_correction_has_no_more_trust_than_its_origin_or_what_it_corrects(memory):
    untrusted = memory.remember("Ada lives in Lisbon.", origin="tool")
    assert memory.correct(untrusted.id, "Ada lives in Porto.").trust is Trust.LOW


def test_a_correction_from_a_poorer_origin_has_less_trust(memory):
    trusted = memory.remember("Ada lives in Lisbon.")
    assert memory.correct(trusted.id, "Ada lives in Porto.", origin="recalled").trust is Trust.NONE


def test_revising_changes_what_is_noted_and_never_the_words(memory):
    fact = memory.remember("Ada runs.", tags=["sport"], attributes={"km": 5}, when="2024-01-01", importance=0.1)
    revised = memory.revise(
        fact.id, category="habit", tags=["sport", "daily"], attributes={"km": 10}, confidence=0.5, importance=0.9,
        until="2025-01-01",
    )  # fmt: skip
    assert (revised.text, revised.id, revised.version) == ("Ada runs.", fact.id, 2)
    assert (revised.category, revised.tags, dict(revised.attributes)) == ("habit", ("sport", "daily"), {"km": 10})
    assert (revised.confidence, revised.importance, revised.valid_to) == (0.5, 0.9, 1_735_689_600_000)
    assert [record.version for record in memory.records(where={"tag": "daily"})] == [2]
    assert memory.revise(fact.id, tags=[]).tags == ()
    assert memory.get(fact.id).category == "habit"
    assert list(memory.records(where={"tag": "daily"})) == []
    assert found(memory, "runs") == ["Ada runs."]


def test_revising_nothing_or_to_an_end_before_the_beginning_is_refused(memory):
    fact = memory.remember("Ada runs.", when="2024-01-01")
    with refused(memory, InvalidField, "No field"):
        memory.revise(fact.id)
    for end in ("2024-01-01", "2023-12-31"):
        with refused(memory, InvalidTime, "not after it begins"):
            memory.revise(fact.id, until=end)


def test_a_version_that_is_out_of_date_is_a_conflict(memory):
    fact = memory.remember("Ada runs.")
    memory.revise(fact.id, version=1, importance=0.9)
    for change in (
        lambda: memory.revise(fact.id, version=1, importance=0.1),
        lambda: memory.correct(fact.id, "x", version=1),
    ):
        with refused(memory, VersionConflict, "at version 2, not 1"):
            change()
    assert memory.get(fact.id).importance == 0.9
    for bad in (0, -1, True, "1", 2**31, 1.0):
        with refused(memory, InvalidField, "version"):
            memory.revise(fact.id, version=bad, importance=0.1)


def test_of_two_revisers_who_saw_the_same_version_one_wins(opened, path):
    one, other = opened(path), opened(path)
    fact = one.remember("Ada runs.")
    together = threading.Barrier(2)

    def revise(memory, importance):
        together.wait()
        try:
            return memory.revise(fact.id, version=1, importance=importance).importance
        except VersionConflict:
            return None

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(revise, (one, other), (0.25, 0.75)))
    won = [result for result in results if result is not None]
    assert [one.get(fact.id).importance] == won
    assert one.get(fact.id).version == 2


def test_compare_and_set_loses_no_increment(opened, path):
    memories = [opened(path), opened(path)]
    counter = memories[0].remember("Counter.", attributes={"count": 0})

    def increment(number):
        memory = memories[number % 2]
        while True:
            seen = memory.get(counter.id)
            try:
                memory.revise(counter.id, version=seen.version, attributes={"count": seen.attributes["count"] + 1})
            except VersionConflict:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(200)))
    held = memories[0].get(counter.id)
    assert (held.attributes["count"], held.version) == (200, 201)
    assert memories[1].check() == []


def test_a_superseded_memory_may_be_revised_and_stays_superseded(memory):
    old = memory.remember("Ada lives in Lisbon.")
    memory.correct(old.id, "Ada lives in Porto.")
    memory.revise(old.id, importance=1)
    assert memory.get(old.id).importance == 1
    assert found(memory, "Lisbon") == ["Ada lives in Porto."]
    assert state_of(memory)[0] == memory.storage.rebuild()
