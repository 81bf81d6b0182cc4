"""What several tests look at: every byte under a folder, and a refusal in its exact words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError, NotAllowed


def bytes_under(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def names_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("house.db"))


@contextlib.contextmanager
def refused(error: type[HoldfastError], *words: str) -> Iterator[None]:
    """The body must raise exactly this error with these words in its message, which is safe to print."""
    with pytest.raises(error) as caught:
        yield
    assert type(caught.value) is error
    assert str(caught.value).isprintable()
    for word in words:
        assert word in str(caught.value)


def refusal(call) -> str:
    """The text with which a call is refused."""
    with pytest.raises(NotAllowed) as caught:
        call()
    return str(caught.value)
