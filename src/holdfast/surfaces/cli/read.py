"""Commands that only read: recall, history, stats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import (
    end,
    filters_of,
    full_id,
    given_text,
    reading,
    settings_of,
    show_json,
    space_options,
    where_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.model.recollection import Hit, Recollection
    from holdfast.model.reports import HistoryEntry, Stats
    from holdfast.surfaces.cli.screen import Screen

CUT_CHARS = 400


@click.command("recall", short_help="What is remembered about a question, and why.")
@click.argument("query", required=False)
@click.option("--why", is_flag=True, help="Show what each signal gave to each score.")
@click.option("--text", "as_text", is_flag=True, help="Only the text for a prompt: fenced, dated and cited.")
@click.option("--full", is_flag=True, help="Do not cut long texts.")
@click.option("--budget", type=int, metavar="TOKENS", help="Take memories until their text fills so many tokens.")
@click.option("--limit", type=int, default=10, show_default=True, help="The most memories, up to 1000.")
@where_option
@click.option("--since", metavar="TIME", help="Only what was said, or became true, from this time on.")
@click.option("--until", metavar="TIME", help="Only what was said, or became true, before this time.")
@click.option("--now", metavar="TIME", help="The moment the question is asked, for words like 'last week'.")
@space_options
def recall_command(
    query: str | None,
    why: bool,
    as_text: bool,
    full: bool,
    budget: int | None,
    limit: int,
    where: tuple[str, ...],
    since: str | None,
    until: str | None,
    now: str | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """What is remembered about QUERY (or standard input), best first, with reasons."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen, visible

    if as_text and (why or as_json):
        raise failure.WrongUsage("--text goes without --why and --json; --json has all of it.")
    filters, question = filters_of(where), given_text(query)
    with reading(settings_of(db, embedder, as_)) as memory:
        found = memory.recall(
            question, budget_tokens=budget, limit=limit, where=filters, since=since, until=until, now=now
        )
    if as_json:
        show_json(wire.recollection_to_wire(found))
    elif as_text:
        click.echo(visible(found.text))
    else:
        show_recollection(screen(), found, why=why, cut=None if full else CUT_CHARS)
    if not found.hits:
        end(failure.PROBLEMS)


@click.command("history", short_help="Everything that happened to a memory.")
@click.argument("id_", metavar="ID")
@space_options
def history_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Everything that happened to memory ID; works for forgotten ones too, by their whole id."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        entries = memory.history(full_id(memory, id_))
    if as_json:
        show_json(wire.history_to_wire(entries))
    else:
        show_history(screen(), entries)


@click.command("stats", short_help="Counts and sizes of the space.")
@space_options
def stats_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Counts and sizes of the space."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        stats = memory.stats()
    if as_json:
        show_json(wire.stats_to_wire(stats))
    else:
        _show_stats(screen(), stats)


def show_recollection(show: Screen, found: Recollection, *, why: bool, cut: int | None) -> None:
    """The hits with dates, authors and reasons, and how sure the answer is."""
    from holdfast.surfaces.cli.screen import count_text

    for place, hit in enumerate(found, 1):
        show_hit(show, place, hit, cut=cut)
    if not found.hits:
        show.line("Nothing is remembered about that.")
    if why and found.hits:
        show.blank()
        show_signals(show, found.hits)
    show.blank()
    show.line(
        (count_text(len(found), "memory", "memories"), "bold"),
        f" · confidence {found.confidence:.2f} · {count_text(found.tokens, 'token')} · {found.took_ms:.1f} ms",
    )
    if found.degraded:
        show.line((f"Degraded: {found.degraded.splitlines()[0]}", "yellow"))


def show_hit(show: Screen, place: int, hit: Hit, *, cut: int | None) -> None:
    """One recalled memory."""
    from holdfast.model.times import format_when
    from holdfast.surfaces.cli.screen import one_line, short_id

    record = hit.record
    moment = format_when(record.valid_from)
    parts = [f"{moment[:10]} {moment[11:16]}", record.author, record.session, record.category]
    details = " · ".join(part for part in parts if part)
    show.line((f"{place:>2}. ", "bold cyan"), (details, "cyan"), (f" · {short_id(record.id)}", "dim"))
    text = record.text if cut is None else one_line(record.text, cut)
    show.line(text, indent=4)
    if record.caption:
        show.line((f"[shares {one_line(record.caption, cut)}]", "dim"), indent=4)
    show.line((f"{hit.score:.2f}  {', '.join(hit.reasons) or 'no signal stands out'}", "dim"), indent=4)


def show_signals(show: Screen, hits: Sequence[Hit], indent: int = 0) -> None:
    """What each signal gave to each score."""
    names = list(dict.fromkeys(name for hit in hits for name in hit.signals))
    rows = [
        (str(place), f"{hit.score:.3f}", *(f"{hit.signals.get(name, 0.0):+.3f}" for name in names))
        for place, hit in enumerate(hits, 1)
    ]
    show.table(("#", "score", *names), rows, right=range(len(names) + 2), indent=indent)


def show_history(show: Screen, entries: Sequence[HistoryEntry], indent: int = 0) -> None:
    """The life of a memory."""
    from holdfast.model.times import format_when
    from holdfast.surfaces.cli.screen import one_line

    rows = [
        (
            format_when(entry.at_ms),
            entry.what,
            str(entry.version or ""),
            one_line(entry.record.text, 120) if entry.record else "",
            f"{'by ' if entry.what == 'superseded' else 'receipt '}{entry.other}" if entry.other else "",
        )
        for entry in entries
    ]
    show.table(("at", "what", "version", "said", "other"), rows, right=(2,), indent=indent)


def _show_stats(show: Screen, stats: Stats) -> None:
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import size_text

    rows = [
        ("space", stats.space),
        ("memories", f"{stats.live:,} live, {stats.superseded:,} superseded, {stats.forgotten:,} forgotten"),
        *([("kept apart", f"{stats.quarantined:,} in quarantine")] if stats.quarantined else []),
        *([("due", f"{stats.expired:,} whose time is up; holdfast audit --apply")] if stats.expired else []),
        ("sessions", f"{stats.sessions:,}"),
        ("first", wire.when_to_wire(stats.oldest_ms) or "-"),
        ("last", wire.when_to_wire(stats.newest_ms) or "-"),
        ("events", f"{stats.events:,}"),
        ("without vector", f"{stats.pending:,}"),
        ("model", stats.model or "none yet"),
        ("size", size_text(stats.size_bytes)),
    ]
    for what, counts in (("kind", stats.by_kind), ("category", stats.by_category), ("author", stats.by_author)):
        first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{name} {count:,}" for name, count in first[:12])
        more = f", and {len(first) - 12} more" if len(first) > 12 else ""
        rows.append((f"by {what}", f"{told}{more}" or "-"))
    show.table(("what", "value"), rows)
