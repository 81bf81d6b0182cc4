"""Looking through sessions for what went well several times, and proposing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from holdfast.core import border, receipts
from holdfast.core.codec import readable_content, record_of
from holdfast.core.procedure_learning import Run, proposals, runs_of
from holdfast.core.procedures import procedure_content, procedure_of
from holdfast.errors import InvalidField, NotFound, Refused
from holdfast.model.filters import having
from holdfast.model.ids import id_text
from holdfast.model.procedures import Procedure
from holdfast.model.records import Kind, Origin, Record
from holdfast.ports.store import Reader
from holdfast.services.aside import Aside
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE
from holdfast.services.remembering import Remembering
from holdfast.services.selecting import matching

SESSIONS: Final = 5_000
"""Sessions that are looked through, those of the newest calls."""
CALLS: Final = 100_000
"""Episodes with calls that are looked at for their sessions, the newest ones."""


class Learning:
    """Learns the procedures of one space."""

    def __init__(self, ledger: Ledger, aside: Aside, remembering: Remembering) -> None:
        self._ledger = ledger
        self._aside = aside
        self._remembering = remembering

    def learn(self, min_runs: int, limit: int) -> list[Procedure]:
        """Propose what is in so many runs and neither known nor rejected; gives what is newly proposed."""
        least = border.check_count(min_runs, "number of runs", 1_000)
        if least < 2:
            raise InvalidField("What was done once is no procedure; give 2 runs or more. Nothing was written.")
        most = border.check_count(limit, "limit", 1_000)
        now_ms = self._ledger.clock.now_ms()
        with self._ledger.store.reading() as reader:
            runs = list(_runs(reader, now_ms))
        found = list[Procedure]()
        for one in proposals(runs, least, len(runs) + most):
            if len(found) == most:
                break
            if not self._is_settled(one.name):
                found += self._propose(one, now_ms)
        return found

    def _propose(self, one: Procedure, now_ms: int) -> Iterator[Procedure]:
        content = procedure_content(one, now_ms, self._remembering.actor, Origin.INFERRED)
        try:
            record = self._aside.derive(one.name, content)
        except (Refused, NotFound):  # a policy keeps nothing of it, or a source was forgotten just now
            return
        if record is not None:
            yield procedure_of(record)

    def _is_settled(self, name: str) -> bool:
        """Whether a name means something, or what it meant was forgotten because somebody asked for that."""
        if self._aside.find(Kind.PROCEDURE, name) is not None:
            return True
        ids = self._aside.ids(Kind.PROCEDURE, name)
        with self._ledger.store.reading() as reader:
            number = 0
            while (held := reader.find(ids(number))) is not None and held.receipt is not None:
                event = reader.receipt(held.receipt)
                receipt = None if event is None else receipts.read(event)
                if receipt and id_text(held.id) in receipt.forgotten and receipt.reason != receipts.FELL:
                    return True
                number += 1
        return False


def _runs(reader: Reader, now_ms: int) -> Iterator[Run]:
    """The runs of every session that calls tools, the oldest session first."""
    ns = matching(reader, having({"kind": [int(Kind.TOOL_CALL)]}), None, None)[-CALLS:]
    sessions = dict[str, None]()
    for end in range(len(ns), 0, -PAGE):
        page = ns[max(0, end - PAGE) : end]
        for record in reversed(list(_records(reader, page, now_ms))):
            if record.session is not None and len(sessions) < SESSIONS:
                sessions.setdefault(record.session)
    for session in reversed(sessions):
        held = reader.session(session)
        pages = (held[start : start + PAGE] for start in range(0, len(held), PAGE))
        yield from runs_of(record for page in pages for record in _records(reader, page, now_ms))


def _records(reader: Reader, ns: Sequence[int], now_ms: int) -> Iterator[Record]:
    """What is held under these numbers, in their order, without what is set apart or whose time is up."""
    current = reader.current(ns)
    for n in ns:
        content = readable_content(current[n][1]) if n in current else None
        if content is None or content.quarantined or not content.kind.is_episode:
            continue
        if content.expires_at is None or content.expires_at > now_ms:
            yield record_of(current[n][1], content)
