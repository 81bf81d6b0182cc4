"""`holdfast intend` and `holdfast intentions`: what to bring up later."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.failure import WrongUsage
from holdfast.surfaces.cli.options import (
    given_text,
    reading,
    settings_of,
    show_json,
    space_options,
    write_new,
    writing,
)

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.intentions import Intention
    from holdfast.model.records import Scalar

_CUT = 80
_SHORT_DIGITS = 6
_STATES = ("pending", "fired", "done", "cancelled", "expired")
_facts_option = click.option(
    "--fact", "facts", multiple=True, metavar="NAME=VALUE", help="What conditions are asked of; repeatable."
)
_now_option = click.option("--now", metavar="TIME", help="The moment that is asked for; now by default.")


@click.command("intend", short_help="Note something to bring up later.")
@click.argument("text", required=False)
@click.option("--when", metavar="TIME", help="A time, or words such as 'next Friday' or 'tomorrow at 9am'.")
@click.option("--event", metavar="NAME", help="After an event, which `holdfast intentions fire` tells.")
@click.option("--if", "condition", metavar="FILTER", help="When facts are so, such as 'open_tickets > 3'.")
@click.option("--until", metavar="TIME", help="From then on it is not wanted any more.")
@click.option("--about", metavar="NAME", help="Whom or what it concerns.")
@click.option("--key", help="Idempotency key: the same call again adds nothing.")
@space_options
def intend_command(
    text: str | None,
    when: str | None,
    event: str | None,
    condition: str | None,
    until: str | None,
    about: str | None,
    key: str | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Note TEXT, or standard input, to be brought up later: at a time, after an event, or when a condition holds."""
    said = given_text(text)

    def intend(memory: Memory) -> Intention:
        return memory.intend(said, when=when, event=event, condition=condition, until=until, about=about, key=key)

    write_new(settings_of(db, embedder or "none", as_), intend, lambda one: _show_one(one, as_json=as_json))


@click.group("intentions", short_help="What is to be brought up later.")
def intentions_command() -> None:
    """What is to be brought up later; `holdfast intend` notes more of it."""


