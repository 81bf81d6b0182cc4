"""Rows as values and values as rows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import Damaged
from holdfast.model.events import Event, EventType, Header
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Content

Row = tuple[Any, ...]

LIVE, SUPERSEDED, FORGOTTEN, QUARANTINED, ASIDE, UNKNOWN = 1, 2, 3, 4, 5, 0
"""States of a memory row. UNKNOWN: something about it arrived before it did. QUARANTINED: kept apart. ASIDE: of a kind
that is no memory itself; see `Kind.is_aside`."""

_HOLDING = "m.n, m.id, m.version, m.seq, m.closed_by, c.hlc, m.receipt, m.state, c.other"
EVENT_COLUMNS = (
    "e.seq, o.id, e.node_seq, e.hlc, e.type, e.record, e.version, e.other, e.commitment, e.chain, e.salt, e.payload"
)
EVENT_SQL = f"SELECT {EVENT_COLUMNS} FROM event e JOIN node o ON o.ref = e.node "
HOLDING_SQL = f"SELECT {_HOLDING} FROM memory m LEFT JOIN event c ON c.seq = m.close_seq "
CURRENT_SQL = (
    f"SELECT {_HOLDING}, {EVENT_COLUMNS} FROM memory m LEFT JOIN event c ON c.seq = m.close_seq "
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
       (SELECT count(*) FROM touch WHERE n IN ns),
       0
"""
"""In the order of `holdfast.model.erasure.SURFACES`; the last is counted by `WORKING_SQL`, for all of them at once."""
WORKING_SQL = """
WITH sessions AS MATERIALIZED (
    SELECT DISTINCT session FROM memory WHERE session IS NOT NULL AND id IN (SELECT unhex(value) FROM json_each(?))
)
SELECT (SELECT count(*) FROM scratch WHERE session IN sessions)
     + (SELECT count(*) FROM recent WHERE session IN sessions)
"""
_SPREAD, _WORD = 2_654_435_761, 0xFFFF_FFFF
"""An odd factor, so that no two numbers below 2**32 spread to the same; and 32 bits."""
_PLACE = struct.Struct("<q")
_CRC_RESIDUE = 0x2144DF1C
"""CRC-32 of any bytes that are followed by their own CRC-32, little-endian."""
_MANY = 32
"""Rows from which on looking at all of them at once is quicker."""
_CHUNK = 450
"""Values in one IN list: two lists stay below SQLite's historical limit of 999 parameters."""


def event_of(row: Sequence[Any], space: Id) -> Event:
    """An event from a row of `EVENT_SQL`.

    Raises:
        Damaged: the row holds what no event has.
    """
    seq, node, node_seq, hlc, kind, record, version, other, commitment, chain, salt, payload = row
    try:
        header = Header(
            space, Id(node), node_seq, hlc, EventType(kind), Id(record), version, None if other is None else Id(other)
        )
    except (TypeError, ValueError):
        raise Damaged(
            f"Event {seq} was altered: it is of the type {kind!r:.20}. Nothing altered is returned. Run `holdfast "
            "check`, and restore a backup."
        ) from None
    return Event(header, commitment, chain, salt, payload, seq)


def ascending(rows: list[Row], after: int, place: int = 0) -> list[Row]:
    """The same rows of a page, each number greater than the one before it and than where the page begins.

    In a damaged tree they need not be, and who goes on from the last of them would go in a circle.

    Args:
        place: Of the number in each row.

    Raises:
        Damaged: they are not.
    """
    for row in rows:
        if row[place] <= after:
            raise Damaged(
                f"A table is out of order at {row[place]}: its pages were altered. Nothing altered is returned. Run "
                "`holdfast check`."
            )
        after = row[place]
    return rows


def of_record(event: Event, record: Id) -> Event:
    """The same event, which is about that memory.

    Raises:
        Damaged: it is about another one.
    """
    if event.header.record != record:
        raise Damaged(
            f"Event {event.seq} stands among those of memory {id_text(record)}, which it is not about: a number or an "
            "index was altered. Nothing altered is returned. Run `holdfast check --fix`."
        )
    return event


