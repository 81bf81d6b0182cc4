"""Items: what is put is what is read, found and forgotten; several changes are one."""

from __future__ import annotations

import pytest

from holdfast import Memory, Policy, Sensitive
from holdfast.errors import Gone, InvalidField, InvalidText, Refused, Rejected, StoreReadOnly
from holdfast.model.items import ItemChange
from holdfast.model.policy import Action
from holdfast.model.times import format_when
from holdfast.services.forgetting import Forgetting
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock

ADA = ("users", "ada")


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=None, clock=SteppedClock()) as opened:
        yield opened


def facts(memory):
    return sorted(record.text for record in memory.records())


def test_what_was_put_is_read_back_with_its_times_and_version(memory):
    memory.items.put(ADA, "prefs", {"drink": "tea", "list": [1, None, {"deep": True}]})
    first = memory.items.get(ADA, "prefs")
    memory.items.put(ADA, "prefs", {"drink": "coffee"})
    second = memory.items.get(ADA, "prefs")
    assert first.value == {"drink": "tea", "list": [1, None, {"deep": True}]}
    assert (second.value, second.version, second.id) == ({"drink": "coffee"}, 2, first.id)
    assert second.created_ms == first.created_ms
    assert memory.items.get(ADA, "other") is None


def test_the_same_value_again_writes_nothing(memory):
    memory.items.put(ADA, "prefs", {"drink": "tea"})
    before = memory.proof()
    memory.items.put(ADA, "prefs", {"drink": "tea"})
    assert memory.proof() == before


def test_an_item_is_recalled_by_what_it_says_now_and_not_by_what_it_said(memory):
    memory.items.put(ADA, "prefs", {"text": "drinks green tea"}, texts=["drinks green tea"])
    memory.items.put(ADA, "prefs", {"text": "drinks espresso"}, texts=["drinks espresso"])
    assert facts(memory) == ["drinks espresso"]
    assert [hit.text for hit in memory.recall("espresso")] == ["drinks espresso"]
    memory.items.put(ADA, "prefs", {"text": "drinks espresso"}, texts=())
    assert facts(memory) == []
    memory.items.put(ADA, "prefs", {"text": "drinks cocoa"}, texts=["drinks cocoa", "sips cocoa"])
    assert facts(memory) == ["drinks cocoa", "sips cocoa"]


def test_vectors_follow_the_words_of_an_item(tmp_path):
    with Memory.open(tmp_path / "v.db", embedder=HashEmbedder(64)) as memory:
        memory.items.put(ADA, "prefs", {"text": "drinks green tea"})
        memory.settle()
        memory.items.put(ADA, "prefs", {"text": "plays chess"})
        assert memory.settle() == 0
        memory.recall("chess")
        assert memory.check() == []


def test_a_search_keeps_to_its_prefix_and_gives_an_item_once(memory):
    memory.items.put(ADA, "a", {}, texts=["red apple", "apple pie", "apple juice"])
    memory.items.put(("users", "bob"), "b", {}, texts=["apple cake"])
    memory.items.put(("users2",), "c", {}, texts=["apple"])
    found = memory.items.search(("users",), "apple")
    assert sorted(one.item.key for one in found) == ["a", "b"]
    assert [one.item.key for one in memory.items.search(ADA, "apple", limit=1)] == ["a"]
    assert all(one.score is not None for one in found)


def test_several_changes_are_one_write_or_none(memory):
    memory.items.put(ADA, "old", {"n": 1})
    before = memory.proof()
    with pytest.raises(InvalidField):
        memory.items.apply(
            [ItemChange(ADA, "new", {"n": 2}), ItemChange(ADA, "old", None), ItemChange(ADA, "x", {"n": {1}})]
        )
    assert memory.proof() == before
    memory.items.apply(
        [ItemChange(ADA, "new", {"n": 1}), ItemChange(ADA, "old", None), ItemChange(ADA, "new", {"n": 3})]
    )
    assert memory.items.get(ADA, "old") is None
    assert memory.items.get(ADA, "new").value == {"n": 3}
    assert memory.items.get(ADA, "new").version == 1


