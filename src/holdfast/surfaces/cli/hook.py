"""What coding agents call, and what there is to know of it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from holdfast.surfaces.cli.options import json_option, show_json

EVENTS = ("session-start", "prompt", "stop", "pre-compact", "session-end", "said", "messages", "where", "end")
AGENTS = ("claude", "codex", "cursor", "opencode")


@click.command("hook", short_help="Called by coding agents when something happens in them.")
@click.argument("event", type=click.Choice(EVENTS))
@click.option("--agent", type=click.Choice(AGENTS), default="claude", show_default=True, help="Who calls.")
@json_option
def hook_command(event: str, agent: str, as_json: bool) -> None:
    """Hand EVENT, described as JSON on standard input, to the resident process, and print what it answers.

    Ends with 0 whatever happens, and within the time that the configuration allows; `holdfast doctor` tells what went
    wrong. `where` shows where the spaces of this project and of the user are, `end` ends the resident process.
    """
    from holdfast.integrations.coding_agents import hook

    if event == "where":
        _where(as_json=as_json)
    elif event == "end":
        was_there = hook.end_resident(dict(os.environ))
        if as_json:
            show_json({"ended": was_there})
        else:
            click.echo("ended" if was_there else "there was none")
    else:
        hook.main([agent, event])


def _where(*, as_json: bool) -> None:
    from holdfast.integrations.coding_agents.places import places_in

    places = places_in(os.environ)
    project = places.project(Path.cwd())
    if as_json:
        show_json({"root": str(project.root), "project": str(project.space), "user": str(places.user_space)})
    else:
        click.echo(f"project {project.root}: {project.space}\nuser: {places.user_space}")
