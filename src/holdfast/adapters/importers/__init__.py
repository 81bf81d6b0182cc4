"""Readers of other programs' files, one module a format.

`find_importer` picks one by looking at the file. They read and hand on; what is done with it is
decided elsewhere.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from holdfast.adapters.importers.chatgpt import ChatGPT
from holdfast.adapters.importers.claude import Claude
from holdfast.adapters.importers.claude_code import ClaudeCode
from holdfast.adapters.importers.codex import Codex
from holdfast.adapters.importers.files import head_of
from holdfast.adapters.importers.jsonl_chats import JsonlChats
from holdfast.adapters.importers.letta import Letta
from holdfast.adapters.importers.markdown import Markdown
from holdfast.adapters.importers.mcp_memory import McpMemory
from holdfast.adapters.importers.mem0 import Mem0
from holdfast.adapters.importers.shapes import shapes
from holdfast.errors import InvalidField, UnknownFormat
from holdfast.ports.importer import Importer

IMPORTERS: tuple[Importer, ...] = (
    ChatGPT(), Claude(), ClaudeCode(), Codex(), Letta(), Mem0(), McpMemory(), JsonlChats(), Markdown(),
)  # fmt: skip
"""Every importer, in the order in which they are asked."""
OWN = ("conversation", "records", "journal")
"""Holdfast's own formats, which are not read here; named so that a list of formats is whole."""

__all__ = ["IMPORTERS", "find_importer"]


def find_importer(path: Path, format: str = "auto") -> Importer:  # noqa: A002 the word users know
    """The importer for a file or a folder.

    Args:
        format: Its name, or ``auto`` to look at the file.

    Raises:
        InvalidField: there is no such file, or it cannot be read.
        UnknownFormat: there is no format of that name, or the file is in none of them; says what it is.
    """
    known = ", ".join((*OWN, *(importer.name for importer in IMPORTERS)))
    named = next((importer for importer in IMPORTERS if importer.name == format), None)
    if named is None and format != "auto":
        near = difflib.get_close_matches(str(format)[:100], [*OWN, *(importer.name for importer in IMPORTERS)], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise UnknownFormat(f"There is no format {format!r:.60}{hint} expected auto or one of: {known}.")
    try:
        is_there = path.exists()
    except OSError as error:
        raise InvalidField(f"{str(path)!r:.200} cannot be read ({error.strerror}). Nothing was written.") from None
    if not is_there:
        raise InvalidField(f"There is no file {path}. Nothing was written.")
    if named is not None:
        return named
    head = head_of(path)
    for importer in IMPORTERS:
        if importer.recognises(path, head):
            return importer
    raise UnknownFormat(
        f"{path.name} is {_seen(path, head)}. Known formats are: {known}. If it is one of them after all, name it. "
        "Nothing was written."
    )


def _seen(path: Path, head: bytes) -> str:
    """What a file is, as far as can be told, in words."""
    if path.is_dir():
        return "a folder without conversations.json, transcripts or Markdown"
    found = shapes(head)
    if found:
        keys = ", ".join(sorted(found[0]))[:200]
        return f"JSON with the fields {keys}, which is no format known here" if keys else "JSON without any fields"
    if head.lstrip()[:1] in (b"{", b"["):
        return "JSON, or the beginning of it, without an object that could be a memory"
    shown = head[:40].decode("utf-8", "replace").split("\n")[0].strip()
    return f"no JSON and no Markdown: it begins with {shown!r}"
