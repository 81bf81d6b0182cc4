"""What is forgotten is gone from everywhere, with all that was made from it, and does not come back."""

from __future__ import annotations

import json
from itertools import chain

import pytest

from holdfast.adapters.sqlite import connection
from holdfast.core.receipts import as_given
from holdfast.errors import ConfirmationNeeded, Gone, InvalidField, NotFound
from holdfast.model.erasure import SURFACES
from tests.services.scenes import bytes_of, found, refused, state_of, surfaces, tamper

SECRET = "The door code is 7306."


def test_a_forgotten_memory_is_on_no_surface(opened, path, model):
    memory = opened(path, embedder=model)
    chat = memory.session("chat-1", user="Ada")
    kept = chat.add("user", "I moved to Lisbon.")
    turn = chat.add("user", SECRET, caption="a photo of door 7306", tags=["code7306"], attributes={"code": "7306"})
    fact = memory.remember("The code of the door: 7306!", subject="door 7306", source="note 7306")
    memory.revise(fact.id, importance=1)
    before = memory.summary().events
    memory.settle()
    receipt = memory.forget(turn.id, fact.id, reason="user request")
    assert set(receipt.forgotten) == {turn.id, fact.id}
    assert (receipt.payloads, receipt.vectors, receipt.pending) == (3, 2, None)
    for where, seen in surfaces(memory).items():
        assert "7306" not in seen, where
    assert all("7306" not in text for text in found(memory, "What is the door code? 7306", limit=100))
    for one in (turn, fact):
        with pytest.raises(Gone, match=receipt.id):
            memory.get(one.id)
        assert "7306" not in repr(memory.history(one.id))
    for seq in range(before + 1):
        with memory.at(seq=seq) as past:
            assert all("7306" not in seen for seen in surfaces(past).values()), seq
            assert all("7306" not in text for text in found(past, "door code 7306", limit=100))
            with pytest.raises(NotFound):
                past.get(turn.id)
    assert [record.id for record in memory.records()] == [kept.id]
    assert memory.check() == []
    assert memory.storage.rebuild() == memory.storage.digest()
    assert b"7306" not in bytes_of(path)


def test_what_was_derived_falls_to_any_depth(memory):
    source = memory.remember("Source.")
    other = memory.remember("Another source.")
    layers = [[source.id]]
    for depth in range(4):
        layers.append([memory.remember(f"Layer {depth}, {side}.", sources=layers[-1]).id for side in range(2)])
    joined = memory.remember("Joined.", sources=[other.id, layers[2][0]])
    aside = memory.remember("Aside.", sources=[other.id])
    receipt = memory.forget(source.id)
    assert receipt.forgotten == (source.id,)
    assert set(receipt.derived) == {*chain.from_iterable(layers[1:]), joined.id}
    assert receipt.payloads == 10
    assert {record.id for record in memory.records()} == {other.id, aside.id}


def test_a_derived_memory_that_is_named_itself_counts_as_named(memory):
    source = memory.remember("Source.")
    derived = memory.remember("Derived.", sources=[source.id])
    receipt = memory.forget(derived.id, source.id, source.id)
    assert (receipt.forgotten, receipt.derived) == ((derived.id, source.id), ())


def test_the_receipt_counts_versions_and_vectors_exactly(opened, path, model):
    memory = opened(path, embedder=model)
    fact = memory.remember("Ada runs.")
    memory.revise(fact.id, importance=1)
    memory.revise(fact.id, importance=0)
    waiting_only = memory.remember("Ada swims.")
    memory.settle()
    model.freeze()
    fresh = memory.remember("Ada climbs.")
    receipt = memory.forget(fact.id, waiting_only.id, fresh.id)
    model.thaw()
    assert (receipt.payloads, receipt.vectors) == (5, 2)


