"""The page about a space: what is kept, where it came from, who used it, and the room it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.options import reading, settings_of, show_json, space_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.model.insight import Summary
    from holdfast.surfaces.cli.screen import Screen

_NAMED = 10
"""Names that one line holds; --json has more."""
_WIDTH = 22


@click.command("stats", short_help="What is kept, where it came from, who used it, space on disk.")
@space_options
def stats_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """What is kept, where it came from, who used it, and the space it takes on disk."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        summary = memory.summary()
    if as_json:
        show_json(wire.summary_to_wire(summary))
    else:
        show_summary(screen(), summary)


def show_summary(show: Screen, summary: Summary) -> None:
    """The whole page."""
    from holdfast.surfaces.cli.screen import count_text

    show.line((count_text(summary.live, "memory is", "memories are"), "bold"), " kept and recalled here.")
    _kept(show, summary)
    _came_from(show, summary)
    _used(show, summary)
    _on_disk(show, summary)


def _kept(show: Screen, summary: Summary) -> None:
    from holdfast.surfaces.cli.screen import count_text

    show.heading("What is kept")
    turns, facts = summary.by_kind.get("turn", 0), summary.by_kind.get("fact", 0)
    _row(
        show,
        "things that were said",
        f"{turns:,} in {count_text(summary.sessions, 'conversation')}" if turns else "none",
    )
    _row(show, "facts", f"{facts:,}" if facts else "none")
    _row(show, "about", _names(summary.by_category))
    _row(show, "from", _span(summary.oldest_ms, summary.newest_ms))
    if summary.superseded:
        _row(show, "replaced", f"{summary.superseded:,} by corrections; in history, no longer recalled")
    if summary.quarantined:
        _row(show, "kept apart", f"{summary.quarantined:,} in quarantine; never recalled")
    if summary.expired:
        _row(show, "due", f"{summary.expired:,} whose time is up; holdfast audit --apply forgets them")
    if summary.forgotten:
        receipts = count_text(summary.receipts, "receipt")
        _row(show, "forgotten", f"{summary.forgotten:,} for good; {receipts} (holdfast receipts)")


def _came_from(show: Screen, summary: Summary) -> None:
    show.heading("Where it came from")
    _row(show, "said by", _names(summary.by_author) or "nobody by name")
    _row(show, "sources", _names(summary.by_source, summary.more_sources) or "none noted")
    _row(show, "taken in", _span(summary.first_recorded_ms, summary.last_recorded_ms))


def _used(show: Screen, summary: Summary) -> None:
    show.heading("Who used it")
    if not summary.accesses:
        show.line("Nobody, as far as was counted. Commands that only read are not.")
        return
    rows = [
        (one.principal, f"{one.writes:,}", f"{one.reads:,}", f"{one.listed:,}", _moment(one.last_ms))
        for one in summary.accesses[:_NAMED]
    ]
    show.table(("who", "wrote", "was given", "saw in lists", "last seen"), rows, right=(1, 2, 3))
    if len(summary.accesses) > _NAMED:
        show.line(f"and {len(summary.accesses) - _NAMED:,} more; --json has all")


def _on_disk(show: Screen, summary: Summary) -> None:
    from holdfast.surfaces.cli.screen import count_text, size_text

    show.heading("Space on disk")
    sizes = summary.sizes
    _row(show, "all files", size_text(sizes.total))
    _row(
        show,
        "of that",
        f"what was said {size_text(sizes.texts)}, what finds it {size_text(sizes.index + sizes.vectors)}",
    )
    if sizes.log:
        _row(show, "not yet folded in", size_text(sizes.log))
    _row(show, "found by meaning with", summary.model or "no model yet: found by words")
    if summary.breaker not in (None, "closed"):
        _row(show, "which is left alone", f"it failed again and again: {summary.model_failure}")
    if summary.pending:
        _row(show, "waiting for that", f"{count_text(summary.pending, 'memory', 'memories')}, found by words meanwhile")
    _row(show, "space", f"{summary.space}, {count_text(summary.events, 'event')} in its journal")


def _row(show: Screen, name: str, value: str) -> None:
    if value:
        show.row([(_WIDTH, (name, "dim"))], value)


def _names(counts: Mapping[str, int], more: int = 0) -> str:
    from holdfast.surfaces.cli.screen import one_line

    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{one_line(name, 60)} {count:,}" for name, count in first[:_NAMED])
    more += max(0, len(first) - _NAMED)
    return f"{told}, and {more:,} more" if more else told


def _span(first_ms: int | None, last_ms: int | None) -> str:
    if first_ms is None or last_ms is None:
        return ""
    return f"{_moment(first_ms)} to {_moment(last_ms)}"


def _moment(ms: int) -> str:
    from holdfast.model.times import format_when

    moment = format_when(ms)
    return f"{moment[:10]} {moment[11:16]}"
