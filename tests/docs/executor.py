"""Runs the examples of a document and gives the document back with what they really print.

A ``python`` block runs in the document's own namespace; the ``output`` block after it is what it
prints. In a ``console`` block each ``$ holdfast …`` line runs the real command in a process of its
own; the lines after it are what it prints. Everything runs in the working folder, from top to bottom.
Blocks fenced in another way are not run. ``python -m tests.docs.executor FILE...`` brings the
outputs in files up to date.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(?P<kind>python|console|output)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIABLE = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<digest>"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? (B|kB|MB|ms)\b"), "<size>"),
    (re.compile(r"\b\d+ tokens\b"), "<tokens>"),
    (re.compile(r"[-+]?\b\d+\.\d+\b"), "<number>"),
    (re.compile(r"(?<=\S) {2,}"), "  "),
)
"""What differs from run to run: ids and the tokens they make, digests, times, sizes, milliseconds, scores, widths."""
_COMMAND_S = 120


class BrokenExample(Exception):
    """An example of a document does not run."""


def normalised(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, name in _VARIABLE:
        text = pattern.sub(name, text)
    return text


def executed(path: Path) -> str:
    """The document at a path with every output replaced by the one its examples give here.

    Raises:
        BrokenExample: a block raises, a command fails without saying so, or an output follows no code.
    """
    text, namespace = path.read_text("utf-8"), {"__name__": "__main__"}
    parts, end, printed = list[str](), 0, str | None
    printed = None
    for block in _BLOCK.finditer(text):
        body, place = block["body"], f"{path.name}:{text.count(chr(10), 0, block.start()) + 1}"
        between = text[end : block.start("body")]
        if block["kind"] == "output":
            if printed is None:
                raise BrokenExample(f"{place}: this output follows no python block")
            body, printed = printed, None
        elif printed:
            raise BrokenExample(f"{place}: the python block before prints, and no output block follows it:\n{printed}")
        elif block["kind"] == "python":
            printed = _run_python(body, place, namespace)
        else:
            body = "".join(_run_command(line, place) for line in body.splitlines() if line.startswith("$ "))
        parts += [between, body]
        end = block.end("body")
    if printed:
        raise BrokenExample(f"{path.name}: the last python block prints, and no output block follows it:\n{printed}")
    return "".join([*parts, text[end:]])


def _run_python(code: str, place: str, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    line = int(place.rsplit(":", 1)[1])
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + code, place.rsplit(":", 1)[0], "exec", dont_inherit=True), namespace)
    except Exception as error:
        raise BrokenExample(f"{place}: {type(error).__name__}: {error}") from error
    return printed.getvalue()


def _run_command(line: str, place: str) -> str:
    name, *arguments = shlex.split(line.removeprefix("$ "))
    if name != "holdfast":
        raise BrokenExample(f"{place}: only holdfast commands are run here, not {name!r}")
    home = str(Path.cwd())
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("HOLDFAST_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "holdfast.surfaces.cli.main", *arguments],
        env=environment | {"HOME": home, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        timeout=_COMMAND_S, check=False,
    )  # fmt: skip
    if done.returncode and "holdfast: error: " not in done.stdout:
        raise BrokenExample(f"{place}: `{line}` ended with {done.returncode}:\n{done.stdout}")
    return f"{line}\n{done.stdout}"


def bring_up_to_date(path: Path) -> bool:
    """Write what the examples print into the document; gives whether that changed it."""
    old = path.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        new = executed(path)
    if normalised(new) == normalised(old):
        return False
    path.write_text(new, "utf-8")
    return True


if __name__ == "__main__":
    for named in sys.argv[1:]:
        changed = bring_up_to_date(Path(named).absolute())
        print(f"{named}: {'brought up to date' if changed else 'as it was'}")  # noqa: T201
