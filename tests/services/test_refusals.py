"""Bad input: the error says what was wrong and what to do, and nothing is written."""

from __future__ import annotations

import struct
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import apsw
import pytest

from holdfast import Memory, Turn
from holdfast.errors import (
    Damaged,
    HoldfastError,
    InvalidField,
    InvalidInput,
    InvalidText,
    InvalidTime,
    NewerSchema,
    NotASpace,
    StoreError,
    StoreFull,
    StoreReadOnly,
)
from holdfast.model import limits
from tests.services.conftest import START_MS
from tests.services.scenes import found, refused, state_of

BAD_TEXTS = {
    "empty": ("", "is empty"),
    "spaces": (" \t\n\u2003 ", "is empty"),
    "ten megabytes": ("a" * 10_000_000, "10,000,000 characters"),
    "NUL": ("a\0b", "NUL character at 1"),
    "lone surrogate": ("half \ud83d of a pair", "U+D83D"),
    "bytes": (b"Ada", "expected a string"),
    "None": (None, "expected a string"),
    "number": (5, "expected a string"),
}
bad_texts = pytest.mark.parametrize(("text", "word"), BAD_TEXTS.values(), ids=BAD_TEXTS.keys())


@bad_texts
def test_a_text_that_cannot_be_kept_is_refused_by_every_call_that_takes_one(memory, text, word):
    fact = memory.remember("Ada runs.")
    chat = memory.session("chat-1")
    for call in (
        lambda: memory.remember(text), lambda: chat.add("user", text), lambda: memory.correct(fact.id, text),
        lambda: chat.add_many([Turn(speaker="user", text="Fine."), Turn(speaker="user", text=text)]),
    ):  # fmt: skip
        with refused(memory, InvalidText, "The text", word, "Nothing was written"):
            call()
    if text is not None:
        for call in (
            lambda: chat.add("user", "Look.", caption=text), lambda: memory.correct(fact.id, "x", reason=text),
            lambda: memory.forget(fact.id, reason=text),
        ):  # fmt: skip
            with refused(memory, InvalidText, "Nothing was written"):
                call()


@bad_texts
def test_a_name_that_cannot_be_one_is_refused_by_every_field(memory, text, word):
    chat = memory.session("chat-1")
    calls = [
        lambda: memory.session(text), lambda: chat.add(text, "Hello"), lambda: chat.add(text, "Hello", author="Ada"),
        lambda: memory.remember("x", tags=[text]), lambda: memory.remember("x", attributes={text: 1}),
    ]  # fmt: skip
    if text is not None:
        names = ("subject", "predicate", "object", "source", "key")
        calls += [lambda name=name: memory.remember("x", **{name: text}) for name in names]
        calls += [lambda: chat.add("user", "x", source=text), lambda: chat.add("user", "x", key=text)]
    for call in calls:
        with refused(memory, InvalidText):
            call()


def test_a_name_is_one_line_without_space_around_it(memory):
    for bad in (" Ada", "Ada ", "Ada\nBruno", "Ada\tBruno", "bell\x07", "\x1b[31mAda", "next\x85line"):
        for call in (
            lambda bad=bad: memory.session(bad), lambda bad=bad: memory.remember("x", subject=bad),
            lambda bad=bad: memory.session("s").add(bad, "x"), lambda bad=bad: memory.session("s", user=bad),
            lambda bad=bad: memory.remember("x", tags=[bad]), lambda bad=bad: memory.remember("x", key=bad),
        ):  # fmt: skip
            with refused(memory, InvalidField, "space around it or control characters"):
                call()
    with refused(memory, InvalidText, "501 characters; at most 500"):
        memory.session("a" * 501)
    with pytest.raises(InvalidInput):
        Memory.open(":memory:", as_=" ")


