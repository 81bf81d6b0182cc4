"""An encrypted space: what its files show, who can open it, what a change of key leaves, what altered bytes give."""

from __future__ import annotations

import asyncio
import base64
import re
import stat
import sys
from pathlib import Path

import apsw
import pytest

from holdfast import AsyncMemory, Keyring, Memory, Record, Turn
from holdfast.adapters.sqlite import sealing
from holdfast.adapters.sqlite.rows import entry_check
from holdfast.core.codec import decode_content
from holdfast.errors import (
    Conflict,
    Damaged,
    InvalidField,
    KeyNeeded,
    KeySpent,
    NotEncrypted,
    StoreBusy,
    StoreError,
    StoreReadOnly,
    WrongKey,
)
from holdfast.model.encryption import FileKey
from holdfast.model.ids import parse_id
from holdfast.recovery import restore
from holdfast.testing.faults import SteppedClock
from tests.services.scenes import bytes_of, found

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
CANARIES = (
    "Quillon",
    "Vexworth",
    "zanzibar-tag",
    "sess-marrow",
    "src-obelisk",
    "Ottoline",
    "key-hazel",
    "why-umber",
    "actor-plum",
)


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    (tmp_path / "keys").mkdir()
    return Keyring.open(tmp_path / "keys" / "ring.json")


def fill(memory: Memory) -> list[str]:
    """One of everything that a person could say or be called."""
    fact = memory.remember(
        "Quillon keeps the Vexworth ledger.", subject="Quillon", category="work", source="src-obelisk",
        tags=["zanzibar-tag"], key="key-hazel", attributes={"by": "Ottoline"},
    )  # fmt: skip
    turn = memory.session("sess-marrow", user="Ottoline").add("user", "Vexworth opens at nine.", tags=["zanzibar-tag"])
    old = memory.remember("Quillon lives in Porto.", subject="Quillon")
    new = memory.correct(old.id, "Quillon lives in Lisbon.", reason="why-umber")
    memory.recall("Vexworth ledger")
    return [fact.id, turn.id, new.id]


def canaries_in(path: Path) -> list[str]:
    """Words of people that stand in the files of a space, as they are or in base64."""
    held = bytes_of(path)
    forms = {word: (word.encode(), base64.b64encode(word.encode())[:-4]) for word in (*CANARIES, "Lisbon", "Porto")}
    return [word for word, probes in forms.items() if any(probe in held for probe in probes)]


def salts_in(memory: Memory, path: Path) -> int:
    """Salts that stand in the files of a space."""
    with memory._space.store.reading() as reader:
        salts = [event.salt for event in reader.events(0, 1_000) if event.salt]
    assert salts
    held = bytes_of(path)
    return sum(salt in held for salt in salts)


def checks_in(memory: Memory) -> set[int]:
    """Checks of vectors that anybody could make of a guessed text."""
    with memory._space.store.reading() as reader:
        stored = {entry for (entry,) in reader.rows("SELECT entry FROM vector")}
        assert stored
        live = reader.current([holding.n for holding in reader.live(0, 100)])
        contents = [decode_content(event) for _, event in live.values()]
    return stored & {entry_check(one.author, one.text, one.caption) for one in contents if one}


def alter(path: Path, sql: str, *values: object) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(sql, values)
    connection.close()


def swap(path: Path, table: str, column: str) -> None:
    """Exchange what two memories have in a column."""
    connection = apsw.Connection(str(path))
    rows = connection.execute(f"SELECT n, {column} FROM {table} WHERE n IN (1, 2) ORDER BY n").fetchall()
    (_, first), (_, second) = rows
    connection.executemany(f"UPDATE {table} SET {column} = ? WHERE n = ?", [(second, 1), (first, 2)])
    connection.close()


def test_no_word_and_no_salt_stands_in_the_files(opened, path, model):
    memory = opened(path, key=KEY, embedder=model, as_="actor-plum")
    fill(memory)
    memory.settle()
    memory.forget(memory.remember("Vexworth moved away.", source="src-obelisk").id, reason="why-umber")
    assert canaries_in(path) == []
    assert salts_in(memory, path) == 0
    assert not checks_in(memory)
    secret = memory._space.store.identity.secret
    memory.close()
    assert canaries_in(path) == []
    assert secret not in bytes_of(path)
    assert KEY not in bytes_of(path)


