"""Making a space of a backup again, without anything that was forgotten since it was taken.

The file is made beside its place, everything that is known to have been forgotten is forgotten in it, and only then
is it put where somebody could open it. It goes on under a new node, so that two copies of one backup, or the copy
and the original, never write two histories under one name.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.core import border, receipts
from holdfast.core.proof import genesis
from holdfast.core.tombstones import Forgets, carry_out, gather
from holdfast.errors import (
    AlreadyThere,
    Damaged,
    InvalidField,
    KeyNeeded,
    KeyringUnusable,
    NotEncrypted,
    StoreBusy,
    StoreError,
    WrongKey,
)
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.events import Event
from holdfast.model.ids import Id, id_text, time_ordered_id
from holdfast.model.moving import Lost, RestoreReport
from holdfast.model.times import When, format_when
from holdfast.ports.clock import Clock
from holdfast.ports.spacefiles import Place, SpaceFiles, Tell
from holdfast.ports.store import Entry, Identity, SpaceStore
from holdfast.services.backups import Examine, OpenStore, newest_ms, refuse_own_files
from holdfast.services.beyond import Beyond, Heads, beyond_of, is_forked
from holdfast.services.chains import fork_of, parted
from holdfast.services.forgetting import REMOVED
from holdfast.services.ledger import Ledger
from holdfast.services.paging import all_events
from holdfast.services.past import copy_until, cut_of, lend_vectors
from holdfast.services.pruning import SUPERSEDED_REASON


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller wants restored.

    Attributes:
        moment, seq: Only what the backup held then; all of it where both are None.
        kept: Receipts of forgets that neither the backup nor the space in place may know of.
        events: Events of another copy of the space, such as a journal that was exported.
        replace: A space of the same id may be in place, and is replaced.
    """

    moment: When | None = None
    seq: int | None = None
    kept: Sequence[ForgetReceipt] = ()
    events: Iterable[Event] = ()
    replace: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class _There:
    """The space in the place that is restored to."""

    place: Place
    beyond: Beyond
    newest_ms: int | None