def test_what_was_deleted_may_be_put_again_and_what_was_forgotten_may_not(memory):
    memory.items.put(ADA, "a", {"t": "likes tea"}, texts=["likes tea"])
    memory.items.delete(ADA, "a")
    assert facts(memory) == []
    memory.items.put(ADA, "a", {"t": "likes tea"}, texts=["likes tea"])
    (hit,) = memory.recall("tea")
    memory.forget(hit.id)
    assert memory.items.get(ADA, "a") is None
    with pytest.raises(Gone):
        memory.items.put(ADA, "a", {"t": "likes tea"}, texts=["likes tea"])
    assert memory.items.get(ADA, "a") is None


def test_forgetting_an_item_takes_every_version_and_all_it_was_found_by(memory):
    memory.items.put(ADA, "a", {"t": "secret marmalade"}, texts=["secret marmalade"])
    memory.items.put(ADA, "a", {"t": "plain bread"}, texts=["plain bread"])
    item = memory.items.get(ADA, "a")
    receipt = memory.forget(item.id)
    assert memory.verify(receipt).holds
    assert b"marmalade" not in b"".join(line.encode() for line in memory.storage.journal())
    assert facts(memory) == []
    assert memory.items.namespaces() == []


def test_corrected_words_do_not_come_back_by_a_put(memory):
    memory.items.put(ADA, "a", {"t": "lives in Rome"}, texts=["lives in Rome"])
    (hit,) = memory.recall("Rome")
    memory.correct(hit.id, "lives in Lisbon")
    with pytest.raises(Rejected):
        memory.items.put(ADA, "b", {"t": "lives in Rome"}, texts=["lives in Rome"])
    assert [one.item.key for one in memory.items.search(ADA, "Lisbon")] == ["a"]


def test_a_lifetime_ends_and_a_reading_makes_it_longer(tmp_path):
    clock = SteppedClock()
    with Memory.open(tmp_path / "t.db", embedder=None, clock=clock) as memory:
        memory.items.put(ADA, "short", {"t": "fleeting word"}, texts=["fleeting word"], ttl_s=60)
        memory.items.put(ADA, "read", {"t": "lasting word"}, texts=["lasting word"], ttl_s=60)
        memory.items.put(ADA, "kept", {"t": "word"}, texts=["word"])
        clock.advance(40_000)
        read = memory.items.get(ADA, "read")
        assert [one.expires_ms for one in memory.items.refresh([read, read])] == [clock.now + 60_000] * 2
        before = memory.proof()
        clock.advance(1_000)
        memory.items.refresh([memory.items.get(ADA, "read")])
        assert memory.proof() == before  # less than a twentieth of its lifetime passed
        clock.advance(30_000)
        assert memory.items.get(ADA, "short") is None
        assert sorted(one.key for one in memory.items.list()) == ["kept", "read"]
        assert sorted(one.item.key for one in memory.items.search(ADA, "word")) == ["kept", "read"]
        assert memory.items.sweep() == 1
        assert memory.items.sweep() == 0
        clock.advance(60_000)
        assert [one.key for one in memory.items.list()] == ["kept"]


def test_items_survive_a_restart_an_export_a_rebuild_and_a_look_back(tmp_path):
    clock = SteppedClock()
    with Memory.open(tmp_path / "a.db", embedder=None, clock=clock) as memory:
        memory.items.put(ADA, "a", {"t": "green tea"}, texts=["green tea"])
        then = format_when(clock.now + 5_000)
        clock.advance(10_000)
        memory.items.put(ADA, "a", {"t": "espresso"}, texts=["espresso"])
        assert memory.storage.digest() == memory.storage.rebuild()
        with memory.at(then) as past:
            assert past.items.get(ADA, "a").value == {"t": "green tea"}
            assert [one.item.value for one in past.items.search(ADA, "tea")] == [{"t": "green tea"}]
            with pytest.raises(StoreReadOnly):
                past.items.put(ADA, "b", {})
        lines = list(memory.export())
    with Memory.open(tmp_path / "a.db", embedder=None) as memory:
        assert memory.items.get(ADA, "a").value == {"t": "espresso"}
    with Memory.open(tmp_path / "b.db", embedder=None) as other:
        other.import_(lines)
        other.import_(lines)
        assert other.items.get(ADA, "a").value == {"t": "espresso"}
        assert [one.item.key for one in other.items.search(ADA, "espresso")] == ["a"]
        other.items.delete(ADA, "a")
        assert facts(other) == []
        assert other.check() == []


