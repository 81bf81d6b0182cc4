"""Facts about one subject, level with the journal: a context asks for them with every turn, and they seldom change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdfast.core.border import check_where
from holdfast.core.codec import decode_record
from holdfast.model.ids import Id
from holdfast.model.records import Kind, Record
from holdfast.ports.store import Reader
from holdfast.services.selecting import matching

FACTS = 256
"""Facts about one subject that are looked at, the newest."""
SUBJECTS = 64
"""Subjects that are kept in memory, the ones last asked for."""
RELOAD = 64
"""Changes of the space from which on facts are read anew."""


@dataclass(slots=True)
class _Facts:
    """The facts about one subject, as of an event of the journal."""

    seq: int
    held: dict[int, Record] = field(default_factory=dict[int, Record])


class Profiles:
    """The facts about the subjects that were lately asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Facts] = OrderedDict()
        self.numbers: dict[str, int] = {}
        """Local numbers of the facts given last, by id."""

    def level(self, reader: Reader, subject: str) -> list[Record]:
        """Facts about a subject that are held, whether they hold now or not, in order of arrival."""
        with self._lock:
            known = self._known.pop(subject, None)
            seq = reader.head().seq
            if known is None or known.seq > seq or (known.seq < seq and self._has_changed(reader, known, subject)):
                known = _Facts(seq, _read(reader, subject))
            known.seq = seq
            self._known[subject] = known
            while len(self._known) > SUBJECTS:
                self._known.popitem(last=False)
            self.numbers = {record.id: n for n, record in known.held.items()}
            return list(known.held.values())

    def let_go(self, forgotten: Sequence[Id]) -> None:
        """Let go of every word: some of them are forgotten."""
        with self._lock:
            self._known.clear()
            self.numbers = {}

    def _has_changed(self, reader: Reader, known: _Facts, subject: str) -> bool:
        moved = reader.moved(known.seq)
        if len(moved.changed) + len(moved.gone) > RELOAD or any(n in known.held for n in (*moved.changed, *moved.gone)):
            return True
        # What is new is seldom about the subject: a turn is not.
        current = reader.current(moved.changed)
        records = [decode_record(event) for _, event in current.values()]
        return any(one is not None and one.kind is Kind.FACT and one.subject == subject for one in records)


def _read(reader: Reader, subject: str) -> dict[int, Record]:
    ns = matching(reader, check_where({"subject": subject, "kind": "fact"}), None, None)[-FACTS:]
    current = reader.current(ns)
    found: dict[int, Record] = {}
    for n in ns:
        held, event = current.get(n, (None, None))
        record = decode_record(event) if held and event and held.live and not held.quarantined else None
        if record is not None and record.kind is Kind.FACT:
            found[n] = record
    return found
