"""Blocks: their labels, limits and edits, as contents and back."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.core.names import name_key
from holdfast.errors import EditConflict, InvalidField, InvalidText, NotAllowed, OverLimit
from holdfast.model import limits
from holdfast.model.access import OWNER
from holdfast.model.blocks import Block
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record
from holdfast.model.tokens import Count

LABEL_CHARS: Final = 64
DEFAULT_LIMIT: Final = 2_000
"""Characters of a block for which no limit is given."""
MOST: Final = 100_000
"""The greatest limit, in characters or tokens: what is longer is a document and no part of a prompt."""
DESCRIPTION_CHARS: Final = 2_000
WRITERS: Final = 100
UNITS: Final = ("characters", "tokens")
_SHOWN = 200
_COUNTED = 100
"""Places of a text to replace that are counted: each is looked for along the whole of it."""
_FIELDS: Final = frozenset({"label", "description", "limit", "unit", "writers", "blank"})


@dataclass(frozen=True, slots=True)
class Frame:
    """What a block is beside its text.

    Attributes:
        limit, unit, writers: As in `Block`.
    """

    label: str
    description: str
    limit: int
    unit: str
    writers: tuple[str, ...] | None


def check_block_label(value: object) -> str:
    """The label of a block, composed (Unicode NFC): a plain name, which no file system takes for a path.

    Raises:
        InvalidField, InvalidText.
    """
    label = unicodedata.normalize("NFC", border.check_text(value, "label"))
    trouble = label_trouble(label)
    if trouble:
        raise InvalidField(
            f"{label!a:.80} cannot be the label of a block: {trouble}. Expected a name of letters, digits and . - _, "
            "such as 'persona' or 'project-x'. Nothing was written."
        )
    return label


def check_limit(limit_chars: object, limit_tokens: object) -> tuple[int, str]:
    """How much a block may hold, and in which unit; `DEFAULT_LIMIT` characters where neither is given.

    Raises:
        InvalidField: both are given, or one that is not a whole number from 1 to `MOST`.
    """
    if limit_chars is not None and limit_tokens is not None:
        raise InvalidField("A block has one limit: give limit_chars or limit_tokens. Nothing was written.")
    if limit_tokens is not None:
        return border.check_count(limit_tokens, "limit in tokens", MOST), "tokens"
    chars = DEFAULT_LIMIT if limit_chars is None else limit_chars
    return border.check_count(chars, "limit in characters", MOST), "characters"


def check_description(value: object) -> str:
    """What a block is for: any text up to `DESCRIPTION_CHARS`, also none.

    Raises:
        InvalidText.
    """
    return (
        value if value == "" and isinstance(value, str) else border.check_text(value, "description", DESCRIPTION_CHARS)
    )


def check_writers(value: object) -> tuple[str, ...] | None:
    """The principals that may edit; None for everybody.

    Raises:
        InvalidField.
    """
    if value is None:
        return None
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise InvalidField(f"The writers are {value!r:.60}; expected a list of principals, or None for everybody.")
    named = tuple(dict.fromkeys(border.check_label(one, "writer") for one in cast("Sequence[object]", value)))
    if len(named) > WRITERS:
        raise InvalidField(f"{len(named)} writers were given; at most {WRITERS} are taken. Nothing was written.")
    return named


def check_block_text(value: object, what: str = "text of the block") -> str:
    """A text for a block, which may be empty.

    Raises:
        InvalidText.
    """
    if isinstance(value, str) and not value.strip() and len(value) <= MOST * 10:
        return value
    return border.check_text(value, what, limits.TEXT_CHARS)


def block_content(frame: Frame, text: str, at_ms: int, actor: str) -> Content:
    """A version of a block as what is stored."""
    # A memory has words. Those of an empty block are its label, and what it really holds stands beside them.
    blank = None if text.strip() else text
    body = {
        "label": frame.label,
        "description": frame.description,
        "limit": frame.limit,
        "unit": frame.unit,
        "writers": None if frame.writers is None else list(frame.writers),
        "blank": blank,
    }
    return Content(
        kind=Kind.BLOCK,
        text=f"({frame.label} is empty)" if blank is not None else text,
        valid_from=at_ms,
        origin=Origin.AGENT,
        trust=TRUST_OF_ORIGIN[Origin.AGENT],
        actor=actor,
        body=canonical(body).decode(),
    )


def read_block(body: str | None) -> Mapping[str, Any]:
    """What belongs to a block beside its text.

    Raises:
        InvalidInput: it is not what is written there.
    """
    values = body_fields("block", body)
    if values.keys() != _FIELDS:
        raise InvalidField(f"What belongs to the block has other fields than {', '.join(sorted(_FIELDS))}.")
    check_block_label(values["label"])
    check_description(values["description"])
    border.check_count(values["limit"], "limit", MOST)
    if values["unit"] not in UNITS:
        raise InvalidField(f"The unit of the block is {values['unit']!r:.40}; expected one of: {', '.join(UNITS)}.")
    check_writers(values["writers"])
    if values["blank"] is not None and (not isinstance(values["blank"], str) or values["blank"].strip()):
        raise InvalidField("What the block holds is said to be empty, and is not.")
    return values


def frame_of(content: Content) -> Frame:
    """What a block is beside its text."""
    values = read_block(content.body)
    writers = values["writers"]
    return Frame(
        values["label"],
        values["description"],
        values["limit"],
        values["unit"],
        None if writers is None else tuple(writers),
    )


def text_of(content: Content) -> str:
    """What stands in a block."""
    blank = read_block(content.body)["blank"]
    return content.text if blank is None else blank


def block_of(record: Record, count: Count) -> Block:
    """A version of a block from its record."""
    frame, text = frame_of(record), text_of(record)
    return Block(
        label=frame.label, text=text, description=frame.description, version=record.version, limit=frame.limit,
        unit=frame.unit, size=size_of(text, frame.unit, count), writers=frame.writers, actor=record.actor,
        at_ms=record.recorded_at, id=record.id, quarantined=record.quarantined,
    )  # fmt: skip


def size_of(text: str, unit: str, count: Count) -> int:
    """How much a text is, in characters or tokens."""
    if not text:
        return 0
    return count(text) if unit == "tokens" else len(text)


def check_fits(text: str, frame: Frame, count: Count) -> None:
    """Refuse what is longer than a block may hold.

    Raises:
        OverLimit: by how much.
    """
    size = size_of(text, frame.unit, count)
    over = size - frame.limit
    if over > 0:
        raise OverLimit(
            f"The block {frame.label!r} may hold {frame.limit:,} {frame.unit}, and this would be {size:,}: {over:,} "
            "too many. Nothing was written; say it shorter, or raise the limit.",
            over=over,
            limit=frame.limit,
            unit=frame.unit,
        )


def check_writer(frame: Frame, actor: str) -> None:
    """Refuse an edit by who may only read.

    Raises:
        NotAllowed.
    """
    if frame.writers is None:
        return
    # As a house tells principals apart: two spellings that look alike are one.
    if name_key(actor) not in {OWNER, *map(name_key, frame.writers)}:
        named = ", ".join(frame.writers) or "its owner alone"
        raise NotAllowed(f"The block {frame.label!r} is written by {named}; {actor!r} may read it. Nothing was done.")


def check_version(frame: Frame, version: object, held: Record, given: str) -> None:
    """Refuse an edit of a version that does not hold any more.

    Args:
        version: Its number, or the `Block` that was read: two devices may have made one number each, and a block that
            was removed and made anew starts at 1 again.

    Raises:
        EditConflict: with both texts.
        InvalidField: it is no version.
    """
    if version is None:
        return
    text = text_of(held)
    if isinstance(version, Block):
        read = (version.id, version.version, version.at_ms, version.actor, version.text)
        if read == (held.id, held.version, held.recorded_at, held.actor, text):
            return
        number = version.version
    else:
        number = border.check_count(version, "version", 2**62)
        if number == held.version:
            return
    which = f"not {number}" if number != held.version else f"another one than the version {number} that you read"
    raise EditConflict(
        f"The block {frame.label!r} is at version {held.version}, {which}. It says {_short(text)}; you wanted "
        f"{_short(given)}. Nothing was written; join the two and write again.",
        held=text,
        given=given,
    )


def appended(text: str, more: str) -> str:
    """A text with another as a further line."""
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{more}"


def replaced(text: str, old: object, new: str, label: str) -> str:
    """A text with one part of it replaced.

    Raises:
        InvalidText: the part is not there exactly once.
    """
    if not isinstance(old, str) or not old:
        raise InvalidText(f"The text to replace is {old!r:.40}; expected a part of the block. Nothing was written.")
    first = text.find(old)
    if first < 0:
        raise InvalidText(
            f"{_short(old)} does not stand in the block {label!r}; it must be there exactly once, to the letter. "
            "Nothing was written; read the block again."
        )
    times, place = 1, first
    while times <= _COUNTED and (place := text.find(old, place + 1)) >= 0:
        times += 1
    if times > 1:
        often = f"{times}" if times <= _COUNTED else f"more than {_COUNTED}"
        raise InvalidText(
            f"{_short(old)} stands {often} times in the block {label!r}; it must be there exactly once. Nothing was "
            "written; give more of the text around it."
        )
    return text[:first] + new + text[first + len(old) :]


def reframed(frame: Frame, **changes: Any) -> Frame:
    """The frame with what is not None changed."""
    return replace(frame, **{name: value for name, value in changes.items() if value is not None})


def label_trouble(label: str) -> str | None:
    """What is wrong with a label, in words; None where it is a plain name."""
    if "/" in label or "\\" in label:
        return "it has a slash in it, and a label is no path"
    if len(label) > LABEL_CHARS:
        return f"it has {len(label):,} characters, and at most {LABEL_CHARS} are taken"
    if ".." in label or label[0] in ".-" or label[-1] == ".":
        return "it starts with a dot or a dash, ends with a dot, or has two dots in a row"
    if unicodedata.normalize("NFKC", label) != label:
        return (
            f"some of its characters are only forms of others; write it as {unicodedata.normalize('NFKC', label)!a:.80}"
        )
    for char in label:
        if char not in "._-" and (unicodedata.category(char)[0] not in "LMN"):
            return f"the character U+{ord(char):04X} may not stand in it"
    return None


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