@intentions_command.command("list", short_help="List what was noted.")
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@space_options
def list_command(state: str | None, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """List what was noted to be brought up, oldest first."""
    with reading(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.intentions.list(state)
    _show_all(found, as_json=as_json, none="There is none; `holdfast intend` notes one.")


@intentions_command.command("due", short_help="List what is due, without taking it.")
@_now_option
@_facts_option
@space_options
def due_command(
    now: str | None,
    facts: tuple[str, ...],
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """List what is to be brought up now, longest due first. It stays due."""
    known = _facts(facts)
    with reading(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.intentions.due(now, facts=known)
    _show_all(found, as_json=as_json, none="Nothing is due.")


@intentions_command.command("take", short_help="Take what is due: nobody else gets it.")
@_now_option
@_facts_option
@click.option("--session", metavar="NAME", help="Who takes it: gets it again until it is done.")
@click.option("--limit", type=int, help="The most that are taken, up to 1000.")
@space_options
def take_command(
    now: str | None,
    facts: tuple[str, ...],
    session: str | None,
    limit: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Take what is due, longest due first. Each is given to one taker only."""
    known = _facts(facts)
    with writing(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.intentions.take(now, facts=known, session=session, limit=limit)
    _show_all(found, as_json=as_json, none="Nothing is due.")


@intentions_command.command("fire", short_help="Tell that an event happened.")
@click.argument("event")
@space_options
def fire_command(event: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Tell that EVENT happened: what waits for it is due from now on."""
    with writing(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.intentions.fire(event)
    _show_all(found, as_json=as_json, none="Nothing waits for it.")


@intentions_command.command("snooze", short_help="Put one off.")
@click.argument("id_", metavar="ID")
@click.argument("until", metavar="TIME")
@space_options
def snooze_command(id_: str, until: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Put intention ID off: it is not due before TIME."""
    _change(db, embedder, as_, as_json, lambda memory: memory.intentions.snooze(_whole(memory, id_), until))


@intentions_command.command("done", short_help="It was brought up, or is settled.")
@click.argument("id_", metavar="ID")
@space_options
def done_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Intention ID was brought up, or is settled: it is never due again."""
    _change(db, embedder, as_, as_json, lambda memory: memory.intentions.done(_whole(memory, id_)))


@intentions_command.command("cancel", short_help="It is not wanted any more.")
@click.argument("id_", metavar="ID")
@space_options
def cancel_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Intention ID is not wanted any more."""
    _change(db, embedder, as_, as_json, lambda memory: memory.intentions.cancel(_whole(memory, id_)))


def _change(
    db: str | None, embedder: str | None, as_: str | None, as_json: bool, change: Callable[[Memory], Intention]
) -> None:
    with writing(settings_of(db, embedder or "none", as_)) as memory:
        one = change(memory)
    _show_one(one, as_json=as_json)


def _whole(memory: Memory, given: str) -> str:
    """The id of an intention from the start or the end of it.

    Raises:
        NotFound, InvalidField: it names none, or several.
    """
    from holdfast.errors import InvalidField, NotFound

    digits = given.replace("-", "").lower()
    if not _SHORT_DIGITS <= len(digits) < 32 or set(digits) - set("0123456789abcdef"):
        return given
    ids = {one.id: one.id.replace("-", "") for one in memory.intentions.list()}
    found = [one for one, plain in ids.items() if plain.startswith(digits) or plain.endswith(digits)]
    if not found:
        raise NotFound(f"No intention here has an id that starts or ends with {given}. Nothing was written.")
    if len(found) > 1:
        raise InvalidField(f"{given} is the start or end of {len(found):,} ids; give more digits.")
    return found[0]


def _facts(given: Sequence[str]) -> dict[str, Scalar] | None:
    """Facts from ``NAME=VALUE``: numbers and booleans are read as such, the rest is text.

    Raises:
        WrongUsage.
    """
    facts: dict[str, Scalar] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign:
            raise WrongUsage(f"{one!r:.80} is no fact; expected NAME=VALUE, such as open_tickets=5.")
        try:
            read: object = json.loads(value)
        except ValueError:
            read = value
        facts[name.strip()] = read if isinstance(read, str | int | float) else value
    return facts or None


def _show_one(one: Intention, *, as_json: bool) -> None:
    from holdfast.surfaces.cli.screen import screen
    from holdfast.surfaces.intentions_wire import intention_to_wire

    if as_json:
        show_json(intention_to_wire(one))
        return
    until = f", until {_time(one.until_ms)}" if one.until_ms is not None else ""
    screen().line(f"{one.id} is {one.state.value}: {_waits(one)}{until}.")


def _show_all(found: Sequence[Intention], *, as_json: bool, none: str) -> None:
    from holdfast.surfaces.cli.screen import one_line, screen, short_id
    from holdfast.surfaces.intentions_wire import intention_to_wire

    if as_json:
        show_json([intention_to_wire(one) for one in found])
    elif found:
        rows = [(short_id(one.id), one.state.value, _waits(one), one_line(one.text, _CUT)) for one in found]
        screen().table(("id", "state", "when", "what"), rows)
    else:
        screen().line(none)


def _waits(one: Intention) -> str:
    """What it waits for, in words."""
    if one.snoozed_until_ms is not None:
        return f"snoozed until {_time(one.snoozed_until_ms)}"
    if one.event is not None:
        return f"after {one.event}"
    if one.condition is not None:
        from holdfast.core.intentions import condition_text

        return f"if {condition_text(one.condition)}"
    said = f" ({one.said})" if one.said else ""
    return f"{_time(one.when_ms)}{said}"


def _time(ms: int | None) -> str:
    from holdfast.surfaces.wire import when_to_wire

    return when_to_wire(ms) or ""
