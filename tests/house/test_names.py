"""Names: what may be one, what never becomes a path, and which two are the same."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from holdfast.core.names import NAME_CHARS, check_name, check_principal, name_key
from holdfast.errors import AlreadyThere, InvalidField
from tests.house.scenes import names_under, refused

GOOD = [
    "a",
    "acme/ada",
    "Acme Team/R+D",
    "ada@example.org",
    "o'brien",
    "客户/王伟",
    "équipe/été",
    "данные",
    "a.b/c-d_e",
]
BAD = [
    "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b", "./a", "a/.b", "a/b.", "a/b ", " a", "a\\b",
    "C:a", "~", "~/a", "a\0b", "a\nb", "a\tb", "\x7f", "a\u200bb", "a\ufeff", "\u202ea", "a\u2066b", "a\u00adb", "a*",
    "a?",
    "CON", "con", "nul.txt", "acme/LPT1", "Com9.db", "AUX", "a..b", "a  b", "a\u00a0b", "a\u3000b", "a\u2024b", "ａcme",
    "ﬁ", "-x", "a/-rf", "\u0301a", "a/\u0301b", "ac\u043ce", "\u0430cme", "a\u3164b", "a\ufe0f", "\ud800", ":memory:",
    "a|b", "a<b>", "</memories>", "x" * 10_240, "x" * 65, "/".join("abcdefghi"), "💥", "a\ua4f8", "a\u0660\u0660b",
]  # fmt: skip
SAME = [
    ("acme/ada", "ACME/Ada"),
    ("caf\u00e9", "cafe\u0301"),
    ("straße", "STRASSE"),
    ("a.b", "a\ua4f8b"),
    ("a.1", "a\u06601"),
    ("o'brien", "o\u02bcbrien"),
    ("İstanbul", "i\u0307stanbul"),
]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_people_use_is_taken_as_it_is(name: str):
    assert check_name(name, "space") == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("name", BAD, ids=lambda name: ascii(name)[:30])
def test_a_name_that_could_be_mistaken_is_refused(name: str):
    with refused(InvalidField, "Nothing was done"):
        check_name(name, "space")


@pytest.mark.parametrize("value", [None, 3, b"acme", ["acme"], Path("acme")])
def test_what_is_no_string_is_no_name(value):
    with refused(InvalidField, "expected a name"):
        check_name(value, "principal")


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_that_nobody_can_tell_apart_have_one_key(one: str, other: str):
    assert name_key(check_name(one, "space")) == name_key(check_name(other, "space"))
    assert check_principal(one) == check_principal(other)


@pytest.mark.parametrize(("one", "other"), [("a-b", "a_b"), ("a", "a/a"), ("ab", "a.b"), ("cafe", "café")])
def test_names_that_differ_have_different_keys(one: str, other: str):
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize("name", BAD, ids=lambda name: ascii(name)[:30])
def test_a_bad_name_is_refused_by_every_call_and_leaves_no_file(house, folder: Path, name: str):
    before = names_under(folder.parent)
    for call in (
        lambda: house.create(name),
        lambda: house.space(name),
        lambda: house.drop(name, confirm=name),
        lambda: house.grants(name),
        lambda: house.recall("x", spaces=[name]),
        lambda: house.spaces(as_=name),
        lambda: house.create("fine", by=name),
    ):
        with refused(InvalidField):
            call()
    assert names_under(folder) == []
    assert names_under(folder.parent) == before


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_space_that_looks_like_another_cannot_be_made_and_is_found_by_either(house, one: str, other: str):
    made = house.create(one)
    with refused(AlreadyThere):
        house.create(other)
    house.space(other).remember("Found by either name.")
    assert [record.text for record in house.space(one).records()] == ["Found by either name."]
    assert [entry.id for entry in house.spaces()] == [made.id]


def test_a_name_never_becomes_part_of_a_path(house, folder: Path):
    for name in GOOD:
        house.create(name)
    stems = {name.split(".")[0] for name in names_under(folder)}
    assert len(stems) == len(GOOD)
    assert all(len(stem) == 32 and set(stem) <= set("0123456789abcdef") for stem in stems)


def test_no_text_of_random_characters_gets_past_the_rules():
    """Whatever is taken is composed, in one line, of visible segments that are no path."""
    chance = random.Random(7)
    alphabet = [chr(n) for n in range(0x3000)] + ["/", ".", " ", "a", "b", "A", "-"] * 1500
    taken = 0
    for _ in range(20_000):
        text = "".join(chance.choices(alphabet, k=chance.randint(1, 6)))
        try:
            name = check_name(text, "space")
        except InvalidField:
            continue
        taken += 1
        assert len(name) <= NAME_CHARS
        assert unicodedata.normalize("NFKC", name) == name
        assert name.isprintable()
        assert "\\" not in name
        assert all(segment.strip(". ") == segment and segment for segment in name.split("/"))
        assert check_name(name, "space") == name
    assert taken > 1_000
