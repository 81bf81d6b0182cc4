"""Messages that name the one before them: the way from the last one to the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.errors import InvalidField


class Branch(NamedTuple):
    """The messages of one branch.

    Attributes:
        nodes: Ids from the first to the last.
        missing: The parent the first one names although it is not there; None where all is there.
    """

    nodes: list[str]
    missing: str | None


def branch_to(parents: Mapping[str, str | None], leaf: str) -> Branch:
    """Walk from a message to the beginning.

    Raises:
        InvalidField: the links go round in a circle.
    """
    nodes, seen = list[str](), set[str]()
    node: str | None = leaf
    while node is not None and node in parents:
        if node in seen:
            raise InvalidField(f"the links between its messages go round in a circle at {node!r:.60}")
        seen.add(node)
        nodes.append(node)
        node = parents[node]
    nodes.reverse()
    return Branch(nodes, node)


def circle_in(parents: Mapping[str, str | None]) -> str | None:
    """A message whose links go round in a circle; None where there is none."""
    settled = set[str]()
    for start in parents:
        path = set[str]()
        node: str | None = start
        while node is not None and node in parents and node not in settled:
            if node in path:
                return node
            path.add(node)
            node = parents[node]
        settled |= path
    return None
