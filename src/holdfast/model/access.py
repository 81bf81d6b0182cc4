"""Who may do what in a space, and how much a space may hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

OWNER = "owner"
"""The principal who administers a house from its first day."""


class Right(IntEnum):
    """What a grant allows; each right includes those before it.

    Writing includes reading because the answers to a write tell what is held: a key that was used, words that
    were forgotten or corrected. The numbers are stored.
    """

    READ = 1
    """Recall, look up, list, export."""
    WRITE = 2
    """Remember, correct, forget, import."""
    SHARE = 3
    """Give and take the rights to read and to write."""
    ADMIN = 4
    """Give and take every right, rebuild and drop the space."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A principal's right on a space.

    Attributes:
        principal, space: By name.
        by: Who gave it.
        at_ms: When, milliseconds since the epoch.
    """

    principal: str
    space: str
    right: Right
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much a space may hold and take in; None sets no bound.

    Attributes:
        memories: Live memories, 0 or more.
        bytes: What the pages in use of the space's file hold, 0 or more. The text of a write is counted before
            it is written; its index and its vector come on top and count at the next write.
        writes_a_minute: Memories and revisions taken in during the last 60 seconds, 0 or more.
    """

    memories: int | None = None
    bytes: int | None = None
    writes_a_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a first write and those that its caller makes after it come to, for who judges the first.

    Attributes:
        memories: The most live memories more, at any time until the last of them.
        size_bytes: Bytes of payloads.
    """

    memories: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a space holds, measured inside the write that is to be judged; 0 where there is no bound.

    Attributes:
        bytes: In pages in use.
        writes: Memories and revisions of the last 60 seconds.
        oldest_write_ms: When the first of them was; None without any.
    """

    memories: int = 0
    bytes: int = 0
    writes: int = 0
    oldest_write_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SpaceEntry:
    """A space of a house, as one principal sees it.

    Attributes:
        id: Random, and the name of its file; it stays when the space is renamed.
        right: What the principal may do there.
        created_ms: Milliseconds since the epoch.
        policy: The space's own policy as settings in JSON, see `holdfast.core.policy.stored`; None without one.
    """

    name: str
    id: str
    right: Right
    quota: Quota
    created_ms: int
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class HeldSpace:
    """A space as the registry holds it.

    Attributes:
        made: Its file was made; were it missing now, it would be lost.
        policy: Its own policy as it is stored, see `holdfast.core.policy.stored`; None without one.
    """

    id: bytes
    name: str
    created_ms: int
    made: bool
    quota: Quota
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a principal stands to a space; the same question is asked of the registry whatever the answer.

    Attributes:
        space: None where there is none of that name.
        right: What was granted there, if anything.
        administers: Whether the principal administers the house.
    """

    space: HeldSpace | None
    right: Right | None
    administers: bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change of the registry.

    Attributes:
        seq: 1, 2, 3, …
        by: Name of the principal who made the change.
        what: ``created``, ``renamed``, ``limited``, ``restricted``, ``granted``, ``revoked``, ``dropped`` or
            ``erased``.
        space: Id of the space; names are not kept here, so that a dropped space leaves none.
        principal: Whose grant was changed, where one was.
        detail: The right, the quota or the policy, as text.
        chain: SHA-256 over the previous entry's chain value and this entry, as hexadecimal digits.
    """

    seq: int
    at_ms: int
    by: str
    what: str
    space: str
    principal: str | None
    detail: str
    chain: str
