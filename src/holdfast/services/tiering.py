"""Tiers at work: what each holds, reading one in its own way, and letting leave what is over its bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from holdfast.core import border
from holdfast.core.codec import readable_content
from holdfast.core.filters import every
from holdfast.core.tiers import leaving
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.events import Event
from holdfast.model.filters import EVERYTHING, Filter, having
from holdfast.model.ids import parse_id
from holdfast.model.records import Kind, Record
from holdfast.model.tiers import Eviction, Retrieval, SweepReport, TierHolding, Tiers, TierSpec
from holdfast.model.tokens import Count
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.recalling import Recalling
from holdfast.services.selecting import matching, records_of

_FORGETS = (Eviction.EXPIRE, Eviction.DROP)


class Tiering:
    """The tiers of one space.

    Args:
        procedures: Those that apply to a text, so many at most.
    """

    def __init__(
        self, ledger: Ledger, recalling: Recalling, forgetting: Forgetting, tiers: Tiers, actor: str, count: Count,
        procedures: Callable[[str, int], Sequence[Record]],
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._recalling = recalling
        self._forgetting = forgetting
        self._tiers = tiers
        self._actor = actor
        self._count = count
        self._procedures = procedures

    def list(self) -> list[TierHolding]:
        """Every tier and how many memories it holds."""
        return [TierHolding(spec, len(self._held(spec)) if spec.kinds else 0) for spec in self._tiers]

    def read(self, name: str, query: str | None, limit: int) -> list[Record]:
        """What a tier holds, found in the tier's own way; see `holdfast.session_groups.Tiers.read`."""
        spec, most = self._spec(name), border.check_count(limit, "limit", limits.LIMIT_HITS)
        if spec.retrieval in (Retrieval.SIMILARITY, Retrieval.KEY) or query is not None:
            if query is None:
                raise InvalidField(f"The tier {name!r} is read by {spec.retrieval.value}; give a query.")
            if spec.kinds == frozenset({Kind.PROCEDURE}):
                return list(self._procedures(query, most))
            where = {"kind": [kind.name.lower() for kind in sorted(spec.kinds)]}
            ids = {record.id for record in self._held(spec)} if spec.where else None
            hits = self._recalling.recall(
                query, budget_tokens=None, limit=limits.LIMIT_HITS if ids is not None else most, where=where,
                since=None, until=None, now=None,
            )  # fmt: skip
            return [hit.record for hit in hits if ids is None or hit.id in ids][:most]
        newest = sorted(self._held(spec), key=lambda one: one.valid_from)[-most:]
        return newest if spec.retrieval is Retrieval.ORDER else newest[::-1]

    def sweep(self, name: str | None, *, dry_run: bool) -> SweepReport:
        """Let leave what tiers hold beyond their bounds; what a held fact was derived from stays."""
        specs = [self._spec(name)] if name is not None else [spec for spec in self._tiers if spec.eviction in _FORGETS]
        now, left, kept = self._ledger.clock.now_ms(), dict[str, list[str]](), dict[str, int]()
        receipts = list[str]()
        for spec in specs:
            if spec.eviction not in _FORGETS:
                raise InvalidField(
                    f"The tier {spec.name!r} evicts by {spec.eviction.value}, which forgets nothing; only "
                    f"{' and '.join(one.value for one in _FORGETS)} do."
                )
            found = leaving(spec, self._held(spec), now, self._count)
            needed = self._needed(found)
            going = [record.id for record in found if record.id not in needed]
            left[spec.name], kept[spec.name] = going, len(needed)
            if going and not dry_run:
                ids = [parse_id(one) for one in going]
                # Nobody asked that these words stay out: should they be said again, they come again.
                receipt = self._forgetting.erase(ids, actor=self._actor, reason=f"tier {spec.name}", bars=False)
                receipts.append(receipt.id)
        return SweepReport({name: tuple(ids) for name, ids in left.items()}, kept, tuple(receipts), dry_run)

    def _spec(self, name: str) -> TierSpec:
        for spec in self._tiers:
            if spec.name == name:
                if not spec.kinds:
                    raise InvalidField(f"The tier {name!r} is about no kind of memory, so it holds none.")
                return spec
        known = ", ".join(spec.name for spec in self._tiers)
        raise InvalidField(f"There is no tier {name!r:.60}; there are: {known}.")

    def _held(self, spec: TierSpec) -> Sequence[Record]:
        parts: list[Filter] = [having({"kind": [int(kind) for kind in sorted(spec.kinds)]})]
        checked = border.check_where(spec.where or None)
        parts += [checked] if checked != EVERYTHING else []
        with self._ledger.store.reading() as reader:
            aside = any(kind.is_aside for kind in spec.kinds)
            current = reader.current(matching(reader, every(parts), None, None, aside=aside))
            return [record for _, record in records_of(reader, {held.id: held for held, _ in current.values()})]

    def _needed(self, records: Sequence[Record]) -> set[str]:
        """Those from which a fact that is held was derived."""
        with self._ledger.store.reading() as reader:
            found = set[str]()
            for record in records:
                below = [held.n for held in reader.derived_from([parse_id(record.id)]) if held.live]
                if _has_fact(event for _, event in reader.current(below).values()):
                    found.add(record.id)
            return found


def _has_fact(events: Iterable[Event]) -> bool:
    contents = map(readable_content, events)
    return any(content is not None and content.kind is Kind.FACT for content in contents)
