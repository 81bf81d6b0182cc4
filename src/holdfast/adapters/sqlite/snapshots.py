"""Snapshots in a space's file, and where its history begins."""

from __future__ import annotations

import hashlib
import struct
import zlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import apsw
import numpy as np

from holdfast.adapters.sqlite.database import Database
from holdfast.errors import Damaged
from holdfast.model.ids import Id
from holdfast.model.snapshots import Snapshot

MOST_SNAPSHOTS = 8
"""Snapshots that a file keeps, the horizon among them: of more, the one closest to its neighbours goes."""
_ANCHOR = struct.Struct(">16sQ32s")
_COLUMNS = "seq, hlc, at_ms, anchors, kept, digest, is_horizon, seal"
PRUNED_HERE, COPIED_FROM = 1, 2
"""What `is_horizon` says of a space whose journal tells of its pruning, and of a copy that begins there."""
_KEPT = """
SELECT seq FROM event WHERE seq <= ?1 AND type NOT IN (1, 2)
UNION
SELECT seq FROM (
    SELECT e.seq, row_number() OVER (PARTITION BY e.n ORDER BY e.hlc DESC, o.id DESC, e.node_seq DESC) AS place,
           min(e.seq) OVER (PARTITION BY e.n) AS first
    FROM event e JOIN node o ON o.ref = e.node WHERE e.seq <= ?1 AND e.type IN (1, 2) AND e.payload IS NOT NULL
) WHERE place = 1 OR seq = first
UNION
SELECT min(e.seq) FROM memory m JOIN event e ON e.n = m.n WHERE m.state = 0 AND e.seq <= ?1 GROUP BY m.n
ORDER BY 1
"""
"""The types are REMEMBERED and REVISED. Of what nothing is known but that it was there, one event stays."""
_NEWEST = """
SELECT o.id, e.node_seq, e.chain FROM (SELECT max(seq) AS seq FROM event WHERE seq <= ? GROUP BY node) AS newest
JOIN event e USING (seq) JOIN node o ON o.ref = e.node
"""
NEWEST_SEQ = """
max((SELECT coalesce(max(seq), 0) FROM event), (SELECT coalesce(max(seq), 0) FROM snapshot WHERE is_horizon))
"""
"""The greatest number of an event: a file that was cut at its horizon may lack the event there."""
_HEAD = "SELECT node_seq, chain, (SELECT max(hlc) FROM node), {newest} FROM node WHERE id = ?"
Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def head_row(rows: Rows, node: Id) -> tuple[Any, ...] | None:
    """Number and chain value of a node's newest event, the greatest clock value, and the greatest event's number."""
    try:
        found = rows(_HEAD.format(newest=NEWEST_SEQ), (node,))
    except apsw.SQLError:
        if _has_any(rows):
            raise
        found = rows(_HEAD.format(newest="(SELECT coalesce(max(seq), 0) FROM event)"), (node,))
    return found[0] if found else None


def horizon(rows: Rows) -> Snapshot | None:
    """Where the history begins, if anything was pruned.

    Raises:
        Damaged: what says so was altered.
    """
    if not _has_any(rows):
        return None
    for row in rows(f"SELECT {_COLUMNS} FROM snapshot WHERE is_horizon", ()):
        return _snapshot(row)
    for row in rows(f"SELECT {_COLUMNS} FROM snapshot", ()):
        if any(_seal((*row[:6], mark)) == row[7] for mark in (PRUNED_HERE, COPIED_FROM)):
            raise _damaged(row[0])  # it was the horizon
    return None


def newest_snapshot(rows: Rows, last_seq: int, at_ms: int | None) -> Snapshot | None:
    """The newest snapshot of no later event, and no later time where one is given."""
    latest = (1 << 63) - 1 if at_ms is None else at_ms << 16 | 0xFFFF
    if not _has_any(rows):
        return None
    sql = f"SELECT {_COLUMNS} FROM snapshot WHERE seq = ?"
    for place in rows("SELECT seq FROM snapshot WHERE seq <= ? AND hlc <= ? ORDER BY seq DESC", (last_seq, latest)):
        for row in rows(sql, place):  # none where an altered page shows a number that leads nowhere
            if row[6] or _is_sound(row):
                return _snapshot(row)
    return None


def problems(rows: Rows) -> list[str]:
    """Which snapshots were altered, in words."""
    if not _has_any(rows):
        return []
    found = rows(f"SELECT {_COLUMNS} FROM snapshot ORDER BY seq", ())
    return [f"the snapshot at event {row[0]} was altered" for row in found if not _is_sound(row)]


