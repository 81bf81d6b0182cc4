"""What filters said of contents: read once for each condition and memory, as long as the memory is what it was.

What a condition says of a memory depends on its newest event alone, so it is kept until that memory moves.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.codec import decode_record
from holdfast.core.filters import holds, needs_contents
from holdfast.errors import Damaged
from holdfast.model.filters import And, Condition, Filter, Not, Or
from holdfast.ports.store import Reader
from holdfast.services.paging import PAGE

MOST_CONDITIONS: Final = 32
"""Conditions that are remembered, the least lately used go first."""
MOST_ANSWERS: Final = 4_000_000
"""Memories they are remembered for, together: nine bytes each."""
_UNREADABLE: Final = -1

Numbers = NDArray[np.int64]
Said = NDArray[np.int8]
"""1 where a condition is true, 0 where it is not, `_UNREADABLE` where the content was erased or altered."""


class ConditionCache:
    """Remembers what conditions said of the contents of one space."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[_Key, tuple[Numbers, Said]] = OrderedDict()
        self._seq = 0

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._known.clear()

    def meeting(self, reader: Reader, asked: Filter, ns: Sequence[int]) -> list[int]:
        """Those of some numbers, ascending, of whose contents a filter is true.

        Args:
            ns: What the columns leave of it, ascending; see `holdfast.core.filters.widened`.
        """
        left = _undecided(asked)
        conditions = {_key(one): one for one in _conditions(left)}
        numbers = np.array(ns, np.int64)
        with self._lock:
            self._follow(reader)
            said = self._said(reader, conditions, numbers)
            self._trim()
        true = _true(left, said, len(numbers))
        for one in said.values():
            true &= one != _UNREADABLE
        return numbers[true].tolist()

    def _follow(self, reader: Reader) -> None:
        """Forget what was said of memories that moved."""
        if not self._known:
            self._seq = reader.head().seq
            return
        moved = reader.moved(self._seq)
        self._seq = moved.seq
        going = np.array((*moved.changed, *moved.gone), np.int64)
        if len(going):
            for key, (ns, said) in self._known.items():
                kept = ~np.isin(ns, going)
                self._known[key] = ns[kept], said[kept]

    def _said(self, reader: Reader, conditions: Mapping[_Key, Condition], ns: Numbers) -> dict[_Key, Said]:
        found, unknown = dict[_Key, Said](), np.zeros(len(ns), np.bool_)
        for key in conditions:
            found[key], is_known = _looked_up(ns, *self._known.get(key, _NOTHING))
            unknown |= ~is_known
        wanted = np.flatnonzero(unknown)
        for start in range(0, len(wanted), PAGE):
            places = wanted[start : start + PAGE]
            current = reader.current(ns[places].tolist())
            for place in places.tolist():
                event = current[int(ns[place])][1] if int(ns[place]) in current else None
                try:
                    record = None if event is None else decode_record(event)
                except Damaged:
                    record = None
                for key, condition in conditions.items():
                    found[key][place] = _UNREADABLE if record is None else holds(condition, record)
        for key in conditions:
            if len(wanted) or key not in self._known:
                self._known[key] = _merged(*self._known.get(key, _NOTHING), ns, found[key])
            self._known.move_to_end(key)
        return found

    def _trim(self) -> None:
        while len(self._known) > MOST_CONDITIONS or sum(len(ns) for ns, _ in self._known.values()) > MOST_ANSWERS:
            self._known.popitem(last=False)


_Key = tuple[Condition, tuple[type, ...]]
_NOTHING: Final = np.empty(0, np.int64), np.empty(0, np.int8)


def _key(condition: Condition) -> _Key:
    """What tells a condition from every other: 1 and True are equal, and not the same to ask for."""
    return condition, tuple(map(type, condition.values))


def _looked_up(ns: Numbers, known: Numbers, said: Said) -> tuple[Said, NDArray[np.bool_]]:
    """What was said of each number, 0 where nothing was; and whether something was."""
    if not len(known):
        return np.zeros(len(ns), np.int8), np.zeros(len(ns), np.bool_)
    places = np.minimum(known.searchsorted(ns), len(known) - 1)
    is_known = known[places] == ns
    return np.where(is_known, said[places], np.int8(0)), is_known


def _merged(known: Numbers, said: Said, ns: Numbers, newly: Said) -> tuple[Numbers, Said]:
    merged, first = np.unique(np.concatenate((ns, known)), return_index=True)
    return merged, np.concatenate((newly, said))[first]


def _undecided(asked: Filter) -> Filter:
    """A filter without those of its parts that the columns have decided already."""
    return And(tuple(filter(needs_contents, asked.parts))) if isinstance(asked, And) else asked


def _conditions(asked: Filter) -> Iterator[Condition]:
    match asked:
        case Condition():
            yield asked
        case Not(part):
            yield from _conditions(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _conditions(part)


def _true(asked: Filter, said: Mapping[_Key, Said], count: int) -> NDArray[np.bool_]:
    match asked:
        case Condition():
            return said[_key(asked)] == 1
        case Not(part):
            return ~_true(part, said, count)
        case And(parts):
            true = np.ones(count, np.bool_)
            for part in parts:
                true &= _true(part, said, count)
            return true
        case Or(parts):
            true = np.zeros(count, np.bool_)
            for part in parts:
                true |= _true(part, said, count)
            return true
