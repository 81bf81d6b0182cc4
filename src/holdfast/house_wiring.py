"""The open spaces of a house: files made, opened once, shared by principals, closed and erased."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from copy import copy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from holdfast.adapters.keyring import Keyring
from holdfast.adapters.sqlite.backup import left_parts
from holdfast.adapters.sqlite.envelope import sealed_under
from holdfast.adapters.sqlite.registry import SqliteRegistry
from holdfast.adapters.sqlite.usage import usage_of
from holdfast.core.policy.stored import policy_of, together
from holdfast.disk import sync
from holdfast.errors import Closed, Damaged, InvalidField, NotAllowed, NotASpace, StoreError, StoreReadOnly
from holdfast.model.access import OWNER, HeldSpace, Quota, Usage
from holdfast.model.ids import Id
from holdfast.model.policy import Policy
from holdfast.model.tiers import Tiers
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.language_model import LanguageModel
from holdfast.ports.metrics import Metrics
from holdfast.ports.store import SpaceStore
from holdfast.services.quotas import MINUTE_MS, LimitedStore
from holdfast.services.sharing import Sharing
from holdfast.space import Space
from holdfast.wiring import count_of, open_space

REGISTRY = "house.db"
KEPT_OPEN = 32
"""Spaces that stay open although nobody uses them at the moment."""
_EVERYTHING = Quota(memories=2**62, bytes=2**62, writes_a_minute=2**62)
_BLOCK = bytes(1 << 20)
_CONTENT = (".db", ".db-wal", ".db-journal", ".db-vectors", ".new")
"""Endings of files that hold what a space holds; the others hold locks and places."""

_everywhere: weakref.WeakSet[OpenSpaces] = weakref.WeakSet()
_everywhere_lock = threading.Lock()


def open_registry(folder: Path, *, create: bool) -> SqliteRegistry:
    """The registry in a folder, made with the folder where there is none.

    Raises:
        NotASpace: it is no folder, or its registry is another file.
        StoreReadOnly: there is none, or it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise NotASpace(f"{folder} is a file; a house is a folder. It was not changed.")
    if not create and not (folder / REGISTRY).exists():
        raise StoreReadOnly(f"There is no house in {folder}. Nothing was made; open it with create=True to make one.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise NotASpace(f"{folder} is a file; a house is a folder. It was not changed.") from None
    except OSError as error:
        raise StoreError(f"{folder} cannot be made ({error.strerror}). Nothing was made.") from None
    try:
        return SqliteRegistry(str(folder / REGISTRY))
    except StoreReadOnly as error:
        raise StoreReadOnly(
            f"The house in {folder} cannot be used: {error} A house is written even to read from it; allow writing to "
            "the folder and its files."
        ) from None


def check_keyring(folder: Path, keyring: Keyring | None) -> None:
    """Refuse a keyring in a house's folder.

    Raises:
        InvalidField: whoever copied the folder would have the keys with the data, and a backup would keep them.
    """
    if keyring is not None and keyring.path.is_relative_to(folder.absolute().resolve()):
        raise InvalidField(
            f"The keyring {keyring.path} is in the folder of the house, {folder}: whoever copies the folder would have "
            "the keys with what they open, and a backup would keep keys that are destroyed here. Keep it elsewhere."
        )


class Handle:
    """One space that is open. It closes when nobody holds the handle any more, or when it is told to."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.pasts: weakref.WeakSet[Any] = weakref.WeakSet()
        """Copies of the space as it was, which go when it goes."""
        self._closing = weakref.finalize(self, space.close)

    def close(self) -> None:
        for past in list(self.pasts):
            past.close()
        self._closing()


class OpenSpaces:
    """Opens each space of a house once in this process, with one model for all of them."""

    def __init__(
        self,
        folder: Path,
        sharing: Sharing,
        embedder: Embedder | str | None,
        clock: Clock,
        policy: Policy | None = None,
        keyring: Keyring | None = None,
        touches: bool = True,
        count: Count | None = None,
        metrics: Metrics | None = None,
        tiers: Tiers | None = None,
        model: LanguageModel | None = None,
    ) -> None:
        self.count = count_of(count)
        self._folder = folder
        self._sharing = sharing
        self._embedder = embedder
        self._clock = clock
        self._policy = policy
        self._keyring = keyring
        self._touches = touches
        self._metrics = metrics
        self._tiers = tiers
        self._model = model
        self._lock = threading.Lock()
        self._closed = False
        self._open: weakref.WeakValueDictionary[bytes, Handle] = weakref.WeakValueDictionary()
        self._recent: OrderedDict[bytes, Handle] = OrderedDict()
        with _everywhere_lock:
            _everywhere.add(self)

    def handle(self, space: HeldSpace) -> Handle:
        """The space, opened.

        Raises:
            NotAllowed: it was dropped in the meantime.
            Damaged: its file is missing.
        """
        with self._lock:
            if self._closed:
                raise Closed("The house was closed; open it again to use it.")
            handle = self._open.get(space.id)
            if handle is None:
                handle = self._open[space.id] = self._opened(space)
            self._recent[space.id] = handle
            self._recent.move_to_end(space.id)
            surplus = [self._recent.popitem(last=False) for _ in range(len(self._recent) - KEPT_OPEN)]
        del surplus  # closed here, outside the lock, unless somebody uses them
        return handle

    def make(self, space: HeldSpace) -> None:
        """Make the file of a space that has just been taken into the registry."""
        self.handle(space)

    def _opened(self, space: HeldSpace) -> Handle:
        path = self._path(space.id)
        if not space.made:
            self._make(space)
        if not path.exists():
            self._refuse_dropped(space)
            raise Damaged(f"The file of the space {space.name!r} is missing: {path}. Restore it from a backup.")
        try:
            opened = open_space(
                str(path), self._embedder, OWNER, read_only=False, create=False, clock=self._clock,
                key=self._key_of(space.id), touches=self._touches, tokenizer=self.count, house_keys=self._check_keys,
                metrics=self._metrics, tiers=self._tiers, model=self._model,
            )  # fmt: skip
        except StoreError:
            self._refuse_dropped(space)
            raise
        handle = Handle(opened)
        if not self._sharing.is_there(space.id):
            # Dropped between the look at it and its opening, which may have brought its files back.
            handle.close()
            erase_files(self._folder, space.id)
            self._refuse_dropped(space)
        if opened.embedding.embedder is not None:
            self._embedder = opened.embedding.embedder  # loaded once, for every space
        limited = LimitedStore(opened.store, self._clock, lambda: self._sharing.quota_of(space.id), usage_of)
        opened.ledger.store = cast("SpaceStore", limited)
        return handle

    def _make(self, space: HeldSpace) -> None:
        # By words only and closed at once: the registry waits meanwhile, so that no two processes make one file.
        with self._sharing.making(space.id) as is_missing:
            if is_missing:
                open_space(
                    str(self._path(space.id)), None, OWNER, read_only=False, create=True, clock=self._clock,
                    key=self._keyring, as_id=Id(space.id),
                ).close()  # fmt: skip

    def _key_of(self, space: bytes) -> Keyring | None:
        """The keyring for a space that is encrypted, or should be: one made before there was a keyring is not."""
        if self._keyring is None:
            return None
        sealed = sealed_under(self._path(space))
        return self._keyring if sealed is not None or self._keyring.holds(Id(space)) else None

    def _check_keys(self, keys: SpaceKeys) -> None:
        """Refuse to encrypt a space with what the house does not open it with.

        Raises:
            InvalidField.
        """
        if self._keyring is None:
            raise InvalidField(
                "The house was opened without a keyring, so it could not open the space again. Nothing was changed; "
                "open the house with keyring=, and encrypt with that."
            )
        if not isinstance(keys, Keyring) or keys.path != self._keyring.path:
            raise InvalidField(
                f"A space of a house is encrypted with the keyring of the house, {self._keyring.path}: with another "
                "key the house could not open it again. Nothing was changed."
            )

    def _refuse_dropped(self, space: HeldSpace) -> None:
        if not self._sharing.is_there(space.id):
            raise NotAllowed(f"There is no space {space.name!r} any more. Nothing was done.")

    def policy_of(self, space: HeldSpace) -> Policy | None:
        """What may be kept in a space: what its own policy and that of this house both let through.

        Raises:
            Damaged: its own policy cannot be read.
        """
        return together(None if space.policy is None else policy_of(space.policy, space.name), self._policy)

    def usage(self, space: HeldSpace) -> tuple[Usage, bytes]:
        """What a space holds and took in during the last minute, and a value that changes with every write there.

        Raises:
            NotAllowed, Damaged: as for `handle`.
        """
        handle = self.handle(space)
        with handle.space.store.reading() as view:
            live, head = view.count(quarantined=True), view.head()
            usage = usage_of(view, _EVERYTHING, self._clock.now_ms() - MINUTE_MS + 1, live)
        return usage, head.chain + head.seq.to_bytes(8, "big")

    def close_space(self, space: bytes) -> None:
        """Close a space in every house of this process."""
        with _everywhere_lock:
            houses = list(_everywhere)
        for house in houses:
            house._let_go(space)

    def _let_go(self, space: bytes) -> None:
        with self._lock:
            handle = self._open.pop(space, None)
            self._recent.pop(space, None)
        if handle is not None:
            handle.close()

    def erase(self, space: bytes) -> tuple[int, int]:
        """Destroy the key of a space, overwrite and remove its files; gives how many there were and their bytes.

        Only the key that the file is under goes, and with it every copy and backup under the same: another file that
        became the same space has its own. Where no file can say what it was under, the keys stay in the keyring.

        Raises:
            StoreError: one of them, or the key, is still there.
        """
        if self._keyring is not None and (sealed := self._sealed_under(space)):
            self._keyring.drop(*sealed)
        return erase_files(self._folder, space)

    def _sealed_under(self, space: bytes) -> tuple[Id, str] | None:
        path = self._path(space)
        try:
            return sealed_under(path) if path.exists() else None
        except (NotASpace, Damaged):
            return None  # an erasing that was cut off had destroyed the key before

    def files(self) -> dict[bytes, list[Path]]:
        """The files in the folder that have the name of a space, by its id."""
        found: dict[bytes, list[Path]] = {}
        for path in sorted(self._folder.iterdir()):
            digits, dot, ending = path.name.partition(".")
            if dot and ending.startswith("db") and len(digits) == 32 and set(digits) <= set("0123456789abcdef"):
                found.setdefault(bytes.fromhex(digits), []).append(path)
        return found

    def left_over(self) -> list[Path]:
        """Copies in the folder that a killed backup, restore or export left."""
        return left_parts(self._folder)

    def has_file(self, space: bytes) -> bool:
        """Whether the file of a space is there."""
        return self._path(space).exists()

    def close(self) -> None:
        """Close every space; a second call does nothing."""
        with self._lock:
            self._closed = True
            handles = list(self._open.values())
            self._open.clear()
            self._recent.clear()
        for handle in handles:
            handle.close()

    def _path(self, space: bytes) -> Path:
        return self._folder / f"{space.hex()}.db"


def erase_files(folder: Path, space: bytes) -> tuple[int, int]:
    """Overwrite what a space held, remove its files, and see to it that they stay removed.

    Files are overwritten in place and never shortened first: another process may still have them mapped.
    """
    count, size = 0, 0
    paths = sorted(folder.glob(f"{space.hex()}.*"))
    try:
        for path in paths:
            size += path.stat().st_size
            if path.name.endswith(_CONTENT):
                _overwrite(path)
            path.unlink()
            count += 1
        if count:
            sync(folder)
    except FileNotFoundError:
        return erase_files(folder, space)  # another process erases it too; what is left is looked at again
    except OSError as error:
        raise StoreError(
            f"A file of the dropped space cannot be erased ({error.strerror}); opening the house again tries it again."
        ) from error
    return count, size


def _overwrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        left = path.stat().st_size
        while left > 0:
            left -= file.write(_BLOCK[:left])
        os.fsync(file.fileno())


def keep_to(space: Space, policy: Policy | None) -> None:
    """Hold a copy that `acting_as` made to a policy, from its next call on."""
    space.remembering.policy = space.auditing.policy = policy


def acting_as(space: Space, actor: str) -> Space:
    """The same space for another principal: parts that note who acts are copied, all else is shared."""
    parts: dict[str, Any] = {field.name: getattr(space, field.name) for field in fields(space)}
    copies: dict[int, Any] = {}
    for part in parts.values():
        if "_actor" in _inside(part):
            copies[id(part)] = copy(part)
            _inside(copies[id(part)])["_actor"] = actor
    for part in parts.values():
        if id(part) not in copies and any(id(one) in copies for one in _inside(part).values()):
            copies[id(part)] = copy(part)
    for twin in copies.values():
        _inside(twin).update({name: copies[id(one)] for name, one in _inside(twin).items() if id(one) in copies})
    return replace(space, actor=actor, **{name: copies[id(part)] for name, part in parts.items() if id(part) in copies})


def _inside(part: Any) -> dict[str, Any]:
    return getattr(part, "__dict__", {})