def test_forgetting_a_superseded_memory_leaves_its_successor(memory):
    old = memory.remember("Ada lives in Lisbon.")
    new = memory.correct(old.id, "Ada lives in Porto.")
    memory.forget(old.id)
    assert memory.get(new.id) == new
    assert "Lisbon" not in "".join(memory.export(superseded=True))
    again = memory.remember("Ada lives in Faro.")
    memory.forget(memory.correct(again.id, "Ada lives in Braga.").id)
    assert "Ada lives in Faro." not in found(memory, "Where does Ada live?", limit=100)


def test_the_same_words_are_barred_as_a_fact_and_new_as_a_turn(memory):
    chat = memory.session("chat-1", user="Ada")
    said = chat.add("user", SECRET, when="2023-05-08")
    memory.forget(said.id, memory.remember("Ada runs.").id)
    for same in (SECRET, "the DOOR code is 7306", "Ada runs!"):
        with refused(memory, Gone, "readmit"):
            memory.remember(same)
    with refused(memory, Gone):
        chat.add("user", SECRET, when="2023-05-08")
    assert chat.add("user", SECRET, when="2023-05-09").text == SECRET
    assert chat.add("user", "Ada runs.").text == "Ada runs."
    assert memory.remember(SECRET, readmit=True).text == SECRET
    assert memory.remember(SECRET).text == SECRET


def test_importing_the_same_file_again_brings_nothing_back_and_says_so(memory):
    entries = [{"author": "Ada", "text": f"Line {number}."} for number in range(7)]
    line = json.dumps({"conversation": "c", "entries": entries})
    memory.import_([line])
    gone = [record for record in memory.records() if record.text in ("Line 2.", "Line 5.")]
    exported = list(memory.export())
    memory.forget(*(record.id for record in gone))
    before = state_of(memory)
    report = memory.import_([line])
    assert (report.added, report.unchanged, report.forgotten) == (0, 5, 2)
    report = memory.import_(exported)
    assert (report.added, report.unchanged, report.forgotten) == (0, 5, 2)
    assert state_of(memory) == before
    assert "Line 5." not in found(memory, "Line 5", limit=100)


def test_an_unknown_id_among_known_ones_forgets_nothing(memory):
    fact = memory.remember("Ada runs.")
    with refused(memory, NotFound, "Nothing was forgotten"):
        memory.forget(fact.id, "0192f3c4-5a6b-7c8d-9e0f-112233445566")
    with refused(memory, InvalidField):
        memory.forget(fact.id, "nonsense")
    with refused(memory, InvalidField, "Ids come from"):
        memory.forget()
    with refused(memory, InvalidField, "not a memory id"):
        memory.forget([fact.id])
    assert memory.get(fact.id) == fact


def test_a_second_forget_reports_that_it_was_done(memory, clock):
    fact = memory.remember("Ada runs.")
    memory.forget(fact.id)
    before = state_of(memory)
    clock.advance(1000)
    second = memory.forget(fact.id)
    assert (second.forgotten, second.derived, second.already) == ((), (), (fact.id,))
    assert (second.payloads, second.vectors) == (0, 0)
    assert state_of(memory) == before
    mixed = memory.forget(fact.id, memory.remember("Ada swims.").id)
    assert (len(mixed.forgotten), mixed.already) == (1, (fact.id,))


def test_the_receipt_says_who_why_and_where_the_chain_stood(opened, path, clock):
    memory = opened(path, as_="ada")
    receipt = memory.forget(memory.remember("Ada runs.").id, reason="user request")
    assert (receipt.actor, receipt.reason, receipt.at_ms) == ("ada", "user request", clock.now)
    assert len(bytes.fromhex(receipt.chain)) == 32