class Restoring:
    """Restores spaces.

    Args:
        open_there: Opens the space in place, which may have another key than the backup.
        create_store: Makes a space of an identity in a file that is not there yet.
        entry_of: What is embedded of a memory.
        drop_vectors: Throws away the index of vectors beside a file, whoever left it there; may raise `OSError`.
    """

    def __init__(
        self,
        files: SpaceFiles,
        open_store: OpenStore,
        open_there: OpenStore,
        create_store: Callable[[Path, Identity], SpaceStore],
        examine: Examine,
        entry_of: Callable[[Event], Entry],
        clock: Clock,
        actor: str,
        drop_vectors: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._files = files
        self._open_store = open_store
        self._open_there = open_there
        self._create_store = create_store
        self._examine = examine
        self._entry_of = entry_of
        self._clock = clock
        self._actor = actor
        self._drop_vectors = drop_vectors

    def restore(self, backup: Path, target: Path, wanted: Wanted, progress: Tell | None) -> RestoreReport:
        """See `Memory.restore`."""
        began_s = self._clock.monotonic_s()
        if wanted.moment is not None and wanted.seq is not None:
            raise InvalidField("Give either a time or an event's number, to say which past is meant.")
        refuse_own_files(backup, target)
        self._refuse_leftovers(target)
        with self._files.part(target) as part:
            self._files.copy(backup, part, as_backup=False, tell=progress)
            report, there = self._made(part, backup, target, wanted)
            size = part.stat().st_size
            if not wanted.dry_run:
                size = self._put(part, target, there)
        return replace(report, bytes=size, duration_s=self._clock.monotonic_s() - began_s)

    def _made(self, part: Path, backup: Path, target: Path, wanted: Wanted) -> tuple[RestoreReport, _There | None]:
        """Make the space in the part, so that it is ready for anyone."""
        with _keys_told_of(part, backup):
            whole = self._open_store(part, read_only=False)
        with closing(whole):
            with whole.reading() as reader:
                backup_seq, known_ms = reader.head().seq, newest_ms(reader)
            last, at_ms = backup_seq, None
            is_cut = wanted.moment is not None or wanted.seq is not None
            if is_cut:
                last, until_ms = cut_of(whole, wanted.moment, wanted.seq)
                at_ms = until_ms if wanted.moment is not None else None
            node = time_ordered_id(self._clock.now_ms(), self._clock.entropy(10))
            identity = Identity(whole.identity.space, node, whole.identity.secret)
            with self._cut(whole, part, identity, last, at_ms) if is_cut else _itself(whole) as store:
                with store.reading() as reader:
                    heads, taken = dict(reader.node_heads()), reader.head().seq
                there = self._there(target, identity, heads, whole)
                others = [beyond_of(_of_space(wanted.events, identity.space), heads)]
                _refuse_parted(store, heads, others[0], None)
                if is_cut:
                    with whole.reading() as reader:
                        others.append(beyond_of(all_events(reader), heads))
                if there is not None:
                    _refuse_parted(store, heads, there.beyond, target)
                    self._refuse_loss(target, there.beyond, wanted)
                    others.append(there.beyond)
                forgets = gather(
                    (event for other in others for event in other.forgets),
                    _of_receipts(wanted.kept, identity.space),
                    unbarred=(REMOVED, SUPERSEDED_REASON),
                )
                known = [known_ms, there and there.newest_ms, *(receipt.at_ms for receipt in wanted.kept)]
                known += [other.forgets[-1].header.at_ms for other in others if other.forgets]
                report = self._finished(store, identity, forgets, backup)
        if is_cut:
            _cut_path(part).replace(part)
        return replace(
            report,
            path=str(target),
            node=None if wanted.dry_run else id_text(node),
            seq=taken,
            backup_seq=backup_seq,
            forgets_known_until_ms=max((one for one in known if one is not None), default=None),
            lost=there.beyond.lost() if there else Lost(),
            dry_run=wanted.dry_run,
        ), there

    @contextmanager
    def _cut(
        self, whole: SpaceStore, part: Path, identity: Identity, last: int, at_ms: int | None
    ) -> Generator[SpaceStore]:
        """A second file with the beginning of the journal alone."""
        with closing(self._create_store(_cut_path(part), identity)) as store:
            copy_until(whole, store, last, at_ms)
            lend_vectors(whole, store, self._entry_of)
            yield store

    def _finished(self, store: SpaceStore, identity: Identity, forgets: Forgets, backup: Path) -> RestoreReport:
        """Give a space its new node and forget in it what was forgotten elsewhere."""
        store.adopt(identity, genesis(identity.space, identity.node))
        ledger = Ledger(store, self._clock)
        with store.reading() as reader:
            recorded = {event.header.other for event in reader.receipts() if event.header.other}

        again = ledger.write(lambda view, secret: carry_out(view, forgets, recorded, secret))
        fallen = ledger.forget_orphans(self._actor)
        store.truncate_log()
        problems = self._examine(store)
        with store.reading() as reader:
            problems += receipts.left_of(reader, list(forgets.tombstones))
            live = reader.tally().live
        if problems:
            raise Damaged(
                f"{backup} cannot be restored: {'; '.join(problems[:3])}. Nothing was put in place; "
                "take an older backup."
            )
        return RestoreReport(
            path="", space=id_text(identity.space), node=None, seq=0, backup_seq=0, memories=live,
            forgotten_again=len(again) + fallen, forgets_known_until_ms=None, lost=Lost(), bytes=0, duration_s=0.0,
            receipts_again=tuple(id_text(one) for one in forgets.receipts if one not in recorded),
        )  # fmt: skip

    def _there(self, target: Path, identity: Identity, heads: Heads, whole: SpaceStore) -> _There | None:
        """The space in place, and what it has beyond the restored one; None where there is none.

        Args:
            heads: Where each node's chain ends in the restored one.
            whole: All of the backup.

        Raises:
            InvalidField: it is another space, or has another history.
            Damaged: it cannot be read what was forgotten in it.
            KeyNeeded, WrongKey, NotEncrypted: the key given does not open it.
        """
        if not target.exists():
            return None
        try:
            with closing(self._open_there(target, read_only=True)) as store, store.reading() as reader:
                if store.identity.space != identity.space:
                    raise InvalidField(
                        f"{target} holds another space ({id_text(store.identity.space)}) than the backup "
                        f"({id_text(identity.space)}). Nothing was changed; restore to another path."
                    )
                place = Place(reader.head().seq, dict(reader.node_heads()))
                with whole.reading() as backup:
                    forked = fork_of(reader, backup)
                if forked is not None:
                    raise is_forked(*forked, target)
                beyond = beyond_of(all_events(reader), heads, target)
                beyond.count_pruned(place.heads, heads)
                return _There(place, beyond, newest_ms(reader))
        except (KeyNeeded, WrongKey, NotEncrypted, KeyringUnusable) as error:
            raise type(error)(
                f"{error} It is the space in place of which the backup is to be put; name its key with there_key. "
                "Nothing was changed."
            ) from None
        except StoreError as error:
            raise Damaged(
                f"{target} cannot be read ({error}), so what was forgotten in it since the backup is not known. "
                "Nothing was changed. Move its files away, and restore with the receipts that were kept "
                "(--forgets FILE) so that nothing forgotten comes back."
            ) from error

    def _refuse_loss(self, target: Path, beyond: Beyond, wanted: Wanted) -> None:
        if wanted.replace or wanted.dry_run:
            return
        lost = beyond.lost()
        what = ", ".join(f"{count:,} {name}" for name, count in sorted(lost.by_what.items()))
        since = f" (written {_moment(lost.first_ms)} to {_moment(lost.last_ms)})" if lost.events else ""
        held = f"has more that would be lost: {what}{since}" if lost.events else "has nothing beyond it"
        if lost.pruned:
            held += f", beside {lost.pruned:,} events since that were pruned there already"
        raise AlreadyThere(
            f"{target} is there already, and {held}. Nothing was changed. Restore to another path, or back it up "
            "first and restore with replace=True."
        )

    def _put(self, part: Path, target: Path, there: _There | None) -> int:
        if there is None:
            self._refuse_leftovers(target)
            self._drop_vectors_of(target)
            return self._files.put(part, target, replace=False)
        with self._files.alone(target) as place:
            if place != there.place:
                raise StoreBusy(f"{target} was written while the backup was restored. Nothing was changed; try again.")
            self._drop_vectors_of(target)
            return self._files.put(part, target, replace=True)

    def _drop_vectors_of(self, target: Path) -> None:
        """Let no vector of the space that was there stay: no forget in the restored one could name it."""
        try:
            self._drop_vectors(target)
        except OSError as error:
            raise StoreError(
                f"The index of vectors beside {target} cannot be removed ({error.strerror}). Nothing was changed; "
                "remove that file and try again."
            ) from error

    def _refuse_leftovers(self, target: Path) -> None:
        border.check_path(target)
        if target.exists() and not target.is_file():
            raise InvalidField(f"{target} is not a file. Nothing was changed; name the file the space is to be in.")
        log = target.with_name(target.name + "-wal")
        if not target.exists() and log.exists() and log.stat().st_size:
            raise AlreadyThere(
                f"{log} is the log of a space that is no longer there, and SQLite would read it into the restored "
                "one. Nothing was changed; move it away first."
            )


def _cut_path(part: Path) -> Path:
    return part.with_name("cut.db")


@contextmanager
def _keys_told_of(part: Path, backup: Path) -> Generator[None]:
    """Name the backup in what is said of a key that does not open its copy, which nobody else sees."""
    try:
        yield
    except NotEncrypted:
        raise NotEncrypted(
            f"{backup} is not encrypted, but a key was given for it. Nothing was changed; restore it without a key, "
            "and name the key of an encrypted space in place with there_key."
        ) from None
    except (KeyNeeded, WrongKey) as error:
        raise type(error)(str(error).replace(str(part), str(backup))) from None


@contextmanager
def _itself(store: SpaceStore) -> Generator[SpaceStore]:
    yield store


def _refuse_parted(store: SpaceStore, heads: Heads, other: Beyond, target: Path | None) -> None:
    """Raise `InvalidField` where another copy ends before the restored one does, and with another event."""
    with store.reading() as reader:
        forked = parted(all_events(reader), other.ends, heads)
    if forked is not None:
        raise is_forked(*forked, target)


def _of_space(events: Iterable[Event], space: Id) -> Iterator[Event]:
    for event in events:
        if event.header.space != space:
            raise InvalidField(
                f"The forgets given are of space {id_text(event.header.space)}, the backup of {id_text(space)}. "
                "Nothing was changed."
            )
        yield event


def _of_receipts(kept: Iterable[ForgetReceipt], space: Id) -> Iterator[ForgetReceipt]:
    for receipt in kept:
        if receipt.space != id_text(space):
            raise InvalidField(
                f"Receipt {receipt.id} is of space {receipt.space}, the backup of {id_text(space)}. "
                "Nothing was changed."
            )
        yield receipt


def _moment(at_ms: int | None) -> str:
    return "never" if at_ms is None else format_when(at_ms)
