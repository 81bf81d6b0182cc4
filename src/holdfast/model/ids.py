"""Identities: 16 bytes inside, the usual dashed UUID text outside."""

from __future__ import annotations

import hashlib
import hmac
from typing import NewType

from holdfast.errors import InvalidField

Id = NewType("Id", bytes)
"""Sixteen bytes. UUIDv7 where it is random, UUIDv8 where it follows from an idempotency key."""


def time_ordered_id(now_ms: int, entropy: bytes) -> Id:
    """A UUIDv7 (RFC 9562, section 5.7) from a time in milliseconds and 10 random bytes."""
    random = int.from_bytes(entropy[:10], "big")
    head = (now_ms & 0xFFFF_FFFF_FFFF) << 80
    return Id(
        (head | 0x7 << 76 | (random >> 62 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1).to_bytes(16, "big")
    )


def keyed_id(secret: bytes, *parts: str) -> Id:
    """A UUIDv8 (RFC 9562, section 5.8) that the same parts under the same secret always give.

    Two nodes that receive the same idempotency key therefore make the same memory, and nobody
    without the secret can tell which key an id came from.
    """
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    value = int.from_bytes(hmac.digest(secret, message, hashlib.sha256)[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    return Id((value & ~(0b11 << 62) | 0b10 << 62).to_bytes(16, "big"))


def id_text(value: bytes) -> str:
    """The dashed text of an id."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def parse_id(text: str) -> Id:
    """Read an id back from its text, dashed or not.

    Raises:
        InvalidField: the text is not 32 hexadecimal digits.
    """
    try:
        value = bytes.fromhex(text.replace("-", ""))
    except (ValueError, AttributeError, TypeError):
        value = b""
    if len(value) != 16:
        raise InvalidField(
            f"{text!r:.80} is not a memory id; expected the text of a UUID, such as "
            "0192f3c4-5a6b-7c8d-9e0f-112233445566. Ids come from remember, add, recall and export."
        )
    return Id(value)
