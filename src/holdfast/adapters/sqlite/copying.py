"""A copy of a space as it was after an event: rows of the journal taken over, and the projection made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.projecting import project
from holdfast.adapters.sqlite.reader import SqliteReader
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.adapters.sqlite.snapshots import keep_snapshot
from holdfast.adapters.sqlite.tombs import LISTED
from holdfast.errors import Damaged
from holdfast.model.events import Event
from holdfast.model.ids import Id
from holdfast.model.snapshots import Cut
from holdfast.ports.history import Proof, Replay
from holdfast.ports.store import Reader

_AT_ONCE = 5_000
_ROW = (
    "e.seq, o.id, e.node_seq, e.hlc, e.type, e.n, e.record, e.version, e.other, e.commitment, e.chain, e.salt, "
    "e.payload FROM event e JOIN node o ON o.ref = e.node"
)
_AFTER = f"SELECT {_ROW} WHERE e.seq > ? AND e.seq <= ? AND e.hlc <= ? ORDER BY e.seq LIMIT {_AT_ONCE}"
_NAMED = f"SELECT {_ROW} WHERE e.seq IN (SELECT value FROM json_each(?)) ORDER BY e.seq"
_STORE = f"INSERT INTO event VALUES ({', '.join('?' * 13)})"
_COLUMNS = (
    "n", "id", "state", "version", "seq", "close_seq", "closed_by", "tomb_seq", "receipt", "kind", "role", "origin",
    "said_ms", "session", "author", "category", "subject", "source", "terms",
)  # fmt: skip
_LENT = f"""
SELECT {", ".join(f"m.{name}" for name in _COLUMNS)} FROM memory m
JOIN event p ON p.seq = m.seq LEFT JOIN event c ON c.seq = m.close_seq
WHERE m.tomb_seq IS NULL AND m.seq <= ?1 AND p.hlc <= ?2 AND coalesce(c.seq, 0) <= ?1 AND coalesce(c.hlc, 0) <= ?2
AND m.n > ?3 ORDER BY m.n LIMIT ?4
"""
"""Memories that are held now as they were then: what outranks everything now did so among fewer."""
_NODE = (
    "INSERT INTO node (id, node_seq, hlc, chain) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET (node_seq, hlc, chain) = (excluded.node_seq, excluded.hlc, excluded.chain)"
)

Row = tuple[Any, ...]


def copy_past(connection: Database, border: OpenRows, source: Reader, cut: Cut, replay: Replay, proof: Proof) -> None:
    """Fill an empty file; see `HistoryStore.copy_past`. Inside the caller's transaction."""
    begun = cut.base or source.horizon()
    heads = dict[bytes, tuple[int, int, bytes | None]]()
    if begun:
        heads = {node: (number, begun.hlc, chain) for node, (number, chain) in begun.anchors.items()}
    begun_seq = begun.seq if begun else 0
    refs, owners = dict[bytes, int](), dict[int, bytes]()

    def stored(row: Row) -> Row:
        node = row[1]
        if node not in refs:
            refs[node] = _ref(connection, node)
        if owners.setdefault(row[5], row[6]) != row[6]:
            raise _altered(row[0])  # the number beside a header is not in the chain, and says whose the event is
        if row[0] > begun_seq:
            number, _, chain = heads.get(node, (0, 0, None))
            # What the rest of a header says is not covered by the commitment: an altered one changes what was held.
            if row[2] != number + 1 or proof.link(chain, (*row[1:5], *row[6:9]), row[9]) != row[10]:
                raise _altered(row[0])
            heads[node] = (row[2], row[3], row[10])
        else:
            proof.keep(row[0], (*row[1:5], *row[6:9]), row[9], row[10])
        return (row[0], refs[node], *row[2:])

    batches, last = _rows(source, border, cut), 0
    while batch := list(islice(batches, _AT_ONCE)):
        connection.executemany(_STORE, map(stored, batch)).fetchall()
        last = batch[-1][0]
    if not proof.is_whole():
        raise _altered(begun_seq)
    if len(set(owners.values())) < len(owners):
        raise _altered(last)  # a memory has two numbers
    connection.executemany(_NODE, ((node, *head) for node, head in heads.items())).fetchall()
    if begun is not None:
        keep_snapshot(connection, replace(begun, is_horizon=True, is_copied=True))
    if cut.lends and isinstance(source, SqliteReader) and _are_plain(source, border):
        project(connection, border, replay, partial(_lend, connection, source, cut))
    else:
        project(connection, border, replay)


