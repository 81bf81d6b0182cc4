"""What a question is in, as a code by which other libraries know languages; nothing for English."""

from __future__ import annotations

from typing import Final

from holdfast.core.language import ENGLISH, Language

MOST_CHARS: Final = 400
"""Characters of a text by which its script is told."""

_LATIN: Final = {
    "german": "de", "spanish": "es", "french": "fr", "italian": "it", "portuguese": "pt", "dutch": "nl",
    "swedish": "sv", "danish": "da", "norwegian": "nb", "finnish": "fi", "hungarian": "hu", "turkish": "tr",
    "polish": "pl", "romanian": "ro", "catalan": "ca", "czech": "cs", "indonesian": "id",
}  # fmt: skip
# The first and the last letter of blocks of Unicode that tell a language, or nearly.
_BLOCKS: Final = (
    ("\u0370", "\u03ff", "el"), ("\u0400", "\u052f", "cyrillic"), ("\u0590", "\u05ff", "he"),
    ("\u0600", "\u06ff", "arabic"), ("\u0900", "\u097f", "hi"), ("\u0e00", "\u0e7f", "th"), ("\u3040", "\u30ff", "ja"),
    ("\u4e00", "\u9fff", "zh"), ("\uac00", "\ud7a3", "ko"),
)  # fmt: skip


def tongue_of(text: str, language: Language) -> str | None:
    """Return the ISO 639-1 code of what a text is in; None for English, and where it cannot be told.

    Args:
        text: as it was written.
        language: what was found of it, script by script.
    """
    if text.isascii() and language.latin == ENGLISH:
        return None
    counts: dict[str, int] = {}
    for letter in text[:MOST_CHARS]:
        if letter.isalpha():
            block = next((name for first, last, name in _BLOCKS if first <= letter <= last), "latin")
            counts[block] = counts.get(block, 0) + 1
    if "ja" in counts and "zh" in counts:
        counts["ja"] += counts.pop("zh")  # Chinese characters among kana are Japanese
    block = max(counts, key=lambda name: counts[name], default="latin")
    if block == "latin":
        return None if language.latin == ENGLISH else _LATIN.get(language.latin)
    if block == "cyrillic":
        # What has letters that Russian has not, and is not Serbian, is Ukrainian more often than another.
        return {"russian": "ru", "serbian": "sr"}.get(language.cyrillic, "uk")
    if block == "arabic":
        return "fa" if language.arabic == "persian" else "ar"
    return block
