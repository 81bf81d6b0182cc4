"""Anthropic's memory tool over `holdfast.Memory.files`: needs the SDK (``pip install "holdfast[anthropic]"``).

Claude reads and writes files under ``/memories``; here they are files of a space, with their history, encrypted,
exported and forgotten like all else in it. No path leads to a file system. What each command answers is word for word
what the SDK's own tool for local folders answers (anthropic 2.11), except where that one shows what only a file system
has: a folder is there as long as something is in it, and its size is the sum of what is in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, cast

from anthropic.lib.tools import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool, ToolError
from anthropic.types.beta import (
    BetaCacheControlEphemeralParam,
    BetaMemoryTool20250818CreateCommand,
    BetaMemoryTool20250818DeleteCommand,
    BetaMemoryTool20250818InsertCommand,
    BetaMemoryTool20250818RenameCommand,
    BetaMemoryTool20250818StrReplaceCommand,
    BetaMemoryTool20250818ViewCommand,
)

from holdfast import AsyncMemory, Memory
from holdfast.errors import Conflict, EditConflict, InvalidInput, NotAllowed, NotFound, QuotaExceeded, Refused
from holdfast.model.files import File

ROOT: Final = "/memories"
MOST_LINES: Final = 999_999
ATTEMPTS: Final = 20
"""Times an edit is tried on what others wrote meanwhile."""
_WIDTH: Final = len(str(MOST_LINES))
_AROUND: Final = 2
"""Lines shown before and after an edit."""
_DEEP: Final = 2
"""Levels of a folder that are listed."""
_REFUSED: Final = (InvalidInput, Conflict, NotFound, Refused, NotAllowed, QuotaExceeded)

_Call: TypeAlias = tuple[str, tuple[str, ...], dict[str, Any]]
_Steps: TypeAlias = Generator[_Call, Any, str]
"""A command: it yields a verb of `holdfast.files.Files` with its arguments, is sent what that gives, and ends with
the answer. So the tool is written once, for both ways to call."""


class HoldfastMemoryTool(BetaAbstractMemoryTool):
    """The memory tool for `anthropic.Anthropic`, over a `Memory`.

    Hand it to ``client.beta.messages.tool_runner(tools=[...])``, or call `execute` with a command yourself.
    An edit is made to what stands in a file at that moment: none that another process made meanwhile is lost.

    Args:
        folder: Of `Memory.files`, in which ``/memories`` lies; all of them where empty. Agents with different folders
            do not see each other's files; for a hard border give each a space.
        cache_control: See the SDK.
    """

    def __init__(
        self, memory: Memory, *, folder: str = "", cache_control: BetaCacheControlEphemeralParam | None = None
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memory = memory
        self._commands = _Commands(folder)

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """A file with the numbers of its lines, or what is in a folder, two levels deep."""
        return self._run(self._commands.view(command))

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """Make a file."""
        return self._run(self._commands.create(command))

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """Replace what stands in a file exactly once."""
        return self._run(self._commands.str_replace(command))

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """Put lines after a line of a file."""
        return self._run(self._commands.insert(command))

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """Erase a file or folder with its history, for good."""
        return self._run(self._commands.delete(command))

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """Move a file or folder with its history."""
        return self._run(self._commands.rename(command))

    def clear_all_memory(self) -> str:
        """Erase every file, for good."""
        return self._run(self._commands.clear())

    def _run(self, steps: _Steps) -> str:
        call = partial(next, steps)
        try:
            while True:
                verb, arguments, named = call()
                try:
                    given = getattr(self._memory.files, verb)(*arguments, **named)
                except _REFUSED as error:
                    call = partial(steps.throw, error)
                else:
                    call = partial(steps.send, given)
        except StopIteration as end:
            return cast("str", end.value)
        except _REFUSED as error:
            raise ToolError(str(error)) from error


class AsyncHoldfastMemoryTool(BetaAsyncAbstractMemoryTool):
    """The memory tool for `anthropic.AsyncAnthropic`, over an `AsyncMemory`; see `HoldfastMemoryTool`."""

    def __init__(
        self, memory: AsyncMemory, *, folder: str = "", cache_control: BetaCacheControlEphemeralParam | None = None
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memory = memory
        self._commands = _Commands(folder)

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """See `HoldfastMemoryTool.view`."""
        return await self._run(self._commands.view(command))

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """See `HoldfastMemoryTool.create`."""
        return await self._run(self._commands.create(command))

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """See `HoldfastMemoryTool.str_replace`."""
        return await self._run(self._commands.str_replace(command))

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """See `HoldfastMemoryTool.insert`."""
        return await self._run(self._commands.insert(command))

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """See `HoldfastMemoryTool.delete`."""
        return await self._run(self._commands.delete(command))

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """See `HoldfastMemoryTool.rename`."""
        return await self._run(self._commands.rename(command))

    async def clear_all_memory(self) -> str:
        """See `HoldfastMemoryTool.clear_all_memory`."""
        return await self._run(self._commands.clear())

    async def _run(self, steps: _Steps) -> str:
        call = partial(next, steps)
        try:
            while True:
                verb, arguments, named = call()
                try:
                    given = await getattr(self._memory.files, verb)(*arguments, **named)
                except _REFUSED as error:
                    call = partial(steps.throw, error)
                else:
                    call = partial(steps.send, given)
        except StopIteration as end:
            return cast("str", end.value)
        except _REFUSED as error:
            raise ToolError(str(error)) from error


class _Commands:
    """What each command does, whoever carries it out."""

    def __init__(self, folder: str) -> None:
        self._folder = unicodedata.normalize("NFC", folder.strip("/"))

    def view(self, command: Any) -> _Steps:
        given = _text(command, "path")
        files: list[File] = yield "list", (), {}
        path = self._path(given)
        held = next((one for one in files if one.path == path), None)
        if held is not None:
            return f"Here's the content of {given} with line numbers:\n" + _numbered_range(
                held.text.split("\n"), getattr(command, "view_range", None), given
            )
        within = [one for one in files if _is_in(one.path, path)]
        if not within and path != self._folder:
            raise _missing(given)
        listed = _listing(within, path)
        header = f"Here're the files and directories up to {_DEEP} levels deep in {given}, excluding hidden items:"
        total = _size(sum(one.size_bytes for one in within))
        return "\n".join([header, f"{total}\t{given}", *(f"{size}\t{given}/{name}" for size, name in listed)])

    def create(self, command: Any) -> _Steps:
        given, text = _text(command, "path"), _text(command, "file_text")
        path = self._path(given)
        files: list[File] = yield "list", (), {}
        if path == self._folder or any(one.path == path or _is_in(one.path, path) for one in files):
            raise ToolError(f"File {given} already exists")
        yield "create", (path, text), {}
        return f"File created successfully at: {given}"

    def str_replace(self, command: Any) -> _Steps:
        given = _text(command, "path")
        old, new = _text(command, "old_str"), _text(command, "new_str")

        def replaced(text: str) -> tuple[str, str]:
            count = text.count(old)
            if count == 0:
                raise ToolError(f"No replacement was performed, old_str `{old}` did not appear verbatim in {given}.")
            if count > 1:
                raise ToolError(
                    f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines: "
                    f"{', '.join(map(str, _lines_with(text, old)))}. Please ensure it is unique"
                )
            before = text[: text.find(old)].count("\n")
            changed = text.replace(old, new)
            lines = changed.split("\n")
            first = max(0, before - _AROUND)
            shown = _numbered(lines[first : before + _AROUND + 1], first + 1)
            said = "The memory file has been edited. Here is the snippet showing the change (with line numbers):"
            return changed, f"{said}\n{shown}"

        return (yield from self._edit(given, replaced))

    def insert(self, command: Any) -> _Steps:
        given, text = _text(command, "path"), _text(command, "insert_text")
        after = getattr(command, "insert_line", None)
        if isinstance(after, bool) or not isinstance(after, int):
            raise ToolError(f"Invalid `insert_line` parameter: {after}. It should be a whole number.")

        def inserted(held: str) -> tuple[str, str]:
            lines = held.split("\n")
            if lines[-1] == "":
                lines.pop()
            if not 0 <= after <= len(lines):
                raise ToolError(
                    f"Invalid `insert_line` parameter: {after}. It should be within the range [0, {len(lines)}]."
                )
            joined = "\n".join([*lines[:after], text.rstrip("\n"), *lines[after:]])
            return joined if joined.endswith("\n") else f"{joined}\n", f"The file {given} has been edited."

        return (yield from self._edit(given, inserted))

    def delete(self, command: Any) -> _Steps:
        given = _text(command, "path")
        path = self._path(given)
        if path == self._folder:
            raise ToolError(f"Cannot delete the {ROOT} directory itself")
        try:
            yield "remove", (path,), {}
        except NotFound:
            raise ToolError(f"The path {given} does not exist") from None
        return f"Successfully deleted {given}"

    def rename(self, command: Any) -> _Steps:
        old, new = _text(command, "old_path"), _text(command, "new_path")
        path, to = self._path(old), self._path(new)
        if path == self._folder:
            raise ToolError(f"Cannot rename the {ROOT} directory itself")
        files: list[File] = yield "list", (), {}
        if to == self._folder or any(one.path == to or _is_in(one.path, to) for one in files):
            raise ToolError(f"The destination {new} already exists")
        try:
            yield "move", (path, to), {}
        except NotFound:
            raise ToolError(f"The path {old} does not exist") from None
        return f"Successfully renamed {old} to {new}"

    def clear(self) -> _Steps:
        files: list[File] = yield "list", (), {}
        start = len(self._folder) + 1 if self._folder else 0
        within = {one.path[:start] + one.path[start:].split("/")[0] for one in files if _is_in(one.path, self._folder)}
        for path in sorted(within):
            yield "remove", (path,), {}
        return "All memory cleared"

    def _edit(self, given: str, change: Callable[[str], tuple[str, str]]) -> _Steps:
        """Change a file and say how; again where somebody else wrote it meanwhile."""
        path = self._path(given)
        for _ in range(ATTEMPTS):
            files: list[File] = yield "list", (), {}
            held = next((one for one in files if one.path == path), None)
            if held is None and (path == self._folder or any(_is_in(one.path, path) for one in files)):
                raise ToolError(f"The path {given} is not a file.")
            if held is None:
                raise _missing(given)
            text, said = change(held.text)
            try:
                yield "write", (path, text), {"version": held}
            except EditConflict:
                continue
            except NotFound:
                raise _missing(given) from None
            return said
        raise ToolError(f"The file {given} is being edited by others; nothing was written. Please try again.")

    def _path(self, given: str) -> str:
        """The path of a file from one under ``/memories``; steps up are taken as far as that, and no further."""
        if given != ROOT and not given.startswith(f"{ROOT}/"):
            raise ToolError(f"Path must start with {ROOT}, got: {given}")
        parts = list[str]()
        for part in given.removeprefix(ROOT).split("/"):
            if part == "..":
                if not parts:
                    raise ToolError(f"Path {given} would escape {ROOT} directory")
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        # Files are known by composed paths, and two spellings of one are one file.
        return unicodedata.normalize("NFC", "/".join([self._folder, *parts] if self._folder else parts))


def _text(command: Any, name: str) -> str:
    """An argument of a command: the SDK does not check what a model made up."""
    value = getattr(command, name, None)
    if not isinstance(value, str):
        raise ToolError(f"Invalid `{name}` parameter: {value!r:.100}. It should be a string.")
    return value


def _missing(given: str) -> ToolError:
    return ToolError(f"The path {given} does not exist. Please provide a valid path.")


def _is_in(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _numbered(lines: list[str], first: int) -> str:
    return "\n".join(f"{number:>{_WIDTH}}\t{line}" for number, line in enumerate(lines, first))


def _numbered_range(lines: list[str], view_range: object, given: str) -> str:
    if len(lines) > MOST_LINES:
        raise ToolError(f"File {given} exceeds maximum line limit of {MOST_LINES:,} lines.")
    ends = cast("list[object]", view_range) if isinstance(view_range, list) else []
    if len(ends) != 2:
        return _numbered(lines, 1)
    start, end = ends
    if not isinstance(start, int) or not isinstance(end, int):
        raise ToolError(f"Invalid `view_range` parameter: {view_range!r:.100}. It should be two whole numbers.")
    first = max(1, start)
    return _numbered(lines[first - 1 : len(lines) if end == -1 else end], first)


def _lines_with(text: str, part: str) -> list[int]:
    """The number of the line of every place where a part of a text begins."""
    found, place = list[int](), text.find(part)
    while place >= 0:
        found.append(text.count("\n", 0, place) + 1)
        place = text.find(part, place + 1)
    return found


def _listing(files: list[File], folder: str) -> list[tuple[str, str]]:
    """Sizes and names of what is in a folder, folders with a slash behind, hidden ones left out."""
    tree: dict[str, Any] = {}
    for one in files:
        *above, name = one.path[len(folder) + 1 if folder else 0 :].split("/")
        at = tree
        for part in above:
            at = at.setdefault(part, {})
        at[name] = one.size_bytes
    return list(_rows(tree, "", 1))


def _rows(tree: Mapping[str, Any], above: str, level: int) -> Generator[tuple[str, str]]:
    for name, held in sorted(tree.items()):
        if name.startswith("."):
            continue
        if isinstance(held, int):
            yield _size(held), f"{above}{name}"
            continue
        yield _size(_total(held)), f"{above}{name}/"
        if level < _DEEP:
            yield from _rows(held, f"{above}{name}/", level + 1)


def _total(tree: Mapping[str, Any]) -> int:
    return sum(held if isinstance(held, int) else _total(held) for held in tree.values())


def _size(size_bytes: int) -> str:
    """Bytes as people read them: ``0B``, ``1.5K``, ``2M``."""
    power = min(max(0, size_bytes.bit_length() - 1) // 10, 3)
    size = size_bytes / 1024**power
    return f"{int(size) if size == int(size) else f'{size:.1f}'}{'BKMG'[power]}"
