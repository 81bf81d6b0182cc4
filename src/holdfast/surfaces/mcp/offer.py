"""What a server offers, in plain values: tools, resources and prompts over one memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.surfaces.mcp.shapes import Schema, check

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.surfaces.wire import JsonObject


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gives: words for a reader, and the same as values, in the form of ``--json``."""

    text: str
    values: JsonObject


class Declined(Exception):
    """A call that cannot be carried out, in the words the caller gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool.

    Attributes:
        takes, gives: JSON Schemas of its arguments and of `Answer.values`.
        reads: It changes nothing that is remembered.
        destroys: What it does cannot be undone.
        repeats: The same call again changes nothing more.
        run: Called on a thread, with checked arguments.
    """

    name: str
    title: str
    says: str
    takes: Schema
    gives: Schema
    run: Callable[[Memory, Mapping[str, Any]], Answer]
    reads: bool = False
    destroys: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that can be read by its address."""

    uri: str
    name: str
    title: str
    says: str
    form: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An argument of a prompt."""

    name: str
    says: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt that a person picks.

    Attributes:
        render: Gives the text of its one message.
    """

    name: str
    title: str
    says: str
    asks: Sequence[Asked]
    render: Callable[[Memory, Mapping[str, str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What stands at an address."""

    uri: str
    form: str
    text: str


def _no_completions(memory: Memory, template: str, argument: str, begun: str) -> Sequence[str]:
    return ()


def _no_resources(memory: Memory) -> Sequence[Resource]:
    return ()


def _nothing_there(memory: Memory, uri: str) -> Read | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """All that a server offers.

    Attributes:
        resources: Lists what there is now.
        templates: Addresses with a part to fill in.
        read: Gives what stands at an address; None where there is nothing.
        complete: Gives what an argument of a template, begun so, may go on as.
        check: Gives the arguments of a call as its tool takes them, or raises.
        unknown: Answers a call of a tool that there is none of; None makes it an error of the protocol.
        watched: The address of a resource that changes with every write; None where there is none.
    """

    name: str
    instructions: str | None
    tools: Mapping[str, Tool]
    prompts: Mapping[str, Prompt] = field(default_factory=dict[str, Prompt])
    resources: Callable[[Memory], Sequence[Resource]] = _no_resources
    templates: Sequence[Resource] = ()
    read: Callable[[Memory, str], Read | None] = _nothing_there
    complete: Callable[[Memory, str, str, str], Sequence[str]] = _no_completions
    check: Callable[[str, Schema, Mapping[str, Any]], dict[str, Any]] = check
    unknown: Callable[[str], str] | None = None
    watched: str | None = None
