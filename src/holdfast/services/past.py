"""The space as it was: the journal up to a moment, replayed into a store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from holdfast.core.apply import apply
from holdfast.errors import Damaged, InvalidInput
from holdfast.model.events import Event, Sealed
from holdfast.model.holdings import Holding
from holdfast.model.times import When, parse_when
from holdfast.ports.store import Commit, Entry, Reader, SpaceStore

PER_COMMIT = 2_000


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
            if isinstance(seq, bool) or not 0 <= seq <= newest:
                raise InvalidInput(f"There is no event {seq!r}; the journal has 1 to {newest} (0 is before the first).")
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
