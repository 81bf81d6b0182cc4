"""A graph of entities, relations and observations, kept as facts, so that recall finds them too.

An entity is the fact "NAME is of type TYPE", an observation of it the fact "NAME: CONTENT", a relation the fact
"FROM RELATION TO"; subject, predicate and object say the same where they can be such. Names, types and contents may be
any texts, so what they are exactly is read from the text by their lengths, which are kept beside it. Each carries the
tag ``knowledge-graph``. What is deleted is forgotten for good.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import HoldfastError
from holdfast.surfaces.mcp.offer import Declined

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.records import Record, Scalar

TAG: Final = "knowledge-graph"
_PART, _FIRST, _SECOND, _OF = "graph_part", "first_chars", "second_chars", "graph_entity"
_ENTITY, _OBSERVATION, _RELATION = "entity", "observation", "relation"
_IS = " is of type "
_LABEL_CHARS: Final = 500


@dataclass(slots=True)
class Entity:
    """An entity with its observations, and the ids of the memories that hold them."""

    id: str
    name: str
    type: str
    observations: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Id and content of each."""

    def told(self) -> dict[str, Any]:
        """As the reference server says it."""
        return {"name": self.name, "entityType": self.type, "observations": [said for _, said in self.observations]}


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed, named link between two names, which need not be entities."""

    id: str
    start: str
    end: str
    type: str

    def told(self) -> dict[str, Any]:
        """As the reference server says it."""
        return {"from": self.start, "to": self.end, "relationType": self.type}

    @property
    def key(self) -> tuple[str, str, str]:
        return self.start, self.end, self.type


@dataclass(frozen=True, slots=True)
class Held:
    """The whole graph, in the order in which it was made."""

    entities: Sequence[Entity]
    relations: Sequence[Relation]


class Graph:
    """The graph in one memory. One call at a time changes it; other processes are seen with their last commit."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._seen: object = None
        self._held = Held((), ())

    def held(self, memory: Memory) -> Held:
        """The graph as it is now; read anew only where the journal went on."""
        with self._lock:
            seen = memory.proof()
            if seen != self._seen:
                self._held = _read(memory.records(where={"tag": TAG}))
                self._seen = seen
            return self._held

    def create_entities(self, memory: Memory, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make those whose names are new; gives them."""
        with self._lock:
            names = {entity.name for entity in self.held(memory).entities}
            new = [one for one in given if one["name"] not in names]
            with _writing(memory) as made:
                for one in new:
                    entity = made.entity(one["name"], one["entityType"])
                    for said in one["observations"]:
                        made.observation(one["name"], entity, said)
            return [{name: one[name] for name in ("name", "entityType", "observations")} for one in new]

    def create_relations(self, memory: Memory, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make those that are new; gives them."""
        with self._lock:
            there = {relation.key for relation in self.held(memory).relations}
            new = [one for one in given if (one["from"], one["to"], one["relationType"]) not in there]
            with _writing(memory) as made:
                for one in new:
                    made.relation(one["from"], one["to"], one["relationType"])
            return [{name: one[name] for name in ("from", "to", "relationType")} for one in new]

    def add_observations(self, memory: Memory, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add those that are new to the first entity of their name; nothing where one of the names is unknown."""
        with self._lock:
            first = dict[str, Entity]()
            for entity in self.held(memory).entities:
                first.setdefault(entity.name, entity)
            for one in given:
                if one["entityName"] not in first:
                    raise Declined(f"Entity with name {one['entityName']} not found")
            known = {name: {said for _, said in entity.observations} for name, entity in first.items()}
            results = list[dict[str, Any]]()
            with _writing(memory) as made:
                for one in given:
                    name = one["entityName"]
                    new = [said for said in one["contents"] if said not in known[name]]
                    for said in new:
                        made.observation(name, first[name].id, said)
                    known[name].update(new)
                    results.append({"entityName": name, "addedObservations": new})
            return results

    def delete_entities(self, memory: Memory, names: Sequence[str]) -> None:
        """Forget them with their observations and every relation from or to them."""
        with self._lock:
            gone, held = set(names), self.held(memory)
            ids = [id_ for entity in held.entities if entity.name in gone for id_ in _ids(entity)]
            ids += [one.id for one in held.relations if one.start in gone or one.end in gone]
            _forget(memory, ids)

    def delete_observations(self, memory: Memory, given: Sequence[Mapping[str, Any]]) -> None:
        """Forget those of the first entity of each name; unknown ones are passed over."""
        with self._lock:
            first = dict[str, Entity]()
            for entity in self.held(memory).entities:
                first.setdefault(entity.name, entity)
            ids = list[str]()
            for one in given:
                if (entity := first.get(one["entityName"])) is not None:
                    gone = set(one["observations"])
                    ids += [id_ for id_, said in entity.observations if said in gone]
            _forget(memory, ids)

    def delete_relations(self, memory: Memory, given: Sequence[Mapping[str, Any]]) -> None:
        """Forget them; unknown ones are passed over."""
        with self._lock:
            gone = {(one["from"], one["to"], one["relationType"]) for one in given}
            _forget(memory, [one.id for one in self.held(memory).relations if one.key in gone])

    def read(self, memory: Memory) -> dict[str, Any]:
        """All of it."""
        held = self.held(memory)
        return _told(held.entities, held.relations)

    def search(self, memory: Memory, query: str) -> dict[str, Any]:
        """Entities that hold the query in a name, type or observation, in any case, and their relations."""
        wanted = query.lower()
        held = self.held(memory)
        found = [
            entity
            for entity in held.entities
            if any(wanted in said.lower() for said in (entity.name, entity.type, *(o for _, o in entity.observations)))
        ]
        return _with_relations(found, held)

    def open(self, memory: Memory, names: Sequence[str]) -> dict[str, Any]:
        """Entities of these names, and their relations."""
        held, wanted = self.held(memory), set(names)
        return _with_relations([entity for entity in held.entities if entity.name in wanted], held)


def _with_relations(found: Sequence[Entity], held: Held) -> dict[str, Any]:
    names = {entity.name for entity in found}
    return _told(found, [one for one in held.relations if one.start in names or one.end in names])


def _told(entities: Iterable[Entity], relations: Iterable[Relation]) -> dict[str, Any]:
    return {"entities": [one.told() for one in entities], "relations": [one.told() for one in relations]}


def _ids(entity: Entity) -> list[str]:
    return [entity.id, *(id_ for id_, _ in entity.observations)]


def _read(records: Iterable[Record]) -> Held:
    entities = dict[str, Entity]()
    relations = list[Relation]()
    for record in records:
        part, first = record.attributes.get(_PART), record.attributes.get(_FIRST)
        if not isinstance(first, int):
            continue
        if part == _ENTITY:
            entities[record.id] = Entity(record.id, record.text[:first], record.text[first + len(_IS) :])
        elif part == _OBSERVATION:
            entity = entities.get(str(record.attributes.get(_OF)))
            if entity is not None:
                entity.observations.append((record.id, record.text[first:]))
        elif part == _RELATION:
            second = record.attributes.get(_SECOND)
            if isinstance(second, int):
                relations.append(_relation(record, first, second))
    return Held(list(entities.values()), relations)


def _relation(record: Record, first: int, second: int) -> Relation:
    said = record.text[first + 1 : first + 1 + second]
    return Relation(record.id, record.text[:first], record.text[first + second + 2 :], record.predicate or said)


@contextmanager
def _writing(memory: Memory) -> Generator[_Writes]:
    """The writes of one call: where one fails, those before it are taken back, so that all of it is there or nothing.

    Raises:
        Declined: they could not be taken back.
    """
    writes = _Writes(memory)
    try:
        yield writes
    except HoldfastError as error:
        try:
            _forget(memory, writes.ids, "written by a call that failed")
        except HoldfastError:
            count = len(writes.ids)
            raise Declined(f"After {count} of its statements, which stay, the call failed: {error}") from None
        raise


class _Writes:
    """What one call writes, with the ids of it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.ids = list[str]()

    def entity(self, name: str, kind: str) -> str:
        return self._keep(name + _IS + kind, {_PART: _ENTITY, _FIRST: len(name)}, subject=name)

    def observation(self, name: str, entity: str, said: str) -> None:
        start = f"{name}: "
        self._keep(start + said, {_PART: _OBSERVATION, _FIRST: len(start), _OF: entity}, subject=name)

    def relation(self, start: str, end: str, kind: str) -> None:
        # As the predicate it is kept to the letter; in the text it reads as words.
        words = kind.replace("_", " ") if _is_label(kind) else kind
        text = f"{start} {words} {end}"
        if not text.strip():
            text = f"{start}→{words}→{end}"  # of as many characters: a memory cannot be blank
        told = {_PART: _RELATION, _FIRST: len(start), _SECOND: len(kind)}
        self._keep(text, told, subject=start, predicate=kind, object=end)

    def _keep(self, text: str, attributes: Mapping[str, Scalar], **labels: str) -> str:
        kept: dict[str, Any] = {name: value for name, value in labels.items() if _is_label(value)}
        # Somebody asks for it by name, so that words that were forgotten before are taken in again.
        made = self._memory.remember(
            text, attributes=attributes, tags=(TAG,), origin="agent", readmit=True, **kept
        )  # fmt: skip
        self.ids.append(made.id)
        return made.id


def _forget(memory: Memory, ids: Sequence[str], reason: str = "deleted from the knowledge graph") -> None:
    if not ids:
        return
    ids = list(dict.fromkeys(ids))
    preview = memory.preview_forget(*ids)
    memory.forget(*ids, confirm=preview.token if preview.needs_confirmation else None, reason=reason)


def _is_label(value: str) -> bool:
    """Whether it can stand in a short field to the letter."""
    return (
        0 < len(value) <= _LABEL_CHARS
        and value == value.strip()
        and not any(unicodedata.category(char) == "Cc" for char in value)
    )
