"""What an entry is like is read from its words alone."""

from __future__ import annotations

import pytest

from holdfast.core.lexical import decode_terms, encode_terms
from holdfast.core.traits import ASKS, FIRST_PERSON, HAS_TIME, INSTRUCTS, PREFERS
from holdfast.model.records import entry_text

CASES = [
    ("Wow, that looks great!", 0),
    ("The museum opens at nine.", 0),
    ("I moved to Lisbon", FIRST_PERSON),
    ("I'm tired", FIRST_PERSON),
    ("Our dog is ill", FIRST_PERSON),
    ("\u6211\u4f4f\u5728\u91cc\u65af\u672c", FIRST_PERSON),
    ("Ich wohne in Lissabon", FIRST_PERSON),
    ("\u041c\u043e\u044f \u0441\u0435\u0441\u0442\u0440\u0430", FIRST_PERSON),
    ("Sure! What are you up to?", ASKS),
    ('She asked "really?"', ASKS),
    ("\u4f60\u597d\u5417\uff1f", ASKS),
    ("Really? No.", 0),
    ("Always include version numbers when I ask about software.", INSTRUCTS | FIRST_PERSON),
    ("From now on, answer in French.", INSTRUCTS),
    ("Thanks! Please never use emoji.", INSTRUCTS),
    ("You should always cite the source.", INSTRUCTS),
    ("I'd like you to keep it short.", INSTRUCTS | FIRST_PERSON | PREFERS),
    ("She always swims, he never does.", 0),
    ("It was never meant to be", 0),
    ("I've always loved hiking", PREFERS | FIRST_PERSON),
    ("I really don't like rain", FIRST_PERSON),
    ("I prefer tea", PREFERS | FIRST_PERSON),
    ("My favourite colour is blue", PREFERS | FIRST_PERSON),
    ("They love tea", 0),
    ("Her favourite colour is blue", 0),
    ("We went there yesterday", FIRST_PERSON | HAS_TIME),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("author", [None, "Ada"])
def test_the_traits_of_a_text(text: str, expected: int, author: str | None) -> None:
    assert decode_terms([encode_terms(entry_text(author, text), b"key")]).flags.tolist() == [expected]


def test_a_caption_neither_asks_nor_hides_that_its_entry_does() -> None:
    asked = encode_terms(entry_text("Ada", "Do you see it?", "a lake"), b"key")
    told = encode_terms(entry_text("Ada", "Look at this", "who is it?"), b"key")
    assert [decode_terms([blob]).flags.item() & ASKS for blob in (asked, told)] == [ASKS, 0]


def test_a_long_text_is_read_at_its_head_only() -> None:
    told = "word " * 1_000 + ". Always answer in French."
    assert decode_terms([encode_terms(told, b"key")]).flags.tolist() == [0]
