"""What callers may give, checked before anything is decided."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType
from typing import cast

from holdfast.core.filter_text import filter_from_text
from holdfast.core.filters import filter_from_json
from holdfast.errors import InvalidField, InvalidText, InvalidTime
from holdfast.model import limits
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.filters import EVERYTHING, Filter, Where
from holdfast.model.ids import id_text, parse_id
from holdfast.model.records import CATEGORIES, Origin, Role, Scalar
from holdfast.model.reports import Turn
from holdfast.model.times import EARLIEST_MS, LATEST_MS, format_when

SPEAKERS: Mapping[str, Role] = MappingProxyType(
    {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM, "tool": Role.TOOL}
)
_LARGEST = 2**63 - 1
_ASKED = frozenset(("query", "least confidence"))
_NAME_BYTES, _PATH_BYTES = 240, 4_000
"""What every file system takes, less what is put behind the name of a space: ``-wal``, ``-lock``."""

_EMBEDS = ("fingerprint", "dimensions", "prepare", "embed", "embed_query")
"""What an `Embedder` has."""


def check_text(value: object, what: str = "text", most: int = limits.TEXT_CHARS) -> str:
    """The text itself, unchanged.

    Raises:
        InvalidText: not a string, blank, too long, or with NUL or half a surrogate pair.
    """
    left = _left(what)
    if not isinstance(value, str):
        raise InvalidText(f"The {what} is {type(value).__name__} {value!r:.60}; expected a string.{left}")
    if not value.strip():
        raise InvalidText(f"The {what} is empty; expected 1 to {most:,} characters.{left}")
    if len(value) > most:
        raise InvalidText(
            f"The {what} has {len(value):,} characters; at most {most:,} are taken. "
            f"{'Split it and remember the parts.' if left else 'Shorten it.'}{left}"
        )
    if "\0" in value:
        raise InvalidText(f"The {what} holds a NUL character at {value.index(chr(0))}; remove it.{left}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidText(
                f"The {what} holds half a surrogate pair (U+{ord(value[error.start]):04X}) at {error.start}, which is "
                f"not a character; decode it with errors='replace' first.{left}"
            ) from None
    return value


def _left(what: str) -> str:
    """What was left as it was: nothing to tell of a read."""
    return "" if what in _ASKED else " Nothing was written."


def check_path(value: object) -> str:
    """The path of a space, as a string.

    Raises:
        InvalidField: not a path, or one that no file can have.
    """
    text = str(value) if isinstance(value, str | PurePath) else ""
    if not text or "\0" in text or any("\ud800" <= char < "\udc80" or "\udd00" <= char <= "\udfff" for char in text):
        raise InvalidField(f"{value!r:.80} is not the path of a file; expected one such as 'memory.db', or ':memory:'.")
    sizes = [len(part.encode(errors="surrogateescape")) for part in (text, *PurePath(text).parts)]
    if sizes[0] > _PATH_BYTES or max(sizes[1:], default=0) > _NAME_BYTES:
        raise InvalidField(
            f"{text!r:.80} is too long for the path of a file: a name in it may have {_NAME_BYTES} bytes, all of it "
            f"{_PATH_BYTES:,}. Nothing was made."
        )
    return text


def check_import(value: object) -> None:
    """Refuse what an import can read nothing from: it takes a path, or lines.

    Raises:
        InvalidField.
    """
    if isinstance(value, bytes | bytearray | Mapping) or not isinstance(value, str | PurePath | Iterable):
        raise InvalidField(
            f"{value!r:.60} is nothing an import can read; expected the path of a file or folder, or lines of text. "
            "Nothing was written."
        )


def check_receipt(value: object) -> ForgetReceipt:
    """A receipt of a forget.

    Raises:
        InvalidField.
    """
    if not isinstance(value, ForgetReceipt):
        raise InvalidField(
            f"{type(value).__name__} {value!r:.60} is no receipt; expected a ForgetReceipt, such as forget gives and "
            "receipts() lists. Nothing was changed."
        )
    return value


def check_label(value: object, what: str) -> str:
    """A short text in one line, such as a name or a key, without space around it.

    Raises:
        InvalidText, InvalidField.
    """
    label = check_text(value, what, limits.LABEL_CHARS)
    # What is printable, nearly every label, holds no control character; each other is looked at.
    if label != label.strip() or (
        not label.isprintable() and any(unicodedata.category(char) == "Cc" for char in label)
    ):
        raise InvalidField(
            f"The {what} {label!r:.80} has space around it or control characters in it; give it without them. "
            "Nothing was written."
        )
    return label


def optional_label(value: object, what: str) -> str | None:
    """The label, or None for None."""
    return None if value is None else check_label(value, what)


def check_category(value: str | None) -> str | None:
    """One of `CATEGORIES`, or None.

    Raises:
        InvalidField: another, with the nearest ones named.
    """
    if value is None or value in CATEGORIES:
        return value
    raise InvalidField(f"{value!r:.80} is not a category{_nearest(value, CATEGORIES)}. Nothing was written.")


def check_unit(value: object, what: str) -> float:
    """A number from 0 to 1.

    Raises:
        InvalidField: not a number, not finite, or outside.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise InvalidField(f"The {what} is {value!r:.60}; expected a number from 0 to 1.{_left(what)}")
    return float(value)


