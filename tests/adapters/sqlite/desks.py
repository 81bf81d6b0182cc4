"""What the tests of the SQLite store share."""

from __future__ import annotations

from pathlib import Path

from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.proof import genesis
from holdfast.testing.store_desk import IDENTITY, Desk


def store_at(path: Path, *, read_only: bool = False, create: bool = True) -> SqliteStore:
    """Open or make a space in a file."""
    chain = genesis(IDENTITY.space, IDENTITY.node)
    return SqliteStore(str(path), IDENTITY, chain, read_only=read_only, create=create)


def desk_at(path: Path) -> Desk:
    """The same with short ways to write."""
    return Desk(store_at(path))


def space_at(path: Path, facts: int = 3) -> Path:
    """A closed space with some facts and vectors."""
    desk = desk_at(path)
    records = [desk.fact(f"fact {number} " + "and more words " * 40) for number in range(facts)]
    desk.bind()
    desk.embed(*records)
    desk.store.close()
    return path
