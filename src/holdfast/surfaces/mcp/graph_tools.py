"""The nine tools of the reference memory server, with its results, over a `Graph`.

Its calls are checked as it checks them: what is not known is ignored, and what is wrong is said in its words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from holdfast.surfaces.mcp.graph import Graph
from holdfast.surfaces.mcp.offer import Answer, Declined, Offer, Read, Resource, Tool
from holdfast.surfaces.mcp.shapes import Schema

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.surfaces.wire import JsonObject

URI: Final = "memory://knowledge-graph"
_INVALID: Final = "MCP error -32602:"


def _text(says: str) -> Schema:
    return {"type": "string", "description": says}


def _texts(says: str) -> Schema:
    return {"type": "array", "items": {"type": "string"}, "description": says}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


_ENTITY: Final = _object(
    {
        "name": _text("What it is called."),
        "entityType": _text("What sort of thing it is."),
        "observations": _texts("What is known about it, one statement each."),
    }
)
_RELATION: Final = _object(
    {
        "from": _text("The entity it starts at."),
        "to": _text("The entity it leads to."),
        "relationType": _text("What the one does to the other, in active voice."),
    }
)
_ADDED: Final = _object({"entityName": _text("The entity."), "contents": _texts("Statements to add.")})
_DROPPED: Final = _object({"entityName": _text("The entity."), "observations": _texts("Statements to delete.")})
_RESULT: Final = _object({"entityName": {"type": "string"}, "addedObservations": _list({"type": "string"})})
_GRAPH: Final = _object({"entities": _list(_ENTITY), "relations": _list(_RELATION)})
_DONE: Final = _object({"success": {"type": "boolean"}, "message": {"type": "string"}})


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _made(key: str, what: Callable[[Memory, Any], Sequence[Any]], argument: str) -> Callable[..., Answer]:
    def run(memory: Memory, given: Mapping[str, Any]) -> Answer:
        made = list(what(memory, given[argument]))
        return Answer(_shown(made), {key: made})

    return run


def _deleted(what: str, delete: Callable[[Memory, Any], None], argument: str) -> Callable[..., Answer]:
    def run(memory: Memory, given: Mapping[str, Any]) -> Answer:
        delete(memory, given[argument])
        message = f"{what} deleted successfully"
        return Answer(message, {"success": True, "message": message})

    return run


def _found(find: Callable[[Memory, Mapping[str, Any]], dict[str, Any]]) -> Callable[..., Answer]:
    def run(memory: Memory, given: Mapping[str, Any]) -> Answer:
        graph = find(memory, given)
        return Answer(_shown(graph), cast("JsonObject", graph))

    return run


def _tools(graph: Graph) -> Sequence[Tool]:
    return (
        Tool(name="create_entities", title="Create Entities", says="Add entities to the knowledge graph; those whose "
             "names are there already are left as they are.", takes=_object({"entities": _list(_ENTITY)}),
             gives=_object({"entities": _list(_ENTITY)}),
             run=_made("entities", graph.create_entities, "entities")),
        Tool(name="create_relations", title="Create Relations", says="Add relations between entities, in active voice; "
             "those that are there already are left out.", takes=_object({"relations": _list(_RELATION)}),
             gives=_object({"relations": _list(_RELATION)}),
             run=_made("relations", graph.create_relations, "relations")),
        Tool(name="add_observations", title="Add Observations", says="Add statements to entities that are there.",
             takes=_object({"observations": _list(_ADDED)}), gives=_object({"results": _list(_RESULT)}),
             run=_made("results", graph.add_observations, "observations")),
        Tool(name="delete_entities", title="Delete Entities", says="Forget entities and their relations, for good.",
             takes=_object({"entityNames": _texts("Names of entities.")}), gives=_DONE, destroys=True, repeats=True,
             run=_deleted("Entities", graph.delete_entities, "entityNames")),
        Tool(name="delete_observations", title="Delete Observations", says="Forget statements of entities, for good.",
             takes=_object({"deletions": _list(_DROPPED)}), gives=_DONE, destroys=True, repeats=True,
             run=_deleted("Observations", graph.delete_observations, "deletions")),
        Tool(name="delete_relations", title="Delete Relations", says="Forget relations, for good.",
             takes=_object({"relations": _list(_RELATION)}), gives=_DONE, destroys=True, repeats=True,
             run=_deleted("Relations", graph.delete_relations, "relations")),
        Tool(name="read_graph", title="Read Graph", says="Read the whole knowledge graph.", takes=_object({}),
             gives=_GRAPH, reads=True, repeats=True, run=_found(lambda memory, _: graph.read(memory))),
        Tool(name="search_nodes", title="Search Nodes", says="Find entities that hold a text in their name, type or "
             "statements.", takes=_object({"query": _text("The text, in any case.")}), gives=_GRAPH, reads=True,
             repeats=True, run=_found(lambda memory, given: graph.search(memory, given["query"]))),
        Tool(name="open_nodes", title="Open Nodes", says="Read entities by their names.",
             takes=_object({"names": _texts("Names of entities.")}), gives=_GRAPH, reads=True, repeats=True,
             run=_found(lambda memory, given: graph.open(memory, given["names"]))),
    )  # fmt: skip


def reference_memory() -> Offer:
    """What the reference memory server offers."""
    graph = Graph()

    def resources(memory: Memory) -> Sequence[Resource]:
        return (
            Resource(uri=URI, name="knowledge-graph", title="Knowledge Graph",
                     says="The whole knowledge graph.", form="application/json"),
        )  # fmt: skip

    def read(memory: Memory, uri: str) -> Read | None:
        if uri != URI:
            return None
        return Read(uri=uri, form="application/json", text=_shown(graph.read(memory)))

    return Offer(
        name="holdfast-memory",
        instructions=None,
        tools={tool.name: tool for tool in _tools(graph)},
        resources=resources,
        read=read,
        check=checked,
        unknown=lambda name: f"{_INVALID} Tool {name} not found",
        watched=URI,
    )


def checked(tool: str, schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the tool knows.

    Raises:
        Declined: one is missing or of another type; all that is wrong is said, in the words of the reference server.
    """
    wrong = list(_wrong(schema, given, ""))
    if wrong:
        told = "\n".join(wrong)
        raise Declined(f"{_INVALID} Input validation error: Invalid arguments for tool {tool}: {told}")
    return {name: given[name] for name in schema["properties"]}


_ABSENT: Final = object()


def _wrong(schema: Schema, value: Any, place: str) -> list[str]:
    kind = _kind(value)
    if kind != schema["type"]:
        return [f"Invalid input: expected {schema['type']}, received {kind} at {place}"]
    if kind == "array":
        items = cast("list[Any]", value)
        return [one for n, item in enumerate(items) for one in _wrong(schema["items"], item, f"{place}[{n}]")]
    if kind == "object":
        held = cast("dict[str, Any]", value)
        return [
            one
            for name, inner in schema["properties"].items()
            for one in _wrong(inner, held.get(name, _ABSENT), f"{place}.{name}" if place else name)
        ]
    return []


def _kind(value: Any) -> str:
    """What JavaScript calls a value."""
    if value is _ABSENT:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    kinds = ((str, "string"), (int | float, "number"), (list, "array"), (dict, "object"))
    return next(name for kind, name in kinds if isinstance(value, kind))
