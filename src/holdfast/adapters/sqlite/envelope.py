"""The key of a space, sealed in its file: made, opened, and sealed again under another."""

from __future__ import annotations

import hashlib
import os
import struct
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.adapters.sqlite.ciphers import load_ciphers
from holdfast.adapters.sqlite.connection import connect, inspect_header, is_space, opening, translated
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.sealing import OpenRows, SealedRows
from holdfast.errors import Damaged, KeyNeeded, NotEncrypted, WrongKey
from holdfast.model.encryption import KEY_BYTES, key_id_of
from holdfast.model.ids import Id, id_text
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.store import Identity

CHECK_ROW = "check"
"""In ``meta``: what id and secret of a plain space are held against; an encrypted one's are sealed."""
KEY_ROW = "key"
"""The row of ``meta`` with the sealed keys; a space without it is not encrypted and has a row ``secret``."""
_MARK = b"HFK1"
_INSIDE = struct.Struct(">32s32sQQ")
_KEY_ID_BYTES, _NONCE_BYTES = 8, 12
_START = len(_MARK) + _KEY_ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class DataKey:
    """What an envelope holds.

    Attributes:
        key: Encrypts payloads, labels, terms and vectors; 32 bytes.
        secret: Makes the space's digests, ids and stored terms; never changes.
        event_base, vector_base: The numbers from which on events and vectors are counted against the key's bound.
    """

    key: bytes
    secret: bytes
    event_base: int = 0
    vector_base: int = 0

    def __repr__(self) -> str:
        return "DataKey(…)"

    def rows(self, space: Id) -> SealedRows:
        """The row border under this key."""
        return SealedRows(space, self)


def seal_envelope(inside: DataKey, space: Id, wrapping: bytes) -> bytes:
    """The data key and the secret under a wrapping key: mark, key id, nonce, AES-256-GCM ciphertext and tag."""
    key_id, nonce = bytes.fromhex(key_id_of(wrapping)), os.urandom(_NONCE_BYTES)
    plain = _INSIDE.pack(inside.key, inside.secret, inside.event_base, inside.vector_base)
    aes_gcm, _, _ = load_ciphers()
    return _MARK + key_id + nonce + aes_gcm(wrapping).encrypt(nonce, plain, _bound(space, key_id))


def open_envelope(envelope: bytes, space: Id, keys: SpaceKeys, path: str) -> tuple[DataKey, str]:
    """What an envelope holds, and the id of the key that opened it.

    Raises:
        KeyNeeded, WrongKey: there is no key that opens it.
        Damaged: it is cut short, or the right key does not open it.
    """
    if len(envelope) < _START + _INSIDE.size or not envelope.startswith(_MARK):
        raise Damaged(f"{path} has lost its sealed key; it was not changed. Restore it from a backup.")
    key_id = envelope[len(_MARK) : len(_MARK) + _KEY_ID_BYTES]
    nonce = envelope[len(_MARK) + _KEY_ID_BYTES : _START]
    wrapping = next((key for key in keys.find(space) if key_id_of(key) == key_id.hex()), None)
    if wrapping is None:
        raise WrongKey(
            f"{path} is encrypted with another key than the one given (it asks for the key {key_id.hex()} of the "
            f"space {id_text(space)}). It was not changed."
        )
    aes_gcm, _, altered = load_ciphers()
    try:
        plain = aes_gcm(wrapping).decrypt(nonce, envelope[_START:], _bound(space, key_id))
    except altered:
        raise Damaged(
            f"The sealed key of {path} was altered: its own key does not open it. It was not changed; restore it "
            "from a backup."
        ) from None
    return DataKey(*_INSIDE.unpack(plain)), key_id.hex()


def fresh_meta(fresh: Identity, keys: SpaceKeys | None) -> list[tuple[str, bytes]]:
    """The rows of ``meta`` that a new space begins with; a key is kept durably before this returns."""
    if keys is None:
        return _plain_rows(fresh)
    load_ciphers()  # before a key is kept for what cannot be made
    try:
        # A copy of a space, or one whose making was cut off: rotating its key is to reach older copies too.
        wrapping = keys.find(fresh.space)[0]
    except KeyNeeded:
        wrapping = keys.create(fresh.space)
    inside = DataKey(os.urandom(KEY_BYTES), fresh.secret)
    return [("space", bytes(fresh.space)), (KEY_ROW, seal_envelope(inside, fresh.space, wrapping))]


