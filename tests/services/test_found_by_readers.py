"""Faults that readers of the code found, each held off by the test that shows it."""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest

from holdfast import Memory
from holdfast.adapters.sqlite import snapshots
from holdfast.adapters.sqlite.rows import heads_of
from holdfast.core.journal_lines import JournalHead, journal_lines
from holdfast.core.proof import genesis
from holdfast.errors import Closed, Damaged, Gone, InvalidField, InvalidInput, NotFound, StoreBusy, StoreError
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock
from tests.services.scenes import tamper


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ada.db"


def test_an_altered_time_lets_no_error_out_that_is_not_ours(path):
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada runs.")
    tamper(path, "UPDATE event SET hlc = -4500263493806587889 WHERE seq = 1")
    with Memory.open(path, embedder=None) as memory:
        for ask in (memory.export, memory.storage.journal):
            with pytest.raises(Damaged):
                list(ask())
        assert memory.check()


def test_an_altered_version_is_not_returned(path):
    with Memory.open(path, embedder=None) as memory:
        record = memory.remember("Ada runs.")
    tamper(path, "UPDATE event SET version = 9 WHERE seq = 1")
    with Memory.open(path, embedder=None) as memory:
        with pytest.raises(Damaged):
            memory.get(record.id)
        assert memory.check()


def test_a_node_whose_id_became_a_number_is_told_in_our_words():
    assert heads_of([(b"n" * 16, 3, b"c" * 32)]) == {b"n" * 16: (3, b"c" * 32)}
    for altered in ((7, 3, b"c" * 32), (b"n" * 16, "3", b"c" * 32), (b"n" * 16, 3, 7)):
        with pytest.raises(Damaged):
            heads_of([altered])


def test_a_number_of_a_snapshot_that_leads_nowhere_is_passed_over():
    def rows(sql: str, _values: object) -> list[tuple[int]]:
        return [] if "WHERE seq = ?" in sql else [(5,)]

    assert snapshots.newest_snapshot(rows, 9, None) is None


def test_an_event_of_what_is_no_node_is_not_exported(opened):
    # A byte of a row's own header makes a number of an id, whatever the table takes.
    memory = opened()
    memory.remember("Ada runs.")
    with memory._space.store.reading() as reader:
        (event,) = reader.events(0, 9)
    event = replace(event, header=replace(event.header, node=7))
    with pytest.raises(Damaged):
        list(journal_lines(JournalHead(event.header.space, bytes(32)), [event], 0, {}))


def alter_text(path: Path, old: str, new: str) -> None:
    tamper(path, "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), ?, ?) AS BLOB)", old, new)


def test_an_index_that_failed_to_load_is_not_taken_for_an_empty_one(path):
    with Memory.open(path, embedder=None) as memory:
        memory.remember("The key is under the flowerpot.")
    tamper(path, "UPDATE memory SET terms = x'00'")
    with Memory.open(path, embedder=None) as memory:
        for _ in range(2):
            with pytest.raises(Damaged):
                memory.recall("flowerpot")
        memory.storage.rebuild()
        assert len(memory.recall("flowerpot")) == 1


def test_a_preview_by_question_holds_no_view_while_it_recalls():
    with Memory.open(":memory:", embedder=None) as memory:
        memory.remember("Ada plays the cello.")
        done = threading.Barrier(3)
        failures = []

        def often(call):
            for _ in range(60):
                call()
            done.wait(20)

        calls = (lambda: memory.preview_forget(query="cello"), lambda: memory.recall("cello"))
        threads = [threading.Thread(target=often, args=(call,), daemon=True) for call in calls]
        for thread in threads:
            thread.start()
        done.wait(20)
        assert failures == []


