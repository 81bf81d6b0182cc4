"""The space as it was: the journal up to a moment, replayed into a store of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol
from weakref import WeakKeyDictionary

from holdfast.core.apply import replay
from holdfast.core.pruning import RowProof
from holdfast.errors import Closed, Damaged, HistoryPruned, InvalidInput
from holdfast.model.events import Event
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.model.snapshots import Cut, Snapshot
from holdfast.model.times import When, format_when, parse_when
from holdfast.ports.store import Entry, Reader, SpaceStore

PER_COMMIT = 2_000
SPOILT = (
    "Something that this view of the past holds was forgotten since, so it was closed. Nothing else was changed; ask "
    "for it again with at(), which leaves out what was forgotten."
)


class PastStore(SpaceStore, Protocol):
    """The store of a view of the past.

    Attributes:
        why_closed: What is told to whoever uses it after it was closed.
        earlier_events: Gives the events of a memory up to that snapshot.
    """

    why_closed: str | None
    earlier_events: Callable[[Id], Sequence[Event]] | None


class Pasts:
    """The views of the past that are open in this process, so that none goes on giving what was forgotten since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = WeakKeyDictionary[PastStore, bool]()

    def begin(self, past: PastStore) -> None:
        """It is about to be filled: from here on, a forget is heard of."""
        with self._lock:
            self._open[past] = False

    def filled(self, past: PastStore) -> None:
        """It holds all that it will hold."""
        with self._lock:
            self._open[past] = True

    def forgot(self, space: Id, records: Sequence[Id] | None = None) -> None:
        """Close those of a space that hold one of these memories, or that may come to; all where none are named."""
        with self._lock:
            concerned = [(past, full) for past, full in self._open.items() if past.identity.space == space]
        for past, full in concerned:
            try:
                if full and records is not None:
                    with past.reading() as reader:
                        if not any(held.seq for held in reader.find_all(records).values()):
                            continue
                past.why_closed = SPOILT
                past.close()
            except Closed:
                continue


PASTS = Pasts()


