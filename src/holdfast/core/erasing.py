"""What a forget takes with it, how much that is, and what keeps it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from holdfast.core.codec import canonical, readable_content
from holdfast.core.secrets import observation_digest, text_digest
from holdfast.core.view import View
from holdfast.model.erasure import SURFACES
from holdfast.model.events import Event
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id

PIECE = 200
"""Memories looked up in one go, of many."""


def falling(view: View, records: Iterable[Id], pause: Callable[[], None] = lambda: None) -> dict[Id, Holding]:
    """Memories that are held, and all those derived from them, to any depth, nearest first.

    Args:
        pause: Called between two pieces of the work, which may be long.
    """
    going, layer = dict[Id, Holding](), list(records)
    while layer:
        below = list[Id]()
        for start in range(0, len(layer), PIECE):
            pause()
            some = [record for record in layer[start : start + PIECE] if record not in going]
            held = view.find_all(some)
            fresh = {record: held[record] for record in some if record in held and held[record].receipt is None}
            going.update(fresh)
            below += [one.id for one in view.derived_from(tuple(fresh))]
        layer = below
    return going


def unneeded(view: View, records: Sequence[Id], pause: Callable[[], None] = lambda: None) -> list[Id]:
    """Those of some memories that nothing held but others of them is derived from."""
    going = set(records)
    some = list(going)
    while some:
        needed = set[Id]()
        for start in range(0, len(some), PIECE):
            pause()
            piece = some[start : start + PIECE]
            if any(one.id not in going for one in view.derived_from(piece)):
                needed |= {
                    record for record in piece if any(one.id not in going for one in view.derived_from([record]))
                }
        going -= needed
        some = list(going) if needed else []
    return [record for record in records if record in going]


def erasable(view: View, going: Sequence[Id], pause: Callable[[], None]) -> dict[str, int]:
    """How much memories have on each surface, counted in pieces; see `View.erasable`."""
    counts = Counter[str](dict.fromkeys(SURFACES, 0))
    for start in range(0, len(going), PIECE):
        pause()
        counts.update(view.erasable(going[start : start + PIECE]))
    counts["working"] = view.working(going)
    return dict(counts)


def barring(event: Event, secret: bytes) -> bytes:
    """The payload of a tombstone: digests of the words that the memory's event holds, which keep them out."""
    # What cannot be read any more can still be erased.
    content = readable_content(event)
    digests = list[str]()
    if content and not content.kind.is_aside:
        digests.append(text_digest(secret, content.text).hex())
    if content and content.kind.is_episode:
        digests.append(observation_digest(secret, content).hex())
    return canonical({"bars": digests})