def test_a_read_only_check_of_a_receipt_does_not_say_what_it_cannot_see(path):
    memory = Memory.open(path, embedder=None)
    fact = memory.remember("The code is 7306-zebra.")
    other = Memory.open(path, embedder=None)
    with other._space.store.reading() as reader:
        assert reader.count() == 1
        receipt = memory.forget(fact.id)
        assert receipt.pending is not None
        with Memory.open(path, embedder=None, read_only=True) as looking:
            assert not looking.verify(receipt).holds
    other.close()
    assert memory.verify(receipt).holds
    memory.close()


def test_altered_bytes_are_never_signed_again(path):
    with Memory.open(path, embedder=None) as memory:
        fact = memory.remember("Bo owes 100 euros.")
    alter_text(path, "100 euros", "900 euros")
    with Memory.open(path, embedder=None) as memory:
        for call in (
            lambda: memory.revise(fact.id, importance=0.9),
            lambda: memory.correct(fact.id, "Bo owes nothing."),
            lambda: memory.get(fact.id),
            lambda: list(memory.export()),
        ):
            with pytest.raises(Damaged):
                call()
        assert memory.preview_forget(fact.id).selected == ()


def test_what_cannot_be_read_any_more_can_still_be_forgotten(path):
    with Memory.open(path, embedder=None) as memory:
        fact = memory.remember("Ada owes 100 euros.")
        other = memory.remember("Bo sings.", subject="Bo")
    alter_text(path, "100 euros", "900 euros")
    with Memory.open(path, embedder=None) as memory:
        assert memory.forget(about="Bo").forgotten == (other.id,)
        assert memory.forget(fact.id).payloads == 1
        with pytest.raises(Gone):
            memory.get(fact.id)
        assert memory.check() == []


def test_conditions_all_hold_together():
    with Memory.open(":memory:", embedder=None) as memory:
        for name in ("a", "b"):
            memory.session(name).add("user", f"said in {name}")
        assert memory.forget(where={"session": "a"}, session="b").forgotten == ()
        assert len(memory.forget(where={"session": ["a", "b"]}, session="b").forgotten) == 1
        with pytest.raises(NotFound):
            memory.forget("01a1f839-9738-70cd-b3af-ff195af91038", session="a")
        assert [turn.text for turn in memory.session("a").turns()] == ["said in a"]


def test_a_name_is_found_however_it_is_written_and_no_other_with_it():
    with Memory.open(":memory:", embedder=None) as memory:
        memory.remember("Plays chess.", subject="Jose\u0301")
        memory.remember("Adám came by.")
        memory.remember("Came by.", object="Ada", tags=["visit"])
        memory.remember("Came by again.", tags=["ADA"])
        assert len(memory.preview_forget(about="José").selected) == 1
        mentioned = memory.preview_forget(about="Ada").mentions
        assert {record.text for record in mentioned} == {"Came by.", "Came by again."}


def test_a_correction_that_was_superseded_meanwhile_is_still_answered(path, monkeypatch):
    with Memory.open(path, embedder=None) as memory:
        fact = memory.remember("Ada lives in Lisbon.")
        ledger = memory._space.ledger
        write = ledger.write_events

        def write_and_forget(decide):
            result, events = write(decide)
            monkeypatch.setattr(ledger, "write_events", write)
            memory.forget(*[hit.id for hit in memory.recall("Porto")])
            return result, events

        monkeypatch.setattr(ledger, "write_events", write_and_forget)
        assert memory.correct(fact.id, "Ada lives in Porto.", reason="moved").text == "Ada lives in Porto."


def test_the_reason_of_a_correction_stands_in_its_history():
    with Memory.open(":memory:", embedder=None) as memory:
        new = memory.correct(memory.remember("In Lisbon.").id, "In Porto.", reason="she moved")
        assert memory.history(new.id)[0].reason == "she moved"


def test_a_log_that_cannot_be_emptied_is_pending_and_no_failure(path, monkeypatch):
    with Memory.open(path, embedder=None) as memory:
        fact = memory.remember("The code is 7306-zebra.")

        def fails():
            raise StoreError("the disk is gone")

        monkeypatch.setattr(memory._space.store, "truncate_log", fails)
        receipt = memory.forget(fact.id)
        assert "the disk is gone" in receipt.pending
        with pytest.raises(Gone):
            memory.get(fact.id)


