"""Recall at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import (
    end,
    filters_of,
    given_text,
    reading,
    settings_of,
    show_json,
    space_options,
    where_option,
    writing,
)
from holdfast.surfaces.cli.place import all_spaces_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.model.recollection import Hit, Recollection
    from holdfast.surfaces.cli.screen import Screen

CUT_CHARS = 400


@click.command("recall", short_help="What is remembered about a question, and why.")
@click.argument("query", required=False)
@click.option("--why", is_flag=True, help="Show what each signal gave to each score.")
@click.option("--text", "as_text", is_flag=True, help="Only the text for a prompt: fenced, dated and cited.")
@click.option("--full", is_flag=True, help="Do not cut long texts.")
@click.option(
    "--budget", type=int, metavar="TOKENS", help="Take the best set of memories whose text stays within so many."
)
@click.option("--limit", type=int, help="The most memories, up to 1000; without it 10, or what the budget holds.")
@where_option
@click.option("--since", metavar="TIME", help="Only what was said, or became true, from this time on.")
@click.option("--until", metavar="TIME", help="Only what was said, or became true, before this time.")
@click.option("--now", metavar="TIME", help="The moment the question is asked, for words like 'last week'.")
@click.option("--at", metavar="TIME", help="Answer as then; takes a second for 50,000 events.")
@click.option("--keep", is_flag=True, help="Keep the question and the ids of the answer, for `holdfast replay`.")
@click.option("--thorough", is_flag=True, help="Look closer at the best, token by token; slower the first time.")
@click.option(
    "--min-confidence", type=float, default=0.0, metavar="CHANCE", help="Show nothing where the confidence is lower."
)
@all_spaces_option
@space_options
def recall_command(
    query: str | None,
    why: bool,
    as_text: bool,
    full: bool,
    budget: int | None,
    limit: int | None,
    where: tuple[str, ...],
    since: str | None,
    until: str | None,
    now: str | None,
    at: str | None,
    keep: bool,
    thorough: bool,
    min_confidence: float,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """What is remembered about QUERY (or standard input), best first, with reasons.

    In a house, --space given several times or --all-spaces asks several spaces at once; each hit names its own.
    """
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import screen, visible

    if as_text and (why or as_json):
        raise failure.WrongUsage("--text goes without --why and --json; --json has all of it.")
    filters, question = filters_of(where), given_text(query)
    settings = settings_of(db, embedder, as_, several=True)
    asked: dict[str, Any] = {
        "budget_tokens": budget, "limit": limit, "where": filters, "since": since, "until": until, "now": now
    }  # fmt: skip
    if settings.spaces is not None and len(settings.spaces) != 1:
        from holdfast.surfaces.cli.house_across import recall_across

        if thorough or keep or at:
            raise failure.WrongUsage("--thorough, --keep and --at look into one space; name it with --space.")
        cut = None if full else CUT_CHARS
        asked["min_confidence"] = min_confidence
        if not recall_across(settings, question, why=why, as_text=as_text, as_json=as_json, cut=cut, **asked):
            end(failure.PROBLEMS)
        return
    if keep and at:
        raise failure.WrongUsage("--keep goes without --at; what is kept is the answer as of now.")
    asked["min_confidence"] = min_confidence
    with writing(settings) if keep else reading(settings) as memory:
        found = (
            memory.recalls.keep(question, thorough=thorough, **asked)
            if keep
            else memory.recall(question, thorough=thorough, at=at, **asked)
        )
    if as_json:
        show_json(wire.recollection_to_wire(found))
    elif as_text:
        click.echo(visible(found.text))
    else:
        show_recollection(
            screen(), found, why=why, cut=None if full else CUT_CHARS, least=min_confidence, budget=budget
        )
    if not found.hits:
        end(failure.PROBLEMS)


def show_recollection(
    show: Screen, found: Recollection, *, why: bool, cut: int | None, least: float = 0.0, budget: int | None = None
) -> None:
    """The hits with dates, authors and reasons, and how sure the answer is.

    Args:
        least, budget: The confidence and the budget that were asked for.
    """
    from holdfast.surfaces.cli.screen import count_text

    for place, hit in enumerate(found, 1):
        show_hit(show, place, hit, cut=cut)
    if not found.hits:
        if 0 < found.confidence < least:
            show.line(f"Nothing was sure enough: the confidence is {found.confidence:.2f}, below {least:g}.")
        elif budget is not None:
            show.line(f"Nothing is remembered about that, or nothing of it fits {count_text(budget, 'token')}.")
        else:
            show.line("Nothing is remembered about that.")
    if why and found.hits:
        show.blank()
        show_signals(show, found.hits)
    show.blank()
    show.line(
        (count_text(len(found), "memory", "memories"), "bold"),
        f" · confidence {found.confidence:.2f} · {count_text(found.tokens, 'token')} · {found.took_ms:.1f} ms",
    )
    if found.kept:
        show.line((f"Kept as {found.kept}", "dim"))
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
