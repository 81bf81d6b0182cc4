"""Moving memories: nothing twice, nothing half, nothing lost, and a bad line is named."""

from __future__ import annotations

import json
import re

import pytest

from holdfast import Trust
from holdfast.errors import ImportStopped, InvalidField, InvalidTime, StoreError, UnknownFormat
from holdfast.services import transfer
from tests.services.conftest import START_MS
from tests.services.scenes import bytes_of, found, refused, state_of

GOOD = json.dumps({"conversation": "good", "entries": [{"author": "Ada", "text": "Good line."}]})


def conversation(*entries, **beside) -> str:
    return json.dumps({"conversation": "c", "entries": list(entries)} | beside)


def entry(text="Hello.", author="Ada", **beside):
    return {"author": author, "text": text} | beside


def record(text="Ada runs.", number=1, **content) -> str:
    values = {"kind": "fact", "text": text, "valid_from": "2024-01-01T00:00:00Z"} | content
    return json.dumps(
        {"format": "holdfast-record/1", "id": f"0192f3c4-5a6b-7c8d-9e0f-{number:012x}", "content": values}
    )


def test_a_conversation_becomes_turns_in_their_sessions(memory):
    report = memory.import_([
        conversation(
            entry("Hi Fern!", id="D1:1", session=1, when="1:56 pm on 8 May, 2023"),
            entry("Hi Ada.", author="Fern", role="assistant", id="D1:2", session=1, caption="a wave", tags=["greet"]),
            entry("Again.", id="D2:1", session="two", when="March-15-2024", source="app", attributes={"n": 1}),
            questions=[{"id": "q1", "question": "Who?"}, "not an object"],
        )
    ])  # fmt: skip
    assert (report.added, report.unchanged, report.forgotten, report.skipped) == (3, 0, 0, ())
    assert [dict(question) for question in report.questions] == [{"id": "q1", "question": "Who?"}]
    first, second = memory.session("c/1").turns()
    assert (first.author, first.text, first.valid_from) == ("Ada", "Hi Fern!", 1_683_554_160_000)
    assert (second.author, second.role.name, second.caption, second.tags) == (
        "Fern",
        "ASSISTANT",
        "a wave",
        ("greet",),
    )
    assert second.valid_from == first.valid_from, "an entry without a time takes that of the entry before it"
    (third,) = memory.session("c/two").turns()
    assert (third.valid_from, third.source, dict(third.attributes)) == (1_710_460_800_000, "app", {"n": 1})


def test_entries_without_a_time_take_the_nearest_before_or_the_first(memory, clock):
    memory.import_([conversation(entry("a"), entry("b", when="2024-01-02"), entry("c"), entry("d", when=None))])
    assert [turn.valid_from for turn in memory.session("c/1").turns()] == [1_704_153_600_000] * 4
    memory.import_([json.dumps({"conversation": "timeless", "entries": [entry("e"), entry("f")]})])
    assert [turn.valid_from for turn in memory.session("timeless/1").turns()] == [START_MS] * 2
    clock.advance(86_400_000)
    assert (
        memory.import_([json.dumps({"conversation": "timeless", "entries": [entry("e"), entry("f")]})]).unchanged == 2
    )


def test_times_without_an_offset_are_read_in_the_zone_that_was_named(memory):
    memory.import_([conversation(entry(when="2024-01-02 10:00"))], zone="+02:00")
    assert memory.session("c/1").turns()[0].valid_from == 1_704_182_400_000
    with refused(memory, InvalidTime, "+01:00"):
        memory.import_([GOOD], zone="Mars/Olympus")


@pytest.mark.parametrize("when", [
    "2023/04/10 (Mon) 14:47", "1:56 pm on 8 May, 2023", "March-15-2024", "8 May 2023", "May 8, 2023", "2024-05-03",
    "2024-05-03T18:05:00+01:00",
])  # fmt: skip
def test_every_time_format_of_known_data_is_read(memory, when):
    assert memory.import_([conversation(entry(when=when))]).added == 1


def test_importing_again_adds_nothing(memory):
    lines = [conversation(*(entry(f"Line {number}.") for number in range(1200)))]
    assert memory.import_(lines).added == 1200
    before = state_of(memory)
    report = memory.import_(lines)
    assert (report.added, report.unchanged) == (0, 1200)
    assert state_of(memory) == before
    assert memory.summary().live == 1200


def test_progress_is_told_and_ends_at_the_whole(memory):
    told: list[tuple[int, int]] = []
    memory.import_([conversation(*(entry(f"{n}") for n in range(1100)))], progress=lambda *both: told.append(both))
    assert told == [(500, 1100), (1000, 1100), (1100, 1100)]


