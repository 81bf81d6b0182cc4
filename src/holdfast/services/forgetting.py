"""Forgetting: erase, say what went, and let the bytes leave the disk."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core import border
from holdfast.core.decide import Forget, Forgotten, forget
from holdfast.core.lexical import clear_term_cache
from holdfast.core.view import View
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.events import Draft
from holdfast.model.ids import id_text, parse_id
from holdfast.model.reports import ForgetReceipt
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex


class Forgetting:
    """Erases memories of one space."""

    def __init__(self, ledger: Ledger, index: LiveIndex, actor: str) -> None:
        self._ledger = ledger
        self._index = index
        self._actor = actor

    def forget(self, ids: Sequence[str], *, reason: str | None) -> ForgetReceipt:
        if not ids:
            raise InvalidField("No id was given; nothing was forgotten. Ids come from recall, remember and export.")
        command = Forget(
            records=tuple(dict.fromkeys(parse_id(one) for one in ids)),
            receipt=self._ledger.new_id(),
            actor=self._actor,
            reason=None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS),
        )
        (done, (payloads, vectors)), events = self._ledger.write_events(
            lambda view, secret: _forget_and_count(view, command, secret)
        )
        with self._index.level() as corpus:
            corpus.compact()
        clear_term_cache()
        emptied = self._ledger.store.truncate_log() if events else True
        with self._ledger.store.reading() as reader:
            head = reader.head()
        return ForgetReceipt(
            id=id_text(command.receipt),
            at_ms=events[-1].header.at_ms if events else self._ledger.clock.now_ms(),
            actor=self._actor,
            reason=reason,
            forgotten=tuple(map(id_text, done.asked)),
            derived=tuple(map(id_text, done.derived)),
            already=tuple(map(id_text, done.already)),
            payloads=payloads,
            vectors=vectors,
            pending=None
            if emptied
            else "another reader still holds the write-ahead log; its bytes are overwritten when that is done",
            chain=(events[-1].chain if events else head.chain).hex(),
        )


def _forget_and_count(
    view: View, command: Forget, secret: bytes
) -> tuple[Sequence[Draft], tuple[Forgotten, tuple[int, int]]]:
    drafts, done = forget(view, command, secret)
    return drafts, (done, view.erasable((*done.asked, *done.derived)))
