"""Whether a journal's chains hold, whatever was pruned of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from holdfast.core.proof import chain_problems
from holdfast.core.pruning import KeptEvents
from holdfast.model.events import Event
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
