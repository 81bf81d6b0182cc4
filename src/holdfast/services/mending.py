"""Mending a space: what follows from the journal is made again; the journal is never touched."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.core.apply import replay
from holdfast.core.lexical import terms_fingerprint
from holdfast.errors import Damaged
from holdfast.model.reports import MendReport
from holdfast.ports.history import Replay
from holdfast.services.chains import journal_problems
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex

MendStore = Callable[[Replay | None, str], list[str]]
"""Mends what follows from the journal, in one transaction, and says what it did; without a replay, only what needs
none. Raises `Damaged`, with nothing changed, where it cannot."""
_RESTORE = (
    "The journal itself is damaged, and only a backup has what was written: keep a copy of this file, then run "
    "`holdfast restore BACKUP PLACE`. What is not named above reads as before."
)
_MOVE = (
    "What is left is in the file, not in what it holds: `holdfast export --lossless` reads the journal alone, and an "
    "import of that into a new space makes the same space again; or restore a backup."
)

_PRUNED = (
    "What is left is in the file, not in what it holds, and the journal alone makes no space again, since its "
    "beginning was pruned: restore a backup (`holdfast restore BACKUP PLACE`), or take what is held now with "
    "`holdfast export`. Keep a copy of this file."
)


def mend(ledger: Ledger, inspecting: Inspecting, index: LiveIndex, mend_store: MendStore) -> MendReport:
    """Look for what is wrong and mend what follows from the journal; see `Storage.mend`."""
    problems = inspecting.check()
    if not problems:
        return MendReport()
    is_sound = _is_sound(ledger)
    try:
        done = mend_store((lambda events: replay(events, ledger.secret)) if is_sound else None, terms_fingerprint())
    except Damaged as error:
        # Undone as a whole: what was wrong is wrong still.
        return MendReport(tuple(problems), (), (*problems, str(error)), _advice(ledger, is_sound=is_sound))
    index.drop()
    left = inspecting.check()
    advice = _advice(ledger, is_sound=is_sound) if left else None
    return MendReport(tuple(problems), tuple(done), tuple(left), advice)


def _advice(ledger: Ledger, *, is_sound: bool) -> str:
    if not is_sound:
        return _RESTORE
    with ledger.store.reading() as reader:
        return _MOVE if reader.horizon() is None else _PRUNED


def _is_sound(ledger: Ledger) -> bool:
    try:
        with ledger.store.reading() as reader:
            return not journal_problems(reader)
    except Damaged:
        return False
