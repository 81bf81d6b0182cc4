"""Holdfast in coding agents: install and uninstall."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.options import json_option, show_json

if TYPE_CHECKING:
    from holdfast.integrations.coding_agents.installing import Report
    from holdfast.surfaces.wire import Json

_DRY_RUN = click.option("--dry-run", is_flag=True, help="Write nothing; show which files would be changed.")
_PROJECT = click.option(
    "--project/--user", "for_project", help="For the project around the working folder, or for you (the default)."
)


@click.command("install", short_help="Put Holdfast into a coding agent: claude, codex, cursor or opencode.")
@click.argument("agent")
@_PROJECT
@click.option("--agent-version", metavar="VERSION", help="Of the agent; without it the agent is asked.")
@click.option("--any-version", is_flag=True, help="Also where that version is not known to read what is written.")
@_DRY_RUN
@json_option
def install_command(
    agent: str, for_project: bool, agent_version: str | None, any_version: bool, dry_run: bool, as_json: bool
) -> None:
    """Put hooks and the MCP server into the settings of AGENT: claude, codex, cursor or opencode.

    What is there stays, byte for byte, and is kept in a backup; a file that is broken is not touched. Installing
    again changes nothing. From then on prompts bring up what was said before, and what is said is remembered: in a
    space of the project, and what you say of yourself in one of yours.
    """
    from holdfast.integrations.coding_agents.installing import install

    report = install(
        agent, scope="project" if for_project else "user", environment=os.environ, cwd=Path.cwd(),
        version=agent_version, any_version=any_version, dry_run=dry_run,
    )  # fmt: skip
    _show(report, as_json=as_json)


@click.command("uninstall", short_help="Take Holdfast out of a coding agent again.")
@click.argument("agent")
@_PROJECT
@_DRY_RUN
@json_option
def uninstall_command(agent: str, for_project: bool, dry_run: bool, as_json: bool) -> None:
    """Take out of the settings of AGENT what `install` put in; memories stay.

    A file that nobody changed since is byte for byte what it was before.
    """
    from holdfast.integrations.coding_agents.hook import end_resident
    from holdfast.integrations.coding_agents.installing import uninstall

    report = uninstall(
        agent, scope="project" if for_project else "user", environment=os.environ, cwd=Path.cwd(), dry_run=dry_run
    )
    if not dry_run:
        end_resident(dict(os.environ))
    _show(report, as_json=as_json)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        steps: list[Json] = [
            {"path": str(one.path), "what": one.what, "did": one.did, "backup": str(one.backup) if one.backup else None}
            for one in report.steps
        ]
        told: dict[str, Json] = {
            "agent": report.agent.name, "scope": report.scope, "version": report.version, "dry_run": report.dry_run,
            "steps": steps, "left": report.left or None, "needs": report.needs,
        }  # fmt: skip
        show_json(told)
        return
    from holdfast.surfaces.cli.screen import screen

    show = screen()
    for one in report.steps:
        did = one.did if one.did == "as it was" or not report.dry_run else f"would be {one.did}"
        show.line((f"{did}: ", "bold"), f"{one.path} ({one.what})")
        if one.backup is not None and one.did != "as it was":
            show.line(f"the file as it was: {one.backup}", indent=2)
    if report.dry_run:
        show.line("Nothing was written.")
    elif report.left and any(one.did != "as it was" for one in report.steps):
        if report.version is None:
            show.line(f"{report.agent.title} was not found here, so its version was not checked.")
        show.line(report.left)
    if report.needs is not None:
        show.line((f"Missing: {report.needs}", "yellow"))
