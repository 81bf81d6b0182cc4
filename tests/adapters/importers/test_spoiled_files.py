"""Every format, spoiled in every way users' files are: a clear report, the rest taken, nothing half taken."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.importers import IMPORTERS, find_importer
from holdfast.errors import HoldfastError, InvalidField, UnknownFormat
from tests.adapters.importers.making import FORMS, LOGS, MAKERS, SAID, WHEN_MS, form_of, made, objects, text_of
from tests.adapters.importers.reading import GOLDEN, by_source, check_storable, importer_named, read_whole, said

LINKED = ("chatgpt", "claude", "claude-code")
SEED = 20_240_503
every = pytest.mark.parametrize("kind", FORMS)


@every
def test_the_unspoiled_file_is_recognised_and_taken(kind: str, tmp_path: Path):
    path = made(kind, tmp_path, objects(kind, SAID))
    assert find_importer(path).name == form_of(kind)
    whole = read_whole(form_of(kind), path)
    assert said(whole) == list(SAID)
    assert [item.when_ms for item in whole.items] == [WHEN_MS] * 3
    assert not whole.skipped


@every
def test_half_a_file_gives_whole_documents_and_says_where_it_ends(kind: str, tmp_path: Path):
    values = [value for n in range(3) for value in objects(kind, SAID, name=f"doc{n}")]
    path = made(kind, tmp_path, values)
    data, whole = path.read_bytes(), by_source(read_whole(form_of(kind), path).items)
    chance = random.Random(SEED)
    for end in [1, len(data) - 3, *(chance.randrange(2, len(data) - 3) for _ in range(60))]:
        path.write_bytes(data[:end])
        half = read_whole(form_of(kind), path)
        for source, items in by_source(half.items).items():
            if kind in LOGS:
                assert items == whole[source][: len(items)], end
            else:
                assert items == whole[source], end
        if not data[:end].endswith((b"}", b"}\n")):
            assert half.skipped, end


@every
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_unicode_encoding_reads_the_same(kind: str, encoding: str, tmp_path: Path):
    path = made(kind, tmp_path, objects(kind, SAID))
    plain = read_whole(form_of(kind), path).items
    path.write_bytes(path.read_text().encode(encoding))
    assert find_importer(path).name == form_of(kind)
    assert read_whole(form_of(kind), path).items == plain


@every
def test_bytes_that_are_not_utf_8_are_named_and_never_guessed(kind: str, tmp_path: Path):
    values = [*objects(kind, SAID, name="a"), *objects(kind, ("Caf\u00e9",), name="b"), *objects(kind, SAID, name="z")]
    values = objects(kind, (*SAID, "Caf\u00e9")) if kind == "letta" else values
    path = made(kind, tmp_path, values)
    path.write_bytes(path.read_bytes().replace(b"\\u00e9", b"\xe9"))
    whole = read_whole(form_of(kind), path)
    assert "it is not UTF-8 text (byte" in whole.reasons
    assert not any("Caf" in text for text in whole.texts)
    assert said(whole) == ([] if kind == "letta" else [*SAID, *SAID])


@every
def test_an_id_that_stands_twice_loses_and_doubles_nothing_in_silence(kind: str, tmp_path: Path):
    if kind in ("codex", "letta"):
        pytest.skip("its messages have no ids")
    first, second = objects(kind, SAID), objects(kind, ("something else", *SAID[1:]))
    path = made(kind, tmp_path, [*first, *first, *second])
    whole = read_whole(form_of(kind), path)
    assert set(SAID) <= set(said(whole))
    distinct = {(item.key, item.text) for item in whole.items}
    assert len({key for key, _ in distinct}) == len(distinct)
    if kind == "claude-code":
        assert "lines repeated from an earlier session" in whole.reasons
    elif not any("something else" in text for text in whole.texts):
        assert "stands before it" in whole.reasons


def relinked(kind: str, links: dict[str, str | None]) -> list[Any]:
    """Three messages whose links to the one before are set anew."""
    values = objects(kind, SAID)
    prefix = "s" if kind == "claude-code" else "m"
    for number, parent in links.items():
        named = parent and f"{prefix}{parent}"
        if kind == "chatgpt":
            values[0]["mapping"][f"m{number}"]["parent"] = named
        elif kind == "claude":
            values[0]["chat_messages"][int(number)]["parent_message_uuid"] = named
            values[0]["current_leaf_message_uuid"] = "m2"
        else:
            values[int(number)]["parentUuid"] = named
    return values


@pytest.mark.parametrize("kind", LINKED)
@pytest.mark.parametrize(
    ("links", "word"),
    [
        ({"0": "2"}, "round in a circle"),
        ({"1": "1"}, "round in a circle"),
        ({"2": "2"}, "round in a circle"),
        ({"1": "0", "0": "1"}, "round in a circle"),
        ({"0": "gone"}, "its beginning is not in the export"),
    ],
    ids=["three", "itself", "last-itself", "two", "missing"],
)
def test_links_that_lead_nowhere_or_round_are_reported(
    kind: str, links: dict[str, str | None], word: str, tmp_path: Path
):
    whole = read_whole(kind, made(kind, tmp_path, relinked(kind, links)))
    if word == "round in a circle":
        assert word in whole.reasons
        # A transcript is a log, whose lines have an order of their own.
        assert said(whole) == (list(SAID) if kind == "claude-code" else [])
    else:
        assert said(whole) == list(SAID)
        assert (word in whole.reasons) == (kind == "chatgpt")


@every
@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_chain_of_100_000_messages_is_taken_whole(kind: str, count: int, tmp_path: Path):
    if kind in ("mem0", "mcp-memory"):
        pytest.skip("it has no conversations")
    path = made(kind, tmp_path, objects(kind, [f"n{n}" for n in range(count)], when=None))
    whole = read_whole(form_of(kind), path)
    assert (len(whole.items), whole.skipped) == (count, ())
    assert whole.texts[-1] == f"n{count - 1}"


@every
@pytest.mark.parametrize("value", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_what_is_nested_too_deeply_is_named(kind: str, value: str, tmp_path: Path):
    path = tmp_path / MAKERS[kind][0]
    values = [*objects(kind, ("DEEP",), name="b"), *objects(kind, SAID, name="z")]
    path.write_text(text_of(kind, values).replace('"DEEP"', value))
    whole = read_whole(form_of(kind), path)
    assert "nested too deeply" in whole.reasons
    if kind != "letta":
        assert said(whole) == list(SAID)


TIMES = [
    (1_714_759_500, WHEN_MS),
    (1_714_759_500.25, WHEN_MS + 250),
    ("1714759500", WHEN_MS),
    (1_714_759_500_000, WHEN_MS),
    ("2024-05-03T18:05:00Z", WHEN_MS),
    ("2024-05-03T19:05:00+01:00", WHEN_MS),
    ("2024-05-03T18:05:00", WHEN_MS),
    ("2024-05-03 18:05:00.000", WHEN_MS),
    ("May 3, 2024", WHEN_MS - 65_100_000),
    ("May 3, 2024, 6:05 PM", WHEN_MS),
    ("May 3, 2024 at 6:05 PM", WHEN_MS),
    ("3 May 2024 18:05", WHEN_MS),
    ("2024/05/03 18:05", WHEN_MS),
]


@every
@pytest.mark.parametrize(("given", "expected"), TIMES, ids=lambda value: str(value))
def test_times_are_read_as_exports_write_them(kind: str, given: Any, expected: int, tmp_path: Path):
    whole = read_whole(form_of(kind), made(kind, tmp_path, objects(kind, SAID, when=given)))
    assert [item.when_ms for item in whole.items] == [expected] * 3
    assert not whole.skipped


@every
@pytest.mark.parametrize(
    "given", [-5, 12, 10**30, -(10**18), 1e308, True, "soon", "31 February 2024", "9999-99-99", [], {"a": 1},
              float("nan"), float("inf"), float("-inf")], ids=str,
)  # fmt: skip
def test_what_is_no_time_is_named_and_costs_only_the_time(kind: str, given: Any, tmp_path: Path):
    whole = read_whole(form_of(kind), made(kind, tmp_path, objects(kind, SAID, when=given)))
    assert said(whole) == list(SAID)
    assert all(item.when_ms in (None, WHEN_MS) for item in whole.items)
    assert "cannot be read as a time" in whole.reasons
    for item in whole.items:
        check_storable(item)


@every
def test_characters_that_cannot_be_stored_are_replaced_everywhere(kind: str, tmp_path: Path):
    odd = "x\u0000y \ud83d z"
    path = made(kind, tmp_path, objects(kind, (odd, *SAID), name=odd))
    whole = read_whole(form_of(kind), path)
    assert said(whole) == list(SAID)
    assert any("x\ufffdy \ufffd z" in text for text in whole.texts)
    for item in whole.items:
        check_storable(item)


def spoiled(value: Any, chance: random.Random) -> Any:
    """A copy with one place in it changed: another type, a key gone or doubled, a list cut or repeated."""
    junk = [None, True, -1, 1.5, 10**25, "", "x", "\0", "\ud800", [], {}, [[]], {"a": []}, ["x"], [None], "user"]
    places = list[tuple[Any, Any]]()

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    copy = json.loads(json.dumps(value))
    walk(copy)
    if not places:
        return copy
    node, key = chance.choice(places)
    act = chance.randrange(4)
    if act == 0 and isinstance(node, dict):
        del node[key]
    elif act == 1 and isinstance(node, list):
        node.insert(key, json.loads(json.dumps(node[key])))
    elif act == 2:
        other, name = chance.choice(places)
        node[key] = json.loads(json.dumps(other[name])) if name in other or isinstance(other, list) else None
    else:
        node[key] = chance.choice(junk)
    return copy


SPOILED = {
    "chatgpt/conversations.json": "chatgpt", "claude/conversations.json": "claude", "mem0.json": "mem0",
    "agent.af": "letta", "agent_v1.af": "letta", "mcp_graph.json": "mcp-memory", "memory.jsonl": "mcp-memory",
    "chats.jsonl": "jsonl", "fine_tuning.jsonl": "jsonl",
    "claude_code/-src-app/11111111-2222-4333-8444-555555555555.jsonl": "claude-code",
    "codex/2025/10/29/rollout-2025-10-29T00-59-38-0199aaaa-0000-7000-8000-000000000001.jsonl": "codex",
    "codex_old/rollout-2025-06-01T10-00-00-old.jsonl": "codex",
}  # fmt: skip


def golden_values(name: str) -> tuple[list[Any], bool]:
    """The objects of a golden file that are JSON, and whether it is one text of JSON."""
    text = (GOLDEN / name).read_text("utf-8")
    try:
        return [json.loads(text)], True
    except ValueError:
        found = list[Any]()
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found, False


@pytest.mark.parametrize(("name", "form"), SPOILED.items(), ids=SPOILED.keys())
def test_a_golden_file_spoiled_anywhere_is_read_or_refused_in_words(name: str, form: str, tmp_path: Path):
    values, _ = golden_values(name)
    path = tmp_path / Path(name).name
    taken = 0
    for seed in range(150):
        chance = random.Random(SEED + seed)
        broken = values
        for _ in range(chance.randint(1, 3)):
            broken = spoiled(broken, chance)
        rows = broken if isinstance(broken, list) else [broken]
        path.write_text("\n".join(json.dumps(row) for row in rows))
        for skip_errors in (False, True):
            try:
                whole = read_whole(form, path, skip_errors=skip_errors)
            except HoldfastError:
                continue
            taken += len(whole.items)
            for item in whole.items:
                check_storable(item)
            assert all(skipped.place and skipped.why for skipped in whole.skipped), seed
    assert taken > 150


@every
def test_one_bad_entry_is_a_flaw_of_its_conversation_alone(kind: str, tmp_path: Path):
    if kind in (*LOGS, "mem0", "mcp-memory"):
        pytest.skip("each entry is a document")
    values = objects(kind, SAID)
    place = {
        "chatgpt": ("mapping", "m1", "message"), "claude": ("chat_messages", 1), "tuning": ("messages", 1),
        "letta": ("agents", 0, "messages", 1),
    }[kind]  # fmt: skip
    node = values[0]
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = ["no", "message"]
    path = made(kind, tmp_path, values)
    strict, loose = (read_whole(form_of(kind), path, skip_errors=skip) for skip in (False, True))
    assert said(strict) == []
    assert said(loose) == [SAID[0], SAID[2]]
    assert len(loose.skipped) == 1
    mended = read_whole(form_of(kind), made(kind, tmp_path, objects(kind, SAID)))
    assert set(loose.keys) < set(mended.keys)


@pytest.mark.parametrize("kind", ["claude", "tuning"])
def test_a_conversation_known_by_its_beginning_is_left_out_where_that_is_bad(kind: str, tmp_path: Path):
    values = objects(kind, SAID)
    name, listed, sender = ("uuid", "chat_messages", "sender") if kind == "claude" else ("id", "messages", "role")
    del values[0][name]
    good = read_whole(form_of(kind), made(kind, tmp_path, values))
    values[0][listed][2][sender] = []
    late = read_whole(form_of(kind), made(kind, tmp_path, values), skip_errors=True)
    assert (said(late), set(late.keys) < set(good.keys)) == ([SAID[0], SAID[1]], True)
    values[0][listed][0][sender] = []
    early = read_whole(form_of(kind), made(kind, tmp_path, values), skip_errors=True)
    assert said(early) == []
    assert "message" in early.reasons


# Files that are no files


NO_FILES = ["pipe", "device", "folder", "empty folder", "unreadable", "loop", "nothing", "empty", "long name"]


@pytest.mark.parametrize("kind", [form for form in FORMS if form != "tuning"])
@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_to_read_is_refused_in_words_at_once(kind: str, what: str, tmp_path: Path):
    path = tmp_path / MAKERS[kind][0]
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path = Path("/dev/zero")
    elif what == "folder":
        path.mkdir()
        (path / "photo.png").write_bytes(b"\x89PNG")
    elif what == "empty folder":
        path.mkdir()
    elif what == "unreadable":
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        path.touch(0)
    elif what == "loop":
        path.symlink_to(path)
    elif what == "empty":
        path.touch()
    elif what == "long name":
        path = tmp_path / ("x" * 5_000)
    for begin in (
        lambda: find_importer(path),
        lambda: list(find_importer(path, form_of(kind)).read(path, zone=UTC)),
    ):
        with pytest.raises((InvalidField, UnknownFormat)) as caught:
            begin()
        assert str(caught.value).endswith("Nothing was written.")


def test_links_to_folders_are_not_followed_and_special_files_in_a_folder_are_passed_over(tmp_path: Path):
    made("claude-code", tmp_path, objects("claude-code", SAID))
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert said(read_whole("claude-code", tmp_path)) == list(SAID)


@every
def test_a_file_that_is_written_anew_while_it_is_read_is_named(kind: str, tmp_path: Path):
    many = [f"n{n} " + "word " * 400 for n in range(2_000)]
    values = [value for n in range(10) for value in objects(kind, many[n * 200 : n * 200 + 200], name=f"d{n}-")]
    if kind == "letta":
        values = objects(kind, many)
    path = made(kind, tmp_path, values)
    whole = by_source(read_whole(form_of(kind), path).items)
    batches, found = importer_named(form_of(kind)).read(path, zone=UTC), list[Any]()
    for batch in batches:
        if not found:
            os.truncate(path, 600_000)
        found.append(batch)
    if kind == "letta":
        pytest.skip("it is read in one piece")
    reasons = " ".join(skipped.why for batch in found for skipped in batch.skipped)
    assert "changed while it was read" in reasons
    for source, items in by_source(item for batch in found for item in batch.items).items():
        assert items == whole[source][: len(items)]
        assert kind in LOGS or items == whole[source]


def test_a_log_that_grows_while_it_is_read_is_no_error(tmp_path: Path):
    path = made("jsonl", tmp_path, objects("jsonl", [f"n{n} " + "word " * 400 for n in range(600)]))
    batches = importer_named("jsonl").read(path, zone=UTC)
    items = list(next(batches).items)
    with path.open("a") as file:
        file.write(json.dumps({"id": "new", "role": "user", "content": "and one more"}) + "\n")
    rest = list(batches)
    items += [item for batch in rest for item in batch.items]
    assert items[-1].text == "and one more"
    assert not any(batch.skipped for batch in rest)


# Memory


CHILD = """
import resource, sys
from datetime import UTC
from pathlib import Path
from holdfast.adapters.importers import IMPORTERS
importer = next(one for one in IMPORTERS if one.name == sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
taken = [item.text for batch in importer.read(Path(sys.argv[2]), zone=UTC) for item in batch.items]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, len(taken))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts otherwise there")
@every
def test_a_line_of_200_mb_costs_the_memory_of_the_longest_that_is_taken(kind: str, tmp_path: Path):
    before, after = objects(kind, SAID, name="a"), objects(kind, SAID, name="z")
    whole = text_of(kind, [*before, *objects(kind, ("HUGE",), name="h"), *after])
    whole = text_of(kind, objects(kind, (*SAID, "HUGE"))) if kind == "letta" else whole
    start, _, end = whole.partition("HUGE")
    path = tmp_path / MAKERS[kind][0]
    with path.open("w") as file:
        file.write(start)
        for _ in range(200):
            file.write("x" * 1_000_000)
        file.write(end)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, form_of(kind), str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    grown_kb, taken = map(int, done.stdout.split())
    assert grown_kb < 120_000
    assert taken == (0 if kind == "letta" else 6)


def test_every_format_of_json_is_in_the_tables():
    assert {form_of(kind) for kind in FORMS} == {importer.name for importer in IMPORTERS} - {"markdown"}