def test_texts_at_the_limits_are_kept_whole(memory):
    for text in (
        "a",
        "\u200b",
        "a" * limits.TEXT_CHARS,
        "\x01\x1b[31m\x7f",
        "\u202eabc\u2069",
        "👩‍👩‍👧‍👦",
        "e" + "\u0301" * 99,
    ):
        assert memory.get(memory.remember(text).id).text == text
    label = "é" * limits.LABEL_CHARS
    assert memory.session(label).add(label, "x", source=label, tags=[label]).author == label
    assert memory.check() == []


BAD_TIMES = {
    "naive": (datetime(2024, 5, 3), "no time zone"),
    "unknown format": ("last Tuesday", "ISO 8601"),
    "month first": ("05/03/2024", "ISO 8601"),
    "no such day": ("2023-02-30", "not a time"),
    "hour 25": ("2023-02-03T25:00", "not a time"),
    "13 pm": ("13:00 pm on 8 May, 2023", "not a time"),
    "empty": ("", "expected"),
    "number": (1_700_000_000, "not a time"),
    "far future": ("3000-01-01", "outside the years 1 to 2999"),
    "farther future": (datetime(9999, 1, 1, tzinfo=UTC), "outside"),
    "before the first year": (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "outside"),
}


@pytest.mark.parametrize(("when", "word"), BAD_TIMES.values(), ids=BAD_TIMES.keys())
def test_a_time_that_cannot_be_one_is_refused(memory, when, word):
    fact = memory.remember("Ada runs.", when="2000-01-01")
    for call in (
        lambda: memory.remember("x", when=when), lambda: memory.remember("x", until=when),
        lambda: memory.session("s").add("user", "x", when=when), lambda: memory.correct(fact.id, "x", when=when),
        lambda: memory.revise(fact.id, until=when), lambda: memory.at(when),
    ):  # fmt: skip
        with refused(memory, InvalidTime, word):
            call()


def test_a_turn_cannot_have_been_said_tomorrow_but_a_fact_may_begin_then(memory, clock):
    chat = memory.session("chat-1")
    for when in ("2025-06-17", "2999-12-31", date(2025, 6, 17)):
        with refused(memory, InvalidTime, "more than a day after now"):
            chat.add("user", "x", when=when)
    assert chat.add("user", "x", when="2025-06-16T15:06:40Z").valid_from == START_MS + limits.FUTURE_MS
    assert memory.remember("The lease ends.", when="2999-12-31").valid_from > clock.now


def test_a_turn_in_milliseconds_is_checked_as_any_other_time(memory):
    chat = memory.session("chat-1")
    chat.add("user", "before")
    for bad in (10**18, -(10**18), 10**30, "2024-05-03", 1.5, True, float("nan")):
        with refused(memory, InvalidTime):
            chat.add_many([Turn(speaker="user", text="x", when_ms=bad)])
    assert memory.recall("before").text


def test_numbers_outside_their_range_are_refused(memory):
    fact = memory.remember("Ada runs.")
    for name in ("confidence", "importance"):
        for bad in (-0.001, 1.001, float("nan"), float("inf"), "1", True, [1]):
            for call in (
                lambda name=name, bad=bad: memory.remember("x", **{name: bad}),
                lambda name=name, bad=bad: memory.revise(fact.id, **{name: bad}),
            ):
                with refused(memory, InvalidField, name, "from 0 to 1"):
                    call()


