"""Decisions read a view and yield events; they change nothing by themselves and say no in words."""

from __future__ import annotations

import json

import pytest

from holdfast.core import decide
from holdfast.core.codec import decode_payload
from holdfast.core.secrets import observation_digest, text_digest
from holdfast.errors import Gone, InvalidText, KeyReused, ModelMismatch, NotFound, Rejected, VersionConflict
from holdfast.model.events import EventType
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Kind, Role
from holdfast.services.ledger import Ledger
from holdfast.testing.reference import ReferenceStore
from tests.laws.worlds import FACTORIES, SECRET, content, make_world

A, B, C, R = (Id(letter * 16) for letter in (b"a", b"b", b"c", b"r"))


@pytest.fixture
def ledger() -> Ledger:
    return make_world(FACTORIES["reference"], 1).nodes[0].ledger


@pytest.fixture
def store(ledger) -> ReferenceStore:
    return ledger.store


def take(ledger, record=A, text="Ada lives in Lisbon", **options):
    flags = {name: options.pop(name) for name in ("keyed", "readmit") if name in options}
    command = decide.Take(content(text, **options), record, **flags)
    return ledger.write(lambda view, secret: decide.take(view, command, secret))


def correct(ledger, record=A, text="Ada lives in Porto", replacement=B, **options):
    command = decide.Correct(record, text, replacement, 0, "owner", **options)
    return ledger.write(lambda view, secret: decide.correct(view, command, secret))


def forget(ledger, *records, reason=None):
    command = decide.Forget(records, R, "owner", reason)
    return ledger.write(lambda view, secret: decide.forget(view, command, secret))


def revise(ledger, record=A, version=None, **changes):
    command = decide.Revise(record, changes or {"importance": 0.9}, "owner", version)
    return ledger.write(lambda view, secret: decide.revise(view, command, secret))


def written(store) -> list[tuple[EventType, bytes]]:
    return [(event.header.type, event.header.record) for event in store.journal]


def test_deciding_writes_nothing(store):
    drafts, taken = decide.take(store, decide.Take(content("Ada runs"), A), SECRET)
    assert (len(drafts), taken) == (1, decide.Taken(A, is_new=True))
    assert store.journal == []


def test_each_command_yields_its_events(ledger, store):
    take(ledger)
    revise(ledger)
    assert correct(ledger) == B
    forget(ledger, A)
    assert written(store) == [
        (EventType.REMEMBERED, A), (EventType.REVISED, A), (EventType.REMEMBERED, B), (EventType.SUPERSEDED, A),
        (EventType.FORGOTTEN, A), (EventType.RECEIPT, decide.NO_RECORD),
    ]  # fmt: skip


def test_a_key_makes_one_event_and_another_body_conflicts(ledger, store):
    assert take(ledger, keyed=True, arguments="x").is_new
    assert not take(ledger, keyed=True, arguments="x").is_new
    with pytest.raises(KeyReused, match=id_text(A)):
        take(ledger, keyed=True, arguments="y")
    assert len(store.journal) == 1
    forget(ledger, A)
    before = len(store.journal)
    with pytest.raises(Gone):
        take(ledger, keyed=True, arguments="x")
    assert len(store.journal) == before


@pytest.mark.parametrize("turn", [False, True])
def test_readmitting_lifts_the_bar_and_says_so_in_the_event(ledger, store, turn):
    take(ledger, turn=turn)
    forget(ledger, A)
    with pytest.raises(Gone, match="readmit"):
        take(ledger, B, turn=turn)
    take(ledger, B, turn=turn, readmit=True)
    same = content("Ada lives in Lisbon", turn=turn)
    digest = observation_digest(SECRET, same) if turn else text_digest(SECRET, same.text)
    lifted, remembered = store.journal[-2:]
    assert (lifted.header.type, remembered.header.type) == (EventType.READMITTED, EventType.REMEMBERED)
    assert decode_payload(lifted)["readmits"] == digest.hex()
    assert store.bar(digest) is None


