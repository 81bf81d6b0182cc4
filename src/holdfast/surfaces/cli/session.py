"""Sessions and tiers at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, reading, settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.model.records import Record
    from holdfast.model.sessions import SessionInfo
    from holdfast.model.tiers import SweepReport, TierHolding

_CUT = 100


@click.command("sessions", short_help="List, search and close sessions.")
@click.argument("text", required=False)
@click.option("--user", metavar="NAME", help="Only sessions with this user.")
@click.option("--agent", metavar="NAME", help="Only sessions with this agent.")
@click.option("--open/--closed", "is_open", default=None, help="Only those that are open, or closed.")
@click.option("--since", metavar="TIME", help="Something was said in them from this time on.")
@click.option("--until", metavar="TIME", help="Something was said in them before this time.")
@click.option("--limit", type=int, metavar="N", help="The most sessions.")
@click.option("--close", "closing", metavar="SESSION", help="Close this session and sum it up.")
@click.option("--close-idle", is_flag=True, help="Close every session that was idle for too long.")
@space_options
def sessions_command(
    text: str | None,
    user: str | None,
    agent: str | None,
    is_open: bool | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    closing: str | None,
    close_idle: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """List sessions, the one last spoken in first; with TEXT those in which something about it was said.

    --close and --close-idle end sessions: what was said is summed up, their working memory dropped.
    """
    from holdfast.surfaces import session_wire as wire

    settings = settings_of(db, embedder, as_)
    filters = (user, agent, is_open, since, until)
    if closing is not None or close_idle:
        if text is not None or limit is not None or any(one is not None for one in filters) or (closing and close_idle):
            raise failure.WrongUsage("--close and --close-idle stand alone.")
        with writing(settings) as memory:
            if closing is None:
                made = memory.sessions.close_idle()
            else:
                summary = memory.session(closing).close()
                if summary is None:
                    memory.sessions.get(closing)  # says where there is no such session
                made = [] if summary is None else [summary]
        _show_closed(made, as_json=as_json)
        return
    with reading(settings) as memory:
        if text is not None:
            if any(one is not None for one in filters):
                raise failure.WrongUsage("TEXT goes with --limit alone.")
            found = memory.sessions.search(text, limit=limit or 10)
            if as_json:
                show_json([wire.found_to_wire(one) for one in found])
            else:
                _show([one.session for one in found])
            if not found:
                end(failure.PROBLEMS)
            return
        infos = memory.sessions.list(
            user=user,
            agent=agent,
            closed=None if is_open is None else not is_open,
            since=since,
            until=until,
            limit=limit,
        )
    if as_json:
        show_json([wire.session_to_wire(info) for info in infos])
    else:
        _show(infos)
    if not infos:
        end(failure.PROBLEMS)


def _show(infos: Sequence[SessionInfo]) -> None:
    from holdfast.model.times import format_when
    from holdfast.surfaces.cli.screen import screen

    if not infos:
        failure.warn("there are no such sessions")
        return
    rows = [
        (
            info.id, ", ".join(filter(None, (info.user, info.agent))), str(info.turns),
            "" if info.first_ms is None else format_when(info.first_ms),
            "" if info.last_ms is None else format_when(info.last_ms), "closed" if info.is_closed else "open",
        )
        for info in infos
    ]  # fmt: skip
    screen().table(("session", "with", "turns", "first", "last", "state"), rows, right=(2,))


def _show_closed(made: Sequence[Record], *, as_json: bool) -> None:
    from holdfast.surfaces.cli.screen import one_line, screen, short_id
    from holdfast.surfaces.wire import record_to_wire

    if as_json:
        show_json([record_to_wire(one) for one in made])
    elif made:
        rows = [(one.session or "", short_id(one.id), one_line(one.text, _CUT)) for one in made]
        screen().table(("session", "summary", "text"), rows)
    else:
        screen().line("Nothing was summed up.")


@click.command("tiers", short_help="The tiers of the space, and letting leave what is over their bounds.")
@click.option("--sweep", is_flag=True, help="Show what tiers hold beyond their lifetime and capacity.")
@click.option("--apply", is_flag=True, help="With --sweep: forget it.")
@space_options
def tiers_command(
    sweep: bool, apply: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """List the tiers, as declared in holdfast.toml or by default, and how many memories each holds."""
    from holdfast.surfaces import session_wire as wire

    if apply and not sweep:
        raise failure.WrongUsage("--apply goes with --sweep.")
    settings = settings_of(db, embedder or "none", as_)
    with writing(settings) if apply else reading(settings) as memory:
        if sweep:
            report = memory.tiers.sweep(dry_run=not apply)
            if as_json:
                show_json(wire.sweep_to_wire(report))
            else:
                _show_swept(report)
            return
        holdings = memory.tiers.list()
    if as_json:
        show_json([wire.tier_to_wire(one) for one in holdings])
    else:
        _show_tiers(holdings)


def _show_tiers(holdings: Sequence[TierHolding]) -> None:
    from holdfast.surfaces.cli.screen import screen

    def bound(value: float | None, unit: str) -> str:
        return "" if value is None else f"{value:,.0f} {unit}"

    rows = [
        (
            one.spec.name, str(one.memories), bound(one.spec.items, "items"), bound(one.spec.tokens, "tokens"),
            bound(one.spec.lifetime_s, "s"), one.spec.retrieval.value, one.spec.eviction.value,
        )
        for one in holdings
    ]  # fmt: skip
    screen().table(("tier", "holds", "at most", "or", "for", "found by", "evicts by"), rows, right=(1,))


def _show_swept(report: SweepReport) -> None:
    from holdfast.surfaces.cli.screen import count_text, screen

    did = "would leave" if report.dry_run else "left"
    if not any(report.left.values()):
        screen().line("No tier holds more than it may.")
    for name, ids in report.left.items():
        if ids:
            screen().line(f"{count_text(len(ids), 'memory', 'memories')} {did} the tier {name}.")
    for receipt in report.receipts:
        screen().line((f"Receipt {receipt}", "dim"))