def current_of(held: Holding, event: Event) -> tuple[Holding, Event]:
    """What is held of a memory, and the event that its row leads to.

    Raises:
        Damaged: the event is of another memory or version, so the row was altered.
    """
    if event.header.record != held.id or event.header.version != held.version:
        raise Damaged(
            f"The row of memory {held.n} leads to event {event.seq}, which is of another one: the row was altered. "
            "Nothing altered is returned. Run `holdfast check --fix`, which makes rows again from the journal."
        )
    return held, event


def holding_of(row: Sequence[Any]) -> Holding:
    """A holding from a row of `HOLDING_SQL`.

    Raises:
        Damaged: what the row says about itself does not go together.
    """
    n, record, version, seq, closed_by, closed_hlc, receipt, state, successor = row
    is_superseded = state == SUPERSEDED if seq else closed_by is not None
    if closed_by != successor or is_superseded != (closed_by is not None) or (receipt is None) == (state == FORGOTTEN):
        raise Damaged(
            f"The row of memory {n} was altered: whether it is held, superseded or forgotten cannot be told from it. "
            "Run `holdfast check --fix`, which makes rows again from the journal."
        )
    closed_ms = closed_hlc and closed_hlc >> 16
    return Holding(n, Id(record), version, seq, closed_by, closed_ms, receipt, state == QUARANTINED)


def heads_of(rows: Sequence[Row]) -> dict[Id, tuple[int, bytes]]:
    """Where the chain of each node ends, from rows of its id, its newest number and its chain value.

    Raises:
        Damaged: one of them is of another sort than it was written.
    """
    for node, number, chain in rows:
        if not (isinstance(node, bytes) and isinstance(number, int) and isinstance(chain, bytes)):
            raise Damaged("The row of a node was altered. Run `holdfast check` and restore a backup.")
    return {Id(node): (number, chain) for node, number, chain in rows}


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Runs of values short enough for one IN list."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def marks(count: int) -> str:
    """``?, ?, ?`` for an IN list."""
    return ", ".join("?" * count)


def with_check(n: int, content: Content, terms: bytes) -> bytes:
    """Terms with a CRC-32 of them and of what else of their row is scored, so that an altered row is noticed.

    It ties them to their memory's number, so it is of this file alone and in no digest.
    """
    seed = _seed(n, content.session, content.author, int(content.role), int(content.kind), content.valid_from)
    return terms + zlib.crc32(terms, seed).to_bytes(4, "little")


def bare_terms(
    n: int, session: str | None, author: str | None, role: int, kind: int, said_ms: int, checked: bytes
) -> bytes | None:
    """Terms without their check; None where it fails."""
    try:
        fits = zlib.crc32(checked, _seed(n, session, author, role, kind, said_ms)) == _CRC_RESIDUE
    except (AttributeError, TypeError):
        return None
    return checked[:-4] if fits else None


def without_checks(rows: Sequence[Row], *, takes_unchecked: bool) -> list[Sequence[Any]]:
    """The columns of rows for `Columns`, the terms without their check, which fitted.

    Args:
        rows: One at least.
        takes_unchecked: Pass on what does not fit: it may be from before there was a check.

    Raises:
        Damaged: a row was altered.
    """
    ns, sessions, orders, authors, roles, kinds, said_ms, terms = zip(*rows, strict=True)
    fits = _fitting(rows)
    if not all(fits) and not takes_unchecked:
        hurt = [n for n, fitting in zip(ns, fits, strict=True) if not fitting]
        raise Damaged(
            f"What is searched of {len(hurt)} memories was altered (memory {hurt[0]} first), and nothing is scored by "
            "it. Run `holdfast check --fix`, which makes it again from the journal."
        )
    bare = [one[:-4] if fitting else one for one, fitting in zip(terms, fits, strict=True)]
    return [ns, sessions, orders, authors, roles, kinds, said_ms, bare]


