"""Procedures learned from what went well: the same tools, called in the same order, in several runs.

No model is asked. What is found is a proposal: its steps call the tools with the arguments that were the same in every
run, and with inputs in the places of those that differed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from holdfast.core.codec import canonical
from holdfast.core.episodes import read_episode
from holdfast.core.messages import check_shape, read_message
from holdfast.core.procedures import procedure_from
from holdfast.errors import InvalidInput
from holdfast.model import limits
from holdfast.model.procedures import CallStep, InputType, Procedure, ProcedureInput, ProcedureState, Triggers
from holdfast.model.records import Kind, Record, Role

LONGEST: Final = 8
"""Steps of the longest sequence that is looked for."""
RUN_CALLS: Final = 200
"""Calls of one run that are looked at, the last ones."""
EXAMPLES: Final = 5
EXAMPLE_CHARS: Final = 300
_TOOL: Final = r"[A-Za-z_][\w.:/-]{0,99}"
_TEMPLATE: Final = ("{{", "{%", "{#")
_CLOSED: Final = ("success", "failure", "partial", "abandoned")


@dataclass(frozen=True, slots=True)
class Used:
    """A tool that was called.

    Attributes:
        went: Whether it went well, where that is known.
        episode: Id of the episode that tells it.
    """

    tool: str
    arguments: Mapping[str, Any] = field(hash=False)
    episode: str
    went: bool | None = None
    call: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Calls that came to something good.

    Attributes:
        asked: What the user said before, where there was something.
        told: Ids of the episodes that say what was asked and what came of it.
    """

    calls: tuple[Used, ...]
    asked: str | None
    told: tuple[str, ...]


def runs_of(episodes: Iterable[Record]) -> list[Run]:
    """The runs of one session that went well, from its episodes in order."""
    runs, calls, asked = list[Run](), list[Used](), list[Record]()
    for record in episodes:
        if record.kind is Kind.TURN:
            if record.role is Role.USER and not calls:
                asked = [record]
            continue
        fields = read_episode(record.body)
        if record.kind is Kind.TOOL_CALL:
            _take_in(calls, record, fields)
        elif fields.get("outcome") in _CLOSED:
            if fields["outcome"] == "success":
                runs += _split(calls, asked, (record.id,))
            calls, asked = [], []
    if calls and all(one.went for one in calls):
        runs += _split(calls, asked, ())
    return runs


def proposals(runs: Sequence[Run], min_runs: int, limit: int) -> list[Procedure]:
    """Sequences that are in so many runs, as proposed procedures: those of the most runs first.

    A part of a longer sequence is left out where it is in no more runs than that.
    """
    often = _often([[one.tool for one in run.calls] for run in runs], min_runs)
    within = {
        (part, len(often[tools]))
        for tools in often
        for size in range(2, len(tools))
        for part in (tools[start : start + size] for start in range(len(tools) - size + 1))
    }
    kept = [tools for tools, at in often.items() if (tools, len(at)) not in within]
    kept.sort(key=lambda tools: (-len(often[tools]), -len(tools), tools))
    made = (_proposal(tools, [(runs[number], start) for number, start in often[tools].items()]) for tools in kept)
    return [one for one in made if one is not None][:limit]


def _often(runs: Sequence[Sequence[str]], min_runs: int) -> dict[tuple[str, ...], dict[int, int]]:
    """Sequences of tools that are in so many runs: where they begin, by the number of the run."""
    often = dict[tuple[str, ...], dict[int, int]]()
    for size in range(2, LONGEST + 1):
        found = defaultdict[tuple[str, ...], dict[int, int]](dict)
        for number, tools in enumerate(runs):
            for start in range(len(tools) - size + 1):
                one = tuple(tools[start : start + size])
                # What is rare makes nothing longer that is not.
                if size == 2 or (one[:-1] in often and one[1:] in often):
                    found[one].setdefault(number, start)
        often |= {tools: at for tools, at in found.items() if len(at) >= min_runs}
    return often


def name_for(tools: Sequence[str]) -> str:
    """The name of what is learned from a sequence of tools: always the same, and of no other sequence."""
    ends = "-".join(re.sub(r"[^A-Za-z0-9_]+", "_", tool)[:20].strip("_") or "tool" for tool in (tools[0], tools[-1]))
    return f"learned-{ends}-{hashlib.sha256(canonical(list(tools))).hexdigest()[:12]}"


def _take_in(calls: list[Used], record: Record, fields: Mapping[str, Any]) -> None:
    """Add what an episode tells of calls: those that it makes, and how earlier ones went."""
    if "message" not in fields:
        tool = _tool_of(record, fields)
        went = {"success": True, None: None}.get(fields.get("outcome"), False)
        if tool is not None:
            given = fields.get("input")
            arguments = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
            calls.append(Used(tool, _arguments(arguments), record.id, went))
        return
    try:
        said = read_message(fields["message"], check_shape(fields["shape"]))
    except InvalidInput:
        return
    calls += [Used(call.name, _read(call.arguments), record.id, None, call.id) for call in said.calls]
    failed = {result.id for result in said.results if result.is_error}
    calls[:] = [replace(one, went=False) if one.call and one.call in failed else one for one in calls]


