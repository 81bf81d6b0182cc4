"""Rows of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.rows import chunks, marks, pack_vector, unpack_vectors
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.errors import Damaged
from holdfast.ports.store import Entry, StoredVectors

if TYPE_CHECKING:
    from holdfast.adapters.sqlite.reader import SqliteReader


def store_vectors(
    connection: Database,
    border: OpenRows,
    revision: int,
    ns: Sequence[int],
    seqs: Sequence[int],
    entries: Sequence[Entry],
    vectors: StoredVectors,
) -> int:
    """Store vectors of memories that are still held in the version they were made from; gives how many.

    Raises:
        KeySpent: the data key may not encrypt as many more.
    """
    run = connection.execute
    if border.is_sealed:
        border.refuse_vectors(revision + len(ns))
    stored = 0
    for place, (n, seq) in enumerate(zip(ns, seqs, strict=True)):
        if not run("SELECT 1 FROM memory WHERE n = ? AND seq = ? AND state = 1", (n, seq)).fetchone():
            continue
        entry = border.entry(*entries[place])
        data = border.vector(n, entry, pack_vector(n, vectors.values[place], float(vectors.scales[place])))
        run("DELETE FROM vector WHERE n = ?", (n,))
        run("INSERT INTO vector (n, entry, data) VALUES (?, ?, ?)", (n, entry, data))
        run("DELETE FROM backlog WHERE n = ?", (n,))
        stored += 1
    return stored


def vectors_after(reader: SqliteReader, revision: int, limit: int | None) -> StoredVectors:
    """The vectors that were stored after a revision, so many at most; fewer are all there are."""
    last = reader.vector_revision()
    if limit is not None:
        sql = "SELECT revision FROM vector WHERE revision > ? ORDER BY revision LIMIT 1 OFFSET ?"
        found = reader.rows(sql, (revision, limit - 1))
        last = found[0][0] if found else last
        if found and last <= revision:  # whoever goes on from there would go in a circle
            raise Damaged("The table of vectors is out of order: its pages were altered. Run `holdfast check --fix`.")
    columns = reader.border.vector_columns
    sql = f"SELECT {columns} FROM vector WHERE revision > ? AND revision <= ? ORDER BY revision"
    return _opened(reader, reader.rows(sql, (revision, last)), last)


def vectors_of(reader: SqliteReader, ns: Sequence[int]) -> StoredVectors:
    """The vectors of these memories, where there are some."""
    sql = f"SELECT {reader.border.vector_columns} FROM vector WHERE n IN "
    rows = [row for some in chunks(ns) for row in reader.rows(f"{sql}({marks(len(some))}) ORDER BY n", some)]
    return _opened(reader, rows, reader.vector_revision())


def _opened(reader: SqliteReader, rows: list[tuple[Any, ...]], revision: int) -> StoredVectors:
    model = reader.model()
    matrix, sound, damaged = unpack_vectors(reader.border.vectors(rows), model.dimensions if model else 0)
    return StoredVectors(
        ns=np.array(sound, np.int64),
        values=np.ascontiguousarray(matrix[:, 4:]).view(np.int8),
        scales=np.ascontiguousarray(matrix[:, :4]).view("<f4").reshape(len(sound)).astype(np.float32),
        revision=revision,
        damaged=tuple(damaged),
    )
