"""A whole space as lines and back: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import json
import re

import pytest

from holdfast import Memory
from holdfast.errors import AlreadyThere, Damaged, Gone, HoldfastError, InvalidField, KeyReused, ModelMismatch, Refused
from holdfast.house import Holdfast
from holdfast.testing.embedders import HashEmbedder


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


def test_in_a_house_only_who_administers_a_space_moves_it_whole(tmp_path, space):
    memory, _ = space
    lines = list(memory.storage.journal())
    with Holdfast.open(tmp_path / "house", embedder=None) as house:
        house.create("team")
        house.grant("ada", "team", "write")
        mine, owners = house.space("team", as_="ada"), house.space("team")
        for refused in (mine.storage.journal, lambda: mine.storage.merge(lines), lambda: mine.import_(lines)):
            with pytest.raises((HoldfastError, Refused)):
                refused()
        assert owners.summary().events == 0
        owners.storage.merge(lines)
        assert owners.storage.digest() == memory.storage.digest()


def test_keys_go_on_to_have_one_effect(space, opened):
    memory, _ = space
    memory.remember("Ada swims.", key="swim")
    other = opened()
    other.import_(memory.storage.journal())
    assert other.remember("Ada swims.", key="swim").id == memory.remember("Ada swims.", key="swim").id
    with pytest.raises(KeyReused):
        other.remember("Ada dives.", key="swim")