def unlocked(connection: Database, path: str, keys: SpaceKeys | None) -> tuple[Id, bytes, OpenRows]:
    """Id and secret of a space, and how its rows are read.

    Raises:
        KeyNeeded, WrongKey, NotEncrypted: the key is missing, another one, or one too many.
        Damaged: the space has lost its identity.
    """
    meta = meta_of(connection)
    space = Id(meta.get("space", b""))
    if len(space) != 16:
        raise Damaged(f"{path} has lost its identity; restore it from a backup.")
    if (envelope := meta.get(KEY_ROW)) is None:
        if len(meta.get("secret", b"")) != 32:
            raise Damaged(f"{path} has lost its identity; restore it from a backup.")
        if meta.get(CHECK_ROW, _check(space, meta["secret"])) != _check(space, meta["secret"]):
            # With another secret nothing that was forgotten or corrected would be known again.
            raise Damaged(f"The id or the secret of {path} was altered. It was not changed; restore it from a backup.")
        if keys is not None:
            raise NotEncrypted(
                f"{path} is not encrypted, but a key was given for it. It was not changed; open it without a key, "
                "and encrypt it with storage.encrypt(key) if that is meant."
            )
        return space, meta["secret"], OpenRows(space)
    if keys is None:
        raise KeyNeeded(
            f"{path} is encrypted and no key was given. It was not changed; open it with the key or the keyring of "
            f"the space {id_text(space)}."
        )
    inside, _ = open_envelope(envelope, space, keys, path)
    return space, inside.secret, inside.rows(space)


def moved_envelope(
    connection: Database, path: str, identity: Identity, keys: SpaceKeys | None
) -> list[tuple[str, bytes]]:
    """The rows of ``meta`` with which an empty space becomes another, under a key of its own.

    Neither under the key it had, which a copy of the empty file may need when this space's is destroyed, nor under
    one that another file of the other space has, which would go with that one's.
    """
    meta = meta_of(connection)
    envelope, space = meta.get(KEY_ROW), Id(meta["space"])
    if envelope is None or keys is None:
        return _plain_rows(identity)
    inside, _ = open_envelope(envelope, space, keys, path)
    sealed = seal_envelope(replace(inside, secret=identity.secret), identity.space, keys.create(identity.space))
    return [("space", bytes(identity.space)), (KEY_ROW, sealed)]


def sealed_under(path: Path) -> tuple[Id, str] | None:
    """The id by which keyrings know an encrypted space in a file, and that of its key; None for a plain space.

    Raises:
        NotASpace, Damaged, StoreReadOnly, StoreError: it cannot be read.
    """
    name = str(path)
    if not inspect_header(path):
        return None
    with translated(name), opening(name), closing(connect(name, writable=False)) as connection:
        meta = meta_of(connection) if is_space(connection, name) else {}
    if KEY_ROW not in meta or len(meta.get("space", b"")) != 16:
        return None
    return Id(meta["space"]), meta[KEY_ROW][len(_MARK) : len(_MARK) + _KEY_ID_BYTES].hex()


def meta_of(connection: Database) -> dict[str, bytes]:
    """What a space says of itself; readable without a key."""
    return dict(connection.execute("SELECT key, value FROM meta").fetchall())


def note_check(connection: Database) -> None:
    """Write down what id and secret of a plain space are held against, inside the caller's transaction."""
    meta = meta_of(connection)
    if "secret" in meta and CHECK_ROW not in meta:
        check = _check(Id(meta["space"]), meta["secret"])
        connection.execute("INSERT INTO meta VALUES (?, ?)", (CHECK_ROW, check)).fetchall()


def _plain_rows(identity: Identity) -> list[tuple[str, bytes]]:
    check = _check(identity.space, identity.secret)
    return [("space", bytes(identity.space)), ("secret", identity.secret), (CHECK_ROW, check)]


def _check(space: Id, secret: bytes) -> bytes:
    return hashlib.sha256(b"holdfast identity 1" + space + secret).digest()[:8]


def _bound(space: Id, key_id: bytes) -> bytes:
    return b"holdfast envelope 1" + space + key_id
