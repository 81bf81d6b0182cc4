"""``memory.items``: JSON values under a namespace and a key, found by what they say."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.model.items import Item, ItemChange, ItemFound
from holdfast.services.items import Items as Serving
from holdfast.space import Space


def items_of(space: Space) -> Serving:
    """The service of a space's items."""
    clock, then = space.ledger.clock, space.as_of_ms
    now = clock.now_ms if then is None else lambda: then
    return Serving(space.ledger, space.remembering, space.recalling, space.forgetting, space.touches, now)


class Items:
    """The items of a memory.

    What an item is found by is kept as facts derived from it, so that a `Memory.recall` finds them too. They are
    forgotten together with it, whichever of them is asked to be forgotten.
    """

    def __init__(self, space: Space) -> None:
        self._items = items_of(space)

    def put(
        self,
        namespace: Sequence[str],
        key: str,
        value: Mapping[str, Any],
        *,
        texts: Sequence[str] | None = None,
        ttl_s: float | None = None,
    ) -> None:
        """Hold a value under a namespace and a key, in place of the one before, durably.

        Args:
            namespace: Up to 32 labels, such as ``("users", "ada")``.
            key: A text of up to 500 characters.
            value: What JSON can hold, with texts as names, up to 1,000,000 characters of it.
            texts: What it is found by, at most 100; the whole value as JSON where None, nothing where empty.
            ttl_s: For how many seconds; for good where None.

        Raises:
            InvalidField, InvalidText: something is not acceptable.
            Gone, Rejected: words that it would be found by were forgotten or corrected.
            Refused: the policy does not let it be kept.
        """
        self.apply([ItemChange(namespace, key, value, texts, ttl_s)])

    def apply(self, changes: Sequence[ItemChange]) -> None:
        """Carry out several changes in one durable write: all of them or none. Of one key the last one counts.

        Raises:
            As `put`; then nothing was changed.
        """
        self._items.apply(list(changes))

    def check(self, change: ItemChange) -> None:
        """Raise what `apply` would for a change, as far as that can be told without writing it."""
        self._items.check(change)

    def get(self, namespace: Sequence[str], key: str) -> Item | None:
        """What is held under a namespace and a key, None where nothing is."""
        return self._items.get(namespace, key)

    def list(self, prefix: Sequence[str] = ()) -> Iterator[Item]:
        """Every item whose namespace begins with a prefix, read as they are asked for.

        Namespace by namespace, and within one in the order in which the keys came.
        """
        return self._items.list(prefix)

    def search(self, prefix: Sequence[str], query: str, *, limit: int = 10) -> builtins.list[ItemFound]:
        """Items whose namespace begins with a prefix that a recall of a question finds, best first.

        Args:
            query: In any words, 1 to 100,000 characters.
            limit: 1 to 1,000; the best 1,000 texts are looked at.
        """
        return self._items.search(prefix, query, limit)

    def namespaces(self) -> builtins.list[tuple[str, ...]]:
        """Every namespace that has an item, sorted."""
        return self._items.namespaces()

    def delete(self, namespace: Sequence[str], key: str) -> None:
        """Erase an item and what it was found by, with all its versions; nothing where there is none.

        Its words may come back; `Memory.forget` of the item's id keeps them out.
        """
        self.apply([ItemChange(namespace, key, None)])

    def refresh(self, items: Sequence[Item]) -> builtins.list[Item]:
        """Hold items that were put for a while for as long again from now on; gives them as they are then.

        A lifetime is made longer once a twentieth of it has passed.
        """
        return self._items.refresh(items)

    def sweep(self) -> int:
        """Erase every item whose time is up; gives how many. Until then they are held, and never given back."""
        return self._items.sweep()
