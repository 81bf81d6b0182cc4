"""How the command line fails: one line, a documented exit code, nothing written, never a traceback."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast import errors
from holdfast.memory import Memory
from holdfast.surfaces.cli import failure
from tests.surfaces.shell import DEADLINE_S, UNKNOWN, Shell, command, conversation, end, talk

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"


# Bad input


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", ""),
        ("add", " \t\n"),
        ("add", "a\x00b"),
        ("add", "half \ud800"),
        ("add", "x" * 1_000_001),
        ("add", "x", "--category", "nonsense"),
        ("add", "x", "--confidence", "nan"),
        ("add", "x", "--importance", "1.5"),
        ("add", "x", "--confidence", "high"),
        ("add", "x", "--when", "some day"),
        ("add", "x", "--when", "9999-01-01"),
        ("add", "x", "--when", "2024-02-02", "--until", "2024-01-01"),
        ("add", "x", "--origin", "elsewhere"),
        ("add", "x", "--tag", "a\nb"),
        ("add", "x", "--nonsense"),
        ("chat-log", "s", "x", "--add", "user", "--when", "2999-01-01"),
        ("chat-log", "s", "x"),
        ("chat-log", "--add", "user"),
        ("chat-log", "", "x", "--add", "user"),
        ("import", "nowhere.jsonl"),
        ("import", "."),
        ("nonsense",),
    ],
)
def test_bad_input_ends_with_2_in_one_line_and_makes_no_space(shell: Shell, arguments: tuple[str, ...]):
    code, told = shell.error(*arguments)
    assert code == failure.USAGE
    assert told.startswith("holdfast: error: ")
    assert not shell.space.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("recall", ""),
        ("recall", "x", "--where", "colour=red"),
        ("recall", "x", "--where", "author"),
        ("recall", "x", "--where", "kind=dream"),
        ("recall", "x", "--limit", "0"),
        ("recall", "x", "--limit", "1001"),
        ("recall", "x", "--budget", "-1"),
        ("recall", "x", "--since", "once"),
        ("recall", "x", "--since", "2024-02-02", "--until", "2024-01-01"),
        ("recall", "x", "--why", "--text"),
        ("import", "talk.jsonl", "--zone", "Mars"),
        ("import", "talk.jsonl", "--format", "xml"),
        ("import", "words.txt"),
        ("import", "latin.jsonl"),
        ("stats", "--embedder", "none", "--as", ""),
    ],
)
def test_bad_input_to_a_space_ends_with_2_and_changes_nothing(shell: Shell, arguments: tuple[str, ...]):
    talk(shell)
    conversation(shell.folder)
    (shell.folder / "words.txt").write_text("only words\n")
    (shell.folder / "latin.jsonl").write_bytes(b'{"conversation": "\xe9"}\n')
    before = shell.json("stats")
    code = shell.error(*arguments)[0]
    assert (code, shell.json("stats")) == (failure.USAGE, before)


def test_input_that_is_no_text_is_refused(shell: Shell):
    assert shell.error("add", given=b"\xff\xfe")[0] == failure.USAGE
    assert shell.error("add", given=b"x" * 8_000_001)[0] == failure.USAGE
    assert not shell.space.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("stats",), ("recall", "x"), ("check",), ("export",), ("history", UNKNOWN), ("chat-log", "s"), ("rebuild",),
        ("correct", UNKNOWN, "x"), ("forget", UNKNOWN, "--yes"),
    ],
)  # fmt: skip
def test_a_command_that_needs_a_space_makes_none(shell: Shell, arguments: tuple[str, ...]):
    code, told = shell.error(*arguments)
    assert (code, "There is no space at" in told) == (failure.UNUSABLE, True)
    assert list(shell.folder.iterdir()) == []


def test_commands_that_read_open_the_space_to_read_only(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    made = talk(shell)[0]
    opened, really = list[bool](), Memory.open

    def open_(path: str | Path, *, read_only: bool = False, **options: Any) -> Memory:
        opened.append(read_only)
        return really(path, read_only=read_only, **options)

    monkeypatch.setattr(Memory, "open", open_)
    reading = ["stats", "recall Lisbon", "check", "export", f"history {made}", "chat-log", "chat-log chat-1", "doctor"]
    for arguments in reading:
        shell.ok(*arguments.split())
    assert opened == [True] * len(reading)
    shell.ok("rebuild")
    assert opened[-1] is False


def test_the_first_write_makes_the_space_and_its_folder(shell: Shell):
    shell.ok("add", "x", "--db", "some/new/folder/space.db")
    assert shell.json("stats", "--db", "some/new/folder/space.db")["live"] == 1


def test_a_file_that_is_no_space_is_refused_and_kept(shell: Shell):
    shell.space.write_bytes(b"not a space at all")
    for arguments in (("stats",), ("add", "x"), ("check",)):
        assert shell.error(*arguments)[0] == failure.UNUSABLE
    assert shell.space.read_bytes() == b"not a space at all"


def test_a_key_used_for_something_else_is_a_conflict(shell: Shell):
    shell.ok("add", "x", "--key", "k")
    assert shell.ok("add", "x", "--key", "k") == shell.ok("add", "x", "--key", "k")
    assert shell.error("add", "y", "--key", "k")[0] == failure.CONFLICT


def test_a_model_that_is_not_there_is_refused_where_it_was_named(shell: Shell):
    assert shell.error("add", "x", "--embedder", "nowhere")[0] == failure.USAGE


# Errors and exit codes


def test_every_error_has_an_exit_code_that_is_documented():
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HoldfastError)
    ]
    codes = {kind.__name__: failure.exit_code(kind()) for kind in kinds if kind is not errors.HoldfastError}
    assert set(codes.values()) <= set(failure.EXIT_CODES)
    assert failure.PROBLEMS not in codes.values()
    assert (codes["InvalidText"], codes["Gone"], codes["KeyReused"], codes["Damaged"], codes["StoreBusy"]) == (
        2,
        3,
        4,
        5,
        6,
    )


def test_an_error_is_one_object_with_json(shell: Shell):
    done = shell("stats", "--json")
    told = json.loads(done.stderr)["error"]
    assert (done.stdout, list(told), told["code"], told["retryable"]) == (
        "", ["code", "message", "retryable"], "no_space", False,
    )  # fmt: skip
    assert json.loads(shell("stats", "--nonsense", "--json").stderr)["error"]["code"] == "wrong_usage"


def test_json_after_two_dashes_is_text(shell: Shell):
    shell.ok("add", "--", "--json")
    assert shell.json("recall", "json")["hits"][0]["record"]["text"] == "--json"


def test_a_defect_is_told_in_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by\nzero")

    monkeypatch.setattr("holdfast.config.load_settings", broken)
    code, told = shell.error("stats")
    assert (code, "ZeroDivisionError: division by zero" in told) == (failure.DEFECT, True)


def test_no_command_ends_in_a_traceback(shell: Shell):
    for arguments in (("stats",), ("recall",), ("import", "nowhere"), ("forget", "zz"), ("demo", "--from", "nowhere")):
        done = shell.process(*arguments, given=b"")
        assert done.returncode in (2, 5)
        assert b"Traceback" not in done.stderr
        assert done.stderr.startswith(b"holdfast: error: ")


def test_output_that_cannot_be_written_is_an_error_not_a_traceback(shell: Shell):
    if not Path("/dev/full").exists():
        pytest.skip("the system has no /dev/full")
    talk(shell)
    for words in (["stats"], ["export"], ["recall", "Lisbon"]):
        with open("/dev/full", "wb") as full:  # noqa: PTH123
            done = subprocess.run(
                command(*words), stdout=full, stderr=subprocess.PIPE, check=False, timeout=DEADLINE_S
            )  # fmt: skip
        assert done.returncode == failure.TEMPORARY
        assert done.stderr.startswith(b"holdfast: error: The system refused")
        assert len(done.stderr.splitlines()) == 1


def test_an_output_that_was_closed_is_no_defect(shell: Shell):
    made = talk(shell)
    for words in (["stats"], ["add", "x"], ["stats", "--json"], ["nonsense"]):
        line = f"exec {shlex.join(command(*words))} >&-"
        done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, check=False, timeout=DEADLINE_S)
        assert done.returncode == (failure.USAGE if words == ["nonsense"] else failure.OK), done.stderr
        assert len(done.stderr.splitlines()) == (words == ["nonsense"])
    assert shell.json("stats")["live"] == len(made) + 1
    assert shell.json("check") == {"problems": []}
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.join(command('add'))} <&- 2>&-"], stdout=subprocess.PIPE, timeout=DEADLINE_S
    )  # fmt: skip
    assert done.returncode == failure.USAGE


def test_a_reader_that_closes_the_pipe_is_no_error(shell: Shell):
    lines = [{"author": "Ada", "text": f"{n} " + "word " * 100} for n in range(2_000)]
    (shell.folder / "long.jsonl").write_text(json.dumps({"conversation": "c", "entries": lines}))
    shell.ok("import", "long.jsonl")
    process = subprocess.Popen(command("export"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(DEADLINE_S) == failure.PIPE_CLOSED
        assert process.stderr.read() == b""
    finally:
        end(process)


def test_an_interrupt_ends_with_130_and_no_traceback(shell: Shell):
    # Under nohup an interrupt is ignored, also by what is started from there.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            command("import", "-", hear_interrupts=True), stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        process.stdin.write(conversation(shell.folder, 1).read_bytes())
        process.stdin.flush()
        patience = time.monotonic() + DEADLINE_S
        while not (shell.space.exists() and _live(shell) == 1):
            assert process.poll() is None
            assert time.monotonic() < patience
        process.send_signal(signal.SIGINT)
        ended = process.wait(DEADLINE_S)
        told = process.stderr.read().decode()
        assert ended == failure.INTERRUPTED, told
    finally:
        end(process)
    assert told.strip() == (
        "holdfast: interrupted; 1 memory was kept. Importing again continues and adds nothing twice."
    )
    assert shell.json("stats")["live"] == 1


def test_an_interrupt_after_a_write_comes_after_its_id(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("holdfast.memory.Memory.settle", interrupted)
    for words in (["add", "x"], ["chat-log", "s", "y", "--add", "user"]):
        done = shell(*words)
        assert done.exit_code == failure.INTERRUPTED
        assert shell.ok("history", done.stdout.strip())
    done = shell("correct", done.stdout.strip(), "z")
    assert (done.exit_code, "now" in done.stdout) == (failure.INTERRUPTED, True)


def test_a_write_does_not_wait_for_vectors_that_take_long(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    waited = list[float]()

    def settle(_: Memory, timeout_s: float) -> int:
        waited.append(timeout_s)
        return 7

    monkeypatch.setattr(Memory, "settle", settle)
    done = shell("add", "x")
    assert (done.exit_code, done.stderr, waited) == (0, "", [1.0])


# Spaces that cannot be


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("words", [["stats"], ["add", "x"], ["import", "talk.jsonl"], ["demo"]])
@pytest.mark.parametrize(
    ("db", "code", "why"),
    [
        ("", failure.USAGE, "--db is ''"),
        (":memory:", failure.USAGE, "in memory would end with the command"),
        ("half\udcff.db", failure.USAGE, "not text"),
    ],
)
def test_a_path_that_names_no_file_is_refused(shell: Shell, place: str, words: list[str], db: str, code: int, why: str):
    conversation(shell.folder)
    told = shell.error("--db", db, *words) if place == "before" else shell.error(*words, "--db", db)
    assert (told[0], why in told[1]) == (code, True), told
    assert [path.name for path in shell.folder.iterdir()] == ["talk.jsonl"]


def test_a_path_that_is_no_file_is_refused_before_anything_is_made(shell: Shell):
    conversation(shell.folder)
    before = set(Path("/dev").iterdir())
    for db in ("/dev/null", str(shell.folder)):
        for words in (["add", "x"], ["stats"], ["import", "talk.jsonl"], ["rebuild"]):
            code, told = shell.error(*words, "--db", db)
            assert (code, "is not a file" in told) == (failure.UNUSABLE, True)
        assert "is not a file" in shell("doctor", "--db", db).stdout
    assert set(Path("/dev").iterdir()) == before


@pytest.mark.parametrize(
    ("content", "options"),
    [("only words\n", ()), ("{not json\n", ()), ('{"a": 1}\n', ()), ("only words\n", ("--format", "conversation"))],
)
def test_an_import_that_is_refused_as_a_whole_leaves_no_space(shell: Shell, content: str, options: tuple[str, ...]):
    (shell.folder / "x.jsonl").write_text(content)
    assert shell.error("import", "x.jsonl", *options)[0] == failure.USAGE
    assert not shell.space.exists()
    assert shell.error("import", "-", *options, given=content)[0] == failure.USAGE
    assert not shell.space.exists()


def test_an_import_from_standard_input_loses_no_line_to_the_look_at_its_start(shell: Shell):
    content = conversation(shell.folder, 3).read_bytes()
    shell.ok("import", "-", given=b"\n" + content)
    assert shell.json("stats")["live"] == 3


# Wording


def test_a_message_speaks_of_options_where_a_person_types_them(shell: Shell):
    made = shell.ok("add", "Ada lives in Lisbon.").strip()
    shell.ok("forget", made, "--yes")
    told = shell.error("add", "Ada lives in Lisbon.")[1]
    assert "--readmit" in told
    assert "readmit=True" not in told
    assert "--readmit" in json.loads(shell("add", "Ada lives in Lisbon.", "--json").stderr)["error"]["message"]
    shell.ok("add", "x", "--key", "k")
    assert "or holdfast correct to" in shell.error("add", "y", "--key", "k")[1]
    assert "--mentions goes with --about" in shell.error("forget", made, "--mentions", "--yes")[1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("pass readmit=True to", "give --readmit to"),
        ("use skip_errors to go on", "use --skip-errors to go on"),
        ("Look at it with dry_run, and import again with confirm_removal (on the command line --yes).",
         "Look at it with --dry-run, and import again with --yes."),
        ("look at the preview and pass its token as confirm.",
         "look at it with --dry-run and give its token with --confirm."),
        ("nothing of that kind", "nothing of that kind"),
    ],
)  # fmt: skip
def test_the_words_of_a_program_become_those_of_a_command(said: str, told: str):
    assert failure.for_a_person(said) == told


def test_the_help_is_shown_in_lines_where_no_command_is_named(shell: Shell):
    for words in ((), ("--json",)):
        done = shell(*words)
        assert (done.exit_code, done.stdout) == (failure.USAGE, "")
        assert done.stderr == shell.ok("--help")


def _live(shell: Shell) -> int:
    done = shell("stats", "--json")
    return json.loads(done.stdout)["live"] if done.exit_code == 0 else 0