def test_the_scan_finds_what_a_plain_space_shows(opened, path, model):
    memory = opened(path, as_="actor-plum", embedder=model)
    fill(memory)
    assert set(canaries_in(path)) == {*CANARIES, "Lisbon", "Porto"} - {"key-hazel"}, "keys are kept as digests anyway"
    assert salts_in(memory, path) > 0
    memory.settle()
    assert checks_in(memory)


def test_every_column_with_text_is_sealed_or_known_to_hold_none():
    """A column that somebody adds must be decided about."""
    from holdfast.adapters.sqlite.migrate import migrations

    sql = "\n".join(part for _, part in migrations())
    named = set[str]()
    for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", sql, re.DOTALL):
        named |= {f"{table}.{column}" for column in re.findall(r"^\s+(\w+)\s+TEXT", body, re.MULTILINE)}
    without = {"meta.key", "model.fingerprint"}
    sealed = {column for column in named if column.split(".")[1] in sealing.LABELS}
    assert named == sealed | without


def test_an_encrypted_space_answers_as_a_plain_one_with_the_same_digest(opened, tmp_path, clock):
    spaces = []
    for name, key in (("plain.db", None), ("sealed.db", KEY)):
        memory = opened(tmp_path / name, key=key, clock=SteppedClock(clock.now))
        fill(memory)
        spaces.append(memory)
    plain, sealed = spaces
    assert sealed.storage.digest() == plain.storage.digest()
    assert sealed.check() == plain.check() == []
    assert list(sealed.export(superseded=True)) == list(plain.export(superseded=True))
    assert list(sealed.storage.journal()) == list(plain.storage.journal())
    filters = {"tag": "zanzibar-tag"}, {"source": ["src-obelisk", "none"]}, {"author": "Ottoline"}, {"kind": "fact"}
    for where in filters:
        assert list(sealed.records(where=where)) == list(plain.records(where=where))
    assert found(sealed, "where does Quillon live?") == found(plain, "where does Quillon live?")
    summaries = [memory.summary() for memory in spaces]
    for name in ("live", "by_category", "by_author", "by_source", "sessions", "sources", "superseded"):
        values = [getattr(summary, name, None) for summary in summaries]
        assert values[0] == values[1], name
    assert sealed.preview_forget(about="quillon").by_kind == plain.preview_forget(about="quillon").by_kind
    assert sealed.at(seq=1).storage.digest() == plain.at(seq=1).storage.digest()
    assert sealed.proof() == plain.proof()
    assert sealed.storage.rebuild() == plain.storage.rebuild()
    assert canaries_in(tmp_path / "sealed.db") == []


def test_only_the_right_key_opens_and_nothing_changes_otherwise(opened, path):
    with opened(path, key=KEY) as memory:
        memory.remember("Quillon.")
    before = path.read_bytes()
    for key, error in ((None, KeyNeeded), (OTHER, WrongKey)):
        for read_only in (False, True):
            with pytest.raises(error, match="It was not changed"):
                Memory.open(path, embedder=None, key=key, read_only=read_only)
    assert path.read_bytes() == before
    assert found(opened(path, key=KEY), "Quillon") == ["Quillon."]


def test_a_key_for_a_plain_space_is_refused(opened, path, ring):
    opened(path).remember("Quillon.")
    for key in (KEY, ring):
        with pytest.raises(NotEncrypted, match="not encrypted"):
            Memory.open(path, embedder=None, key=key)
    assert ring.entries() == []


@pytest.mark.parametrize(
    ("key", "said"),
    [(b"short", "5 bytes"), ("x" * 32, "a str"), (bytes(32), "nothing but zeros"), (7, "a int")],
)
def test_what_is_no_key_is_refused_without_repeating_it(path, key, said):
    with pytest.raises(InvalidField, match=said) as caught:
        Memory.open(path, embedder=None, key=key)
    assert "xxxx" not in str(caught.value)
    assert not path.exists()


def test_a_space_in_memory_takes_no_key(ring):
    with pytest.raises(InvalidField, match="in memory"):
        Memory.open(":memory:", key=KEY)


def test_no_key_shows_in_a_representation(opened, path, ring):
    memory = opened(path, key=KEY)
    shown = repr([memory.storage.encryption(), FileKey(KEY), ring, ring.entries(), memory._space.store.border.keys])
    assert KEY.hex() not in shown
    assert repr(KEY)[2:-1] not in shown


