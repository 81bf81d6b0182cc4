"""The conversation log: sessions, their turns, and adding one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import (
    end,
    given_text,
    reading,
    settings_of,
    show_admitted,
    show_json,
    space_options,
    write_new,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.records import Record


@click.command("chat-log", short_help="Show a session as it was said, or add a turn.")
@click.argument("session", required=False)
@click.argument("text", required=False)
@click.option("--add", "speaker", metavar="SPEAKER", help="Add a turn: user, assistant, system, tool or a name.")
@click.option("--author", help="A name for the speaker, where it is a role.")
@click.option("--when", metavar="TIME", help="When it was said; now by default.")
@click.option("--key", help="Idempotency key: the same turn again adds nothing.")
@click.option("--tag", "tags", multiple=True, help="A tag; repeatable.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the last so many turns.")
@space_options
def chat_log_command(
    session: str | None,
    text: str | None,
    speaker: str | None,
    author: str | None,
    when: str | None,
    key: str | None,
    tags: tuple[str, ...],
    limit: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show SESSION as it was said, or add a turn to it.

    Without SESSION it lists the sessions. With --add the turn is TEXT, or standard input.
    """
    settings = settings_of(db, embedder, as_)
    if speaker is None:
        if text is not None or author or when or key or tags:
            raise failure.WrongUsage("To add a turn, name who speaks with --add SPEAKER.")
        _show(settings, session, limit, as_json=as_json)
        return
    if session is None or limit is not None:
        raise failure.WrongUsage("--add takes a SESSION and no --limit.")
    words, name = given_text(text), session

    def add(memory: Memory) -> Record:
        return memory.session(name).add(speaker, words, author=author, when=when, key=key, tags=tags)

    write_new(settings, add, lambda record: show_admitted(record, as_json=as_json))


def _show(settings: Settings, session: str | None, limit: int | None, *, as_json: bool) -> None:
    from holdfast.surfaces import wire

    if session is None:
        _show_sessions(settings, as_json=as_json)
        return
    with reading(settings) as memory:
        turns = memory.session(session).turns(limit)
    if as_json:
        show_json({"session": session, "turns": [wire.record_to_wire(turn) for turn in turns]})
    elif turns:
        show_turns(turns)
    if not turns:
        if not as_json:
            failure.warn(f"session {session!r:.200} has no turns")
        end(failure.PROBLEMS)


def show_turns(turns: Sequence[Record]) -> None:
    """A conversation, day by day."""
    from holdfast.model.times import format_day, format_when
    from holdfast.surfaces.cli.screen import screen, short_id

    show, day = screen(), ""
    for turn in turns:
        if (said := format_day(turn.valid_from)) != day:
            if day:
                show.blank()
            day = said
            show.line((day, "bold cyan"))
        changed = [(f"  (corrected by {short_id(turn.superseded_by)})", "yellow")] if turn.superseded_by else []
        clock = format_when(turn.valid_from)[11:16]
        show.line((f"{clock} {short_id(turn.id)}  ", "dim"), (f"{turn.author}", "bold"), *changed)
        show.line(turn.text, indent=4)
        if turn.caption:
            show.line((f"[shares {turn.caption}]", "dim"), indent=4)


def _show_sessions(settings: Settings, *, as_json: bool) -> None:
    from holdfast.model.times import format_when
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    spans: dict[str, tuple[int, int, int]] = {}
    with reading(settings) as memory:
        for turn in memory.records(where={"kind": "turn"}):
            if turn.session is not None:
                count, first, last = spans.get(turn.session, (0, turn.valid_from, turn.valid_from))
                spans[turn.session] = (count + 1, min(first, turn.valid_from), max(last, turn.valid_from))
    ordered = sorted(spans.items(), key=lambda item: (item[1][1], item[0]))
    if as_json:
        show_json(
            [
                {"session": name, "turns": count, "first": wire.when_to_wire(first), "last": wire.when_to_wire(last)}
                for name, (count, first, last) in ordered
            ]
        )
    elif ordered:
        rows = [(name, str(count), format_when(first), format_when(last)) for name, (count, first, last) in ordered]
        screen().table(("session", "turns", "first", "last"), rows, right=(1,))
    if not ordered:
        if not as_json:
            failure.warn("there are no sessions yet")
        end(failure.PROBLEMS)
