"""What a query says: times, names and what it asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.date_forms import FORMS, words_of_time
from holdfast.core.lexical import term_hashes
from holdfast.core.query import MAX_QUERY_CHARS, Query, parse_query
from holdfast.core.when import DAY_MS, MAX_SPANS, spans

NOW = date(2023, 11, 14)  # a Tuesday
NOW_MS = int(datetime(2023, 11, 14, 15, 30, tzinfo=UTC).timestamp() * 1000)


def days_of(text: str) -> list[tuple[str, str]]:
    """Return the first and last day of every time named."""
    epoch = date(1970, 1, 1).toordinal()
    found: list[tuple[str, str]] = []
    for start, end in spans(text, NOW_MS):
        assert start % DAY_MS == end % DAY_MS == 0
        first, last = (date.fromordinal(epoch + ms // DAY_MS) for ms in (start, end - DAY_MS))
        found.append((first.isoformat(), last.isoformat()))
    return found


def read(text: str, *authors: str) -> Query:
    return parse_query(text, key=b"key", authors=authors, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("on 2023-05-07?", "2023-05-07", "2023-05-07"),
        ("at 2023-05-07T10:30:00Z", "2023-05-07", "2023-05-07"),
        ("during 2023-05", "2023-05-01", "2023-05-31"),
        ("on 2023/5/7", "2023-05-07", "2023-05-07"),
        ("on 7 May 2023", "2023-05-07", "2023-05-07"),
        ("on the 7th of May, 2023", "2023-05-07", "2023-05-07"),
        ("on May 7, 2023", "2023-05-07", "2023-05-07"),
        ("May 7th 2023", "2023-05-07", "2023-05-07"),
        ("on Sept. 3, 2022", "2022-09-03", "2022-09-03"),
        ("on March 3", "2023-03-03", "2023-03-03"),
        ("on December 3", "2022-12-03", "2022-12-03"),
        ("on 29 February 2024", "2024-02-29", "2024-02-29"),
        ("in May 2023", "2023-05-01", "2023-05-31"),
        ("on 31 June 2023", "2023-06-01", "2023-06-30"),
        ("in May, 2023", "2023-05-01", "2023-05-31"),
        ("in May", "2023-05-01", "2023-05-31"),
        ("in december", "2022-12-01", "2022-12-31"),
        ("in november", "2023-11-01", "2023-11-30"),
        ("next march", "2024-03-01", "2024-03-31"),
        ("last March", "2023-03-01", "2023-03-31"),
        ("What happened in Dec 2021", "2021-12-01", "2021-12-31"),
        ("October", "2023-10-01", "2023-10-31"),
        ("early May 2023", "2023-05-01", "2023-05-10"),
        ("in early 2021", "2021-01-01", "2021-05-01"),
        ("at the end of 2021", "2021-09-02", "2021-12-31"),
        ("mid-2021", "2021-05-02", "2021-09-01"),
        ("in 2022", "2022-01-01", "2022-12-31"),
        ("the summer of 2022", "2022-06-01", "2022-08-31"),
        ("summer 2022", "2022-06-01", "2022-08-31"),
        ("in the summer", "2023-06-01", "2023-08-31"),
        ("last summer", "2023-06-01", "2023-08-31"),
        ("last fall", "2022-09-01", "2022-11-30"),
        ("this winter", "2022-12-01", "2023-02-28"),
        ("fall 2021", "2021-09-01", "2021-11-30"),
        ("yesterday", "2023-11-13", "2023-11-13"),
        ("the day before yesterday", "2023-11-12", "2023-11-12"),
        ("last night", "2023-11-13", "2023-11-13"),
        ("this morning", "2023-11-14", "2023-11-14"),
        ("tomorrow", "2023-11-15", "2023-11-15"),
        ("last week", "2023-11-06", "2023-11-12"),
        ("this week", "2023-11-13", "2023-11-19"),
        ("last weekend", "2023-11-11", "2023-11-12"),
        ("last month", "2023-10-01", "2023-10-31"),
        ("next month", "2023-12-01", "2023-12-31"),
        ("last year", "2022-01-01", "2022-12-31"),
        ("3 days ago", "2023-11-11", "2023-11-11"),
        ("two weeks ago", "2023-10-28", "2023-11-03"),
        ("a week ago", "2023-11-04", "2023-11-10"),
        ("a couple of months ago", "2023-08-31", "2023-09-30"),
        ("in the past three weeks", "2023-10-24", "2023-11-14"),
        ("over the last 10 days", "2023-11-04", "2023-11-14"),
        ("last Tuesday", "2023-11-07", "2023-11-07"),
        ("on Monday", "2023-11-13", "2023-11-13"),
        ("next Friday", "2023-11-17", "2023-11-17"),
        ("between May 2023 and July 2023", "2023-05-01", "2023-07-31"),
        ("from 3 May 2023 to 5 May 2023", "2023-05-03", "2023-05-05"),
        ("since September", "2023-09-01", "2023-11-14"),
        ("in Q1 2023", "2023-01-01", "2023-03-31"),
        ("in Q4", "2023-10-01", "2023-12-31"),
        ("in the first quarter of 2022", "2022-01-01", "2022-03-31"),
        ("in the last quarter of 2022", "2022-10-01", "2022-12-31"),
        ("in the second quarter of last year", "2022-04-01", "2022-06-30"),
        ("last quarter", "2023-07-01", "2023-09-30"),
        ("this quarter", "2023-10-01", "2023-12-31"),
        ("next quarter", "2024-01-01", "2024-03-31"),
        ("in the second half of 2022", "2022-07-01", "2022-12-31"),
        ("in the first half of last year", "2022-01-01", "2022-06-30"),
        ("three Fridays ago", "2023-10-27", "2023-10-27"),
        ("two Tuesdays ago", "2023-10-31", "2023-10-31"),
        ("half a year ago", "2023-02-14", "2023-08-15"),
        ("a year and a half ago", "2022-02-14", "2022-08-15"),
        ("a decade ago", "2008-11-14", "2018-11-14"),
        ("a fortnight ago", "2023-10-26", "2023-11-05"),
        ("the week before last", "2023-10-30", "2023-11-05"),
        ("the weekend before last", "2023-11-04", "2023-11-05"),
        ("the month before last", "2023-09-01", "2023-09-30"),
        ("the year before last", "2021-01-01", "2021-12-31"),
        ("early last year", "2022-01-01", "2022-05-01"),
        ("at the end of last month", "2023-10-22", "2023-10-31"),
        ("earlier this year", "2023-01-01", "2023-11-13"),
        ("earlier this week", "2023-11-13", "2023-11-13"),
        ("later this year", "2023-11-15", "2023-12-31"),
        ("the week of May 8, 2023", "2023-05-08", "2023-05-14"),
        ("the weekend of 6 May 2023", "2023-05-06", "2023-05-07"),
        ("the first week of June", "2023-06-01", "2023-06-07"),
        ("the last week of May 2022", "2022-05-25", "2022-05-31"),
        ("the last weekend of October", "2023-10-28", "2023-10-29"),
        ("the second Tuesday of March 2022", "2022-03-08", "2022-03-08"),
        ("late summer 2021", "2021-08-02", "2021-08-31"),
        ("early fall 2021", "2021-09-01", "2021-09-30"),
        ("mid-June 2022", "2022-06-11", "2022-06-20"),
        ("in the 1990s", "1990-01-01", "1999-12-31"),
        ("in the early 2000s", "2000-01-01", "2003-05-01"),
        ("in the 90s", "1990-01-01", "1999-12-31"),
        ("last Christmas", "2022-12-25", "2022-12-25"),
        ("at Christmas", "2022-12-25", "2022-12-25"),
        ("next Christmas", "2023-12-25", "2023-12-25"),
        ("Thanksgiving 2021", "2021-11-25", "2021-11-25"),
        ("at Easter", "2023-04-09", "2023-04-09"),
        ("next Easter", "2024-03-31", "2024-03-31"),
        ("on Good Friday 2019", "2019-04-19", "2019-04-19"),
        ("last Halloween", "2023-10-31", "2023-10-31"),
        ("on New Year's Eve", "2022-12-31", "2022-12-31"),
        ("on Valentine\u2019s Day", "2023-02-14", "2023-02-14"),
        ("on Memorial Day 2023", "2023-05-29", "2023-05-29"),
        ("on the fourth of July", "2023-07-04", "2023-07-04"),
        ("two weeks before Christmas", "2022-12-08", "2022-12-14"),
        ("the day after Thanksgiving 2021", "2021-11-26", "2021-11-26"),
        ("the day before 5 May 2023", "2023-05-04", "2023-05-04"),
        ("three days after 5 May 2023", "2023-05-08", "2023-05-08"),
        ("the week of Thanksgiving 2021", "2021-11-22", "2021-11-28"),
        ("between Christmas and New Year's", "2022-12-25", "2023-01-01"),
        ("this past Friday", "2023-11-10", "2023-11-10"),
        ("this past weekend", "2023-11-11", "2023-11-12"),
        ("on the 15th", "2023-10-15", "2023-10-15"),
        ("on the 3rd", "2023-11-03", "2023-11-03"),
        ("on the first of May", "2023-05-01", "2023-05-01"),
        ("on the twenty-third of October 2021", "2021-10-23", "2021-10-23"),
        ("between May 5 and 9", "2023-05-05", "2023-05-09"),
        ("May 5-9", "2023-05-05", "2023-05-09"),
        ("from May 5 to 9, 2022", "2022-05-05", "2022-05-09"),
        ("5-9 May", "2023-05-05", "2023-05-09"),
        ("between May 5 and June 9", "2023-05-05", "2023-06-09"),
        ("week of June 12", "2023-06-12", "2023-06-18"),
        ("on 5/6/2022", "2022-05-06", "2022-05-06"),
        ("on 31/5/2022", "2022-05-31", "2022-05-31"),
    ],
)
def test_a_time_is_read(text: str, first: str, last: str) -> None:
    assert days_of(f"What happened {text}") == [(first, last)]
    assert days_of(text.upper()) == [(first, last)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "May I ask something?",
        "What may have caused it?",
        "Will they march on?",
        "How did Jan feel?",
        "at 0000-13-45",
        "it costs 2023.50 and $1999",
        "room 12023",
        "What did Melanie fall for?",
        "Who is the second?",
        "the latest news",
        "Was the meeting on the 3rd floor?",
        "Who came first?",
        "Is she in her 90s?",
    ],
)
def test_no_time_is_made_up(text: str) -> None:
    assert days_of(text) == []


def test_several_times_are_kept_in_order() -> None:
    assert days_of("Was it in May 2023, in 2021 or yesterday?") == [
        ("2023-05-01", "2023-05-31"),
        ("2021-01-01", "2021-12-31"),
        ("2023-11-13", "2023-11-13"),
    ]


@given(st.text(max_size=300), st.integers(-62_000_000_000_000, 250_000_000_000_000))
def test_any_text_at_any_time_is_read(text: str, now_ms: int) -> None:
    for start, end in spans(text, now_ms):
        assert start < end
    assert len(spans(text, now_ms)) <= MAX_SPANS


TIME_WORDS = (
    "may 7 7th of , 2023 in early last next week day days ago two a between and from to since 31 june summer the past "
    "tuesday yesterday before 9999 1900 month year on 2023-02-30 - / weekend end"
)
time_words = st.sampled_from(TIME_WORDS.split())


@given(st.lists(time_words, max_size=12).map(" ".join), st.integers(-62_000_000_000_000, 250_000_000_000_000))
def test_any_jumble_of_time_words_is_read(text: str, now_ms: int) -> None:
    for start, end in spans(text, now_ms):
        assert start < end


@pytest.mark.parametrize(
    ("text", "named", "dense"),
    [
        ("What did Caroline paint?", ("Caroline",), "What did I paint?"),
        ("What is Caroline's job?", ("Caroline",), "What is my job?"),
        ("What is Caroline’s job?", ("Caroline",), "What is my job?"),
        ("what is caroline up to", ("Caroline",), "what is I up to"),
        ("Do Caroline and Will agree?", ("Caroline", "Will"), "Do I and I agree?"),
        ("will caroline come?", ("Caroline",), "will I come?"),
        ("What do Carolines do?", (), "What do Carolines do?"),
        ("How is Ada Lovelace?", ("Ada Lovelace",), "How is I?"),
        ("How is Ada?", ("Ada Lovelace",), "How is I?"),
        ("Which support tickets are open?", (), "Which support tickets are open?"),
        ("What did the customer want?", (), "What did the customer want?"),
        ("What did the user say?", (), "What did the user say?"),
        ("Was sagt Åsa?", ("Åsa",), "Was sagt I?"),
    ],
)
def test_known_authors_are_found_and_speak_for_themselves(text: str, named: tuple[str, ...], dense: str) -> None:
    authors = ("Caroline", "Will", "Ada Lovelace", "support", "Customer Service", "user", "Åsa")
    query = read(text, *authors)
    assert query.named == named
    assert query.dense_text == dense


@pytest.mark.parametrize("author", ["O'Neil", "İpek", "D'Arcy Fitz"])
def test_a_name_of_any_spelling_is_found(author: str) -> None:
    assert read(f"How is {author}?", author).named == (author,)
    assert read("How is D or O or i?", author).named == ()


def test_a_first_name_two_authors_share_names_neither_and_a_full_one_its_own() -> None:
    authors = ("Ada Lovelace", "Ada Byron", "Ada Byron King")
    assert read("How is Ada?", *authors).named == ()
    assert read("How is Ada Byron?", *authors).named == ("Ada Byron",)
    assert read("Does Ada Byron King know Ada Lovelace?", *authors).named == ("Ada Byron King", "Ada Lovelace")


@pytest.mark.parametrize(
    ("text", "asks_time", "asks_assistant"),
    [
        ("When did I move?", True, False),
        ("How long have I had the dog?", True, False),
        ("What day is the meeting?", True, False),
        ("What would you recommend?", False, False),
        ("What did you recommend for dinner?", False, True),
        ("Remind me of the hotel you suggested", False, True),
        ("What was your advice?", False, True),
        ("Whenever", False, False),
    ],
)
def test_what_is_asked_for_is_read(text: str, asks_time: bool, asks_assistant: bool) -> None:
    query = read(text)
    assert (query.asks_time, query.asks_assistant) == (asks_time, asks_assistant)


@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=5, unique=True))
def test_any_query_is_read(text: str, authors: list[str]) -> None:
    query = read(text, *authors)
    assert set(query.named) <= set(authors)
    assert len(query.terms) == len(set(query.terms))


def test_an_endless_query_is_cut() -> None:
    query = read("What did Ada say yesterday? " * 100_000, "Ada")
    assert len(query.text) == MAX_QUERY_CHARS
    assert len(query.times) == MAX_SPANS


@pytest.mark.parametrize(
    ("text", "things"),
    [
        ("Did Ada play Bach in Porto?", "Bach Porto"),
        ("Which Bach piece? Was it BWV 988?", "Bach BWV 988"),
        ("what did she play?", ""),
        ("When I moved in May, was I ill on Monday?", ""),
    ],
)
def test_what_a_question_speaks_of_by_name_is_not_an_author_or_a_date(text: str, things: str) -> None:
    assert read(text, "Ada").spoken_of == set(term_hashes(things, b"key"))


@given(st.lists(time_words, max_size=12).map(" ".join))
def test_no_form_of_a_time_is_passed_over_that_is_in_a_text(text: str) -> None:
    words = words_of_time(text.lower())
    for needed, pattern, _ in FORMS:
        assert not needed.isdisjoint(words) or pattern.search(text.lower()) is None