def test_a_turn_that_another_process_never_gives_back_is_not_waited_for_without_end(path, monkeypatch):
    monkeypatch.setattr("holdfast.adapters.sqlite.turn.WAIT_S", 0.0)
    with Memory.open(path, embedder=None) as memory:
        held = os.open(f"{path}-turn", os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match="kept the turn"):
            memory.remember("one")
        os.close(held)
        assert memory.remember("two").text == "two"
        assert [record.text for record in memory.records()] == ["two"]


@pytest.mark.parametrize("which", ["version < 2 AND type = 1", "type = 6"])
def test_a_payload_that_went_without_a_forget_is_a_problem(path, which):
    with Memory.open(path, embedder=None) as memory:
        memory.revise(memory.remember("Ada sings.").id, importance=0.9)
        memory.forget(memory.remember("Bo sings.").id)
        assert memory.check() == []
    tamper(path, f"UPDATE event SET salt = NULL, payload = NULL WHERE {which}")
    with Memory.open(path, embedder=None, read_only=True) as memory:
        assert any("lost its payload" in problem for problem in memory.check())


def test_a_missing_table_is_told_in_our_words(path):
    Memory.open(path, embedder=None).close()
    tamper(path, "DROP TABLE bar")
    with Memory.open(path, embedder=None) as memory, pytest.raises(Damaged, match="no such table"):
        memory.remember("one")


def test_an_altered_label_is_told_in_our_words_and_mended_by_a_rebuild(path):
    with Memory.open(path, embedder=None) as memory:
        memory.session("chat").add("user", "Hello.", author="Ada")
        digest = memory.storage.digest()
    tamper(path, "UPDATE memory SET author = CAST(x'ff41' AS TEXT)")
    with Memory.open(path, embedder=None) as memory:
        with pytest.raises(Damaged, match="rebuild"):
            memory.summary()
        assert memory.storage.rebuild() == digest
        assert memory.summary().by_author == {"Ada": 1}


def test_a_reason_is_given_only_where_it_sets_a_memory_apart():
    with Memory.open(":memory:", embedder=None) as memory:
        memory.remember("The boiler code is on the fridge.")
        memory.session("s").add("user", "The boiler is loud.", author="Ada")
        memory.session("s").add("user", "So it is.", author="Bo")
        fact, *_ = [hit for hit in memory.recall("boiler code") if hit.record.session is None]
        assert fact.reasons == ("same words",)
        said = next(hit for hit in memory.recall("what did Ada say of the boiler?") if hit.record.author == "Ada")
        assert "said by Ada, whom the question names" in said.reasons
        assert not any("names" in reason for hit in memory.recall("boiler") for reason in hit.reasons)


def test_closing_waits_for_a_recall_that_is_under_way():
    memory = Memory.open(":memory:", embedder=None)
    memory.remember("Ada sings.")
    store, closed = memory._space.store, threading.Event()

    def close():
        memory.close()
        closed.set()

    with store.reading() as reader:
        thread = threading.Thread(target=close)
        thread.start()
        assert reader.count() == 1
        assert not closed.is_set()
    thread.join(10)
    assert closed.is_set()
    with pytest.raises(Closed):
        memory.recall("anything")


class Odd(HashEmbedder):
    """A model that gives vectors of any length, or fails in its own way."""

    length = 1.0
    failing = False

    def embed(self, texts):
        if self.failing:
            raise ZeroDivisionError("the model's own")
        return super().embed(texts) * np.float32(self.length)


@pytest.mark.parametrize("length", [200.0, 1e-44, 0.0])
def test_vectors_that_are_not_of_length_one_are_refused(path, length):
    model = Odd(16)
    model.length = length
    with Memory.open(path, embedder=model) as memory:
        memory.remember("Ada sings.")
        found = memory.recall("who sings?")
        assert [hit.text for hit in found] == ["Ada sings."]
        assert "length" in found.degraded
        assert memory.summary().pending == 1


