"""Languages are told without a model, a wrong guess loses nothing, and no text takes long."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import language_forms, lexical
from holdfast.core.language import ENGLISH, Language, fold, language_of, stop_words
from holdfast.core.language_forms import forms, grams, is_unspaced, split
from holdfast.core.language_words import ARABIC, CYRILLIC, HANGUL_PARTICLES, LATIN
from holdfast.core.lexical import (
    MAX_QUERY_TERMS,
    MAX_TOKENS,
    decode_terms,
    encode_terms,
    language_of_query,
    language_shares,
    rarest,
    term_hashes,
)
from holdfast.core.query import parse_query

KEY = b"k" * 32

SAID = [
    ("Ich habe die Prüfung nicht bestanden.", "german"),
    ("Ich wohne in Hamburg und du nicht", "german"),
    ("¿Dónde vive la hermana de Ana?", "spanish"),
    ("Mi hermano no se casa hasta el otoño porque está cansado", "spanish"),
    ("Je ne sais pas où elle habite", "french"),
    ("Non so perché lei è andata via con loro", "italian"),
    ("Eu não sei onde ela está, mas você sabe", "portuguese"),
    ("Ik weet niet waarom hij het heeft gedaan", "dutch"),
    ("Jag vet inte varför hon är här", "swedish"),
    ("Jeg ved ikke hvorfor hun er her, og det gør du heller ikke", "danish"),
    ("En tiedä missä hän on, mutta minä tulen", "finnish"),
    ("Nem tudom, hogy hol van, de én is jövök", "hungarian"),
    ("Ben bilmiyorum ama sen çok iyi biliyorsun", "turkish"),
    ("Nie wiem, gdzie ona jest, ale ja też się boję", "polish"),
    ("Nu știu unde este ea, dar eu sunt aici", "romanian"),
    ("I have not passed the exam.", ENGLISH),
    ("The die was cast, and the war with Los Angeles and El Paso is on", ENGLISH),
    ("We met José and Zoë at the café in São Paulo", ENGLISH),
    ("piano", ENGLISH),
    ("Bo: " + "word " * 150, ENGLISH),
    ("Voice (e.g., male), tone (e.g., serious), style (e.g., formal), length (e.g., short)", ENGLISH),
    ("", ENGLISH),
    ("🎂🎂🎂", ENGLISH),
]


@pytest.mark.parametrize(("text", "language"), SAID)
def test_a_language_is_told_by_its_words_and_letters(text: str, language: str) -> None:
    assert language_of_query(text).latin == language


@pytest.mark.parametrize(
    ("text", "cyrillic", "arabic"),
    [
        ("Я живу в Казани", "russian", "arabic"),
        ("Я живу в Києві", "", "arabic"),
        ("Ја сам код куће, љубави", "serbian", "arabic"),
        ("أسكن في القاهرة", "russian", "arabic"),
        ("من در تهران زندگی می‌کنم", "russian", "persian"),
    ],
)
def test_languages_of_one_script_are_told_by_their_letters(text: str, cyrillic: str, arabic: str) -> None:
    found = language_of_query(text)
    assert (found.cyrillic, found.arabic) == (cyrillic, arabic)


def test_a_short_question_is_in_the_language_of_its_space() -> None:
    assert language_of_query("Reisen Italien").latin == ENGLISH
    assert language_of_query("Reisen Italien", {"german": 0.8}).latin == "german"
    assert language_of_query("Where did she go and when?", {"german": 0.8}).latin == ENGLISH


def shares_of(texts: Sequence[str]) -> dict[str, float]:
    blobs = [encode_terms(text, KEY) for text in texts]
    hashes = [set(decode_terms([blob]).hashes.tolist()) for blob in blobs]
    return language_shares(lambda term: sum(term in one for one in hashes), len(texts), KEY)


def test_a_space_tells_the_share_of_its_languages() -> None:
    english = ["I live in the city.", "Piano", "She is here and I am not"]
    assert shares_of(english) == {}
    assert shares_of([]) == {}
    shares = shares_of([*english, "Ich wohne nicht in der Stadt und du auch nicht."])
    assert shares == {"german": 0.25}


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Müller wohnt nicht mehr bei uns, aber wir mögen ihn", "Mueller"),
        ("Herr Mueller wohnt nicht mehr bei uns, aber wir mögen ihn", "Müller"),
        ("Ich habe die Häuser nicht gesehen, weil du nicht da warst", "Wo ist das Haus, das du gesehen hast?"),
        ("El niño no ha comido porque está enfermo", "nino"),
        ("¿Qué canciones cantan los niños?", "¿Quién canta una canción?"),
        ("Sen bana İSTANBUL'da ISPARTA'yı niçin anlattın, çok güzel", "isparta"),
        ("مُدَرِّسَةٌ", "مدرسه"),
        ("كلبنا يخاف من العواصف", "الكلاب"),
        ("أحمد", "احمد"),
        ("١٩٥٨ في عام", "1958"),
        ("Ёлка упала", "елки"),
        ("Наша кошка сломала лапу", "кошки"),
        ("家の\uff8c\uff9e\uff97\uff9d\uff7a", "ブランコ"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("나는 리스본에서 살아요", "리스본은"),
        ("집에 있어요", "집"),
        ("ខ្ញុំស្រឡាញ់ឆ្មា", "ឆ្មា"),
        ("ဒီနေ့ မိုးရွာတယ်", "မိုး"),
        ("ຂ້ອຍຮັກແມວ", "ແມວ"),
        ("שָׁלוֹם עולם", "שלום"),
        ("η γάτα κοιμάται", "ΓΑΤΑ"),
        ("co\u00adope\u00adra\u00adtion with Zoë", "cooperation"),
        ("e\u0301te\u0301", "été"),
        ("smørrebrød", "smorrebrod"),
    ],
)
def test_forms_of_a_word_meet_in_every_script(said: str, asked: str) -> None:
    counts = set(decode_terms([encode_terms(said, KEY)]).hashes.tolist())
    assert counts & set(term_hashes(asked, KEY))


def test_a_word_is_found_as_it_stands_by_its_stem_and_spelled_out() -> None:
    assert forms("häuser", Language("german")) == ("hauser", "haus", "haeuser")
    assert forms("häuser", Language("german", sure=False)) == ("hauser", "haus", "haeuser")
    assert forms("running", Language("german", sure=False)) == ("running", "run")
    assert forms("running", Language()) == ("run",)


def test_letters_of_their_own_tell_words_apart() -> None:
    years, others = (set(forms(word, Language("spanish"))) for word in ("niña", "nina"))
    assert "niñ" in years - others
    assert forms("my", Language(cyrillic="")) == ()
    assert set(forms("мой", Language())) != set(forms("мои", Language(cyrillic="")))


@given(st.text(max_size=40), st.sampled_from(sorted(LATIN)), st.booleans())
def test_a_wrong_guess_keeps_the_word_as_it_stands(text: str, language: str, sure: bool) -> None:
    for piece in split(text, 50):
        if not is_unspaced(piece):
            found = forms(piece, Language(language, sure))
            folded = fold(piece[:40])
            assert folded in found or not found or "\uac00" <= piece[0] <= "\ud7af"
            if not sure and folded[:1].isascii() and found:
                assert language_forms.english_form(folded) in found


@given(st.text(max_size=300), st.sampled_from((*LATIN, ENGLISH)))
def test_any_text_is_read_in_any_language(text: str, language: str) -> None:
    terms = term_hashes(text, KEY, Language(language))
    assert len(terms) == len(set(terms))
    assert all(0 < term < 1 << 32 for term in terms)
    parse_query(text, key=KEY, authors=("Ada",), now_ms=0, languages={language: 0.9})


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        ("ёлка", "елка"), ("мой", "мой"), ("за\u0301мок", "замок"), ("año", "ano"), ("łódź", "lodz"), ("ǖ", "u"),
        ("smørbrød", "smorbrod"), ("ısparta", "isparta"), ("ά", "α"), ("إسلام", "اسلام"), ("كتابـــي", "كتابي"),
        ("شَمْس", "شمس"), ("۱۲", "12"), ("שָׁלוֹם", "שלום"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_what_is_left_out_in_a_hurry_is_folded(word: str, folded: str) -> None:
    assert fold(unicodedata.normalize("NFC", word)) == folded


def test_a_capital_i_is_turkish_in_turkish() -> None:
    said, asked = "SINIFLARIMIZDA çok güzel ve sıcak değil mi", "sınıflarımızda"
    counts = set(decode_terms([encode_terms(said, KEY)]).hashes.tolist())
    assert set(term_hashes(asked, KEY, Language("turkish"))) <= counts


@given(st.text(max_size=200))
def test_folding_is_done_once(text: str) -> None:
    for piece in split(text, 50):
        if folded := fold(piece):
            assert fold(folded) == folded
            assert not any(character.isspace() for character in folded)


@given(st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=200))
def test_english_beyond_ascii_has_the_terms_it_had(text: str) -> None:
    """What is English gives one stem a word, read the short way or the long one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    language = Language()
    assert term_hashes(plain, KEY, language) == term_hashes(plain + " \u201c", KEY, language)
    assert term_hashes(plain, KEY, language) == tuple(lexical._read_any(plain, KEY, language).counts)


