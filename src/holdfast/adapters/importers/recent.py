"""A memory of bounded size for ids that may come again."""

from __future__ import annotations

MOST = 200_000


class Recent:
    """The latest ids, each with a value; the oldest half is forgotten when there are too many."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._new = dict[str, str]()
        self._old = dict[str, str]()

    def __contains__(self, name: str) -> bool:
        return name in self._new or name in self._old

    def get(self, name: str) -> str | None:
        """The value of an id; None where it is not known any more."""
        found = self._new.get(name)
        return self._old.get(name) if found is None else found

    def add(self, name: str, value: str = "") -> None:
        """Remember an id."""
        self._new[name] = value
        if len(self._new) * 2 > self._most:
            self._old, self._new = self._new, {}
