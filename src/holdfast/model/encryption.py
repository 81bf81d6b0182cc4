"""Keys and what they seal, as values; no key is ever shown by ``repr``."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

KEY_BYTES = 32
"""Length of every key of a caller's."""
FILE_CIPHERS = ("chacha20", "sqlcipher")
"""Whole-file ciphers: ChaCha20 with Poly1305, and AES-256-CBC with HMAC-SHA512 as SQLCipher 4 writes it."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """A key for a space file that is encrypted as a whole, page by page, by SQLite itself.

    Attributes:
        key: 32 random bytes; used as they are, no password is stretched.
        cipher: ``chacha20`` or ``sqlcipher``; the file must be opened with the one it was made with.
    """

    key: bytes = field(repr=False)
    cipher: str = "chacha20"


@dataclass(frozen=True, slots=True)
class Encryption:
    """How a space is encrypted.

    Attributes:
        space: Id of the space, by which a keyring knows its keys.
        key_id: Id of the key that wraps the space's data key; it tells nothing about the key.
        events, vectors: Encryptions under the present data key so far.
        most: How many of each are allowed before the data key must be changed.
        advice: What should be done about it, in words; None when nothing.
    """

    space: str
    key_id: str
    events: int
    vectors: int
    most: int
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key in a keyring, without the key.

    Attributes:
        space: Id of the space it opens.
        key_id: Its id; None where the keys of the space were destroyed.
        at: When it was made, or the keys of the space were destroyed; ISO 8601, UTC.
        destroyed: The keys of the space were destroyed.
    """

    space: str
    key_id: str | None
    at: str
    destroyed: bool = False


def key_id_of(key: bytes) -> str:
    """16 hexadecimal digits that name a key of 32 random bytes without telling anything about it."""
    return hmac.digest(key, b"holdfast key id", hashlib.sha256)[:8].hex()