def test_quotation_marks_and_emoji_do_not_change_english() -> None:
    plain = 'She said "running shoes" - and left...'
    fancy = "She said \u201crunning shoes\u201d \u2013 and left\u2026 👟\ufe0f"
    assert encode_terms(fancy, KEY) == encode_terms(plain, KEY)


def test_two_characters_count_as_a_word() -> None:
    columns = decode_terms([encode_terms("我住在里斯本", KEY)])
    assert columns.totals.tolist() == columns.words.tolist() == [3]


def test_single_characters_are_found_where_they_may_be_words() -> None:
    assert grams("猫が好き", 99)[0] == ["猫", "好", "猫が", "が好", "好き"]
    assert grams("か", 99)[0] == ["か"]
    assert grams("ปลา", 99)[0] == ["ปล", "ลา"]


STORMS = {
    "marks that sort": "a" + "\u0301\u0316" * 50_000,
    "marks of another plane": "a" + "\U0001d165\U0001d16d" * 50_000,
    "Thai marks": "\u0e01" + "\u0e48\u0e38" * 50_000,
    "Hebrew points": "\u05d0" + "\u05b0\u05b1\u05bc" * 33_000,
    "a ligature of 18": "\ufdfa" * 100_000,
    "directions": "\u202e\u200f" * 50_000,
    "families": "👩\u200d👩\u200d👧" * 20_000,
    "Han": "\u6f22" * 100_000,
    "Hangul": "\uac00" * 100_000,
    "one long word": "\u00e9" * 100_000,
    "many words": " ".join(f"\u00fc{n}" for n in range(20_000)),
    "every character": "".join(chr(code) for code in range(1, 0xD800)),
}


