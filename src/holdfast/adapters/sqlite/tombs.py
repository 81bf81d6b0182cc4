"""Erasing memories from the tables: one statement a table, however many there are.

A statement over many rows runs without Python, so that threads that recall go on meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.rows import FORGOTTEN, marks
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.errors import Damaged
from holdfast.model.events import Bar, Entomb, EventType, Sealed
from holdfast.model.ids import Id

LISTED = ("tag", "mark", "expiry", "derivation")
"""Tables with rows of a memory's content; the column ``n`` says whose."""
_TABLES = (*LISTED, "backlog", "vector", "touch")
LEAST_AT_ONCE = 16
"""Events from which on a run of them is worth statements of its own."""
AT_ONCE = 250
"""Memories of one statement: as many as take Python no longer than a moment to write down."""
_ERASED = (
    "UPDATE memory SET (state, version, seq, close_seq, closed_by, kind, role, origin, said_ms, session, author, "
    f"category, subject, source, terms) = ({FORGOTTEN}, 0, 0{', NULL' * 12}), "
    "tomb_seq = going.tomb_seq, receipt = ?2 "
    "FROM (SELECT value->>0 AS n, value->>1 AS tomb_seq FROM json_each(?1)) AS going WHERE memory.n = going.n"
)
_SESSIONS = "SELECT session FROM memory WHERE n IN (SELECT value FROM json_each(?)) AND session IS NOT NULL"
"""Whose working memory goes too: it may hold what is forgotten in other words, and nothing says where it is from."""
_PAYLOADS = (
    "UPDATE event SET (salt, payload) = (NULL, NULL) WHERE n IN (SELECT value FROM json_each(?1)) AND type IN (1, 2) "
    "AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.id = event.record AND m.n NOT IN (SELECT value FROM json_each(?1)))"
)
"""The types are REMEMBERED and REVISED: only those hold what someone said. A damaged index may lead to another's."""
_STRAYED_PAYLOADS = "UPDATE event SET (salt, payload) = (NULL, NULL) WHERE record = ? AND type IN (1, 2)"
"""Looks at every event: where one is not found under its number, the index of numbers may have lost it."""
_MISTAKEN = (
    "SELECT e.seq FROM json_each(?) AS going CROSS JOIN event e ON e.seq = going.value->>1 "
    "CROSS JOIN memory m ON m.n = going.value->>0 WHERE m.id <> e.record LIMIT 1"
)
"""Events that would erase another memory than theirs: a damaged index led to its number."""
_INTRUDERS = (
    "UPDATE event SET n = (SELECT m.n FROM memory m WHERE m.id = event.record) "
    "WHERE n IN (SELECT value FROM json_each(?)) AND record IN (SELECT id FROM memory) "
    "AND record <> (SELECT m.id FROM memory m WHERE m.n = event.n)"
)
"""Events that stand under the number of a memory they are not about: another's text must not go with it."""
_STRAYED = (
    "SELECT m.n, m.id FROM memory m WHERE m.n IN (SELECT value FROM json_each(?)) AND m.version > "
    "(SELECT count(*) FROM event e WHERE e.n = m.n AND e.record = m.id AND e.type IN (1, 2))"
)
"""Memories with fewer events under their number than versions: where nothing was pruned, one stands under another."""
_EVENTS = (
    "INSERT INTO event SELECT value->>0, ?2, value->>1, value->>2, ?3, value->>3, unhex(value->>4), value->>5, ?4, "
    "unhex(value->>6), unhex(value->>7), unhex(value->>8), unhex(value->>9) FROM json_each(?1)"
)
_BARS = (
    "INSERT INTO bar SELECT unhex(value->>0), value->>1, value->>2 FROM json_each(?1) WHERE true "
    "ON CONFLICT (digest) DO UPDATE SET (reason, seq) = (excluded.reason, excluded.seq) WHERE coalesce(("
    "SELECT (e.hlc, o.id, e.node_seq) > (f.hlc, p.id, f.node_seq) "
    "FROM event e JOIN node o ON o.ref = e.node, event f JOIN node p ON p.ref = f.node "
    "WHERE e.seq = excluded.seq AND f.seq = bar.seq), 1)"
)