def test_a_reader_that_holds_the_log_is_reported_as_pending(opened, path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_MS", 1)
    memory, other = opened(path), opened(path)
    fact = memory.remember(SECRET)
    with other._space.store.reading() as reader:
        assert reader.count() == 1
        pending = memory.forget(fact.id).pending
    assert pending is not None
    assert "another reader" in pending
    assert memory.forget(memory.remember("Ada runs.").id).pending is None
    assert b"7306" not in bytes_of(path)


def test_nothing_of_a_forgotten_memory_is_left_in_the_index(memory):
    facts = [memory.remember(f"Fact {number}.") for number in range(5)]
    memory.recall("Fact")
    memory.forget(facts[1].id, facts[3].id)
    with memory._space.index.level() as corpus:
        assert len(corpus) == 3


def test_nothing_of_a_forgotten_memory_is_left_in_the_files(opened, path):
    memory = opened(path)
    marks = [f"canary{number:04d}" for number in range(60)]
    facts = [
        memory.remember(f"The {mark} sings.", subject=mark, tags=[mark], attributes={mark: mark}) for mark in marks
    ]
    memory.correct(facts[0].id, "The canary0000 is silent.", reason="canary0000 again")
    ids = [record.id for record in memory.records()] + [facts[0].id]
    memory.forget(*ids)
    assert b"canary" not in bytes_of(path)
    memory.close()
    assert b"canary" not in bytes_of(path)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)", "does not end where"),
        ("UPDATE node SET node_seq = node_seq + 1", "does not end where"),
        ("UPDATE event SET (salt, payload) = (NULL, NULL) WHERE type = 3", "its payload is gone"),
        ("INSERT INTO tag SELECT n, 'back' FROM memory WHERE state = 3", "1 tags of forgotten memories are still held"),
    ],
)
def test_a_verification_notices_what_was_cut_off_or_put_back(opened, path, sql, told):
    memory = opened(path)
    receipt = memory.forget(memory.remember(SECRET).id)
    memory.correct(memory.remember("Ada runs.").id, "Ada walks.")
    assert memory.verify(receipt).holds
    memory.close()
    tamper(path, sql)
    for kept in (receipt, receipt.id):
        assert told in " ".join(opened(path).verify(kept).problems)


def test_a_receipt_counts_what_was_erased_where(opened, path, model):
    memory = opened(path, embedder=model)
    source = memory.remember("Ada runs.", tags=["sport", "home"], subject="Ada")
    memory.remember("She is fit.", sources=[source.id], origin="inferred")
    memory.revise(source.id, importance=1)
    memory.settle()
    memory.recall("Who runs?")
    memory.close()  # who was given what is written in batches, at the latest now
    memory = opened(path, embedder=model)
    receipt = memory.forget(source.id)
    counts = {where: count for where, count in receipt.surfaces.items() if count}
    touches = counts.pop("touches")
    assert counts == {"payloads": 3, "vectors": 2, "rows": 2, "terms": 2, "tags": 2, "derivations": 1}
    assert touches == 2
    assert tuple(receipt.surfaces) == SURFACES
    assert memory.receipts() == [as_given(receipt, None, (0, 0))]
    assert memory.verify(receipt).holds


def test_what_cannot_be_read_any_more_can_still_be_confirmed_and_erased(opened, path):
    memory = opened(path)
    memory.remember("Ada walks.", category="habit")
    memory.remember(SECRET, category="habit")
    memory.close()
    tamper(path, "UPDATE event SET payload = CAST('{}' AS BLOB) WHERE seq = 2")
    memory = opened(path)
    preview = memory.preview_forget(where={"category": "habit"})
    assert preview.needs_confirmation
    assert len(memory.forget(where={"category": "habit"}, confirm=preview.token).forgotten) == 2


@pytest.mark.parametrize(
    "noted",
    [
        {"subject": "Ada Lovelace"},
        {"predicate": "loves Ada"},
        {"object": "Ada's"},
        {"source": "a letter to ada"},
        {"tags": ["ada"]},
        {"attributes": {"Ada": 1}},
        {"attributes": {"who": "ADA"}},
    ],
)
def test_a_name_in_any_field_is_a_mention(memory, noted):
    kept = memory.remember("Likes the sea.", subject="Adam", tags=["adage"])
    found = memory.remember("She likes tea.", **noted)
    assert [record.id for record in memory.preview_forget(about="Ada", mentions=True).selected] == [found.id]
    assert any(found.id in line for line in memory.export(about="Ada", mentions=True))
    assert memory.get(kept.id)


