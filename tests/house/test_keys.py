"""A house with a keyring: every space under a key of its own, which goes first when the space is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast import Holdfast, Keyring, Memory
from holdfast.adapters.keyring import Keyring as Ring
from holdfast.errors import AlreadyThere, InvalidField, KeyNeeded, KeyringUnusable, NotEncrypted, StoreBusy
from holdfast.model.ids import parse_id


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path / "ring.json")


def opened(tmp_path: Path, ring: Keyring | None = None) -> Holdfast:
    return Holdfast.open(tmp_path / "house", embedder=None, keyring=ring)


def held(tmp_path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in (tmp_path / "house").iterdir())


def test_every_space_is_encrypted_under_a_key_of_its_own(tmp_path, ring):
    with opened(tmp_path, ring) as house:
        for name in ("acme/ada", "acme/ben"):
            house.create(name)
            house.space(name).remember(f"Quillon is known in {name}.", tags=["zanzibar"])
        ids = {entry.id for entry in house.spaces()}
        assert {entry.space for entry in ring.entries()} == ids
        assert len({entry.key_id for entry in ring.entries()}) == 2
    assert b"Quillon" not in held(tmp_path)
    assert b"zanzibar" not in held(tmp_path)
    with opened(tmp_path, Keyring.open(ring.path)) as house:
        assert len(house.recall("Quillon")) == 2
        assert house.check() == []
    with opened(tmp_path) as house, pytest.raises(KeyNeeded):
        house.space("acme/ada")


def test_dropping_a_space_destroys_its_key_before_its_file(tmp_path, ring, monkeypatch):
    with opened(tmp_path, ring) as house:
        house.create("acme/ada")
        house.create("acme/ben")
        house.space("acme/ada").remember("Quillon.")
        seen = list[bool]()
        drop = Ring.drop
        monkeypatch.setattr(
            Ring,
            "drop",
            lambda self, space, key_id: (
                seen.append(any(tmp_path.glob(f"house/{space.hex()}.db"))),
                drop(self, space, key_id),
            ),
        )
        receipt = house.drop("acme/ada", confirm="acme/ada")
        assert seen == [True], "the file was still there when the key went"
        assert [entry.destroyed for entry in ring.entries()] == [False, True]
        assert house.verify(receipt).holds
        assert house.space("acme/ben").records()


def test_a_drop_that_cannot_destroy_the_key_is_finished_later(tmp_path, ring):
    with opened(tmp_path, ring) as house:
        house.create("acme/ada")
        ring.path.chmod(0o644)
        with pytest.raises(KeyringUnusable):
            house.drop("acme/ada", confirm="acme/ada")
        assert house.spaces() == []
        assert any(tmp_path.glob("house/*.db"))
    ring.path.chmod(0o600)
    with opened(tmp_path, ring) as house:
        assert [path.name for path in tmp_path.glob("house/*.db")] == ["house.db"]
        assert [entry.destroyed for entry in ring.entries()] == [True]
        assert len(house.receipts()) == 1


def test_a_drop_that_was_cut_off_when_the_file_was_overwritten_is_finished_later(tmp_path, ring, monkeypatch):
    from holdfast import house_wiring
    from holdfast.errors import StoreError

    overwrite = house_wiring._overwrite

    def cut_off(path: Path) -> None:
        overwrite(path)
        raise OSError(5, "cut off")

    with opened(tmp_path, ring) as house:
        house.create("acme/ada")
        house.space("acme/ada").remember("Quillon.")
        monkeypatch.setattr(house_wiring, "_overwrite", cut_off)
        with pytest.raises(StoreError, match="cut off"):
            house.drop("acme/ada", confirm="acme/ada")
        monkeypatch.undo()
    with opened(tmp_path, ring):
        assert [path.name for path in tmp_path.glob("house/*.db")] == ["house.db"]
        assert [entry.destroyed for entry in ring.entries()] == [True]


def test_spaces_from_before_the_keyring_stay_plain_until_they_are_encrypted(tmp_path, ring):
    with opened(tmp_path) as house:
        house.create("old")
        house.space("old").remember("Quillon.")
    with opened(tmp_path, ring) as house:
        assert [hit.text for hit in house.space("old").recall("Quillon")] == ["Quillon."]
        assert house.space("old").storage.encryption() is None
        house.space("old").storage.encrypt(ring)
        assert b"Quillon" not in held(tmp_path)
    with opened(tmp_path, ring) as house:
        assert [hit.text for hit in house.space("old").recall("Quillon")] == ["Quillon."]
        house.drop("old", confirm="old")
        assert [entry.destroyed for entry in ring.entries()] == [True]


def test_a_failed_encryption_does_not_lock_the_space_out(tmp_path, ring, monkeypatch):
    monkeypatch.setattr("holdfast.adapters.sqlite.sole.ALONE_MS", 50)
    with opened(tmp_path) as house:
        house.create("old")
        house.space("old").remember("Quillon.")
    with opened(tmp_path, ring) as house, opened(tmp_path) as other:
        assert other.space("old").records()
        with pytest.raises(StoreBusy):
            house.space("old").storage.encrypt(ring)
        assert ring.entries() == []
    # A process that died instead leaves the key, under which nothing is.
    with opened(tmp_path) as house:
        (entry,) = house.spaces()
    ring.create(parse_id(entry.id), replaces="")
    with opened(tmp_path, ring) as house:
        assert [hit.text for hit in house.space("old").recall("Quillon")] == ["Quillon."]
        house.space("old").storage.encrypt(ring)
    with opened(tmp_path, ring) as house:
        assert house.space("old").storage.encryption() is not None


def test_a_space_is_encrypted_with_the_keyring_of_its_house_alone(tmp_path, ring):
    with opened(tmp_path) as house:
        house.create("old")
        house.space("old").remember("Quillon.")
        with pytest.raises(InvalidField, match="open the house with keyring="):
            house.space("old").storage.encrypt(ring)
    others = [bytes(range(32)), Keyring.open(tmp_path / "other.json"), Keyring.open(tmp_path / "house" / "ring.json")]
    with opened(tmp_path, ring) as house:
        for other in others:
            with pytest.raises(InvalidField, match="keyring of the house"):
                house.space("old").storage.encrypt(other)
        assert house.space("old").storage.encryption() is None
        house.space("old").storage.encrypt(Keyring.open(ring.path))
    with opened(tmp_path, ring) as house:
        assert [hit.text for hit in house.space("old").recall("Quillon")] == ["Quillon."]


def test_a_space_of_a_house_stays_the_one_it_is(tmp_path, ring):
    with opened(tmp_path, ring) as house:
        for name in ("a", "b"):
            house.create(name)
        house.space("a").remember("Quillon.")
        journal = list(house.space("a").storage.journal())
        for dry_run in (True, False):
            with pytest.raises(AlreadyThere, match=r"stays the one it is .*Nothing was written"):
                house.space("b").storage.merge(journal, dry_run=dry_run)
        assert house.space("a").storage.merge(journal).added == 0
        assert {house.space(name).summary().space for name in ("a", "b")} == {entry.id for entry in house.spaces()}
        house.drop("b", confirm="b")
        assert [hit.text for hit in house.space("a").recall("Quillon")] == ["Quillon."]


@pytest.mark.parametrize("first", ["house", "file"])
def test_dropping_a_space_leaves_the_key_of_a_file_that_became_the_same_one(tmp_path, ring, first):
    """Also where that file was made, and the house's space encrypted, later."""
    with opened(tmp_path, ring if first == "house" else None) as house:
        entry = house.create("a")
        house.space("a").remember("Quillon.")
        journal = list(house.space("a").storage.journal())
    with Memory.open(tmp_path / "moved.db", embedder=None, key=ring) as memory:
        memory.storage.merge(journal)
        assert memory.summary().space == entry.id
        moved = memory.storage.encryption()
    if first == "file":
        # Plain, though its id is in the keyring: only this way the house takes it, and drops it.
        with opened(tmp_path) as house:
            house.drop("a", confirm="a")
    else:
        with opened(tmp_path, ring) as house:
            house.drop("a", confirm="a")
    assert moved.key_id in {one.key_id for one in ring.entries()}
    with Memory.open(tmp_path / "moved.db", embedder=None, key=ring) as memory:
        assert [hit.text for hit in memory.recall("Quillon")] == ["Quillon."]