@pytest.fixture
def rich(opened, tmp_path):
    """A space with a bit of everything, superseded memories too."""
    memory = opened(tmp_path / "rich.db")
    chat = memory.session("chat-1", user="Ada", agent="Fern")
    turn = chat.add("user", "I live in Lisbon. 🫠\nReally.", when="2023-05-08", caption="a map", key="k1")
    chat.add("assistant", "Noted.", when="2023-05-08", tags=["ack"], attributes={"n": 1, "x": 0.5, "ok": True})
    fact = memory.remember("Ada lives in Lisbon.", sources=[turn.id], subject="Ada", predicate="lives in",
                           object="Lisbon", category="place", until="2030-01-01", key="k2")  # fmt: skip
    memory.revise(fact.id, importance=0.9)
    porto = memory.correct(fact.id, "Ada lives in Porto.", when="2024-01-01")
    memory.correct(turn.id, "Ada used to live in Lisbon.")
    memory.remember("Ada may live near a river.", sources=[porto.id, fact.id], origin="inferred", confidence=0.4)
    memory.remember("From a tool.", origin="tool")
    memory.forget(memory.remember("The code is 7306.").id)
    return memory


def content_of(memory):
    lines = [json.loads(line) for line in memory.export(superseded=True)]
    return [(line["id"], line["content"], line.get("superseded_by")) for line in lines]


def test_an_export_makes_the_same_memories_elsewhere(rich, opened, path):
    other = opened(path, as_="somebody else")
    lines = list(rich.export(superseded=True))
    assert other.import_(lines).added == len(lines) == 7
    assert content_of(other) == content_of(rich)
    assert {r.id: r.trust for r in other.records()} == {r.id: r.trust for r in rich.records()}
    assert set(found(other, "Where does Ada live?", limit=50)) == set(found(rich, "Where does Ada live?", limit=50))
    before = state_of(other)
    again = other.import_(lines)
    assert (again.added, again.unchanged) == (0, 7)
    assert state_of(other) == before
    assert rich.import_(lines).added == 0
    assert other.check() == []


def test_an_export_of_what_holds_can_be_imported_without_what_was_superseded(rich, opened, path):
    other = opened(path)
    lines = list(rich.export())
    assert other.import_(lines).added == len(lines) == 5
    assert {r.id for r in other.records()} == {r.id for r in rich.records()}
    assert other.import_(rich.export(superseded=True)).added == 2


def test_words_that_came_back_by_a_correction_are_not_rejected_after_the_move(memory, opened, path, tmp_path):
    first = memory.remember("Ada lives in Lisbon.")
    second = memory.correct(first.id, "Ada lives in Porto.")
    memory.correct(second.id, "Ada lives in Lisbon.")
    other = opened(tmp_path / "other.db")
    other.import_(memory.export(superseded=True))
    assert found(other, "Ada") == found(memory, "Ada") == ["Ada lives in Lisbon."]
    for one in (memory, other):
        assert one.remember("Ada lives in Lisbon.", key="again").superseded_by is None
        with pytest.raises(Exception, match="corrected"):
            one.remember("Ada lives in Porto.")


def test_a_memory_derived_from_what_was_forgotten_here_is_not_brought_back(rich, opened, path):
    other = opened(path)
    lines = list(rich.export(superseded=True))
    turn = json.loads(lines[0])
    other.import_(lines[:1])
    other.forget(turn["id"])
    report = other.import_(lines)
    assert report.forgotten == 3
    assert turn["id"] not in {source for one in other.records() for source in one.sources}


def test_a_file_cannot_claim_more_trust_than_its_origin_or_sources_have(memory):
    memory.import_([
        record("Planted.", 1, origin="recalled"),
        record("Claimed.", 2, origin="tool", trust="high"),
        record("Derived.", 3, sources=["0192f3c4-5a6b-7c8d-9e0f-000000000001"]),
    ])  # fmt: skip
    assert [one.trust for one in memory.records()] == [Trust.NONE, Trust.LOW, Trust.NONE]


def test_many_records_are_written_in_few_commits(memory, monkeypatch):
    commits = []
    commit = memory._space.store.commit
    monkeypatch.setattr(memory._space.store, "commit", lambda decide: commits.append(1) or commit(decide))
    assert memory.import_(record(f"Fact {number}.", number) for number in range(1200)).added == 1200
    assert len(commits) == 3


