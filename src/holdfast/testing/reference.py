"""The slow reference store: a space in plain dictionaries, the oracle for every adapter.

It says what a store must hold after any history, in the fewest words. Nothing here is fast, and
nothing survives the process.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from holdfast.core.codec import decode_content, record_of
from holdfast.core.filters import holds, needs_contents
from holdfast.core.proof import genesis
from holdfast.core.receipts import ERASABLE
from holdfast.errors import AlreadyThere, Closed, Damaged, InvalidFilter, InvalidVector, ModelMismatch
from holdfast.model.events import Bar, BarReason, Change, Close, Entomb, Event, EventType, Head, Put, SetModel, Stamp
from holdfast.model.filters import EVERYTHING, Filter
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text
from holdfast.model.insight import MOST_PRINCIPALS, OTHERS, Access, Reads
from holdfast.model.records import Content, Kind, Record
from holdfast.model.snapshots import Cut, Snapshot
from holdfast.ports.history import Proof, Replay
from holdfast.ports.store import (
    MOST_SOURCES,
    Columns,
    Commit,
    Entry,
    Identity,
    Moved,
    R,
    Reader,
    StoredVectors,
    Tally,
    Uses,
)


@dataclass(slots=True)
class _Cell:
    """All that is held of one memory."""

    n: int
    put: tuple[Stamp, Put, Event] | None = None
    close: tuple[Stamp, Close] | None = None
    tomb: tuple[Stamp, Entomb] | None = None
    vector: tuple[int, bytes, float] | None = None


class ReferenceStore:
    """A `SpaceStore` and its `Reader` in one, in memory."""

    read_only = False

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.journal: list[Event] = []
        self.heads: dict[Id, tuple[int, bytes]] = {}
        self._horizon: Snapshot | None = None
        self._snapshots: dict[int, Snapshot] = {}
        self._hlc = 0
        self._closed = False
        self._numbers: dict[Id, int] = {}
        self._clear()
        self._vector_revision = 0
        self._touches: dict[int, dict[str, Reads]] = {}
        self._accesses: dict[str, Access] = {}
        self._visitors: set[str] = set()
        self.index_version = ""

    def _clear(self) -> None:
        self.cells: dict[Id, _Cell] = {}
        self.bars: dict[bytes, tuple[Stamp, BarReason]] = {}
        self.bound: tuple[Stamp, SetModel] | None = None

    # Writing

    def commit(self, decide: Callable[[ReferenceStore], Commit[R]]) -> R:
        self._check_open()
        wanted = decide(self)
        if wanted.adopts:
            self.adopt(*wanted.adopts)
        for sealed in wanted.sealed:
            event = replace(sealed.event, seq=self._newest() + 1)
            self.journal.append(event)
            self._hlc = max(self._hlc, event.header.hlc)
            self.heads[event.header.node] = (event.header.node_seq, event.chain)
            self.execute(event, sealed.changes)
        if wanted.snapshot:
            self._keep_snapshot(wanted.snapshot)
        if wanted.uses:
            self.add_uses(wanted.uses)
        return wanted.result

    def add_uses(self, uses: Uses) -> None:
        self._check_open()
        held = set(self.held(0, 1 << 62))
        for touch in uses.touches:
            name, told = self._visitor(touch.reads.principal), self._touches.setdefault(touch.n, {})
            one, other = touch.reads, told.get(name, replace(touch.reads, count=0))
            times = min(one.first_ms, other.first_ms), max(one.last_ms, other.last_ms)
            if touch.n in held:
                told[name] = Reads(name, one.count + other.count, *times)
        for one in uses.accesses:
            name = self._visitor(one.principal)
            other = self._accesses.get(name, Access(name, 0, 0, 0, one.first_ms, one.last_ms))
            sums = one.reads + other.reads, one.listed + other.listed, one.writes + other.writes
            times = min(one.first_ms, other.first_ms), max(one.last_ms, other.last_ms)
            self._accesses[name] = Access(name, *sums, *times)

    def _visitor(self, principal: str) -> str:
        known = principal in self._visitors or len(self._visitors) < MOST_PRINCIPALS
        self._visitors.add(principal if known else OTHERS)
        return principal if known else OTHERS

    def execute(self, event: Event, changes: Iterable[Change]) -> None:
        stamp = event.header.stamp
        if any(event.header.record):
            self._cell(event.header.record)  # its number is its own from the first event on
        for change in changes:
            match change:
                case Put(record):
                    cell = self._cell(record)
                    if cell.tomb is None and (cell.put is None or stamp > cell.put[0]):
                        if cell.put is None or _entry(cell.put[1].content) != _entry(change.content):
                            cell.vector = None
                        cell.put = (stamp, change, event)
                case Close(record):
                    cell = self._cell(record)
                    if cell.tomb is None and (cell.close is None or stamp > cell.close[0]):
                        cell.close = (stamp, change)
                case Entomb(record):
                    cell = self._cell(record)
                    if cell.tomb is None or stamp > cell.tomb[0]:
                        cell.tomb = (stamp, change)
                    cell.put = cell.close = cell.vector = None
                    self._touches.pop(cell.n, None)
                    self._erase(record)
                case Bar(digest, reason):
                    if digest not in self.bars or stamp > self.bars[digest][0]:
                        self.bars[digest] = (stamp, reason)
                case SetModel():
                    if self.bound is None or stamp > self.bound[0]:
                        if self.bound and self.bound[1] != change:
                            self.drop_vectors([cell.n for cell in self.cells.values()])
                        self.bound = (stamp, change)

    def _newest(self) -> int:
        newest = self.journal[-1].seq if self.journal else 0
        return max(newest, self._horizon.seq) if self._horizon else newest

    def _cell(self, record: Id) -> _Cell:
        number = self._numbers.setdefault(record, len(self._numbers) + 1)
        return self.cells.setdefault(record, _Cell(number))

    def _erase(self, record: Id) -> None:
        for place, event in enumerate(self.journal):
            if event.header.record == record and event.header.type in ERASABLE:
                self.journal[place] = replace(event, salt=None, payload=None)

    def rebuild(self, replay: Replay, index_version: str | None = None) -> bytes:
        self.index_version = index_version or self.index_version
        self._check_open()
        before = self.cells, self.bars, self.bound
        vectors = {record: cell.vector for record, cell in self.cells.items()}
        self._clear()
        try:
            for event, changes in replay(iter(list(self.journal))):
                self.execute(event, changes)
        except BaseException:
            self.cells, self.bars, self.bound = before
            raise
        for record, cell in self.cells.items():
            cell.vector = None if cell.tomb else vectors.get(record)
        return self.digest()

    # The history

    def horizon(self) -> Snapshot | None:
        return self._horizon

    def snapshot(self, last_seq: int, at_ms: int | None) -> Snapshot | None:
        fits = [
            one for one in self._snapshots.values() if one.seq <= last_seq and (at_ms is None or one.hlc >> 16 <= at_ms)
        ]
        return max(fits, key=lambda one: one.seq, default=None)

    def snapshot_of(self, last_seq: int) -> Snapshot:
        """What is dropped is what only told of the past: versions that a later one outdid, and erased ones."""
        events = [event for event in self.journal if event.seq <= last_seq]
        anchors = dict(self._horizon.anchors) if self._horizon else {}
        versions = dict[Id, list[Event]]()
        for event in events:
            header = event.header
            anchors[header.node] = max(anchors.get(header.node, (0, b"")), (header.node_seq, event.chain))
            if header.type in ERASABLE and not event.erased:
                versions.setdefault(header.record, []).append(event)
        kept = {event.seq for event in events if event.header.type not in ERASABLE}
        for known in versions.values():
            kept |= {known[0].seq, max(known, key=lambda event: event.header.stamp).seq}
        for record, cell in self.cells.items():
            if not (cell.put or cell.close or cell.tomb):
                kept |= {event.seq for event in events if event.header.record == record and event.erased}
        hlc = max((event.header.hlc for event in events), default=0)
        before = self._horizon.hlc if self._horizon else 0
        return Snapshot(last_seq, max(hlc, before), self.written_ms(last_seq), anchors, sorted(kept))

    def last_before(self, at_ms: int) -> int:
        later = [event.seq for event in self.journal if event.header.at_ms >= at_ms]
        return later[0] - 1 if later else self._newest()

    def written_ms(self, seq: int) -> int:
        if self._horizon and self._horizon.seq == seq:
            return self._horizon.at_ms
        return max(((e.seq, e.header.at_ms) for e in self.journal if e.seq <= seq), default=(0, 0))[1]

    def events_at(self, seqs: Sequence[int]) -> Sequence[Event]:
        return [event for event in self.journal if event.seq in set(seqs)]

    def count_until(self, seq: int) -> int:
        return sum(1 for event in self.journal if event.seq <= seq)

    def free_bytes(self) -> int:
        return 0

    def _keep_snapshot(self, snapshot: Snapshot) -> None:
        if snapshot.is_horizon:
            self._horizon = snapshot
            self._snapshots = {seq: one for seq, one in self._snapshots.items() if seq > snapshot.seq}
        self._snapshots[snapshot.seq] = snapshot

    def drop_pruned(self, after_seq: int, limit: int) -> tuple[int, int]:
        if self._horizon is None:
            return 0, 0
        last, kept = self._horizon.seq, set(self._horizon.kept)
        some = [event.seq for event in self.journal if after_seq < event.seq <= last][:limit]
        self.journal = [event for event in self.journal if event.seq not in set(some) - kept]
        return (some[-1] if len(some) == limit else 0), len(set(some) - kept)

    def copy_past(self, source: Reader, cut: Cut, replay: Replay, proof: Proof) -> None:
        begun = cut.base or source.horizon()
        self.heads = dict(begun.anchors) if begun else {}
        self._horizon = replace(begun, is_horizon=True, is_copied=True) if begun else None
        for event in source.events(0, 1 << 62):
            header = event.header
            is_left_out = cut.base is not None and event.seq <= cut.base.seq and event.seq not in cut.base.kept
            if event.seq <= cut.last_seq and header.hlc <= cut.latest and not is_left_out:
                self.journal.append(event)
                self._hlc = max(self._hlc, header.hlc)
                self.heads[header.node] = max(self.heads.get(header.node, (0, b"")), (header.node_seq, event.chain))
        self.rebuild(replay)

    def compact(self) -> bool:
        return True

    def put_vectors(
        self,
        ns: Sequence[int],
        seqs: Sequence[int],
        entries: Sequence[Entry],
        vectors: StoredVectors,
        model: SetModel,
    ) -> int:
        self._check_open()
        count = len(vectors.scales)
        if vectors.values.shape != (count, model.dimensions) or not (count == len(ns) == len(seqs) == len(entries)):
            raise InvalidVector
        if self.bound is None or self.bound[1] != model:
            raise ModelMismatch
        stored, by_n = 0, {cell.n: cell for cell in self.cells.values()}
        for place, (n, seq) in enumerate(zip(ns, seqs, strict=True)):
            cell = by_n.get(n)
            if cell and cell.put and cell.put[2].seq == seq and _is_live(cell):
                self._vector_revision += 1
                cell.vector = (self._vector_revision, vectors.values[place].tobytes(), float(vectors.scales[place]))
                stored += 1
        return stored

    def adopt(self, identity: Identity, chain: bytes) -> None:
        self._check_open()
        if self.journal and (identity.space, identity.secret) != (self.identity.space, self.identity.secret):
            raise AlreadyThere
        self.identity = identity

    def drop_vectors(self, ns: Sequence[int]) -> None:
        self._check_open()
        for cell in self.cells.values():
            if cell.n in ns:
                cell.vector = None

    def residue(self, texts: Sequence[str]) -> int:
        return 0

    def truncate_log(self) -> bool:
        return True

    def problems(self) -> list[str]:
        return []

    def size_bytes(self) -> int:
        return 0

    def log_bytes(self) -> int:
        return 0

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise Closed

    # Reading

    @contextmanager
    def reading(self) -> Generator[ReferenceStore]:
        self._check_open()
        yield self

    def head(self) -> Head:
        identity = self.identity
        number, chain = self.heads.get(identity.node, (0, genesis(identity.space, identity.node)))
        return Head(identity.space, identity.node, number, chain, self._hlc, self._newest())

    def node_heads(self) -> Mapping[Id, tuple[int, bytes]]:
        return dict(self.heads)

    def find(self, record: Id) -> Holding | None:
        cell = self.cells.get(record)
        return _holding(record, cell) if cell else None

    def find_all(self, records: Sequence[Id]) -> Mapping[Id, Holding]:
        return {record: held for record in records if (held := self.find(record))}

    def current(self, ns: Sequence[int]) -> Mapping[int, tuple[Holding, Event]]:
        wanted = set(ns)
        return {
            cell.n: (_holding(record, cell), self.event(cell.put[2].seq))
            for record, cell in self.cells.items()
            if cell.n in wanted and cell.put
        }

    def has_bars(self) -> bool:
        return bool(self.bars)

    def bar(self, digest: bytes) -> BarReason | None:
        held = self.bars.get(digest)
        return held[1] or None if held else None

    def event(self, seq: int) -> Event:
        for event in self.journal:
            if event.seq == seq:
                return event
        raise Damaged(f"There is no event {seq}.")

    def events_of(self, record: Id) -> Sequence[Event]:
        return [event for event in self.journal if any(record) and event.header.record == record]

    def events(self, after_seq: int, limit: int) -> Sequence[Event]:
        return [event for event in self.journal if event.seq > after_seq][:limit]

    def derived_from(self, records: Sequence[Id]) -> Sequence[Holding]:
        named = set(map(id_text, records))
        held = [(i, c) for i, c in self.cells.items() if c.put and named.intersection(c.put[1].content.sources)]
        return sorted((_holding(i, c) for i, c in held), key=lambda holding: holding.n)

    def orphans(self) -> Sequence[Holding]:
        gone = {id_text(record) for record, cell in self.cells.items() if cell.tomb}
        held = [(i, c) for i, c in self.cells.items() if c.put and gone.intersection(c.put[1].content.sources)]
        return sorted((_holding(i, c) for i, c in held), key=lambda holding: holding.n)

    def working(self, records: Sequence[Id]) -> int:
        return 0

    def erasable(self, records: Sequence[Id]) -> Mapping[str, int]:
        wanted = set(records)
        cells = [cell for record, cell in self.cells.items() if record in wanted]
        puts = [cell.put[1].content for cell in cells if cell.put]
        kept = [e for e in self.journal if e.header.record in wanted and e.header.type in ERASABLE and e.payload]
        return {
            "payloads": len(kept),
            "vectors": sum(1 for cell in cells if cell.vector),
            "rows": len(puts),
            "terms": len(puts),
            "tags": sum(len(set(content.tags)) for content in puts),
            "marks": sum(len(set(content.marks)) for content in puts),
            "expiries": sum(1 for content in puts if content.expires_at is not None),
            "derivations": sum(len(set(content.sources)) for content in puts),
            "waiting": sum(1 for cell in cells if _is_live(cell) and not cell.vector),
            "touches": sum(len(self._touches.get(cell.n, ())) for cell in cells),
            "working": 0,
        }

    def model(self) -> SetModel | None:
        return self.bound[1] if self.bound else None

    def _live(self) -> list[tuple[_Cell, Put, Holding]]:
        found = [
            (cell, cell.put[1], _holding(i, cell)) for i, cell in self.cells.items() if cell.put and _is_live(cell)
        ]
        return sorted(found, key=lambda row: row[0].n)

    def count(self, where: Filter = EVERYTHING, *, quarantined: bool = False) -> int:
        return len(self.select(where, None, None, quarantined=quarantined))

    def sourced(self, prefix: str) -> list[tuple[Id, str]]:
        held = [(cell.n, i, cell.put[1].content) for i, cell in self.cells.items() if cell.put and not cell.close]
        sources = [(n, i, content.source or "") for n, i, content in held if content.kind is Kind.FACT]
        return [(i, source) for _, i, source in sorted(sources) if source and source.startswith(prefix)]

    def names(self) -> list[str]:
        contents = [cell.put[1].content for cell in self.cells.values() if cell.put]
        return sorted({name for content in contents for name in (content.author, content.subject) if name})

    def receipts(self) -> Sequence[Event]:
        return [event for event in self.journal if event.header.type is EventType.RECEIPT]

    def receipt(self, receipt: Id) -> Event | None:
        return next((event for event in self.receipts() if event.header.other == receipt), None)

    def select(
        self,
        where: Filter,
        since_ms: int | None,
        until_ms: int | None,
        *,
        superseded: bool = False,
        quarantined: bool = False,
        aside: bool = False,
    ) -> list[int]:
        if needs_contents(where):
            raise InvalidFilter("The filter has a field that memories cannot be selected by.")

        def fits(content: Content, event: Event) -> bool:
            if since_ms is not None and content.valid_from < since_ms:
                return False
            if until_ms is not None and content.valid_from >= until_ms:
                return False
            return holds(where, record_of(event, content))

        def wanted(cell: _Cell, content: Content) -> bool:
            if cell.close or content.kind.is_aside:
                return superseded if cell.close else aside
            return quarantined or not content.quarantined

        rows = [(cell, cell.put[1].content, cell.put[2]) for cell in self.cells.values() if cell.put]
        return sorted(cell.n for cell, content, event in rows if wanted(cell, content) and fits(content, event))

    def expired(self, now_ms: int) -> list[int]:
        rows = [(cell.n, cell.put[1].content.expires_at) for cell in self.cells.values() if cell.put]
        return sorted(n for n, ends in rows if ends is not None and ends <= now_ms)

    def session(self, session: str) -> list[int]:
        turns = [
            (c.put[1].content.valid_from, c.n)
            for c in self.cells.values()
            if c.put and c.put[1].content.session == session and not c.put[1].content.kind.is_aside
        ]
        return [n for _, n in sorted(turns)]

    def held(self, after_n: int, limit: int) -> list[int]:
        return sorted(cell.n for cell in self.cells.values() if cell.put and cell.n > after_n)[:limit]

    def tally(self) -> Tally:
        live = self._live()
        contents = [put.content for _, put, _ in live]
        times = [content.valid_from for content in contents]
        sources = Counter(content.source for content in contents if content.source)
        return Tally(
            live=len(contents),
            superseded=sum(1 for cell in self.cells.values() if cell.put and cell.close),
            forgotten=sum(1 for cell in self.cells.values() if cell.tomb),
            quarantined=sum(1 for record, cell in self.cells.items() if _holding(record, cell).quarantined),
            by_kind=Counter(int(content.kind) for content in contents),
            by_category=Counter(content.category for content in contents if content.category),
            by_author=Counter(content.author for content in contents if content.author),
            sessions=len({content.session for content in contents if content.session}),
            oldest_ms=min(times, default=None),
            newest_ms=max(times, default=None),
            by_source=dict(sorted(sources.items(), key=lambda item: (-item[1], item[0]))[:MOST_SOURCES]),
            sources=len(sources),
            first_recorded_ms=self.events_of(live[0][2].id)[0].header.at_ms if live else None,
            last_recorded_ms=self.event(max(holding.seq for _, _, holding in live)).header.at_ms if live else None,
            receipts=len({event.header.other for event in self.receipts()}),
        )

    def superseded_by(self, record: Id) -> Sequence[Holding]:
        held = [_holding(i, cell) for i, cell in self.cells.items() if cell.close and cell.close[1].by == record]
        return sorted(held, key=lambda holding: holding.n)

    def reads_of(self, n: int) -> Sequence[Reads]:
        return sorted(self._touches.get(n, {}).values(), key=lambda reads: -reads.count)

    def accesses(self) -> Sequence[Access]:
        return sorted(self._accesses.values(), key=lambda access: -access.last_ms)

    def content_bytes(self) -> tuple[int, int, int]:
        cells = self.cells.values()
        return (
            sum(len(event.payload or b"") for event in self.journal),
            sum(len(cell.put[1].terms) for cell in cells if cell.put),
            sum(len(cell.vector[1]) + 8 for cell in cells if cell.vector),
        )

    def live(self, after_n: int, limit: int) -> Sequence[Holding]:
        return [holding for cell, _, holding in self._live() if cell.n > after_n][:limit]

    def columns(self, ns: Sequence[int] | None, *, after_n: int = 0, limit: int | None = None) -> Columns:
        rows = [(c.n, p.content, p.terms) for c, p, _ in self._live() if ns is None or c.n in set(ns)]
        rows = [row for row in rows if ns is not None or row[0] > after_n][: limit if ns is None else None]
        return Columns(
            n=[n for n, _, _ in rows],
            session=[content.session for _, content, _ in rows],
            order=[content.valid_from for _, content, _ in rows],
            author=[content.author for _, content, _ in rows],
            role=[content.role for _, content, _ in rows],
            kind=[content.kind for _, content, _ in rows],
            said_ms=[content.valid_from for _, content, _ in rows],
            terms=[terms for _, _, terms in rows],
        )

    def moved(self, after_seq: int) -> Moved:
        touched = {event.header.record for event in self.journal if event.seq > after_seq}
        cells = [cell for record, cell in self.cells.items() if record in touched]
        return Moved(
            tuple(sorted(cell.n for cell in cells if _is_live(cell))),
            tuple(sorted(cell.n for cell in cells if not _is_live(cell))),
            self._newest(),
        )

    def vectors(self, after_revision: int, *, limit: int | None = None) -> StoredVectors:
        later = sorted(c.vector[0] for c in self.cells.values() if c.vector and c.vector[0] > after_revision)
        if limit is None or len(later) < limit:
            return self._stored(lambda cell, revision: revision > after_revision)
        last = later[limit - 1]
        return replace(self._stored(lambda cell, revision: after_revision < revision <= last), revision=last)

    def vectors_of(self, ns: Sequence[int]) -> StoredVectors:
        return self._stored(lambda cell, revision: cell.n in ns)

    def _stored(self, wanted: Callable[[_Cell, int], bool]) -> StoredVectors:
        rows = sorted((c.vector, c.n) for c in self.cells.values() if c.vector and wanted(c, c.vector[0]))
        width = self.bound[1].dimensions if self.bound else 0
        return StoredVectors(
            ns=np.array([n for _, n in rows], np.int64),
            values=np.frombuffer(b"".join(v[1] for v, _ in rows), np.int8).reshape(len(rows), width),
            scales=np.array([v[2] for v, _ in rows], np.float32),
            revision=self._vector_revision,
        )

    def vector_revision(self) -> int:
        return self._vector_revision

    def backlog(self, limit: int, after_n: int = 0) -> Sequence[Holding]:
        return [h for cell, _, h in self._live() if cell.vector is None and cell.n > after_n][:limit]

    def backlog_size(self) -> int:
        return len(self.backlog(len(self.cells)))

    def digest(self) -> bytes:
        parts: list[object] = []
        for record, cell in sorted(self.cells.items()):
            if cell.tomb:
                parts.append((record, cell.tomb))
            else:
                put = cell.put and (cell.put[0], cell.put[1], cell.put[2].commitment)
                parts.append((record, put, cell.close))
        parts.append(sorted(self.bars.items()))
        parts.append(self.bound)
        return hashlib.sha256(repr(parts).encode()).digest()


def _entry(content: Content) -> tuple[str | None, str, str | None]:
    return content.author, content.text, content.caption


def _is_live(cell: _Cell) -> bool:
    content = cell.put[1].content if cell.put and not cell.close else None
    return content is not None and not content.quarantined and not content.kind.is_aside


def _holding(record: Id, cell: _Cell) -> Holding:
    content = cell.put[1].content if cell.put and not cell.close else None
    return Holding(
        n=cell.n,
        id=record,
        version=cell.put[1].version if cell.put else 0,
        seq=cell.put[2].seq if cell.put else 0,
        closed_by=cell.close[1].by if cell.close else None,
        closed_ms=cell.close[0].hlc >> 16 if cell.close else None,
        receipt=cell.tomb[1].receipt if cell.tomb else None,
        quarantined=content is not None and content.quarantined and not content.kind.is_aside,
    )


def reference_records(store: ReferenceStore) -> dict[str, Record]:
    """Every record the reference holds, live or superseded, by id."""
    from holdfast.core.codec import record_of

    found = dict[str, Record]()
    for record, cell in store.cells.items():
        if cell.put and (content := decode_content(cell.put[2])):
            holding = _holding(record, cell)
            found[id_text(record)] = record_of(cell.put[2], content, holding.closed_by, holding.closed_ms)
    return found
