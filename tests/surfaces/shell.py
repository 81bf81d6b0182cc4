"""Ways to run the command line: in this process, in one of its own, and in a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from holdfast.surfaces.cli.main import cli

GOLDEN = Path(__file__).with_name("golden")
TURNS = (
    ("Ada", "2024-05-03T18:05:00Z", "I moved to Lisbon in May."),
    ("Fern", "2024-05-03T18:05:30Z", "Noted. How is Lisbon?"),
    ("Ada", "2024-05-04T09:00:00Z", "Loud, and full of trams."),
)
UNKNOWN = "0192f3c4-5a6b-7c8d-9e0f-112233445566"
UPDATE = "HOLDFAST_UPDATE_GOLDEN"
"""Set to 1, the tests write the golden files and the reference page instead of holding the output to them."""
DEADLINE_S = 120
_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "<short>"),
    (re.compile(r"\b20(?!24)\d\d-\d\d-\d\dT[\d:.]+Z"), "<now>"),
    (re.compile(r"\b20(?!24)\d\d-\d\d-\d\d \d\d:\d\d\b"), "<now>"),
    (re.compile(r"\b\d+\.\d\b (kB|MB)"), "<size>"),
    (re.compile(r"[-+]?\b\d+\.\d+\b"), "<number>"),
    (re.compile(r"<number>  [a-z ,]+$", re.MULTILINE), "<score>  <reasons>"),
    (re.compile(r"\b\d+ tokens"), "<number> tokens"),
    (re.compile(r"(?<=^Degraded: ).*", re.MULTILINE), "<why>"),
    (re.compile(r"(?<=\S) {2,}"), "  "),
)
"""What differs from run to run, or when recall is tuned; what the tests write is dated 2024 and stays."""


@dataclass(frozen=True)
class Shell:
    """Commands in one folder."""

    folder: Path

    @property
    def space(self) -> Path:
        return self.folder / "space.db"

    def __call__(self, *arguments: str, given: str | bytes | None = None) -> Result:
        """Run a command in this process."""
        return CliRunner().invoke(cli, list(arguments), input=given, prog_name="holdfast")

    def ok(self, *arguments: str, given: str | bytes | None = None) -> str:
        """What a command prints that must end with 0."""
        done = self(*arguments, given=given)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        """The result of a command as JSON."""
        done = self(*arguments, "--json")
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def error(self, *arguments: str, given: str | bytes | None = None) -> tuple[int, str]:
        """The exit code and the one line on standard error of a command that must fail."""
        done = self(*arguments, given=given)
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.output
        assert lines[0].startswith("holdfast: "), done.stderr
        return done.exit_code, lines[0]

    def process(
        self, *arguments: str, given: bytes | None = None, **changed: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in a process of its own."""
        return subprocess.run(
            command(*arguments), input=given, capture_output=True, check=False, timeout=DEADLINE_S, cwd=self.folder,
            env=os.environ | changed, stdin=subprocess.DEVNULL if given is None else None,
        )  # fmt: skip

    def terminal(self, *arguments: str, typed: bytes = b"", columns: int = 100, **changed: str) -> tuple[int, str]:
        """Run a command in a terminal; gives its exit code and all that was shown."""
        import pty

        ours, theirs = pty.openpty()
        environment = os.environ | {"COLUMNS": str(columns), "LINES": "50"} | changed
        process = subprocess.Popen(
            command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, cwd=self.folder, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, typed)
        shown = bytearray()
        last = threading.Timer(DEADLINE_S, process.kill)
        last.start()
        try:
            while block := os.read(ours, 65_536):
                shown += block
        except OSError:
            # The terminal's other end was closed: the process has ended.
            pass
        finally:
            last.cancel()
            os.close(ours)
        return process.wait(timeout=DEADLINE_S), shown.decode()


def command(*arguments: str, hear_interrupts: bool = False) -> list[str]:
    """A command as a process; ``hear_interrupts`` also where this one was told to ignore them."""
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " if hear_interrupts else ""
    return [sys.executable, "-c", f"{hear}from holdfast.surfaces.cli.main import run; run()", *arguments]


def end(process: subprocess.Popen[bytes]) -> None:
    """Let nothing of a process outlive a test."""
    if process.poll() is None:
        process.kill()
    process.wait(DEADLINE_S)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def compare(name: str, text: str) -> None:
    """Hold a text to the golden file; HOLDFAST_UPDATE_GOLDEN=1 writes it instead."""
    hold(GOLDEN / name, normalised(text))


def hold(path: Path, text: str) -> None:
    if os.environ.get(UPDATE) == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def normalised(text: str) -> str:
    for pattern, name in _VARIABLE:
        text = pattern.sub(name, text)
    return text


def talk(shell: Shell) -> list[str]:
    """Three turns in a session, dated; gives their ids."""
    return [shell.ok("chat-log", "chat-1", text, "--add", name, "--when", when).strip() for name, when, text in TURNS]


def conversation(folder: Path, count: int = 3, *, bad: int | None = None) -> Path:
    """A file of conversations, one a line, with a malformed line where asked."""
    lines = [
        json.dumps({"conversation": f"c{n}", "entries": [{"author": "Ada", "text": f"Fact number {n}."}]})
        for n in range(1, count + 1)
    ]
    if bad is not None:
        lines[bad - 1] = "{not json"
    path = folder / "talk.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path