def cut_of(store: SpaceStore, moment: When | None, seq: int | None) -> tuple[int, int]:
    """The last event, and the time in milliseconds, that a past view takes in.

    Raises:
        InvalidInput: neither or both were given, or the number is not one of the journal's.
        HistoryPruned: the journal does not reach back that far any more.
    """
    if (moment is None) == (seq is None):
        raise InvalidInput("Give either a time or an event's number, to say which past is meant.")
    with store.reading() as reader:
        newest, horizon = reader.head().seq, reader.horizon()
        if seq is not None:
            is_number = isinstance(seq, int) and not isinstance(seq, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
            if not is_number or not 0 <= seq <= newest:
                raise InvalidInput(
                    f"There is no event {seq!r:.60}; the journal has 1 to {newest} (0 is before the first)."
                )
            if horizon and seq < horizon.seq:
                raise _pruned(horizon, f"event {seq:,}")
            return seq, reader.written_ms(seq)
    # Clocks of several nodes are not in the order of arrival: each event is looked at when it is copied.
    at_ms = parse_when(moment or "")
    if horizon and at_ms < horizon.hlc >> 16:
        raise _pruned(horizon, format_when(at_ms))
    return newest, at_ms


def _refuse_pruned(reader: Reader, last_seq: int, at_ms: int | None) -> None:
    """Raise `HistoryPruned` where the history begins later than a cut, in the view that is copied from."""
    horizon = reader.horizon()
    if horizon and last_seq < horizon.seq:
        raise _pruned(horizon, f"event {last_seq:,}")
    if horizon and at_ms is not None and at_ms < horizon.hlc >> 16:
        raise _pruned(horizon, format_when(at_ms))


def _pruned(horizon: Snapshot, wanted: str) -> HistoryPruned:
    return HistoryPruned(
        f"The history before event {horizon.seq:,} ({format_when(horizon.hlc >> 16)}) was pruned, so the space cannot "
        f"be shown as it was at {wanted}. What is held now is all there; a backup from before the pruning has the rest."
    )


def copy_until(store: SpaceStore, into: SpaceStore, last_seq: int, at_ms: int | None = None) -> None:
    """Replay events up to a number, and a time where one is given, into an empty store.

    What was erased since stays erased, because its payload is gone.

    Raises:
        HistoryPruned: the journal does not reach back that far any more, maybe only since the cut was chosen.
    """
    with store.reading() as reader:
        copy_view(reader, store.identity.secret, into, last_seq, at_ms)


def copy_view(reader: Reader, secret: bytes, into: SpaceStore, last_seq: int, at_ms: int | None = None) -> None:
    """As `copy_until`, of one view, so that what is compared with the copy can be read in the same."""
    _refuse_pruned(reader, last_seq, at_ms)
    _copy(reader, secret, into, Cut(last_seq, at_ms))


def _copy(reader: Reader, secret: bytes, into: SpaceStore, cut: Cut) -> None:
    proof = RowProof(reader.head().space, cut.base or reader.horizon())
    into.copy_past(reader, cut, lambda events: replay(events, secret), proof)


def is_before(store: SpaceStore, moment: When | None, seq: int | None) -> bool:
    """Whether what is asked for lies before the snapshot that a view of the past began from, so that it lacks it."""
    with store.reading() as reader:
        begun = reader.horizon()
    if begun is None:
        return False
    return seq < begun.seq if seq is not None else moment is not None and parse_when(moment) < begun.hlc >> 16


def show_past(store: SpaceStore, past: PastStore, last_seq: int, at_ms: int | None = None) -> bool:
    """As `copy_until`, for a view that is only read: it begins from the newest snapshot there is.

    Returns whether it lacks what was before that snapshot.
    """
    secret = store.identity.secret
    with store.reading() as reader:
        _refuse_pruned(reader, last_seq, at_ms)
        base, begun = reader.snapshot(last_seq, at_ms), reader.horizon()
        try:
            _copy(reader, secret, past, Cut(last_seq, at_ms, base, lends=True))
        except Damaged:
            if base is None or base.is_horizon:
                raise
            # An event that it rests on was altered, or pruned since what it said was forgotten: from further back.
            base = None
            _copy(reader, secret, past, Cut(last_seq, at_ms, lends=True))
    if base is None or base.is_horizon:
        return False
    base_seq = base.seq

    def earlier_events(record: Id) -> Sequence[Event]:
        with store.reading() as reader:
            now = reader.horizon()
            if now is not None and (begun is None or now.seq > begun.seq):
                # Some of them may be gone by now, which they do not show.
                raise _pruned(now, f"event {base_seq:,} (this view of the past was opened before the pruning)")
            return [event for event in reader.events_of(record) if event.seq <= base_seq]

    past.earlier_events = earlier_events
    return True


def lend_vectors(store: SpaceStore, into: SpaceStore, entry_of: Callable[[Event], Entry]) -> None:
    """Give the past view the vectors that its memories have in the present."""
    with into.reading() as past, store.reading() as present:
        model = past.model()
        after = 0
        while model and (waiting := past.backlog(PER_COMMIT, after)):
            after = waiting[-1].n
            _lend(present, past, into, waiting, entry_of)


def _lend(
    present: Reader, past: Reader, into: SpaceStore, waiting: Sequence[Holding], entry_of: Callable[[Event], Entry]
) -> None:
    now = {held.n: then for then in waiting if (held := present.find(then.id)) is not None}
    stored = present.vectors_of(list(now))
    model = past.model()
    if model is None or not len(stored.ns):
        return
    owners = [now[int(n)] for n in stored.ns]
    events = past.current([held.n for held in owners])
    if any(held.n not in events for held in owners):
        raise Damaged("A memory of the past leads to an event that cannot be found. Run `holdfast check`.")
    into.put_vectors(
        [held.n for held in owners],
        [held.seq for held in owners],
        [entry_of(events[held.n][1]) for held in owners],
        stored,
        model,
    )