def test_a_policy_judges_values_and_leaves_names_as_they_are(tmp_path):
    rules = Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE, Sensitive.CONTACT: Action.REDACT})
    with Memory.open(tmp_path / "p.db", embedder=None, policy=rules) as memory:
        space = ("users", "ada@example.org")
        memory.items.put(space, "prefs", {"text": "likes tea"})
        assert memory.items.get(space, "prefs").namespace == space
        assert [one.item.namespace for one in memory.items.search(space, "tea")] == [space]
        with pytest.raises(Refused):
            memory.items.put(space, "key", {"text": "the password is hunter2-Xy9!kk", "password": "hunter2-Xy9!kk"})
        assert memory.items.get(space, "key") is None
        memory.items.put(space, "mail", {"text": "write to bob@example.org"})
        assert "bob@" not in str(memory.items.get(space, "mail").value)
        assert "bob@" not in memory.recall("write to").text


@pytest.mark.parametrize("texts", [None, ()])
def test_a_policy_judges_numbers_in_values_too(tmp_path, texts):
    value = {"card": 4111111111111111, "list": [4111111111111111], "count": 17, "is": True}
    with Memory.open(
        tmp_path / "r.db", embedder=None, policy=Policy(actions={Sensitive.PAYMENT: Action.REDACT})
    ) as memory:
        memory.items.put(ADA, "card", value, texts=texts)
        assert memory.items.get(ADA, "card").value == {
            "card": "[payment]", "list": ["[payment]"], "count": 17, "is": True
        }  # fmt: skip
        assert "4111" not in str(facts(memory))
    with Memory.open(
        tmp_path / "n.db", embedder=None, policy=Policy(actions={Sensitive.PAYMENT: Action.REFUSE})
    ) as memory:
        with pytest.raises(Refused):
            memory.items.put(ADA, "card", value, texts=texts)
        assert list(memory.items.list()) == []


def test_what_may_not_be_kept_at_all_may_not_be_a_name_either(tmp_path):
    with Memory.open(
        tmp_path / "n.db", embedder=None, policy=Policy(actions={Sensitive.PAYMENT: Action.REFUSE})
    ) as memory:
        for namespace, key in ((("cards", "4111 1111 1111 1111"), "k"), (("cards",), "4111 1111 1111 1111")):
            with pytest.raises(Refused):
                memory.items.put(namespace, key, {})
        assert memory.items.namespaces() == []


def test_an_audit_leaves_what_an_item_is_known_by(tmp_path):
    rules = Policy(actions={Sensitive.CONTACT: Action.REDACT})
    names = [("users", "ada@example.org"), ("users", "bob@example.org")]
    with Memory.open(tmp_path / "p.db", embedder=None) as memory:
        for name in names:
            memory.items.put(name, "prefs", {"text": "likes tea", "mail": "eve@example.org"})
    with Memory.open(tmp_path / "p.db", embedder=None, policy=rules) as memory:
        assert memory.admission.audit(dry_run=False).verdicts == {"redacted": 4}
        assert memory.items.namespaces() == names
        assert names[0][1] in memory.get(memory.items.get(names[0], "prefs").id).text
        assert all("eve@" not in str(memory.items.get(name, "prefs").value) for name in names)
        assert [len(memory.items.search(name, "tea")) for name in names] == [1, 1]
        memory.items.put(names[0], "prefs", {"text": "likes cocoa"})
        assert [fact for fact in facts(memory) if "likes" in fact] == facts(memory)
        assert len(facts(memory)) == 2


