"""Items: put, read, searched and deleted, several changes in one durable write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from holdfast.core import border
from holdfast.core.codec import readable_content, record_of
from holdfast.core.decide import Take
from holdfast.core.items import (
    Putting,
    admitted,
    check_key,
    check_namespace,
    found_by,
    is_over,
    item_name,
    item_of,
    item_tag,
    named_in,
    put_drafts,
    putting,
    renew_drafts,
    renewed,
)
from holdfast.core.naming import generation, named_id
from holdfast.core.view import View
from holdfast.errors import InvalidField, Refused
from holdfast.model import limits
from holdfast.model.events import Draft, Event
from holdfast.model.filters import having
from holdfast.model.ids import Id
from holdfast.model.items import Item, ItemChange, ItemFound
from holdfast.model.recollection import Hit
from holdfast.model.records import Content, Kind
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.touches import Touches

DELETED = "item deleted"
"""The reason in the receipt of items that were deleted."""
EXPIRED = "the item's time was up"
PAGE = 200
"""Items read at a time."""
RELOAD = 5_000
"""Changes of the space from which on all items are looked at anew instead of what changed alone."""
CHANGES = limits.BATCH
_ROOM = 4
"""Hits that are asked for, for each item that is wanted."""
_MARK = b'"kind":%d' % int(Kind.ITEM)

More = Callable[[View, bytes], Sequence[Draft]]
"""What else is written in the same transaction."""


class _PutAgain(Exception):
    """An item was put again between a look at it and the write."""


class Items:
    """The items of one space, for one principal.

    Args:
        remembering: Has the policy under which something is kept.
        now: Milliseconds since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        recalling: Recalling,
        forgetting: Forgetting,
        touches: Touches,
        now: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._recalling = recalling
        self._forgetting = forgetting
        self._touches = touches
        self._now = now
        self._places = _Places()

    # Writing

    def apply(self, changes: Sequence[ItemChange], also: More | None = None) -> None:
        """Carry out changes, the last one of each key, in one durable write.

        Args:
            also: Decides what is written with them; where it raises, nothing is.
        """
        if also is None and len(changes) > CHANGES:  # what a step has done is written whole, however much it is
            raise InvalidField(f"{len(changes):,} changes were given at once; at most {CHANGES:,} are taken.")
        puts, deletes = self._checked(changes)
        gone = self._held(deletes)

        def decide(view: View, secret: bytes) -> Sequence[Draft]:
            drafts = [draft for one in puts for draft in put_drafts(view, one, self._ids(one.body.name), secret)]
            return [*drafts, *(also(view, secret) if also else ())]

        if gone:
            self._forgetting.erase(gone, actor=self._remembering.actor, reason=DELETED, bars=False, first=decide)
        elif puts or also:
            _, events = self._ledger.write_events(lambda view, secret: (decide(view, secret), None))
            if not events:
                return
        self._touches.written(len(puts) or 1)

    def check(self, change: ItemChange) -> None:
        """Raise what `apply` would raise for a change, as far as that can be told before it is written."""
        self._checked([change])

    def _checked(self, changes: Sequence[ItemChange]) -> tuple[list[Putting], list[str]]:
        last = dict[str, ItemChange]()
        for change in changes:
            if not isinstance(change, ItemChange):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidField(f"{change!r:.80} was given; expected an ItemChange. Nothing was written.")
            last[item_name(check_namespace(change.namespace), check_key(change.key))] = change
        now, puts, deletes = self._ledger.clock.now_ms(), list[Putting](), list[str]()
        for name, change in last.items():
            if change.value is None:
                deletes.append(name)
            else:
                puts.append(self._admitted(change, now))
        return puts, deletes

    def _admitted(self, change: ItemChange, now: int) -> Putting:
        body, content, facts = putting(change, now, self._remembering.actor)
        kept = self._judged(content)
        if kept.quarantined:
            raise Refused(
                "The policy would set this apart, and an item is read as it is. Nothing was written.",
                tuple(f"{mark} content" for mark in kept.marks),
            )
        # Names stay as they are, or two could become one; what may not be kept at all may not be in them either.
        self._judged(replace(content, kind=Kind.FACT, text=" ".join((*body.namespace, body.key, ".")), body=None))
        return admitted(body, kept, [self._judged(fact) for fact in facts])

    def _judged(self, content: Content) -> Content:
        return self._remembering.judged(Take(content, Id(bytes(16)))).content

    def _held(self, names: Sequence[str]) -> list[Id]:
        """The records of these names, where there are some, and of what they are found by."""
        gone = list[Id]()
        if names:
            with self._ledger.store.reading() as reader:
                for name in names:
                    record, version = generation(reader, self._ids(name))
                    gone += (record, *found_by(reader, record)) if version else ()
        return gone

    def sweep(self) -> int:
        """Erase every item whose time is up; gives how many."""
        while True:
            with self._ledger.store.reading() as reader:
                places, now = self._places.leveled(reader), self._now()
                held = [one for named in places.values() for one in named.values()]
                ns = [n for n, expires_ms in held if expires_ms is not None and expires_ms <= now]
                over = [one.id for one, _ in reader.current(ns).values()]
                gone = [one for record in over for one in (record, *found_by(reader, record))]
            if not gone or self._swept(over, gone, now):
                return len(over)

    def _swept(self, over: Sequence[Id], gone: Sequence[Id], now_ms: int) -> bool:
        """Erase items whose time is up, unless one was put again meanwhile: that is for another look."""

        def decide(view: View, _: bytes) -> Sequence[Draft]:
            if not all(is_over(view, record, now_ms) for record in over):
                raise _PutAgain
            return ()

        try:
            self._forgetting.erase(gone, actor=self._remembering.actor, reason=EXPIRED, bars=False, first=decide)
        except _PutAgain:
            return False
        return True

    # Reading

    def get(self, namespace: Sequence[str], key: str) -> Item | None:
        name = item_name(check_namespace(namespace), check_key(key))
        with self._ledger.store.reading() as reader:
            record, version = generation(reader, self._ids(name))
            held = reader.find(record) if version else None
            return self._item(reader.event(held.seq)) if held else None

    def list(self, prefix: Sequence[str]) -> Iterator[Item]:
        """Every item under a prefix, namespace by namespace, in the order in which they came."""
        labels = check_namespace(prefix, what="prefix")
        with self._ledger.store.reading() as reader:
            places = self._places.leveled(reader, labels)
        ns = (n for held in places.values() for n, _ in held.values())
        while page := list(islice(ns, PAGE)):
            with self._ledger.store.reading() as reader:
                current = reader.current(page)
            yield from (found for n in page if n in current and (found := self._item(current[n][1])))

    def search(self, prefix: Sequence[str], query: str, limit: int) -> list[ItemFound]:
        """Items under a prefix that a recall of a question finds, best first."""
        labels = check_namespace(prefix, what="prefix")
        most = border.check_count(limit, "limit", limits.LIMIT_HITS)
        found = dict[str, ItemFound]()
        # Several texts of one item may be found; where they took all the room, there may be more.
        for room in dict.fromkeys((min(most * _ROOM, limits.LIMIT_HITS), limits.LIMIT_HITS)):
            hits = self._recalling.recall(
                query, budget_tokens=None, limit=room, where={"kind": "fact", "tag": item_tag(labels)}, since=None,
                until=None, now=None,
            )  # fmt: skip
            found = self._found(hits, most)
            if len(found) == most or len(hits) < room:
                break
        return list(found.values())

    def _found(self, hits: Iterable[Hit], most: int) -> dict[str, ItemFound]:
        found = dict[str, ItemFound]()
        for hit in hits:
            named = named_in(hit.record.attributes)
            if named is None or item_name(*named) in found:
                continue
            item = self.get(*named)
            if item is not None:
                found[item_name(*named)] = ItemFound(item, hit.score)
            if len(found) == most:
                break
        return found

    def namespaces(self) -> list[tuple[str, ...]]:
        """Every namespace that has an item, sorted."""
        with self._ledger.store.reading() as reader:
            places = self._places.leveled(reader)
        now = self._now()
        return sorted(
            space
            for space, held in places.items()
            if any(expires is None or expires > now for _, expires in held.values())
        )

    def refresh(self, items: Sequence[Item]) -> list[Item]:
        """Hold items that were put for a while for their whole lifetime from now on; gives them as they are then."""
        now = self._now()
        due = [one for one in items if renewed(one.ttl_s, one.expires_ms, now) is not None]
        if not due or self._ledger.store.read_only:
            return list(items)
        ids = list(map(self._ids, dict.fromkeys(item_name(one.namespace, one.key) for one in due)))

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], None]:
            return [draft for one in ids for draft in renew_drafts(view, generation(view, one)[0], now)], None

        _, events = self._ledger.write_events(decide)
        found = {event.header.record: event for event in events}
        later = {item.id: item for event in found.values() if (item := self._item(event)) is not None}
        return [later.get(one.id, one) for one in items]

    def _item(self, event: Event) -> Item | None:
        """The item that an event holds, unless its time is up or it cannot be read."""
        content = readable_content(event)
        if content is None or content.kind is not Kind.ITEM:
            return None
        if content.expires_at is not None and content.expires_at <= self._now():
            return None
        return item_of(record_of(event, content))

    def _ids(self, name: str) -> Callable[[int], Id]:
        return lambda number: named_id(self._ledger.secret, Kind.ITEM, name, number)


