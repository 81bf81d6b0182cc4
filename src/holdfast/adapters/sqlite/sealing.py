"""The border between rows and values: where an encrypted space seals what it stores and opens what it reads.

`OpenRows` passes everything as it is. `SealedRows` keeps payloads (with their salts) and vectors under AES-256-GCM,
each bound to its place, and labels and terms under AES-SIV: the same label gives the same bytes in the same
column, so that equality filters work on what nobody can read. Keys for each are made from the space's data key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from holdfast.adapters.sqlite.ciphers import load_ciphers
from holdfast.adapters.sqlite.rows import bare_terms, entry_check, event_of, without_checks
from holdfast.errors import Damaged, KeySpent, StoreError
from holdfast.model.events import Event
from holdfast.model.ids import Id
from holdfast.model.records import Content

if TYPE_CHECKING:
    from holdfast.adapters.sqlite.database import Database

MOST_SEALED = 1 << 31
"""Encryptions under one data key, of each kind. SP 800-38D (section 8.3) allows 2**32 with random nonces of 96 bits."""
ADVISED_SEALED = 1 << 30
"""From here on the key should be changed."""
LABELS = ("session", "author", "category", "subject", "source", "tag", "mark", "principal", "key")
"""Columns with words of people, which an encrypted space seals."""
PROBE_BYTES = 24
_NONCE_BYTES, _SALT_BYTES = 12, 16
_BLOCK = 16
_PLACE = struct.Struct(">Q")
_VECTOR_PLACE = struct.Struct(">QQ")
_DIGEST_LABELS = ((19, "session"), (20, "author"), (21, "category"), (22, "subject"), (23, "source"))
_DIGEST_TERMS, _DIGEST_TAGS, _DIGEST_MARKS = 24, 25, 26
_DIGEST_CHECKED = (15, 16, 18, 19, 20)
"""Kind, role, time, session and author: what the check of the terms covers with them."""
_REMEMBERED_ERASURES = 2_048

Row = tuple[Any, ...]
ErasedProbes = tuple[bytes, bytes]
"""The first and the last bytes of a ciphertext that was erased."""


class Keys(Protocol):
    """What a data key consists of; see `holdfast.adapters.sqlite.envelope.DataKey`."""

    @property
    def key(self) -> bytes: ...
    @property
    def secret(self) -> bytes: ...
    @property
    def event_base(self) -> int: ...
    @property
    def vector_base(self) -> int: ...


class OpenRows:
    """The border of a space that is not encrypted: nothing changes on the way."""

    is_sealed = False
    vector_columns = "n, data"
    digest_extra = ", m.n"

    def __init__(self, space: Id) -> None:
        self.space = space
        self.takes_unchecked = False
        """The file may hold rows from before they had a check."""

    def event_of(self, row: Sequence[Any]) -> Event:
        """An event from a row of `rows.EVENT_SQL`."""
        return event_of(row, self.space)

    def stored(self, event: Event, seq: int) -> tuple[bytes | None, bytes | None]:
        """Salt and payload as they are stored.

        Raises:
            KeySpent: the data key may not encrypt any more.
        """
        return event.salt, event.payload

    def labels(self, content: Content) -> tuple[str | None, ...]:
        """Session, author, category, subject and source as they are stored."""
        return content.session, content.author, content.category, content.subject, content.source

    def label(self, field: str, value: str) -> str:
        """A label as it is stored in a column."""
        return value

    def wanted(self, field: str, values: Sequence[str | int]) -> Sequence[str | int]:
        """Values of a filter as they are stored."""
        return values

    def said(self, field: str, stored: str) -> str:
        """A stored label as it was said."""
        return stored

    def terms(self, n: int, checked: bytes) -> bytes:
        """The terms of a memory, with their check (`rows.with_check`), as they are stored."""
        return checked

    def opened_terms(self, n: int, stored: bytes) -> bytes:
        """Stored terms with their check."""
        return stored

    def held(self, place: Sequence[str], value: str) -> bytes:
        """A text of the working memory as it is stored at a place."""
        return value.encode()

    def opened_held(self, place: Sequence[str], stored: bytes) -> str:
        """A stored text of the working memory.

        Raises:
            Damaged: it was altered.
        """
        return stored.decode()

    def columns(self, rows: list[Row]) -> list[Sequence[Any]]:
        """The columns of rows for `Columns`, opened.

        Raises:
            Damaged: a row is not what was written.
        """
        return without_checks(rows, takes_unchecked=self.takes_unchecked)

    def digest_rows(self, rows: Iterable[Row]) -> Iterable[Row]:
        """Rows of the digest's first query, as an open space has them, without what is of this file alone."""
        for row in rows:
            yield _without_check(row) if row[_DIGEST_TERMS] is not None else row[:-1]

    def entry(self, author: str | None, text: str, caption: str | None) -> int:
        """What tells whether a vector still belongs to its text."""
        return entry_check(author, text, caption)

    def vector(self, n: int, entry: int, packed: bytes) -> bytes:
        """A packed vector as it is stored."""
        return packed

    def vectors(self, rows: list[Row]) -> list[Row]:
        """Rows of numbers and packed vectors, opened; an altered one comes back empty."""
        return rows

    def refuse_vectors(self, revision: int) -> None:
        """Raise `KeySpent` where the data key may not encrypt a vector any more."""

    def note_erased(self, connection: Database, ns: Sequence[int]) -> None:
        """Remember what the stored payloads of memories look like, just before they are erased."""

    def erased(self) -> Sequence[ErasedProbes]:
        """The last payloads that were erased, oldest first."""
        return ()