def _altered(seq: int) -> Damaged:
    return Damaged(
        f"Event {seq}, or one before it, is not what was written, so that the past cannot be shown. Run "
        "`holdfast check`."
    )


def _ref(connection: Database, node: bytes) -> int:
    run = connection.execute
    run("INSERT OR IGNORE INTO node (id, node_seq, hlc, chain) VALUES (?, 0, 0, ?)", (node, bytes(32))).fetchall()
    return run("SELECT ref FROM node WHERE id = ?", (node,)).get


def _lend(connection: Database, source: SqliteReader, cut: Cut) -> None:
    """Take over what the source holds of memories that nothing has happened to since."""
    take = f"INSERT INTO memory ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    after, ns = 0, set[int]()
    while rows := source.rows(_LENT, (cut.last_seq, cut.latest, after, _AT_ONCE)):
        connection.executemany(take, rows).fetchall()
        after = rows[-1][0]
        ns.update(row[0] for row in rows)
    for table in LISTED:
        place = 0 if table in ("tag", "mark") else 1
        rows = (row for row in source.rows(f"SELECT * FROM {table}") if row[place] in ns)
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows).fetchall()


def _are_plain(source: SqliteReader, border: OpenRows) -> bool:
    return not source.border.is_sealed and not border.is_sealed


def _rows(source: Reader, border: OpenRows, cut: Cut) -> Iterator[Row]:
    """Rows of the journal as they are to be stored."""
    if not isinstance(source, SqliteReader):
        yield from _numbered(source, border, cut.last_seq, cut.latest)
        return
    is_plain = _are_plain(source, border)
    for row in _taken(source, cut):
        yield row if is_plain else _resealed(source.border, border, row)


def _taken(source: SqliteReader, cut: Cut) -> Iterator[Row]:
    after = 0
    if cut.base is not None:
        after, kept = cut.base.seq, iter(cut.base.kept)
        while some := list(islice(kept, _AT_ONCE)):
            yield from source.rows(_NAMED, (json.dumps(some),))
    while rows := source.rows(_AFTER, (after, cut.last_seq, cut.latest)):
        after = rows[-1][0]
        yield from rows


def _resealed(opened: OpenRows, sealing: OpenRows, row: Row) -> Row:
    event = opened.event_of((*row[:5], *row[6:]))
    return (*row[:11], *sealing.stored(event, row[0]))


def _numbered(source: Reader, border: OpenRows, last_seq: int, latest: int) -> Iterator[Row]:
    """The same from a store of another sort, where memories get their numbers in order of arrival."""
    numbers = dict[Id, int]()
    for event in _events(source, last_seq):
        header = event.header
        if header.hlc <= latest:
            n = numbers.setdefault(header.record, len(numbers) + 1) if any(header.record) else 0
            yield (
                event.seq, header.node, header.node_seq, header.hlc, header.type, n, header.record, header.version,
                header.other, event.commitment, event.chain, *border.stored(event, event.seq),
            )  # fmt: skip


def _events(source: Reader, last_seq: int) -> Iterable[Event]:
    after = 0
    while batch := source.events(after, _AT_ONCE):
        yield from (event for event in batch if event.seq <= last_seq)
        after = batch[-1].seq
        if after >= last_seq:
            return
