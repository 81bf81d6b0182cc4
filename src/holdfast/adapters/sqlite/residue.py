"""Looking for bytes in a space's files that nothing held accounts for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.adapters.sqlite.connection import blocks
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.sealing import PROBE_BYTES, ErasedProbes

WINDOW = PROBE_BYTES
"""Bytes of one probe: three of them stand for a text, since a page boundary may cut it anywhere."""
LEAST = 6
"""Texts shorter than this are found by chance and so are not looked for."""
_BLOCK = 1 << 20
_HELD_ELSEWHERE = (
    "SELECT 1 FROM event WHERE payload IS NOT NULL AND instr(payload, ?1) UNION ALL "
    "SELECT 1 FROM memory WHERE instr(CAST(coalesce(author, '') || char(31) || coalesce(session, '') || char(31) || "
    "coalesce(subject, '') || char(31) || coalesce(source, '') AS BLOB), ?1) UNION ALL "
    "SELECT 1 FROM tag WHERE instr(CAST(tag AS BLOB), ?1) LIMIT 1"
)


def residue(
    connection: Database, files: Sequence[Path], texts: Sequence[str], erased: Sequence[ErasedProbes] = ()
) -> int:
    """How many texts have bytes in the files though no payload and no field that is held has them.

    Args:
        erased: Of an encrypted space, beginnings and ends of the ciphertexts that were erased last: as many as there
            are texts are looked for too, since they are the form in which texts are in such a file.
    """
    probes = [set(_probes(text)) for text in texts]
    probes += [set(pair) for pair in erased[len(erased) - min(len(erased), len(texts)) :]]
    wanted = {probe for mine in probes for probe in mine}
    found = {probe for file in files for probe in _found(file, wanted)}
    loose = {probe for probe in found if not connection.execute(_HELD_ELSEWHERE, (probe,)).fetchall()}
    return min(len(texts), sum(1 for mine in probes if mine & loose))


def _probes(text: str) -> Iterator[bytes]:
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    for form in {text, escaped}:
        raw = form.encode()
        if len(raw) >= LEAST:
            middle = max(0, len(raw) // 2 - WINDOW // 2)
            yield from {raw[:WINDOW], raw[middle : middle + WINDOW], raw[-WINDOW:]}


def _found(path: Path, wanted: set[bytes]) -> set[bytes]:
    """Probes that stand in a file."""
    found, tail = set[bytes](), b""
    for block in blocks(path, _BLOCK) if path.exists() else ():
        joined = tail + block
        found.update(probe for probe in wanted - found if probe in joined)
        tail = joined[-WINDOW:]
    return found
