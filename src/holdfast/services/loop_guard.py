"""The guard against a loop: what was recalled is not learned again by whoever it was shown to.

The services here stand in the place of the plain ones: a recall keeps in mind what it showed, and a write by an agent,
a tool or an inference that only repeats it is no evidence. A turn is kept as it was said, with the origin
`Origin.RECALLED`, and is never recalled itself; a fact is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.core.decide import Take
from holdfast.core.echoes import Shown, is_rendered
from holdfast.core.fusion import Ranking
from holdfast.core.query import Query
from holdfast.errors import Recalled
from holdfast.model.ids import Id, id_text
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import TRUST_OF_ORIGIN, Kind, Origin, Record
from holdfast.services.forgetting import Forgetting
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering

REPEATING = frozenset((Origin.AGENT, Origin.TOOL, Origin.INFERRED))
"""Origins that are shown what is recalled, and may say it again."""


class MindfulRecalling(Recalling):
    """A `Recalling` that keeps in mind what it showed and gives no echoes.

    Attributes:
        foreseen: Vectors of questions that were asked, or are likely to be, by their text.
    """

    _last = threading.local()
    shown: Shown | None = None
    foreseen: dict[str, NDArray[np.float32]] | None = None

    def recall(self, query: str, **asked: Any) -> Recollection:
        found = super().recall(query, **asked)
        if self.shown is not None and asked.get("counted", True):  # what nobody is given is not shown
            self.shown.show((hit.id, hit.text, hit.record.author or "") for hit in found)
        return found

    def _hits(self, ranking: Ranking, parsed: Query, asked: Any) -> tuple[list[Hit], dict[str, int]]:
        found = super()._hits(ranking, parsed, asked)
        self._last.numbers = found[1]
        return found

    @property
    def numbers(self) -> Mapping[str, int]:
        """The local numbers of what this thread recalled last, by id."""
        return getattr(self._last, "numbers", {})

    def _weighed(self, ranking: Ranking, ns: Sequence[int], places: range, now_ms: int | None) -> list[Any]:
        found = super()._weighed(ranking, ns, places, now_ms)
        return [one for one in found if one.record.origin is not Origin.RECALLED]


class MindfulRemembering(Remembering):
    """A `Remembering` that takes no echo for evidence."""

    shown: Shown | None = None

    def take_all(self, commands: Sequence[Take], *, imported: bool = False) -> list[tuple[Record, bool]]:
        if self.shown is not None and not imported:
            commands = [self._as_evidence(command, self.shown) for command in commands]
        return super().take_all(commands, imported=imported)

    def _as_evidence(self, command: Take, shown: Shown) -> Take:
        """The command, or where it repeats what was recalled what it is then."""
        content = command.content
        is_fact = content.kind is Kind.FACT
        if content.kind is Kind.SUMMARY or not (is_fact or content.kind.is_episode):
            return command
        if content.origin not in REPEATING and not (is_fact and is_rendered(content.text)):
            return command
        echoed = shown.echoed(content.text)
        if echoed is None:
            return command
        if is_fact:
            if content.origin is Origin.INFERRED and echoed and set(echoed) <= set(content.sources):
                return command  # derived from that very memory, and it says so
            if command.keyed and self._is_held(command.record):
                return command  # a retry is answered as the first call was
            raise Recalled(_words(echoed), memories=echoed)
        trust = TRUST_OF_ORIGIN[Origin.RECALLED]
        return replace(command, content=replace(content, origin=Origin.RECALLED, trust=trust))

    def _is_held(self, record: Id) -> bool:
        with self._ledger.store.reading() as reader:
            held = reader.find(record)
        return held is not None


def guard(recalling: Recalling, remembering: Remembering, forgetting: Forgetting) -> None:
    """Let a space's services know of what was shown, and forget it with its memories."""
    shown = Shown()
    if isinstance(recalling, MindfulRecalling):
        recalling.shown, recalling.foreseen = shown, {}
    if isinstance(remembering, MindfulRemembering):
        remembering.shown = shown

    def let_go(forgotten: Sequence[Id]) -> None:
        shown.let_go(map(id_text, forgotten))
        if isinstance(recalling, MindfulRecalling):
            recalling.foreseen = {}  # whatever is being asked still leaves its vector with the old ones

    forgetting.let_go.append(let_go)


def numbers_by(recalling: Recalling) -> Mapping[str, int]:
    """The local numbers of what this thread recalled last, by id."""
    return recalling.numbers if isinstance(recalling, MindfulRecalling) else {}


def foreseen_by(recalling: Recalling) -> dict[str, NDArray[np.float32]]:
    """Where vectors of questions are kept; of no use beyond the call where the space keeps none."""
    kept = recalling.foreseen if isinstance(recalling, MindfulRecalling) else None
    return {} if kept is None else kept


def shown_by(recalling: Recalling, memories: Iterable[tuple[str, str, str]]) -> None:
    """Keep in mind what was shown of a recall that was made for something else."""
    if isinstance(recalling, MindfulRecalling) and recalling.shown is not None:
        recalling.shown.show(memories)


def _words(echoed: Sequence[str]) -> str:
    of = f"the memory {', '.join(echoed[:3])}" if echoed else "memories that were recalled"
    return (
        f"These are the words of {of}, recalled before: they are held already, and what was recalled is not learned "
        "again. Nothing was written; correct() that memory where it is wrong, or say in your own words what is new."
    )