class _Places:
    """Which items there are, and until when, without their values; level with the journal at every use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seq: int | None = None
        self._named: dict[int, tuple[tuple[str, ...], str]] = {}
        self._held: dict[tuple[str, ...], dict[str, tuple[int, int | None]]] = {}

    def leveled(
        self, reader: Reader, prefix: tuple[str, ...] = ()
    ) -> Mapping[tuple[str, ...], Mapping[str, tuple[int, int | None]]]:
        """By namespace under a prefix and by key: the local number, and when its time is up; later changes leave it."""
        with self._lock:
            moved = None if self._seq is None else reader.moved(self._seq)
            if moved is None or len(moved.changed) + len(moved.gone) > RELOAD:
                self._named, self._held = {}, {}
                ns: Sequence[int] = reader.select(having({"kind": [int(Kind.ITEM)]}), None, None, aside=True)
                seq = reader.head().seq
            else:
                ns, seq = (*moved.changed, *moved.gone), moved.seq
            # Unknown until it is done: what a read that failed did not bring is brought by the next.
            self._seq = None
            self._take(reader, ns)
            self._seq = seq
            depth = len(prefix)
            return {space: dict(held) for space, held in self._held.items() if space[:depth] == prefix}

    def _take(self, reader: Reader, ns: Sequence[int]) -> None:
        for start in range(0, len(ns), PAGE):
            page = ns[start : start + PAGE]
            current = reader.current(page)
            for n in page:
                # Looked at first: what else changed is not worth reading.
                event = current[n][1] if n in current else None
                content = readable_content(event) if event and _MARK in (event.payload or b"") else None
                if content is None or content.kind is not Kind.ITEM:
                    self._drop(n)
                else:
                    item = item_of(record_of(event, content)) if event else None
                    if item is not None:
                        self._named[n] = (item.namespace, item.key)
                        self._held.setdefault(item.namespace, {})[item.key] = (n, item.expires_ms)

    def _drop(self, n: int) -> None:
        named = self._named.pop(n, None)
        held = self._held.get(named[0]) if named else None
        if named and held is not None and held.get(named[1], (None,))[0] == n:
            del held[named[1]]
            if not held:
                del self._held[named[0]]
