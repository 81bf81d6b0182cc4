"""Keyed digests of what people said: comparable inside a space, meaningless outside it."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from holdfast.core.codec import canonical
from holdfast.model.records import Content


@lru_cache(maxsize=1024)
def subkey(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, so that digests made for one cannot be compared with another's."""
    return hmac.digest(secret, b"holdfast " + purpose.encode(), hashlib.sha256)


def normalised(text: str) -> str:
    """A text without the differences that do not change what it says: case, width, spaces, end stops."""
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.split()).strip(" .!?\"'")


def text_digest(secret: bytes, text: str) -> bytes:
    """16 bytes for a text, equal for texts that say the same to the letter after normalising."""
    return hmac.digest(subkey(secret, "text"), normalised(text).encode(), hashlib.sha256)[:16]


def observation_digest(secret: bytes, content: Content) -> bytes:
    """16 bytes for one observation: this text, said by this author at this time in this session."""
    said = canonical([content.session, content.author, content.valid_from, normalised(content.text)])
    return hmac.digest(subkey(secret, "observation"), said, hashlib.sha256)[:16]


def admission_digest(secret: bytes, content: Content) -> bytes:
    """The digest that decides whether a memory may be taken in.

    A fact is barred by its words. An episode is barred only as the same observation: someone who says
    the same words again has said something new. What is aside says nothing, so it is barred by nothing but itself.
    """
    is_said = content.kind.is_episode or content.kind.is_aside
    return observation_digest(secret, content) if is_said else text_digest(secret, content.text)


def arguments_digest(secret: bytes, arguments: Mapping[str, object]) -> str:
    """32 hexadecimal digits for what a caller passed under an idempotency key."""
    return hmac.digest(subkey(secret, "arguments"), canonical(arguments), hashlib.sha256)[:16].hex()