def test_a_plain_file_in_the_place_of_an_encrypted_one_is_refused(tmp_path, ring):
    with opened(tmp_path, ring) as house:
        entry = house.create("acme/ada")
    name = f"{entry.id.replace('-', '')}.db"

    for file in (tmp_path / "house").glob(name + "*"):
        file.unlink()
    with Memory.open(tmp_path / "house" / name, embedder=None) as forged:
        forged.remember("Forged.")
    with opened(tmp_path, ring) as house, pytest.raises(NotEncrypted):
        house.space("acme/ada")


@pytest.mark.parametrize("inside", ["ring.json", "deep/ring.json", "../house/ring.json"])
def test_a_keyring_in_the_folder_of_the_house_is_refused(tmp_path, inside):
    (tmp_path / "house" / "deep").mkdir(parents=True)
    ring = Keyring.open(tmp_path / "house" / inside)
    with pytest.raises(InvalidField, match="Keep it elsewhere"):
        opened(tmp_path, ring)


def test_only_who_has_admin_may_change_keys(tmp_path, ring):
    from holdfast.errors import NotAllowed

    with opened(tmp_path, ring) as house:
        house.create("acme/ada")
        house.grant("planner", "acme/ada", "write")
        space = house.space("acme/ada", as_="planner")
        assert space.storage.encryption() is not None
        with pytest.raises(NotAllowed):
            space.storage.rotate_key()
        house.grant("planner", "acme/ada", "admin")
        before = space.storage.encryption()
        assert space.storage.rotate_key(data=True).key_id != before.key_id
