"""Taking in the transcripts of coding agents that were there before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, json_option, show_json

if TYPE_CHECKING:
    from holdfast.integrations.coding_agents.backfilling import Backfill, OfProject
    from holdfast.surfaces.wire import Json

SHOWN_LINES = 20


@click.command("backfill", short_help="Take in the transcripts that a coding agent already has.")
@click.argument("agent", type=click.Choice(("claude", "codex")))
@click.option("--from", "folder", metavar="FOLDER", type=Path, help="Where they are; the agent's own folder if unsaid.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be taken, left and refused.")
@json_option
def backfill_command(agent: str, folder: Path | None, dry_run: bool, as_json: bool) -> None:
    """Take in every transcript of AGENT, each into the space of its project, and show what came of it.

    Doing it again adds nothing twice, and after it was stopped it goes on where it was. Credentials are refused. Ends
    with 1 where a transcript or a part of one could not be taken.
    """
    from holdfast.integrations.coding_agents.backfilling import backfill
    from holdfast.surfaces.cli.screen import progress

    with progress("Reading transcripts", in_bytes=True) as bar:
        report = backfill(agent, environment=os.environ, folder=folder, dry_run=dry_run, progress=bar)
    if as_json:
        show_json(_to_wire(report))
    else:
        _show(report)
    if report.left or any(one.captured.problems for one in report.projects):
        end(failure.PROBLEMS)


def _to_wire(report: Backfill) -> dict[str, Json]:
    projects: list[Json] = [_project_to_wire(one) for one in report.projects]
    left: list[Json] = [*report.left]
    return {"dry_run": report.dry_run, "projects": projects, "left": left}


def _project_to_wire(of: OfProject) -> dict[str, Json]:
    captured = of.captured
    left: dict[str, Json] = dict(captured.left)
    problems: list[Json] = [*captured.problems]
    return {
        "root": str(of.project.root), "space": str(of.project.space), "transcripts": of.transcripts,
        "added": captured.added, "unchanged": captured.unchanged, "forgotten": captured.forgotten,
        "refused": captured.refused, "redacted": captured.redacted, "ways": captured.ways, "left": left,
        "problems": problems,
    }  # fmt: skip


def _show(report: Backfill) -> None:
    from holdfast.surfaces.cli.screen import count_text, screen

    show, would = screen(), "would be " if report.dry_run else ""
    for of in report.projects:
        captured = of.captured
        show.line((str(of.project.root), "bold cyan"), f" ({count_text(of.transcripts, 'transcript')})")
        show.line((count_text(captured.added, "memory", "memories"), "bold"), f" {would}added", indent=2)
        for count, what in (
            (captured.unchanged, "there already"),
            (captured.refused, "refused by the policy"),
            (captured.redacted, f"{would}kept without what the policy takes out"),
            (captured.forgotten, "left out because they were forgotten here"),
            (captured.ways, f"of yourself, {would}noted for every project"),
        ):
            if count:
                show.line(f"{count:,} {what}", indent=2)
        for what, count in captured.left.most_common(SHOWN_LINES):
            show.line(f"{count:,} left out: {what}", indent=2)
        for problem in captured.problems[:SHOWN_LINES]:
            show.line((f"not taken: {problem}", "yellow"), indent=2)
    for told in report.left[:SHOWN_LINES]:
        show.line((f"left: {told}", "yellow"))
    if len(report.left) > SHOWN_LINES:
        show.line(f"and {len(report.left) - SHOWN_LINES:,} more; --json lists all")
    if report.dry_run:
        show.line("Nothing was written.")
