"""A whole space as lines and back: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import json
import re
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from holdfast import Memory
from holdfast.adapters.clock import SystemClock
from holdfast.adapters.sqlite.usage import usage_of
from holdfast.core.proof import genesis
from holdfast.errors import (
    AlreadyThere,
    Damaged,
    Gone,
    HoldfastError,
    InvalidField,
    InvalidInput,
    KeyReused,
    ModelMismatch,
    QuotaExceeded,
    Refused,
)
from holdfast.house import Holdfast
from holdfast.model.access import Quota
from holdfast.model.ids import Id, id_text
from holdfast.ports.store import Commit, Identity, Uses
from holdfast.recovery import restore
from holdfast.services import journals
from holdfast.services.quotas import LimitedStore
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock


def told(memory: Memory) -> dict[str, object]:
    """Everything that is asked of a space, apart from who writes it."""
    return {
        "digest": memory.storage.digest(),
        "records": list(memory.records(quarantined=True)),
        "superseded": sorted(memory.export(superseded=True)),
        "turns": memory.session("chat/1").turns(),
        "receipts": memory.receipts(),
        "recall": [(hit.id, hit.text) for hit in memory.recall("Ada Lisbon coffee")],
        "past": [
            [record.text for record in memory.at(seq=seq).records()] for seq in range(memory.summary().events + 1)
        ],
    }


def test_a_journal_taken_in_by_a_new_space_makes_the_same_space(space, opened):
    memory, receipt = space
    proof = memory.proof()
    other = opened()
    report = other.import_(memory.storage.journal())
    assert (report.format, report.added, report.forgotten) == ("journal", 6, 3)
    assert told(other) == told(memory)
    assert other.check() == []
    assert other.verify(receipt).holds
    assert other.verify(proof).holds
    with pytest.raises(Gone):
        other.remember("The door code is 7306.")
    with pytest.raises(Gone):
        other.remember("Another code.", key="door")


def test_the_space_goes_on_under_a_node_of_its_own(space, opened, tmp_path):
    memory, _ = space
    other = opened(tmp_path / "other.db")
    other.import_(memory.storage.journal())
    other.remember("Ada has a cat.")
    nodes = [node for node, _, _ in other.proof().heads]
    assert len(nodes) == 2
    assert memory.proof().heads[0][0] in nodes
    other.close()
    again = opened(tmp_path / "other.db")
    again.remember("Ada has a dog.")
    assert [node for node, _, _ in again.proof().heads] == nodes
    assert again.check() == []


def test_taking_it_in_twice_changes_nothing_and_what_is_new_follows(space, opened, clock):
    memory, _ = space
    other = opened()
    lines = list(memory.storage.journal())
    other.import_(lines)
    before = told(other)
    assert other.import_(lines).added == 0
    assert told(other) == before
    clock.advance(1)
    found = memory.remember("Ada has a bike.")
    memory.forget(found.id)
    other.remember("Ada has a boat.")
    assert other.storage.merge(memory.storage.journal()).forgotten == 1
    memory.storage.merge(other.storage.journal())
    assert memory.storage.digest() == other.storage.digest()


def test_a_dry_run_counts_and_writes_nothing(space, opened):
    memory, _ = space
    other = opened()
    report = other.import_(memory.storage.journal(), dry_run=True)
    assert (report.added, report.forgotten, report.dry_run) == (6, 3, True)
    assert other.summary().events == 0
    assert other.summary().space != memory.summary().space


def edits(lines: list[str]) -> dict[str, list[str]]:
    """Files that are not what was exported."""
    middle = len(lines) // 2
    altered = json.loads(lines[middle]) | {"hlc": json.loads(lines[middle])["hlc"] + 1}
    bare = [json.loads(line) for line in lines]
    for one in bare:
        one.pop("salt", None)
        one.pop("payload", None)
    return {
        "without its last line": lines[:-1],
        "cut in the middle": lines[:middle],
        "cut inside a line": [*lines[:middle], lines[middle][:40]],
        "a line missing": lines[:middle] + lines[middle + 1 :],
        "a line twice": [*lines[:middle], lines[middle], *lines[middle:]],
        "two lines changed over": [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2 :]],
        "an altered header": [*lines[:middle], json.dumps(altered), *lines[middle + 1 :]],
        "altered words": [line.replace("coffee", "cocoa") for line in lines],
        "payloads taken out": [json.dumps(one) for one in bare],
        "another secret": [re.sub(r'"secret":"..', '"secret":"00', lines[0]), *lines[1:]],
        "another space": [lines[0].replace('"space":"0', '"space":"f'), *lines[1:]],
        "a number that is none": [line.replace('"version":1', '"version":true') for line in lines],
        "a later format": [lines[0].replace("journal/1", "journal/2"), *lines[1:]],
        "something behind it": [*lines, lines[1]],
        "no line at all below the first": lines[:1],
        "a line that is no JSON": [*lines[:3], "{", *lines[3:]],
        "a count that is not so": [*lines[:-1], re.sub(r'"events":\d+', '"events":1', lines[-1])],
    }


NAMES = tuple(edits(['{"secret":"aa","space":"0","format":"journal/1"}', *['{"hlc":1}'] * 6, '{"events":6}']))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_exported_like_that_is_refused_and_nothing_of_it_is_written(space, opened, name):
    memory, _ = space
    lines = list(memory.storage.journal())
    other = opened()
    with pytest.raises(HoldfastError) as caught:
        other.import_(edits(lines)[name], format="journal")
    assert "Nothing was written" in str(caught.value), caught.value
    assert other.summary().events == 0
    assert other.import_(lines).added == 6, "the sound file can still be taken in"


def test_another_spaces_journal_is_refused_where_there_are_memories(space, opened):
    memory, _ = space
    other = opened()
    other.remember("My own.")
    before = told(other)
    with pytest.raises(AlreadyThere, match="two spaces do not become one"):
        other.import_(memory.storage.journal())
    assert told(other) == before


def test_two_histories_under_one_node_are_not_joined(space, opened, path, tmp_path, clock):
    memory, _ = space
    memory.close()
    (tmp_path / "copy.db").write_bytes(path.read_bytes())
    one, other = opened(path), opened(tmp_path / "copy.db")
    one.remember("Said here.")
    other.remember("Said there.")
    for mine, theirs in ((one, other), (other, one)):
        with pytest.raises(InvalidField, match="cannot be joined"):
            mine.import_(theirs.storage.journal())
    other.remember("And more.")
    with pytest.raises(InvalidField, match="cannot be joined"):
        one.import_(other.storage.journal())
    with pytest.raises(InvalidField, match="cannot be joined"):
        other.import_(one.storage.journal())


def test_an_empty_space_that_others_have_open_becomes_the_other_for_them_too(space, opened, tmp_path):
    memory, _ = space
    first, second = opened(tmp_path / "n.db"), opened(tmp_path / "n.db")
    assert second.summary().events == 0
    first.import_(memory.storage.journal())
    with pytest.raises(Gone):
        second.remember("The door code is 7306.")
    second.remember("Ada sails.")
    assert first.check() == []
    assert first.summary().space == memory.summary().space


def test_an_altered_payload_is_not_passed_on(space, path, opened):
    memory, _ = space
    memory.close()
    path.write_bytes(path.read_bytes().replace(b"likes coffee", b"likes Coffee"))
    with pytest.raises(Damaged, match="the export ends there"):
        list(opened(path).storage.journal())


def test_a_journal_of_another_model_is_refused_before_anything_is_written(opened, tmp_path):
    one = opened(tmp_path / "one.db", embedder=HashEmbedder())
    one.remember("Ada rows.")
    one.settle()
    other = opened(tmp_path / "other.db", embedder=HashEmbedder(dimensions=32))
    with pytest.raises(ModelMismatch):
        other.import_(one.storage.journal())
    assert other.summary().events == 0
    same = opened(tmp_path / "same.db", embedder=HashEmbedder())
    same.import_(one.storage.journal())
    assert same.settle() == 0
    assert same.storage.digest() == one.storage.digest()


def test_what_a_journal_is_made_of_cannot_be_guessed_by_an_import_of_memories(space, opened):
    memory, _ = space
    assert opened().import_(memory.export()).format == "records"
    with pytest.raises(HoldfastError, match="keys"):
        opened().import_(memory.export(about="Ada"))


def test_in_a_house_only_who_administers_a_space_moves_it_whole(tmp_path, opened):
    with Holdfast.open(tmp_path / "house", embedder=None) as house:
        house.create("team")
        house.grant("ada", "team", "write")
        mine, owners = house.space("team", as_="ada"), house.space("team")
        owners.remember("The team rows.")
        outside = opened(clock=SystemClock())
        outside.storage.merge(owners.storage.journal())
        outside.remember("The team sails.")
        lines = list(outside.storage.journal())
        for refused in (mine.storage.journal, lambda: mine.storage.merge(lines), lambda: mine.import_(lines)):
            with pytest.raises((HoldfastError, Refused)):
                refused()
        assert owners.summary().events == 1
        owners.storage.merge(lines)
        assert owners.storage.digest() == outside.storage.digest()


def test_keys_go_on_to_have_one_effect(space, opened):
    memory, _ = space
    memory.remember("Ada swims.", key="swim")
    other = opened()
    other.import_(memory.storage.journal())
    assert other.remember("Ada swims.", key="swim").id == memory.remember("Ada swims.", key="swim").id
    with pytest.raises(KeyReused):
        other.remember("Ada dives.", key="swim")


# What a quota, or another write, refuses


class Limited:
    """A new space under a quota that may change."""

    def __init__(self, memory: Memory, clock: SteppedClock) -> None:
        self.memory, self.quota = memory, Quota()
        ledger = memory._space.ledger
        ledger.store = LimitedStore(ledger.store, clock, lambda: self.quota, usage_of)


@pytest.mark.parametrize("quota", [Quota(memories=0), Quota(memories=4), Quota(writes_a_minute=1), Quota(bytes=1)])
@pytest.mark.parametrize("name", [":memory:", "team.db"])
def test_a_merge_that_a_quota_refuses_leaves_nothing_behind(tmp_path, space, opened, clock, quota, name, monkeypatch):
    monkeypatch.setattr(journals, "PER_COMMIT", 2)
    memory, _ = space
    lines = list(memory.storage.journal())
    team = Limited(opened(name if name == ":memory:" else tmp_path / name), clock)
    was = team.memory.summary().space
    team.quota = quota
    with pytest.raises(QuotaExceeded, match="Nothing of this write was kept"):
        team.memory.storage.merge(lines)
    assert (team.memory.summary().space, team.memory.summary().events) == (was, 0)
    team.quota = Quota(memories=6)
    assert team.memory.storage.merge(lines).added == 6, "the room that it takes is enough"
    assert team.memory.storage.digest() == memory.storage.digest()


def test_a_journal_is_weighed_as_its_writes_are(opened, clock, monkeypatch):
    monkeypatch.setattr(journals, "PER_COMMIT", 3)
    memory, team = opened(), Limited(opened(), clock)
    for number in range(4):
        held = memory.remember(f"Ada is {number}.")
        memory.forget(held.id) if number % 2 else memory.correct(held.id, f"Ada is {number}, rather.")
    team.quota = Quota(memories=3)
    team.memory.storage.merge(memory.storage.journal())
    assert team.memory.summary().live == 2
    newest = next(memory.records())
    memory.correct(newest.id, "Ada is another.")
    team.memory.storage.merge(memory.storage.journal())
    assert team.memory.storage.digest() == memory.storage.digest()


def test_what_is_forgotten_takes_no_room_in_a_quota(opened, clock):
    memory, team = opened(), Limited(opened(), clock)
    memory.remember("Ada stays.")
    memory.forget(*(memory.remember(f"Ada is {number}.").id for number in range(3)))
    team.quota = Quota(memories=1)
    assert team.memory.storage.merge(memory.storage.journal()).forgotten == 3
    assert team.memory.storage.digest() == memory.storage.digest()


def test_a_merge_that_others_leave_no_room_for_says_what_is_kept(space, opened, clock, monkeypatch):
    monkeypatch.setattr(journals, "PER_COMMIT", 2)
    memory, _ = space
    team = Limited(opened(), clock)

    def meanwhile(done: int, total: int) -> None:
        team.quota = Quota(memories=0)

    with pytest.raises(QuotaExceeded, match=r" \d of 1\d events are kept; merge it again to go on\. ") as caught:
        team.memory.storage.merge(memory.storage.journal(), progress=meanwhile)
    assert "Nothing of this write" not in str(caught.value)
    team.quota = Quota()
    team.memory.storage.merge(memory.storage.journal())
    assert team.memory.storage.digest() == memory.storage.digest()


@pytest.mark.parametrize("bad", [None, 5, b"lines", {"a": 1}])
def test_what_is_no_source_is_refused_in_words(opened, bad):
    with pytest.raises(InvalidField, match="expected the path"):
        opened().storage.merge(bad)


def test_what_a_restore_is_asked_wrongly_is_refused_in_words(space, tmp_path):
    memory, _ = space
    memory.storage.backup(tmp_path / "b.hfb")
    for wrong in ({"seq": "a"}, {"seq": 1.5}, {"receipts": ["x"]}, {"receipts": "x"}, {"receipts": None}):
        with pytest.raises(InvalidInput, match=r"'a'|1\.5|receipt"):
            restore(tmp_path / "b.hfb", tmp_path / "back.db", **wrong)
    assert not (tmp_path / "back.db").exists()


def test_a_receipt_that_a_restore_recorded_again_is_listed_once(space, opened, tmp_path, clock):
    memory, _ = space
    memory.storage.backup(tmp_path / "b.hfb")
    clock.advance(1_000)
    receipt = memory.forget(next(memory.records()).id, reason="asked")
    restore(tmp_path / "b.hfb", tmp_path / "back.db", receipts=[receipt], clock=clock)
    back = opened(tmp_path / "back.db")
    assert receipt.id in [one.id for one in back.receipts()]
    back.storage.merge(memory.storage.journal())
    ids = [one.id for one in back.receipts()]
    assert len(ids) == len(set(ids)) == back.summary().receipts
    assert {one.id for one in memory.receipts()} == set(ids)
    assert back.verify(receipt).holds


def test_what_was_derived_there_of_what_was_forgotten_here_falls_with_a_merge(space, opened):
    memory, _ = space
    other = opened()
    other.storage.merge(memory.storage.journal())
    source = next(memory.records())
    memory.forget(source.id)
    derived = other.remember("Drawn from it.", sources=[source.id])
    assert memory.storage.merge(other.storage.journal()).forgotten == 0
    with pytest.raises(Gone):
        memory.get(derived.id)
    assert "Drawn" not in repr(memory.history(derived.id))


def test_an_identity_that_was_taken_on_and_undone_is_nobody_elses(opened, tmp_path):
    memory = opened(tmp_path / "n.db")
    store = memory._space.store
    was = store.identity
    other = Identity(Id(b"another space..."), was.node, bytes(range(32)))
    failing = Uses((object(),), ())

    def adopt() -> None:
        with pytest.raises(AttributeError):
            store.commit(lambda _: Commit((), None, uses=failing, adopts=(other, genesis(other.space, other.node))))

    with ThreadPoolExecutor(2) as pool:
        with store._group.idle():  # both wait, and come into one transaction
            tasks = list[Future[object]]()
            for number, task in enumerate((adopt, lambda: memory.remember("Ada sails.")), 1):
                tasks.append(pool.submit(task))
                while len(store._group._queue) < number:
                    assert not tasks[-1].done()
        for task in tasks:
            task.result(30)
    assert store.identity == was
    assert memory.summary().space == id_text(was.space)
    assert memory.check() == []
    with store.reading() as reader:
        assert [event.header.space for event in reader.events(0, 10)] == [was.space]
