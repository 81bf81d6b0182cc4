"""The lexical blob: what it keeps, what it hides, and how it fails."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.lexical import (
    MAX_TOKENS,
    clear_term_cache,
    decode_terms,
    encode_terms,
    is_whole,
    term_hashes,
    terms_fingerprint,
    tokenise,
)
from holdfast.core.traits import HAS_TIME
from holdfast.errors import Damaged

KEY = b"k" * 32


def counts_of(text: str, key: bytes = KEY) -> dict[int, int]:
    columns = decode_terms([encode_terms(text, key)])
    return dict(zip(columns.hashes.tolist(), columns.counts.tolist(), strict=True))


def test_repeated_words_are_counted_and_stop_words_are_not() -> None:
    counts = counts_of("The piano, the PIANO and a garden")
    (piano,) = term_hashes("piano", KEY)
    (garden,) = term_hashes("garden", KEY)
    assert counts == {piano: 2, garden: 1}


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("she was running", "runs"),
        ("Café José", "cafe jose"),
        ("ＦＵＬＬ width", "full"),
        ("straße", "STRASSE"),
        ("the fire’s out", "fire"),
        ("नमस्ते दुनिया", "दुनिया"),
        ("黒猫が好きです", "猫"),
        ("我住在里斯本", "里斯本"),
        ("안녕하세요", "안녕"),
        ("ฉันรักแมว", "แมว"),
        ("meet me at gate b12漢字", "b12"),
    ],
)
def test_forms_of_a_word_meet(said: str, asked: str) -> None:
    terms = term_hashes(asked, KEY)
    assert terms
    assert set(terms) <= counts_of(said).keys()


def test_terms_of_different_keys_share_nothing() -> None:
    text = "piano lisbon garden penicillin"
    assert not counts_of(text).keys() & counts_of(text, b"another").keys()


def test_blob_holds_no_word() -> None:
    assert b"penicillin" not in encode_terms("penicillin", KEY)


def test_forgetting_the_cache_changes_no_blob() -> None:
    before = encode_terms("a piano in Lisbon", KEY)
    clear_term_cache()
    assert encode_terms("a piano in Lisbon", KEY) == before


def test_an_endless_text_is_bounded() -> None:
    blob = encode_terms("".join(f"word{i} " for i in range(600_000)), KEY)
    columns = decode_terms([blob])
    assert columns.totals.tolist() == [MAX_TOKENS]
    assert len(blob) <= 8 + 5 * MAX_TOKENS


def test_an_endless_word_is_bounded() -> None:
    assert len(tokenise("漢" * 1_000_000)) <= MAX_TOKENS
    assert encode_terms("x" * 5_000_000, KEY) == encode_terms("x" * 40, KEY)


def test_a_count_stops_at_255() -> None:
    assert list(counts_of("piano " * 900).values()) == [255]


@pytest.mark.parametrize(("text", "flags"), [("I moved yesterday", HAS_TIME), ("in 2022", HAS_TIME), ("a 2022nd", 0)])
def test_times_are_flagged(text: str, flags: int) -> None:
    assert decode_terms([encode_terms(text, KEY)]).flags.item() & HAS_TIME == flags


def test_words_count_stop_words_and_totals_do_not() -> None:
    columns = decode_terms([encode_terms("I am in the garden", KEY), encode_terms("", KEY)])
    assert columns.words.tolist() == [5, 0]
    assert columns.totals.tolist() == [1, 0]


@given(st.lists(st.text(max_size=200), max_size=8))
def test_any_texts_decode_to_their_own_terms(texts: list[str]) -> None:
    blobs = [encode_terms(text, KEY) for text in texts]
    columns = decode_terms(blobs)
    assert all(map(is_whole, blobs))
    start = 0
    for i, (text, unique) in enumerate(zip(texts, columns.uniques.tolist(), strict=True)):
        hashes = columns.hashes[start : start + unique].tolist()
        assert hashes == sorted(hashes)
        # An entry in another language may have a term for that beside those of its words.
        assert set(term_hashes(text, KEY)) <= set(hashes)
        assert unique <= len(set(term_hashes(text, KEY))) + 1
        assert columns.owners[start : start + unique].tolist() == [i] * unique
        assert (columns.counts[start : start + unique] > 0).all()
        start += unique
    assert start == len(columns.hashes)


@given(st.text(max_size=300))
def test_no_token_is_empty_or_has_a_space(text: str) -> None:
    assert all(token and not token.isspace() for token in tokenise(text))


WHOLE = encode_terms("a piano in Lisbon", KEY)


@pytest.mark.parametrize("blob", [WHOLE[:-4], WHOLE + bytes(4), WHOLE[:3], b"\7" + WHOLE[1:], b""])
def test_a_damaged_blob_is_refused(blob: bytes) -> None:
    assert not is_whole(blob)
    with pytest.raises(Damaged):
        decode_terms([encode_terms("fine", KEY), blob])


def test_no_blobs_give_no_columns() -> None:
    assert len(decode_terms([]).hashes) == 0


def test_the_fingerprint_names_layout_and_stemmer() -> None:
    assert re.fullmatch(r"terms-\d+/stemmer-\d+\.\d+", terms_fingerprint())