def test_tags_attributes_and_sources_are_lists_of_what_they_should_be(memory):
    fact = memory.remember("Ada runs.")
    for bad in ("health", 5, {"a": 1}, ["a" * 501], [str(number) for number in range(65)], [["a"]]):
        for call in (lambda bad=bad: memory.remember("x", tags=bad), lambda bad=bad: memory.revise(fact.id, tags=bad)):
            with pytest.raises(InvalidInput):
                call()
    for bad in (
        ["a"], "a", 5, {"a": None}, {"a": [1]}, {"a": {"b": 1}}, {"a": float("nan")}, {"a": float("inf")},
        {"a": 10**30}, {"a": 10**5000}, {"a": b"x"}, {"a": "a\0"}, {"a": "\ud83d"}, {"a": "x" * 5001}, {5: 1},
        {str(number): 1 for number in range(65)}, {"": 1},
    ):  # fmt: skip
        for call in (
            lambda bad=bad: memory.remember("x", attributes=bad),
            lambda bad=bad: memory.session("s").add("user", "x", attributes=bad),
            lambda bad=bad: memory.revise(fact.id, attributes=bad),
        ):
            before = state_of(memory)
            with pytest.raises(InvalidInput):
                call()
            assert state_of(memory) == before
    for bad in ("x", fact.id, 5, [5], ["x"], [fact.id[:-1]], {fact.id: 1}, [fact.id + f"{n:032x}" for n in range(2)]):
        with refused(memory, InvalidField):
            memory.remember("x", sources=bad)
    with refused(memory, InvalidField, "1001 sources"):
        memory.remember("x", sources=[f"{number:032x}" for number in range(1001)])
    kept = memory.remember("x", attributes={"n": 2**63 - 1, "blank": " ", "none": "", "text": "x" * 5000})
    assert memory.get(kept.id).attributes == kept.attributes


def test_an_unknown_category_or_origin_names_what_was_probably_meant(memory):
    fact = memory.remember("Ada runs.")
    for call in (lambda: memory.remember("x", category="helth"), lambda: memory.revise(fact.id, category="helth")):
        with refused(memory, InvalidField, "'helth' is not a category", "did you mean 'health'"):
            call()
    with refused(memory, InvalidField, "did you mean 'agent'"):
        memory.remember("x", origin="agnet")
    for bad in (5, "", "USER ", ["user"], None):
        with refused(memory, InvalidField, "not an origin"):
            memory.remember("x", origin=bad)
    with refused(memory, InvalidField, "not a category"):
        memory.remember("x", category="x" * 1_000_000)


def test_a_limit_on_turns_is_a_count(memory):
    chat = memory.session("chat-1")
    chat.add("user", "x")
    for bad in (0, -1, True, 1.5, "1"):
        with refused(memory, InvalidField, "limit"):
            chat.turns(bad)


def test_strange_but_legal_text_breaks_no_output(memory):
    chat = memory.session("chat-1")
    texts = [
        "bell \x07",
        "\x1b]0;title\x07",
        "\u202eevil",
        "line\u2028separator",
        "tab\tand\nfeed",
        "\x85next",
        "\ufeffmark",
    ]
    for text in texts:
        chat.add("Ada", text)
    answer = memory.recall("Ada", limit=50)
    assert {hit.text for hit in answer} == set(texts)
    assert all(char.isprintable() or char in "\t\n" for char in answer.text.replace("\ufeff", ""))
    lines = list(memory.export())
    assert all(len(line.split("\n")) == 1 for line in lines)
    with Memory.open(":memory:", embedder=None) as other:
        assert other.import_(lines).added == len(texts)
        assert {record.text for record in other.records()} == set(texts)


# Files


@pytest.mark.parametrize("bad", [None, 5, b"space.db", "", "a\0b", "half \ud83d"], ids=repr)
def test_a_path_that_cannot_be_one_is_refused(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidField, match="not the path of a file"):
        Memory.open(bad, embedder=None)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_space_is_refused_and_left_alone(opened, path, tmp_path):
    other = tmp_path / "other.db"
    raw = apsw.Connection(str(other))
    raw.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1)").fetchall()
    raw.close()
    contents = (b"Dear diary, " * 50, b"x", other.read_bytes(), b"SQLite format 3\x00", bytes(200))
    for content in contents:
        path.write_bytes(content)
        for read_only in (False, True):
            with pytest.raises(NotASpace, match="not a Holdfast space"):
                opened(path, read_only=read_only)
            assert path.read_bytes() == content
    with pytest.raises(NotASpace, match="folder"):
        opened(tmp_path)
    with pytest.raises(StoreError, match="folder"):
        opened(tmp_path / "missing" / "space.db")


