"""Keeping copies of a space and coming back to them: backup, restore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import key_argument, must_be_a_file, reading, settings_of, show_json, space_options

if TYPE_CHECKING:
    from holdfast.model.erasure import ForgetReceipt
    from holdfast.model.moving import RestoreReport


@click.command("backup", short_help="Copy the space, as it is now, into a file.")
@click.argument("file", metavar="FILE")
@click.option("--force", is_flag=True, help="Replace FILE, if it is a backup.")
@space_options
def backup_command(
    file: str, force: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Copy the space into FILE, as it is at this moment; others may go on using it.

    The copy is looked through before it is put in place, and can only be read: `holdfast restore` makes a
    space of it.
    """
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import count_text, progress, screen, size_text

    with reading(settings_of(db, embedder or "none", as_)) as memory, progress("Copying") as bar:
        report = memory.storage.backup(file, replace=force, progress=bar)
    if as_json:
        show_json(wire.backup_to_wire(report))
        return
    show = screen()
    show.mark("good", f"{report.path} holds the space as of event {report.seq:,}.", indent=0)
    until = f", the newest of {wire.when_to_wire(report.at_ms)}" if report.at_ms is not None else ""
    show.line(f"{count_text(report.seq, 'event')}{until}; {size_text(report.bytes)} in {report.duration_s:.1f} s")
    for node, number, chain in report.heads:
        show.line(("head ", "dim"), f"{node} {number} {chain}")
    show.line(("digest ", "dim"), report.digest)


@click.command("restore", short_help="Make a space of a backup, without what was forgotten since.")
@click.argument("file", metavar="FILE")
@click.argument("place", metavar="[SPACE]", required=False)
@click.option("--at", metavar="TIME", help="Only what had been written by then.")
@click.option("--seq", type=int, metavar="N", help="Only the first N events.")
@click.option(
    "--forgets", metavar="FILE", multiple=True,
    help="Receipts that were kept (`receipts --json`, `forget --json`), or a later `export --lossless`.",
)  # fmt: skip
@click.option(
    "--force",
    "--replace",
    "replace",
    is_flag=True,
    help="Put it in place of the space that is there; what that has beyond is lost.",
)
@click.option("--dry-run", is_flag=True, help="Do all of it and put nothing in place; show what would be lost.")
@space_options
def restore_command(
    file: str,
    place: str | None,
    at: str | None,
    seq: int | None,
    forgets: Sequence[str],
    replace: bool,
    dry_run: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Make a space of the backup FILE, at SPACE (otherwise where --db says).

    What was forgotten after the backup, as the space that is there and --forgets tell, is forgotten again before
    anyone can open it. The receipts go on to verify.
    """
    from holdfast.recovery import restore
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import progress

    settings = settings_of(place if place is not None else db, embedder or "none", as_)
    if settings.spaces is not None:
        raise failure.WrongUsage("A space of a house is restored into a file of its own first; give it as SPACE.")
    must_be_a_file(settings.db)
    must_be_a_file(Path(file))
    if not Path(file).exists():
        raise failure.NoSpace(f"There is no file {file}. Nothing was changed.")
    receipts, journal = _kept(forgets)
    with progress("Copying") as bar:
        report = restore(
            file, settings.db, at=at, seq=seq, receipts=receipts, journal=journal, replace=replace, dry_run=dry_run,
            as_=settings.principal, key=key_argument(settings), progress=bar,
        )  # fmt: skip
    if as_json:
        show_json(wire.restore_to_wire(report))
    else:
        _show_restore(report)


def _kept(files: Sequence[str]) -> tuple[list[ForgetReceipt], str | None]:
    """Receipts from files of JSON, and the file among them that is a journal.

    Raises:
        InvalidField: one of them holds neither.
    """
    from holdfast.core.journal_lines import is_journal
    from holdfast.errors import InvalidField
    from holdfast.model.erasure import ForgetReceipt
    from holdfast.surfaces import wire

    receipts, journal = list[ForgetReceipt](), None
    for name in files:
        try:
            text = Path(name).read_text("utf-8-sig")
            if is_journal(text[:4_000]):
                if journal is not None:
                    raise InvalidField(
                        "Two journals were given with --forgets; give the later one. Nothing was changed."
                    )
                journal = name
                continue
            kept: Any = json.loads(text)
            found = [
                wire.kept_from_wire(value) for value in cast("list[Any]", kept if isinstance(kept, list) else [kept])
            ]
            if any(not isinstance(one, ForgetReceipt) for one in found):
                raise InvalidField(f"{name} holds a proof, which says nothing of forgets. Nothing was changed.")
            receipts.extend(one for one in found if isinstance(one, ForgetReceipt))
        except OSError as error:
            raise InvalidField(f"{name} cannot be read ({error.strerror}). Nothing was changed.") from None
        except RecursionError:
            raise InvalidField(
                f"{name} holds no receipts and no journal (it is nested too deeply). Nothing was changed."
            ) from None
        except ValueError as error:
            if isinstance(error, InvalidField):
                raise
            raise InvalidField(f"{name} holds no receipts and no journal ({error}). Nothing was changed.") from None
    return receipts, journal


def _show_restore(report: RestoreReport) -> None:
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import count_text, screen, size_text

    show = screen()
    if report.dry_run:
        show.line(("Nothing was changed. ", "bold"), f"{report.path} would hold:")
    else:
        show.mark("good", f"{report.path} is restored.", indent=0)
    show.line(
        f"{count_text(report.memories, 'live memory', 'live memories')}, from the first {report.seq:,} of "
        f"{count_text(report.backup_seq, 'event')}; {size_text(report.bytes)} in {report.duration_s:.1f} s"
    )
    if report.forgotten_again:
        show.line(
            f"{count_text(report.forgotten_again, 'memory', 'memories')} forgotten after the backup stayed forgotten; "
            f"{count_text(len(report.receipts_again), 'receipt')} recorded again"
        )
    if report.forgets_known_until_ms is not None:
        until = wire.when_to_wire(report.forgets_known_until_ms)
        show.line(("What was forgotten is known until ", "dim"), f"{until}; give later receipts with --forgets")
    lost = report.lost
    if lost.events:
        what = ", ".join(f"{count:,} {name}" for name, count in sorted(lost.by_what.items()))
        verb = "would be" if report.dry_run else "was" if lost.events == 1 else "were"
        show.line(
            (f"{count_text(lost.events, 'event')} {verb} lost", "bold red"), f" with the space that was there: {what}"
        )
    if lost.pruned:
        show.line(f"Beside them {count_text(lost.pruned, 'event')} since the backup were pruned there already.")
