"""Commands that add to what is remembered, and correct it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from holdfast.surfaces.cli.options import (
    full_id,
    given_text,
    settings_of,
    settle,
    show_admitted,
    show_json,
    space_options,
    write_new,
    writing,
)

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.records import Record


@click.command("add", short_help="Remember a fact.")
@click.argument("text", required=False)
@click.option("--category", help="One of the known categories, such as preference, health or work.")
@click.option("--subject", help="Whom or what it is about.")
@click.option("--predicate", help="What is said of the subject, such as lives_in.")
@click.option("--object", "object_", help="The value, such as Lisbon.")
@click.option("--source", help="Where it came from, in your words.")
@click.option("--derived-from", "sources", metavar="ID", multiple=True, help="Memory it was derived from; repeatable.")
@click.option("--key", help="Idempotency key: the same call again adds nothing.")
@click.option("--when", metavar="TIME", help="When it became true; now by default.")
@click.option("--until", metavar="TIME", help="When it stops being true.")
@click.option("--tag", "tags", multiple=True, help="A tag; repeatable.")
@click.option("--confidence", type=float, default=1.0, show_default=True, help="0 to 1.")
@click.option("--importance", type=float, default=0.5, show_default=True, help="0 to 1.")
@click.option("--origin", default="user", show_default=True, help="user, agent, tool, document, inferred or recalled.")
@click.option("--readmit", is_flag=True, help="Take it in although it was forgotten or corrected before.")
@space_options
def add_command(
    text: str | None, db: str | None, embedder: str | None, as_: str | None, as_json: bool, **fields: Any
) -> None:
    """Remember a fact: TEXT, or standard input."""
    words = given_text(text)
    fields["object"] = fields.pop("object_")
    sources = fields.pop("sources")

    def remember(memory: Memory) -> Record:
        return memory.remember(words, sources=[full_id(memory, one) for one in sources], **fields)

    write_new(settings_of(db, embedder, as_), remember, lambda record: show_admitted(record, as_json=as_json))


@click.command("correct", short_help="Replace what a memory says by what is right.")
@click.argument("id_", metavar="ID")
@click.argument("text", required=False)
@click.option("--when", metavar="TIME", help="Since when the correction is true; now by default.")
@click.option("--reason", help="Why, in your words.")
@click.option("--version", type=int, help="The version you have seen; a later one is a conflict.")
@space_options
def correct_command(
    id_: str,
    text: str | None,
    when: str | None,
    reason: str | None,
    version: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Replace what memory ID says by TEXT, or by standard input; the old words stay in its history."""
    from holdfast.surfaces import wire

    words = given_text(text)
    with writing(settings_of(db, embedder, as_)) as memory:
        old = memory.get(full_id(memory, id_))
        new = memory.correct(old.id, words, when=when, reason=reason, version=version)
        if as_json:
            show_json({"superseded": old.id, "record": wire.record_to_wire(new)})
        else:
            _show_correction(old, new)
        sys.stdout.flush()
        settle(memory)


def _show_correction(old: Record, new: Record) -> None:
    from holdfast.surfaces.cli.screen import one_line, screen, short_id

    show = screen()
    show.line(("was ", "dim"), (short_id(old.id), "dim"), "  ", (one_line(old.text, 300), "dim strike"))
    show.line(("now ", "bold"), (short_id(new.id), "cyan"), "  ", one_line(new.text, 300))
    show.line(("id  ", "dim"), new.id)