class SealedRows(OpenRows):
    """The border of an encrypted space."""

    is_sealed = True
    vector_columns = "n, data, entry"

    def __init__(self, space: Id, keys: Keys) -> None:
        super().__init__(space)
        gcm, siv, self._altered = load_ciphers()
        self._events, self._vectors = gcm(_subkey(keys.key, "event")), gcm(_subkey(keys.key, "vector"))
        self._labels = siv(_subkey(keys.key, "label 1") + _subkey(keys.key, "label 2"))
        self._terms = siv(_subkey(keys.key, "terms 1") + _subkey(keys.key, "terms 2"))
        self._held = siv(_subkey(keys.key, "working 1") + _subkey(keys.key, "working 2"))
        # From the secret, which outlives a data key: a vector's check need not be made again.
        self._entry = _subkey(keys.secret, "entry")
        self.keys = keys
        self._erased: deque[ErasedProbes] = deque(maxlen=_REMEMBERED_ERASURES)

    def event_of(self, row: Sequence[Any]) -> Event:
        # Neither salt nor payload where the bytes were altered: then nothing fits the commitment, as with any damage.
        sealed, salt, payload = row[11], row[10], None
        if sealed is not None:
            try:
                opened = self._events.decrypt(
                    sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._event_place(row[1], row[2])
                )
                salt, payload = opened[:_SALT_BYTES], opened[_SALT_BYTES:]
            except (self._altered, TypeError, ValueError, struct.error):
                salt, payload = b"", b""
        return event_of((*row[:10], salt, payload), self.space)

    def stored(self, event: Event, seq: int) -> tuple[bytes | None, bytes | None]:
        if event.payload is None or event.salt is None:
            return event.salt, event.payload
        if len(event.salt) != _SALT_BYTES:
            raise StoreError(f"Event {seq} has a salt of {len(event.salt)} bytes, not {_SALT_BYTES}.")
        self._refuse_worn(seq - self.keys.event_base)
        nonce = os.urandom(_NONCE_BYTES)
        place = self._event_place(event.header.node, event.header.node_seq)
        return None, nonce + self._events.encrypt(nonce, event.salt + event.payload, place)

    def labels(self, content: Content) -> tuple[str | None, ...]:
        values = super().labels(content)
        return tuple(
            None if value is None else self.label(field, value)
            for field, value in zip(LABELS[: len(values)], values, strict=True)
        )

    def label(self, field: str, value: str) -> str:
        raw = value.encode() + b"\x80"
        padded = raw + bytes(-len(raw) % _BLOCK)
        return base64.urlsafe_b64encode(self._labels.encrypt(padded, [field.encode()])).decode().rstrip("=")

    def wanted(self, field: str, values: Sequence[str | int]) -> Sequence[str | int]:
        if field not in LABELS:
            return values
        return [self.label(field, value) if isinstance(value, str) else value for value in values]

    def said(self, field: str, stored: str) -> str:
        try:
            sealed = base64.urlsafe_b64decode(stored + "=" * (-len(stored) % 4))
            return self._labels.decrypt(sealed, [field.encode()]).rstrip(b"\x00")[:-1].decode()
        except (self._altered, TypeError, ValueError, binascii.Error):
            _altered_label(f"a {field}")

    def terms(self, n: int, checked: bytes) -> bytes:
        return self._terms.encrypt(checked, [_PLACE.pack(n)])

    def opened_terms(self, n: int, stored: bytes) -> bytes:
        try:
            return self._terms.decrypt(stored, [_PLACE.pack(n)])
        except (self._altered, TypeError, ValueError):
            _altered_label(f"the terms of memory {n}")

    def held(self, place: Sequence[str], value: str) -> bytes:
        # SIV takes no nonce, so nothing need be counted; equal values show only at the same place.
        return self._held.encrypt(value.encode() + b"\x80", [part.encode() for part in place])

    def opened_held(self, place: Sequence[str], stored: bytes) -> str:
        try:
            return self._held.decrypt(stored, [part.encode() for part in place])[:-1].decode()
        except (self._altered, TypeError, ValueError):
            raise Damaged(
                "A value of the working memory was altered: it does not open with the space's key, and nothing altered "
                "is returned. Put it again, or delete it."
            ) from None

    def columns(self, rows: list[Row]) -> list[Sequence[Any]]:
        seen: dict[tuple[str, str], str] = {}
        opened: list[Row] = [
            (n, self._once("session", session, n, seen), order, self._once("author", author, n, seen), role, kind,
             said_ms, self.opened_terms(n, terms))
            for n, session, order, author, role, kind, said_ms, terms in rows
        ]  # fmt: skip
        return super().columns(opened)

    def digest_rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        seen: dict[tuple[str, str], str] = {}
        for row in rows:
            opened, n = list(row[:-1]), row[-1]
            for place, field in _DIGEST_LABELS:
                opened[place] = self._once(field, row[place], n, seen)
            if row[_DIGEST_TERMS] is not None:
                opened[_DIGEST_TERMS] = self.opened_terms(n, row[_DIGEST_TERMS])
            for place, field, joint, stored_joint in (
                (_DIGEST_TAGS, "tag", "\x1f", "\x1f"),
                (_DIGEST_MARKS, "mark", ",", ","),
            ):
                if row[place] is not None:
                    said = (self._once(field, one, n, seen) or "" for one in row[place].split(stored_joint))
                    opened[place] = joint.join(sorted(said))
            opened.append(n)
            yield _without_check(opened) if row[_DIGEST_TERMS] is not None else tuple(opened[:-1])

    def entry(self, author: str | None, text: str, caption: str | None) -> int:
        return self.keyed_entry(entry_check(author, text, caption))

    def keyed_entry(self, check: int) -> int:
        """The check of an open space, made such that nobody can try texts on it; 63 bits."""
        return int.from_bytes(hmac.digest(self._entry, check.to_bytes(4, "big"), hashlib.sha256)[:8], "big") >> 1

    def vector(self, n: int, entry: int, packed: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._vectors.encrypt(nonce, packed, _VECTOR_PLACE.pack(n, entry))

    def vectors(self, rows: list[Row]) -> list[Row]:
        return [(n, self._opened_vector(n, entry, data)) for n, data, entry in rows]

    def refuse_vectors(self, revision: int) -> None:
        self._refuse_worn(revision - self.keys.vector_base)

    def note_erased(self, connection: Database, ns: Sequence[int]) -> None:
        rows = connection.execute(
            "SELECT substr(payload, 1, ?1), substr(payload, -?1) FROM event "
            "WHERE n IN (SELECT value FROM json_each(?2)) AND type IN (1, 2) AND payload IS NOT NULL",
            (PROBE_BYTES, json.dumps(ns)),
        )
        self._erased.extend((start, end) for start, end in rows)

    def erased(self) -> Sequence[ErasedProbes]:
        return tuple(self._erased)

    def _opened_vector(self, n: int, entry: int, data: bytes) -> bytes:
        try:
            return self._vectors.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _VECTOR_PLACE.pack(n, entry))
        except (self._altered, TypeError, ValueError, struct.error):
            return b""

    def _once(self, field: str, stored: str | None, n: int, seen: dict[tuple[str, str], str]) -> str | None:
        """A label, opened once for all the rows that have it."""
        if stored is None:
            return None
        found = seen.get((field, stored))
        if found is None:
            try:
                found = seen[field, stored] = self.said(field, stored)
            except Damaged:
                _altered_label(f"the {field} of memory {n}")
        return found

    def _event_place(self, node: bytes, node_seq: int) -> bytes:
        return b"event" + self.space + node + _PLACE.pack(node_seq)

    def _refuse_worn(self, used: int) -> None:
        if used > MOST_SEALED:
            raise KeySpent(
                f"The data key of this space has encrypted {MOST_SEALED:,} times, which is as often as it may. Nothing "
                "was written; change it with storage.rotate_key(data=True)."
            )


def _without_check(row: Sequence[Any]) -> Row:
    """A row of the digest without its number and without the check of its terms; one that fails is left as it is."""
    kind, role, said_ms, session, author = (row[place] for place in _DIGEST_CHECKED)
    terms = bare_terms(row[-1], session, author, role, kind, said_ms, row[_DIGEST_TERMS])
    return tuple(row[:-1]) if terms is None else (*row[:_DIGEST_TERMS], terms, *row[_DIGEST_TERMS + 1 : -1])


def _subkey(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, b"holdfast sealing " + purpose.encode(), hashlib.sha256)


def _altered_label(what: str) -> NoReturn:
    raise Damaged(
        f"{what[0].upper()}{what[1:]} was altered: it does not open with the space's key, and nothing altered is "
        "returned. Run `holdfast rebuild`, which makes it again from the journal."
    ) from None
