"""What is known of a session between two windows: its messages from the cut on, and the pieces of what is before.

It is kept in memory, level with the journal at every use: a window of a long session reads what is new, and no more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdfast.core.codec import readable_content, record_of
from holdfast.core.window_costs import Entry, entry_of
from holdfast.core.window_pieces import Piece, children, read_piece
from holdfast.errors import InvalidInput
from holdfast.model import limits
from holdfast.model.events import Event
from holdfast.model.filters import having
from holdfast.model.holdings import Holding
from holdfast.model.ids import id_text, parse_id
from holdfast.model.records import Content, Kind, Record
from holdfast.model.tokens import Count
from holdfast.ports.store import Reader
from holdfast.services.messages import kept_of
from holdfast.services.paging import PAGE

SESSIONS = 64
"""Sessions that are kept in memory, the ones last used."""
NEWS = 256
"""Changes of the space from which on a session is read anew."""
MESSAGES = 1_000
"""Messages of one session that are kept in memory beside those that are shown."""
CHARACTERS = 8_000_000
"""Of all messages that are kept in memory; of one session that has more, only what is shown is."""
_SAID = (Kind.TURN, Kind.TOOL_CALL)


@dataclass(frozen=True, slots=True)
class Held:
    """A piece that is held.

    Attributes:
        id: Of its record; None where it could not be written, so that it ends with the process.
        start, end: The places of its messages in the session, ``end`` exclusive; 0 above level 0.
        ns: Local numbers of its messages; empty where they are not known.
    """

    piece: Piece
    text: str
    id: str | None
    version: int
    start: int = 0
    end: int = 0
    sources: frozenset[str] = frozenset()
    ns: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a run: what is held there, or where its messages are that nothing stands for.

    Attributes:
        start: Where the run before ends: what came late between the two is of this one.
    """

    index: int
    held: Held | None
    start: int
    end: int


@dataclass(slots=True)
class Series:
    """The pieces of one series: runs in a row from the first message on, and what they were joined to."""

    runs: dict[int, Held] = field(default_factory=dict[int, Held])
    joined: dict[tuple[int, int], Held] = field(default_factory=dict[tuple[int, int], Held])
    slots: list[Slot] = field(default_factory=list[Slot])
    whole: dict[int, Held] = field(default_factory=dict[int, Held])
    """By its index, each run that was looked through for messages that came late."""

    @property
    def end(self) -> int:
        """The place of the first message that is in no run."""
        return self.slots[-1].end if self.slots else 0

    def piece(self, level: int, index: int) -> Held | None:
        """The piece at a place."""
        return self.runs.get(index) if level == 0 else self.joined.get((level, index))

    def under(self, level: int, index: int) -> list[Held]:
        """The pieces that one is joined from; those of which every message was forgotten are missing."""
        return [held for place in children(level, index) if (held := self.piece(*place)) is not None]

    def drop_from(self, index: int) -> None:
        """Let go of the runs from one on: they are made anew."""
        self.runs = {place: held for place, held in self.runs.items() if place < index}
        self.settle()

    def settle(self) -> None:
        """Put the runs in a row: one that begins before the one before it ends stands for nothing."""
        end, place, found, last = 0, 0, list[Slot](), max(self.runs, default=-1)
        for index in sorted(self.runs):
            held = self.runs[index]
            if held.start < end or index - place > NEWS:
                del self.runs[index]
                continue
            while place < index:
                # A run that was lost: its messages are those between its neighbours.
                found.append(Slot(place, None, end, held.start))
                end, place = held.start, place + 1
            found.append(Slot(index, held, end, held.end))
            end, place = held.end, index + 1
        self.slots = found
        self.whole = {slot.index: one for slot in found if (one := self.whole.get(slot.index)) is slot.held and one}
        for level in sorted({level for level, _ in self.joined}):
            for at in [at for at in self.joined if at[0] == level]:
                if self.joined[at].sources != frozenset(one.id or "" for one in self.under(*at)) or at[1] > last:
                    del self.joined[at]


@dataclass(frozen=True, slots=True)
class Telling:
    """What some pieces come to in a room."""

    told: tuple[Held, ...]
    room: int
    text: str
    tokens: int


@dataclass(slots=True)
class Conversation:
    """One session, as of an event of the journal."""

    session: str
    seq: int
    order: list[int]
    places: dict[int, int]
    last: tuple[int, int]
    pieces: set[int]
    series: dict[str, Series]
    entries: dict[int, Entry | None] = field(default_factory=dict[int, Entry | None])
    ns: dict[str, int] = field(default_factory=dict[str, int])
    expires_at: int | None = None
    telling: Telling | None = None
    characters: int = 0
    """Of the messages in it."""

    def until(self, expires_at: int | None) -> None:
        """A piece may be shown until then."""
        if expires_at is not None:
            self.expires_at = expires_at if self.expires_at is None else min(self.expires_at, expires_at)

    def of(self, series: str) -> Series:
        return self.series.setdefault(series, Series())


