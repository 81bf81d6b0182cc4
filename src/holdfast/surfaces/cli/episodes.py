"""Episodes at the command line."""

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
    from collections.abc import Sequence

    from holdfast.model.episodes import Episode

_CUT = 300


@click.command("episodes", short_help="Every time something was said or happened, in order.")
@click.argument("question", required=False)
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="turn, tool_call, decision, error, outcome, event, summary."
)
@click.option("--participant", metavar="NAME", help="Who spoke, acted, or was served.")
@click.option("--tag", help="Only with this tag.")
@click.option("--session", metavar="SESSION", help="Only of this session.")
@click.option("--since", metavar="TIME", help="From this time on.")
@click.option("--until", metavar="TIME", help="Before this time.")
@click.option("--during", metavar="WORDS", help="When, in words, such as 'last Tuesday'.")
@click.option(
    "--concerning", metavar="WORDS", help="What is said of this time, such as 'tomorrow', whenever it was said."
)
@click.option("--outcome", metavar="OUTCOME", help="success, failure, partial or abandoned.")
@click.option("--similar", metavar="TEXT", help="Those most like this, the nearest first.")
@click.option("--full-text", metavar="ID", help="The whole text of one, such as a tool's long result.")
@click.option("--limit", type=int, metavar="N", help="The newest so many; with --similar the nearest, 5 by default.")
@click.option("--now", metavar="TIME", help="The moment QUESTION is asked, for words like 'last week'.")
@where_option
@space_options
def episodes_command(
    question: str | None,
    kinds: tuple[str, ...],
    participant: str | None,
    tag: str | None,
    session: str | None,
    since: str | None,
    until: str | None,
    during: str | None,
    concerning: str | None,
    outcome: str | None,
    similar: str | None,
    full_text: str | None,
    limit: int | None,
    now: str | None,
    where: tuple[str, ...],
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """List episodes in order of time; all of them, not the best ones.

    QUESTION says in words which, such as "show me all times the user asked about Python" or "what did we discuss last
    Tuesday?". Otherwise the options say it.
    """
    from holdfast.surfaces.cli.screen import screen, visible
    from holdfast.surfaces.session_wire import episode_to_wire

    filters = filters_of(where)
    narrowed = any((participant, tag, session, since, until, during, concerning, filters))
    if sum(one is not None for one in (question, similar, full_text)) > 1:
        raise failure.WrongUsage("QUESTION, --similar and --full-text go one at a time.")
    if (question is not None and (narrowed or kinds or outcome)) or (similar is not None and narrowed):
        raise failure.WrongUsage("QUESTION goes with --limit and --now, --similar with --kind, --outcome and --limit.")
    with reading(settings_of(db, embedder, as_)) as memory:
        if full_text is not None:
            text = memory.episodes.full_text(full_id(memory, full_text))
            if as_json:
                show_json({"text": text})
            else:
                click.echo(visible(text))
            return
        if question is not None:
            found = memory.episodes.said(question, now=now)
            found = found if limit is None else found[-max(1, limit) :]
        elif similar is not None:
            found = memory.episodes.similar(similar, kind=kinds or None, limit=limit or 5, outcome=outcome)
        else:
            found = memory.episodes.list(
                kind=kinds or None, participant=participant, tag=tag, session=session, since=since, until=until,
                during=during, concerning=concerning, outcome=outcome, where=filters, limit=limit,
            )  # fmt: skip
    if as_json:
        show_json([episode_to_wire(one) for one in found])
    elif found:
        _show(found)
    else:
        screen().line("Nothing of that was said or happened.")
    if not found:
        end(failure.PROBLEMS)


def _show(found: Sequence[Episode]) -> None:
    from holdfast.model.times import format_when
    from holdfast.surfaces.cli.screen import count_text, one_line, screen, short_id

    show = screen()
    for one in found:
        moment = format_when(one.at_ms)
        parts = [
            f"{moment[:10]} {moment[11:16]}",
            one.kind if one.kind != "turn" else None,
            one.record.author,
            one.outcome,
        ]
        details = " · ".join(part for part in parts if part)
        show.line((details, "cyan"), (f" · {one.record.session or 'no session'} · {short_id(one.id)}", "dim"))
        show.line(one_line(one.text, _CUT), indent=4)
        if one.resolution is not None:
            show.line((f"resolved: {one_line(one.resolution.text, _CUT)}", "green"), indent=4)
    show.blank()
    show.line((count_text(len(found), "episode"), "bold"))