def test_an_observation_is_barred_by_who_where_and_when_and_a_fact_by_its_words(ledger, store):
    take(ledger, turn=True)
    forget(ledger, A)
    with pytest.raises(Gone):
        take(ledger, B, "ADA  lives in Lisbon!")
    assert take(ledger, B, "Ada lives in Lisbon, by the river").is_new
    bars = json.loads(store.journal[1].payload)["bars"]
    assert len(bars) == 2
    assert all(len(bytes.fromhex(bar)) == 16 for bar in bars)


def test_tombstones_hold_no_words(ledger, store):
    take(ledger, turn=True)
    forget(ledger, A, reason="asked")
    payload = store.journal[-1].payload
    assert b"Lisbon" not in payload
    assert b"Ada" not in payload
    assert json.loads(payload)["reason"] == "asked"


def test_a_correction_rejects_the_old_words_and_may_bring_rejected_ones_back(ledger):
    take(ledger)
    correct(ledger)
    with pytest.raises(Rejected):
        take(ledger, C)
    with pytest.raises(VersionConflict, match=id_text(B)):
        correct(ledger, text="Ada lives in Faro", replacement=C)
    assert correct(ledger, B, "Ada lives in Lisbon", C) == C
    with pytest.raises(Rejected):
        take(ledger, R, "Ada lives in Porto")


def test_a_correction_that_says_the_same_is_refused(ledger):
    take(ledger)
    with pytest.raises(InvalidText):
        correct(ledger, text=" ada LIVES in lisbon. ")


def test_correcting_a_turn_makes_a_fact_about_the_speaker(ledger, store):
    take(ledger, turn=True)
    correct(ledger)
    made = store.cells[B].put[1].content
    assert (made.kind, made.role, made.subject, made.session, made.tags) == (
        Kind.FACT,
        Role.NONE,
        "Ada",
        None,
        ("home",),
    )


def test_versions_are_compared_before_anything_is_written(ledger, store):
    take(ledger)
    assert revise(ledger, version=1) == 2
    before = len(store.journal)
    with pytest.raises(VersionConflict, match="at version 2, not 1"):
        revise(ledger, version=1)
    with pytest.raises(VersionConflict):
        correct(ledger, version=1)
    assert len(store.journal) == before


@pytest.mark.parametrize("change", [correct, revise])
def test_what_is_not_there_or_forgotten_cannot_be_changed(ledger, change):
    with pytest.raises(NotFound):
        change(ledger)
    take(ledger)
    forget(ledger, A)
    with pytest.raises(Gone, match=id_text(R)):
        change(ledger)


def test_a_forget_closes_over_what_was_derived_and_counts_each_once(ledger):
    take(ledger)
    take(ledger, B, "derived", sources=(id_text(A),))
    take(ledger, C, "derived twice", sources=(id_text(A), id_text(B)))
    done = forget(ledger, B, A, B)
    assert (set(done.asked), done.derived, done.already) == ({A, B}, (C,), ())
    assert forget(ledger, A, C) == decide.Forgotten((), (), (A, C))
    with pytest.raises(NotFound, match="Nothing was forgotten"):
        forget(ledger, R)


def test_closing_an_imported_memory_rejects_its_words_once(ledger, store):
    take(ledger)
    for expected in (2, 2):
        ledger.write(lambda view, secret: (decide.close(view, A, B, secret), None))
        assert len(store.journal) == expected
    with pytest.raises(Rejected):
        take(ledger, C)
    assert decide.close(store, R, B, SECRET) == ()


def test_a_space_is_bound_to_one_model(ledger, store):
    def bind(name):
        ledger.write(lambda view, secret: (decide.set_model(view, name, 8), None))

    bind("one/8")
    bind("one/8")
    with pytest.raises(ModelMismatch, match=r"'one/8'.*'other/8'"):
        bind("other/8")
    assert [kind for kind, _ in written(store)] == [EventType.MODEL_SET]