def erase(connection: Database, border: OpenRows, going: Sequence[tuple[int, int]], receipt: bytes) -> None:
    """Erase memories everywhere.

    Args:
        going: Number of each memory and the event that says so, which is stored already.

    Raises:
        Damaged: one of these numbers is another memory's.
    """
    run = connection.execute
    ns = json.dumps([n for n, _ in going])
    if run(_MISTAKEN, (json.dumps(going),)).fetchone():
        raise Damaged(
            "An index of the space leads to another memory than the one to be forgotten. Nothing was changed: "
            "`memory.storage.mend()` makes it again."
        )
    # What is erased is found by its number, which an altered byte may have made another's.
    run(_INTRUDERS, (ns,)).fetchall()
    if strayed := run(_STRAYED, (ns,)).fetchall():
        connection.executemany("UPDATE event SET n = ?1 WHERE record = ?2 AND n <> ?1", strayed).fetchall()
    border.note_erased(connection, [n for n, _ in going])
    for table in ("scratch", "recent"):
        run(f"DELETE FROM {table} WHERE session IN ({_SESSIONS})", (ns,)).fetchall()
    run(_ERASED, (json.dumps(going), receipt)).fetchall()
    for table in _TABLES:
        run(f"DELETE FROM {table} WHERE n IN (SELECT value FROM json_each(?))", (ns,)).fetchall()
    run(_PAYLOADS, (ns,)).fetchall()
    connection.executemany(_STRAYED_PAYLOADS, [(record,) for _, record in strayed]).fetchall()


def runs(sealed: Iterable[Sealed]) -> Iterator[list[Sealed]]:
    """The same events: those that one forget of many memories wrote together, `AT_ONCE` at most, others alone."""
    run = list[Sealed]()
    for one in sealed:
        if run and (len(run) == AT_ONCE or not _is_plain(one) or not _is_plain(run[-1]) or _of(one) != _of(run[-1])):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _of(sealed: Sealed) -> tuple[Id, Id | None]:
    return sealed.event.header.node, sealed.event.header.other


def _is_plain(sealed: Sealed) -> bool:
    event, changes = sealed.event, sealed.changes
    if event.header.type is not EventType.FORGOTTEN or event.payload is None:
        return False
    return bool(changes) and isinstance(changes[0], Entomb) and all(isinstance(one, Bar) for one in changes[1:])


def entomb(connection: Database, border: OpenRows, sealed: Sequence[Sealed], node: int, first_seq: int) -> bool:
    """Store the events of one forget, of one node, and carry them out.

    Returns False, with nothing done, where each must be looked at by itself: one is of a memory that is unknown,
    was forgotten before or is named twice.
    """
    run = connection.execute
    records = [one.event.header.record for one in sealed]
    sql = f"SELECT id, n FROM memory WHERE tomb_seq IS NULL AND id IN ({marks(len(records))})"
    numbers: dict[bytes, int] = dict(run(sql, records).fetchall())
    if len(numbers) < len(records):
        return False
    bars: dict[bytes, tuple[int, int]] = {}
    for seq, one in enumerate(sealed, first_seq):
        bars.update((bar.digest, (bar.reason, seq)) for bar in one.changes if isinstance(bar, Bar))
    rows = [
        (
            seq, event.header.node_seq, event.header.hlc, numbers[event.header.record], event.header.record.hex(),
            event.header.version, event.commitment.hex(), event.chain.hex(), *_in_hex(border.stored(event, seq)),
        )
        for seq, event in enumerate((one.event for one in sealed), first_seq)
    ]  # fmt: skip
    header = sealed[0].event.header
    run(_EVENTS, (json.dumps(rows), node, header.type, header.other)).fetchall()
    erase(connection, border, [(row[3], row[0]) for row in rows], header.other or b"")
    run(_BARS, (json.dumps([(digest.hex(), *rest) for digest, rest in bars.items()]),)).fetchall()
    return True


def _in_hex(stored: tuple[bytes | None, bytes | None]) -> list[str | None]:
    return [None if value is None else value.hex() for value in stored]
