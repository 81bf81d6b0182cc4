"""Rows of vectors."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.rows import pack_vector
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.ports.store import Entry, StoredVectors


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
        data = border.vector(n, entry, pack_vector(vectors.values[place], float(vectors.scales[place])))
        run("DELETE FROM vector WHERE n = ?", (n,))
        run("INSERT INTO vector (n, entry, data) VALUES (?, ?, ?)", (n, entry, data))
        run("DELETE FROM backlog WHERE n = ?", (n,))
        stored += 1
    return stored
