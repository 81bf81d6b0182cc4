"""What follows from the journal is mended, the journal never; and every answer from an altered row says so."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from holdfast.adapters.sqlite import mending as module
from holdfast.aio import AsyncMemory
from holdfast.errors import Damaged, NotAllowed
from holdfast.house import Holdfast
from holdfast.memory import Memory
from holdfast.services import chains
from holdfast.testing.embedders import HashEmbedder

KEY = bytes(range(32))
TEXTS = ["Ada lives in London.", "Ada lives in Paris.", "Bo keeps bees.", "Bo sold the hives."]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ada.db"


@pytest.fixture(params=[None, KEY], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    return request.param


@pytest.fixture
def ids(path: Path, key: bytes | None) -> list[str]:
    return made(path, key)


def opened(path: Path, key: bytes | None) -> Memory:
    return Memory.open(path, embedder=HashEmbedder(16), key=key)


def made(path: Path, key: bytes | None) -> list[str]:
    with opened(path, key) as memory:
        ids = [memory.remember(text, subject=text[:3].strip(), tags=("t",)).id for text in TEXTS]
        memory.session("s").add("user", "How are the bees?")
        memory.forget(memory.remember("Ada owes nobody anything.").id)
        memory.settle(10.0)
    return ids


def altered(path: Path, *statements: str) -> None:
    """Change a closed file as no library of ours does."""
    connection = apsw.Connection(str(path))
    for sql in statements:
        connection.execute(sql).fetchall()
    connection.close()


DERIVED: dict[str, Callable[[int], str]] = {
    "a row that leads to another event": lambda n: f"UPDATE memory SET seq = seq + 1 WHERE n = {n}",
    "a row that is lost": lambda n: f"DELETE FROM memory WHERE n = {n}",
    "a state": lambda n: f"UPDATE memory SET state = 2 WHERE n = {n}",
    "a label": lambda n: f"UPDATE memory SET subject = 'Eve' WHERE n = {n}",
    "a tag": lambda n: f"UPDATE tag SET tag = 'x' WHERE n = {n}",
    "terms": lambda n: f"UPDATE memory SET terms = zeroblob(length(terms)) WHERE n = {n}",
    "a vector": lambda n: f"UPDATE vector SET data = zeroblob(length(data)) WHERE n = {n}",
    "the numbering of vectors": lambda n: "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'vector'",
    "the dimensions of the model": lambda n: "UPDATE model SET dimensions = 1 << 40",
    "the name of a principal": lambda n: "UPDATE visitor SET principal = CAST(x'ff' || principal AS TEXT)",
    "a vector of another memory": lambda n: f"UPDATE vector SET n = 99 WHERE n = {n}",
    "a tombstone": lambda n: "UPDATE bar SET digest = zeroblob(32) WHERE seq = (SELECT max(seq) FROM bar)",
    "a number": lambda n: f"UPDATE event SET n = n + 1 WHERE n = {n}",
    "a number that nobody has": lambda n: f"UPDATE event SET n = n + 1000 WHERE n = {n}",
    "a number that is 0": lambda n: f"UPDATE event SET n = 0 WHERE n = {n}",
    "a number below 0": lambda n: f"UPDATE event SET n = -n WHERE n = {n}",
    "a number beyond all": lambda n: f"UPDATE event SET n = (1 << 62) + n WHERE n = {n}",
    "a number where there is none": lambda n: f"UPDATE event SET n = {n} WHERE type = 6",
}


@pytest.mark.parametrize("what", DERIVED)
def test_what_follows_from_the_journal_is_mended_and_then_answers_as_before(
    path: Path, key: bytes | None, ids: list[str], what: str
) -> None:
    with opened(path, key) as memory:
        before = (memory.storage.digest(), memory.proof(), [(hit.text, hit.score) for hit in memory.recall("bees")])
    altered(path, DERIVED[what](2))
    with opened(path, key) as memory:
        assert memory.check()
        report = memory.storage.mend()
        assert report.problems
        assert report.done
        assert (report.left, report.advice) == ((), None)
        memory.settle(10.0)
        after = (memory.storage.digest(), memory.proof(), [(hit.text, hit.score) for hit in memory.recall("bees")])
        assert after == before
        assert [memory.get(one).text for one in ids] == TEXTS
        assert memory.check() == []


@pytest.mark.parametrize("number", ["0", "-1", "n + 1", "1 << 62"])
def test_an_event_under_a_number_that_was_altered_is_forgotten_with_its_memory_and_no_other(
    path: Path, key: bytes | None, ids: list[str], number: str
) -> None:
    altered(path, f"UPDATE event SET n = {number} WHERE n = 2")
    with opened(path, key) as memory:
        assert any("stands under the number" in problem for problem in memory.check())
        memory.forget(ids[1])
        assert memory.get(ids[2]).text == TEXTS[2]
        assert memory.check() == []
        memory.close()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    held = "SELECT payload, salt FROM event WHERE type IN (1, 2) AND record = unhex(?)"
    assert connection.execute(held, (ids[1].replace("-", ""),)).fetchall() == [(None, None)]
    connection.close()
    assert TEXTS[1].encode() not in path.read_bytes()


def test_mending_gives_a_memory_the_number_of_its_row_so_that_their_order_stays(path: Path, ids: list[str]) -> None:
    altered(path, "UPDATE event SET n = n + 1000 WHERE n = 2")
    with opened(path, KEY if _is_encrypted(path) else None) as memory:
        assert memory.storage.mend().left == ()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("SELECT max(n) FROM event").get < 1000
    assert connection.execute("SELECT max(n) FROM memory").get < 1000
    connection.close()


def test_a_forget_that_a_damaged_index_leads_to_another_memory_is_refused(path: Path, ids: list[str]) -> None:
    key = KEY if _is_encrypted(path) else None
    content, record = path.read_bytes(), bytes.fromhex(ids[1].replace("-", ""))
    # A cell of the index by id: its header, the id, and the number 2.
    held = b"\x03\x2c\x01" + record + b"\x02"
    assert content.count(held) == 1
    path.write_bytes(content.replace(held, held[:-1] + b"\x03"))
    with opened(path, key) as memory:
        with pytest.raises(Damaged, match=r"Nothing was changed.*mend"):
            memory.forget(ids[1])
        assert memory.storage.mend().left == ()
        assert [memory.get(one).text for one in ids] == TEXTS
        memory.forget(ids[1])
        assert memory.get(ids[2]).text == TEXTS[2]


@pytest.mark.parametrize("number", ["n + 1", "n - 1"])
def test_a_forget_of_a_memory_that_anothers_event_stands_under_leaves_that_one(
    path: Path, key: bytes | None, ids: list[str], number: str
) -> None:
    altered(path, f"UPDATE event SET n = {number} WHERE n = 2")
    with opened(path, key) as memory:
        memory.forget(ids[2 if "+" in number else 0])
        assert memory.get(ids[1]).text == TEXTS[1]
        assert memory.check() == []


def test_mending_that_meets_what_the_tables_do_not_take_reports_it(
    path: Path, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_given: object) -> None:
        raise apsw.ConstraintError("UNIQUE constraint failed: memory.id")

    altered(path, "UPDATE memory SET subject = 'Eve' WHERE n = 1")
    monkeypatch.setattr(module, "project", refused)
    with Memory.open(path, embedder=None, key=KEY if _is_encrypted(path) else None) as memory:
        report = memory.storage.mend()
        assert report.done == ()
        assert report.advice
        assert any("does not fit the tables" in line for line in report.left)


def test_an_index_that_lacks_a_row_is_made_again(path: Path, ids: list[str]) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA writable_schema=ON").fetchall()
    connection.execute("UPDATE sqlite_schema SET sql = sql || ' WHERE n <> 2' WHERE name = 'event_n'").fetchall()
    connection.close()
    altered(path, "REINDEX event_n", "PRAGMA writable_schema=ON", (
        "UPDATE sqlite_schema SET sql = replace(sql, ' WHERE n <> 2', '') WHERE name = 'event_n'"
    ))  # fmt: skip
    with opened(path, None if not _is_encrypted(path) else KEY) as memory:
        assert any("event_n" in problem for problem in memory.check())
        assert "made SQLite's indexes again from its tables" in memory.storage.mend().done
        assert memory.check() == []
        assert len(memory.history(ids[1]).entries) == 1


def _is_encrypted(path: Path) -> bool:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return bool(connection.execute("SELECT count(*) FROM meta WHERE key = 'key'").get)
    finally:
        connection.close()


@pytest.mark.parametrize("column", ["payload", "chain", "hlc"])
def test_the_journal_is_never_mended_and_a_backup_is_advised(path: Path, column: str) -> None:
    ids = made(path, None)
    value = "hlc + 65536" if column == "hlc" else f"substr({column}, 1, length({column}) - 1) || x'7e'"
    # SQLite joins bytes to text, which is not what is stored there.
    altered(
        path, f"UPDATE event SET {column} = CAST({value} AS {'INTEGER' if column == 'hlc' else 'BLOB'}) WHERE seq = 3"
    )
    altered(path, "UPDATE vector SET data = zeroblob(length(data)) WHERE n = 1")
    before = _journal(path)
    with opened(path, None) as memory:
        report = memory.storage.mend()
        assert any("event 3" in problem for problem in report.left)
        assert "restore" in (report.advice or "")
        # What needs no journal was mended all the same.
        assert report.done == ("dropped damaged vectors (1), which are made again",)
        assert memory.get(ids[0]).text == TEXTS[0]
    assert _journal(path) == before


def _journal(path: Path) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("SELECT * FROM event ORDER BY seq").fetchall()
    finally:
        connection.close()


def test_mending_that_would_change_the_journal_is_undone(
    path: Path, ids: list[str], key: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(path, DERIVED["a state"](2))
    sound = module.project

    def careless(connection: apsw.Connection, *rest: object) -> None:
        sound(connection, *rest)  # type: ignore[arg-type]
        connection.execute("UPDATE event SET payload = NULL, salt = NULL WHERE seq = 1").fetchall()

    monkeypatch.setattr(module, "project", careless)
    with opened(path, key) as memory:
        report = memory.storage.mend()
        assert report.done == ()
        assert any("would have changed the journal" in problem for problem in report.left)
        assert memory.get(ids[0]).text == TEXTS[0]


def test_where_nothing_is_wrong_nothing_is_done(path: Path, ids: list[str], key: bytes | None) -> None:
    with opened(path, key) as memory:
        before = path.read_bytes()
        report = memory.storage.mend()
        assert (report.problems, report.done, report.left) == ((), (), ())
        assert path.read_bytes() == before


def test_the_async_twin_mends_too(path: Path, ids: list[str], key: bytes | None) -> None:
    altered(path, DERIVED["a label"](2))

    async def mend() -> tuple[str, ...]:
        async with await AsyncMemory.open(path, embedder=None, key=key) as memory:
            return (await memory.storage.mend()).done

    assert asyncio.run(mend())


def test_only_who_administers_a_space_mends_it(tmp_path: Path) -> None:
    with Holdfast.open(tmp_path / "house", embedder=None) as house:
        house.create("team")
        house.grant("bo", "team", "write")
        with pytest.raises(NotAllowed):
            house.space("team", as_="bo").storage.mend()
        assert house.space("team").storage.mend().problems == ()


# Answers from altered rows


@pytest.mark.parametrize("ask", ["get", "list", "recall"])
def test_a_row_that_leads_to_another_memory_is_told_not_answered(
    path: Path, ids: list[str], key: bytes | None, ask: str
) -> None:
    altered(path, "UPDATE memory SET seq = seq + 1 WHERE n = 2")
    with opened(path, key) as memory, pytest.raises(Damaged, match="check --fix"):
        {
            "get": lambda: memory.get(ids[1]),
            "list": lambda: list(memory.records()),
            "recall": lambda: memory.recall("Paris"),
        }[ask]()


def test_a_superseded_memory_whose_row_was_altered_is_not_given_as_current(
    path: Path, ids: list[str], key: bytes | None
) -> None:
    with opened(path, key) as memory:
        memory.correct(ids[0], "Ada lives in Porto.")
    altered(path, "UPDATE memory SET state = 1, closed_by = NULL WHERE n = 1")
    with opened(path, key) as memory, pytest.raises(Damaged, match="was altered"):
        memory.get(ids[0])


@pytest.mark.parametrize("column", ["session", "author", "said_ms", "role"])
def test_a_column_that_is_scored_is_told_where_it_was_altered(path: Path, column: str) -> None:
    made(path, None)
    altered(path, f"UPDATE memory SET {column} = {1 if column in ('said_ms', 'role') else repr('Eve')} WHERE n = 2")
    with opened(path, None) as memory, pytest.raises(Damaged, match="memory 2 first"):
        memory.recall("Paris")


def test_a_vector_that_stands_under_another_number_scores_nothing(path: Path) -> None:
    made(path, None)
    altered(path, "DELETE FROM vector WHERE n = 3", "UPDATE vector SET n = 3 WHERE n = 2")
    with opened(path, None) as memory:
        assert "memory 3: its vector is damaged" in "\n".join(memory.check())
        with memory._space.store.reading() as reader:
            assert 3 not in reader.vectors(0).ns.tolist()


def test_a_vector_from_before_its_number_was_in_its_sum_is_taken(path: Path) -> None:
    made(path, None)
    connection = apsw.Connection(str(path))
    for n, data in connection.execute("SELECT n, data FROM vector").fetchall():
        old = data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "little")
        connection.execute("UPDATE vector SET data = ? WHERE n = ?", (old, n)).fetchall()
    connection.close()
    with opened(path, None) as memory:
        assert memory.check() == []
        assert not memory.recall("bees").degraded


@pytest.mark.parametrize("row", ["space", "secret"])
def test_a_space_whose_id_or_secret_was_altered_is_refused(path: Path, row: str) -> None:
    made(path, None)
    altered(path, f"UPDATE meta SET value = zeroblob(length(value)) WHERE key = '{row}'")
    with pytest.raises(Damaged, match="restore it from a backup"):
        opened(path, None)


def test_a_label_that_was_altered_in_an_encrypted_space_is_a_problem_that_check_names(path: Path) -> None:
    made(path, KEY)
    altered(path, "UPDATE memory SET subject = 'x' || subject WHERE n = 2")
    with opened(path, KEY) as memory:
        problems = memory.check()
        assert any("subject of memory 2 was altered" in problem for problem in problems)


def test_a_journal_whose_headers_were_altered_is_not_exported(path: Path) -> None:
    made(path, None)
    altered(path, "UPDATE event SET hlc = hlc + 65536 WHERE seq = 4")
    with opened(path, None) as memory, pytest.raises(Damaged, match="Event 4"):
        list(memory.storage.journal())


def test_a_journal_that_lost_its_last_event_is_not_exported_as_whole(path: Path) -> None:
    made(path, None)
    altered(path, "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    with opened(path, None) as memory:
        lines = list[str]()
        with pytest.raises(Damaged, match="ends before its last event"):
            lines.extend(memory.storage.journal())


def test_a_tree_that_goes_in_a_circle_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path, None)
    with opened(path, None) as memory, memory._space.store.reading() as reader:
        sound = reader.rows
        monkeypatch.setattr(reader, "rows", lambda sql, values=(): [*sound(sql, values)[1:], *sound(sql, values)[:1]])
        with pytest.raises(Damaged, match="out of order"):
            chains.journal_problems(reader)


def test_a_history_never_tells_of_another_memory(path: Path, ids: list[str], key: bytes | None) -> None:
    altered(path, "UPDATE event SET n = 2 WHERE n = 1")
    with opened(path, key) as memory, pytest.raises(Damaged, match="stands among those of memory"):
        memory.history(ids[1])


@pytest.mark.parametrize("ask", ["receipts", "history"])
def test_a_receipt_whose_payload_was_altered_is_told_not_given(path: Path, ask: str) -> None:
    made(path, None)
    with opened(path, None) as memory:
        (receipt,) = memory.receipts()
    altered(path, "UPDATE event SET payload = CAST(replace(payload, 'owner', 'Owner') AS BLOB) WHERE type = 6")
    with opened(path, None) as memory, pytest.raises(Damaged, match="does not hold what was written"):
        memory.receipts() if ask == "receipts" else memory.history(receipt.forgotten[0])


@pytest.mark.parametrize("count", [4, 40])
def test_a_row_that_a_damaged_table_gives_twice_is_told(path: Path, count: int) -> None:
    with opened(path, None) as memory:
        for place in range(count):
            memory.remember(f"Bo keeps hive {place}.")
        store = memory._space.store
        with store.reading() as reader:
            rows = reader.rows("SELECT n, session, said_ms, author, role, kind, said_ms, terms FROM memory ORDER BY n")
        store.border.columns(rows)
        with pytest.raises(Damaged, match="memory 1 first"):
            store.border.columns([*rows, rows[0]])
