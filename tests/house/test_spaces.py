"""Spaces and grants: made, renamed, shared, dropped with a receipt, and every change in the audit."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from holdfast import Memory, house_wiring
from holdfast.errors import (
    AlreadyThere,
    Closed,
    Damaged,
    InvalidField,
    NewerSchema,
    NotAllowed,
    NotASpace,
    StoreError,
    StoreReadOnly,
)
from holdfast.house import Holdfast
from holdfast.model.access import Quota, Right
from holdfast.services.sharing import Sharing
from tests.house.scenes import bytes_under, names_under, refused

CANARY = "The zanzibar-canary sings at midnight."


def fill(house: Holdfast, name: str = "acme/ada") -> None:
    """A space with the canary on every surface, and a name, that must not outlive it."""
    house.create(name)
    memory = house.space(name)
    fact = memory.remember(CANARY, subject="zanzibar", tags=["zanzibar"], key="zanzibar", source="zanzibar")
    memory.correct(fact.id, CANARY + " Twice.")
    memory.session("zanzibar").add("user", CANARY, author="zanzibar")
    memory.recall("zanzibar")


def test_a_house_keeps_its_spaces_and_grants(opened):
    house = opened()
    made = house.create("acme/team")
    house.grant("ann", "acme/team", "write")
    house.limit("acme/team", Quota(memories=9))
    house.space("acme/team", as_="ann").remember("Kept.")
    house.close()
    again = opened(as_="ann")
    (entry,) = again.spaces()
    assert (entry.id, entry.right, entry.quota) == (made.id, Right.WRITE, Quota(memories=9))
    assert [record.text for record in again.space("acme/team").records()] == ["Kept."]


def test_who_acts_is_the_one_named_in_the_call_else_the_one_who_opened(opened):
    house = opened(as_="Ann")
    with refused(NotAllowed, "'ann'"):
        house.create("acme")
    house.create("acme", by="owner")
    assert house.spaces() == []
    assert [entry.name for entry in house.spaces(as_="owner")] == ["acme"]


def test_only_the_owner_makes_renames_and_limits_spaces(house):
    house.create("acme")
    house.grant("ann", "acme", "admin")
    for call in (
        lambda: house.create("b", by="ann"), lambda: house.rename("acme", "b", by="ann"),
        lambda: house.limit("acme", Quota(), by="ann"), lambda: house.audit(as_="ann"),
        lambda: house.receipts(as_="ann"), lambda: house.check(as_="ann"),
    ):  # fmt: skip
        with refused(NotAllowed, "does not administer"):
            call()
    house.drop("acme", confirm="acme", as_="ann")
    assert house.spaces() == []


def test_renaming_keeps_memories_grants_quota_and_what_is_in_use(house, folder):
    made = house.create("acme/old-secret-name")
    house.grant("ann", "acme/old-secret-name", "write")
    house.limit("acme/old-secret-name", Quota(memories=5))
    memory = house.space("acme/old-secret-name", as_="ann")
    memory.remember("Kept.")
    renamed = house.rename("acme/old-secret-name", "acme/new")
    assert (renamed.id, renamed.name, renamed.quota) == (made.id, "acme/new", Quota(memories=5))
    memory.remember("Still usable.")
    assert house.space("acme/new", as_="ann").summary().live == 2
    assert [(one.principal, one.space) for one in house.grants("acme/new")] == [("ann", "acme/new")]
    with refused(NotAllowed):
        house.space("acme/old-secret-name", as_="ann")
    assert b"old-secret-name" not in bytes_under(folder)
    house.create("acme/third")
    with refused(AlreadyThere, "'acme/new'"):
        house.rename("acme/third", "ACME/New")
    assert house.rename("acme/new", "Acme/New").name == "Acme/New"


def test_grants_only_add_and_revokes_only_take(house):
    house.create("acme")
    assert house.revoke("ann", "acme") is None
    assert house.grant("ann", "acme", "write").right is Right.WRITE
    assert house.grant("ann", "acme", "read").right is Right.WRITE, "less is no change"
    assert house.grant("ANN", "acme", Right.ADMIN).principal == "ann"
    assert house.revoke("ann", "acme", "share") is Right.WRITE
    assert house.revoke("ann", "acme", "admin") is Right.WRITE
    assert house.revoke("ann", "acme") is None
    assert house.grants("acme") == []
    for bad in ("Write", "owner", "", 2, None, "all"):
        with refused(InvalidField, "read, write, share, admin"):
            house.grant("ann", "acme", bad)


def test_who_shares_passes_on_reading_and_writing_alone(house):
    house.create("acme")
    house.grant("ann", "acme", "share")
    house.grant("cy", "acme", "admin")
    given = house.grant("bo", "acme", "write", by="ann")
    assert given.by == "ann"
    assert house.revoke("bo", "acme", "write", by="ann") is Right.READ
    for call in (
        lambda: house.grant("bo", "acme", "share", by="ann"), lambda: house.grant("ann", "acme", "admin", by="ann"),
        lambda: house.revoke("cy", "acme", by="ann"), lambda: house.revoke("ann", "acme", by="ann"),
        lambda: house.grant("x", "acme", "read", by="bo"), lambda: house.revoke("ann", "acme", by="bo"),
    ):  # fmt: skip
        with refused(NotAllowed):
            call()
    assert {one.principal: one.right.name for one in house.grants("acme", as_="ann")} == {
        "ann": "SHARE", "bo": "READ", "cy": "ADMIN",
    }  # fmt: skip


def test_dropping_leaves_no_byte_and_a_receipt_that_verifies(house, folder):
    fill(house)
    house.grant("ann", "acme/ada", "admin")
    memory = house.space("acme/ada", as_="ann")
    session, past, records = memory.session("zanzibar"), memory.at(seq=2), memory.records()
    next(records)
    assert b"zanzibar" in bytes_under(folder)
    with refused(InvalidField, "does not confirm"):
        house.drop("acme/ada", confirm="acme/bo", as_="ann")
    receipt = house.drop("acme/ada", confirm="acme/ada", as_="ann", reason="user request")
    assert (receipt.actor, receipt.reason, receipt.pending) == ("ann", "user request", None)
    assert receipt.files >= 3
    assert receipt.bytes > 0
    left = bytes_under(folder)
    assert b"zanzibar" not in left
    assert b"acme" not in left, "not even its name"
    assert names_under(folder) == []
    for call in (memory.summary, session.turns, past.summary, lambda: next(records), lambda: house.space("acme/ada")):
        with refused(NotAllowed):
            call()
    verified = house.verify(receipt)
    assert verified.holds, verified
    assert verified.limits
    assert house.receipts() == [receipt]
    assert house.check() == []
    house.create("acme/ada")
    assert house.space("acme/ada").summary().live == 0
    assert house.grants("acme/ada") == []
    assert house.verify(receipt).holds, "another space of that name is another space"


def test_the_scan_for_the_canary_notices_a_drop_that_erases_nothing(house, folder, monkeypatch):
    fill(house)
    monkeypatch.setattr(house_wiring, "erase_files", lambda folder, space: (0, 0))
    receipt = house.drop("acme/ada", confirm="acme/ada")
    assert b"zanzibar" in bytes_under(folder)
    assert not house.verify(receipt).holds


def test_content_is_overwritten_before_it_is_removed(house, folder, monkeypatch):
    fill(house)
    seen = {}
    unlink = Path.unlink
    monkeypatch.setattr(
        Path, "unlink", lambda self, **k: (seen.setdefault(self.name, self.read_bytes()), unlink(self, **k))[1]
    )
    house.drop("acme/ada", confirm="acme/ada")
    main = [data for name, data in seen.items() if name.endswith(".db")]
    assert len(main) == 1
    assert len(main[0]) > 8192
    assert set(b"".join(seen.values())) <= {0}


def test_an_index_of_vectors_that_was_left_unfinished_is_overwritten_with_its_space(house, folder):
    fill(house)
    (space,) = (path for path in folder.iterdir() if path.name.endswith(".db") and path.name != "house.db")
    left, twin = space.with_name(space.name + "-vectors.77-aa.new"), folder / "twin"
    left.write_bytes(b"half an index")
    twin.hardlink_to(left)
    house.drop("acme/ada", confirm="acme/ada")
    assert not left.exists()
    assert not any(twin.read_bytes())


def test_tampering_with_receipt_or_audit_is_noticed(house, opened, folder):
    fill(house)
    house.create("other")
    receipt = house.drop("acme/ada", confirm="acme/ada")
    entry = house.create("third")
    for changed in (
        replace(receipt, actor="ann"), replace(receipt, at_ms=receipt.at_ms + 1), replace(receipt, reason="other"),
        replace(receipt, files=99), replace(receipt, chain="00" * 32), replace(receipt, id=entry.id),
        replace(receipt, space=entry.id),
    ):  # fmt: skip
        assert house.verify(changed).problems
    stray = folder / f"{receipt.space.replace('-', '')}.db-wal"
    stray.write_bytes(b"back again")
    assert any("still there" in problem for problem in house.verify(receipt).problems)
    house.close()
    assert opened().verify(receipt).holds, "opening erased what came back"
    assert not stray.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 2",
        "UPDATE audit SET by = 2 WHERE seq = 1",
        "UPDATE audit SET detail = 'admin' WHERE what = 'granted'",
        "DELETE FROM audit WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET seq = 100 WHERE seq = 3",
        "UPDATE principal SET name = 'bo' WHERE name = 'ann'",
    ],
)
def test_a_changed_audit_does_not_pass(house, opened, folder, sql):
    house.create("acme")
    house.grant("ann", "acme", "write")
    house.create("more")
    receipt = house.drop("more", confirm="more")
    assert house.check() == []
    house.close()
    connection = apsw.Connection(str(folder / "house.db"))
    connection.execute(sql)
    connection.close()
    again = opened()
    assert any("audit" in problem for problem in again.check())
    assert again.verify(receipt).problems


def test_every_change_stands_in_the_audit_with_who_and_when(house, clock):
    house.create("acme")
    clock.advance(1_000)
    house.grant("ann", "acme", "share")
    house.grant("bo", "acme", "read", by="ann")
    house.grant("bo", "acme", "read", by="ann")
    house.limit("acme", Quota(memories=3, writes_a_minute=2))
    house.rename("acme", "acme2")
    house.revoke("bo", "acme2", by="ann")
    house.drop("acme2", confirm="acme2")
    told = [(entry.what, entry.by, entry.principal, entry.detail.split(" files")[0]) for entry in house.audit()]
    receipt = house.receipts()[0]
    assert told == [
        ("created", "owner", None, ""),
        ("granted", "owner", "ann", "share"),
        ("granted", "ann", "bo", "read"),
        ("limited", "owner", None, "memories=3 writes_a_minute=2"),
        ("renamed", "owner", None, ""),
        ("revoked", "ann", "bo", "read"),
        ("dropped", "owner", None, ""),
        ("erased", "owner", None, f"receipt={receipt.id}"),
    ]
    assert {entry.space for entry in house.audit()} == {receipt.space}
    assert house.audit()[1].at_ms - house.audit()[0].at_ms == 1_000


def test_a_lost_file_is_said_and_never_replaced_by_an_empty_space(house, opened, folder):
    fill(house)
    house.close()
    (stem,) = {name.split(".")[0] for name in names_under(folder)}
    for path in folder.glob(f"{stem}.*"):
        path.unlink()
    again = opened()
    with refused(Damaged, "missing", "backup"):
        again.space("acme/ada")
    assert any("missing" in problem for problem in again.check())
    assert names_under(folder) == []


def test_a_file_of_nobody_is_told_of_and_left_alone(house, opened, folder):
    stray = folder / ("ab" * 16 + ".db")
    Memory.open(stray, embedder=None).close()
    before = stray.read_bytes()
    (problem,) = house.check()
    assert stray.name in problem
    house.close()
    opened().close()
    assert stray.read_bytes() == before


def test_a_space_open_in_two_houses_of_a_process_closes_in_both(opened):
    one, two = opened(), opened()
    fill(one)
    memory = two.space("acme/ada")
    assert memory.summary().live > 0
    one.drop("acme/ada", confirm="acme/ada")
    assert len(two._spaces._open) == 0
    with refused(NotAllowed):
        memory.summary()


def test_what_fails_because_of_a_drop_is_answered_as_if_it_had_never_been(house, monkeypatch):
    fill(house)
    memory = house.space("acme/ada")
    stats = Memory.summary

    def dropped_meanwhile(self):
        house.drop("acme/ada", confirm="acme/ada")
        return stats(self)

    monkeypatch.setattr(Memory, "summary", dropped_meanwhile)
    with refused(NotAllowed):
        memory.summary()


def test_a_file_that_cannot_be_erased_is_tried_again_at_the_next_open(opened, folder, monkeypatch):
    house = opened()
    fill(house)
    unlink = Path.unlink

    def locked(self, **_):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(Path, "unlink", locked)
    with refused(StoreError, "in use"):
        house.drop("acme/ada", confirm="acme/ada")
    with refused(NotAllowed):
        house.space("acme/ada")
    (receipt,) = house.receipts()
    assert receipt.pending
    assert not house.verify(receipt).holds
    house.close()
    monkeypatch.setattr(Path, "unlink", unlink)
    again = opened()
    (receipt,) = again.receipts()
    assert again.verify(receipt).holds
    assert b"zanzibar" not in bytes_under(folder)


def test_an_error_inside_a_change_undoes_all_of_it(house, monkeypatch):
    house.create("acme")
    house.grant("ann", "acme", "read")
    before = (house.audit(), house.grants("acme"), house.spaces())

    def broken(self, *_, **__):
        raise RuntimeError("no audit")

    with monkeypatch.context() as patch:
        patch.setattr(Sharing, "_note", broken)
        for call in (
            lambda: house.grant("ann", "acme", "admin"), lambda: house.revoke("ann", "acme"),
            lambda: house.create("more"), lambda: house.rename("acme", "b"),
            lambda: house.limit("acme", Quota(bytes=1)), lambda: house.drop("acme", confirm="acme"),
        ):  # fmt: skip
            with pytest.raises(RuntimeError):
                call()
    assert (house.audit(), house.grants("acme"), house.spaces()) == before


def test_what_is_no_house_is_refused_unchanged(opened, folder):
    with refused(StoreReadOnly, "no house"):
        opened(create=False)
    assert not folder.exists()
    folder.write_text("a file")
    with refused(NotASpace, "is a file"):
        opened()
    folder.unlink()
    folder.mkdir()
    registry = folder / "house.db"
    for content in (b"hello", b"SQLite format 3\x00" + b"x" * 2_000, b"x" * 5_000):
        registry.write_bytes(content)
        with refused(NotASpace):
            opened()
        assert registry.read_bytes() == content
    registry.unlink()
    Memory.open(registry, embedder=None).close()
    content = registry.read_bytes()
    with refused(NotASpace):
        opened()
    assert registry.read_bytes() == content
    with refused(InvalidField):
        Holdfast.open("\0")


def test_a_newer_registry_is_refused_unchanged(house, opened, folder):
    house.close()
    connection = apsw.Connection(str(folder / "house.db"))
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with refused(NewerSchema):
        opened()


@pytest.mark.parametrize(
    "written",
    [
        "INSERT INTO space (id, name, key, made, created_ms) VALUES (zeroblob(16), 'b', 'b', 1, 0)",
        "UPDATE space SET (name, key) = ('b', 'b')",
        "UPDATE space SET made = 1",
        "UPDATE space SET (memories, bytes, writes_a_minute) = (1, 2, 3)",
        'INSERT INTO "grant" VALUES (1, 1, 1, 1, 0)',
    ],
)
def test_a_process_of_an_earlier_library_cannot_write_what_would_count_as_altered(house, folder, written):
    # It had the registry open when this one upgraded it, and goes on with the statements it knows.
    house.create("acme")
    house.grant("ann", "acme", "read")
    old = apsw.Connection(str(folder / "house.db"))
    with pytest.raises(apsw.Error):
        old.execute(written).fetchall()
    old.close()
    house.rename("acme", "zenith")
    assert [space.name for space in house.spaces()] == ["zenith"]
    assert house.check() == []


def test_a_closed_house_says_so(house):
    house.create("acme")
    memory = house.space("acme")
    house.close()
    house.close()
    for call in (memory.summary, house.spaces, lambda: house.space("acme"), lambda: house.create("b")):
        with refused(Closed):
            call()


def test_random_histories_of_grants_end_as_a_dictionary_says(house):
    chance = random.Random(5)
    for name in ("a", "b"):
        house.create(name)
    oracle: dict[tuple[str, str], int] = {}
    for _ in range(300):
        who, space, right = chance.choice("uvw"), chance.choice("ab"), chance.choice(list(Right))
        held = oracle.get((who, space), 0)
        if chance.random() < 0.5:
            assert house.grant(who, space, right).right == max(held, right)
            oracle[who, space] = max(held, right)
        else:
            oracle[who, space] = min(held, right - 1)
            assert (house.revoke(who, space, right) or 0) == oracle[who, space]
    for space in "ab":
        told = {one.principal: int(one.right) for one in house.grants(space)}
        assert told == {who: level for (who, where), level in oracle.items() if where == space and level}
    assert house.check() == []
