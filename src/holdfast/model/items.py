"""Items: JSON values under a namespace and a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """A value that is held under a namespace and a key.

    Attributes:
        created_ms, updated_ms: When it was first put there and when it was last changed, milliseconds since the epoch.
        ttl_s: For how many seconds it was put there; None for good.
        expires_ms: From when on it is as good as deleted.
        id: Of the record that holds it; see `Memory.history` and `Memory.forget`.
    """

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    created_ms: int
    updated_ms: int
    id: str
    version: int
    ttl_s: float | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ItemFound:
    """An item that a search found.

    Attributes:
        score: Of the text of it that fits best, as `Hit.score`: higher is nearer, comparable within one search. None
            where none of its texts was found, or nothing was asked.
    """

    item: Item
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ItemChange:
    """Put a value under a namespace and a key, or delete what is there.

    Attributes:
        value: A mapping that JSON can hold; None deletes.
        texts: What the item is found by in a search; the whole value as JSON where None, nothing where empty.
        ttl_s: For how long, in seconds; for good where None.
    """

    namespace: Sequence[str]
    key: str
    value: Mapping[str, Any] | None
    texts: Sequence[str] | None = None
    ttl_s: float | None = None
