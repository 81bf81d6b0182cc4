"""Whether a journal's chains hold, whatever was pruned of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from holdfast.core.proof import chain_problems
from holdfast.core.pruning import KeptEvents
from holdfast.model.events import Event, EventType
from holdfast.model.ids import Id
from holdfast.ports.store import Reader
from holdfast.services.paging import all_events


def journal_problems(reader: Reader, passing: Callable[[Iterable[Event]], Iterator[Event]] | None = None) -> list[str]:
    """What is wrong with the chains and payloads of a journal, in words; empty when all is well.

    Args:
        passing: Is given every event on its way.
    """
    kept = KeptEvents(reader.horizon())
    events = all_events(reader) if passing is None else passing(all_events(reader))
    problems = chain_problems(kept.passing(events), kept.anchors, reader.node_heads())
    return problems + kept.problems()


def parted(
    events: Iterable[Event], ends: Mapping[Id, tuple[int, bytes]], heads: Mapping[Id, tuple[int, bytes]]
) -> tuple[Id, int] | None:
    """Node and number at which a shorter copy of a journal, not pruned, ends with another event; None without any.

    Args:
        events, heads: Of the journal that goes further.
        ends: Per node the number and chain value of the shorter one's newest event.
    """
    shorter = {node: end for node, end in ends.items() if end[0] < heads.get(node, (0, b""))[0]}
    for event in events if shorter else ():
        number, chain = shorter.get(event.header.node, (0, b""))
        if event.header.node_seq == number and event.chain != chain:
            return event.header.node, number
    return None


def fork_of(one: Reader, other: Reader) -> tuple[Id, int] | None:
    """Node and number of an event that two copies of a space, one of them pruned, have differently; None without any.

    Each knows the chain values of its events, and of those up to which it was pruned. The one of the greatest number
    that both know must agree: a chain value stands for all before it, and an altered one for nothing. A memory that
    began in one at a number that the other has passed is known there too, since pruning keeps the beginning of every
    memory or its tombstone.
    """
    if other.horizon() is None:
        one, other = other, one
    if other.horizon() is None:
        return None  # every event is there to be compared; see `parted`
    known = {(node, number): chain for node, number, chain in _links(other)}  # what was pruned is the smaller one
    newest = dict[Id, tuple[int, bool]]()
    for node, number, chain in _links(one):
        there = known.get((node, number))
        if there is not None and number > newest.get(node, (0, True))[0]:
            newest[node] = number, there == chain
    del known
    for node, (number, agrees) in newest.items():
        if not agrees:
            return node, number
    return _unheard(one, other) or _unheard(other, one)


def _links(reader: Reader) -> Iterator[tuple[Id, int, bytes]]:
    """Every chain value that a journal knows, with the node and the number it stands at."""
    horizon = reader.horizon()
    anchors: Mapping[Id, tuple[int, bytes]] = horizon.anchors if horizon else {}
    for ends in (reader.node_heads(), anchors):
        yield from ((node, number, chain) for node, (number, chain) in ends.items())
    yield from ((event.header.node, event.header.node_seq, event.chain) for event in all_events(reader))


def _unheard(one: Reader, other: Reader) -> tuple[Id, int] | None:
    """Where a memory began in one copy that the other, though it has passed that number, never heard of."""
    passed = other.node_heads()
    for event in all_events(one):
        header = event.header
        is_passed = header.node_seq <= passed.get(header.node, (0, b""))[0]
        if header.type is EventType.REMEMBERED and is_passed and other.find(header.record) is None:
            return header.node, header.node_seq
    return None
