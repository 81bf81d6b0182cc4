"""`holdfast doctor`: is everything here that Holdfast needs, is what is kept safe, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.errors import InvalidField
from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, settings_of, show_json, space_options
from holdfast.surfaces.cli.place import house_alone, house_settings

if TYPE_CHECKING:
    from holdfast.config import Settings
    from holdfast.model.diagnosis import Finding, State
    from holdfast.surfaces.cli.screen import Mark
    from holdfast.surfaces.wire import Json


@click.command("doctor", short_help="Check what Holdfast needs here, and whether what is kept is safe.")
@click.option(
    "--backups", metavar="FOLDER", multiple=True,
    help="Look for backups here too; without it, beside the space and in a folder `backups` there.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="End with 1 for a warning too.")
@space_options
def doctor_command(
    backups: tuple[str, ...],
    strict: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Go through a checklist: machine, configuration, model, storage, space, policy, backups, retention, growth.

    Each point is ok, a note, a warning, a problem, or does not apply here, with what was seen and what to do. Nothing
    is changed; a few kB are written to an unnamed file beside the space, to time a sync. Ends with 0, or with 1 where
    there is a problem. --house FOLDER without --space looks at the house as a whole.
    """
    from holdfast.core.diagnosis.checklist import counted, examined
    from holdfast.model.diagnosis import State
    from holdfast.surfaces.cli.doctor_facts import gathered

    settings, broken = _settings(db, embedder, as_)
    findings = examined(gathered(settings, broken, tuple(Path(one).expanduser() for one in backups)))
    counts = counted(findings)
    if as_json:
        _as_json(findings, counts)
    else:
        _show(findings, counts)
    if counts[State.PROBLEM] or (strict and counts[State.WARNING]):
        end(failure.PROBLEMS)


def _settings(db: str | None, embedder: str | None, as_: str | None) -> tuple[Settings, str | None]:
    """The settings that hold, and what is wrong with the files they are read from."""

    def found(*, files: bool) -> Settings:
        if house_alone() and db is None:
            return house_settings(as_, embedder, files=files)
        return settings_of(db, embedder, as_, files=files)

    try:
        return found(files=True), None
    except InvalidField as error:
        # Without the files, what is left to be wrong is what was said here, which is wrong usage.
        return found(files=False), str(error)


def _as_json(findings: tuple[Finding, ...], counts: dict[State, int]) -> None:
    from holdfast.model.diagnosis import State

    rows: list[Json] = [
        {"area": str(one.area), "name": one.name, "state": str(one.state), "seen": one.seen, "do": one.do}
        for one in findings
    ]
    told: dict[str, Json] = {str(state): count for state, count in counts.items()}
    show_json({"healthy": not counts[State.PROBLEM], "counts": told, "findings": rows})


def _show(findings: tuple[Finding, ...], counts: dict[State, int]) -> None:
    """By area, what does not apply left out; then how many there are of each."""
    from holdfast.model.diagnosis import State
    from holdfast.surfaces.cli.screen import one_line, screen

    marks: dict[State, Mark] = {State.OK: "good", State.NOTE: "star", State.WARNING: "warn", State.PROBLEM: "bad"}
    show, area = screen(), None
    shown = [one for one in findings if one.state in marks]
    width = max(len(one.name) for one in shown)
    for one in shown:
        if one.area is not area:
            area = one.area
            show.line((str(area), "bold cyan"))
        show.row([(show.sign_width, show.sign(marks[one.state])), (width, (one.name, "bold"))], one_line(one.seen))
        if one.do:
            show.row([(show.sign_width, ""), (width, "")], ("do: ", "yellow"), one.do)
    show.blank()
    show.line(
        ", ".join(f"{counts[state]} {_PLURAL.get(state, state) if counts[state] != 1 else state}" for state in State)
    )


_PLURAL = {"note": "notes", "warning": "warnings", "problem": "problems"}