def test_a_name_in_a_session_an_author_an_earlier_version_or_a_reason_is_a_mention(memory):
    talk = memory.session("with Ada", user="Bo").add("user", "Hello.")
    said = memory.session("s", user="Ada Lovelace").add("user", "Hello you.")
    retagged = memory.remember("Some tea.", tags=["ada"])
    memory.revise(retagged.id, tags=["tea"])
    memory.revise(retagged.id, importance=1)
    old = memory.remember("It is late.")
    new = memory.correct(old.id, "It is early.", reason="Ada said so")
    wanted = {talk.id, said.id, retagged.id, new.id}
    assert {record.id for record in memory.preview_forget(about="Ada").mentions} == wanted
    lines = "".join(memory.export(about="Ada", mentions=True))
    assert all(one in lines for one in wanted)


def test_the_history_of_a_forgotten_memory_tells_no_reason_that_quotes_it(memory):
    old = memory.remember("The word is xyzzy.")
    new = memory.correct(old.id, "The word is another.", reason="not xyzzy any more")
    assert "xyzzy" in repr(memory.history(old.id))
    memory.forget(old.id)
    gone = memory.history(old.id)
    assert "xyzzy" not in repr(gone) + repr(memory.why(old.id))
    assert [(entry.what, entry.reason) for entry in gone] == [
        ("remembered", None), ("superseded", None), ("forgotten", None),
    ]  # fmt: skip
    assert memory.history(new.id).entries[0].reason == "not xyzzy any more", "it belongs to the replacement"
    memory.forget(new.id)
    assert "xyzzy" not in repr(memory.history(new.id))


def test_what_an_import_or_a_merge_forgets_is_told_as_pending_too(opened, path, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_MS", 1)
    vault = tmp_path / "vault"
    vault.mkdir()
    (vault / ".obsidian").mkdir()
    (vault / "ada.md").write_text("Ada likes tea.\n")
    (vault / "bo.md").write_text("Bo likes beer.\n")
    memory, other, twin = opened(path), opened(path), opened(":memory:")
    assert memory.import_(vault).forget_pending is None
    fact = memory.remember(SECRET)
    twin.storage.merge(memory.storage.journal())
    twin.forget(fact.id)
    (vault / "bo.md").unlink()
    with other._space.store.reading() as reader:
        assert reader.count() == 3
        removed = memory.import_(vault)
    assert (removed.removed, memory.import_(vault).forget_pending) == (1, None)
    assert "another reader" in removed.forget_pending
    with other._space.store.reading() as reader:
        assert reader.count() == 2
        merged = memory.storage.merge(twin.storage.journal())
    assert "another reader" in merged.forget_pending


@pytest.mark.parametrize("bad", [5, None, b"x", {"id": "x"}])
def test_what_is_no_receipt_is_refused_in_words(memory, bad):
    with refused(memory, InvalidField, "no receipt"):
        memory.verify(bad)


def test_a_token_of_other_memories_stops_a_forget_that_needs_none(opened):
    memory = opened()
    first, second = memory.remember("Likes tea."), memory.remember("Likes rain.")
    token = memory.preview_forget(first.id).token
    with pytest.raises(ConfirmationNeeded, match="another set of memories"):
        memory.forget(second.id, confirm=token)
    assert len(list(memory.records())) == 2
    assert memory.forget(first.id, confirm=token).forgotten == (first.id,)
    assert memory.forget(first.id, confirm=token).forgotten == ()  # a retry finds nothing left
    assert [record.id for record in memory.records()] == [second.id]
