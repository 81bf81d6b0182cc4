"""Writing a space: storing events and carrying out the changes they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.neighbours import Neighbours
from holdfast.adapters.sqlite.rows import ASIDE, FORGOTTEN, LIVE, QUARANTINED, SUPERSEDED, UNKNOWN, with_check
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.adapters.sqlite.snapshots import NEWEST_SEQ
from holdfast.adapters.sqlite.tombs import LEAST_AT_ONCE, LISTED, entomb, erase, runs
from holdfast.model.events import Bar, Change, Close, Entomb, Event, Put, Sealed, SetModel
from holdfast.model.ids import Id, parse_id
from holdfast.model.records import Content

_KEEP_STAMP = "SELECT e.hlc, o.id, e.node_seq FROM event e JOIN node o ON o.ref = e.node WHERE e.seq = ?"
PUT_COLUMNS = "state, version, seq, kind, role, origin, said_ms, session, author, category, subject, source, terms"
_INSERT = f"INSERT INTO memory (n, id, {PUT_COLUMNS}) VALUES ({', '.join('?' * 15)})"
_UPDATE = f"UPDATE memory SET ({PUT_COLUMNS}) = ({', '.join('?' * 13)}) WHERE n = ?"


class SqliteWriter:
    """Stores sealed events; lives as long as one transaction, since it remembers the highest numbers."""

    def __init__(self, connection: Database, border: OpenRows, *, keep_vectors: bool = False) -> None:
        """Write through a connection.

        Args:
            border: Seals what an encrypted space does not show.
            keep_vectors: Leave vectors alone, since what is written passes through states they do not belong to.
        """
        self._connection = connection
        self._run = connection.execute
        self._border = border
        self._nodes: dict[bytes, int] = {}
        self._next_seq: int | None = None
        self._next_n: int | None = None
        self._keep_vectors = keep_vectors

    def store(self, sealed: Iterable[Sealed], pause: Callable[[], None] = lambda: None) -> None:
        """Append events and carry out their changes.

        Args:
            pause: Called between two pieces of the work.

        Raises:
            Damaged: what some of them erase would take other memories with it.
        """
        sealed = tuple(sealed)
        beside = Neighbours(self._connection, self._border, sealed)
        last: dict[int, Event] = {}
        for run in runs(sealed):
            pause()
            node = self._node(run[0].event.header.node, run[0].event)
            last[node] = run[-1].event
            if len(run) >= LEAST_AT_ONCE and entomb(self._connection, self._border, run, node, self._take_seq(0)):
                self._take_seq(len(run))
                continue
            for item in run:
                self._store_one(item, node)
        for node, event in last.items():
            self._run(
                "UPDATE node SET (node_seq, hlc, chain) = (?, ?, ?) WHERE ref = ?",
                (event.header.node_seq, event.header.hlc, event.chain, node),
            )
        beside.compare()

    def _store_one(self, item: Sealed, node: int) -> None:
        event = item.event
        header = event.header
        seq = self._take_seq()
        n, is_new = self._number(header.record) if any(header.record) else (0, False)
        salt, payload = self._border.stored(event, seq)
        self._run(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                seq, node, header.node_seq, header.hlc, header.type, n, header.record, header.version,
                header.other, event.commitment, event.chain, salt, payload,
            ),
        )  # fmt: skip
        if is_new and not item.changes:
            self.hold_place(n, header.record)
        self.execute(event, seq, n, is_new, item.changes)

    def execute(self, event: Event, seq: int, n: int, is_new: bool, changes: Iterable[Change]) -> None:
        """Carry out the changes of one stored event about memory ``n``."""
        for change in changes:
            match change:
                case Put():
                    self._put(event, seq, n, is_new, change)
                case Close():
                    self._close(event, seq, n, change)
                case Entomb():
                    self._entomb(event, seq, n, change)
                case Bar(digest, reason):
                    held = self._run("SELECT seq FROM bar WHERE digest = ?", (digest,)).fetchone()
                    if not held or self._outranks(event, held[0]):
                        self._run("INSERT OR REPLACE INTO bar VALUES (?, ?, ?)", (digest, reason, seq))
                case SetModel():
                    self._set_model(event, seq, change)

    def _set_model(self, event: Event, seq: int, change: SetModel) -> None:
        held = self._run("SELECT seq, fingerprint, dimensions FROM model").fetchone()
        if held and not self._outranks(event, held[0]):
            return
        named = (change.fingerprint, change.dimensions)
        self._run("INSERT OR REPLACE INTO model VALUES (1, ?, ?, ?)", (*named, seq))
        if held and held[1:] != named and not self._keep_vectors:
            # Two nodes bound the space to a model each: what the loser's made cannot be compared with the winner's.
            self._run("DELETE FROM vector")
            self._run("INSERT OR IGNORE INTO backlog SELECT n FROM memory WHERE state = ?", (LIVE,))

    def hold_place(self, n: int, record: Id) -> None:
        """Make sure that a memory has its row, so that its number stays its own."""
        self._run(
            "INSERT OR IGNORE INTO memory (n, id, state, version, seq) VALUES (?, ?, ?, 0, 0)", (n, record, UNKNOWN)
        )

    def _put(self, event: Event, seq: int, n: int, is_new: bool, put: Put) -> None:
        content = put.content
        held = None if is_new else self._run("SELECT state, seq, close_seq FROM memory WHERE n = ?", (n,)).fetchone()
        if held and (held[0] == FORGOTTEN or (held[1] and not self._outranks(event, held[1]))):
            return
        state = SUPERSEDED if held and held[2] else _state_of(content)
        row = (state, *put_row(self._border, n, seq, put)[1:])
        if held:
            self._run(_UPDATE, (*row, n))
            if held[1]:
                for table in LISTED:
                    self._run(f"DELETE FROM {table} WHERE n = ?", (n,))
        else:
            self._run(_INSERT, (n, event.header.record, *row))
        for tag in content.tags:
            self._run("INSERT OR IGNORE INTO tag VALUES (?, ?)", (n, self._border.label("tag", tag)))
        for mark in content.marks:
            self._run("INSERT OR IGNORE INTO mark VALUES (?, ?)", (n, self._border.label("mark", mark)))
        if content.expires_at is not None:
            self._run("INSERT INTO expiry VALUES (?, ?)", (content.expires_at, n))
        for source in content.sources:
            self._run("INSERT OR IGNORE INTO derivation VALUES (?, ?)", (parse_id(source), n))
        if held and state in (QUARANTINED, ASIDE):
            self._run("DELETE FROM backlog WHERE n = ?", (n,))
        entry = self._border.entry(content.author, content.text, content.caption)
        if held and self._run("SELECT 1 FROM vector WHERE n = ? AND entry = ?", (n, entry)).fetchone():
            return
        if held:
            self._run("DELETE FROM vector WHERE n = ?", (n,))
        if state == LIVE:
            self._run("INSERT OR IGNORE INTO backlog VALUES (?)", (n,))

    def _close(self, event: Event, seq: int, n: int, change: Close) -> None:
        state, close_seq = self._state(n, event.header.record)
        if state == FORGOTTEN or (close_seq and not self._outranks(event, close_seq)):
            return
        self._run(
            "UPDATE memory SET (state, close_seq, closed_by) = (iif(seq > 0, ?, ?), ?, ?) WHERE n = ?",
            (SUPERSEDED, UNKNOWN, seq, change.by, n),
        )
        self._run("DELETE FROM backlog WHERE n = ?", (n,))

    def _entomb(self, event: Event, seq: int, n: int, change: Entomb) -> None:
        self._state(n, event.header.record)
        (tomb_seq,) = self._run("SELECT tomb_seq FROM memory WHERE n = ?", (n,)).fetchone() or (None,)
        if tomb_seq and not self._outranks(event, tomb_seq):
            return
        erase(self._connection, self._border, [(n, seq)], change.receipt)

    def _state(self, n: int, record: Id) -> tuple[int, int | None]:
        self.hold_place(n, record)
        return self._run("SELECT state, close_seq FROM memory WHERE n = ?", (n,)).fetchone() or (UNKNOWN, None)

    def _outranks(self, event: Event, seq: int) -> bool:
        row: tuple[Any, ...] | None = self._run(_KEEP_STAMP, (seq,)).fetchone()
        stamp = event.header.stamp
        return row is None or (stamp.hlc, stamp.node, stamp.node_seq) > row

    def _take_seq(self, count: int = 1) -> int:
        """The next number of an event; so many are taken from there on."""
        seq = self._next_seq or self._run(f"SELECT {NEWEST_SEQ} + 1").get
        self._next_seq = seq + count
        return seq

    def _number(self, record: Id) -> tuple[int, bool]:
        row = self._run("SELECT n FROM memory WHERE id = ?", (record,)).fetchone()
        if row:
            return row[0], False
        n = self._next_n or self._run("SELECT coalesce(max(n), 0) + 1 FROM event").get
        self._next_n = n + 1
        return n, True

    def _node(self, node: Id, event: Event) -> int:
        if node not in self._nodes:
            known = self._run("SELECT ref FROM node WHERE id = ?", (node,)).fetchone()
            if known is None:
                self._run("INSERT INTO node (id, node_seq, hlc, chain) VALUES (?, 0, 0, ?)", (node, event.chain))
            self._nodes[node] = known[0] if known else self._run("SELECT last_insert_rowid()").get
        return self._nodes[node]


def put_row(border: OpenRows, n: int, seq: int, put: Put) -> tuple[Any, ...]:
    """What `PUT_COLUMNS` hold of a memory that nothing has superseded."""
    content = put.content
    return (
        _state_of(content), put.version, seq, content.kind, content.role, content.origin, content.valid_from,
        *border.labels(content), border.terms(n, with_check(n, content, put.terms)),
    )  # fmt: skip


def _state_of(content: Content) -> int:
    """The state of a memory that nothing has superseded."""
    return ASIDE if content.kind.is_aside else QUARANTINED if content.quarantined else LIVE