class Conversations:
    """The sessions of one space that windows were lately asked of."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._held: OrderedDict[str, Conversation] = OrderedDict()

    def clear(self) -> None:
        """Let go of every word."""
        self._held.clear()

    def level(self, reader: Reader, session: str, now_ms: int) -> Conversation:
        """A session as the reader sees it."""
        held, seq = self._held.get(session), reader.head().seq
        if held is not None and held.expires_at is not None and held.expires_at <= now_ms:
            held = None  # a turn that a summary tells is as good as forgotten
        if held is None or held.seq != seq:
            moved = None if held is None or held.seq > seq else reader.moved(held.seq)
            touched = (*moved.changed, *moved.gone) if moved else ()
            if held is None or moved is None or not self._take_in(reader, held, touched, now_ms):
                entries = {} if held is None or moved is None else held.entries
                held = self._read(reader, session, seq, now_ms, {n: e for n, e in entries.items() if n not in touched})
            held.seq = seq
        self._held[session] = held
        self._held.move_to_end(session)
        while len(self._held) > SESSIONS or (
            len(self._held) > 1 and sum(one.characters for one in self._held.values()) > CHARACTERS
        ):
            self._held.popitem(last=False)
        return held

    def entries(self, reader: Reader, held: Conversation, start: int, end: int, now_ms: int) -> list[Entry]:
        """The messages at these places, less what is kept apart or whose time is up."""
        ns = held.order[start:end]
        self._load(reader, held, ns)
        found = [held.entries[n] for n in ns]
        return [one for one in found if one is not None and _is_there(one, now_ms)]

    def trim(self, held: Conversation, start: int) -> None:
        """Let go of messages before a place, where there are many."""
        if len(held.entries) > MESSAGES + len(held.order) - start or held.characters > CHARACTERS:
            held.entries = {n: held.entries[n] for n in held.order[start:] if n in held.entries}
            held.characters = sum(entry.characters for entry in held.entries.values() if entry)

    def lost(self, reader: Reader, held: Conversation, series: Series, now_ms: int) -> list[tuple[Slot, list[Entry]]]:
        """Places for runs for whose messages nothing stands, with those; which may have come late, between others."""
        if late := [slot.index for slot in self._late(reader, held, series, now_ms)]:
            for index in late:
                del series.runs[index]
            series.settle()
        found = list[tuple[Slot, list[Entry]]]()
        for slot in series.slots:
            entries = [] if slot.held else self.entries(reader, held, slot.start, slot.end, now_ms)
            if len(entries) > limits.SOURCES:
                series.drop_from(slot.index)  # they are more than one run
                break
            if entries:
                found.append((slot, entries))
        return found

    def _late(self, reader: Reader, held: Conversation, series: Series, now_ms: int) -> Iterator[Slot]:
        """Runs among whose messages are some that they do not stand for."""
        for slot in series.slots:
            one = slot.held
            if one is None or series.whole.get(slot.index) is one:
                continue
            if one.id is not None:
                others = [n for n in held.order[slot.start : slot.end] if n not in one.ns]
                self._load(reader, held, others)
                if any(_is_there(held.entries[n], now_ms) for n in others):
                    yield slot
                    continue
            series.whole[slot.index] = one

    def named(self, reader: Reader, held: Conversation, ids: Sequence[str], now_ms: int) -> list[Entry]:
        """The messages of these ids, in order, as `entries`."""
        unknown = [one for one in ids if one not in held.ns]
        if unknown:
            found = reader.find_all([parse_id(one) for one in unknown])
            held.ns.update((id_text(one.id), one.n) for one in found.values())
        ns = sorted((held.ns[one] for one in ids if held.ns.get(one) in held.places), key=held.places.__getitem__)
        self._load(reader, held, ns)
        entries = [held.entries[n] for n in ns]
        return [one for one in entries if one is not None and _is_there(one, now_ms)]

    def _load(self, reader: Reader, held: Conversation, ns: Sequence[int]) -> None:
        missing = [n for n in ns if n not in held.entries]
        for start in range(0, len(missing), PAGE):
            some = missing[start : start + PAGE]
            current = reader.current(some)
            for n in some:
                self._put_entry(held, n, self._entry(*current[n]) if n in current else None)

    def _put_entry(self, held: Conversation, n: int, entry: Entry | None) -> None:
        held.entries[n] = entry
        held.characters += entry.characters if entry else 0

    def _entry(self, held: Holding, event: Event) -> Entry | None:
        content = readable_content(event)
        if content is None or content.kind not in _SAID or held.quarantined:
            return None
        kept = kept_of(id_text(held.id), content)
        characters = len(content.text) + len(content.body or "")
        return entry_of(held.n, kept, content.valid_from, content.expires_at, self._count, characters)

    def _take_in(self, reader: Reader, held: Conversation, touched: Sequence[int], now_ms: int) -> bool:
        """Add what is new to the end of a session; False where anything else happened to it."""
        if len(touched) > NEWS or any(n in held.places or n in held.pieces for n in touched):
            return False
        current, new = reader.current(touched), list[int]()
        for n in sorted(current):
            holding, event = current[n]
            content = readable_content(event)
            if content is None or content.session != held.session:
                continue
            if content.kind is Kind.WINDOW:
                new.append(n)
            elif not content.kind.is_aside:
                if (content.valid_from, n) < held.last:
                    return False
                held.places[n] = len(held.order)
                held.order.append(n)
                held.last = content.valid_from, n
                self._put_entry(held, n, self._entry(holding, event))
        if new:
            self._put(reader, held, new, now_ms)
        return True

    def _read(
        self, reader: Reader, session: str, seq: int, now_ms: int, entries: dict[int, Entry | None]
    ) -> Conversation:
        order = reader.session(session)
        places = {n: place for place, n in enumerate(order)}
        last = reader.current(order[-1:])
        content = next((content for _, event in last.values() if (content := readable_content(event))), None)
        newest = (content.valid_from, order[-1]) if content and order else (0, order[-1] if order else 0)
        kept = {n: entry for n, entry in entries.items() if n in places}
        characters = sum(entry.characters for entry in kept.values() if entry)
        held = Conversation(session, seq, order, places, newest, set(), {}, kept, characters=characters)
        if order:
            wanted = having({"kind": [int(Kind.WINDOW)], "session": [session]})
            self._put(reader, held, reader.select(wanted, None, None, aside=True), now_ms)
        return held

    def _put(self, reader: Reader, held: Conversation, ns: Sequence[int], now_ms: int) -> None:
        """Add pieces, those of which every source is there."""
        held.pieces.update(ns)
        found = list(_pieces(reader, held.session, ns, now_ms))
        sources = {parse_id(one) for _, content, piece in found if piece.level == 0 for one in content.sources}
        known = reader.find_all(sorted(sources))
        for holding, content, piece in found:
            held.until(content.expires_at)
            series, id_, of = held.of(piece.series), id_text(holding.id), frozenset(content.sources)
            if piece.level:
                series.joined[piece.level, piece.index] = Held(piece, content.text, id_, holding.version, sources=of)
                continue
            there = _places(held, [known.get(parse_id(one)) for one in of])
            if there:
                own = frozenset(held.order[place] for place in there)
                series.runs[piece.index] = Held(
                    piece, content.text, id_, holding.version, min(there), max(there) + 1, of, own
                )
        for series in held.series.values():
            series.settle()


def _is_there(entry: Entry | None, now_ms: int) -> bool:
    return entry is not None and (entry.expires_at is None or entry.expires_at > now_ms)


def _places(held: Conversation, sources: Sequence[Holding | None]) -> list[int]:
    """Where the messages of a run are; none where one of them is not there any more."""
    there = [held.places.get(one.n) for one in sources if one and one.seq and not one.quarantined]
    found = [place for place in there if place is not None]
    return found if len(found) == len(sources) else []


def _pieces(
    reader: Reader, session: str, ns: Sequence[int], now_ms: int
) -> Iterator[tuple[Holding, Content, Piece]]:  # fmt: skip
    """Those of these pieces of a session that may be used."""
    for start in range(0, len(ns), PAGE):
        for holding, event in reader.current(ns[start : start + PAGE]).values():
            content = readable_content(event)
            if content is None or content.quarantined:
                continue
            if content.expires_at is not None and content.expires_at <= now_ms:
                continue
            try:
                piece = read_piece(content.body)
            except InvalidInput:
                continue  # another node wrote it, newer than this program
            if piece.session == session:
                yield holding, content, piece


def records_of(reader: Reader, entries: Sequence[Entry]) -> list[Record]:
    """The memories of messages, without those of the system, to be summed up."""
    ns = [entry.n for entry in entries if not entry.is_system]
    current = {
        n: one for start in range(0, len(ns), PAGE) for n, one in reader.current(ns[start : start + PAGE]).items()
    }
    pairs = [(current[n][1], content) for n in ns if n in current and (content := readable_content(current[n][1]))]
    return [record_of(event, content) for event, content in pairs]
