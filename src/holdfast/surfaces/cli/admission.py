"""Commands about what may be kept: audit, release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import (
    end,
    full_id,
    reading,
    settings_of,
    settle,
    show_json,
    space_options,
    writing,
)

if TYPE_CHECKING:
    from holdfast.model.reports import AuditReport

_SHOWN = 20
"""Changes that are shown to a person."""


@click.command("audit", short_help="Apply the policy to what is held.")
@click.option("--apply", "apply_", is_flag=True, help="Change what is held; otherwise only show what would.")
@space_options
def audit_command(apply_: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Apply the [policy] of holdfast.toml to what is held, and forget what was kept for a while and is due.

    What the policy redacts is erased and held as a new memory; what it refuses is forgotten, with a receipt.
    """
    from holdfast.surfaces import wire

    settings = settings_of(db, embedder if apply_ else "none", as_)
    if settings.policy is None:
        failure.warn("there is no [policy] in holdfast.toml; only what was kept for a while is looked at")
    with writing(settings) if apply_ else reading(settings) as memory:
        report = memory.admission.audit(dry_run=not apply_)
        if apply_ and report.changes:
            settle(memory)
    if as_json:
        show_json(wire.audit_to_wire(report))
    else:
        _show_audit(report)


@click.command("release", short_help="Let a memory out of quarantine, or list what is in it.")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--reason", help="Why, in your words; kept with the memory.")
@space_options
def release_command(
    id_: str | None, reason: str | None, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Let memory ID out of quarantine, into recall; without ID, list what is in quarantine."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import one_line, screen, short_id

    if id_ is None:
        with reading(settings_of(db, "none", as_)) as memory:
            apart = [record for record in memory.records(quarantined=True) if record.quarantined]
        if as_json:
            show_json([wire.record_to_wire(record) for record in apart])
        for record in () if as_json else apart:
            show = screen()
            show.line((record.id, "cyan"), f"  {', '.join(record.marks)}")
            show.line(one_line(record.text, 300), indent=4)
        if not apart and not as_json:
            failure.warn("nothing is in quarantine")
            end(failure.PROBLEMS)
        return
    with writing(settings_of(db, embedder, as_)) as memory:
        listed = {short_id(record.id): record.id for record in memory.records(quarantined=True) if record.quarantined}
        record = memory.admission.release(listed.get(id_) or full_id(memory, id_), reason=reason)
        settle(memory)
    if as_json:
        show_json(wire.record_to_wire(record))
    else:
        screen().line(("released ", "bold"), (short_id(record.id), "cyan"), "  ", one_line(record.text, 300))


def _show_audit(report: AuditReport) -> None:
    from holdfast.surfaces.cli.screen import count_text, screen, short_id

    show = screen()
    looked_at = count_text(report.examined, "memory", "memories")
    if not report.changes:
        show.mark("good", f"Nothing to change in {looked_at}.", indent=0)
        return
    would = "would change" if report.dry_run else "changed"
    show.line((f"{len(report.changes):,} of {looked_at} {would}:", "bold"))
    for verdict, count in sorted(report.verdicts.items()):
        show.line(f"{count:,} {verdict}", indent=2)
    for one in report.changes[:_SHOWN]:
        new = f"  now {short_id(one.replaced_by)}" if one.replaced_by else ""
        show.line((short_id(one.id), "cyan"), f"  {one.verdict}{new}  ", (" ".join(one.reasons), "dim"))
    if len(report.changes) > _SHOWN:
        show.line(f"and {len(report.changes) - _SHOWN:,} more; --json lists all")
    for receipt in report.receipts:
        show.line(("receipt ", "dim"), receipt)
    if report.dry_run:
        show.line("Nothing was changed; --apply does it.")
