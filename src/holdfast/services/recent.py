"""The recent turns of a session as a context takes them: the session's window, and the records behind it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.core.codec import decode_record
from holdfast.core.render import CLOSE, OPEN, Shown
from holdfast.core.window_pieces import NOTE
from holdfast.errors import InvalidField
from holdfast.model.ids import Id, parse_id
from holdfast.model.messages import Messages, Shape
from holdfast.model.records import Record
from holdfast.model.window import Window
from holdfast.services.ledger import Ledger
from holdfast.services.windowing import Windowing

STEPS = 8
"""Windows are asked for in so many sizes of a budget, so that what comes first stays the same from turn to turn."""
KNOWN = 512
"""Turns that are kept in memory."""
GIST_CHARS = 400
"""Of a turn that is shown by its gist."""
NOTHING_SAID = Messages("openai")
_FENCE = frozenset((OPEN, CLOSE, NOTE))


@dataclass(frozen=True, slots=True)
class Recent:
    """The recent turns of a session.

    Attributes:
        shown: As they were said, in order.
        tokens: Of their messages.
        older: Turns that are not shown so.
        summary: What those came to, in lines of `quoted` words.
        said: The same as messages.
    """

    shown: tuple[Shown, ...] = ()
    tokens: int = 0
    older: int = 0
    summary: str | None = None
    said: Messages = NOTHING_SAID


class RecentTurns:
    """The recent turns of the sessions of one space."""

    def __init__(self, ledger: Ledger, windowing: Callable[[], Windowing]) -> None:
        self._ledger = ledger
        self._windowing = windowing
        self._lock = threading.Lock()
        self._records: OrderedDict[str, tuple[int, Record]] = OrderedDict()

    def let_go(self, forgotten: Sequence[Id]) -> None:
        """Let go of every word: some of them are forgotten."""
        with self._lock:
            self._records.clear()

    def of(self, session: str, shape: Shape) -> Callable[[int, int], Recent]:
        """What gives the recent turns of a session: within so many tokens, or so many if even the last needs more."""

        def recent(tokens: int, most: int) -> Recent:
            for room in dict.fromkeys((tokens, most)):
                if room <= 0:
                    continue
                try:
                    found = self._windowing().window(
                        session, room, shape=shape, max_items=None, max_age_s=None, strategy=None, keep_last=None
                    )
                except InvalidField:
                    continue  # not even what the system said and the last message have the room
                return self._recent(found)
            return Recent(said=Messages(shape))

        return recent

    def _recent(self, found: Window) -> Recent:
        records = self._read(found.memories)
        shown = list[Shown]()
        for memory in found.memories:
            if memory in records:
                n, record = records[memory]
                is_cut = memory in found.shortened and len(record.text) > GIST_CHARS
                shown.append(Shown(record, excerpt=f"{record.text[:GIST_CHARS]}…" if is_cut else None, n=n))
        lines = [line for line in (found.summary or "").split("\n") if line and line not in _FENCE]
        return Recent(
            tuple(shown), found.tokens, found.evicted, "\n".join(lines) or None,
            Messages(found.shape, tuple(found.messages), found.system, found.left_out),
        )  # fmt: skip

    def _read(self, memories: Sequence[str]) -> dict[str, tuple[int, Record]]:
        """Turns with their local numbers; what was said is never edited, and a window shows what may be shown."""
        with self._lock:
            known = {one: self._records[one] for one in memories if one in self._records}
        missing = [parse_id(one) for one in memories if one not in known]
        if not missing:
            return known
        with self._ledger.store.reading() as reader:
            held = reader.find_all(missing)
            current = reader.current([one.n for one in held.values()])
        read = {
            record.id: (n, record) for n, (_, event) in current.items() if (record := decode_record(event)) is not None
        }
        with self._lock:
            self._records.update(read)
            while len(self._records) > KNOWN:
                self._records.popitem(last=False)
        return known | read
