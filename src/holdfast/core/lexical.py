"""Words of an entry, as keyed hashes.

An entry's text becomes a small blob of term counts that is stored beside it. Terms are 32-bit hashes
keyed per space, so the stored index cannot be read or compared across spaces. The blob is all the
lexical index there is: `decode_terms` turns many of them into flat columns for `Postings`. English in
ASCII takes a short way; every other text is read by `language_forms`, and gives the same terms if it is English.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.language import ENGLISH, SIGN, WEAK_SIGN, Language, fold, language_of, signs
from holdfast.core.language_forms import (
    english_form,
    forms,
    grams,
    in_turkish,
    is_unspaced,
    separates,
    split,
    stemmer_release,
)
from holdfast.core.language_words import LATIN
from holdfast.core.traits import traits, traits_of_word
from holdfast.core.words import STOP_WORDS
from holdfast.errors import Damaged

TERMS_VERSION: Final = 3
"""Layout and tokeniser of the blobs; stored blobs of another version must be made again from the text."""

MAX_TOKENS: Final = 2_000
"""Words of an entry that are indexed; what follows is found by its vector or not at all.

Two characters of a script without spaces count as one."""

MAX_QUERY_TERMS: Final = 256
"""Distinct terms of a query that are looked for; of more, the rarest are."""

_MAX_WEIGHED: Final = 1_000  # of which the rarest are chosen
_MAX_CHARS: Final = MAX_TOKENS * 24  # long enough for 2,000 tokens of any ordinary text
_MAX_COUNT: Final = 255
_MAX_KEYS: Final = 16
_MAX_CACHED: Final = 32_768
_HEADER: Final = struct.Struct("<BBHHH")
_HEADER_WORDS: Final = _HEADER.size // 4
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_ASCII: Final = frozenset(map(chr, range(128)))
# Of a cached word, above its traits: it is a weak sign of another language; above anything else: a strong one.
_MAYBE_FOREIGN: Final = 1 << 47
_FOREIGN: Final = 1 << 48

_caches: dict[bytes, dict[str, int]] = {}
_other_caches: dict[bytes, dict[tuple[str, str], tuple[int, tuple[int, ...]]]] = {}


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
    """Bits of `traits` of each entry."""
    owners: NDArray[np.int32]
    """Position of the entry that a term belongs to."""
    hashes: NDArray[np.uint32]
    """The terms."""
    counts: NDArray[np.uint8]
    """Occurrences in the entry, 1 to 255."""


@dataclass(slots=True)
class _Read:
    """What was read of a text."""

    counts: dict[int, int]
    """Occurrences of every term, in the order they first appear."""
    total: int
    """Words without function words."""
    words: int
    of_words: int
    """Traits of its words."""
    language: str = ENGLISH
    """Of its words in the Latin script, if that is sure."""


def tokenise(text: str) -> list[str]:
    """Split text into words, lower case and folded, at most `MAX_TOKENS`.

    Scripts without spaces give single characters and pairs of neighbours, in place of words.
    """
    text = text[:_MAX_CHARS]
    if text.isascii():
        tokens = _ASCII_WORD.findall(text.lower())
    else:
        tokens = list[str]()
        for piece in split(text, MAX_TOKENS):
            if is_unspaced(piece):
                tokens += grams(piece, MAX_TOKENS)[0]
            elif folded := fold(piece):
                tokens.append(folded)
    return tokens[:MAX_TOKENS]


def language_of_query(text: str, shares: Mapping[str, float] | None = None) -> Language:
    """Return the language of a question.

    Args:
        text: the question.
        shares: of the space's entries in other languages than English: see `language_shares`.
    """
    return language_of(split(text[:_MAX_CHARS], MAX_TOKENS), text, shares)


def term_hashes(text: str, key: bytes, language: Language | None = None) -> tuple[int, ...]:
    """Return the distinct terms of a query in the order they appear, as `encode_terms` would store them.

    Args:
        text: the query.
        key: the space's secret, 1 to 64 bytes.
        language: that it is in; None finds it out from the text alone.
    """
    return tuple(_read(text[:_MAX_CHARS], key, language).counts)


def rarity(words: Sequence[str], key: bytes, entries: int, holding: Callable[[int], int]) -> list[float]:
    """Return how much each word says: 0 for a stop word, otherwise its inverse document frequency and a half.

    Args:
        words: words, or pieces of words that begin with "##" where they go on.
        key: the space's secret.
        entries: entries in the space.
        holding: how many of them hold a term.
    """
    weights: list[float] = []
    for word in words:
        terms = term_hashes(word.removeprefix("##"), key)
        if not terms and not word.startswith("##"):
            weights.append(0.0)
            continue
        held = max((holding(term) for term in terms), default=0)
        weights.append(0.5 + log(1 + (max(entries - held, 0) + 0.5) / (held + 0.5)))
    return weights


def encode_terms(text: str, key: bytes) -> bytes:
    """Return the blob of term counts of an entry's text.

    Layout, little-endian: version u8, traits u8, distinct terms u16, indexed tokens u16, tokens with stop
    words u16, the terms u32 ascending, one count byte for each, zeros up to a multiple of four bytes. An entry in
    another language than English has a term for that language too: see `language_shares`.

    Args:
        text: what `entry_text` gives.
        key: the space's secret, 1 to 64 bytes.
    """
    read = _read(text[:_MAX_CHARS], key, None)
    counts = read.counts
    if read.language != ENGLISH and read.total:
        counts[_mark_of(read.language, key)] = 1
    unique = len(counts)
    ordered = sorted(counts)
    head = _HEADER.pack(TERMS_VERSION, traits(text, read.of_words), unique, read.total, read.words)
    times = [counts[term] for term in ordered]
    tail = bytes(times) if max(times, default=0) <= _MAX_COUNT else bytes(min(count, _MAX_COUNT) for count in times)
    return b"".join((head, struct.pack(f"<{unique}I", *ordered), tail, bytes(-unique % 4)))


def language_shares(holding: Callable[[int], int], entries: int, key: bytes) -> dict[str, float]:
    """Return the share of a space's entries that are surely in each language other than English, 0 to 1 each.

    Only languages of the Latin script are told: others have a script that tells them.

    Args:
        holding: gives how many entries hold a term.
        entries: of the space.
        key: the space's secret.
    """
    counts = {name: holding(_mark_of(name, key)) for name in LATIN} if entries else {}
    return {name: min(1.0, count / entries) for name, count in counts.items() if count}


def terms_fingerprint() -> str:
    """Return what the terms of a text depend on: blobs made under another one must be made again from the text.

    The stemmer's release is part of it: Snowball 3 stems some English words otherwise than Snowball 2.
    """
    return f"terms-{TERMS_VERSION}/stemmer-{stemmer_release()}"


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


def rarest(terms: Sequence[int], holding: Callable[[int], int]) -> tuple[int, ...]:
    """Return the terms of a query that are worth looking for, in their order: all, unless there are very many.

    What a query costs grows with its terms, and those in most entries say least. Terms in no entry are left out
    first, then the commonest.

    Args:
        terms: distinct ones; the first 1,000 are weighed.
        holding: gives how many entries hold a term.
    """
    if len(terms) <= MAX_QUERY_TERMS:
        return tuple(terms)
    counted = [(holding(term), place) for place, term in enumerate(terms[:_MAX_WEIGHED])]
    chosen = sorted(pair for pair in counted if pair[0])[:MAX_QUERY_TERMS]
    return tuple(terms[place] for place in sorted(place for _, place in chosen))


def clear_term_cache() -> None:
    """Forget the words seen in this process; erasing a space calls it."""
    _caches.clear()
    _other_caches.clear()


def _read(text: str, key: bytes, language: Language | None) -> _Read:
    if not (text.isascii() or all(map(separates, set(text) - _ASCII))):
        return _read_any(text, key, language)
    if language is not None and language.latin != ENGLISH:
        return _read_any(text, key, language)
    cache = _cache(key)
    tokens = _ASCII_WORD.findall(text.lower())
    del tokens[MAX_TOKENS:]
    values = [cache.get(token) or _term(token, key, cache) for token in tokens]
    counts: dict[int, int] = {}
    total = of_words = 0
    for value in values:
        if value > 0:
            term = value & 0xFFFFFFFF
            of_words |= value >> 32
            counts[term] = counts.get(term, 0) + 1
            total += 1
        else:
            of_words |= -1 - value
    if language is None and (
        of_words & (_FOREIGN >> 32) or (of_words & (_MAYBE_FOREIGN >> 32) and total == len(tokens))
    ):
        distinct = dict(zip(tokens, values, strict=True)).values()
        stops = len([value for value in distinct if value < 0])
        foreign = len([value for value in distinct if value >= _MAYBE_FOREIGN])
        # No other language can have more points than this: see `language_of`.
        if SIGN * foreign + WEAK_SIGN * stops > SIGN * stops + WEAK_SIGN:
            return _read_any(text, key, None)
    return _Read(counts, total, len(tokens), of_words)


def _read_any(text: str, key: bytes, language: Language | None) -> _Read:
    pieces = split(text, MAX_TOKENS)
    if language is None:
        language = language_of(pieces, text)
    if language.latin == "turkish":
        pieces = split(in_turkish(text), MAX_TOKENS)
    cache, others = _cache(key), _other_cache(key)
    english = language.latin == ENGLISH
    name = f"{language.latin}/{language.sure}/{language.cyrillic}/{language.arabic}"
    read = _Read({}, 0, 0, 0, language.latin if language.sure else ENGLISH)
    for piece in pieces:
        if read.words >= MAX_TOKENS:
            break
        if english and piece.isascii():
            value = cache.get(piece) or _term(piece, key, cache)
            found, flags, words = [value & 0xFFFFFFFF] if value > 0 else [], max(value >> 32, -1 - value), 1
        elif is_unspaced(piece):
            values, characters = _grams(piece, 2 * (MAX_TOKENS - read.words), key, cache)
            found, flags = [value & 0xFFFFFFFF for value in values], 0
            for value in values:
                flags |= value >> 32
            words = (characters + 1) // 2
        else:
            known = others.get((name, piece))
            if known is None:
                flags = traits_of_word(piece) | traits_of_word(fold(piece))
                known = others[name, piece] = flags, tuple(_hashed(form, key) for form in forms(piece, language))
            flags, found = known
            words = 1
        for term in found:
            read.counts[term] = read.counts.get(term, 0) + 1
        read.of_words |= flags
        read.words += words
        read.total += words if found else 0
    return read


def _grams(run: str, most: int, key: bytes, cache: dict[str, int]) -> tuple[list[int], int]:
    found, characters = grams(run, most)
    return [cache.get(gram) or _term(gram, key, cache) for gram in found], characters


def _mark_of(language: str, key: bytes) -> int:
    return _hashed(f" {language}", key)  # no word has a space in it


def _other_cache(key: bytes) -> dict[tuple[str, str], tuple[int, tuple[int, ...]]]:
    cache = _other_caches.get(key)
    if cache is None:
        if len(_other_caches) >= _MAX_KEYS:
            _other_caches.clear()
        cache = _other_caches.setdefault(key, {})
    elif len(cache) > _MAX_CACHED:
        cache.clear()
    return cache


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
    """Return the keyed hash of a token's stem, its traits above bit 32; for a stop word -1 less its traits."""
    flags = traits_of_word(token)
    if token in STOP_WORDS:
        value = -1 - flags
    else:
        value = _hashed(english_form(token), key) | flags << 32
        if token in signs():
            value |= _FOREIGN if signs()[token][1] == SIGN else _MAYBE_FOREIGN
    cache[token] = value
    return value


def _hashed(form: str, key: bytes) -> int:
    return int.from_bytes(blake2b(form.encode("utf-8", "replace"), digest_size=4, key=key).digest(), "little") or 1