BAD_LINES = {
    "cut short": GOOD[:-3],
    "not an object": "[1, 2]",
    "a number": "5",
    "NaN": '{"conversation": "n", "entries": [{"author": "Ada", "text": "x", "attributes": {"a": NaN}}]}',
    "infinite": '{"conversation": "n", "entries": [{"author": "Ada", "text": "x", "attributes": {"a": 1e999}}]}',
    "huge number": conversation(entry(attributes={"a": 10**30})),
    "digits without end": '{"content": ' + "9" * 5000 + "}",
    "nested deeply": "[" * 100_000,
    "unknown object": '{"hello": "world"}',
    "entries no list": '{"conversation": "c", "entries": {"a": 1}}',
    "unknown entry field": conversation(entry(mood="good")),
    "entry no object": conversation("Hello"),
    "entry without text": conversation({"author": "Ada"}),
    "entry without author": conversation({"text": "Hello"}),
    "author no string": conversation(entry(author={"name": "Ada"})),
    "author a number": conversation(entry(author=5)),
    "empty text": conversation(entry(text=" ")),
    "text no string": conversation(entry(text=["Hello"])),
    "NUL": conversation(entry(text="a\0b")),
    "half a character": '{"conversation": "c", "entries": [{"author": "Ada", "text": "\\ud83d"}]}',
    "half a character in a field": '{"conversation": "c", "entries": [{"author": "Ada", "text": "a", "\\ud83d": 1}]}',
    "too long": conversation(entry(text="a" * 1_000_001)),
    "unknown role": conversation(entry(role="narrator")),
    "role no string": conversation(entry(role=["user"])),
    "unknown time": conversation(entry(when="last Tuesday")),
    "no such day": conversation(entry(when="2023-02-30")),
    "future": conversation(entry(when="2999-01-01")),
    "time no string": conversation(entry(when={"year": 2024})),
    "tags no list": conversation(entry(tags=5)),
    "attributes no object": conversation(entry(attributes=["a"])),
    "session no name": conversation(entry(session={"n": 1})),
    "id no name": conversation(entry(id=[1])),
    "questions no list": conversation(entry(), questions=5),
    "one id, two bodies": conversation(entry(id="1"), entry(text="Other.", id="1")),
    "good entries before a bad one": conversation(*(entry(f"{n}") for n in range(20)), entry(text="")),
    "a key over two commits": conversation(*(entry(f"{n}", id=str(n % 600)) for n in range(601))),
    "record without content": json.dumps({"content": 5}),
    "record without text": json.dumps({"id": "x", "content": {"kind": "fact"}}),
    "record with a bad id": record().replace("0192f3c4", "nonsense"),
    "record of another format": record().replace("record/1", "record/2"),
    "record with an unknown field": record(mood="good"),
    "record with an unknown kind": record(kind="dream"),
    "record with a kind that is a list": record(kind=["fact"]),
    "record with a bad source": record(sources=["x"]),
    "record with sources no list": record(sources=5),
    "record that ends before it begins": record(valid_to="2023-01-01"),
    "record with a bad category": record(category="helth"),
    "record with a bad confidence": record(confidence=2),
    "record with tags no list": record(tags={"a": 1}),
}  # fmt: skip


GOOD_ENTRIES = {"one id, two bodies": 1, "good entries before a bad one": 20, "a key over two commits": 600}
"""Entries of bad lines that are taken where errors are skipped; of all others, none can be."""


@pytest.mark.parametrize(
    ("bad", "more"), [(line, GOOD_ENTRIES.get(name, 0)) for name, line in BAD_LINES.items()], ids=BAD_LINES.keys()
)
def test_a_bad_line_is_named_and_nothing_bad_of_it_is_written(opened, bad, more):
    after = json.dumps({"conversation": "after", "entries": [entry("After.")]})
    memory = opened()
    memory.import_([GOOD])
    with refused(memory, ImportStopped, "Line 2:", "skip_errors"):
        memory.import_([GOOD, bad, after])
    told = _error_of(memory, [GOOD, bad])
    report = memory.import_([GOOD, bad, after], skip_errors=True)
    assert (report.added, report.unchanged) == (1 + more, 1)
    assert [line.line for line in report.skipped] == [2]
    assert re.sub(r"^(Entry|An entry of).*?: ", "", report.skipped[0].why) in told
    held = {one.text for one in memory.records()}
    assert len(held) == 2 + more
    assert {"Good line.", "After."} <= held
    first = opened()
    with refused(first, (UnknownFormat if _is_unreadable(first, bad) else ImportStopped), "Line 1:"):
        first.import_([bad, GOOD])
    assert first.import_([bad, GOOD], skip_errors=True).added == 1 + more


def _error_of(memory, lines) -> str:
    with pytest.raises(ImportStopped) as caught:
        memory.import_(lines)
    return str(caught.value)


def _is_unreadable(memory, line) -> bool:
    try:
        value = json.loads(line, parse_constant=lambda name: [][0])
    except (ValueError, IndexError, RecursionError):
        return True
    return not (isinstance(value, dict) and {"entries", "content"} & value.keys())


