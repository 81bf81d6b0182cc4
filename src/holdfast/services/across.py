"""One answer from the recalls of several spaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.core.joining import join
from holdfast.core.lexical import tokenise
from holdfast.core.packing import pack
from holdfast.core.render import Shown, fenced
from holdfast.core.words import STOP_WORDS
from holdfast.model.house import HouseHit
from holdfast.model.recollection import Recollection
from holdfast.model.tokens import Count


def joined(
    found: Mapping[str, Recollection], query: str, limit: int, budget_tokens: int | None, count: Count
) -> tuple[list[HouseHit], str]:
    """The hits of several recalls, best first, and their text, each with its space.

    At most ``limit``, and where there is a budget the best set of them for it.
    """
    names = list(found)
    placed = join([(found[name].confidence, len(found[name])) for name in names], limit)
    hits = [HouseHit(names[one.ranking], found[names[one.ranking]][one.place], one.share) for one in placed]
    shown = [Shown(hit.record, space=hit.space) for hit in hits]
    if budget_tokens is not None:
        packed = pack(shown, budget_tokens, count, _worth(query))
        hits, shown = [hits[place] for place, _ in packed], [one for _, one in packed]
    return hits, fenced(shown)


def _worth(query: str) -> Callable[[str], float]:
    """How many words of the question a sentence has: no space's statistics speak for the others."""
    wanted = frozenset(tokenise(query)) - STOP_WORDS
    return lambda sentence: float(len(wanted.intersection(tokenise(sentence))))
