"""What another copy of a space has beyond one that is restored: what its restore must carry over, and what it loses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import InvalidField
from holdfast.model.events import Event, EventType
from holdfast.model.ids import Id, id_text
from holdfast.model.moving import Lost

_OF_FORGETS = (EventType.FORGOTTEN, EventType.RECEIPT, EventType.READMITTED)
_NAMED = 1_000
"""Memories that a report of what would be lost names."""
_WHAT = {
    EventType.REMEMBERED: "remembered",
    EventType.REVISED: "revised",
    EventType.SUPERSEDED: "superseded",
    EventType.READMITTED: "readmitted",
}
Heads = dict[Id, tuple[int, bytes]]


@dataclass(slots=True)
class Beyond:
    """What another copy of the space has beyond the restored one."""

    forgets: list[Event] = field(default_factory=list[Event])
    events: int = 0
    ends: Heads = field(default_factory=dict[Id, tuple[int, bytes]])
    """Per node the number and chain value of its newest event there."""
    counted: Counter[Id] = field(default_factory=Counter[Id])
    """Events of each node."""
    pruned: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    memories: list[str] = field(default_factory=list[str])
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, event: Event) -> None:
        header = event.header
        self.counted[header.node] += 1
        if header.type in _OF_FORGETS:
            self.forgets.append(event)
        if header.type not in _WHAT or event.erased:
            return  # forgets are carried over, what was forgotten is no loss, and a model is bound again
        self.events += 1
        self.kinds[_WHAT[header.type]] += 1
        self.first_ms = min(self.first_ms or header.at_ms, header.at_ms)
        self.last_ms = max(self.last_ms or 0, header.at_ms)
        if header.type is EventType.REMEMBERED and len(self.memories) < _NAMED:
            self.memories.append(id_text(header.record))

    def count_pruned(self, ends: Heads, heads: Heads) -> None:
        """Count what is missing of each node's events: their numbers have no gaps, but for what was pruned."""
        for node, (number, _) in ends.items():
            self.pruned += max(0, number - heads.get(node, (0, b""))[0]) - self.counted[node]

    def lost(self) -> Lost:
        return Lost(
            events=self.events,
            by_what=dict(self.kinds),
            memories=tuple(self.memories),
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            pruned=self.pruned,
        )


def beyond_of(events: Iterable[Event], heads: Heads, target: Path | None = None) -> Beyond:
    """What events say beyond where the restored space ends.

    Raises:
        InvalidField: they are of another history under the same nodes.
    """
    beyond = Beyond()
    for event in events:
        header = event.header
        number, chain = heads.get(header.node, (0, b""))
        beyond.ends[header.node] = header.node_seq, event.chain
        if header.node_seq > number:
            beyond.add(event)
        elif header.node_seq == number and event.chain != chain:
            raise is_forked(header.node, number, target)
    return beyond


def is_forked(node: Id, number: int, target: Path | None) -> InvalidField:
    return InvalidField(
        f"Event {number} of node {id_text(node)} is another one in {target or 'what was given'} than in the backup: "
        "both went on from one copy under one name. Nothing was changed; restore to another path."
    )
