"""`holdfast recall` in several spaces of a house at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from holdfast.surfaces.cli.place import opened_house

if TYPE_CHECKING:
    from holdfast.config import Settings
    from holdfast.model.house import HouseRecollection
    from holdfast.surfaces.cli.screen import Screen


def recall_across(
    settings: Settings, query: str, *, why: bool, as_text: bool, as_json: bool, cut: int | None, **conditions: Any
) -> bool:
    """Ask the spaces that the settings name, or all that the principal may read; gives whether anything was found."""
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.options import show_json
    from holdfast.surfaces.cli.screen import screen, visible

    with opened_house(settings) as house:
        found = house.recall(query, spaces=settings.spaces or None, **conditions)
    if as_json:
        show_json(house_wire.house_recollection_to_wire(found))
    elif as_text:
        click.echo(visible(found.text))
    else:
        _show(screen(), found, why=why, cut=cut)
    return bool(found.hits)


def _show(show: Screen, found: HouseRecollection, *, why: bool, cut: int | None) -> None:
    from holdfast.surfaces.cli.read import show_hit, show_signals
    from holdfast.surfaces.cli.screen import count_text

    for place, one in enumerate(found, 1):
        show.line(("in ", "dim"), (one.space, "bold cyan"), (f"  chance {one.score:.2f}", "dim"))
        show_hit(show, place, one.hit, cut=cut)
    if not found.hits:
        show.line("Nothing is remembered about that.")
    if why and found.hits:
        show.blank()
        show_signals(show, [one.hit for one in found])
    show.blank()
    told = f" of {count_text(len(found.by_space), 'space')} · confidence {found.confidence:.2f}"
    cost = f" · {count_text(found.tokens, 'token')} · {found.took_ms:.1f} ms"
    show.line((count_text(len(found), "memory", "memories"), "bold"), told, cost)
    if found.degraded:
        show.line((f"Degraded: {found.degraded.splitlines()[0]}", "yellow"))
