"""Many memories forgotten at once come to what each of them forgotten alone would."""

from __future__ import annotations

import pytest

from holdfast.adapters.sqlite import tombs, writer
from holdfast.core import decide
from holdfast.core.proof import chain_problems
from holdfast.core.secrets import text_digest
from holdfast.model.ids import Id, id_text
from tests.laws.worlds import FACTORIES, SECRET, Node, content, make_world, sqlite_in_memory

MANY = 2 * tombs.AT_ONCE + 40


def told(node: Node, count: int) -> list[Id]:
    """Facts and turns, every fifth in words that another has too."""
    found = list[Id]()
    for number in range(count):
        said = content(f"Statement {number // 5 * 5 if number % 5 else number}", turn=number % 3 == 0)
        command = decide.Take(said, node.ledger.new_id(), readmit=True)
        found.append(node.ledger.write(lambda view, secret, command=command: decide.take(view, command, secret)).record)
    return found


def forget(node: Node, records: list[Id]) -> decide.Forgotten:
    command = decide.Forget(records, node.ledger.new_id(), "owner", reason="asked")
    return node.ledger.write(lambda view, secret: decide.forget(view, command, secret))


def history(node: Node) -> list[Id]:
    """What the tests begin with: words barred, lifted and barred again, and one memory made of another."""
    records = told(node, MANY)
    forget(node, records[3:5])
    derived = decide.Take(content("Made of it", sources=(id_text(records[9]),)), node.ledger.new_id())
    node.ledger.write(lambda view, secret: decide.take(view, derived, secret))
    node.clock.advance(1_000)
    return records


def seen(node: Node, records: list[Id]) -> object:
    with node.ledger.store.reading() as reader:
        bars = [reader.bar(text_digest(SECRET, f"Statement {number}")) for number in range(MANY)]
        return [reader.find(record) for record in records], bars, reader.receipts(), reader.head()


def test_both_stores_come_to_the_same_and_a_rebuild_changes_nothing():
    found = list[object]()
    for factory in FACTORIES.values():
        node = make_world(factory, 1).nodes[0]
        records = history(node)
        done = forget(node, records)
        assert (len(done.asked), len(done.derived), len(done.already)) == (MANY - 2, 1, 2)
        assert chain_problems(node.events()) == []
        assert not any(event.payload for event in node.events() if event.header.type in (1, 2))
        assert node.digest() == node.ledger.rebuild()
        found.append(seen(node, records))
    assert found[0] == found[1]


@pytest.mark.parametrize("ahead_ms", [500, 100_000])
@pytest.mark.parametrize("already", [0, 5])
def test_a_merge_of_many_forgets_comes_to_the_same_as_one_by_one(monkeypatch, already, ahead_ms):
    """Whether what the other node did meanwhile is older or newer than the forget that arrives."""
    digests = set[bytes]()
    for least in (tombs.LEAST_AT_ONCE, 1_000_000):
        monkeypatch.setattr(writer, "LEAST_AT_ONCE", least)
        here, there = make_world(sqlite_in_memory, 2).nodes
        records = history(here)
        there.ledger.merge(here.events())
        there.clock.advance(ahead_ms)
        forget(there, records[50 : 50 + already]) if already else None
        for number in (300, 310):
            # The same words in a memory of its own, forgotten and taken in again: so the bar alone is contested.
            for time in range(2):
                command = decide.Take(content(f"Statement {number}"), there.ledger.new_id(), readmit=True)
                there.ledger.write(lambda view, secret, command=command: decide.take(view, command, secret))
                forget(there, [command.record]) if time == 0 else None
        here.clock.advance(50_000)
        forget(here, records)
        there.ledger.merge(here.events())
        here.ledger.merge(there.events())
        assert here.digest() == there.digest() == there.ledger.rebuild()
        digests.add(there.digest())
    assert len(digests) == 1


def test_forgetting_many_is_noted_as_one_run_and_others_are_not(monkeypatch):
    runs = list[int]()
    entomb = writer.entomb

    def counting(*given):
        runs.append(len(given[2]))
        return entomb(*given)

    monkeypatch.setattr(writer, "entomb", counting)
    node = make_world(sqlite_in_memory, 1).nodes[0]
    records = history(node)
    forget(node, records[:10])
    assert runs == []
    forget(node, records[10:])
    assert runs == [tombs.AT_ONCE, tombs.AT_ONCE, MANY - 10 - 2 * tombs.AT_ONCE]
