"""Blocks and the profile, to be read by their address."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from holdfast.errors import InvalidInput, NotFound
from holdfast.surfaces.mcp.offer import Read, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdfast.memory import Memory
    from holdfast.model.records import Record

BLOCK: Final = "holdfast://blocks/"
PROFILE: Final = "holdfast://profile"
_FACTS: Final = 500
_CHARS: Final = 300

TEMPLATES: Final = (
    Resource(
        uri=BLOCK + "{label}",
        name="block",
        title="A block",
        says="A bounded text that stands in the prompt.",
    ),
    Resource(
        uri=PROFILE + "/{subject}",
        name="profile-of",
        title="What is known about a subject",
        says="The facts that hold about one person or thing, by category.",
        form="text/markdown",
    ),
)


def resources(memory: Memory) -> Sequence[Resource]:
    """The profile, and each block there is."""
    whole = Resource(
        uri=PROFILE,
        name="profile",
        title="What is known",
        says="The facts that hold, by subject and category.",
        form="text/markdown",
    )
    blocks = (
        Resource(uri=BLOCK + quote(block.label, safe=""), name=f"block-{block.label}", title=block.label,
                 says=block.description or "A block of the prompt.")
        for block in memory.blocks.list()
    )  # fmt: skip
    return (whole, *blocks)


def read(memory: Memory, uri: str) -> Read | None:
    """What stands at an address; None where there is nothing."""
    if uri.startswith(BLOCK):
        try:
            return Read(uri=uri, form="text/plain", text=memory.blocks.get(_part_of(uri, BLOCK)).text)
        except (NotFound, InvalidInput):
            return None
    if uri == PROFILE:
        return Read(uri=uri, form="text/markdown", text=profile(memory))
    if uri.startswith(PROFILE + "/") and (subject := _part_of(uri, PROFILE + "/")):
        return Read(uri=uri, form="text/markdown", text=profile(memory, subject))
    return None


def complete(memory: Memory, template: str, argument: str, begun: str) -> Sequence[str]:
    """The labels of blocks that begin so."""
    if template != BLOCK + "{label}" or argument != "label":
        return ()
    return [block.label for block in memory.blocks.list() if block.label.startswith(begun)]


def profile(memory: Memory, subject: str | None = None) -> str:
    """The facts that hold, by subject and category, as Markdown; the first 500."""
    where = {"kind": "fact"} if subject is None else {"kind": "fact", "subject": subject}
    groups = _grouped(islice(memory.records(where=where), _FACTS))
    lines = list[str]()
    for about, categories in groups.items():
        lines += [f"# {_line(about)}", ""]
        for category, facts in categories.items():
            lines += [f"## {category}", "", *(f"- {_line(fact)}" for fact in facts), ""]
    return "\n".join(lines).rstrip() or "Nothing is known yet."


def _grouped(records: Iterable[Record]) -> dict[str, dict[str, list[str]]]:
    groups = dict[str, dict[str, list[str]]]()
    for record in records:
        about = groups.setdefault(record.subject or "General", {})
        about.setdefault(record.category or "other", []).append(record.text)
    return groups


def _line(said: str) -> str:
    # In one line, so that no text can pass for a heading of this page.
    words = " ".join(said.split())
    return words if len(words) <= _CHARS else words[: _CHARS - 1] + "…"


def _part_of(uri: str, start: str) -> str:
    return unquote(uri.removeprefix(start), errors="replace")
