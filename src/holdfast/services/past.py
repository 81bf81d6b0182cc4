"""The space as it was: the journal up to a moment, replayed into a store of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from weakref import WeakKeyDictionary

from holdfast.core.apply import apply
from holdfast.errors import Closed, Damaged, InvalidInput
from holdfast.model.events import Event, Sealed
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.model.times import When, parse_when
from holdfast.ports.store import Commit, Entry, Reader, SpaceStore

PER_COMMIT = 2_000
SPOILT = (
    "Something that this view of the past holds was forgotten since, so it was closed. Nothing else was changed; ask "
    "for it again with at(), which leaves out what was forgotten."
)


class PastStore(SpaceStore, Protocol):
    """The store of a view of the past.

    Attributes:
        why_closed: What is told to whoever uses it after it was closed.
    """

    why_closed: str | None


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
    """
    if (moment is None) == (seq is None):
        raise InvalidInput("Give either a time or an event's number, to say which past is meant.")
    with store.reading() as reader:
        newest = reader.head().seq
        if seq is not None:
            is_number = isinstance(seq, int) and not isinstance(seq, bool)  # pyright: ignore[reportUnnecessaryIsInstance]
            if not is_number or not 0 <= seq <= newest:
                raise InvalidInput(
                    f"There is no event {seq!r:.60}; the journal has 1 to {newest} (0 is before the first)."
                )
            return seq, reader.event(seq).header.at_ms if seq else 0
    # Clocks of several nodes are not in the order of arrival: each event is looked at when it is copied.
    return newest, parse_when(moment or "")


def copy_until(store: SpaceStore, into: SpaceStore, last_seq: int, at_ms: int | None = None) -> None:
    """Replay events up to a number, and a time where one is given, into an empty store.

    What was erased since stays erased, because its payload is gone.
    """
    secret = store.identity.secret
    with store.reading() as reader:
        batch = list[Event]()
        for event in _events(reader, last_seq):
            if at_ms is None or event.header.at_ms <= at_ms:
                batch.append(event)
            if len(batch) == PER_COMMIT:
                into.commit(_storing(batch, secret))
                batch = []
        if batch:
            into.commit(_storing(batch, secret))


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
    into.put_vectors(
        [held.n for held in owners],
        [held.seq for held in owners],
        [entry_of(events[held.n][1]) for held in owners],
        stored,
        model,
    )


def _storing(batch: Sequence[Event], secret: bytes) -> Callable[[Reader], Commit[None]]:
    return lambda view: Commit(tuple(Sealed(event, apply(event, secret)) for event in batch), None)


def _events(reader: Reader, last_seq: int) -> Iterator[Event]:
    after = 0
    while after < last_seq and (batch := reader.events(after, min(1_000, last_seq - after))):
        yield from batch
        after = batch[-1].seq
    if after < last_seq:
        raise Damaged(f"The journal ends at event {after}, before {last_seq}. Run `holdfast check`.")
