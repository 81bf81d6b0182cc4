"""What of a session fits into a prompt, at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.surfaces.cli.options import settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from holdfast.model.window import Window

STRATEGIES = ("summarize", "drop", "relevance")
SHAPES = ("openai", "openai-responses", "anthropic")
"""As in `holdfast.model.messages`, which is loaded later; a test compares them."""


@click.command("window", short_help="Show what of a session fits into a prompt.")
@click.argument("session")
@click.option("--max-tokens", type=int, metavar="N", help="The most tokens; as the working tier says by default.")
@click.option("--max-items", type=int, metavar="N", help="The most messages, without the system's.")
@click.option("--max-age", type=float, metavar="SECONDS", help="Older messages leave.")
@click.option("--strategy", type=click.Choice(STRATEGIES), help="What becomes of what leaves.")
@click.option("--keep-last", type=int, metavar="N", help="The newest so many stay.")
@click.option("--shape", type=click.Choice(SHAPES), default="openai", help="The provider's shape.")
@space_options
def window_command(
    session: str,
    max_tokens: int | None,
    max_items: int | None,
    max_age: float | None,
    strategy: str | None,
    keep_last: int | None,
    shape: str,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show what of SESSION fits into a prompt: what the system said, what the older part came to, the newest messages.

    What leaves is summed up once and kept; nothing is lost, and recall finds it.
    """
    settings = settings_of(db, embedder or "none", as_)
    with writing(settings, embed=False) as memory:
        window = memory.session(session).window(
            max_tokens, shape=shape, max_items=max_items, max_age_s=max_age, strategy=strategy, keep_last=keep_last
        )
        memory.sessions.get(session)  # says where there is no such session; after the window, which needs another right
    if as_json:
        from holdfast.surfaces.session_wire import window_to_wire

        show_json(window_to_wire(window))
    else:
        _show(window)


def _show(window: Window) -> None:
    from holdfast.surfaces.cli.screen import count_text, screen

    show = screen()
    told = f"{window.tokens:,} of {window.max_tokens:,} tokens, {count_text(len(window.memories), 'message')} shown"
    show.line((told + (f", {window.evicted:,} more summed up or hidden" if window.evicted else ""), "dim"))
    if window.degraded:
        show.line((window.degraded, "yellow"))
    if window.system:
        show.line(("system", "bold"))
        show.line(window.system, indent=4)
    for message in window.messages:
        show.line((str(message.get("role") or message.get("type")), "bold"))
        show.line(_text(message), indent=4)


def _text(message: dict[str, Any]) -> str:
    """What a person would read of a message."""
    import json

    content = message.get("content")
    if isinstance(content, str) and not message.get("tool_calls"):
        return content
    rest = {key: value for key, value in message.items() if key not in ("role", "type") and value is not None}
    return json.dumps(rest, ensure_ascii=False)
