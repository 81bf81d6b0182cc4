"""Kept recalls return the same when asked again, expectations tell what is not met, and neither is ever a memory."""

from __future__ import annotations

import json

import pytest

from holdfast import Memory
from holdfast.errors import Gone, InvalidField, InvalidInput, NotFound
from holdfast.model.policy import Keep, Policy, Retention
from holdfast.model.times import format_when
from holdfast.testing.embedders import HashEmbedder
from tests.services.scenes import bytes_of

FACTS = ("Ada lives in Lisbon.", "Ada is allergic to penicillin.", "Ben lives in Porto.", "Ada likes tea.")


def filled(memory: Memory) -> list[str]:
    ids = [memory.remember(text, category="other").id for text in FACTS]
    memory.session("s1").add("user", "I went to Lisbon by train.", author="Ada")
    return ids


def test_a_recall_at_a_time_answers_as_then(memory, clock):
    old = memory.remember("Ada lives in Lisbon.").id
    then = format_when(clock.now_ms() + 1)
    clock.advance(86_400_000)
    memory.correct(old, "Ada lives in Porto.")
    assert [hit.text for hit in memory.recall("where does Ada live?", at=then)] == ["Ada lives in Lisbon."]
    assert [hit.text for hit in memory.recall("where does Ada live?")] == ["Ada lives in Porto."]


def test_a_kept_recall_is_answered_the_same_again_whatever_came_since(opened, path):
    memory = opened(path, embedder=HashEmbedder(16))
    filled(memory)
    memory.settle()
    found = memory.recalls.keep("where does Ada live?", limit=3, where="author != Ben", budget_tokens=500)
    memory.remember("Ada lives in Madrid now, and Ada lives well.")
    memory.settle()
    replay = memory.recalls.replay(found.kept)
    assert replay.same, replay
    assert [one for one, _ in replay.hits] == [hit.id for hit in found]
    assert memory.recalls.replay() == replay
    (kept,) = memory.recalls.list()
    assert (kept.id, kept.query, kept.limit, kept.budget_tokens) == (found.kept, "where does Ada live?", 3, 500)
    assert kept.model == HashEmbedder(16).fingerprint
    assert kept.where == {"author": {"ne": "Ben"}}


def test_a_replay_asks_from_the_moment_that_was_meant(memory):
    for day in ("2025-03-05", "2025-06-11"):
        memory.session(day).add("user", "I went to the market.", author="Ada", when=day)
    found = memory.recalls.keep("where did Ada go last week?", now="2025-03-12")
    today = memory.recall("where did Ada go last week?")
    assert found[0].id != today[0].id, "the moment decides here"
    assert memory.recalls.replay().same


def test_a_replay_tells_what_was_forgotten_and_that_the_model_is_another(opened, path):
    memory = opened(path)
    ids = filled(memory)
    found = memory.recalls.keep("where does Ada live?")
    assert found[0].id == ids[0]
    memory.forget(ids[0])
    replay = memory.recalls.replay()
    assert not replay.same
    assert f"hit 1, {ids[0]}, was forgotten since" in replay.differences
    assert any("1 forget since, which took 1 of the hits" in cause for cause in replay.causes)
    memory.close()
    other = opened(path, embedder=HashEmbedder(16))
    assert any(cause.startswith("the model is hash") for cause in other.recalls.replay().causes)


def test_what_is_aside_is_never_recalled_listed_counted_or_embedded(opened, path):
    memory = opened(path, embedder=HashEmbedder(16))
    filled(memory)
    memory.settle()
    before = memory.summary()
    for _ in range(3):
        kept = memory.recalls.keep("zanzibar train to Lisbon?")
        memory.expect("zanzibar train to Lisbon?", contains="train")
    assert memory.settle() == 0
    assert not any("zanzibar" in hit.text for hit in memory.recall("zanzibar train to Lisbon?", limit=100))
    assert not any("zanzibar" in record.text for record in memory.records(quarantined=True))
    assert list(memory.records(where="kind in (recall, expectation)")) == []
    after = memory.summary()
    assert (after.live, after.quarantined, after.by_kind) == (before.live, before.quarantined, before.by_kind)
    assert memory.why(kept.kept).state == "aside"
    digest = memory.storage.digest()
    assert memory.storage.rebuild() == digest
    assert not any("zanzibar" in hit.text for hit in memory.recall("zanzibar train to Lisbon?", limit=100))
    assert memory.check() == []


