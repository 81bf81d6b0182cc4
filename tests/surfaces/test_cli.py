"""The command line: what each command does, and what reaches a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.main import COMMANDS, GROUPS, cli
from tests.surfaces.reference import reference
from tests.surfaces.shell import DEADLINE_S, TURNS, UNKNOWN, Shell, compare, conversation, hold, talk

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
NASTY = "a\x1b[31mred\x9b \u202eright [bold]not markup[/bold] :smile: \x07end"


# Each command


def test_a_fact_that_was_added_is_recalled(shell: Shell):
    made = shell.ok("add", "Ada is allergic to penicillin.", "--category", "health", "--tag", "intake").strip()
    found = shell.json("recall", "what is Ada allergic to?")
    assert [hit["record"]["id"] for hit in found["hits"]] == [made]
    assert found["hits"][0]["record"]["category"] == "health"
    assert found["degraded"]


def test_a_text_may_come_from_standard_input(shell: Shell):
    shell.ok("add", given="The gate code is in the drawer.\n")
    shell.ok("chat-log", "s", "-", "--add", "user", given="Two\nlines")
    assert [row["record"]["text"] for row in shell.json("recall", "code drawer lines")["hits"]] == [
        "The gate code is in the drawer.",
        "Two\nlines",
    ]


def test_a_session_is_shown_as_it_was_said(shell: Shell):
    ids = talk(shell)
    shell.ok("correct", ids[0], "Ada lives in Porto.")
    compare("chat_log.txt", shell.ok("chat-log", "chat-1"))
    told = shell.json("chat-log", "chat-1")
    assert [turn["id"] for turn in told["turns"]] == ids
    assert [turn["text"] for turn in shell.json("chat-log", "chat-1", "--limit", "1")["turns"]] == [TURNS[2][2]]


def test_sessions_are_listed(shell: Shell):
    talk(shell)
    compare("sessions.txt", shell.ok("chat-log"))
    assert shell.json("chat-log") == [
        {"session": "chat-1", "turns": 3, "first": "2024-05-03T18:05:00Z", "last": "2024-05-04T09:00:00Z"}
    ]


def test_a_session_nobody_spoke_in_ends_with_1(shell: Shell):
    talk(shell)
    assert shell.error("chat-log", "elsewhere") == (1, "holdfast: session 'elsewhere' has no turns")
    assert shell.json("chat-log", "elsewhere", code=1)["turns"] == []


def test_recall_shows_dates_authors_and_reasons(shell: Shell):
    talk(shell)
    compare("recall.txt", shell.ok("recall", "When did Ada move to Lisbon?", "--limit", "1"))


def test_why_shows_the_part_of_each_signal_and_they_sum_to_the_score(shell: Shell):
    talk(shell)
    shown = shell.ok("recall", "moved to Lisbon", "--why", "--limit", "2").splitlines()
    start = next(number for number, line in enumerate(shown) if line.startswith("#"))
    assert shown[start].split()[:2] == ["#", "score"]
    rows = [list(map(float, line.split())) for line in shown[start + 1 : start + 3]]
    assert len(rows[0]) == len(shown[start].split()) > 3
    for _, score, *parts in rows:
        assert sum(parts) == pytest.approx(score, abs=0.005)
    hit = shell.json("recall", "moved to Lisbon")["hits"][0]
    assert sum(hit["signals"].values()) == pytest.approx(hit["score"])


def test_recall_takes_filters_a_budget_and_times(shell: Shell):
    talk(shell)

    def texts(*options: str) -> list[str]:
        return [hit["record"]["text"] for hit in shell.json("recall", "Lisbon trams", *options)["hits"]]

    everything = {text for _, _, text in TURNS}
    assert set(texts()) == everything
    assert texts("--where", "author=Fern") == [TURNS[1][2]]
    assert set(texts("--where", "author=Fern", "--where", "author=Ada")) == everything
    assert texts("--since", "2024-05-04") == [TURNS[2][2]]
    assert set(texts("--until", "2024-05-04")) == {TURNS[0][2], TURNS[1][2]}
    assert len(texts("--limit", "2")) == 2
    assert texts("--budget", "1000") != []
    assert shell("recall", "Lisbon", "--budget", "1").exit_code == failure.PROBLEMS


def test_recall_text_is_what_goes_into_a_prompt(shell: Shell):
    talk(shell)
    found = shell.json("recall", "Lisbon")
    assert shell.ok("recall", "Lisbon", "--text").rstrip("\n") == found["text"]


def test_nothing_recalled_ends_with_1(shell: Shell):
    talk(shell)
    done = shell("recall", "Lisbon", "--where", "author=Nobody")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, "Nothing is remembered about that.")


def test_a_long_text_is_cut_unless_asked_for_in_full(shell: Shell):
    shell.ok("add", "Lisbon " + "tram " * 500)
    assert "…" in shell.ok("recall", "tram")
    assert shell.ok("recall", "tram", "--full").count("tram") == 500


def test_a_correction_shows_both_and_keeps_the_history(shell: Shell):
    first = shell.ok("add", "Ada lives in Leeds.", "--when", "2024-01-01").strip()
    compare("correct.txt", shell.ok("correct", first[-8:], "Ada lives in Porto.", "--when", "2024-02-02"))
    compare("history.txt", shell.ok("history", first))
    assert [entry["what"] for entry in shell.json("history", first)["entries"]] == ["remembered", "superseded"]
    told = shell.json("recall", "where does Ada live?")
    assert [hit["record"]["text"] for hit in told["hits"]] == ["Ada lives in Porto."]


def test_forgetting_gives_a_receipt_and_leaves_no_words(shell: Shell):
    made = shell.ok("add", "The door code is 7306#.").strip()
    compare("forget.txt", shell.ok("forget", made, "--yes", "--reason", "asked to"))
    assert b"7306#" not in b"".join(path.read_bytes() for path in shell.folder.glob("space.db*"))
    assert shell.error("correct", made, "x")[0] == failure.NOT_FOUND
    assert [entry["what"] for entry in shell.json("history", made)["entries"]] == ["remembered", "forgotten"]
    again = shell("add", "The door code is 7306#.")
    assert (again.exit_code, again.stdout) == (failure.NOT_FOUND, "")
    shell.ok("add", "The door code is 7306#.", "--readmit")


def test_forgetting_needs_a_yes_where_nobody_can_be_asked(shell: Shell):
    made = shell.ok("add", "Keep me.").strip()
    code, told = shell.error("forget", made)
    assert (code, "--yes" in told) == (failure.USAGE, True)
    assert shell.json("stats")["live"] == 1


def test_forgetting_an_unknown_id_forgets_nothing(shell: Shell):
    made = shell.ok("add", "Keep me.").strip()
    assert shell.error("forget", made, UNKNOWN, "--yes")[0] == failure.NOT_FOUND
    assert shell.json("stats")["live"] == 1


def test_stats_count(shell: Shell):
    talk(shell)
    compare("stats.txt", shell.ok("stats"))
    stats = shell.json("stats")
    assert (stats["live"], stats["sessions"], stats["by_author"]) == (3, 1, {"Ada": 2, "Fern": 1})


def test_an_export_is_imported_again_as_it_was(shell: Shell):
    ids = talk(shell)
    shell.ok("correct", ids[0], "Ada lives in Porto.")
    shell.ok("export", "-o", "out.jsonl", "--superseded")
    lines = (shell.folder / "out.jsonl").read_text().splitlines()
    assert lines == shell.ok("export", "--superseded").splitlines()
    assert (len(lines), len(shell.ok("export").splitlines())) == (4, 3)
    assert shell.json("import", "out.jsonl", "--db", "copy.db")["added"] == 4
    assert shell.ok("export", "--superseded", "--db", "copy.db").splitlines()[0].split('"recorded_at"')[0] in lines[0]


def test_an_export_never_replaces_a_file_unless_told_to(shell: Shell):
    talk(shell)
    target = shell.folder / "out.jsonl"
    target.write_text("mine")
    assert shell.error("export", "-o", "out.jsonl")[0] == failure.CONFLICT
    assert target.read_text() == "mine"
    assert shell.json("export", "-o", "out.jsonl", "--force") == {"file": str(target), "memories": 3}
    assert len(target.read_text().splitlines()) == 3


def test_an_export_that_fails_leaves_no_file(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    talk(shell)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert shell.error("export", "-o", "out.jsonl")[0] == failure.TEMPORARY
    assert list(shell.folder.glob("*out.jsonl*")) == []


@pytest.mark.parametrize("name", ["space.db", "space.db-wal"])
def test_an_export_never_goes_into_the_space_itself(shell: Shell, name: str):
    talk(shell)
    assert shell.error("export", "-o", name, "--force")[0] == failure.USAGE
    assert shell.json("stats")["live"] == 3


def test_an_import_adds_nothing_twice(shell: Shell):
    conversation(shell.folder)
    first, second = (shell.json("import", "talk.jsonl") for _ in range(2))
    assert (first["added"], second["added"], second["unchanged"]) == (3, 0, 3)


def test_an_import_reads_standard_input(shell: Shell):
    text = conversation(shell.folder).read_bytes()
    assert "3 memories added" in shell.ok("import", "-", given=text)


def test_a_malformed_line_stops_an_import_at_its_number(shell: Shell):
    conversation(shell.folder, bad=2)
    code, told = shell.error("import", "talk.jsonl")
    assert (code, "Line 2" in told) == (failure.USAGE, True)
    assert shell.json("stats")["live"] == 1


def test_a_malformed_line_is_passed_over_and_reported_when_asked(shell: Shell):
    conversation(shell.folder, bad=2)
    done = shell("import", "talk.jsonl", "--skip-errors")
    assert done.exit_code == failure.PROBLEMS
    assert "line 2: " in done.stdout
    report = shell.json("import", "talk.jsonl", "--skip-errors", code=1)
    assert ([row["line"] for row in report["skipped"]], report["unchanged"]) == ([2], 2)


NOTE = "# Home\nAda lives in Lisbon.\n\n# Dog\nAda has a greyhound.\n"


def vault(shell: Shell) -> Path:
    folder = shell.folder / "vault"
    folder.mkdir()
    (folder / "ada.md").write_text(NOTE)
    (folder / "bo.md").write_text("Bo plays the oboe.\n")
    (folder / "map.png").write_bytes(b"\x89PNG")
    return folder


def test_a_folder_of_notes_is_imported_and_followed(shell: Shell):
    notes = vault(shell)
    told = shell.ok("import", "vault", "--no-embed").replace("3 without a vector yet, found by their words\n", "")
    assert told == "3 memories added\nNever taken:\n  vault: 1 left out: files of type .png: only Markdown is read\n"
    (notes / "bo.md").unlink()
    assert shell.ok("import", "vault").startswith("0 memories added\n2 there already\n1 removed: gone at the source\n")
    assert shell.json("import", "vault", "--format", "markdown")["unchanged"] == 2
    assert shell.json("stats")["live"] == 2


def test_a_dry_run_shows_what_an_import_would_do_and_writes_nothing(shell: Shell):
    notes = vault(shell)
    told = shell.ok("import", "vault", "--dry-run")
    assert told.startswith("3 memories would be added\n")
    assert told.endswith("Nothing was written.\n")
    assert not shell.space.exists()
    shell.ok("import", "vault")
    before = shell.json("stats")
    (notes / "bo.md").unlink()
    report = shell.json("import", "vault", "--dry-run")
    assert (report["added"], report["unchanged"], report["removed"], report["dry_run"]) == (0, 2, 1, True)
    assert "1 would be removed: gone at the source" in shell.ok("import", "vault", "--dry-run")
    assert shell.json("stats") == before


def test_more_than_a_hundred_removals_need_yes(shell: Shell):
    notes = vault(shell)
    for number in range(101):
        (notes / f"{number}.md").write_text(f"Note {number}.\n")
    shell.ok("import", "vault")
    for number in range(101):
        (notes / f"{number}.md").unlink()
    code, told = shell.error("import", "vault")
    assert (code, "--yes" in told) == (failure.CONFLICT, True)
    assert shell.json("import", "vault", "--yes")["removed"] == 101


def test_what_is_skipped_is_named_with_the_reason_and_ends_with_1(shell: Shell):
    lines = [{"role": "user", "content": "Hello."}, {"content": "Nobody says this."}]
    (shell.folder / "chat.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = shell("import", "chat.jsonl")
    assert (done.exit_code, "1 place skipped:" in done.stdout) == (failure.PROBLEMS, True)
    assert "chat.jsonl, line 2: " in done.stdout
    report = shell.json("import", "chat.jsonl", code=1)
    assert (report["format"], report["unchanged"]) == ("jsonl", 1)
    assert report["skipped"][0].keys() == {"place", "why", "line", "intended"}


def test_every_format_that_can_be_named_is_one_that_can_be_read():
    from holdfast.adapters.importers import IMPORTERS, OWN
    from holdfast.surfaces.cli.move import FORMATS

    assert set(FORMATS) == {"auto", *OWN, *(importer.name for importer in IMPORTERS)}
    assert len(FORMATS) == len(set(FORMATS))


def test_check_and_rebuild_agree_on_a_sound_space(shell: Shell):
    talk(shell)
    assert shell.ok("check") == "ok     Nothing is wrong.\n"
    assert shell.json("check") == {"problems": []}
    digest = shell.json("rebuild")["digest"]
    assert shell.json("rebuild")["digest"] == digest
    assert shell.json("check") == {"problems": []}


def test_check_finds_a_flipped_byte_and_ends_with_1(shell: Shell):
    made = [shell.ok("add", f"The colour of house {n} is vermilion.") for n in range(20)]
    assert made
    content = bytearray(shell.space.read_bytes())
    place = content.index(b"vermilion")
    content[place] ^= 1
    shell.space.write_bytes(content)
    done = shell("check")
    assert (done.exit_code, "FAILED" in done.stdout) == (failure.PROBLEMS, True)
    assert shell.json("check", code=1)["problems"]


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_a_completion_script_calls_back_the_command(shell: Shell, kind: str):
    script = shell.ok("completion", kind)
    assert f"_HOLDFAST_COMPLETE={kind}_complete" in script
    asked = shell.process(COMP_WORDS="holdfast reca", COMP_CWORD="1", _HOLDFAST_COMPLETE="bash_complete")
    assert asked.stdout.decode().split() == ["plain,recall"]


# Ids


def test_an_id_may_be_given_by_the_digits_of_its_start_or_end(shell: Shell):
    made = shell.ok("add", "Ada lives in Leeds.").strip()
    for short in (made[:8], made[-8:], made[-6:].upper(), made.replace("-", ""), made[:13]):
        assert shell.json("history", short)["id"] == made
    later = shell.json("correct", made, "Ada lives in Porto.")["record"]["id"]
    assert later != made
    # A superseded one has a history too.
    assert shell.json("history", made[-8:])["id"] == made


def test_digits_that_name_none_or_several_are_refused(shell: Shell):
    ids = talk(shell)
    common = ids[0].replace("-", "")[:8]
    assert all(one.replace("-", "").startswith(common) for one in ids)
    code, told = shell.error("history", common)
    assert (code, "give more digits" in told) == (failure.USAGE, True)
    absent = "abcdef12" if not any(one.endswith("abcdef12") for one in ids) else "12abcdef"
    assert shell.error("history", absent)[0] == failure.NOT_FOUND
    assert shell.error("history", "abc")[0] == failure.USAGE
    assert shell.error("history", "not-an-id")[0] == failure.USAGE


# What reaches a terminal


def test_piped_output_is_plain(shell: Shell):
    talk(shell)
    for arguments in (("recall", "Lisbon", "--why"), ("chat-log", "chat-1"), ("stats",), ("doctor",), ("--help",)):
        done = shell.process(*arguments)
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout
        assert not {char for char in done.stdout.decode() if 0x2500 <= ord(char) < 0x2600}


def test_an_output_that_cannot_encode_a_text_shows_an_escape(shell: Shell):
    shell.ok("add", "Ada says olá 漢")
    done = shell.process("recall", "Ada", PYTHONIOENCODING="latin-1")
    assert (done.returncode, b"ol\xe1 \\u6f22" in done.stdout) == (0, True)


def test_stored_text_cannot_drive_a_terminal_or_pose_as_markup(shell: Shell):
    made = shell.ok("add", NASTY).strip()
    shell.ok("chat-log", "s", NASTY, "--add", "user")
    for arguments in (
        ("recall", "red"), ("recall", "red", "--full"), ("recall", "red", "--text"), ("recall", "red", "--json"),
        ("chat-log", "s"), ("history", made), ("export",), ("correct", made, NASTY + " again"),
    ):  # fmt: skip
        shown = shell.ok(*arguments)
        assert not set("\x1b\x9b\u202e\x07") & set(shown), arguments
        assert "[bold]not markup[/bold] :smile:" in shown, arguments


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_in_a_terminal_there_is_colour_and_stored_text_is_still_inert(shell: Shell):
    made = shell.ok("add", NASTY).strip()
    shell.ok("chat-log", "s", NASTY, "--add", "user")
    for arguments in (("recall", "red"), ("chat-log", "s"), ("history", made), ("recall", "red", "--why")):
        code, shown = shell.terminal(*arguments, columns=160)
        assert code == 0, shown
        assert "\x1b[" in shown
        assert "\x1b[31mred" not in shown
        assert not set("\x9b\u202e\x07") & set(shown)
        assert "\\x1b[31mred" in shown
        assert ":smile:" in shown


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(("typed", "code", "left"), [(b"n\n", 1, 1), (b"\n", 1, 1), (b"y\n", 0, 0)])
def test_forgetting_asks_in_a_terminal(shell: Shell, typed: bytes, code: int, left: int):
    made = shell.ok("add", "Forget me?").strip()
    ended, shown = shell.terminal("forget", made, typed=typed)
    assert (ended, "Forget me?" in shown, shell.json("stats")["live"]) == (code, True, left)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_an_import_shows_a_bar_in_a_terminal_only(shell: Shell):
    conversation(shell.folder)
    assert "Importing" in shell.terminal("import", "talk.jsonl")[1]
    assert shell.process("import", "talk.jsonl").stderr == b""


# The whole


def test_version_and_help_load_nothing_heavy(shell: Shell):
    heavy = "('numpy', 'rich', 'onnxruntime', 'apsw', 'tokenizers', 'Stemmer')"
    for option in ("--version", "--help"):
        code = (
            "import sys\nfrom holdfast.surfaces.cli.main import run\n"
            f"sys.argv = ['holdfast', {option!r}]\n"
            f"try:\n    run()\nexcept SystemExit as end:\n    assert not end.code\n"
            f"print([name for name in {heavy} if name in sys.modules])\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=DEADLINE_S)
        assert done.stdout.decode().splitlines()[-1] == "[]"


def test_every_command_has_a_json_form_and_one_line_of_help(shell: Shell):
    page = shell.ok("--help")
    compare("help.txt", page)
    for name in COMMANDS:
        assert f"  {name}" in page
        command = cli.get_command(click.Context(cli), name)
        assert isinstance(command, click.Group) == (name in GROUPS)
        for below in command.commands if isinstance(command, click.Group) else [None]:
            assert "--json" in shell.ok(*filter(None, (name, below)), "--help")


def test_the_reference_page_is_what_the_commands_say():
    hold(PAGE, reference())
