"""Reading what is long a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.model.events import Event
from holdfast.ports.store import Reader

PAGE = 1_000
"""Memories or events read in one go."""


def all_events(reader: Reader) -> Iterator[Event]:
    """The whole journal in local order, a page at a time."""
    after = 0
    while batch := reader.events(after, PAGE):
        yield from batch
        after = batch[-1].seq
