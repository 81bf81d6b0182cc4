"""Names of spaces and principals: what may be one, and which of them are the same.

A name is one or more segments with slashes between them, such as ``acme/ada``. It never becomes a path (files
have random names), yet names that are paths, devices or options anywhere are refused, so that no tool stumbles
over one. Two names are the same when nobody could tell them apart: their keys are equal.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from holdfast.errors import InvalidField

NAME_CHARS: Final = 200
SEGMENT_CHARS: Final = 64
SEGMENTS: Final = 8
_PUNCTUATION: Final = frozenset(" .-_@+'")
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.DOTALL)
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
"""Characters that show nothing although they count as letters or marks (DerivedCoreProperties.txt)."""
_LOOKALIKES: Final = str.maketrans({"\ua4f8": ".", "\ua4fa": "..", "\u0660": ".", "\u06f0": ".", "\u02bc": "'"})
"""Letters and digits that look like allowed punctuation (Unicode Technical Standard 39, confusables.txt)."""
_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK")
"""Scripts whose letters look like each other's; a segment keeps to one of them."""


def check_name(value: object, what: str) -> str:
    """The name, composed (Unicode NFC).

    Args:
        what: ``space`` or ``principal``, for the message.

    Raises:
        InvalidField: it is not a name.
    """
    if not isinstance(value, str):
        raise InvalidField(f"The {what} is {type(value).__name__} {value!r:.60}; expected a name such as 'acme/ada'.")
    if not 0 < len(value) <= NAME_CHARS:
        raise _refused(what, value, f"it has {len(value):,} characters, and 1 to {NAME_CHARS} are taken")
    name = unicodedata.normalize("NFC", value)
    for char in name:
        if char != "/" and not _may_stand(char):
            raise _refused(what, value, f"the character U+{ord(char):04X} may not stand in it")
    if unicodedata.normalize("NFKC", name) != name:
        plain = unicodedata.normalize("NFKC", name)
        raise _refused(what, value, f"some of its characters are only forms of others; write it as {plain!r:.80}")
    segments = name.split("/")
    if len(segments) > SEGMENTS:
        raise _refused(what, value, f"it has {len(segments)} segments, and at most {SEGMENTS} are taken")
    for segment in segments:
        if trouble := _trouble(segment):
            raise _refused(what, value, trouble)
    return name


def name_key(name: str) -> str:
    """What two checked names have in common that nobody can tell apart: case, forms and lookalikes folded."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded).translate(_LOOKALIKES)


def check_principal(value: object) -> str:
    """The principal's name, folded: two spellings that look alike are one principal.

    Raises:
        InvalidField.
    """
    return name_key(check_name(value, "principal"))


def _may_stand(char: str) -> bool:
    if char in _PUNCTUATION:
        return True
    return unicodedata.category(char)[0] in "LMN" and char not in _UNSEEN and not _selects_a_variant(char)


def _selects_a_variant(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def _trouble(segment: str) -> str | None:
    """What is wrong with one segment, in words."""
    folded = name_key(segment)
    if not segment:
        return "a segment of it is empty"
    if len(segment) > SEGMENT_CHARS:
        return f"a segment of it has {len(segment)} characters, and at most {SEGMENT_CHARS} are taken"
    if folded[0] in " .-" or folded[-1] in " .":
        return "a segment of it starts with a dot, a dash or a space, or ends with a dot or a space"
    if "  " in segment or ".." in folded:
        return "two dots or spaces follow each other in it"
    if unicodedata.category(segment[0])[0] == "M":
        return "a segment of it starts with a combining mark"
    if _DEVICES.fullmatch(folded):
        return f"{segment!r} is the name of a device on some systems"
    scripts = {unicodedata.name(char, "").split(" ", 1)[0] for char in segment}
    if len(scripts & set(_SCRIPTS)) > 1:
        return "a segment of it mixes letters of scripts that look alike"
    return None


def _refused(what: str, value: str, why: str) -> InvalidField:
    return InvalidField(
        f"{value!a:.80} cannot be the name of a {what}: {why}. Expected segments of letters, digits and -_.@+' with "
        "slashes between them, such as 'acme/ada'. Nothing was done."
    )