def test_a_question_that_is_kept_is_forgotten_like_anything_else(opened, path):
    memory = opened(path)
    filled(memory)
    kept = memory.recalls.keep("does Quillon owe money?").kept
    expected = memory.expect("who owes money?", not_contains="Quillon").id
    assert {record.id for record in memory.preview_forget(about="Quillon", mentions=True).selected} == {kept, expected}
    preview = memory.preview_forget(where="kind in (recall, expectation)")
    assert {record.id for record in preview.selected} == {kept, expected}
    receipt = memory.forget(where="kind in (recall, expectation)")
    assert memory.verify(receipt).holds
    assert set(receipt.forgotten) == {kept, expected}
    assert memory.recalls.list() == memory.expectations.list() == []
    with pytest.raises(Gone):
        memory.get(kept)
    memory.close()
    assert b"Quillon" not in bytes_of(path)
    again = opened(path)
    again.remember("does Quillon owe money?")
    assert again.recalls.keep("does Quillon owe money?").kept


def test_what_is_aside_survives_an_export(opened, tmp_path):
    memory, other = opened(tmp_path / "a.db"), opened(tmp_path / "b.db")
    ids = filled(memory)
    memory.recalls.keep("where does Ada live?")
    memory.expect("where does Ada live?", contains="Lisbon", id=ids[0])
    other.import_(memory.export())
    assert other.expectations.list() == memory.expectations.list()
    assert other.recalls.list() == memory.recalls.list()
    assert [outcome.met for outcome in other.expectations.run()] == [True]
    with pytest.raises(InvalidField, match="another space"):
        other.recalls.replay()
    lines = [json.loads(line) for line in memory.export()]
    spoilt = next(line for line in lines if line["content"]["kind"] == "expectation")
    for asked in ("{}", "[]", "x", None):
        spoilt["content"]["body"] = asked
        if asked is None:
            del spoilt["content"]["body"]
        with pytest.raises(Exception, match="expectation"):
            opened().import_([json.dumps(spoilt)])


def test_expectations_tell_what_is_not_met(memory):
    ids = filled(memory)
    met = memory.expect("where does Ada live?", contains="LISBON", id=ids[0])
    memory.expect("where does Ada live?", contains=["Lisbon", "Madrid"], not_contains="penicillin", limit=5)
    memory.expect("who is allergic?", not_contains="penicillin", where={"category": "health"})
    first, second, third = memory.expectations.run()
    assert first.expectation == met
    assert first.met
    assert "nothing that was returned contains 'Madrid'" in second.problems
    assert not any("'Lisbon'" in problem for problem in second.problems)
    assert third.met, "the filter leaves it out"
    memory.correct(ids[0], "Ada lives in Porto.")
    assert memory.expectations.run()[0].problems[-1] == f"memory {ids[0]} was not returned"
    memory.expectations.remove(met.id)
    assert met.id not in {one.id for one in memory.expectations.list()}
    with pytest.raises(NotFound):
        memory.expectations.remove(met.id)
    assert memory.expect("where does Ada live?", contains="LISBON").id != met.id


