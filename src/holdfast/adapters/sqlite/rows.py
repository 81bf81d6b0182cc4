"""Rows as values and values as rows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.model.events import Event, EventType, Header
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id

LIVE, SUPERSEDED, FORGOTTEN, QUARANTINED, ASIDE, UNKNOWN = 1, 2, 3, 4, 5, 0
"""States of a memory row. UNKNOWN: something about it arrived before it did. QUARANTINED: kept apart. ASIDE: of a kind
that is no memory itself; see `Kind.is_aside`."""

_HOLDING = "m.n, m.id, m.version, m.seq, m.closed_by, c.hlc, m.receipt, m.state"
_EVENT = (
    "e.seq, o.id, e.node_seq, e.hlc, e.type, e.record, e.version, e.other, e.commitment, e.chain, e.salt, e.payload"
)
EVENT_SQL = f"SELECT {_EVENT} FROM event e JOIN node o ON o.ref = e.node "
HOLDING_SQL = f"SELECT {_HOLDING} FROM memory m LEFT JOIN event c ON c.seq = m.close_seq "
CURRENT_SQL = (
    f"SELECT {_HOLDING}, {_EVENT} FROM memory m LEFT JOIN event c ON c.seq = m.close_seq "
    "JOIN event e ON e.seq = m.seq JOIN node o ON o.ref = e.node "
)
ERASABLE_SQL = """
WITH going AS MATERIALIZED (SELECT n, state, terms FROM memory WHERE id IN ({marks})), ns AS (SELECT n FROM going)
SELECT (SELECT count(*) FROM event WHERE type IN (1, 2) AND payload IS NOT NULL AND n IN ns),
       (SELECT count(*) FROM vector WHERE n IN ns),
       (SELECT count(*) FROM going WHERE state IN (1, 2, 4, 5)),
       (SELECT count(*) FROM going WHERE terms IS NOT NULL),
       (SELECT count(*) FROM tag WHERE n IN ns),
       (SELECT count(*) FROM mark WHERE n IN ns),
       (SELECT count(*) FROM expiry WHERE n IN ns),
       (SELECT count(*) FROM derivation WHERE n IN ns),
       (SELECT count(*) FROM backlog WHERE n IN ns),
       (SELECT count(*) FROM touch WHERE n IN ns)
"""
"""In the order of `holdfast.model.erasure.SURFACES`."""
_CHUNK = 450
"""Values in one IN list: two lists stay below SQLite's historical limit of 999 parameters."""


def event_of(row: Sequence[Any], space: Id) -> Event:
    """An event from a row of `EVENT_SQL`."""
    seq, node, node_seq, hlc, kind, record, version, other, commitment, chain, salt, payload = row
    header = Header(
        space, Id(node), node_seq, hlc, EventType(kind), Id(record), version, None if other is None else Id(other)
    )
    return Event(header, commitment, chain, salt, payload, seq)


def holding_of(row: Sequence[Any]) -> Holding:
    """A holding from a row of `HOLDING_SQL`."""
    n, record, version, seq, closed_by, closed_hlc, receipt, state = row
    closed_ms = closed_hlc and closed_hlc >> 16
    return Holding(n, Id(record), version, seq, closed_by, closed_ms, receipt, state == QUARANTINED)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Runs of values short enough for one IN list."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def marks(count: int) -> str:
    """``?, ?, ?`` for an IN list."""
    return ", ".join("?" * count)


def pack_vector(values: NDArray[np.int8], scale: float) -> bytes:
    """A float32 scale, the int8 values and a CRC-32 of both, little-endian."""
    body = struct.pack("<f", scale) + values.tobytes()
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack_vectors(
    rows: Sequence[tuple[int, bytes]], dimensions: int
) -> tuple[NDArray[np.uint8], list[int], list[int]]:
    """Rows of ``(n, data)`` as one byte matrix without the CRC, the numbers in it, and those that are damaged."""
    width = dimensions + 8
    sound, damaged, bodies = list[int](), list[int](), list[bytes]()
    crc32, from_bytes = zlib.crc32, int.from_bytes
    for n, data in rows:
        if len(data) == width and crc32(data[:-4]) == from_bytes(data[-4:], "little"):
            sound.append(n)
            bodies.append(data)
        else:
            damaged.append(n)
    matrix = np.frombuffer(b"".join(bodies), np.uint8).reshape(len(bodies), width)
    return matrix[:, : dimensions + 4], sound, damaged


def entry_check(author: str | None, text: str, caption: str | None) -> int:
    """A CRC-32 of what is embedded, to tell whether a vector still belongs to its text."""
    return zlib.crc32("\x1f".join((author or "", text, caption or "")).encode())
