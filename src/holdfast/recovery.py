"""`restore`: a space made of a backup again, without anything that was forgotten since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from holdfast.adapters.keyring import Keyring
from holdfast.adapters.sqlite.connection import followed
from holdfast.core.border import check_path, check_receipt
from holdfast.errors import InvalidField
from holdfast.model.access import OWNER
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.moving import RestoreReport
from holdfast.model.times import When
from holdfast.ports.clock import Clock
from holdfast.services.journals import kept_events
from holdfast.services.restoring import Wanted
from holdfast.wiring import restoring


def restore(
    backup: str | Path,
    path: str | Path,
    *,
    at: When | None = None,
    seq: int | None = None,
    receipts: Iterable[ForgetReceipt] = (),
    journal: str | Path | None = None,
    replace: bool = False,
    dry_run: bool = False,
    as_: str = OWNER,
    key: bytes | Keyring | None = None,
    there_key: bytes | Keyring | None = None,
    clock: Clock | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RestoreReport:
    """Make a space of a backup, or of another space, in a file; it is there whole or not at all.

    Before anyone can open it, everything that is known to have been forgotten after the backup is forgotten in it
    again: what the space in place says, what came later in the backup itself, and what ``receipts`` tell. Receipts
    are recorded again and go on to verify. The space goes on under a new node.

    Args:
        backup: A file that `Storage.backup` wrote, or a space.
        path: Where the space is to be.
        at, seq: Only what had been written by a time, or the first so many events of the backup.
        receipts: Receipts that were kept elsewhere, of forgets that nothing else tells of. The words of what
            is not in the backup are not in them, so those are not kept out.
        journal: What `Storage.journal` gave later than the backup, in a file; all that was forgotten by then is in it.
        replace: A space of the same id may be there, which nobody has open; what it has beyond the backup is lost,
            apart from what it forgot. Without it that is told by the error.
        dry_run: Do all of it and put nothing in place.
        as_: Who is noted as having forgotten what only falls with something else.
        key: The key of an encrypted backup, or the keyring with it; the space is under it afterwards.
        there_key: That of the space that is replaced, where it is another; `key` by default.
        progress: Called with pages copied and pages in all.

    Raises:
        AlreadyThere: a space is there, or the log of one; the message says what would be lost.
        InvalidField: the space there is another one, or has another history.
        InvalidInput: there is no such event or time.
        StoreBusy: somebody has the space there open.
        Damaged: the backup is not sound, or it cannot be read what was forgotten in the space there.
        KeyNeeded, WrongKey, NotEncrypted: a key does not open the backup, or the space that is there.
        NotASpace, NewerSchema, StoreFull, StoreError: a file cannot be used. Nothing was changed.
    """
    if isinstance(receipts, str | ForgetReceipt) or not isinstance(receipts, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"receipts is {receipts!r:.60}; expected a list of ForgetReceipt. Nothing was changed.")
    kept = tuple(check_receipt(one) for one in receipts)
    events = () if journal is None else kept_events(check_path(journal))
    wanted = Wanted(moment=at, seq=seq, kept=kept, events=events, replace=replace, dry_run=dry_run)
    files = [followed(Path(check_path(one)).expanduser()) for one in (backup, path)]
    return restoring(clock, as_, key, there_key).restore(files[0], files[1], wanted, progress)
