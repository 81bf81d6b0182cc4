"""What a forget takes with it, how much that is, and what keeps it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from holdfast.core.codec import canonical, decode_payload, readable_content
from holdfast.core.secrets import observation_digest, text_digest
from holdfast.core.view import View
from holdfast.errors import Damaged, NotFound
from holdfast.model.erasure import SURFACES
from holdfast.model.events import Event, EventType
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text, parse_id

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


def reach(
    view: View, records: Sequence[Id], pause: Callable[[], None] = lambda: None, *, spares: bool = False
) -> tuple[dict[Id, Holding], list[Id]]:
    """What goes when memories are forgotten, also through what was pruned; and which of them are gone already.

    Args:
        spares: One that was pruned, as superseded, counts as gone; nothing goes through it.

    Raises:
        NotFound: one of the ids is unknown.
    """
    known = dict[Id, Holding]()
    for start in range(0, len(records), PIECE):
        pause()
        known.update(view.find_all(records[start : start + PIECE]))
    asked, already, pruned = list[Id](), list[Id](), dict[Id, Holding]()
    for record in records:
        held = known.get(record)
        if held is None:
            raise NotFound(f"There is no memory {id_text(record)} in this space. Nothing was forgotten.")
        if not held.receipt:
            asked.append(record)
        elif spares or not is_spared(view, record):
            already.append(record)
        else:
            pruned[record] = held
    # What is asked to be forgotten after it was pruned takes with it what another node derived from it.
    below = [one.id for one in view.derived_from(tuple(pruned))]
    going = pruned | falling(view, (*asked, *below), pause)
    while going and not spares and (more := _through_pruned(view, going)):
        going |= falling(view, more, pause)
    return going, already


def _through_pruned(view: View, going: Collection[Id]) -> list[Id]:
    """What is held and derived, through something that was pruned, from what goes."""
    orphans = [one.n for one in view.orphans() if one.id not in going]
    found, reached = list[Id](), dict[Id, bool]()
    for start in range(0, len(orphans), PIECE):
        for held, event in view.current(orphans[start : start + PIECE]).values():
            content = readable_content(event)
            for source in map(parse_id, content.sources if content else ()):
                if source not in reached:
                    reached[source] = _came_from(view, source, going)
                if reached[source]:
                    found.append(held.id)
                    break
    return found


def _came_from(view: View, record: Id, going: Collection[Id]) -> bool:
    left, seen = [record], {record}
    while left:
        for said in _tombstones(view, left.pop()):
            sources = _sources(said) - seen
            if not sources.isdisjoint(going):
                return True
            seen |= sources
            left += sources
    return False


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


def fallen(view: View) -> list[Id]:
    """What is held though a source of it was forgotten: another node derived it meanwhile.

    What was derived there from a superseded memory that was pruned here stays: its source is gone, and not forgotten.
    """
    orphans = view.orphans()
    found, gone = list[Id](), dict[Id, bool]()
    for start in range(0, len(orphans), PIECE):
        for held, event in view.current([one.n for one in orphans[start : start + PIECE]]).values():
            content = readable_content(event)
            sources = [parse_id(one) for one in content.sources] if content else []
            known = view.find_all([one for one in sources if one not in gone])
            gone |= {one: held.receipt is not None and not is_spared(view, one) for one, held in known.items()}
            if content is None or any(gone.get(one) for one in sources):
                found.append(held.id)
    return found


def is_spared(view: View, record: Id) -> bool:
    """Whether a forgotten memory was only pruned, as superseded, so that what was derived from it stays.

    Not where it was derived, to any depth, from something that was forgotten, or when it was asked for since.
    """
    left, seen = [record], {record}
    while left:
        for said in _tombstones(view, left.pop()):
            if said.get("spares") is not True:
                return False
            sources = _sources(said) - seen
            seen |= sources
            left += [one for one, held in view.find_all(list(sources)).items() if held.receipt is not None]
    return True


def _tombstones(view: View, record: Id) -> Iterator[Mapping[str, Any]]:
    """What the tombstones of a memory say; one that was altered says nothing, so it spares nothing."""
    for event in view.events_of(record):
        if event.header.type is EventType.FORGOTTEN:
            try:
                yield decode_payload(event) or {}
            except Damaged:
                yield {}


def _sources(said: Mapping[str, Any]) -> set[Id]:
    return {parse_id(one) for one in said.get("sources", ())}


def sparing(event: Event) -> bytes:
    """The payload of a tombstone that keeps no words out, and spares what was derived from the memory.

    What cannot be read spares nothing: from what it was derived is not known, so no forget could reach through it.
    """
    content = readable_content(event)
    if content is None:
        return canonical({"bars": []})
    sources = {"sources": list(content.sources)} if content.sources else {}
    return canonical({"bars": [], "spares": True} | sources)


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
