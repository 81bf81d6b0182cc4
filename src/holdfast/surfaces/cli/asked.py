"""Why a recall returned what it did, recalls that are asked again, and what questions must bring back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import (
    end,
    filters_of,
    full_id,
    given_text,
    named_id,
    reading,
    settings_of,
    show_json,
    space_options,
    where_option,
    writing,
)

if TYPE_CHECKING:
    from holdfast.model.asked import Expectation, Outcome, Replay
    from holdfast.model.explanation import Explanation, SignalShare
    from holdfast.surfaces.cli.screen import Screen

_CUT = 100


@click.command("explain", short_help="Why a question brings back what it does, and not another memory.")
@click.argument("query", required=False)
@click.option("--why-not", metavar="ID", help="Say why this memory is not among the hits.")
@click.option("--budget", type=int, metavar="TOKENS", help="Take memories until their text fills so many tokens.")
@click.option("--limit", type=int, default=10, show_default=True, help="The most memories, up to 1000.")
@where_option
@click.option("--since", metavar="TIME", help="Only what was said, or became true, from this time on.")
@click.option("--until", metavar="TIME", help="Only what was said, or became true, before this time.")
@click.option("--now", metavar="TIME", help="The moment the question is asked, for words like 'last week'.")
@click.option("--min-confidence", type=float, default=0.0, metavar="CHANCE", help="As `holdfast recall` takes it.")
@space_options
def explain_command(
    query: str | None,
    why_not: str | None,
    budget: int | None,
    limit: int,
    where: tuple[str, ...],
    since: str | None,
    until: str | None,
    now: str | None,
    min_confidence: float,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Recall QUERY (or standard input) and show what every signal gave to every hit, and its place by it."""
    from holdfast.surfaces.asked_wire import explanation_to_wire
    from holdfast.surfaces.cli.screen import screen

    question, filters = given_text(query), filters_of(where)
    with reading(settings_of(db, embedder, as_)) as memory:
        found = memory.recalls.explain(
            question, id=None if why_not is None else full_id(memory, why_not), budget_tokens=budget, limit=limit,
            where=filters, since=since, until=until, now=now, min_confidence=min_confidence,
        )  # fmt: skip
    if as_json:
        show_json(explanation_to_wire(found))
    else:
        _show_explanation(screen(), found)
    if not found.hits and found.why_not is None:
        end(failure.PROBLEMS)


