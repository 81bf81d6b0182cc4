"""Changing the key of a space: sealing its data key anew, or everything in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.envelope import (
    CHECK_ROW,
    KEY_ROW,
    DataKey,
    meta_of,
    open_envelope,
    seal_envelope,
)
from holdfast.adapters.sqlite.overwriting import UNFINISHED_ROW, finish
from holdfast.adapters.sqlite.sealing import ADVISED_SEALED, MOST_SEALED, OpenRows, SealedRows
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.adapters.sqlite.working import seal_working
from holdfast.errors import (
    Conflict,
    Damaged,
    InvalidField,
    KeyringUnusable,
    NotEncrypted,
    StoreError,
    StoreReadOnly,
)
from holdfast.model.encryption import KEY_BYTES, Encryption, key_id_of
from holdfast.model.ids import Id, id_text
from holdfast.ports.keys import SpaceKeys

_AT_ONCE = 500
_LABELLED = ("session", "author", "category", "subject", "source")
_IN_MEMORY = ":memory:"


@dataclass(slots=True)
class _NewKey:
    """A key that a change is to put a space under.

    Attributes:
        may_be_in_use: The change came to its commit, after which only the file can say what it is under.
    """

    wrapping: bytes
    may_be_in_use: bool = False


@contextmanager
def _new_key(keys: SpaceKeys, space: Id, key: bytes | None, replaces: str) -> Generator[_NewKey]:
    """A key, pending for the time of a change: the old one is there until the change is durable, and then goes.

    Where the change fails before its commit, the new key goes. A process that dies leaves it, though it may open
    nothing: a later opening cannot know that no copy of the file is under it.
    """
    with keys.changing():
        new = _NewKey(keys.create(space, key, replaces=replaces))
        try:
            yield new
        except BaseException:
            if not new.may_be_in_use:
                with suppress(KeyringUnusable):  # it stays pending, which harms nobody; what failed is told
                    keys.withdraw(space, key_id_of(new.wrapping))
            raise
        keys.settle(space, key_id_of(new.wrapping))


class Sealing:
    """How a space is encrypted, and changes of that. Each is whole or not at all, whenever the process dies.

    Args:
        given_key: Whether the keys are the caller's own, so that a new one must be given.
    """

    def __init__(self, store: SqliteStore, *, given_key: bool) -> None:
        self._store = store
        self._given_key = given_key
        self.check_keys: Callable[[SpaceKeys], None] = lambda _: None
        """Raises for keys with which the space may not be encrypted."""
        self.without_vectors: Callable[[], AbstractContextManager[Callable[[], None]]] = lambda: nullcontext(
            lambda: None
        )
        """Keeps the index of vectors out of use; gives what removes it, waiting for nobody, or raises `OSError`."""

    def settle_keys(self) -> None:
        """End a change whose process died when the file was under the new key already: the old one goes.

        Other keys stay, whether this file uses them or not: they may be of a copy, a backup or a twin of it.
        """
        keys, space = self._store.keys, self._store.identity.space
        if keys is None or self._store.read_only or not keys.is_pending(space):
            return
        with keys.changing():
            keys.settle(space, self._known().key_id)

    def refuse_whole_file(self, what: str) -> None:
        """Raise `InvalidField` where the file is encrypted as a whole, which ``what`` cannot cope with."""
        if self._store.file_key is not None:
            raise InvalidField(
                f"{what} of {self._store.path} is not made, since the file is encrypted as a whole. Nothing was "
                "written; copy the file while it is closed."
            )

    def state(self) -> Encryption | None:
        """How the space is encrypted; None where it is not."""
        with self._store.reading() as reader:
            connection = reader.connection
            meta = meta_of(connection)
            if KEY_ROW not in meta or self._store.keys is None:
                return None
            inside, key_id = open_envelope(
                meta[KEY_ROW], self._store.identity.space, self._store.keys, self._store.path
            )
            events = connection.execute("SELECT coalesce(max(seq), 0) FROM event").get - inside.event_base
            vectors = reader.vector_revision() - inside.vector_base
        advice = None
        if max(events, vectors) > ADVISED_SEALED:
            advice = f"the data key has encrypted more than {ADVISED_SEALED:,} times: rotate_key(data=True) changes it"
        elif UNFINISHED_ROW in meta:
            advice = "old bytes of a change of key are still to be overwritten: opening the space alone does it"
        return Encryption(id_text(self._store.identity.space), key_id, events, vectors, MOST_SEALED, advice)

    def rotate(self, key: bytes | None, *, data: bool) -> Encryption:
        """Put the space under a new key; see `Storage.rotate_key`.

        Raises:
            NotEncrypted: there is nothing to rotate.
            InvalidField: a key is needed and was not given.
        """
        keys = self._store.keys
        if keys is None:
            raise NotEncrypted(f"{self._store.path} is not encrypted, so it has no key to change. Nothing was changed.")
        if self._given_key and key is None:
            raise InvalidField("The space was opened with a key of your own, so rotate_key needs the new one.")
        if self._store.read_only:
            raise StoreReadOnly(f"{self._store.path} was opened read-only. Nothing was written.")
        space = self._store.identity.space
        with keys.changing():
            self.settle_keys()
            with _new_key(keys, space, key, self._known().key_id) as new:
                if data:
                    with self._store.alone() as connection:
                        self._rewrite(connection, keys, new)
                else:
                    self._store.write(lambda connection: self._seal_anew(connection, keys, new))
        return self._known()

    def encrypt(self, keys: SpaceKeys, *, given_key: bool) -> Encryption:
        """Encrypt a space that is not; see `Storage.encrypt`.

        Raises:
            Conflict: it is.
        """
        store = self._store
        self.refuse_whole_file("An encrypted form")
        if store.path == _IN_MEMORY:
            raise InvalidField("A space in memory is never written, so there is nothing to encrypt.")
        if store.read_only:
            raise StoreReadOnly(f"{store.path} was opened read-only. Nothing was written.")
        if store.keys is not None:
            raise Conflict(f"{store.path} is encrypted already; rotate_key changes its key. Nothing was changed.")
        self.check_keys(keys)
        # A recall holds the index while it waits to read the space: so nothing may wait for the index once alone.
        with (
            _new_key(keys, store.identity.space, None, "") as new,
            self.without_vectors() as drop_vectors,
            store.alone() as connection,
        ):
            try:
                drop_vectors()
            except OSError as error:
                raise StoreError(
                    f"The index of vectors beside {store.path} cannot be removed ({error.strerror}). The space was not "
                    "changed; remove that file and try again."
                ) from error
            self._rewrite(connection, keys, new)
            self._given_key = given_key
        return self._known()

    def _known(self) -> Encryption:
        state = self.state()
        if state is None:
            raise Damaged(f"{self._store.path} lost its sealed key while it was changed. Restore it from a backup.")
        return state

    def _seal_anew(self, connection: Database, keys: SpaceKeys, new: _NewKey) -> None:
        store = self._store
        inside, _ = open_envelope(meta_of(connection)[KEY_ROW], store.identity.space, keys, store.path)
        envelope = seal_envelope(inside, store.identity.space, new.wrapping)
        new.may_be_in_use = True
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (envelope, KEY_ROW)).fetchall()

    def _rewrite(self, connection: Database, keys: SpaceKeys, new: _NewKey) -> None:
        """Seal everything under a new data key, in one transaction; then overwrite what was there before."""
        store = self._store
        space, run = store.identity.space, connection.execute
        run("BEGIN IMMEDIATE").fetchall()
        try:
            sealed = run("SELECT count(*) FROM event WHERE payload IS NOT NULL").get
            last = run("SELECT coalesce(max(seq), 0) FROM event").get
            revision = run("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'vector'").get
            vectors = run("SELECT count(*) FROM vector").get
            inside = DataKey(os.urandom(KEY_BYTES), store.identity.secret, last - sealed, revision - vectors)
            _seal_rows(connection, store.border, inside.rows(space))
            run("DELETE FROM meta WHERE key IN ('secret', ?)", (CHECK_ROW,)).fetchall()
            rows = ((KEY_ROW, seal_envelope(inside, space, new.wrapping)), (UNFINISHED_ROW, b"1"))
            for name, value in rows:
                run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value)).fetchall()
            new.may_be_in_use = True
            run("COMMIT").fetchall()
        except BaseException:
            if connection.in_transaction:
                run("ROLLBACK").fetchall()
            raise
        store.keys = keys
        finish(connection)


def _seal_rows(connection: Database, old: OpenRows, new: SealedRows) -> None:
    """Every row with something to seal, opened by one border and stored by another.

    Raises:
        Damaged: something was altered, and would be sealed as if it were sound.
    """

    def event(row: Sequence[Any]) -> Sequence[Any]:
        found = old.event_of(row)
        if old.is_sealed and found.payload == b"":
            raise Damaged(
                f"Event {row[0]} does not hold what was written. Nothing was changed: run `holdfast check`, and "
                "restore a backup or forget the memory it is about."
            )
        return (*new.stored(found, row[0]), row[0])

    _each(connection, _EVENTS, "UPDATE event SET (salt, payload) = (?, ?) WHERE seq = ?", event)
    _each(
        connection, _MEMORIES, _SET_MEMORY, lambda row: (*_labels(old, new, row[1:-1]), _terms(old, new, row), row[0])
    )
    for table in ("tag", "mark"):
        _each(
            connection,
            f"SELECT n, {table} FROM {table} WHERE n > ?1 AND n IN "
            f"(SELECT DISTINCT n FROM {table} WHERE n > ?1 ORDER BY n LIMIT ?2) ORDER BY n",
            f"UPDATE {table} SET {table} = ? WHERE n = ? AND {table} = ?",
            lambda row, field=table: (new.label(field, old.said(field, row[1])), row[0], row[1]),
        )
    _each(
        connection,
        "SELECT ref, principal FROM visitor WHERE ref > ? ORDER BY ref LIMIT ?",
        "UPDATE visitor SET principal = ? WHERE ref = ?",
        lambda row: (new.label("principal", old.said("principal", row[1])), row[0]),
    )
    seal_working(connection, old, new)
    _each(
        connection, _VECTORS, "UPDATE vector SET (entry, data) = (?, ?) WHERE n = ?", lambda row: _vector(old, new, row)
    )


_EVENTS = (
    "SELECT e.seq, o.id, e.node_seq, e.hlc, e.type, e.record, e.version, e.other, e.commitment, e.chain, e.salt, "
    "e.payload FROM event e JOIN node o ON o.ref = e.node WHERE e.seq > ? AND e.payload IS NOT NULL "
    "ORDER BY e.seq LIMIT ?"
)
_MEMORIES = f"SELECT n, {', '.join(_LABELLED)}, terms FROM memory WHERE n > ? ORDER BY n LIMIT ?"
_SET_MEMORY = f"UPDATE memory SET ({', '.join(_LABELLED)}, terms) = (?, ?, ?, ?, ?, ?) WHERE n = ?"
_VECTORS = "SELECT n, data, entry FROM vector WHERE n > ? ORDER BY n LIMIT ?"


def _each(connection: Database, select: str, update: str, change: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
    """Change rows, so many at a time; the first column is where the next ones begin."""
    after = 0
    while rows := connection.execute(select, (after, _AT_ONCE)).fetchall():
        connection.executemany(update, [change(row) for row in rows]).fetchall()
        if rows[-1][0] <= after:
            raise Damaged("A table is out of order: its pages were altered. Nothing was changed; run `holdfast check`.")
        after = rows[-1][0]


def _labels(old: OpenRows, new: SealedRows, stored: Sequence[str | None]) -> list[str | None]:
    return [
        None if value is None else new.label(field, old.said(field, value))
        for field, value in zip(_LABELLED, stored, strict=True)
    ]


def _terms(old: OpenRows, new: SealedRows, row: Sequence[Any]) -> bytes | None:
    return None if row[-1] is None else new.terms(row[0], old.opened_terms(row[0], row[-1]))


def _vector(old: OpenRows, new: SealedRows, row: Sequence[Any]) -> Sequence[Any]:
    n, _, check = row
    ((_, packed),) = old.vectors([tuple(row if old.is_sealed else row[:2])])
    if not packed:
        raise Damaged(f"The vector of memory {n} was altered. Nothing was changed; `holdfast rebuild` makes it again.")
    entry = check if old.is_sealed else new.keyed_entry(check)
    return entry, new.vector(n, entry, packed), n
