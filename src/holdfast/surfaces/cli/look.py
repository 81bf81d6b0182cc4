"""Looking at what is kept: list and show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import (
    end,
    filters_of,
    full_id,
    reading,
    settings_of,
    show_json,
    space_options,
    where_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from holdfast.memory import Memory
    from holdfast.model.records import Record
    from holdfast.surfaces.cli.screen import Screen

MOST_LISTED = 1_000
_CUT = 160


@click.command("list", short_help="List what is kept, a page at a time.")
@where_option
@click.option("--since", metavar="TIME", help="Only what was said, or became true, from this time on.")
@click.option("--until", metavar="TIME", help="Only what was said, or became true, before this time.")
@click.option("--quarantined", is_flag=True, help="What is kept apart too.")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_LISTED),
    default=50,
    show_default=True,
    help="Memories on a page, up to 1000.",
)
@click.option("--skip", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first N.")
@space_options
def list_command(
    where: tuple[str, ...],
    since: str | None,
    until: str | None,
    quarantined: bool,
    limit: int,
    skip: int,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """List the memories that are kept, in order of arrival, with the ids other commands take.

    Superseded and forgotten ones are not listed. Ends with 1 where nothing is.
    """
    from itertools import islice

    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    filters = filters_of(where)
    with reading(settings_of(db, embedder or "none", as_)) as memory:
        found = _within(memory, filters, since, until, quarantined=quarantined)
        page = list(islice(found, skip, skip + limit + 1))
    more, page = len(page) > limit, page[:limit]
    if as_json:
        show_json([wire.record_to_wire(record) for record in page])
    else:
        _show_page(screen(), page, skip, more=more)
    if not page:
        end(failure.PROBLEMS)


@click.command("show", short_help="Show one memory whole.")
@click.argument("id_", metavar="ID")
@space_options
def show_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Show memory ID: its whole text and everything noted about it."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        record = memory.get(full_id(memory, id_))
    if as_json:
        show_json(wire.record_to_wire(record))
    else:
        show_record(screen(), record)


def show_record(show: Screen, record: Record) -> None:
    """Everything one version of a memory holds."""
    from holdfast.surfaces import wire

    show.line(record.text)
    show.blank()
    told: list[tuple[str, str | None]] = [
        ("shares", record.caption),
        ("id", record.id),
        ("kind", record.kind.name.lower()),
        ("author", record.author),
        ("session", record.session),
        ("subject", " ".join(part for part in (record.subject, record.predicate, record.object) if part)),
        ("category", record.category),
        ("tags", ", ".join(record.tags)),
        ("attributes", ", ".join(f"{name}={value}" for name, value in record.attributes.items())),
        ("source", record.source),
        ("derived from", ", ".join(record.sources)),
        ("origin", f"{record.origin.name.lower()}, trust {record.trust.name.lower()}"),
        ("said" if record.session else "true from", wire.when_to_wire(record.valid_from)),
        ("true until", wire.when_to_wire(record.valid_to)),
        ("recorded", f"{wire.when_to_wire(record.recorded_at)} by {record.actor}, version {record.version}"),
        ("superseded by", record.superseded_by),
        ("marks", ", ".join(record.marks)),
        ("kept apart", "in quarantine: never recalled" if record.quarantined else None),
        ("kept until", wire.when_to_wire(record.expires_at)),
    ]
    for name, value in told:
        if value:
            show.row([(13, (name, "dim"))], value)


def _within(
    memory: Memory, filters: Mapping[str, object] | None, since: str | None, until: str | None, *,
    quarantined: bool,
) -> Iterator[Record]:  # fmt: skip
    from holdfast.errors import InvalidTime
    from holdfast.model.times import EARLIEST_MS, LATEST_MS, parse_when

    start = EARLIEST_MS if since is None else parse_when(since)
    stop = LATEST_MS + 1 if until is None else parse_when(until)
    if stop <= start:
        raise InvalidTime(f"until {until!s:.40} is not after since {since!s:.40}.")
    return (
        record for record in memory.records(where=filters, quarantined=quarantined) if start <= record.valid_from < stop
    )


def _show_page(show: Screen, page: Sequence[Record], skip: int, *, more: bool) -> None:
    from holdfast.model.times import format_when
    from holdfast.surfaces.cli.screen import one_line, short_id

    if not page:
        show.line("Nothing that is kept meets these conditions." if not skip else "There is nothing further on.")
        return
    rows = list[tuple[str, str, str, str]]()
    for record in page:
        moment = format_when(record.valid_from)
        about = record.category or record.session or ""
        apart = "(kept apart) " if record.quarantined else ""
        rows.append(
            (short_id(record.id), f"{moment[:10]} {moment[11:16]}", about, apart + one_line(record.entry, _CUT))
        )
    show.table(("id", "when", "about", "what"), rows)
    if more:
        show.line((f"There is more: --skip {skip + len(page)}", "dim"))
