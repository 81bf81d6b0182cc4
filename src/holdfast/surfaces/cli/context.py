"""What an agent is given before it answers, at the command line."""

from __future__ import annotations

import click

from holdfast.surfaces.cli.options import reading, settings_of, show_json, space_options, writing


@click.command("context", short_help="Show what an agent is given before it answers.")
@click.argument("about", required=False)
@click.option("--session", metavar="SESSION", help="With what was said last in it.")
@click.option("--budget", type=int, default=4_000, show_default=True, metavar="TOKENS", help="Of everything.")
@click.option("--now", metavar="TIME", help="The moment that is taken for now.")
@space_options
def context_command(
    about: str | None,
    session: str | None,
    budget: int,
    now: str | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show what an agent is given before it answers: blocks, facts about the user, procedures that apply, what is to be
    brought up, memories ABOUT something, and with --session what was said last.

    Nothing is marked by it. With --session the older part is summed up once and kept, as by `holdfast window`.
    """
    settings = settings_of(db, embedder, as_)
    with writing(settings) if session else reading(settings) as memory:
        if session:
            context = memory.session(session).context(budget, about, now=now)
            memory.sessions.get(session)  # says where there is no such session
        else:
            context = memory.context(budget, about, now=now)
    if as_json:
        from holdfast.surfaces.context_wire import context_to_wire

        show_json(context_to_wire(context))
        return
    from holdfast.surfaces.cli.screen import screen

    show = screen()
    show.line((f"{context.tokens:,} of {context.budget_tokens:,} tokens", "dim"))
    if context.degraded:
        show.line((context.degraded, "yellow"))
    show.line(context.text)