def test_a_space_that_is_not_there_is_not_made_unless_asked(opened, path):
    for settings in ({"create": False}, {"read_only": True}, {"create": False, "read_only": True}):
        with pytest.raises(StoreReadOnly, match="no space at"):
            opened(path, **settings)
        assert not path.exists()


@pytest.fixture
def written(opened, path):
    """The bytes of a closed space with some memories."""
    memory = opened(path)
    for number in range(50):
        memory.remember(f"Fact number {number} about the cellar.", key=f"k{number}")
    memory.close()
    return path.read_bytes()


def test_a_space_from_a_newer_release_is_refused_and_unchanged(opened, path, written):
    newer = written[:60] + struct.pack(">I", 99) + written[64:]
    path.write_bytes(newer)
    for read_only in (False, True):
        with pytest.raises(NewerSchema, match="upgrade Holdfast"):
            opened(path, read_only=read_only)
        assert path.read_bytes() == newer


def test_a_truncated_space_is_refused_and_unchanged(opened, path, written):
    for size in (len(written) - 8192, len(written) // 2, 8192, 100):
        path.write_bytes(written[:size])
        with pytest.raises(Damaged, match="cut short"):
            opened(path)
        assert path.read_bytes() == written[:size]


def test_a_flipped_byte_is_never_returned_as_memory(opened, path, written, tmp_path):
    texts = {f"Fact number {number} about the cellar." for number in range(50)}
    place = written.index(b"Fact number 7 about the cellar.")
    altered = bytearray(written)
    altered[place + 12] ^= 1
    path.write_bytes(altered)
    memory = opened(path)
    assert memory.check() != []
    with pytest.raises(Damaged, match="does not hold what was written"):
        list(memory.records())
    with pytest.raises(Damaged):
        memory.recall("What is number 7?", limit=50)
    # Anywhere else: an error of ours or an honest answer, never other words.
    for at in range(0, len(written), 1499):
        copy = tmp_path / "copy.db"
        content = bytearray(written)
        content[at] ^= 0x10
        copy.write_bytes(content)
        try:
            other = opened(copy)
            assert {record.text for record in other.records()} <= texts
            assert set(found(other, "cellar", limit=50)) <= texts
        except HoldfastError:
            continue
        finally:
            for file in tmp_path.glob("copy.db*"):
                file.unlink()


def test_a_full_disk_loses_nothing_that_was_acknowledged(opened, path):
    memory = opened(path)
    kept = memory.remember("Ada runs.")
    connection = memory._space.store._connection
    connection.execute(f"PRAGMA max_page_count={connection.execute('PRAGMA page_count').get}").fetchall()
    for call in (lambda: memory.remember("x" * 500_000), lambda: memory.session("s").add("user", "x" * 500_000)):
        with refused(memory, StoreFull, "Free some space"):
            call()
    assert [record.id for record in memory.records()] == [kept.id]
    connection.execute("PRAGMA max_page_count=100000").fetchall()
    assert memory.remember("x" * 500_000).text == "x" * 500_000
    assert memory.check() == []


WRITER = """
import sys
from holdfast import Memory

with Memory.open(sys.argv[1], embedder=None, as_=sys.argv[2]) as memory:
    for number in range(40):
        memory.remember(f"{sys.argv[2]} {number}", key=f"k{number}")
"""


def test_two_processes_at_once_both_write(opened, path):
    memory = opened(path)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("ada", "bruno")]
    for number in range(40):
        memory.remember(f"parent {number}")
    assert [writer.wait(60) for writer in writers] == [0, 0]
    expected = {f"{name} {number}" for name in ("ada", "bruno", "parent") for number in range(40)}
    assert {record.text for record in memory.records()} == expected
    # Asked when all of them hold: the writers have the machine's clock, this memory one of the past.
    assert found(memory, "bruno 39", limit=1, now="2100-01-01") == ["bruno 39"]
    assert memory.check() == []