@pytest.mark.parametrize("name", STORMS)
def test_a_storm_of_characters_is_bounded(name: str) -> None:
    columns = decode_terms([encode_terms(STORMS[name], KEY)])
    assert columns.words.item() <= MAX_TOKENS
    assert columns.uniques.item() <= 4 * MAX_TOKENS
    parse_query(STORMS[name], key=KEY, authors=(), now_ms=0)


@pytest.mark.parametrize(
    "mark", [chr(code) for code in range(0x300, 0x20000) if unicodedata.combining(chr(code))][::37]
)
def test_no_mark_stands_more_than_a_few_times_in_a_row(mark: str) -> None:
    """Normalising a row of marks takes time by the square of its length."""
    for storm in ("a" + mark * 1_000, "a" + f"{mark}\u0301\u0316" * 500):
        assert max((len(piece) for piece in split(storm, 9)), default=0) <= 40


def test_of_very_many_terms_the_rarest_are_looked_for() -> None:
    few = tuple(range(1, MAX_QUERY_TERMS + 1))
    assert rarest(few, {}.__getitem__) == few
    many = range(1, 1_001)
    chosen = rarest(many, lambda term: 1_001 - term)
    assert chosen == tuple(range(1_001 - MAX_QUERY_TERMS, 1_001))
    assert rarest(many, lambda term: int(term <= 3)) == (1, 2, 3)
    assert max(rarest(range(1, 100_000), lambda term: 1)) == MAX_QUERY_TERMS


def test_every_list_is_written_in_lower_case_and_composed() -> None:
    for words in (*LATIN.values(), *CYRILLIC.values(), *ARABIC.values(), HANGUL_PARTICLES):
        assert words == unicodedata.normalize("NFC", words.lower())
    ends = HANGUL_PARTICLES.split()
    assert ends == sorted(ends, key=len, reverse=True)


def test_languages_without_a_stemmer_are_found_as_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_forms, "_algorithms", lambda: frozenset({ENGLISH}))
    monkeypatch.setattr(language_forms, "_stemming", language_forms._Stemming())
    assert forms("häuser", Language("german")) == ("hauser", "haeuser")
    assert language_of(["kot"], "kot").latin == ENGLISH
    assert stop_words("klingon") == frozenset()
    assert sys.maxunicode == 0x10FFFF
