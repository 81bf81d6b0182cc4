"""What other programs keep is taken in once, resumed, reported and followed."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast import Memory
from holdfast.adapters.importers import IMPORTERS
from holdfast.errors import ConfirmationNeeded, InvalidField, StoreError, UnknownFormat
from holdfast.model.records import Kind, Origin, Trust
from holdfast.model.reports import ImportReport
from holdfast.services import importing, intake
from tests.services.conftest import START_MS
from tests.services.scenes import found, refused, state_of

GOLDEN = Path(__file__).parents[1] / "adapters" / "importers" / "golden"
FILES = {
    "chatgpt": "chatgpt", "claude": "claude", "claude-code": "claude_code", "codex": "codex", "letta": "agent.af",
    "mem0": "mem0.json", "mcp-memory": "memory.jsonl", "jsonl": "chats.jsonl", "markdown": "vault",
}  # fmt: skip
YEAR_MS = 366 * 86_400_000
REMOVED = "removed at its source"


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.unchanged, report.forgotten, report.removed


def whys(report: ImportReport) -> list[str]:
    return [skipped.why for skipped in report.skipped if not skipped.intended]


def chat(path: Path, *texts: str, **fields: Any) -> Path:
    """A plain chat, a message a line, a second apart."""
    start = datetime(2024, 5, 3, tzinfo=UTC)
    lines = [
        {"id": n, "role": "user", "content": text, "timestamp": (start + timedelta(seconds=n)).isoformat(), **fields}
        for n, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def claude(path: Path, *chats: tuple[str, str, Sequence[str]]) -> Path:
    """An export of Claude: conversations with an id, a time and messages."""
    path.write_text(
        json.dumps(
            [
                {
                    "uuid": name, "name": name, "created_at": when, "updated_at": when, "account": {"uuid": "a"},
                    "chat_messages": [
                        {"uuid": f"{name}-{n}", "sender": "human", "text": text, "created_at": when,
                         "content": [{"type": "text", "text": text}], "attachments": [], "files": []}
                        for n, text in enumerate(texts)
                    ],
                }
                for name, when, texts in chats
            ]
        )
    )  # fmt: skip
    return path


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "vault"
    folder.mkdir()
    (folder / "ada.md").write_text("# Home\nAda lives in Lisbon.\n\n# Dog\nAda has a greyhound.\n")
    (folder / "bo.md").write_text("Bo plays the oboe.\n")
    return folder


def texts(memory: Memory) -> set[str]:
    return {record.text.partition("\n\n")[2] or record.text for record in memory.records()}


VAULT = {"Ada lives in Lisbon.", "Ada has a greyhound.", "Bo plays the oboe."}


# Every format


def test_there_is_a_file_for_every_importer():
    assert set(FILES) == {importer.name for importer in IMPORTERS}


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_seen_and_taken_once(memory, clock, name):
    clock.advance(YEAR_MS)
    report = memory.import_(GOLDEN / FILES[name])
    assert (report.format, report.added > 0, report.unchanged, report.removed) == (name, True, 0, 0)
    assert memory.summary().live == report.added
    before = state_of(memory)
    again = memory.import_(str(GOLDEN / FILES[name]), format=name)
    assert (counts(again), again.skipped) == ((0, report.added, 0, 0), report.skipped)
    assert state_of(memory) == before
    assert memory.check() == []


@pytest.mark.parametrize("name", FILES)
def test_a_dry_run_says_what_an_import_then_does_and_writes_nothing(opened, path, clock, name):
    clock.advance(YEAR_MS)
    memory = opened(path)
    before = state_of(memory)
    told = memory.import_(GOLDEN / FILES[name], dry_run=True)
    assert state_of(memory) == before
    done = memory.import_(GOLDEN / FILES[name])
    assert (counts(told), told.skipped, told.format) == (counts(done), done.skipped, done.format)
    assert (told.dry_run, done.dry_run) == (True, False)
    memory.close()
    reading = opened(path, read_only=True)
    assert counts(reading.import_(GOLDEN / FILES[name], dry_run=True)) == (0, done.added, 0, 0)


def test_another_principal_imports_the_same_memories(opened, path, vault):
    assert opened(path, as_="ada").import_(vault).added == 3
    assert counts(opened(path, as_="bo").import_(vault)) == (0, 3, 0, 0)


def test_facts_have_no_more_trust_than_their_origin_and_keep_what_they_say(memory, vault):
    memory.import_(vault)
    memory.import_(GOLDEN / "mem0.json")
    trusts = {(record.kind, record.origin): record.trust for record in memory.records()}
    assert trusts == {(Kind.FACT, Origin.DOCUMENT): Trust.LOW, (Kind.FACT, Origin.INFERRED): Trust.MEDIUM}
    record = next(record for record in memory.records() if "oboe" in record.text)
    assert (record.subject, record.valid_from, record.actor) == ("bo", START_MS, "owner")
    assert str(record.source).endswith("/bo.md")


def test_our_own_formats_come_first_and_keep_their_names(memory, tmp_path):
    ours = tmp_path / "ours.jsonl"
    line = json.dumps({"conversation": "c", "entries": [{"author": "Ada", "text": "Hello."}]})
    ours.write_text(line + "\n")
    assert memory.import_(ours).format == "conversation"
    out = tmp_path / "out.jsonl"
    out.write_text("\n".join([*memory.export(), line]))
    assert memory.import_(out).format == "conversation+records"
    assert memory.import_([line], format="conversation").format == "conversation"
    assert memory.import_(chat(tmp_path / "chat.jsonl", "Hello.")).format == "jsonl"


def test_an_unknown_name_lists_every_format_and_lines_are_ours_only(memory, tmp_path):
    path = chat(tmp_path / "chat.jsonl", "Hello.")
    for source in (path, ["{}"]):
        with refused(memory, UnknownFormat, "conversation", "records", *FILES):
            memory.import_(source, format="whatsapp")
        with refused(memory, UnknownFormat, "did you mean 'chatgpt'"):
            memory.import_(source, format="chatgtp")
    with refused(memory, UnknownFormat, "file or a folder", "markdown"):
        memory.import_(["# Title"], format="markdown")
    with refused(memory, InvalidField, "no file"):
        memory.import_(tmp_path / "nowhere", format="markdown")


# Once


def test_progress_is_told_in_bytes_and_ends_at_the_whole(memory, tmp_path):
    path = chat(tmp_path / "chat.jsonl", *(f"Message {n}." for n in range(1_100)))
    told: list[tuple[int, int]] = []
    memory.import_(path, progress=lambda *both: told.append(both))
    size = path.stat().st_size
    assert (len(told), told[-1], {total for _, total in told}) == (3, (size, size), {size})
    assert told == sorted(told)


def test_some_hundreds_are_written_in_one_commit(memory, tmp_path, monkeypatch):
    commits: list[int] = []
    commit = memory._space.store.commit
    monkeypatch.setattr(memory._space.store, "commit", lambda decide: commits.append(1) or commit(decide))
    assert memory.import_(chat(tmp_path / "chat.jsonl", *(f"Message {n}." for n in range(1_200)))).added == 1_200
    assert len(commits) == 3


@pytest.mark.parametrize("size", [1, 3, 7])
def test_an_import_that_dies_anywhere_is_resumed_with_nothing_twice_and_nothing_missing(
    opened, tmp_path, vault, monkeypatch, size
):
    monkeypatch.setattr(importing, "PER_COMMIT", size)
    sources = (vault, chat(tmp_path / "chat.jsonl", *(f"Message {n}." for n in range(20))), GOLDEN / "claude")
    whole = opened()
    for source in sources:
        whole.import_(source)
    memory = opened(tmp_path / "space.db")
    commit = memory._space.store.commit
    chance, left = random.Random(size), 0

    def dies(decide):
        nonlocal left
        left -= 1
        if left < 0:
            raise StoreError("it died")
        return commit(decide)

    monkeypatch.setattr(memory._space.store, "commit", dies)
    for source in sources:
        for _ in range(200):
            left = chance.randint(0, 30 // size)
            try:
                memory.import_(source)
            except StoreError:
                continue
            break
        else:
            pytest.fail("it never came to an end")
    monkeypatch.setattr(memory._space.store, "commit", commit)
    assert sorted(record.text for record in memory.records()) == sorted(record.text for record in whole.records())
    assert all(memory.import_(source).added == 0 for source in sources)


def test_what_changed_under_its_key_is_counted_unchanged_and_said_while_the_rest_is_taken(memory, tmp_path):
    path = chat(tmp_path / "chat.jsonl", *(f"Message {n}." for n in range(30)))
    memory.import_(path)
    for dry_run in (True, False):
        # The key of a message holds its words, so what differs is noted beside it.
        chat(path, *(f"Message {n}." for n in range(40)), metadata={"mood": "good"})
        report = memory.import_(path, dry_run=dry_run)
        assert counts(report) == (10, 30, 0, 0)
        assert len(whys(report)) == 30
        assert set(whys(report)) == {"it differs from what was imported before, which was kept"}
        assert report.skipped[0].place.startswith("chat, 2024-05-03T00:00:0")
    assert memory.summary().live == 40


def test_many_differences_are_counted_after_the_first_thousand(memory, tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "MOST_SKIPPED", 5)
    path = chat(tmp_path / "chat.jsonl", *(f"Message {n}." for n in range(30)))
    memory.import_(path)
    report = memory.import_(chat(path, *(f"Message {n}." for n in range(30)), metadata={"mood": "good"}))
    assert whys(report)[-1] == "25 more places like those named"
    assert len(report.skipped) == 6


# What cannot be taken


def test_a_message_from_the_future_is_left_out_of_a_log_and_named(memory, tmp_path):
    path = chat(tmp_path / "chat.jsonl", "Past.", "Near.", "Far.")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["timestamp"], lines[2]["timestamp"] = START_MS + 80_000_000, START_MS + 90_000_000
    path.write_text("\n".join(map(json.dumps, lines)))
    report = memory.import_(path)
    assert (counts(report), texts(memory)) == ((2, 0, 0, 0), {"Past.", "Near."})
    assert ["more than a day after now" in why for why in whys(report)] == [True]
    assert "Nothing was written" not in whys(report)[0]


def test_a_conversation_with_a_message_from_the_future_is_left_out_whole(memory, tmp_path):
    path = tmp_path / "conversations.json"
    claude(path, ("one", "2024-05-03T18:05:00Z", ["A.", "B."]), ("two", "2999-01-01T00:00:00Z", ["C.", "D."]))
    lines = json.loads(path.read_text())
    lines[1]["chat_messages"][0]["created_at"] = "2024-05-03T18:05:00Z"
    path.write_text(json.dumps(lines))
    for dry_run in (True, False):
        report = memory.import_(path, dry_run=dry_run)
        assert counts(report) == (2, 0, 0, 0)
        assert [skipped.place for skipped in report.skipped] == ["claude/two"]
        assert "None of the conversation was taken; with skip_errors" in whys(report)[0]
    assert texts(memory) == {"A.", "B."}
    assert counts(memory.import_(path, skip_errors=True)) == (1, 2, 0, 0)
    assert texts(memory) == {"A.", "B.", "C."}


def test_what_was_forgotten_stays_forgotten_and_is_counted(memory, tmp_path, vault):
    path = chat(tmp_path / "chat.jsonl", *(f"Message {n}." for n in range(10)))
    memory.import_(path)
    memory.import_(vault)
    gone = [record.id for record in memory.records() if "Message 4" in record.text or "oboe" in record.text]
    memory.forget(*gone)
    for dry_run in (True, False):
        assert counts(memory.import_(path, dry_run=dry_run)) == (0, 9, 1, 0)
        assert counts(memory.import_(vault, dry_run=dry_run)) == (0, 2, 1, 0)
    (vault / "bo.md").write_text("---\ntags: [music]\n---\nBo plays the oboe.\n")
    assert counts(memory.import_(vault)) == (0, 2, 1, 0)
    assert "oboe" not in "".join(texts(memory))


def test_a_fact_that_was_corrected_is_not_brought_back(memory, vault):
    memory.import_(vault)
    home = next(record for record in memory.records() if "Lisbon" in record.text)
    memory.correct(home.id, "Ada lives in Porto.")
    assert counts(memory.import_(vault)) == (0, 3, 0, 0)
    (vault / "ada.md").write_text("# Home\nAda lives in Lisbon.\n\n# Dog\nAda has a greyhound.\n#pet\n")
    memory.import_(vault)
    (vault / "ada.md").write_text("---\ntags: [x]\n---\n# Home\nAda lives in Lisbon.\n")
    report = memory.import_(vault)
    assert ["corrected" in why for why in whys(report)] == [True]
    assert texts(memory) == {"Ada lives in Porto.", "Bo plays the oboe."}


def test_a_failing_store_is_not_taken_for_a_bad_entry(memory, tmp_path, monkeypatch):
    def fails(*_):
        raise StoreError("the disk went away")

    monkeypatch.setattr(memory._space.store, "commit", fails)
    with pytest.raises(StoreError, match="went away"):
        memory.import_(chat(tmp_path / "chat.jsonl", "Hello."), skip_errors=True)


# Following


def test_what_changed_or_went_in_a_folder_changes_or_goes_here(memory, vault):
    assert counts(memory.import_(vault)) == (3, 0, 0, 0)
    (vault / "ada.md").write_text("# Home\nAda lives in Porto.\n\n# Dog\nAda has a greyhound.\n")
    (vault / "bo.md").unlink()
    (vault / "cy.md").write_text("Cy sails.\n")
    told = memory.import_(vault, dry_run=True)
    assert texts(memory) == VAULT
    done = memory.import_(vault)
    assert counts(told) == counts(done) == (2, 1, 0, 2)
    assert texts(memory) == {"Ada lives in Porto.", "Ada has a greyhound.", "Cy sails."}
    receipt = memory.receipts()[-1]
    assert (receipt.reason, len(receipt.forgotten)) == (REMOVED, 2)
    assert memory.verify(receipt).holds
    assert counts(memory.import_(vault)) == (0, 3, 0, 0)
    assert memory.check() == []


def test_what_comes_back_at_its_source_comes_back_here_as_often_as_it_does(memory, vault):
    memory.import_(vault)
    note, text = vault / "bo.md", (vault / "bo.md").read_text()
    for _ in range(3):
        note.unlink()
        assert counts(memory.import_(vault)) == (0, 2, 0, 1)
        assert texts(memory) == VAULT - {"Bo plays the oboe."}
        note.write_text(text)
        assert counts(memory.import_(vault, dry_run=True)) == counts(memory.import_(vault)) == (1, 2, 0, 0)
        assert texts(memory) == VAULT
        assert counts(memory.import_(vault)) == (0, 3, 0, 0)
    back = next(record for record in memory.records() if "oboe" in record.text)
    memory.forget(back.id)
    assert counts(memory.import_(vault)) == (0, 2, 1, 0)
    note.unlink()
    memory.import_(vault)
    note.write_text(text)
    assert counts(memory.import_(vault)) == (0, 2, 1, 0)


def test_a_note_that_moves_to_another_file_is_kept(memory, vault):
    memory.import_(vault)
    (vault / "bo.md").rename(vault / "band.md")
    memory.import_(vault)
    assert texts(memory) == VAULT
    assert counts(memory.import_(vault)) == (0, 3, 0, 0)


def test_only_facts_an_import_made_from_that_document_are_removed(memory, vault, tmp_path):
    memory.import_(vault)
    source = next(str(record.source) for record in memory.records() if "oboe" in record.text)
    root = source.removesuffix("bo.md")
    own = memory.remember("Bo is tall.", source=source, key="mine")
    session = memory.session("s")
    turn = session.add("user", "Bo said so.", source=source)
    oboe = next(record for record in memory.records() if "oboe" in record.text)
    corrected = memory.correct(oboe.id, "Bo plays the cello.")
    other = memory.remember("Elsewhere.", source=f"{root[:-1]}x/bo.md")
    (vault / "ada.md").unlink()
    (vault / "bo.md").write_text("Something else.\n")
    assert memory.import_(vault).removed == 2
    assert {record.id for record in memory.records()} >= {own.id, turn.id, corrected.id, other.id}
    assert memory.get(oboe.id).superseded_by == corrected.id


def test_what_was_derived_from_a_removed_fact_falls_with_it(memory, vault):
    memory.import_(vault)
    oboe = next(record for record in memory.records() if "oboe" in record.text)
    derived = memory.remember("Bo is a musician.", sources=[oboe.id], origin="inferred")
    (vault / "bo.md").unlink()
    assert memory.import_(vault, dry_run=True).removed == 2
    assert memory.import_(vault).removed == 2
    assert derived.id not in {record.id for record in memory.records()}
    assert memory.remember("Bo is a musician.").id


def test_a_single_file_leaves_the_rest_of_its_folder_alone(memory, vault):
    memory.import_(vault)
    (vault / "bo.md").unlink()
    (vault / "ada.md").write_text("# Home\nAda lives in Porto.\n")
    assert counts(memory.import_(vault / "ada.md")) == (1, 0, 0, 2)
    assert texts(memory) == {"Ada lives in Porto.", "Bo plays the oboe."}


def test_a_file_or_folder_that_cannot_be_read_this_time_is_left_as_it_was(memory, vault, monkeypatch):
    inside = vault / "inside"
    inside.mkdir()
    (inside / "cy.md").write_text("Cy sails.\n")
    memory.import_(vault)
    (vault / "bo.md").write_bytes(b"Bo plays the \xff oboe.")
    scandir = os.scandir

    def refuses(folder):
        if Path(folder) == inside:
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuses)
    report = memory.import_(vault)
    assert report.removed == 0
    assert texts(memory) == VAULT | {"Cy sails."}
    assert any("nothing counts as removed" in why for why in whys(report))
    monkeypatch.undo()
    (inside / "cy.md").unlink()
    assert memory.import_(vault).removed == 1


def test_an_import_that_stops_removes_nothing(memory, vault, monkeypatch):
    memory.import_(vault)
    (vault / "ada.md").write_text("# Home\nAda lives in Porto.\n")
    commit = memory._space.store.commit

    def fails(*_):
        raise StoreError("full")

    monkeypatch.setattr(memory._space.store, "commit", fails)
    with pytest.raises(StoreError):
        memory.import_(vault)
    monkeypatch.setattr(memory._space.store, "commit", commit)
    assert texts(memory) == VAULT


def test_more_than_a_hundred_removals_need_a_word(memory, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number}.md").write_text(f"Note {number}.\n")
    memory.import_(folder)
    for number in range(120):
        (folder / f"{number}.md").unlink()
    (folder / "new.md").write_text("New.\n")
    assert memory.import_(folder, dry_run=True).removed == 120
    with pytest.raises(ConfirmationNeeded, match="120 facts are gone at their source"):
        memory.import_(folder)
    assert memory.summary().live == 151
    assert counts(memory.import_(folder, confirm_removal=True)) == (0, 31, 0, 120)
    for file in folder.iterdir():
        file.write_text(f"Changed {file.name}.\n")
    assert counts(memory.import_(folder)) == (31, 0, 0, 31)


def test_an_updated_memory_of_another_program_replaces_the_one_before(memory, tmp_path):
    path = tmp_path / "mem0.json"

    def write(text: str) -> None:
        one = {"id": "m-1", "memory": text, "user_id": "ada", "created_at": "2024-07-01T09:00:00Z"}
        two = {"id": "m-2", "memory": "Likes tea", "user_id": "ada", "created_at": "2024-07-01T09:00:00Z"}
        path.write_text(json.dumps({"results": [one, two]}))

    write("Lives in Lisbon")
    memory.import_(path)
    write("Lives in Porto")
    assert counts(memory.import_(path)) == (1, 1, 0, 1)
    assert texts(memory) == {"Lives in Porto", "Likes tea"}
    write("Lives in Lisbon")
    assert counts(memory.import_(path)) == (1, 1, 0, 1)
    assert texts(memory) == {"Lives in Lisbon", "Likes tea"}


def test_random_edits_of_a_folder_always_end_in_what_it_holds(memory, tmp_path):
    chance = random.Random(7)
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "kept.md").write_text("Always here.\n")
    for _ in range(40):
        for _ in range(chance.randint(1, 4)):
            file = folder / f"{chance.randrange(4)}.md"
            if chance.random() < 0.3:
                file.unlink(missing_ok=True)
            else:
                parts = chance.sample(range(6), chance.randint(0, 3))
                file.write_text("".join(f"# S{n}\nText {n}.\n" for n in parts))
        memory.import_(folder)
        expected = sorted(
            f"{file.stem} > {section}\n\n{text}"
            for file in folder.glob("?.md")
            for section, text in (part.strip().split("\n") for part in file.read_text().split("# ") if part)
        )
        held = sorted(record.text for record in memory.records() if "Always" not in record.text)
        assert held == expected
    assert memory.check() == []


def test_imports_are_found(memory, vault):
    memory.import_(vault)
    assert "oboe" in found(memory, "oboe")[0]


def test_a_dry_run_of_our_own_formats_writes_nothing_and_counts_the_same(memory, opened):
    entries = [{"author": "Ada", "text": f"Line {n}.", "id": n % 8} for n in range(8)]
    lines = [json.dumps({"conversation": "c", "entries": entries})]
    other = opened()
    first = other.remember("Ada lives in Lisbon.")
    other.correct(first.id, "Ada lives in Porto.")
    lines += [*other.export(superseded=True), lines[0]]
    before = state_of(memory)
    told = memory.import_(lines, dry_run=True)
    assert state_of(memory) == before
    done = memory.import_(lines)
    assert counts(told) == counts(done) == (10, 8, 0, 0)
    assert counts(memory.import_(lines, dry_run=True)) == (0, 18, 0, 0)
