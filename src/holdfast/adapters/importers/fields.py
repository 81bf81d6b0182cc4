"""Foreign values made into ones that can be stored: objects, texts, labels, keys and times."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import Any, TypeGuard, cast

from holdfast.errors import InvalidField, InvalidTime
from holdfast.model import limits
from holdfast.model.records import Scalar
from holdfast.model.times import EARLIEST_MS, LATEST_MS, parse_when

_EMPTY: Mapping[str, Any] = MappingProxyType({})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_NUMBER = re.compile(r"\d{9,20}(?:\.\d+)?")
_KEY_CHARS = 300
_SMALLEST_S = 1e8
"""March 1973: a smaller number counts something else."""
_ATTRIBUTE_CHARS = limits.LABEL_CHARS * 10
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "user": "user", "human": "user", "prompter": "user", "customer": "user",
        "assistant": "assistant", "ai": "assistant", "bot": "assistant", "model": "assistant", "gpt": "assistant",
        "chatgpt": "assistant", "claude": "assistant", "agent": "assistant",
        "system": "system", "developer": "system",
        "tool": "tool", "function": "tool", "observation": "tool",
    }
)  # fmt: skip
"""What formats call the four roles."""


def parsed(data: bytes) -> Any:
    """The value a JSON text holds.

    Raises:
        InvalidField: it is not UTF-8, not JSON, or nested too deeply; says which.
    """
    try:
        # NaN and Infinity are no JSON, but some programs write them: a word in their place harms one field only.
        return json.loads(data.decode(), parse_constant=str)
    except UnicodeDecodeError as error:
        raise InvalidField(
            f"it is not UTF-8 text (byte {error.start} of it); save the file as UTF-8 and import again"
        ) from None
    except RecursionError:
        raise InvalidField("it is nested too deeply to be read") from None
    except ValueError as error:
        raise InvalidField(f"it is not JSON ({error})") from None


def mapping(value: object) -> Mapping[str, Any]:
    """The object, or an empty one for anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else _EMPTY


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def one_or_more(value: object) -> list[Any]:
    """The list, or a list of the one value."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def listing(value: object) -> list[Any]:
    """The list, or an empty one for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text_in(value: object) -> str:
    """The text, or an empty one for anything that is not text or says nothing."""
    return value if isinstance(value, str) and value.strip() else ""


def word(value: object) -> str:
    """The text itself, such as the name of a type; empty for anything that is not text."""
    return value if isinstance(value, str) else ""


def first_of(values: Mapping[str, Any], *names: str) -> Any:
    """The first field that holds something."""
    for name in names:
        value = values.get(name)
        if value is not None and value != "":
            return value
    return None


def mended(text: str) -> str:
    """The text with the characters that cannot be stored, NUL and half surrogate pairs, as U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Both halves of a pair, each escaped by itself, are one character.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def label(value: object, most: int = limits.LABEL_CHARS) -> str | None:
    """A short text in one line from a text or a number; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and value.bit_length() > 256:
        return None
    return _CONTROL.sub(" ", mended(str(value))).strip()[:most].strip() or None


def identity(value: object) -> str:
    """An id as text; empty where there is none."""
    return label(value, _KEY_CHARS) or ""


def digest(*parts: str) -> str:
    """24 hexadecimal digits that stand for these texts in this order."""
    state = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()


def key_of(*parts: str) -> str:
    """An idempotency key from an importer's name and what identifies an item; long ones are digested."""
    key = "/".join(parts)
    if len(key) <= _KEY_CHARS and key.isascii() and key.isprintable() and key == key.strip():
        return key
    return f"{parts[0]}/{digest(*parts)}"


def tags_of(values: object) -> tuple[str, ...]:
    """Tags from a list or a text with commas, without a leading ``#``, at most as many as are taken."""
    some: list[Any] = value_list(values)
    tags = (label(str(value).lstrip("#")) for value in some if isinstance(value, str | int))
    return tuple(dict.fromkeys(tag for tag in tags if tag))[: limits.TAGS]


def value_list(values: object) -> list[Any]:
    """A list from a list, or from a text with commas."""
    if isinstance(values, str):
        return [part.strip() for part in values.split(",")]
    return listing(values)


def attributes_of(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Those values that may be attributes, at most as many as are taken; others are left out."""
    kept = dict[str, Scalar]()
    for name, value in values.items():
        if len(kept) == limits.ATTRIBUTES:
            break
        named = label(name)
        if named is None:
            continue
        if isinstance(value, str):
            if value and len(value) <= _ATTRIBUTE_CHARS:
                kept[named] = mended(value)
        elif isinstance(value, bool) or (
            isinstance(value, int | float) and math.isfinite(value) and -(2**63) < value < 2**63
        ):
            kept[named] = value
    return kept


def moment(value: object, zone: tzinfo) -> int | None:
    """Milliseconds since the epoch from seconds, milliseconds, micro- or nanoseconds, or a text; None for nothing.

    Raises:
        InvalidTime: it is something else.
    """
    if value is None or value == "" or value == 0:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return parse_when(text, zone=zone)
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTime(f"{value!r:.60} is not a time")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidTime(f"{value!r:.60} is not a time")
    for bound, per_ms in ((1e11, 1e-3), (1e14, 1), (1e17, 1e3), (1e20, 1e6)):
        if _SMALLEST_S <= value < bound:
            ms = round(value / per_ms)
            if EARLIEST_MS <= ms <= LATEST_MS:
                return ms
            break
    raise InvalidTime(f"{value!r:.60} is not a time since 1970 in seconds or parts of them")