def check_tags(values: Iterable[object]) -> tuple[str, ...]:
    """Distinct tags in the given order.

    Raises:
        InvalidField, InvalidText.
    """
    if values == ():
        return ()
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"The tags are {values!r:.60}; expected a list of strings. Nothing was written.")
    tags = tuple(dict.fromkeys(check_label(value, "tag") for value in values))
    if len(tags) > limits.TAGS:
        raise InvalidField(f"{len(tags)} tags were given; at most {limits.TAGS} are taken. Nothing was written.")
    return tags


def check_attributes(values: Mapping[str, Scalar] | None) -> Mapping[str, Scalar]:
    """Attributes with short names and plain values.

    Raises:
        InvalidField, InvalidText.
    """
    if not values:
        return MappingProxyType({})
    if not isinstance(values, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"The attributes are {values!r:.60}; expected names with values. Nothing was written.")
    if len(values) > limits.ATTRIBUTES:
        raise InvalidField(
            f"{len(values)} attributes were given; at most {limits.ATTRIBUTES} are taken. Nothing was written."
        )
    kept: dict[str, Scalar] = {}
    for name, value in values.items():
        check_label(name, "attribute name")
        if isinstance(value, str):
            check_text(value + "x", f"attribute {name!r}", limits.LABEL_CHARS * 10 + 1)
        elif isinstance(value, float) and not math.isfinite(value):
            raise InvalidField(f"Attribute {name!r} is {value!r}; expected a finite number. Nothing was written.")
        elif isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise InvalidField(
                f"Attribute {name!r} is a whole number beyond 64 bits; give it as a string. Nothing was written."
            )
        elif not isinstance(value, bool | int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidField(
                f"Attribute {name!r} is {type(value).__name__}; expected a string, a number or a boolean. "
                "Nothing was written."
            )
        kept[name] = value
    return MappingProxyType(kept)


def check_sources(values: Iterable[object]) -> tuple[str, ...]:
    """Distinct ids in the given order.

    Raises:
        InvalidField.
    """
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"The sources are {values!r:.60}; expected a list of ids. Nothing was written.")
    sources = tuple(dict.fromkeys(id_text(parse_id(cast("str", value))) for value in values))
    if len(sources) > limits.SOURCES:
        raise InvalidField(
            f"{len(sources)} sources were given; at most {limits.SOURCES} are taken. Nothing was written."
        )
    return sources


def check_turn(value: object) -> Turn:
    """The turn itself, if it is one.

    Raises:
        InvalidField.
    """
    if not isinstance(value, Turn):
        raise InvalidField(
            f"A turn is {type(value).__name__} {value!r:.60}; expected a holdfast.Turn. Nothing was written."
        )
    return value


def check_moment(value: object) -> int | None:
    """Milliseconds since the epoch, or None.

    Raises:
        InvalidTime: not a whole number, or outside the years 1 to 2999.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not EARLIEST_MS <= value <= LATEST_MS:
        raise InvalidTime(
            f"The time is {value!r:.60}; expected milliseconds since 1970 within the years 1 to 2999, such as "
            "holdfast.model.times.parse_when gives. Nothing was written."
        )
    return value


def check_order(start: int, end: int | None) -> None:
    """Raise `InvalidTime` for what ends before it begins."""
    if end is not None and end <= start:
        raise InvalidTime(
            f"It ends at {format_when(end)}, not after it begins at {format_when(start)}. Nothing was written."
        )


def check_origin(value: Origin | str) -> Origin:
    """The origin with that name.

    Raises:
        InvalidField.
    """
    if isinstance(value, Origin):
        return value
    try:
        return Origin[value.upper()]
    except (KeyError, AttributeError):
        names = [origin.name.lower() for origin in Origin]
        raise InvalidField(f"{value!r:.60} is not an origin{_nearest(value, names)}. Nothing was written.") from None


def check_where(where: Where | None) -> Filter:
    """The filter that a caller's text or mapping means; none means everything.

    Raises:
        InvalidFilter: it cannot be read, or has an unknown field or a value that field can never have.
    """
    if where is None:
        return EVERYTHING
    return filter_from_text(where) if isinstance(where, str) else filter_from_json(where)


def check_count(value: object, what: str, most: int) -> int:
    """A whole number from 1 to ``most``.

    Raises:
        InvalidField.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidField(f"The {what} is {value!r:.60}; expected a whole number from 1 to {most:,}.")
    return value


def _nearest(value: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value)[:100], known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{hint} expected one of: {', '.join(known)}"


def check_embedder(wanted: object) -> None:
    """Raise `InvalidField` for what can be no embedder, before a file is made."""
    if wanted is None or isinstance(wanted, str):
        return
    if missing := [name for name in _EMBEDS if not hasattr(wanted, name)]:
        raise InvalidField(
            f"The embedder is {type(wanted).__name__} {wanted!r:.60}, which has no {', '.join(missing)}; expected a "
            "holdfast.ports.embedder.Embedder, 'auto', 'none', a folder, an address or None. Nothing was made."
        )
