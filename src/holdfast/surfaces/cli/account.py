"""Giving account of one memory: history and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.options import full_id, reading, settings_of, show_json, space_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.model.insight import History, HistoryEntry, Linked, Reads, Why
    from holdfast.surfaces.cli.screen import Screen

_CUT = 400
_MOST_SHOWN = 10
_TITLES = {
    "state": "Now",
    "origin": "Where it came from",
    "sources": "What it rests on",
    "trust": "How far it is trusted",
    "policy": "What the policy made of it",
    "keeping": "How long it is kept",
    "supersedes": "What it replaced",
    "falls": "What would go with it",
    "use": "Who used it",
}


@click.command("history", short_help="Everything that happened to a memory, and who read it.")
@click.argument("id_", metavar="ID")
@space_options
def history_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Everything that happened to memory ID, and who read it; works for forgotten ones too, by their whole id."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        history = memory.history(full_id(memory, id_))
    if as_json:
        show_json(wire.history_to_wire(history))
    else:
        show_history(screen(), history)


@click.command("why", short_help="Why a memory is held: where it came from, and who used it.")
@click.argument("id_", metavar="ID")
@space_options
def why_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Why memory ID is held, or no longer: where it came from and what it rests on, how far it is trusted, what the
    policy made of it, what would be forgotten with it, and who used it. A forgotten one is named by its whole id.
    """
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        why = memory.why(full_id(memory, id_))
    if as_json:
        show_json(wire.why_to_wire(why))
    else:
        show_why(screen(), why)


def show_history(show: Screen, history: History) -> None:
    """The life of a memory, and who read it."""
    for entry in history:
        _show_entry(show, entry)
    for replaced in history.supersedes:
        show.line(("It replaced ", "dim"), replaced)
    if history.reads:
        show.blank()
        show_reads(show, history.reads)


def _show_entry(show: Screen, entry: HistoryEntry) -> None:
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import one_line

    version = f" (version {entry.version})" if entry.version > 1 and entry.what == "revised" else ""
    by = f" by {entry.actor}" if entry.actor else ""
    show.line((wire.when_to_wire(entry.at_ms) or "", "cyan"), "  ", (f"{entry.what}{version}{by}", "bold"))
    record = entry.record
    if record is not None:
        show.line(one_line(record.text, _CUT), indent=4)
        noted = [
            f"source {record.source}" if record.source else "",
            f"derived from {', '.join(record.sources)}" if record.sources else "",
            f"marked {', '.join(record.marks)}" if record.marks else "",
            "kept apart" if record.quarantined else "",
            f"kept until {wire.when_to_wire(record.expires_at)}" if record.expires_at is not None else "",
        ]
        if any(noted):
            show.line(("; ".join(filter(None, noted)), "dim"), indent=4)
    elif entry.what in ("remembered", "revised"):
        show.line(("what it said is erased", "dim"), indent=4)
    if entry.other:
        show.line((f"{'by memory' if entry.what == 'superseded' else 'receipt'} {entry.other}", "dim"), indent=4)
    if entry.reason:
        show.line((f"because: {one_line(entry.reason, _CUT)}", "dim"), indent=4)


def show_reads(show: Screen, reads: Sequence[Reads]) -> None:
    """Who was given a memory."""
    from holdfast.surfaces import wire

    rows = [
        (one.principal, f"{one.count:,}", wire.when_to_wire(one.first_ms) or "", wire.when_to_wire(one.last_ms) or "")
        for one in reads
    ]
    show.table(("read by", "times", "first", "last"), rows, right=(1,))


def show_why(show: Screen, why: Why) -> None:
    """Why a memory is held, under a heading each."""
    from holdfast.surfaces.cli.screen import one_line

    if why.record is not None:
        show.line((one_line(why.record.entry, _CUT), "bold"))
    show.line((why.id, "dim"))
    below = {"sources": why.sources, "supersedes": why.supersedes, "falls": why.falls}
    for about, words in why.words.items():
        show.heading(_TITLES[about])
        show.line(words)
        _show_linked(show, below.get(about, ()))


def _show_linked(show: Screen, linked: Sequence[Linked]) -> None:
    from holdfast.model.times import format_day
    from holdfast.surfaces.cli.screen import one_line, short_id

    for one in linked[:_MOST_SHOWN]:
        record = one.record
        told = f"{format_day(record.valid_from)}  {one_line(record.entry, 120)}" if record else "forgotten, or not here"
        show.line((short_id(one.id), "dim"), f"  {told}", indent=2 * one.depth)
    if len(linked) > _MOST_SHOWN:
        show.line(f"and {len(linked) - _MOST_SHOWN:,} more; --json has all", indent=2)
