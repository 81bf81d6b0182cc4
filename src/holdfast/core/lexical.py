"""Words of an entry, as keyed hashes.

An entry's text becomes a small blob of term counts that is stored beside it. Terms are 32-bit hashes
keyed per space, so the stored index cannot be read or compared across spaces. The blob is all the
lexical index there is: `decode_terms` turns many of them into flat columns for `Postings`.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from threading import local
from typing import Final, cast

import numpy as np
import Stemmer
from numpy.typing import NDArray

from holdfast.core.words import STOP_WORDS, TIME_WORDS
from holdfast.errors import Damaged

TERMS_VERSION: Final = 1
"""Layout and tokeniser of the blobs; stored blobs of another version must be made again from the text."""

MAX_TOKENS: Final = 2_000
"""Tokens of an entry that are indexed; what follows is found by its vector or not at all."""

HAS_TIME: Final = 1
"""Flag of an entry that says a time: "yesterday", "in May", "2022"."""

_MAX_TOKEN_CHARS: Final = 40
_MAX_CHARS: Final = MAX_TOKENS * 24  # long enough for 2,000 tokens of any ordinary text
_MAX_COUNT: Final = 255
_MAX_KEYS: Final = 16
_MAX_CACHED: Final = 32_768
_HEADER: Final = struct.Struct("<BBHHH")
_HEADER_WORDS: Final = _HEADER.size // 4

# Scripts written without spaces: kana, Han, Hangul, Thai, Lao, Myanmar, Khmer.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
# Vowel signs and the like, which `\w` leaves out though they stand inside words.
_MARKS: Final = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0f00-\u0fff"
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_ANY_WORD: Final = rf"(?:[^\W_]|[{_MARKS}])+"
_ANY_UNSPACED: Final = rf"[{_UNSPACED}]"
_RUN: Final = rf"([{_UNSPACED}]+)|((?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))+)"
_ACCENTS: Final = r"[\u0300-\u036f]+"
# Compiled when the first text beyond ASCII comes: it takes longer than opening a small space.
_compiled: Final = lru_cache(maxsize=None)(re.compile)


class _Stemming(local):
    """One stemmer a thread: a stemmer is not safe to share."""

    def __init__(self) -> None:
        # 0: no cache of its own, `_caches` is one. PyStemmer carries no types.
        self.stem = cast(Callable[[str], str], Stemmer.Stemmer("english", 0).stemWord)  # pyright: ignore[reportUnknownMemberType]


_stemming = _Stemming()
_caches: dict[bytes, dict[str, int]] = {}


@dataclass(frozen=True, slots=True)
class TermColumns:
    """Terms of many entries as flat columns.

    The first four have one item an entry, the last three one item a distinct term of an entry.
    """

    uniques: NDArray[np.int64]
    """Distinct terms of each entry."""
    totals: NDArray[np.int32]
    """Indexed tokens of each entry, stop words left out, 0 to `MAX_TOKENS`."""
    words: NDArray[np.int32]
    """Tokens of each entry with its stop words, 0 to `MAX_TOKENS`."""
    flags: NDArray[np.uint8]
    """`HAS_TIME` or 0 of each entry."""
    owners: NDArray[np.int32]
    """Position of the entry that a term belongs to."""
    hashes: NDArray[np.uint32]
    """The terms."""
    counts: NDArray[np.uint8]
    """Occurrences in the entry, 1 to 255."""


def tokenise(text: str) -> list[str]:
    """Split text into lower-case words, at most `MAX_TOKENS` of at most 40 characters.

    Compatibility forms, case and Latin accents are folded. Scripts without spaces give single
    characters and pairs of neighbours, in place of words.
    """
    text = text[:_MAX_CHARS]
    if text.isascii():
        tokens = _ASCII_WORD.findall(text.lower())
    else:
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFC", _compiled(_ACCENTS).sub("", unicodedata.normalize("NFKD", text)))
        tokens = _unspaced_tokens(text) if _compiled(_ANY_UNSPACED).search(text) else _compiled(_ANY_WORD).findall(text)
    if len(tokens) > MAX_TOKENS:
        del tokens[MAX_TOKENS:]
    return tokens


def _unspaced_tokens(text: str) -> list[str]:
    tokens: list[str] = []
    for run in _compiled(_RUN).finditer(text):
        if run[2]:
            tokens.append(run[2])
        else:
            tokens.extend(run[1])
            tokens.extend(map("".join, zip(run[1], run[1][1:], strict=False)))
        if len(tokens) > MAX_TOKENS:
            break
    return tokens


def term_hashes(text: str, key: bytes) -> tuple[int, ...]:
    """Return the distinct terms of a query in the order they appear, as `encode_terms` would store them.

    Args:
        text: the query.
        key: the space's secret, 1 to 64 bytes.
    """
    cache = _cache(key)
    values = (cache.get(token) or _term(token, key, cache) for token in tokenise(text))
    return tuple(dict.fromkeys(value & 0xFFFFFFFF for value in values if value > 0))


def encode_terms(text: str, key: bytes) -> bytes:
    """Return the blob of term counts of an entry's text.

    Layout, little-endian: version u8, flags u8, distinct terms u16, indexed tokens u16, tokens with stop
    words u16, the terms u32 ascending, one count byte for each, zeros up to a multiple of four bytes.

    Args:
        text: what `entry_text` gives.
        key: the space's secret, 1 to 64 bytes.
    """
    cache = _cache(key)
    tokens = tokenise(text)
    values = [cache.get(token) or _term(token, key, cache) for token in tokens]
    counts: dict[int, int] = {}
    total = flags = 0
    for value in values:
        if value > 0:
            term = value & 0xFFFFFFFF
            flags |= value >> 32
            counts[term] = counts.get(term, 0) + 1
            total += 1
    unique = len(counts)
    ordered = sorted(counts)
    head = _HEADER.pack(TERMS_VERSION, flags, unique, total, len(tokens))
    tail = bytes(min(counts[term], _MAX_COUNT) for term in ordered)
    return b"".join((head, struct.pack(f"<{unique}I", *ordered), tail, bytes(-unique % 4)))


def terms_fingerprint() -> str:
    """Return what the terms of a text depend on: blobs made under another one must be made again from the text.

    The stemmer's release is part of it: Snowball 3 stems some English words otherwise than Snowball 2.
    """
    release = cast(Callable[[], str], Stemmer.version)()  # pyright: ignore[reportUnknownMemberType]
    return f"terms-{TERMS_VERSION}/stemmer-{'.'.join(release.split('.')[:2])}"


def is_whole(blob: bytes) -> bool:
    """Return whether a blob has the version and the length that `encode_terms` gives."""
    if len(blob) < _HEADER.size or blob[0] != TERMS_VERSION:
        return False
    unique = int.from_bytes(blob[2:4], "little")
    return len(blob) == _HEADER.size + 4 * unique + (unique + 3) // 4 * 4


def decode_terms(blobs: Sequence[bytes]) -> TermColumns:
    """Turn blobs of `encode_terms` into columns.

    Raises:
        Damaged: a blob is not one that `encode_terms` of this version wrote.
    """
    sizes = np.fromiter(map(len, blobs), np.int64, len(blobs))
    if np.any(sizes % 4) or np.any(sizes < _HEADER.size):
        raise Damaged("A term blob has a wrong length. Run `holdfast check`.")
    joined = b"".join(blobs)
    starts = np.cumsum(sizes) - sizes
    octets = np.frombuffer(joined, np.uint8)
    pairs = np.frombuffer(joined, "<u2")
    uniques = pairs[starts // 2 + 1].astype(np.int64)
    if np.any(octets[starts] != TERMS_VERSION) or np.any(_HEADER.size + 4 * uniques + (uniques + 3) // 4 * 4 != sizes):
        raise Damaged("A term blob is not of this version. Run `holdfast check`.")
    owners = np.repeat(np.arange(len(blobs), dtype=np.int32), uniques)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(uniques) - uniques, uniques)
    return TermColumns(
        uniques=uniques,
        totals=pairs[starts // 2 + 2].astype(np.int32),
        words=pairs[starts // 2 + 3].astype(np.int32),
        flags=octets[starts + 1],
        owners=owners,
        hashes=np.frombuffer(joined, "<u4")[np.repeat(starts // 4 + _HEADER_WORDS, uniques) + within],
        counts=octets[np.repeat(starts + _HEADER.size + 4 * uniques, uniques) + within],
    )


def clear_term_cache() -> None:
    """Forget the words seen in this process; erasing a space calls it."""
    _caches.clear()


def _cache(key: bytes) -> dict[str, int]:
    cache = _caches.get(key)
    if cache is None:
        if len(_caches) >= _MAX_KEYS:
            _caches.clear()
        cache = _caches.setdefault(key, {})
    elif len(cache) > _MAX_CACHED:
        cache.clear()
    return cache


def _term(token: str, key: bytes, cache: dict[str, int]) -> int:
    """Return the keyed hash of a token's stem, its flags above bit 32, or -1 for a stop word."""
    if token in STOP_WORDS:
        value = -1
    else:
        stem = _stemming.stem(token[:_MAX_TOKEN_CHARS])
        term = int.from_bytes(blake2b(stem.encode("utf-8", "replace"), digest_size=4, key=key).digest(), "little")
        value = (term or 1) | _flags(token) << 32
    cache[token] = value
    return value


def _flags(token: str) -> int:
    year = len(token) == 4 and token[:2] in ("19", "20") and token.isdigit()
    return HAS_TIME if year or token in TIME_WORDS else 0
