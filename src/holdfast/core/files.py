"""Files: their paths and texts, as contents and back."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.errors import EditConflict, InvalidField
from holdfast.model import limits
from holdfast.model.files import File
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record

PATH_CHARS: Final = 1_000
PART_CHARS: Final = 255
DEPTH: Final = 32
"""Parts of a path."""
MOST_FILES: Final = 10_000
"""Files in a space: all of them are looked through to list a folder."""
_FIELDS: Final = frozenset({"path", "blank"})
_SHOWN = 200


def check_file_path(value: object) -> str:
    """The path of a file or folder, composed (Unicode NFC): relative, by ``/``, without a step up.

    Raises:
        InvalidField, InvalidText.
    """
    path = unicodedata.normalize("NFC", border.check_text(value, "path"))
    trouble = _trouble(path)
    if trouble:
        raise InvalidField(
            f"{path!a:.80} cannot be the path of a file: {trouble}. Expected one such as 'notes/ada.md'. Nothing was "
            "written."
        )
    return path


def _trouble(path: str) -> str | None:
    """Why a text cannot be a path, in words; None where it can."""
    if len(path) > PATH_CHARS:
        return f"it has {len(path):,} characters, and at most {PATH_CHARS:,} are taken"
    parts = path.split("/")
    if len(parts) > DEPTH:
        return f"it has {len(parts)} parts, and at most {DEPTH} are taken"
    for part in parts:
        if not part.strip():
            return "a part of it is empty; it begins and ends without a slash"
        if part in (".", ".."):
            return f"{part!r} leads elsewhere"
        if len(part) > PART_CHARS:
            return f"a part has {len(part)} characters, and at most {PART_CHARS} are taken"
    control = next((char for char in path if unicodedata.category(char) == "Cc"), None)
    return None if control is None else f"the character U+{ord(control):04X} may not stand in it"


def folders_of(path: str) -> list[str]:
    """The folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def is_in(path: str, folder: str) -> bool:
    """Whether a path lies in a folder, at any depth; everything lies in ``""``."""
    return not folder or path.startswith(f"{folder}/")


def check_file_text(value: object) -> str:
    """A text for a file, which may be empty.

    Raises:
        InvalidText.
    """
    if isinstance(value, str) and not value.strip() and "\0" not in value and len(value) <= limits.TEXT_CHARS:
        return value
    return border.check_text(value, "text of the file")


def file_content(path: str, text: str, at_ms: int, actor: str) -> Content:
    """A version of a file as what is stored."""
    # A memory has words. Those of an empty file are its path, and what it really holds stands beside them.
    blank = None if text.strip() else text
    return Content(
        kind=Kind.FILE,
        text=f"({path} is empty)" if blank is not None else text,
        valid_from=at_ms,
        origin=Origin.AGENT,
        trust=TRUST_OF_ORIGIN[Origin.AGENT],
        actor=actor,
        body=canonical({"path": path, "blank": blank}).decode(),
    )


def read_file(body: str | None) -> Mapping[str, Any]:
    """What belongs to a file beside its text.

    Raises:
        InvalidInput: it is not what is written there.
    """
    values = body_fields("file", body)
    if values.keys() != _FIELDS:
        raise InvalidField(f"What belongs to the file has other fields than {', '.join(sorted(_FIELDS))}.")
    if check_file_path(values["path"]) != values["path"]:
        raise InvalidField("The path of the file is not composed.")
    if values["blank"] is not None and (not isinstance(values["blank"], str) or values["blank"].strip()):
        raise InvalidField("What the file holds is said to be empty, and is not.")
    return values


def path_of(content: Content) -> str:
    """The path of a file."""
    return str(read_file(content.body)["path"])


def text_of(content: Content) -> str:
    """What stands in a file."""
    blank = read_file(content.body)["blank"]
    return content.text if blank is None else blank


def file_of(record: Record) -> File:
    """A version of a file from its record."""
    return File(
        path=path_of(record), text=text_of(record), version=record.version, actor=record.actor,
        at_ms=record.valid_from, id=record.id, quarantined=record.quarantined,
    )  # fmt: skip


def check_version(version: object, held: Record, given: str) -> None:
    """Refuse an edit of a version that does not hold any more.

    Args:
        version: Its number, or the `File` that was read: one that was removed and made anew starts at 1 again.

    Raises:
        EditConflict: with both texts.
        InvalidField: it is no version.
    """
    if version is None:
        return
    now = file_of(held)
    if isinstance(version, File):
        if version == now:
            return
        number = version.version
    else:
        number = border.check_count(version, "version", 2**62)
        if number == now.version:
            return
    shown = now.text if len(now.text) <= _SHOWN else now.text[:_SHOWN] + "…"
    raise EditConflict(
        f"The file {now.path!r} is at version {now.version} of {now.actor!r}, not at the {number} you read. Nothing "
        f"was written; it says: {shown!r}. Join the two and write again.",
        held=now.text,
        given=given,
    )
