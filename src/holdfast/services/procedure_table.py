"""What is matched of the procedures of a space, made once for each state they are in."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.core.procedure_rank import Wording, meanings_of, success_of, wording_of
from holdfast.core.procedure_trials import trial_of
from holdfast.core.procedures import procedure_of, steps_digest
from holdfast.model.ids import Id
from holdfast.model.procedures import Procedure, ProcedureState, Success, Trial
from holdfast.model.records import Kind, Record
from holdfast.services.aside import Aside

Floats = NDArray[np.float32]
Places = NDArray[np.intp]
T = TypeVar("T")
_Known: TypeAlias = dict[str, tuple[Record, T]]


@dataclass(frozen=True, slots=True)
class Row:
    """A procedure that is held, in the version that holds.

    Attributes:
        success: Of the steps of this version.
    """

    procedure: Procedure
    wording: Wording
    success: Success


class Table:
    """The procedures of a space and their trials, read anew only after one of them changed."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._lock = threading.Lock()
        self._forget()

    def rows(self, now_ms: int) -> Sequence[Row]:
        """Every procedure whose time is not up, quarantined and proposed ones too, by name."""
        with self._lock:
            return self._level(now_ms)

    def active(self, now_ms: int) -> Sequence[Row]:
        """Those of them that may be matched; the very same sequence as long as none of them changes."""
        with self._lock:
            self._level(now_ms)
            return self._active

    def _level(self, now_ms: int) -> Sequence[Row]:
        number, found = self._aside.changed(self._procedures_at, Kind.PROCEDURE)
        tried_number, tried = self._aside.changed(self._trials_at, Kind.TRIAL)
        if found is not None or tried is not None or (self._until_ms is not None and self._until_ms <= now_ms):
            self._records = self._records if found is None else found
            self._trials = self._trials if tried is None else tried
            self._rows = self._made(now_ms)
            self._active = [row for row in self._rows if _may_match(row.procedure)]
            self._procedures_at, self._trials_at = number, tried_number
        return self._rows

    def trials(self, name: str, now_ms: int) -> list[tuple[Trial, str]]:
        """Trials of a procedure with the digest of the steps that were tried, oldest first."""
        with self._lock:
            self._level(now_ms)
            found = [self._tried[record.id][1] for record in _lasting(self._trials, now_ms)]
            return [(one, of) for one, of in found if one.procedure == name]

    def vectors(self, rows: Sequence[Row], vector: Callable[[str], Floats | None]) -> tuple[Floats, Places]:
        """What procedures mean: unit vectors, and the place in ``rows`` of the procedure that each is of.

        Args:
            rows: From `active`.
            vector: Makes one of a text.

        Raises:
            EmbedderError, InvalidVector: whatever it fails with.
        """
        with self._lock:
            if self._stacked_of is rows:
                return self._stacked, self._owners
            texts = [(place, text) for place, row in enumerate(rows) for text in meanings_of(row.procedure)]
            made = dict[str, Floats]()
            for text in dict.fromkeys(text for _, text in texts):
                found = self._vectors.get(text)
                found = vector(text) if found is None else found
                if found is not None:
                    made[text] = self._vectors[text] = found
            self._vectors = made
            self._stacked = np.stack([made[text] for _, text in texts])
            self._owners = np.array([place for place, _ in texts], np.intp)
            self._stacked_of = rows
            return self._stacked, self._owners

    def let_go(self, forgotten: Sequence[Id]) -> None:
        """Keep no words of what was forgotten."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._procedures_at = self._trials_at = -1
        self._until_ms: int | None = None
        self._rows: Sequence[Row] = ()
        self._records: Sequence[Record] = ()
        self._trials: Sequence[Record] = ()
        # What was read of each record, so that one more trial does not read all others again.
        self._read: _Known[tuple[Procedure, Wording, str]] = {}
        self._tried: _Known[tuple[Trial, str]] = {}
        self._vectors: dict[str, Floats] = {}
        self._active: Sequence[Row] = ()
        self._stacked_of: Sequence[Row] | None = None
        self._stacked: Floats = np.zeros((0, 1), np.float32)
        self._owners: Places = np.zeros(0, np.intp)

    def _made(self, now_ms: int) -> list[Row]:
        self._tried = _known(self._tried, self._trials, trial_of)
        self._read = _known(self._read, self._records, _read)
        tried = defaultdict[tuple[str, str], list[Trial]](list)
        for record in _lasting(self._trials, now_ms):
            one, of = self._tried[record.id][1]
            tried[one.procedure, of].append(one)
        rows = list[Row]()
        for record in _lasting(self._records, now_ms):
            one, wording, steps = self._read[record.id][1]
            rows.append(Row(one, wording, success_of(tried.get((one.name, steps), ()))))
        ends = [record.expires_at for record in (*self._records, *self._trials) if record.expires_at is not None]
        self._until_ms = min((end for end in ends if end > now_ms), default=None)
        return sorted(rows, key=lambda row: row.procedure.name)


def _read(record: Record) -> tuple[Procedure, Wording, str]:
    one = procedure_of(record)
    return one, wording_of(one), steps_digest(one)


def _known(before: _Known[T], records: Sequence[Record], read: Callable[[Record], T]) -> _Known[T]:
    """What is read of records, by their ids; of those that are the very ones of before it is known already."""
    made: _Known[T] = {}
    for record in records:
        old = before.get(record.id)
        made[record.id] = old if old is not None and old[0] is record else (record, read(record))
    return made


def _may_match(one: Procedure) -> bool:
    return one.state is ProcedureState.ACTIVE and not one.quarantined


def _lasting(records: Sequence[Record], now_ms: int) -> list[Record]:
    return [one for one in records if one.expires_at is None or one.expires_at > now_ms]