def test_a_model_that_fails_in_its_own_way_does_not_end_the_embedding(path):
    model = Odd(16)
    model.failing = True
    with Memory.open(path, embedder=model) as memory:
        memory.remember("Ada sings.")
        assert "the model's own" in memory.recall("who sings?").degraded
        assert memory._space.embedding._thread.is_alive()
        model.failing = False
        assert memory.settle() == 0


def test_a_clock_that_ran_ahead_elsewhere_is_not_taken_over():
    there, here = SteppedClock(4_000_000_000_000), SteppedClock(1_700_000_000_000)
    with (
        Memory.open(":memory:", embedder=None, clock=there) as one,
        Memory.open(":memory:", embedder=None, clock=here) as two,
    ):
        one.remember("From the future.")
        with one._space.store.reading() as reader:
            events = reader.events(0, 10)
        identity = one._space.store.identity
        two._space.store.adopt(identity, genesis(identity.space, identity.node))
        with pytest.raises(InvalidInput, match="clock"):
            two._space.ledger.merge(events)
        assert two.summary().live == 0


def test_an_id_of_zeros_is_no_memory():
    with Memory.open(":memory:", embedder=None) as memory:
        line = memory.export
        memory.remember("one")
        exported = next(iter(line()))
        bad = exported.replace(exported.split('"id":"')[1][:36], "00000000-0000-0000-0000-000000000000")
        report = memory.import_([bad, exported], skip_errors=True)
        assert (report.added, report.unchanged, len(report.skipped)) == (0, 1, 1)
        with pytest.raises((NotFound, InvalidField)):
            memory.get("00000000-0000-0000-0000-000000000000")


def test_an_index_that_names_a_turn_of_another_session_gives_it_to_none(path):
    with Memory.open(path, embedder=None) as memory:
        for session in ("one", "two"):
            memory.session(session).add("user", f"Said in session {session}.")
    (entry,) = rows_of(
        path, "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE name = 'memory_session'"
    )
    tamper(path, "UPDATE memory SET session = 'two' WHERE session = 'one'")
    in_schema(path, "DELETE FROM sqlite_schema WHERE name = 'memory_session'")
    tamper(path, "UPDATE memory SET session = 'one' WHERE n = 1")  # its entry in the index stays as it was
    in_schema(path, "INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", *entry)
    with Memory.open(path, embedder=None) as memory:
        assert [turn.text for turn in memory.session("two").turns()] == ["Said in session two."]
        assert memory.session("two").window(1_000).memories == tuple(turn.id for turn in memory.session("two").turns())
        assert any("memory_session" in problem for problem in memory.check())


def rows_of(path: Path, sql: str) -> list[tuple[object, ...]]:
    raw = apsw.Connection(str(path))
    found = raw.execute(sql).fetchall()
    raw.close()
    return found


def in_schema(path: Path, sql: str, *values: object) -> None:
    raw = apsw.Connection(str(path))
    raw.execute("PRAGMA writable_schema = ON").fetchall()
    raw.execute(sql, values).fetchall()
    raw.close()


@pytest.mark.parametrize("name", ["holdfast-embedding", "holdfast-touches"])
def test_an_interrupt_before_a_thread_of_ours_starts_spoils_neither_closing_nor_what_follows(path, monkeypatch, name):
    start, told = threading.Thread.start, list[str]()

    def interrupted(thread: threading.Thread) -> None:
        if thread.name == name and name not in told:
            told.append(name)
            raise KeyboardInterrupt
        start(thread)

    for goes_on in (False, True):
        with Memory.open(path.with_name(f"{goes_on}.db"), embedder=HashEmbedder()) as memory:
            told.clear()
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    memory.remember("Ada lives in Porto.")
            if goes_on:
                memory.remember("Ada sings.")
                assert memory.settle() == 0
                assert len(memory.recall("Ada")) == 2
