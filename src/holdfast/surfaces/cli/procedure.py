"""`holdfast procedure`: how-tos that are kept, matched, filled in, tried and learned."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.failure import WrongUsage
from holdfast.surfaces.cli.options import (
    given_text,
    json_option,
    reading,
    settings_of,
    show_json,
    space_options,
    write_new,
    writing,
)

if TYPE_CHECKING:
    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.procedures import Procedure, ProcedureComparison, Success

_CUT = 70
_version_option = click.option("--version", type=int, metavar="N", help="That version; the one that holds by default.")


@click.group("procedure", short_help="How-tos that are used again.")
def procedure_command() -> None:
    """How-tos that are used again: what triggers them, what they need, their steps, and how they went."""


@procedure_command.command("add", short_help="Keep a procedure, or a further version.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--version", type=int, metavar="N", help="The version you have seen, 0 for none; else nothing is written."
)
@space_options
def add_command(
    file: Path, version: int | None, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Keep the procedure in FILE, which is YAML (- for standard input)."""
    given = given_text("-") if str(file) == "-" else file

    def add(memory: Memory) -> Procedure:
        return memory.procedures.add(given, version=version)

    write_new(settings_of(db, embedder or "none", as_), add, lambda one: _show_one(one, as_json=as_json))


@procedure_command.command("list", short_help="List the procedures.")
@click.option("--state", type=click.Choice(("active", "proposed")), help="Only those in this state.")
@space_options
def list_command(state: str | None, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """List the procedures by name, with how they went."""
    from holdfast.surfaces.cli.screen import one_line, screen
    from holdfast.surfaces.procedures_wire import procedure_to_wire, success_to_wire

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        found = [(one, memory.procedures.success(one.name)) for one in memory.procedures.list(state)]
    if as_json:
        show_json([{**procedure_to_wire(one), "success": success_to_wire(went)} for one, went in found])
    elif found:
        rows = [
            (one.name, str(one.version), one.state.value, _went(went), one_line(one.description, _CUT))
            for one, went in found
        ]
        screen().table(("name", "version", "state", "went well", "what for"), rows, right=(1,))
    else:
        screen().line("There is no procedure yet; `holdfast procedure add` keeps one.")


@procedure_command.command("show", short_help="Show a procedure as YAML.")
@click.argument("name")
@_version_option
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML that adds it back (the default without --json).")
@space_options
def show_command(
    name: str,
    version: int | None,
    as_yaml: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show procedure NAME as YAML that `holdfast procedure add` takes back; --json shows all of it."""
    from holdfast.surfaces.procedures_wire import procedure_to_wire, success_to_wire

    if as_yaml and as_json:
        raise WrongUsage("--yaml and --json cannot both be given.")
    with reading(settings_of(db, embedder or "none", as_)) as memory:
        if as_json:
            one, went = memory.procedures.get(name, version), memory.procedures.success(name, version)
            show_json({**procedure_to_wire(one), "success": success_to_wire(went)})
            return
        text = memory.procedures.to_yaml(name, version)
    click.echo(text, nl=False)


@procedure_command.command("match", short_help="Show which procedures apply, and why.")
@click.argument("text", required=False)
@click.option("--limit", type=int, default=3, show_default=True, metavar="N", help="The most that are shown.")
@click.option("--tool", "tools", multiple=True, metavar="NAME", help="A tool that is being used; repeatable.")
@space_options
def match_command(
    text: str | None,
    limit: int,
    tools: tuple[str, ...],
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show which procedures apply to TEXT, or standard input, the best first."""
    from holdfast.surfaces.cli.screen import screen
    from holdfast.surfaces.procedures_wire import matches_to_wire

    said = given_text(text)
    with reading(settings_of(db, embedder, as_)) as memory:
        found = memory.procedures.match(said, limit=limit, tools=tools)
    if as_json:
        show_json(matches_to_wire(found))
        return
    if found:
        rows = [(f"{one.score:.2f}", one.procedure.name, _went(one.success), "; ".join(one.why)) for one in found]
        screen().table(("score", "name", "went well", "why"), rows, right=(0,))
    else:
        screen().line("None applies.")
    if found.degraded:
        screen().line(f"Degraded: {found.degraded}")


@procedure_command.command("render", short_help="Fill the inputs of a procedure in.")
@click.argument("name")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input; repeatable.")
@_version_option
@space_options
def render_command(
    name: str,
    inputs: tuple[str, ...],
    version: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show the steps of procedure NAME with its inputs filled in."""
    from holdfast.surfaces.cli.screen import screen
    from holdfast.surfaces.procedures_wire import rendered_to_wire

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        one = memory.procedures.get(name, version)
        rendered = memory.procedures.render(name, _inputs(one, inputs), version=version)
    if as_json:
        show_json(rendered_to_wire(rendered))
        return
    for number, step in enumerate(rendered.steps, 1):
        screen().line(f"{number}. {step.name or ''}".rstrip())
        said = json.dumps(dict(step.arguments), ensure_ascii=False)
        for line in (f"call {step.tool} {said}" if step.prompt is None else step.prompt).splitlines():
            screen().line(f"   {line}")


@procedure_command.command("outcome", short_help="Record how a use of a procedure went.")
@click.argument("name")
@click.argument("went", type=click.Choice(("success", "failure")))
@click.option("--seconds", type=float, metavar="S", help="How long it took.")
@click.option("--cost", type=float, metavar="N", help="What it cost, in your currency.")
@click.option("--note", metavar="TEXT", help="What is worth noting.")
@click.option("--session", metavar="NAME", help="The session it was used in; forgotten with it.")
@click.option("--key", help="Idempotency key: the same call again records nothing.")
@_version_option
@space_options
def outcome_command(
    name: str,
    went: str,
    seconds: float | None,
    cost: float | None,
    note: str | None,
    session: str | None,
    key: str | None,
    version: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Record that a use of procedure NAME ended in success or failure."""
    from holdfast.surfaces.cli.screen import screen
    from holdfast.surfaces.procedures_wire import trial_to_wire

    with writing(settings_of(db, embedder or "none", as_)) as memory:
        trial = memory.procedures.record_outcome(
            name, went == "success", seconds=seconds, cost=cost, note=note, version=version, session=session, key=key
        )
        success = memory.procedures.success(name, version)
    if as_json:
        show_json(trial_to_wire(trial))
    else:
        screen().line(f"{name} (version {trial.version}) went well {_went(success)} times.")


@procedure_command.command("versions", short_help="Show every version, or compare two.")
@click.argument("name")
@click.option("--compare", nargs=2, type=int, metavar="A B", help="What differs between versions A and B.")
@space_options
def versions_command(
    name: str,
    compare: tuple[int, int] | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show every version of procedure NAME with how it went, oldest first, or what differs between two."""
    from holdfast.surfaces.cli.screen import screen
    from holdfast.surfaces.procedures_wire import comparison_to_wire, procedure_to_wire, success_to_wire
    from holdfast.surfaces.wire import when_to_wire

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        if compare is not None:
            compared = memory.procedures.compare(name, *compare)
            if as_json:
                show_json(comparison_to_wire(compared))
            else:
                _show_differences(compared)
            return
        found = [(one, memory.procedures.success(name, one.version)) for one in memory.procedures.versions(name)]
    if as_json:
        show_json([{**procedure_to_wire(one), "success": success_to_wire(went)} for one, went in found])
        return
    rows = [
        (str(one.version), when_to_wire(one.at_ms) or "", one.actor, _went(went),
         f"again version {one.same_as}" if one.same_as else one.state.value)
        for one, went in found
    ]  # fmt: skip
    screen().table(("version", "when", "who", "went well", "state"), rows, right=(0,))


@procedure_command.command("rollback", short_help="Write an earlier version again.")
@click.argument("name")
@click.argument("version", type=int)
@space_options
def rollback_command(
    name: str, version: int, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Write VERSION of procedure NAME again, as a further version."""
    _change(settings_of(db, embedder or "none", as_), lambda m: m.procedures.rollback(name, version), as_json)


@procedure_command.command("learn", short_help="Propose what went well several times.")
@click.option("--min-runs", type=int, default=3, show_default=True, metavar="N", help="In how many runs it must be.")
@space_options
def learn_command(min_runs: int, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Propose procedures from tools that were called in the same order in several runs that went well."""
    from holdfast.surfaces.cli.screen import one_line, screen
    from holdfast.surfaces.procedures_wire import procedure_to_wire

    with writing(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.procedures.learn(min_runs=min_runs)
    if as_json:
        show_json([procedure_to_wire(one) for one in found])
    elif found:
        screen().table(("name", "what it does"), [(one.name, one_line(one.description, _CUT)) for one in found])
        screen().line("Proposed; `holdfast procedure approve NAME` lets one be matched, `remove` rejects it.")
    else:
        screen().line("Nothing new went well that often.")


@procedure_command.command("approve", short_help="Let a proposed procedure be matched.")
@click.argument("name")
@space_options
def approve_command(name: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Let the proposed procedure NAME be matched from now on."""
    _change(settings_of(db, embedder or "none", as_), lambda memory: memory.procedures.approve(name), as_json)


@procedure_command.command("remove", short_help="Forget a procedure, or reject a proposed one.")
@click.argument("name")
@space_options
def remove_command(name: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Forget procedure NAME with its versions and trials, for good."""
    from holdfast.surfaces.cli.screen import screen

    with writing(settings_of(db, embedder or "none", as_)) as memory:
        memory.procedures.remove(name)
    if as_json:
        show_json({"removed": name})
    else:
        screen().line(f"Removed {name}.")


@procedure_command.command("example", short_help="Show a procedure that comes with Holdfast.")
@click.argument("name", default="explain")
@json_option
def example_command(name: str, as_json: bool) -> None:
    """Show the YAML of a procedure that comes with Holdfast: explain, which explains something in three steps."""
    from holdfast.adapters.procedure_files import example

    text = example(name)
    if as_json:
        show_json({"name": name, "yaml": text})
    else:
        click.echo(text, nl=False)


def _change(where: Settings, change: Callable[[Memory], Procedure], as_json: bool) -> None:
    with writing(where) as memory:
        one = change(memory)
    _show_one(one, as_json=as_json)


def _show_one(one: Procedure, *, as_json: bool) -> None:
    from holdfast.surfaces.cli.screen import screen
    from holdfast.surfaces.procedures_wire import procedure_to_wire

    if as_json:
        show_json(procedure_to_wire(one))
    else:
        count = len(one.steps)
        screen().line(
            f"{one.name} is at version {one.version}, {one.state.value}, with {count} step{'s'[: count != 1]}."
        )


def _show_differences(compared: ProcedureComparison) -> None:
    from holdfast.surfaces.cli.screen import one_line, screen

    for version, went in (
        (compared.before.version, compared.before_success),
        (compared.after.version, compared.after_success),
    ):
        screen().line(f"Version {version} went well {_went(went)} times.")
    rows = [
        (found.where, *(one_line(json.dumps(one, ensure_ascii=False), _CUT) for one in (found.before, found.after)))
        for found in compared.differences
    ]
    if rows:
        screen().table(("where", "before", "after"), rows)
    else:
        screen().line("They say the same.")


def _went(success: Success) -> str:
    return f"{success.successes:,} of {success.trials:,}"


def _inputs(one: Procedure, given: Sequence[str]) -> dict[str, object]:
    """Inputs from ``NAME=VALUE``: of other types than text as JSON.

    Raises:
        WrongUsage.
    """
    kinds = {field.name: field.type.value for field in one.inputs}
    inputs: dict[str, object] = {}
    for part in given:
        name, sign, value = part.partition("=")
        if not sign:
            raise WrongUsage(f"{part!r:.80} is no input; expected NAME=VALUE, such as topic=recursion.")
        inputs[name.strip()] = value
        if kinds.get(name.strip(), "text") != "text":
            try:
                inputs[name.strip()] = json.loads(value)
            except ValueError:
                inputs[name.strip()] = value
    return inputs