def test_what_two_nodes_put_under_a_new_key_becomes_one_item_with_one_fact(tmp_path):
    with (
        Memory.open(tmp_path / "a.db", embedder=None) as one,
        Memory.open(tmp_path / "b.db", embedder=None) as two,
    ):
        one.items.put(ADA, "old", {"t": "water"})
        two.storage.merge(list(one.storage.journal()))
        one.items.put(ADA, "drink", {"t": "tea"}, texts=["tea"])
        two.items.put(ADA, "drink", {"t": "cocoa"}, texts=["cocoa"])
        mine, theirs = list(one.storage.journal()), list(two.storage.journal())
        one.storage.merge(theirs)
        two.storage.merge(mine)
        for memory in (one, two):
            assert memory.items.get(ADA, "drink").value == {"t": "cocoa"}
            assert facts(memory) == ["cocoa", '{"t": "water"}']
            assert memory.check() == []
        assert one.storage.digest() == two.storage.digest()


def test_a_sweep_leaves_what_is_put_again_while_it_looks(tmp_path, monkeypatch):
    clock = SteppedClock()
    with Memory.open(tmp_path / "t.db", embedder=None, clock=clock) as memory:
        memory.items.put(ADA, "a", {"n": 1}, ttl_s=60)
        memory.items.put(ADA, "b", {"n": 1}, ttl_s=60)
        clock.advance(61_000)
        erase, calls = Forgetting.erase, list[int]()

        def meanwhile(self, *args, **named):
            if not calls:
                calls.append(1)
                memory.items.put(ADA, "a", {"n": 2})
            return erase(self, *args, **named)

        monkeypatch.setattr(Forgetting, "erase", meanwhile)
        assert memory.items.sweep() == 1
        assert [(one.key, one.value) for one in memory.items.list()] == [("a", {"n": 2})]


@pytest.mark.parametrize(
    ("namespace", "key", "value", "more"),
    [
        ("users", "k", {}, {}),
        (("",), "k", {}, {}),
        ((1,), "k", {}, {}),
        (("x" * 500,), "k", {}, {}),
        (("a",) * 40, "k", {}, {}),
        (ADA, 5, {}, {}),
        (ADA, "k" * 501, {}, {}),
        (ADA, "\ud800", {}, {}),
        (ADA, "k", [1], {}),
        (ADA, "k", {1: 2}, {}),
        (ADA, "k", {"n": float("nan")}, {}),
        (ADA, "k", {"n": object()}, {}),
        (ADA, "k", {"t": "\ud800"}, {}),
        (ADA, "k", {"t": "x" * 1_000_001}, {}),
        (ADA, "k", {}, {"ttl_s": 0}),
        (ADA, "k", {}, {"ttl_s": True}),
        (ADA, "k", {}, {"texts": "one"}),
        (ADA, "k", {}, {"texts": [5]}),
        (ADA, "k", {}, {"texts": ["a\0b"]}),
        (ADA, "k", {}, {"texts": [f"{n}" for n in range(101)]}),
    ],
)  # fmt: skip
def test_what_cannot_be_an_item_is_refused_and_nothing_is_written(memory, namespace, key, value, more):
    before = memory.proof()
    with pytest.raises((InvalidField, InvalidText)):
        memory.items.put(namespace, key, value, **more)
    assert memory.proof() == before


def test_a_deeply_nested_value_is_refused(memory):
    value: dict = {}
    for _ in range(200):
        value = {"in": value}
    with pytest.raises(InvalidField):
        memory.items.put(ADA, "k", value)


def test_strange_names_are_names_like_any_other(memory):
    names = ["", " ", "a/b", '["x"]', "ключ", "\n", "'; DROP TABLE memory; --", "\x00"]
    for number, name in enumerate(names):
        memory.items.put(("a/b", name or "-"), name, {"n": number})
    for number, name in enumerate(names):
        assert memory.items.get(("a/b", name or "-"), name).value == {"n": number}
    assert len(list(memory.items.list(("a/b",)))) == len(names)