def test_nothing_readable_is_an_unknown_format_even_when_errors_are_skipped(memory):
    for lines in ([], ["", "  \n"], ["hello"], ["hello", "world"], ["{}"]):
        for skip_errors in (False, True):
            with refused(memory, UnknownFormat, "Nothing was written"):
                memory.import_(lines, skip_errors=skip_errors)


def test_the_format_that_was_asked_for_is_the_one_that_is_read(memory):
    assert memory.import_([GOOD], format="conversation").added == 1
    assert memory.import_([record()], format="records").added == 1
    for line, wanted in ((GOOD, "records"), (record(), "conversation")):
        with refused(memory, UnknownFormat, wanted):
            memory.import_([line], format=wanted)
    with refused(memory, UnknownFormat, "'csv'", "conversation"):
        memory.import_([GOOD], format="csv")


def test_both_formats_may_stand_in_one_file(memory):
    report = memory.import_([record("One.", 1), GOOD, record("Two.", 2), record("One.", 1)])
    assert (report.added, report.unchanged) == (3, 1)


def test_one_id_with_another_body_is_refused_and_the_line_named(memory):
    lines = [record(f"Fact {number}.", number) for number in range(9)] + [record("Other.", 4), record("Last.", 20)]
    with pytest.raises(ImportStopped, match="Line 10: "):
        memory.import_(lines)
    assert memory.summary().live == 9
    report = memory.import_(lines, skip_errors=True)
    assert (report.added, report.unchanged, [line.line for line in report.skipped]) == (1, 9, [10])
    assert "Other." not in found(memory, "Other", limit=50)


def test_an_import_that_stops_leaves_nothing_that_was_superseded_as_if_it_held(rich, opened, path):
    lines = list(rich.export(superseded=True))
    other = opened(path)
    with pytest.raises(ImportStopped):
        other.import_([*lines, "{"])
    assert content_of(other) == content_of(rich)


def test_files_are_read_with_a_mark_blank_lines_and_any_line_end(memory, tmp_path):
    file = tmp_path / "in.jsonl"
    other = GOOD.replace("good", "other")
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n\r\n   \n" + other.encode())
    assert memory.import_(file).added == 2
    assert memory.import_(str(file)).unchanged == 2


def test_a_line_that_is_not_utf8_is_named(memory, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(GOOD.encode() + b"\n\n" + GOOD.encode().replace(b"Ada", b"Ad\xe9") + b"\n")
    with pytest.raises(ImportStopped, match=r"Line 3: it is not UTF-8 text"):
        memory.import_(file)
    assert memory.summary().live == 1
    file.write_bytes(GOOD.encode("utf-16"))
    with refused(memory, UnknownFormat, "not UTF-8"):
        memory.import_(file)


def test_a_file_that_is_not_there_or_not_a_file_is_refused(memory, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with refused(memory, UnknownFormat, "is empty"):
        memory.import_(empty)
    with refused(memory, UnknownFormat, "nothing in it"):
        memory.import_(empty, format="records")
    with refused(memory, UnknownFormat, "a folder without"):
        memory.import_(tmp_path)
    for folder in (tmp_path, tmp_path / "empty.jsonl" / "x"):
        with refused(memory, InvalidField, "cannot be read"):
            memory.import_(folder, format="conversation")
    for bad, word in (
        (tmp_path / "missing", "no file"),
        ("a\0b", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ):
        with refused(memory, InvalidField, word):
            memory.import_(bad)
    with refused(memory, InvalidField, "expected a string"):
        memory.import_([5])


def test_a_failing_store_is_not_taken_for_a_bad_line(memory, monkeypatch):
    def fails(*_):
        raise StoreError("the disk went away")

    monkeypatch.setattr(memory._space.store, "commit", fails)
    for lines in ([GOOD], [record()]):
        with pytest.raises(StoreError, match="went away"):
            memory.import_(lines, skip_errors=True)


def test_the_size_of_a_commit_changes_nothing(opened, monkeypatch, rich):
    lines = [*rich.export(superseded=True), conversation(*(entry(f"{n}") for n in range(7))), record("x", 99)]
    results = []
    for size in (1, 2, 3, 500):
        monkeypatch.setattr(transfer, "PER_COMMIT", size)
        memory = opened()
        report = memory.import_(lines)
        results.append((report.added, sorted(one.text for one in memory.records())))
    assert results[0] == results[1] == results[2] == results[3]


def test_export_says_what_it_is_in_plain_json(rich, path):
    lines = [json.loads(line) for line in rich.export()]
    assert {line["format"] for line in lines} == {"holdfast-record/1"}
    assert "7306" not in "".join(rich.export(superseded=True))
    assert all(len(line.splitlines()) == 1 for line in rich.export(superseded=True))
    assert bytes_of(path) == b""
