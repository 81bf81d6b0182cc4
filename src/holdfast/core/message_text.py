"""The text that a person would read of a message: words, tools that are called, and what they gave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from holdfast.core.gist import VERBOSE_CHARS, gist
from holdfast.core.messages import Call, Other, Part, Picture, Result, Said, Text

_ARGUMENT_CHARS: Final = 400


def readable(said: Said, names: Mapping[str, str], *, full: bool = False) -> str:
    """The text a person would read: words, tools that are called, and what they gave.

    Args:
        names: The name of the tool behind each id of a call.
        full: What tools gave in full; otherwise a long result by its gist.
    """
    lines = list[str]()
    for part in said.parts:
        match part:
            case Text(text):
                lines.append(text)
            case Picture():
                lines.append(f"[image {_reference(part)}]")
            case Call(_, name, arguments):
                lines.append(f"calls {name}({_arguments(arguments)})")
            case Result(id_, parts, is_error):
                given = text_of(parts)
                shown = given if full or len(given) <= VERBOSE_CHARS else gist(given)
                did = "failed" if is_error else "gave"
                lines.append(f"{names.get(id_, 'tool')} {did}{': ' + shown if shown.strip() else ' nothing'}")
            case Other(what):
                lines.append(f"[{what}]")
    spoken = [line for line in lines if line.strip()]
    kept = [line for line in spoken if line not in ("[thinking]", "[redacted_thinking]", "[reasoning]")]
    return "\n".join(kept or spoken).replace("\0", "\u2400").encode(errors="replace").decode()


def text_of(parts: Sequence[Part]) -> str:
    """The texts among parts, and what stands for the rest."""
    shown = [
        part.text if isinstance(part, Text) else f"[image {_reference(part)}]" if isinstance(part, Picture) else ""
        for part in parts
    ]
    return "\n".join(one for one in shown if one)


def is_verbose(said: Said) -> bool:
    """A tool's result in it is longer than is kept as text."""
    return any(len(text_of(result.parts)) > VERBOSE_CHARS for result in said.results)


def _reference(picture: Picture) -> str:
    size = f"{picture.media_type or 'unknown'}, {len(picture.data) * 3 // 4:,} bytes" if picture.data else None
    return picture.url or picture.file or size or "without a source"


def _arguments(text: str) -> str:
    try:
        found: object = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return _cut(text)
    if not isinstance(found, dict):
        return _cut(text)
    named = cast("dict[str, Any]", found)
    return _cut(
        ", ".join(
            f"{key}: {one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)}"
            for key, one in named.items()
        )
    )


def _cut(text: str) -> str:
    return text if len(text) <= _ARGUMENT_CHARS else text[: _ARGUMENT_CHARS - 1] + "…"
