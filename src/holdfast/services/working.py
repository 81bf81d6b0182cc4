"""Working memory: values for a while, and what a session has at hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from holdfast.core import border
from holdfast.core.codec import readable_content, record_of
from holdfast.core.sessions import check_ttl
from holdfast.errors import InvalidField, StoreReadOnly, WorkingStoreUnavailable
from holdfast.model import limits
from holdfast.model.events import Event
from holdfast.model.holdings import Holding
from holdfast.model.ids import id_text, parse_id
from holdfast.model.records import Content, Record
from holdfast.model.sessions import MOST_TTL_S
from holdfast.model.tiers import TierSpec
from holdfast.model.working import Working, WorkingEntry
from holdfast.ports.store import Reader
from holdfast.ports.working import WorkingStore
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE

SCRATCH_TTL_S = 3_600.0
MOST_KEYS = 1_000
"""Values that one session may hold."""
DAY_MS = 86_400_000


class AtHand:
    """What the sessions of one space have at hand.

    Args:
        store: Opens the store at the first use.
        tier: What the working tier keeps, and for how long.
        keep: Notes a session that has values and nothing said yet, so that forgetting it finds them.
    """

    def __init__(
        self, ledger: Ledger, store: Callable[[], WorkingStore], tier: TierSpec, keep: Callable[[str], object]
    ) -> None:
        self._ledger = ledger
        self._open = store
        self._tier = tier
        self._keep = keep
        self._kept = set[str]()

    @property
    def store(self) -> WorkingStore:
        return self._open()

    # Scratch

    def put(self, session: str, key: str, value: Any, ttl_s: float | None) -> None:
        """Hold a JSON value under a key for a while.

        Raises:
            InvalidField, InvalidText: the key, the value or the lifetime is not acceptable.
        """
        if self._ledger.store.read_only:
            raise StoreReadOnly("This memory was opened read-only, so it holds no values. Nothing was written.")
        named = border.check_label(key, "key")
        default = SCRATCH_TTL_S if self._tier.key_ttl_s is None else self._tier.key_ttl_s
        ttl = check_ttl(default if ttl_s is None else ttl_s, "ttl_s")
        if session not in self._kept:
            self._keep(session)
            self._kept.add(session)
        self.store.put(session, named, _written(value), max(1, round(ttl * 1_000)), MOST_KEYS)

    def get(self, session: str, key: str, default: Any) -> Any:
        """The value under a key, or the default where there is none any more."""
        found = self.store.get(session, border.check_label(key, "key"))
        return default if found is None else json.loads(found)

    def delete(self, session: str, key: str) -> bool:
        """Drop a value; whether there was one."""
        if self._ledger.store.read_only:
            raise StoreReadOnly("This memory was opened read-only, so it holds no values. Nothing was written.")
        return self.store.delete(session, border.check_label(key, "key")) > 0

    def keys(self, session: str) -> list[str]:
        return self.store.keys(session)

    # What was said last

    def push(self, session: str, records: Sequence[Record]) -> None:
        """Copy what was said to the store; what is lost on the way is in the journal all the same."""
        entries = [WorkingEntry(record.id, record.valid_from, record.entry) for record in records]
        items = self._tier.items or limits.BATCH
        ttl_ms = round((self._tier.lifetime_s or MOST_TTL_S) * 1_000)
        with suppress(WorkingStoreUnavailable):
            self.store.push(session, entries, items, ttl_ms, DAY_MS)

    def read(self, session: str, recent: int, hours: float | None) -> Working:
        """What a session has at hand in a store elsewhere; what was forgotten meanwhile is left out, and dropped there.

        Args:
            hours: Also the episodes of so many hours, up to 24.
        """
        since_ms = None
        if hours is not None:
            if isinstance(hours, bool) or not 0 < hours <= 24:
                raise InvalidField(f"The hours are {hours!r:.60}; expected more than 0, up to 24.")
            since_ms = self._ledger.clock.now_ms() - round(hours * 3_600_000)
        most = border.check_count(recent, "number of entries", limits.BATCH)
        if not self.store.is_elsewhere:
            return self._own(session, most, since_ms)
        found = self.store.read(session, most, since_ms)
        ids = {one.id for one in (*found.recent, *found.episodes)}
        with self._ledger.store.reading() as reader:
            held = reader.find_all([parse_id(one) for one in ids])
        lost = ids - {id_text(one.id) for one in held.values() if one.receipt is None and not one.quarantined}
        if not lost:
            return found
        # A forget did not reach that store: nothing of the session there is trusted.
        if not self._ledger.store.read_only:
            self.store.drop([session])
        return Working(
            recent=tuple(one for one in found.recent if one.id not in lost),
            episodes=tuple(one for one in found.episodes if one.id not in lost),
        )

    def _own(self, session: str, recent: int, since_ms: int | None) -> Working:
        """The same from the journal, which is in the same file as the values."""
        with self._ledger.store.reading() as reader:
            ns = reader.session(session)
            last = _entries(reader, ns[-recent:])
            since = list[WorkingEntry]()
            for end in range(len(ns), 0, -PAGE) if since_ms is not None else ():
                page = _entries(reader, ns[max(0, end - PAGE) : end])
                since[:0] = [one for one in page if since_ms is not None and one.at_ms >= since_ms]
                if page and since_ms is not None and page[0].at_ms < since_ms:
                    break
        return Working(tuple(last), self.store.read(session, 0).scratch, tuple(since))


def _entries(reader: Reader, ns: Sequence[int]) -> list[WorkingEntry]:
    current = reader.current(ns)
    records = [record_of(current[n][1], content) for n in ns if n in current and (content := _live(*current[n]))]
    return [WorkingEntry(record.id, record.valid_from, record.entry) for record in records]


def _live(held: Holding, event: Event) -> Content | None:
    return None if held.quarantined else readable_content(event)


def _written(value: Any) -> str:
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        written.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidField(f"The value is no JSON ({error}). Nothing was written.") from None
    if len(written) > limits.TEXT_CHARS:
        raise InvalidField(
            f"The value has {len(written):,} characters as JSON; at most {limits.TEXT_CHARS:,} are taken. Nothing was "
            "written."
        )
    return written
