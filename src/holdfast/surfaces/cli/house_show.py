"""What a person sees of a house."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.surfaces.cli.screen import count_text, one_line, screen, short_id, size_text

if TYPE_CHECKING:
    from holdfast.house import Holdfast
    from holdfast.model.access import AuditEntry, Grant, SpaceEntry, Usage
    from holdfast.model.house import DropPreview, DropReceipt


def show_spaces(entries: Sequence[SpaceEntry]) -> None:
    """Spaces, one a line."""
    from holdfast.core.access import quota_text
    from holdfast.model.times import format_when

    rows = [
        (
            entry.name,
            entry.right.name.lower(),
            quota_text(entry.quota),
            "own" if entry.policy else "-",
            format_when(entry.created_ms),
        )
        for entry in entries
    ]
    screen().table(("space", "you may", "bounds", "policy", "made"), rows)


def show_usage(entry: SpaceEntry, usage: Usage) -> None:
    """What a space holds beside its bounds."""
    quota = entry.quota
    measured = (
        ("memories", usage.memories, quota.memories, _count),
        ("bytes", usage.bytes, quota.bytes, size_text),
        ("writes a minute", usage.writes, quota.writes_a_minute, _count),
    )
    rows = [
        (
            what,
            told(count),
            "none" if bound is None else told(bound),
            "-" if bound is None else told(max(0, bound - count)),
        )
        for what, count, bound, told in measured
    ]
    screen().table((entry.name, "holds", "bound", "left"), rows, right=(1, 2, 3))


def _count(number: int) -> str:
    return f"{number:,}"


def show_policy(entry: SpaceEntry) -> None:
    """The policy that a space has of its own."""
    show = screen()
    if entry.policy is None:
        show.line(f"{entry.name} has no policy of its own")
        return
    settings = json.loads(entry.policy)
    keep = settings.pop("keep", {})
    show.table((f"policy of {entry.name}", "is"), sorted(settings.items()))
    show.table(("facts of category", "are kept"), sorted(keep.items()))


def show_grants(grants: Sequence[Grant]) -> None:
    """Grants, one a line."""
    from holdfast.model.times import format_when

    rows = [(grant.principal, grant.right.name.lower(), grant.by, format_when(grant.at_ms)) for grant in grants]
    screen().table(("principal", "may", "by", "at"), rows)


def show_audit(entries: Sequence[AuditEntry]) -> None:
    """Changes of a registry, one a line; a space by the last digits of its id."""
    from holdfast.model.times import format_when

    rows = [
        (
            str(entry.seq),
            format_when(entry.at_ms),
            entry.by,
            entry.what,
            short_id(entry.space),
            entry.principal or "",
            one_line(entry.detail, 80),
        )
        for entry in entries
    ]
    screen().table(("#", "at", "by", "what", "space", "whom", "detail"), rows, right=(0,))


def drop_preview_lines(preview: DropPreview) -> list[str]:
    """What would go with a space, in words."""
    held = f"{count_text(preview.memories, 'memory', 'memories')}, {size_text(preview.bytes)}"
    return [f"The space {preview.space} would be erased: {held}, {count_text(preview.grants, 'grant')}."]


def show_drop_preview(preview: DropPreview) -> None:
    """What would go with a space, and how to confirm it."""
    show = screen()
    for line in drop_preview_lines(preview):
        show.line(line)
    show.line(f"To carry it out: --confirm {preview.token}")


def show_drop(receipt: DropReceipt) -> None:
    """The receipt of a space that was just dropped."""
    from holdfast.model.times import format_when

    show = screen()
    show.line(("Dropped: ", "bold"), f"{count_text(receipt.files, 'file')} erased, {size_text(receipt.bytes)}")
    show.line(f"Receipt: {receipt.id} at {format_when(receipt.at_ms)}")
    show.line((f"Chain: {receipt.chain}", "dim"))
    if receipt.pending:
        show.line((f"Still pending: {receipt.pending}", "yellow"))


def show_receipts(receipts: Sequence[DropReceipt]) -> None:
    """Receipts of dropped spaces, one a line."""
    from holdfast.model.times import format_when

    show = screen()
    for receipt in receipts:
        why = f"  {one_line(receipt.reason, 120)}" if receipt.reason else ""
        gone = f"{count_text(receipt.files, 'file')}, {size_text(receipt.bytes)}"
        show.line((receipt.id, "cyan"), f"  {format_when(receipt.at_ms)}  {gone}  by {receipt.actor}{why}")
        if receipt.pending:
            show.line((f"still pending: {receipt.pending}", "yellow"), indent=4)


def problems_inside(house: Holdfast) -> list[str]:
    """What is wrong inside the spaces of a house, each with the name of its space."""
    from holdfast.errors import Damaged

    found = list[str]()
    for entry in house.spaces():
        try:
            told = house.space(entry.name).check()
        except Damaged as error:
            told = [str(error)]
        found += [f"in {entry.name}: {problem}" for problem in told]
    return found