def _fitting(rows: Sequence[Row]) -> list[bool]:
    """Of each row whether its check fits, and its number is greater than the one before it, as in a sound table."""
    ns, sessions, _, authors, roles, kinds, said_ms, terms = zip(*rows, strict=True)
    if len(rows) >= _MANY:
        try:
            seeds = _seeds(ns, sessions, authors, roles, kinds, said_ms)
            fits = np.fromiter(map(zlib.crc32, terms, seeds), np.uint32, len(ns)) == _CRC_RESIDUE
            fits[1:] &= np.diff(np.fromiter(ns, np.int64, len(ns))) > 0
            return fits.tolist()
        except (AttributeError, OverflowError, TypeError, ValueError):
            pass  # some value is not even of its type: one by one, to tell which
    fitting = (bare_terms(n, s, a, r, k, m, t) is not None for n, s, _, a, r, k, m, t in rows)
    return [fits and (place == 0 or ns[place - 1] < ns[place]) for place, fits in enumerate(fitting)]


def _seeds(
    ns: Sequence[int],
    sessions: Sequence[str | None],
    authors: Sequence[str | None],
    roles: Sequence[int],
    kinds: Sequence[int],
    said_ms: Sequence[int],
) -> list[int]:
    """`_seed` of many rows at once."""
    names = {name: _name_check(name) for name in {*sessions, *authors}}
    n, said, role, kind = (np.fromiter(column, np.int64, len(ns)) for column in (ns, said_ms, roles, kinds))
    session, author = (np.fromiter(map(names.get, column), np.int64, len(ns)) for column in (sessions, authors))
    seeds = session ^ author * 3 ^ n * _SPREAD ^ said ^ said >> 32 ^ role << 8 ^ kind
    return (seeds & _WORD).tolist()


def _seed(n: int, session: str | None, author: str | None, role: int, kind: int, said_ms: int) -> int:
    names = _name_check(session) ^ _name_check(author) * 3
    return (names ^ n * _SPREAD ^ said_ms ^ said_ms >> 32 ^ role << 8 ^ kind) & _WORD


def _name_check(name: str | None) -> int:
    return 0 if name is None else zlib.crc32(name.encode())


def pack_vector(n: int, values: NDArray[np.int8], scale: float) -> bytes:
    """A float32 scale, the int8 values and a CRC-32 of the memory's number and both, little-endian."""
    body = struct.pack("<f", scale) + values.tobytes()
    return body + zlib.crc32(body, zlib.crc32(_PLACE.pack(n))).to_bytes(4, "little")


def unpack_vectors(
    rows: Sequence[tuple[int, bytes]], dimensions: int
) -> tuple[NDArray[np.uint8], list[int], list[int]]:
    """Rows of ``(n, data)`` as one byte matrix without the CRC, the numbers in it, and those that are damaged.

    Vectors from before their CRC had the number in it are taken too: of one that has, it does not fit without.
    """
    width = dimensions + 8
    sound, damaged, bodies = list[int](), list[int](), list[bytes]()
    crc32 = zlib.crc32
    for n, data in rows:
        is_whole = type(data) is bytes and len(data) == width
        if is_whole and (crc32(data, crc32(_PLACE.pack(n))) == _CRC_RESIDUE or crc32(data) == _CRC_RESIDUE):
            sound.append(n)
            bodies.append(data)
        else:
            damaged.append(n)
    matrix = np.frombuffer(b"".join(bodies), np.uint8).reshape(len(bodies), width)
    return matrix[:, : dimensions + 4], sound, damaged


def entry_check(author: str | None, text: str, caption: str | None) -> int:
    """A CRC-32 of what is embedded, to tell whether a vector still belongs to its text."""
    return zlib.crc32("\x1f".join((author or "", text, caption or "")).encode())