def test_what_cannot_be_expected_or_replayed_is_refused(memory):
    ids = filled(memory)
    for bad in (
        {}, {"contains": ""}, {"contains": ["x"] * 65}, {"contains": "x", "limit": 0}, {"contains": "x", "where": "x"},
        {"contains": [5]}, {"contains": 5}, {"contains": None}, {"not_contains": 5}, {"contains": {"a": "b"}},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            memory.expect("where does Ada live?", **bad)
    with pytest.raises(NotFound):
        memory.expect("where does Ada live?", id="00000000-0000-0000-0000-000000000001")
    with pytest.raises(NotFound):
        memory.recalls.replay()
    kept = memory.recalls.keep("where does Ada live?").kept
    with pytest.raises(NotFound):
        memory.recalls.replay(ids[0])
    expected = memory.expect("where does Ada live?", contains="Lisbon").id
    for never in (kept, expected):
        with pytest.raises(NotFound):
            memory.expect("where does Ada live?", id=never)
    with pytest.raises(InvalidField, match="of the kind recall"):
        memory.correct(kept, "Where does Ben live?")


def test_the_policy_is_asked_before_a_question_is_kept(opened):
    memory = opened(policy=Policy())
    memory.remember("Ada likes tea.")
    card = "4111 1111 1111 1111"
    assert len(memory.recalls.keep(f"Ada whose card is {card}?")) == 1
    memory.expect("whose card is it?", not_contains=card)
    assert not any(card in line for line in memory.export())
    assert "[payment]" in memory.recalls.list()[0].query
    assert [outcome.met for outcome in memory.expectations.run()] == [True]
    replay = memory.recalls.replay()
    assert replay.kept.query != f"Ada whose card is {card}?"
    assert any("as the policy let it" in cause for cause in replay.causes)
    memory.recalls.keep("what does Ada like?")
    assert not memory.recalls.replay().kept.altered


def test_a_kept_recall_asks_again_for_as_much_confidence(opened, path):
    memory = opened(path)
    filled(memory)
    sure = memory.recall("who won the football match?").confidence
    for least in (sure, min(1.0, sure + 0.01)):
        found = memory.recalls.keep("who won the football match?", min_confidence=least)
        replay = memory.recalls.replay()
        assert replay.same, replay
        assert len(replay.hits) == len(found) == (4 + 1 if least == sure else 0)
        assert replay.kept.min_confidence == least
    with pytest.raises(InvalidInput):
        memory.recalls.keep("who won?", min_confidence=2)


def test_a_recall_kept_by_an_earlier_release_is_read_and_one_that_asks_for_nothing_new_is_kept_as_by_it(memory):
    filled(memory)
    memory.recalls.keep("where does Ada live?")
    line = next(line for line in map(json.loads, memory.export()) if line["content"]["kind"] == "recall")
    assert not {"min_confidence", "altered"} & json.loads(line["content"]["body"]).keys()
    assert (memory.recalls.list()[0].min_confidence, memory.recalls.list()[0].altered) == (0.0, False)


def test_what_was_due_when_a_recall_was_kept_stays_so_in_its_replay(opened, path, clock):
    memory = opened(path, policy=Policy(retentions={"health": Retention(Keep.FOR_A_WHILE, 86_400_000)}))
    memory.remember("Ada is allergic to penicillin.", category="health")
    memory.remember("Ada is allergic to work.")
    clock.advance(2 * 86_400_000)
    found = memory.recalls.keep("what is Ada allergic to?")
    assert [hit.text for hit in found] == ["Ada is allergic to work."]
    replay = memory.recalls.replay()
    assert replay.same, replay


def test_an_expectation_goes_with_the_memory_it_names_and_one_that_quotes_it_is_told(opened, path):
    memory = opened(path)
    secret = memory.remember("Ada hides the Quillon deed behind the clock.").id
    other = memory.remember("Ben lives in Porto.").id
    named = memory.expect("where is the deed?", contains="Quillon deed", id=secret).id
    quoting = memory.expect("where is it?", contains="BEHIND the clock").id
    kept = memory.recalls.keep("who hides the Quillon deed behind the clock?").kept
    asked = memory.recalls.keep("Ada hides the Quillon deed behind the clock. Is that so?").kept
    memory.expect("where does Ben live?", contains="Porto", id=other)
    preview = memory.preview_forget(secret)
    assert [record.id for record in preview.derived] == [named]
    assert [record.id for record in preview.questions] == [quoting, kept, asked]
    receipt = memory.forget(secret, quoting, kept, asked)
    assert receipt.derived == (named,)
    memory.close()
    assert b"Quillon" not in bytes_of(path)
    assert [one.query for one in opened(path).expectations.list()] == ["where does Ben live?"]
