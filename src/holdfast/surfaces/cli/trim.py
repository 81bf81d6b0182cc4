"""Commands that keep a space small: prune, compact, snapshot."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import click

from holdfast.surfaces.cli.options import reading, settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from holdfast.model.snapshots import PruneReport
    from holdfast.surfaces.wire import Json


@click.command("prune", short_help="Shorten the history, and leave what is held.")
@click.option("--before", metavar="TIME", help="Keep the history from this time on.")
@click.option("--keep-days", type=float, metavar="DAYS", help="Keep the history of so many days instead.")
@click.option("--superseded", is_flag=True, help="Forget memories that were superseded before that, too.")
@click.option("--compact", "compact_", is_flag=True, help="Make the file shorter afterwards.")
@click.option("--apply", "apply_", is_flag=True, help="Do it; otherwise only show what would go.")
@space_options
def prune_command(
    before: str | None,
    keep_days: float | None,
    superseded: bool,
    compact_: bool,
    apply_: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Drop events from before a time on which nothing that is held rests; [retention] of holdfast.toml by default.

    What is held, its digest, tombstones and receipts stay. Before that time the space cannot be shown as it was,
    and its journal cannot be merged any more; a backup can.
    """
    from holdfast.errors import InvalidField
    from holdfast.model.times import format_when

    settings = settings_of(db, embedder or "none", as_)
    if before is None and keep_days is None:
        if settings.retention is None:
            raise InvalidField(
                "Say how much is kept: --keep-days, --before, or [retention] in holdfast.toml. Nothing was pruned."
            )
        keep_days, superseded = settings.retention.keep_days, superseded or settings.retention.superseded
    with writing(settings, embed=False) if apply_ else reading(settings) as memory:
        report = memory.storage.prune(before=before, keep_days=keep_days, superseded=superseded, dry_run=not apply_)
        compacted = memory.storage.compact() if compact_ and apply_ else None
    if as_json:
        told = cast("dict[str, Json]", asdict(report))
        at_ms = told.pop("horizon_ms")
        told["horizon_at"] = None if at_ms is None else format_when(cast("int", at_ms))
        show_json({**told, "bytes_after": compacted.bytes_after} if compacted else told)
        return
    _show(report)
    if compacted is not None:
        _show_size(compacted.bytes_before, compacted.bytes_after, compacted.pending)


@click.command("compact", short_help="Make the file as short as what it holds.")
@space_options
def compact_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Write the file anew without the room that nothing fills any more."""
    with writing(settings_of(db, embedder or "none", as_), embed=False) as memory:
        report = memory.storage.compact()
    if as_json:
        show_json(cast("dict[str, Json]", asdict(report)))
    else:
        _show_size(report.bytes_before, report.bytes_after, report.pending)


@click.command("snapshot", short_help="Make looking at the past quicker from here on.")
@space_options
def snapshot_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Note which events what is held now rests on, so that later pasts are shown from there. It holds no words."""
    from holdfast.surfaces.cli.screen import count_text, screen

    with writing(settings_of(db, embedder or "none", as_), embed=False) as memory:
        report = memory.storage.snapshot()
    if as_json:
        show_json(cast("dict[str, Json]", asdict(report)))
    else:
        screen().mark("good", f"Snapshot after event {report.seq:,}: {count_text(report.events, 'event')}.", indent=0)


def _show(report: PruneReport) -> None:
    from holdfast.model.times import format_when
    from holdfast.surfaces.cli.screen import count_text, screen

    show = screen()
    would = "would go" if report.dry_run else "went"
    if not report.pruned and not report.superseded:
        show.mark("good", "Nothing to prune.", indent=0)
    else:
        show.line((f"{count_text(report.pruned, 'event')} {would}", "bold"), f", {report.kept:,} up to there stay")
    if report.superseded:
        show.line(f"{count_text(report.superseded, 'superseded memory', 'superseded memories')} {would}")
    if report.horizon_ms is not None:
        show.line(("history begins after event ", "dim"), f"{report.horizon:,}  {format_when(report.horizon_ms)}")
    if report.pending:
        show.mark("warn", f"erased bytes may still be in the log: {report.pending}", indent=0)
    if report.dry_run:
        show.line("Nothing was changed; --apply does it.")


def _show_size(before: int, after: int, pending: str | None) -> None:
    from holdfast.surfaces.cli.screen import screen

    show = screen()
    show.line((f"{after:,} bytes", "bold"), f" of {before:,}")
    if pending:
        show.mark("warn", f"the file gets shorter later: {pending}", indent=0)