@click.command("replay", short_help="Ask a kept recall again of the space as it was then.")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--list", "listed", is_flag=True, help="List the recalls that were kept.")
@space_options
def replay_command(
    id_: str | None, listed: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Ask recall ID again (`holdfast recall --keep` keeps one; the newest by default). Ends with 1 where it differs.

    Takes about a second for 50,000 events.
    """
    from holdfast.surfaces.asked_wire import kept_to_wire, replay_to_wire
    from holdfast.surfaces.cli.screen import one_line, screen

    with reading(settings_of(db, embedder, as_)) as memory:
        if listed:
            every = memory.recalls.list()
            if as_json:
                show_json([kept_to_wire(one) for one in every])
            else:
                rows = [(one.id, f"{len(one.hits)}", one_line(one.query, _CUT)) for one in every]
                screen().table(("id", "hits", "question"), rows, right=(1,))
            return
        replay = memory.recalls.replay(
            None if id_ is None else named_id(id_, [one.id for one in memory.recalls.list()])
        )
    if as_json:
        show_json(replay_to_wire(replay))
    else:
        _show_replay(screen(), replay)
    if not replay.same:
        end(failure.PROBLEMS)


@click.group("expect", invoke_without_command=True, short_help="Your own tests: what questions must bring back.")
@space_options
@click.pass_context
def expect_command(
    context: click.Context, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Ask every question of which something is expected. Ends with 1 where one is not met."""
    from holdfast.surfaces.asked_wire import outcome_to_wire
    from holdfast.surfaces.cli.screen import screen

    if context.invoked_subcommand is not None:
        return
    with reading(settings_of(db, embedder, as_)) as memory:
        outcomes = memory.expectations.run()
    if as_json:
        show_json([outcome_to_wire(one) for one in outcomes])
    else:
        _show_outcomes(screen(), outcomes)
    if not all(one.met for one in outcomes):
        end(failure.PROBLEMS)


@expect_command.command("add", short_help="Store what a question must bring back.")
@click.argument("query")
@click.option("--contains", multiple=True, metavar="TEXT", help="One of the hits must contain this.")
@click.option("--not-contains", multiple=True, metavar="TEXT", help="No hit may contain this.")
@click.option("--id", "id_", metavar="ID", help="This memory must be among the hits.")
@click.option("--limit", type=int, default=10, show_default=True, help="The most hits that are looked at.")
@where_option
@space_options
def add_command(
    query: str,
    contains: tuple[str, ...],
    not_contains: tuple[str, ...],
    id_: str | None,
    limit: int,
    where: tuple[str, ...],
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Store what QUERY must bring back."""
    from holdfast.surfaces.asked_wire import expectation_to_wire
    from holdfast.surfaces.cli.screen import screen

    with writing(settings_of(db, embedder or "none", as_)) as memory:
        added = memory.expect(
            query, contains=contains, not_contains=not_contains, id=None if id_ is None else full_id(memory, id_),
            limit=limit, where=filters_of(where),
        )  # fmt: skip
    if as_json:
        show_json(expectation_to_wire(added))
    else:
        screen().line(f"Expected from now on ({added.id}): {_words(added)}")


@expect_command.command("list", short_help="List what is expected.")
@space_options
def list_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """List what is expected, without asking."""
    from holdfast.surfaces.asked_wire import expectation_to_wire
    from holdfast.surfaces.cli.screen import one_line, screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        every = memory.expectations.list()
    if as_json:
        show_json([expectation_to_wire(one) for one in every])
    elif every:
        rows = [(one.id, one_line(one.query, _CUT), _words(one)) for one in every]
        screen().table(("id", "question", "expected"), rows)
    else:
        screen().line("Nothing is expected yet; `holdfast expect add` stores something.")


@expect_command.command("remove", short_help="Forget an expectation.")
@click.argument("id_", metavar="ID")
@space_options
def remove_command(id_: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Forget expectation ID, for good."""
    from holdfast.surfaces.cli.screen import screen

    with writing(settings_of(db, embedder or "none", as_)) as memory:
        removed = named_id(id_, [one.id for one in memory.expectations.list()])
        memory.expectations.remove(removed)
    if as_json:
        show_json({"removed": removed})
    else:
        screen().line(f"Removed {removed}.")


def _words(expected: Expectation) -> str:
    """What is expected, in a few words."""
    from holdfast.surfaces.cli.screen import one_line, short_id

    parts = [f"contains {text!r}" for text in expected.contains]
    parts += [f"does not contain {text!r}" for text in expected.not_contains]
    parts += [f"returns {short_id(expected.memory)}"] if expected.memory else []
    return one_line(", ".join(parts), _CUT)


def _show_explanation(show: Screen, found: Explanation) -> None:
    from holdfast.surfaces.cli.screen import count_text, one_line, short_id

    for one in found.hits:
        show.line((f"{one.place:>2}. ", "bold cyan"), (f"{short_id(one.hit.id)} · score {one.hit.score:.2f}", "cyan"))
        show.line(one_line(one.hit.record.entry, _CUT), indent=4)
        _show_shares(show, one.signals)
    show.blank()
    show.line(f"{len(found.hits)} of {count_text(found.candidates, 'candidate')} returned.")
    if found.withheld is not None:
        show.line((found.withheld, "yellow"))
    if found.why_not is not None:
        show.blank()
        show.line((f"{short_id(found.why_not.id)}: ", "bold"), found.why_not.words)
        _show_shares(show, found.why_not.signals)


def _show_shares(show: Screen, shares: tuple[SignalShare, ...]) -> None:
    if shares:
        rows = [
            (
                one.name,
                f"{one.value:+.3f}",
                ", ".join(f"{weight:g}" for weight in one.weights.values()),
                f"{one.place}",
                one.gives,
            )
            for one in shares
        ]
        show.table(("signal", "gave", "weight", "place", "what it measures"), rows, right=(1, 2, 3), indent=4)


def _show_replay(show: Screen, replay: Replay) -> None:
    from holdfast.surfaces.cli.screen import count_text, one_line

    kept = replay.kept
    show.line(f"{one_line(kept.query, _CUT)} (event {kept.seq:,}, {count_text(len(kept.hits), 'hit')})")
    if replay.same:
        show.line(("It returns the same.", "green"))
        return
    for words in replay.differences:
        show.line((f"Differs: {words}.", "yellow"))
    for words in replay.causes:
        show.line(f"Since: {words}.")


def _show_outcomes(show: Screen, outcomes: list[Outcome]) -> None:
    from holdfast.surfaces.cli.screen import one_line

    if not outcomes:
        show.line("Nothing is expected yet; `holdfast expect add` stores something.")
        return
    rows = [
        ("met" if one.met else "NOT MET", one_line(one.expectation.query, _CUT), "; ".join(one.problems))
        for one in outcomes
    ]
    show.table(("", "question", "what is wrong"), rows)
    met = sum(one.met for one in outcomes)
    show.blank()
    show.line((f"{met} of {len(outcomes)} met", "bold"))
