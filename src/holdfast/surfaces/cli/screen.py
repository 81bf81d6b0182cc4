"""What a person sees: colour and tables in a terminal, plain lines everywhere else.

Texts that were stored come from anywhere, so nothing in them is ever read as markup, and characters
that drive a terminal or turn the direction of a line are shown as escapes.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import click

from holdfast.core.amounts import count_text as count_text
from holdfast.core.amounts import size_text as size_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Part = str | tuple[str, str]
"""Words, or words with a style such as ``bold green``; a style shows in a terminal only."""
Mark = Literal["good", "bad", "star", "warn", "none"]
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
MOST_COLUMNS = 120
PLAIN_MARKS = {"good": "ok", "bad": "FAILED", "star": "*", "warn": "warn", "none": " "}
RICH_MARKS = {
    "good": ("✓", "bold green"),
    "bad": ("✗", "bold red"),
    "star": ("★", "bold yellow"),
    "warn": ("!", "bold yellow"),
    "none": (" ", ""),
}


def visible(text: str) -> str:
    """The text with characters that would act on a terminal as escapes: ``\\x1b``, ``\\u202e``."""
    return _UNSAFE.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 0x100 else f"\\u{ord(match[0]):04x}", text
    )


def one_line(text: str, most: int | None = None) -> str:
    """A text on one line, shown safely, cut after ``most`` characters where given."""
    joined = " ".join(visible(text).split())
    if most is None or len(joined) <= most:
        return joined
    return f"{joined[: most - 1].rstrip()}…"


class Screen:
    """Where a command writes its result.

    Args:
        console: A terminal; None for plain lines on standard output.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console

    @property
    def plain(self) -> bool:
        return self._console is None

    @property
    def sign_width(self) -> int:
        """How many columns a sign takes."""
        return 1 if self._draws_signs() else 6

    def line(self, *parts: Part, indent: int = 0) -> None:
        """One line; in a terminal it wraps with its indentation."""
        if self._console is None:
            text = "".join(visible(part if isinstance(part, str) else part[0]) for part in parts)
            click.echo(textwrap.indent(text, " " * indent).rstrip())
            return
        from rich.padding import Padding

        self._console.print(Padding(_styled(parts), (0, 0, 0, indent)))

    def blank(self) -> None:
        click.echo() if self._console is None else self._console.print()

    def heading(self, title: str) -> None:
        """The start of a part."""
        if self._console is None:
            click.echo(f"\n{visible(title)}\n{'-' * len(visible(title))}")
            return
        from rich.rule import Rule

        self._console.print()
        self._console.print(Rule(_styled([(title, "bold cyan")]), style="cyan", align="left"))

    def banner(self, title: str, lines: Sequence[str]) -> None:
        """What this is, at the very top."""
        if self._console is None:
            click.echo(visible(title))
            for text in lines:
                click.echo(visible(text))
            return
        from rich.panel import Panel

        body = "\n".join(lines)
        self._console.print(
            Panel(_styled([body]), title=_styled([(title, "bold")]), border_style="cyan", padding=(1, 2))
        )

    def mark(self, kind: Mark, *parts: Part, indent: int = 2) -> None:
        """A line with a sign in front: held, failed, noteworthy."""
        self.row([(self.sign_width, self.sign(kind))], *parts, indent=indent)

    def sign(self, kind: Mark) -> Part:
        """The sign itself, for a cell of a row."""
        if self._draws_signs():
            return RICH_MARKS[kind]
        return PLAIN_MARKS[kind] if self.plain else (PLAIN_MARKS[kind], RICH_MARKS[kind][1])

    def _draws_signs(self) -> bool:
        return self._console is not None and self._console.encoding.lower().startswith("utf")

    def row(self, cells: Sequence[tuple[int, Part]], *parts: Part, indent: int = 0) -> None:
        """Cells of fixed width, and the rest of the line, which wraps beside them in a terminal."""
        if self._console is None:
            left = "".join(f"{visible(cell if isinstance(cell, str) else cell[0]):<{width}} " for width, cell in cells)
            self.line(left, *parts, indent=indent)
            return
        from rich.padding import Padding
        from rich.table import Table

        grid = Table.grid(padding=(0, 1, 0, 0))
        for width, _ in cells:
            grid.add_column(width=width, overflow="fold")
        grid.add_column(overflow="fold")
        grid.add_row(*(_styled([cell]) for _, cell in cells), _styled(parts))
        self._console.print(Padding(grid, (0, 0, 0, indent)))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Part]], *, right: Iterable[int] = (), indent: int = 0
    ) -> None:
        """Rows under column names; ``right`` names the places of columns with numbers."""
        right = frozenset(right)
        cells = [[(cell, "") if isinstance(cell, str) else cell for cell in row] for row in rows]
        if self._console is None:
            self._plain_table(columns, [[visible(text) for text, _ in row] for row in cells], right, indent)
            return
        from rich import box
        from rich.padding import Padding
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1))
        for place, name in enumerate(columns):
            table.add_column(name, justify="right" if place in right else "left", overflow="fold")
        for row in cells:
            table.add_row(*(_styled([cell]) for cell in row))
        self._console.print(Padding(table, (0, 0, 0, indent)))

    def _plain_table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int], indent: int
    ) -> None:
        folded = [[" ".join(text.split()) for text in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(columns, *folded, strict=True)]
        for row in (columns, *folded):
            padded = [
                text.rjust(width) if place in right else text.ljust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            click.echo((" " * indent + "  ".join(padded)).rstrip())


def screen() -> Screen:
    """A screen for standard output as it is here."""
    if not _is_terminal(sys.stdout):
        return Screen(None)
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    console.width = min(console.width, MOST_COLUMNS)
    return Screen(console)


@contextmanager
def progress(label: str, *, in_bytes: bool = False) -> Generator[Progress]:
    """A bar on standard error where that is a terminal; elsewhere nothing is shown.

    Args:
        in_bytes: What is counted are bytes.
    """
    if not _is_terminal(sys.stderr):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    words = TextColumn("{task.description}", markup=False)
    counted = DownloadColumn() if in_bytes else MofNCompleteColumn()
    with Bar(words, BarColumn(), counted, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def short_id(id_text: str) -> str:
    """The last eight digits of an id: enough to name it in a command."""
    return id_text[-8:]


def _styled(parts: Iterable[Part]) -> Text:
    from rich.text import Text

    return Text.assemble(*(visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts))


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and os.environ.get("TERM") != "dumb"
