"""What Holdfast uses of an apsw connection, with types: apsw's own leave what a query gives unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Rows(Protocol):
    """The rows of a query, one at a time or all at once."""

    def __iter__(self) -> Iterator[Row]: ...
    def fetchall(self) -> list[Row]: ...
    def fetchone(self) -> Row | None: ...

    @property
    def get(self) -> Any:
        """The one value of a query with one row and one column."""
        ...


class Database(Protocol):
    """One connection to one file."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, values: Sequence[object] = (), /) -> Rows: ...
    def executemany(self, sql: str, values: Iterable[Sequence[object]], /) -> Rows: ...
    def set_busy_timeout(self, milliseconds: int) -> None: ...
    def close(self) -> None: ...
