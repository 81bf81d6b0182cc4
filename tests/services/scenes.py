"""What several tests look at: the state of a space, what it answers, and a call that must change nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from holdfast import Memory
from holdfast.errors import HoldfastError


def state_of(memory: Memory) -> tuple[str, int]:
    """What is held, and how long the journal is."""
    return memory.storage.digest(), memory.summary().events


@contextlib.contextmanager
def refused(memory: Memory, error: type[HoldfastError], *words: str) -> Iterator[None]:
    """The body must raise exactly this error, with these words in its message, and write nothing."""
    before = state_of(memory)
    with pytest.raises(error) as caught:
        yield
    assert type(caught.value) is error
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).isprintable(), "a message must be safe to print"
    assert state_of(memory) == before


def found(memory: Memory, query: str, **options) -> list[str]:
    """Texts that a recall gives, best first."""
    return [hit.text for hit in memory.recall(query, **options)]


def surfaces(memory: Memory) -> dict[str, str]:
    """Everything a reader could see of the memories that are held, by where it is seen."""
    sessions = {record.session for record in memory.records() if record.session}
    return {
        "records": repr(list(memory.records())),
        "export": "\n".join(memory.export(superseded=True)),
        "turns": repr([memory.session(session).turns() for session in sorted(sessions)]),
        "stats": repr(memory.summary()),
    }


def bytes_of(path: Path) -> bytes:
    """Everything the files of a space hold."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(path.name + "*")))


def tamper(path: Path, sql: str, *values: object) -> None:
    """Change the file of a space that is closed, behind its back."""
    raw = apsw.Connection(str(path))
    raw.execute(sql, values).fetchall()
    raw.close()