def test_with_plain_apsw_a_whole_file_key_says_what_to_install(path):
    with pytest.raises(StoreError, match="apsw-sqlite3mc"):
        Memory.open(path, embedder=None, key=FileKey(KEY))
    with pytest.raises(InvalidField, match="chacha20"):
        Memory.open(path, embedder=None, key=FileKey(KEY, "rot13"))
    assert not path.exists()


def test_without_the_package_the_extra_is_named_and_nothing_is_made(path, ring, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(StoreError, match=r"holdfast\[encryption\]"):
        Memory.open(path, embedder=None, key=ring)
    assert ring.entries() == []


def test_a_keyring_holds_the_key_of_each_space(opened, tmp_path, ring):
    for name in ("a.db", "b.db"):
        opened(tmp_path / name, key=ring).remember(f"Quillon in {name}.")
    assert len({entry.key_id for entry in ring.entries()}) == 2
    again = Keyring.open(ring.path)
    assert found(opened(tmp_path / "a.db", key=again), "Quillon") == ["Quillon in a.db."]
    other = Keyring.open(tmp_path / "keys" / "other.json")
    with pytest.raises(KeyNeeded, match="has no key for it"):
        Memory.open(tmp_path / "a.db", embedder=None, key=other)


def test_destroying_a_key_kills_the_space_and_its_copies(opened, path, tmp_path, ring):
    memory = opened(path, key=ring)
    memory.remember("Quillon.")
    memory.storage.backup(tmp_path / "kept.db")
    memory.close()
    (entry,) = ring.entries()
    key = ring.find(parse_id(entry.space))[0]
    assert ring.destroy(entry.space) == 1
    assert key.hex().encode() not in b"".join(file.read_bytes() for file in ring.path.parent.iterdir())
    for file in (path, tmp_path / "kept.db"):
        with pytest.raises(KeyNeeded, match="was destroyed on"):
            Memory.open(file, embedder=None, key=ring, read_only=True)
    with pytest.raises(KeyNeeded, match="Nothing was destroyed"):
        ring.destroy(entry.space)


def test_a_backup_is_encrypted_and_opens_with_the_same_key(opened, path, tmp_path):
    memory = opened(path, key=KEY)
    fill(memory)
    memory.storage.backup(tmp_path / "kept.db")
    assert canaries_in(tmp_path / "kept.db") == []
    with pytest.raises(KeyNeeded):
        Memory.open(tmp_path / "kept.db", embedder=None, read_only=True)
    kept = opened(tmp_path / "kept.db", key=KEY, read_only=True)
    assert kept.storage.digest() == memory.storage.digest()


def test_what_is_restored_is_encrypted_under_the_key_of_the_space(opened, path, tmp_path, ring):
    memory = opened(path, key=ring)
    fill(memory)
    memory.storage.backup(tmp_path / "kept.db")
    with pytest.raises(KeyNeeded):
        restore(tmp_path / "kept.db", tmp_path / "whole.db")
    restore(tmp_path / "kept.db", tmp_path / "whole.db", key=ring)
    restore(tmp_path / "kept.db", tmp_path / "part.db", seq=2, key=ring)
    for name in ("whole.db", "part.db"):
        assert canaries_in(tmp_path / name) == []
        assert found(opened(tmp_path / name, key=ring), "Vexworth ledger") != []
    assert len(ring.entries()) == 1
    memory.close()
    assert found(opened(path, key=ring), "Vexworth ledger") != [], "the space the copies are of still opens"


# Changing keys


def test_encrypting_in_place_leaves_no_plain_byte_and_the_same_digest(opened, path, model, ring):
    memory = opened(path, embedder=model, as_="actor-plum")
    fill(memory)
    memory.settle()
    before, proof = memory.storage.digest(), memory.proof()
    state = memory.storage.encrypt(ring)
    assert state == memory.storage.encryption()
    assert canaries_in(path) == []
    assert salts_in(memory, path) == 0
    assert (memory.storage.digest(), memory.proof(), memory.check()) == (before, proof, [])
    assert memory._space.store.identity.secret not in bytes_of(path), "guesses could be tested against ids and bars"
    assert memory.summary().pending == 0, "vectors are kept"
    memory.remember("Vexworth closes at five.")
    with pytest.raises(Conflict, match="encrypted already"):
        memory.storage.encrypt(ring)
    memory.close()
    assert canaries_in(path) == []
    with pytest.raises(KeyNeeded):
        Memory.open(path, embedder=None)
    assert "Vexworth closes at five." in found(opened(path, key=ring, embedder=model), "when does Vexworth close?")


def test_encrypting_overwrites_what_another_program_left_in_free_pages(opened, path):
    with opened(path) as memory:
        memory.remember("Vexworth.")
    # As a file is that was written, or made smaller, by something that does not overwrite what it frees.
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA secure_delete=OFF; CREATE TABLE other (text)").fetchall()
    connection.executemany("INSERT INTO other VALUES (?)", [("Quillon " * 200,) for _ in range(200)])
    connection.execute("DROP TABLE other").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    assert b"Quillon" in bytes_of(path)
    memory = opened(path)
    memory.storage.encrypt(KEY)
    assert b"Quillon" not in bytes_of(path)


def test_encrypting_a_space_whose_pages_were_rebalanced_leaves_no_plain_byte_either(opened, path):
    """Where rows moved between pages, old bytes stay in the gaps, which `secure_delete` does not reach."""
    memory = opened(path)
    texts = (f"Quillon said the {number} thing {'x' * (number % 300)}" for number in range(1_500))
    turns = [Turn(speaker="user", text=text, tags=[f"zanzibar{place}"]) for place, text in enumerate(texts)]
    memory.session("marrow").add_many(turns)
    for record in list(memory.records())[:300]:
        memory.revise(record.id, tags=["obelisk"])
    memory.storage.encrypt(KEY)
    held = bytes_of(path)
    assert [word for word in (b"Quillon", b"zanzibar", b"obelisk", b"marrow") if word in held] == []
    assert memory.check() == []


@pytest.mark.parametrize("data", [False, True])
def test_after_a_rotation_only_the_new_key_opens(opened, path, data):
    memory = opened(path, key=KEY)
    fill(memory)
    before = memory.storage.digest()
    held = sealed_in(path)
    memory.storage.rotate_key(OTHER, data=data)
    assert (memory.storage.digest(), memory.check()) == (before, [])
    memory.close()
    with pytest.raises(WrongKey):
        Memory.open(path, embedder=None, key=KEY)
    again = opened(path, key=OTHER)
    assert (again.storage.digest(), again.check()) == (before, [])
    again.close()
    assert sum(value in bytes_of(path) for value in held) == (0 if data else len(held))


def sealed_in(path: Path) -> list[bytes]:
    """Everything in a space that is sealed under its data key."""
    connection = apsw.Connection(str(path))
    rows = connection.execute("SELECT payload FROM event UNION ALL SELECT terms FROM memory").fetchall()
    rows += connection.execute("SELECT author FROM memory UNION ALL SELECT tag FROM tag").fetchall()
    connection.close()
    return [value.encode() if isinstance(value, str) else value for (value,) in rows if value]


def test_rotating_with_a_keyring_destroys_the_old_key(opened, path, ring):
    memory = opened(path, key=ring)
    memory.remember("Quillon.")
    first = memory.storage.encryption()
    memory.storage.backup(path.with_name("old.db"))
    for data in (False, True):
        memory.storage.rotate_key(data=data)
        (entry,) = ring.entries()
        assert entry.key_id == memory.storage.encryption().key_id != first.key_id
    memory.close()
    with pytest.raises(WrongKey):
        Memory.open(path.with_name("old.db"), embedder=None, key=ring, read_only=True)


def test_rotation_needs_a_key_where_the_caller_keeps_it(opened, path, tmp_path):
    memory = opened(path, key=KEY)
    with pytest.raises(InvalidField, match="needs the new one"):
        memory.storage.rotate_key()
    with pytest.raises(NotEncrypted):
        opened(tmp_path / "plain.db").storage.rotate_key(KEY)
    with pytest.raises(InvalidField, match="in memory"):
        opened().storage.encrypt(KEY)
    memory.remember("Quillon.")
    with pytest.raises(StoreReadOnly):
        opened(path, key=KEY, read_only=True).storage.rotate_key(OTHER)


def test_nobody_else_may_have_the_space_open_while_everything_is_encrypted_anew(opened, path, tmp_path, monkeypatch):
    monkeypatch.setattr("holdfast.adapters.sqlite.sole.ALONE_MS", 50)
    memory = opened(path)
    memory.remember("Quillon.")
    other = opened(path)
    with pytest.raises(StoreBusy, match="Nothing was changed"):
        memory.storage.encrypt(KEY)
    assert memory.storage.encryption() is None
    other.close()
    memory.storage.encrypt(KEY)
    other = opened(path, key=KEY, read_only=True)
    with pytest.raises(StoreBusy):
        memory.storage.rotate_key(OTHER, data=True)
    memory.storage.rotate_key(OTHER)  # sealing the data key anew disturbs nobody
    assert found(other, "Quillon") == found(memory, "Quillon") == ["Quillon."]


def test_an_iterator_in_this_process_keeps_a_rewrite_out(opened, path, monkeypatch):
    monkeypatch.setattr("holdfast.adapters.sqlite.readers.ALONE_S", 0.05)
    memory = opened(path, key=KEY)
    memory.remember("Quillon.")
    with memory._space.store.reading(), pytest.raises(StoreBusy, match="being read"):
        memory.storage.rotate_key(OTHER, data=True)
    memory.storage.rotate_key(OTHER, data=True)
    assert found(memory, "Quillon") == ["Quillon."]


def test_a_data_key_is_refused_long_before_its_nonces_could_repeat(opened, path, model, monkeypatch):
    memory = opened(path, key=KEY, embedder=model)
    memory.remember("Quillon.")
    memory.settle()
    used = memory.storage.encryption()
    assert (used.most, used.advice) == (2**31, None)
    monkeypatch.setattr(sealing, "MOST_SEALED", used.events)
    monkeypatch.setattr("holdfast.adapters.sqlite.rotation.ADVISED_SEALED", used.events - 1)
    assert "rotate_key(data=True)" in memory.storage.encryption().advice
    with pytest.raises(KeySpent, match="Nothing was written"):
        memory.remember("Vexworth.")
    assert [record.text for record in memory.records()] == ["Quillon."]
    memory.storage.rotate_key(OTHER, data=True)
    assert memory.storage.encryption().events == used.events, "what was encrypted anew counts"
    monkeypatch.setattr(sealing, "MOST_SEALED", 2**31)
    memory.remember("Vexworth.")


def test_what_a_process_left_to_be_overwritten_is_overwritten_at_the_next_opening(opened, path, monkeypatch, ring):
    memory = opened(path)
    fill(memory)
    monkeypatch.setattr("holdfast.adapters.sqlite.rotation.finish", lambda connection: False)
    memory.storage.encrypt(ring)
    assert "overwritten" in memory.storage.encryption().advice
    memory.close()
    monkeypatch.undo()
    assert opened(path, key=ring).storage.encryption().advice is None
    assert canaries_in(path) == []


# Keys of other files


def test_a_space_that_was_moved_and_the_one_it_was_moved_from_both_go_on_opening(opened, tmp_path, ring):
    ada, moved = tmp_path / "ada.db", tmp_path / "moved.db"
    with opened(ada, key=ring) as memory:
        memory.remember("Quillon.")
        journal = list(memory.storage.journal())
    with opened(moved, key=ring) as memory:
        memory.storage.merge(journal)

    def both_open() -> bool:
        for path in (ada, moved):
            with opened(path, key=ring) as memory:
                assert found(memory, "Quillon") == ["Quillon."]
        return True

    assert both_open()
    assert both_open()
    with opened(ada, key=ring) as memory:
        memory.storage.rotate_key(data=True)
    with opened(moved, key=ring) as memory:
        memory.storage.rotate_key()
    assert both_open()
    (space,) = {entry.space for entry in ring.entries() if ring.find(parse_id(entry.space))[1:]}
    ring.destroy(space)
    for path in (ada, moved):
        with pytest.raises(KeyNeeded, match="was destroyed on"):
            Memory.open(path, embedder=None, key=ring)


def test_a_copy_of_an_empty_space_keeps_its_key_when_the_other_becomes_another_space(opened, tmp_path, ring):
    with opened(tmp_path / "ada.db", key=KEY) as memory:
        memory.remember("Quillon.")
        journal = list(memory.storage.journal())
    opened(tmp_path / "form.db", key=ring).close()
    (tmp_path / "copy.db").write_bytes((tmp_path / "form.db").read_bytes())
    with opened(tmp_path / "copy.db", key=ring) as memory:
        memory.remember("Vexworth.")
    with opened(tmp_path / "form.db", key=ring) as memory:
        before = memory.storage.encryption()
        memory.storage.merge(journal)
        after = memory.storage.encryption()
    assert after.space != before.space
    assert found(opened(tmp_path / "copy.db", key=ring), "Vexworth") == ["Vexworth."]
    assert found(opened(tmp_path / "form.db", key=ring), "Quillon") == ["Quillon."]
    # The key of the new space is not that of the one before: nothing of it is left when it is destroyed.
    ring.destroy(after.space)
    assert after.key_id not in {entry.key_id for entry in ring.entries()}
    assert before.key_id != after.key_id


def test_rotating_reaches_what_was_restored_and_nothing_else(opened, path, tmp_path, ring):
    memory = opened(path, key=ring)
    memory.remember("Quillon.")
    memory.storage.backup(tmp_path / "kept.db")
    memory.close()
    restore(tmp_path / "kept.db", tmp_path / "twin.db", key=ring)
    with opened(path, key=ring) as memory:
        memory.storage.rotate_key()
    assert found(opened(path, key=ring), "Quillon") == ["Quillon."]
    with pytest.raises(WrongKey, match="was not changed"):
        Memory.open(tmp_path / "twin.db", embedder=None, key=ring)


def test_an_older_copy_does_not_take_the_key_of_a_rotation_that_died(opened, path, ring, monkeypatch):
    """The file is under the new key, and the keyring was not told: opening the copy must not let go of that key."""
    with opened(path, key=ring) as memory:
        memory.remember("Quillon.")
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    memory = opened(path, key=ring)
    with monkeypatch.context() as patch:
        patch.setattr(Keyring, "settle", lambda self, space, key_id: None)
        new = memory.storage.rotate_key().key_id
    memory.close()
    assert found(opened(copy, key=ring), "Quillon") == ["Quillon."]
    assert new in {entry.key_id for entry in ring.entries()}
    assert found(opened(path, key=ring), "Quillon") == ["Quillon."]
    assert [entry.key_id for entry in ring.entries()] == [new], "the rotation is ended, as it would have been"


def test_a_restored_past_is_not_under_a_key_that_is_pending(opened, path, tmp_path, ring):
    with opened(path, key=ring) as memory:
        memory.remember("Quillon.")
        memory.remember("Vexworth.")
        used = memory.storage.encryption()
    ring.create(parse_id(used.space), replaces=used.key_id)
    restore(path, tmp_path / "part.db", seq=1, key=ring)
    for file in (tmp_path / "part.db", path):
        assert opened(file, key=ring).storage.encryption().key_id == used.key_id


@pytest.mark.parametrize("data", [False, True])
def test_a_rotation_that_fails_leaves_the_keys_as_they_were(opened, path, ring, monkeypatch, data):
    monkeypatch.setattr("holdfast.adapters.sqlite.sole.ALONE_MS", 50)
    memory = opened(path, key=ring)
    memory.remember("Quillon.")
    before = ring.entries()
    if data:
        other = opened(path, key=ring)
        with pytest.raises(StoreBusy):
            memory.storage.rotate_key(data=True)
        other.close()
    else:
        monkeypatch.setattr("holdfast.adapters.sqlite.rotation.seal_envelope", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            memory.storage.rotate_key()
    assert ring.entries() == before
    monkeypatch.undo()
    memory.storage.rotate_key(data=data)
    assert len(ring.entries()) == 1


def test_a_change_that_fails_after_its_commit_keeps_the_key_the_file_is_under(opened, path, ring, monkeypatch):
    memory = opened(path, key=ring)
    memory.remember("Quillon.")
    with monkeypatch.context() as patch:
        patch.setattr("holdfast.adapters.sqlite.rotation.finish", lambda connection: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            memory.storage.rotate_key(data=True)
    assert len(ring.entries()) == 2
    state = memory.storage.rotate_key()
    assert [entry.key_id for entry in ring.entries()] == [state.key_id], "both keys before it are gone"


def test_a_failed_encryption_leaves_no_key(opened, path, ring, monkeypatch):
    monkeypatch.setattr("holdfast.adapters.sqlite.sole.ALONE_MS", 50)
    memory = opened(path)
    memory.remember("Quillon.")
    other = opened(path)
    with pytest.raises(StoreBusy):
        memory.storage.encrypt(ring)
    assert ring.entries() == []
    other.close()
    memory.storage.encrypt(ring)


def test_rotating_to_a_key_of_the_keyring_is_refused(opened, path, ring):
    memory = opened(path, key=ring)
    memory.remember("Quillon.")
    key = ring.find(parse_id(memory.storage.encryption().space))[0]
    with pytest.raises(InvalidField, match="already"):
        memory.storage.rotate_key(key)
    memory.storage.rotate_key(OTHER)
    assert len(ring.entries()) == 1


def test_a_backup_and_the_space_in_its_place_may_have_keys_of_their_own(opened, path, tmp_path):
    kept = tmp_path / "kept.db"
    memory = opened(path, key=KEY)
    memory.remember("Quillon.")
    memory.storage.backup(kept)
    memory.storage.rotate_key(OTHER)
    memory.close()
    with pytest.raises(WrongKey, match=r"space\.db .*there_key.*Nothing was changed"):
        restore(kept, path, key=KEY, replace=True)
    with pytest.raises(WrongKey, match=r"kept\.db is encrypted") as caught:
        restore(kept, path, key=OTHER, replace=True)
    assert ".part" not in str(caught.value)
    assert found(opened(path, key=OTHER), "Quillon") == ["Quillon."]
    opened(path, key=OTHER).close()


def test_restoring_with_the_key_of_each(opened, path, tmp_path):
    kept, plain = tmp_path / "kept.db", tmp_path / "plain.db"
    with opened(path) as memory:
        memory.remember("Quillon.")
        memory.storage.backup(plain)
        memory.storage.encrypt(KEY)
        memory.storage.backup(kept)
        memory.storage.rotate_key(OTHER)
    with pytest.raises(KeyNeeded, match="there_key"):
        restore(plain, path, replace=True)
    with pytest.raises(NotEncrypted, match=r"plain\.db is not encrypted.*restore it without a key"):
        restore(plain, path, key=OTHER, replace=True)
    restore(kept, path, key=KEY, there_key=OTHER, replace=True)
    with opened(path, key=KEY) as memory:
        assert found(memory, "Quillon") == ["Quillon."]
    restore(plain, path, there_key=KEY, replace=True)
    with opened(path) as memory:
        assert found(memory, "Quillon") == ["Quillon."]
    restore(kept, path, key=KEY, replace=True)  # the space in place is plain, and needs none
    assert found(opened(path, key=KEY), "Quillon") == ["Quillon."]


# Altered bytes

SEALED = [
    ("event", "payload", "seq"), ("memory", "terms", "n"), ("vector", "data", "n"), ("vector", "entry", "n"),
    *[("memory", column, "n") for column in ("session", "author", "category", "subject", "source")],
    ("tag", "tag", "n"), ("visitor", "principal", "ref"), ("meta", "value", "key"),
]  # fmt: skip


def damages(value: object) -> list[object]:
    """A value with a bit changed, cut short, and of another length."""
    if isinstance(value, int):
        return [value ^ 1]
    if isinstance(value, str):
        return [("B" if value[0] != "B" else "C") + value[1:], value[:-4], "plain", "é"]
    assert isinstance(value, bytes)
    middle = len(value) // 2
    return [value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :], value[:-1], value[:3], b""]


@pytest.mark.parametrize(("table", "column", "place"), SEALED)
def test_altered_bytes_never_give_a_wrong_answer(opened, path, model, table, column, place):
    memory = opened(path, key=KEY, embedder=model)
    ids = fill(memory)
    memory.settle()
    right = {id_: memory.get(id_) for id_ in ids}
    memory.close()
    whole = path.read_bytes()
    connection = apsw.Connection(str(path))
    sql = f"SELECT {place}, {column} FROM {table} WHERE {column} IS NOT NULL AND {place} NOT IN ('space', 'index')"
    row, value = connection.execute(sql).fetchone()
    connection.close()
    for damaged in damages(value):
        for file in path.parent.glob(path.name + "-*"):
            file.unlink()
        path.write_bytes(whole)
        alter(path, f"UPDATE {table} SET {column} = ? WHERE {place} = ? AND {column} = ?", damaged, row, value)
        try:
            hurt = Memory.open(path, embedder=model, key=KEY)
        except (Damaged, WrongKey):
            assert table == "meta"
            continue
        with hurt:
            noticed = asked(hurt, right)
        assert noticed or column == "entry" or table == "visitor", (table, column, damaged)


def asked(memory: Memory, right: dict[str, Record]) -> bool:
    """Ask for everything; whether the damage was told. What is told otherwise must be right."""
    told = list[str]()
    for ask in (
        lambda: [memory.get(id_) for id_ in right],
        lambda: [hit.record for hit in memory.recall("where does Quillon live?")],
        lambda: list(memory.records()),
        lambda: list(memory.records(where={"tag": "zanzibar-tag"})),
    ):
        try:
            assert all(right.get(record.id, record) == record for record in ask())
        except Damaged as error:
            told.append(str(error))
    assert all(re.search(r"(event|memory) \d+|was altered", one, re.IGNORECASE) for one in told), told
    try:
        return bool(told) or bool(memory.check())
    except Damaged:
        return True


def test_swapped_rows_are_noticed(opened, path, model):
    memory = opened(path, key=KEY, embedder=model)
    first, second = memory.remember("Quillon is tall."), memory.remember("Vexworth is small.")
    memory.settle()
    memory.close()
    for table, column in (("event", "payload"), ("vector", "data"), ("vector", "entry")):
        swap(path, table, column)
    again = opened(path, key=KEY, embedder=model)
    for record in (first, second):
        with pytest.raises(Damaged, match=r"Event \d+ does not hold what was written"):
            again.get(record.id)
    problems = "\n".join(again.check())
    assert "payload does not match its commitment" in problems
    assert "its vector is damaged" in problems


def test_swapped_terms_are_noticed_and_made_again(opened, path):
    memory = opened(path, key=KEY)
    memory.remember("Quillon is tall.")
    memory.remember("Vexworth is small.")
    memory.close()
    swap(path, "memory", "terms")
    again = opened(path, key=KEY)
    with pytest.raises(Damaged, match="terms of memory 1 was altered"):
        again.recall("Quillon")
    again.storage.rebuild()
    assert found(again, "Quillon")[0] == "Quillon is tall."


def test_a_payload_without_its_seal_is_no_text(opened, path):
    """Who can write the file cannot put a text of his own into an encrypted space."""
    memory = opened(path, key=KEY)
    record = memory.remember("Quillon is tall.")
    memory.close()
    alter(path, "UPDATE event SET salt = ?, payload = ? WHERE n = 1", bytes(16), b'{"content":{"text":"forged"}}')
    again = opened(path, key=KEY)
    with pytest.raises(Damaged):
        again.get(record.id)


def test_an_altered_event_is_not_sealed_anew(opened, path):
    memory = opened(path, key=KEY)
    memory.remember("Quillon is tall.")
    memory.close()
    alter(path, "UPDATE event SET payload = x'00' WHERE n = 1")
    again = opened(path, key=KEY)
    with pytest.raises(Damaged, match="Nothing was changed"):
        again.storage.rotate_key(OTHER, data=True)
    again.close()
    opened(path, key=KEY)


# Forgetting


def test_forgetting_overwrites_the_ciphertext_and_looks_for_it(opened, path, monkeypatch):
    memory = opened(path, key=KEY)
    record = memory.remember("Quillon keeps the Vexworth ledger.")
    with memory._space.store.reading() as reader:
        (sealed,) = reader.rows("SELECT payload FROM event WHERE n = 1")[0]
    memory.remember("Something else.")
    assert sealed in bytes_of(path)
    receipt = memory.forget(record.id)
    assert receipt.residue == (0, 1)
    assert sealed not in bytes_of(path)
    # The search can fail: with the bytes left where they are, it finds them.
    record = memory.remember("Vexworth has another ledger.")
    monkeypatch.setattr(type(memory._space.store), "truncate_log", lambda self: True)
    memory._space.store._connection.execute("PRAGMA secure_delete=OFF").fetchall()
    assert memory.forget(record.id).residue == (1, 1)


def test_the_async_twin(path, ring):
    async def use() -> None:
        async with await AsyncMemory.open(path, embedder=None, key=ring) as memory:
            await memory.remember("Quillon.")
            before = await memory.storage.encryption()
            after = await memory.storage.rotate_key(data=True)
            assert before is not None
            assert after.key_id != before.key_id

    asyncio.run(use())
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600
