"""What stands aside under a name: versions, compare and set, forgetting, and what other writers do meanwhile."""

from __future__ import annotations

import threading

import pytest

from holdfast import Memory
from holdfast.errors import NotFound, VersionConflict
from holdfast.model.records import Content, Kind
from holdfast.services import aside as service
from holdfast.services.aside import Aside
from holdfast.space import Space


def content(text, kind=Kind.EXPECTATION, at=0):
    return Content(kind=kind, text=text, valid_from=at, body="{}")


def space_of(memory) -> Space:
    return memory._space


@pytest.fixture
def space(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=None) as memory:
        yield space_of(memory)


def test_a_name_means_its_newest_version_and_keeps_the_older_ones(space):
    first = space.aside.write("persona", content("brief"))
    second = space.aside.write("persona", content("brief, kind"))
    assert (first.version, second.version, first.id) == (1, 2, second.id)
    assert space.aside.get(Kind.EXPECTATION, "persona").text == "brief, kind"
    assert [one.text for one in space.aside.versions(Kind.EXPECTATION, "persona")] == ["brief", "brief, kind"]
    assert space.aside.find(Kind.RECALL, "persona") is None


def test_the_same_again_is_no_further_version(space):
    space.aside.write("persona", content("brief"))
    again = space.aside.write("persona", content("brief", at=5))
    assert again.version == 1
    assert len(space.aside.versions(Kind.EXPECTATION, "persona")) == 1


def test_a_version_that_was_not_seen_is_a_conflict_and_changes_nothing(space):
    space.aside.write("persona", content("brief"), version=0)
    for seen in (0, 2):
        with pytest.raises(VersionConflict, match=f"version 1, not {seen}"):
            space.aside.write("persona", content("long"), version=seen)
    assert space.aside.get(Kind.EXPECTATION, "persona").text == "brief"


def test_a_name_that_was_forgotten_starts_anew_without_its_past(space):
    old = space.aside.write("persona", content("secret"))
    space.aside.forget([old.id], "asked for")
    assert space.aside.find(Kind.EXPECTATION, "persona") is None
    with pytest.raises(NotFound, match="persona"):
        space.aside.versions(Kind.EXPECTATION, "persona")
    new = space.aside.write("persona", content("other"))
    assert (new.version, new.id != old.id) == (1, True)
    assert [one.text for one in space.aside.versions(Kind.EXPECTATION, "persona")] == ["other"]


@pytest.mark.parametrize("reload", [2_000, 0])
def test_all_follows_what_others_write_and_forget(tmp_path, monkeypatch, reload):
    monkeypatch.setattr(service, "RELOAD", reload)
    with Memory.open(tmp_path / "a.db", embedder=None) as one, Memory.open(tmp_path / "a.db", embedder=None) as two:
        mine, theirs = space_of(one).aside, space_of(two).aside
        assert mine.all(Kind.EXPECTATION) == []
        written = theirs.write("a", content("first"))
        two.remember("a fact that is no matter here")
        assert [record.text for record in mine.all(Kind.EXPECTATION)] == ["first"]
        theirs.write("a", content("second"))
        kept = theirs.add(content("apart", Kind.RECALL))
        assert [record.text for record in mine.all(Kind.EXPECTATION, Kind.RECALL)] == ["second", "apart"]
        assert [record.id for record in mine.all(Kind.RECALL)] == [kept.id]
        theirs.forget([written.id], "asked for")
        assert mine.all(Kind.EXPECTATION) == []


def test_of_two_that_write_at_once_one_version_follows_the_other(space: Space):
    names = [str(number) for number in range(40)]
    aside: Aside = space.aside
    threads = [threading.Thread(target=aside.write, args=("shared", content(name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = aside.versions(Kind.EXPECTATION, "shared")
    assert [one.version for one in versions] == list(range(1, 41))
    assert sorted(one.text for one in versions) == sorted(names)


def test_what_stands_aside_survives_a_rebuild(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=None) as memory:
        aside = space_of(memory).aside
        aside.write("a", content("first"))
        aside.write("a", content("second"))
        before = memory.storage.digest()
        assert memory.storage.rebuild() == before
        assert [one.text for one in aside.all(Kind.EXPECTATION)] == ["second"]
        assert memory.check() == []
