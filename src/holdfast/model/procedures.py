"""A procedure: a how-to that is used again, with when it applies, what it needs, its steps, and how it went so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, overload

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ProcedureState(StrEnum):
    """Where a procedure stands; the words are stored."""

    ACTIVE = "active"
    PROPOSED = "proposed"
    """It was learned, and is not matched until somebody approves it."""


class InputType(StrEnum):
    """What an input may hold."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    ANY = "any"
    """Any JSON value."""


@dataclass(frozen=True, slots=True)
class ProcedureInput:
    """A value that the steps of a procedure are filled with.

    Attributes:
        name: A letter, then letters, digits and ``_``; templates use it.
        required: Whether it must be given; False wherever there is a default.
        default: What it is where it is not given; where that is None too, nothing is shown for it.
    """

    name: str
    type: InputType = InputType.TEXT
    required: bool = True
    default: Any = field(default=None, hash=False)
    description: str = ""


@dataclass(frozen=True, slots=True)
class PromptStep:
    """A step that is a prompt.

    Attributes:
        prompt: A Jinja template over the inputs.
        name: What the step is called, where it has a name.
    """

    prompt: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CallStep:
    """A step that calls a tool.

    Attributes:
        arguments: JSON values; each text in them is a template. One that is nothing but ``{{ name }}`` becomes the
            value of that input itself, whatever its type.
    """

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    name: str | None = None


Step = PromptStep | CallStep


@dataclass(frozen=True, slots=True)
class Triggers:
    """When a procedure applies.

    Attributes:
        phrases: Said in these words, it applies: ``explain``.
        examples: What somebody might say; matched by what it means.
        keywords: Words that hint at it.
        tools: Tools whose use hints at it.
    """

    phrases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """A procedure: what somebody writes down, and where it is held what the space adds to it.

    Attributes:
        name: A plain name, by which it is found.
        description: What it is for; also matched by what it means.
        when: What triggers it.
        edition: What its author calls this version, such as ``2.1``; ``version`` in YAML.
        version: Of what is held: 1 for the first, one more for each change; 0 for what is not held.
        state: See `ProcedureState`.
        same_as: The version that this one repeats after a rollback.
        sources: Ids of the episodes that it was learned from; it is forgotten with any of them.
        actor: The principal that made this version.
        at_ms: When that was, milliseconds since the epoch.
        id: Of the memory that holds it, for `Memory.forget` and `Memory.history`.
        quarantined: A policy that came later set it apart: it is not matched.
    """

    name: str
    description: str
    steps: tuple[Step, ...]
    when: Triggers = Triggers()
    inputs: tuple[ProcedureInput, ...] = ()
    edition: str | None = None
    version: int = 0
    state: ProcedureState = ProcedureState.ACTIVE
    same_as: int | None = None
    sources: tuple[str, ...] = ()
    actor: str = ""
    at_ms: int = 0
    id: str = ""
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """How one use of a procedure went.

    Attributes:
        procedure: Its name.
        version: The version that was used.
        seconds, cost: What it took, where that is known; the currency of a cost is the caller's.
        note: What was noted about it; None, too, where a policy set it apart.
        at_ms: When it was recorded, milliseconds since the epoch.
        id: Of the memory that holds it.
    """

    procedure: str
    version: int
    success: bool
    seconds: float | None
    cost: float | None
    note: str | None
    actor: str
    at_ms: int
    id: str


@dataclass(frozen=True, slots=True)
class Success:
    """How often something went well.

    Attributes:
        lower: From 0 to 1: the lower bound of the share that goes well, see `holdfast.core.procedure_rank.lower_bound`.
        seconds, cost: The mean over those trials that tell it; None where none does.
    """

    successes: int
    trials: int
    lower: float
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class ProcedureMatch:
    """A procedure that applies, and why.

    Attributes:
        score: From 0 (exclusive) to 1, higher is better: how well it matches, times a half to 1 for how it went.
        why: In words what matched, the strongest first.
        matched: From 0 to 1, how well it matches alone.
    """

    procedure: Procedure
    score: float
    why: tuple[str, ...]
    success: Success
    matched: float


@dataclass(frozen=True, slots=True)
class ProcedureMatches(Sequence[ProcedureMatch]):
    """Procedures that apply, the best first; a sequence of them.

    Attributes:
        degraded: Why meaning was not compared, in words; None where it was.
    """

    matches: tuple[ProcedureMatch, ...] = ()
    degraded: str | None = None

    def __len__(self) -> int:
        return len(self.matches)

    @overload
    def __getitem__(self, index: int) -> ProcedureMatch: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ProcedureMatch, ...]: ...
    def __getitem__(self, index: int | slice) -> ProcedureMatch | tuple[ProcedureMatch, ...]:
        return self.matches[index]


@dataclass(frozen=True, slots=True)
class RenderedStep:
    """A step with its inputs filled in: a prompt, or a call of a tool.

    Attributes:
        prompt: The text of a prompt; None for a call.
        tool, arguments: What to call with what; None and empty for a prompt.
    """

    name: str | None
    prompt: str | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)


@dataclass(frozen=True, slots=True)
class RenderedProcedure:
    """A procedure with its inputs filled in, step by step."""

    name: str
    version: int
    steps: tuple[RenderedStep, ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        """The texts of the prompts among the steps."""
        return tuple(step.prompt for step in self.steps if step.prompt is not None)


@dataclass(frozen=True, slots=True)
class ProcedureDifference:
    """What differs between two versions at one place.

    Attributes:
        where: Such as ``steps[2].prompt``; places are counted from 1.
        before, after: JSON values; None for what is not there.
    """

    where: str
    before: Any = field(hash=False)
    after: Any = field(hash=False)


@dataclass(frozen=True, slots=True)
class ProcedureComparison:
    """Two versions of a procedure, what differs, and how each went."""

    before: Procedure
    after: Procedure
    differences: tuple[ProcedureDifference, ...]
    before_success: Success
    after_success: Success