def drop_altered(connection: Database) -> list[str]:
    """Drop snapshots that were altered, inside the caller's transaction; gives what was done, in words."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM snapshot WHERE NOT is_horizon").fetchall()
    altered = [row[0] for row in found if not _is_sound(row)]
    connection.executemany("DELETE FROM snapshot WHERE seq = ?", [(seq,) for seq in altered]).fetchall()
    return [f"dropped altered snapshots ({len(altered)}); pasts are replayed from further back"] if altered else []


def snapshot_of(rows: Rows, last_seq: int) -> Snapshot:
    """What was held after an event rests on; see `HistoryReader.snapshot_of`."""
    below = horizon(rows)
    anchors = dict(below.anchors) if below else dict[Id, tuple[int, bytes]]()
    for node, number, chain in rows(_NEWEST, (last_seq,)):
        anchors[Id(node)] = max(anchors.get(Id(node), (0, b"")), (number, chain))
    ((hlc,),) = rows("SELECT coalesce(max(hlc), 0) FROM event WHERE seq <= ?", (last_seq,))
    kept = array("Q", [row[0] for row in rows(_KEPT, (last_seq,))])
    return Snapshot(last_seq, max(hlc, below.hlc if below else 0), written_ms(rows, last_seq), anchors, kept)


def last_before(rows: Rows, at_ms: int) -> int:
    """The greatest number up to which every event was written before a time."""
    ((first,),) = rows("SELECT min(seq) FROM event WHERE hlc >= ?", (at_ms << 16,))
    ((newest,),) = rows("SELECT coalesce(max(seq), 0) FROM event", ())
    return newest if first is None else first - 1


def written_ms(rows: Rows, seq: int) -> int:
    """When an event, or the last one before it that is there, was written."""
    below = horizon(rows)
    if below and below.seq == seq:
        return below.at_ms
    found = rows("SELECT hlc FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (seq,))
    return found[0][0] >> 16 if found else 0


def free_bytes(rows: Rows) -> int:
    """Bytes of the file that hold nothing."""
    ((pages,),), ((page_bytes,),) = rows("PRAGMA freelist_count", ()), rows("PRAGMA page_size", ())
    return pages * page_bytes


def keep_snapshot(connection: Database, snapshot: Snapshot) -> None:
    """Store a snapshot, inside the caller's transaction; a new horizon takes the place of what is below it."""
    run = connection.execute
    if snapshot.is_horizon:
        run("DELETE FROM snapshot WHERE seq <= ? OR is_horizon", (snapshot.seq,)).fetchall()
    row = (
        snapshot.seq, snapshot.hlc, snapshot.at_ms, _packed_anchors(snapshot.anchors), _packed(snapshot.kept),
        snapshot.digest, COPIED_FROM if snapshot.is_copied else int(snapshot.is_horizon),
    )  # fmt: skip
    run(f"INSERT OR REPLACE INTO snapshot ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _seal(row))).fetchall()
    held = run("SELECT seq, is_horizon FROM snapshot ORDER BY seq").fetchall()
    if len(held) > MOST_SNAPSHOTS:
        # Neither the horizon nor the newest: of the others the one whose loss leaves the smallest gap.
        inner = [(after[0] - before[0], here[0]) for before, here, after in zip(held, held[1:], held[2:], strict=False)]
        gone = min((gap, seq) for gap, seq in inner if (seq, 0) in held)[1]
        run("DELETE FROM snapshot WHERE seq = ?", (gone,)).fetchall()


def drop_pruned(connection: Database, after_seq: int, limit: int) -> tuple[int, int]:
    """Drop pruned events, inside the caller's transaction; see `HistoryStore.drop_pruned`."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM snapshot WHERE is_horizon").fetchall()
    if not found:
        return 0, 0
    below = _snapshot(found[0])
    sql = "SELECT seq FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    there = np.array(connection.execute(sql, (after_seq, below.seq, limit)).fetchall(), np.int64).reshape(-1)
    gone = np.setdiff1d(there, np.array(below.kept, np.int64), assume_unique=True)
    connection.executemany("DELETE FROM event WHERE seq = ?", [(int(seq),) for seq in gone]).fetchall()
    return (int(there[-1]) if len(there) == limit else 0), len(gone)


def _has_any(rows: Rows) -> bool:
    """Whether there is a table of snapshots: not in a file of an earlier schema that is only read."""
    return bool(rows("SELECT 1 FROM sqlite_schema WHERE name = 'snapshot'", ()))


def _snapshot(row: Sequence[Any]) -> Snapshot:
    if not _is_sound(row):
        raise _damaged(row[0])
    seq, hlc, at_ms, anchors, kept, digest, mark, _ = row
    named = {Id(node): (number, chain) for node, number, chain in _ANCHOR.iter_unpack(anchors)}
    return Snapshot(seq, hlc, at_ms, named, _unpacked(kept), digest, mark != 0, mark == COPIED_FROM)


def _seal(row: Sequence[Any]) -> bytes:
    """SHA-256 of a row without its seal."""
    return hashlib.sha256(repr(tuple(row)).encode()).digest()


def _is_sound(row: Sequence[Any]) -> bool:
    return _seal(row[:7]) == row[7]


def _damaged(seq: int) -> Damaged:
    return Damaged(
        f"The snapshot at event {seq} was altered. What is held is not touched by that; restore a backup to look "
        "at the past again."
    )


def _packed_anchors(anchors: Mapping[Id, tuple[int, bytes]]) -> bytes:
    return b"".join(_ANCHOR.pack(node, number, chain) for node, (number, chain) in sorted(anchors.items()))


def _packed(seqs: Iterable[int]) -> bytes:
    """Ascending numbers as the gaps between them, uint32, little-endian, deflated."""
    numbers = np.fromiter(seqs, np.int64)
    return zlib.compress(np.diff(numbers, prepend=0).astype("<u4").tobytes())


def _unpacked(packed: bytes) -> Sequence[int]:
    numbers = np.cumsum(np.frombuffer(zlib.decompress(packed), "<u4"), dtype=np.int64)
    return array("q", numbers.tobytes())