def _tool_of(record: Record, fields: Mapping[str, Any]) -> str | None:
    """The tool of a recorded call: its attribute ``tool``, that of its input, or a text that is nothing but a name."""
    given: object = fields.get("input")
    named: object = record.attributes.get("tool")
    if named is None and isinstance(given, dict):
        named = cast("dict[str, object]", given).get("tool")
    if named is None:
        match = re.fullmatch(rf"({_TOOL})(\(.*\))?", record.text.strip(), re.DOTALL)
        named = match[1] if match else None
    return named if isinstance(named, str) and re.fullmatch(_TOOL, named) else None


def _arguments(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments in what was recorded as input: beside the tool, where that is named in it."""
    inner = given.get("arguments")
    if "tool" in given:
        return (
            cast("dict[str, Any]", inner)
            if isinstance(inner, dict)
            else {name: one for name, one in given.items() if name != "tool"}
        )
    return given


def _read(text: str) -> Mapping[str, Any]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _split(calls: Sequence[Used], asked: Sequence[Record], told: tuple[str, ...]) -> Iterator[Run]:
    """Runs without a call that failed, each call once where it was repeated at once."""
    run = list[Used]()
    begun = tuple(one.id for one in asked)
    text = asked[0].text if asked else None
    for one in [*calls[-RUN_CALLS:], None]:
        if one is None or one.went is False:
            if len(run) > 1:
                yield Run(tuple(run), text, (*begun, *told))
            run = []
        elif run and run[-1].tool == one.tool:
            run[-1] = one
        else:
            run.append(one)


def _proposal(tools: Sequence[str], seen: Sequence[tuple[Run, int]]) -> Procedure | None:
    """A procedure that does what was done each time; None where it cannot be said as one."""
    cited, sources = list[tuple[Used, ...]](), dict[str, None]()
    asked = dict[str, None]()
    for run, start in reversed(seen):  # the newest first
        calls = run.calls[start : start + len(tools)]
        more = dict.fromkeys((*(one.episode for one in calls), *run.told))
        if len(sources | more) > limits.SOURCES:
            break
        sources |= more
        cited.append(calls)
        if run.asked is not None and len(asked) < EXAMPLES:
            asked[" ".join(run.asked.split())[:EXAMPLE_CHARS].strip()] = None
    inputs, steps = dict[str, tuple[ProcedureInput, list[Any]]](), list[CallStep]()
    for place, tool in enumerate(tools):
        steps.append(CallStep(tool, _learned([calls[place].arguments for calls in cited], inputs)))
    when = Triggers(examples=tuple(text for text in asked if text), tools=(tools[0],))
    said = f"Calls {', then '.join(tools)}; learned from {len(cited):,} runs that went well."
    bare = Procedure(
        name=name_for(tools), description=said[:1_000], when=when, steps=tuple(CallStep(tool) for tool in tools)
    )
    for one in (replace(bare, steps=tuple(steps), inputs=tuple(made for made, _ in inputs.values())), bare):
        try:
            checked = procedure_from(one)
        except InvalidInput:  # such as arguments too large to be kept; then without any
            continue
        return replace(checked, state=ProcedureState.PROPOSED, sources=tuple(sources))
    return None


def _learned(given: Sequence[Mapping[str, Any]], inputs: dict[str, tuple[ProcedureInput, list[Any]]]) -> dict[str, Any]:
    """The arguments of a step: those that are in each run, as they were or from an input."""
    learned: dict[str, Any] = {}
    for name in given[0]:
        if not all(name in one for one in given):
            continue
        values = [one[name] for one in given]
        if all(canonical(one) == canonical(values[0]) for one in values) and not _looks_like_template(values[0]):
            learned[name] = values[0]
        else:
            learned[name] = f"{{{{ {_input_for(name, values, inputs)} }}}}"
    return learned


def _input_for(name: str, values: list[Any], inputs: dict[str, tuple[ProcedureInput, list[Any]]]) -> str:
    """The name of the input that had these values in the runs: an earlier one of the name that had the same, or new."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:30]
    plain = plain if re.match("[A-Za-z]", plain) else f"input_{plain}".rstrip("_")
    for number in range(1, len(inputs) + 2):
        called = plain if number == 1 else f"{plain}_{number}"
        if called not in inputs:
            inputs[called] = ProcedureInput(called, _type_of(values)), values
            return called
        if canonical(inputs[called][1]) == canonical(values):
            return called
    return plain


def _type_of(values: Sequence[Any]) -> InputType:
    for kind, wanted in (
        (InputType.BOOLEAN, bool), (InputType.INTEGER, int), (InputType.NUMBER, int | float), (InputType.TEXT, str),
        (InputType.LIST, list),
    ):  # fmt: skip
        if all(isinstance(one, wanted) and (wanted is bool or not isinstance(one, bool)) for one in values):
            return kind
    return InputType.ANY


def _looks_like_template(value: object) -> bool:
    return any(mark in json.dumps(value, ensure_ascii=False) for mark in _TEMPLATE)
