"""Commands that forget and that show it: forget, receipts, verify, proof."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    writing,
)

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Verification

KINDS = (
    "turn", "fact", "recall", "expectation", "block", "procedure", "trial", "intention", "session", "tool_call",
    "decision", "error", "outcome", "event", "summary", "file", "window", "item", "checkpoint", "channel",
    "task_writes",
)  # fmt: skip
"""The names of `holdfast.model.records.Kind`, which is loaded later; a test compares them."""
_SAID = ("payloads", "vectors")
_SHOWN = 20
"""Memories of a preview that are shown to a person."""


@click.command("forget", short_help="Erase memories for good.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--about", metavar="NAME", help="What NAME said, and what is noted about NAME.")
@click.option("--mentions", is_flag=True, help="With --about, also what only names NAME in its text.")
@click.option("--session", metavar="NAME", help="What was said in that session.")
@click.option("--since", metavar="TIME", help="What was said, or became true, from then on.")
@click.option("--until", metavar="TIME", help="What was said, or became true, before then.")
@click.option("--category", "categories", metavar="NAME", multiple=True, help="Facts of that category: preference, …")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Memories of that kind.")
@click.option("--source", "sources", metavar="TEXT", multiple=True, help="What came from exactly there.")
@click.option("--tag", "tags", metavar="NAME", multiple=True, help="What has that tag.")
@where_option
@click.option("--query", metavar="TEXT", help="What a recall of TEXT finds.")
@click.option("--limit", type=int, default=10, show_default=True, help="With --query, how many at most.")
@click.option("--dry-run", is_flag=True, help="Show what would go and what would fall with it; erase nothing.")
@click.option("--confirm", metavar="TOKEN", help="Token of a dry run: exactly what that showed.")
@click.option("--reason", help="Why, in your words; recorded in the receipt, where it stays.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@space_options
def forget_command(
    ids: tuple[str, ...],
    where: tuple[str, ...],
    categories: tuple[str, ...],
    kinds: tuple[str, ...],
    sources: tuple[str, ...],
    tags: tuple[str, ...],
    dry_run: bool,
    confirm: str | None,
    reason: str | None,
    yes: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
    **conditions: Any,
) -> None:
    """Erase memories, and everything derived from them, for good.

    What meets every condition is erased: the given IDs, or what the options select. The same option again
    means either.
    """
    from holdfast.surfaces import wire

    if not (yes or dry_run or confirm) and not sys.stdin.isatty():
        raise failure.WrongUsage("Forgetting cannot be undone; give --yes where nobody can be asked.")
    with writing(settings_of(db, embedder, as_)) as memory:
        conditions["where"] = filters_of(where, category=categories, kind=kinds, source=sources, tag=tags)
        named = tuple(dict.fromkeys(full_id(memory, one) for one in ids))
        preview = memory.preview_forget(*named, **conditions)
        if confirm is None and dry_run:
            show_preview(preview, as_json=as_json)
            if not len(preview):
                end(failure.PROBLEMS)
            return
        if not len(preview) and not any(_is_gone(memory, one) for one in named):
            failure.warn("nothing that is held meets these conditions; nothing was forgotten")
            if as_json:
                show_json({"forgotten": [], "derived": [], "already": []})
            end(failure.PROBLEMS)
            return
        if confirm is None:
            if not yes and not _agreed(preview):
                failure.warn("nothing was forgotten")
                end(failure.PROBLEMS)
                return
            # A person has seen it, or has waived that: either way it is this set and no other.
            confirm = preview.token
        receipt = memory.forget(*named, **conditions, confirm=confirm, reason=reason)
    if as_json:
        show_json(wire.receipt_to_wire(receipt))
    else:
        show_receipt(receipt)


@click.command("receipts", short_help="List what was forgotten, and when.")
@space_options
def receipts_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Every receipt that is recorded, oldest first."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import count_text, one_line, screen

    with reading(settings_of(db, "none", as_)) as memory:
        found = memory.receipts()
    if as_json:
        show_json([wire.receipt_to_wire(receipt) for receipt in found])
        return
    show = screen()
    for receipt in found:
        gone = count_text(len(receipt.forgotten) + len(receipt.derived), "memory", "memories")
        why = f"  {one_line(receipt.reason, 120)}" if receipt.reason else ""
        show.line((receipt.id, "cyan"), f"  {wire.when_to_wire(receipt.at_ms)}  {gone}  by {receipt.actor}{why}")
    if not found:
        failure.warn("nothing was forgotten here")


@click.command("verify", short_help="Check that a receipt or a proof still holds.")
@click.argument("kept", metavar="RECEIPT|FILE")
@space_options
def verify_command(kept: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Check that what a receipt says is so, or that the journal still passes through a proof.

    RECEIPT is the id of a receipt. FILE is what `forget --json` or `proof --json` wrote; - reads it from
    standard input.
    """
    from holdfast.errors import InvalidField
    from holdfast.surfaces import wire

    wanted: Any = kept
    if kept == "-" or "." in kept or "/" in kept:
        try:
            text = sys.stdin.read() if kept == "-" else Path(kept).read_text("utf-8")
            wanted = wire.kept_from_wire(json.loads(text))
        except OSError as error:
            raise InvalidField(f"{kept} cannot be read ({error.strerror}).") from None
        except ValueError as error:
            raise InvalidField(f"{kept} holds no receipt and no proof ({error}).") from None
    with writing(settings_of(db, "none", as_)) as memory:
        found = memory.verify(wanted)
    if as_json:
        show_json(wire.verification_to_wire(found))
    else:
        show_verification(found)
    if not found.holds:
        end(failure.PROBLEMS)


@click.command("proof", short_help="Print the heads of the journal's chains.")
@space_options
def proof_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Print the heads of the journal's chains: kept elsewhere, they show any later change of the past."""
    from holdfast.surfaces import wire

    with reading(settings_of(db, "none", as_)) as memory:
        proof = memory.proof()
    if as_json:
        show_json(wire.proof_to_wire(proof))
        return
    click.echo(f"space {proof.space}")
    for node, number, chain in proof.heads:
        click.echo(f"node {node}  event {number}  {chain}")


def show_preview(preview: ForgetPreview, *, as_json: bool) -> None:
    """What a forget would erase."""
    from holdfast.surfaces import wire

    if as_json:
        show_json(wire.preview_to_wire(preview))
        return
    _list(preview, err=False)
    if preview.needs_confirmation:
        click.echo(f"{preview.needs_confirmation} To carry it out: --confirm {preview.token}")


def show_receipt(receipt: ForgetReceipt, indent: int = 0) -> None:
    """What was erased, for a person."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import count_text, screen

    show = screen()
    forgotten = count_text(len(receipt.forgotten), "memory", "memories")
    show.line(("Forgotten: ", "bold"), forgotten, f", and {len(receipt.derived)} derived from them", indent=indent)
    if receipt.already:
        show.line(f"Forgotten before: {len(receipt.already)}", indent=indent)
    payloads, vectors = count_text(receipt.payloads, "payload"), count_text(receipt.vectors, "vector")
    show.line(f"Erased: {payloads} of the journal, {vectors}", indent=indent)
    others = [f"{name} {count:,}" for name, count in receipt.surfaces.items() if count and name not in _SAID]
    if others:
        show.line((f"And from tables: {', '.join(others)}", "dim"), indent=indent)
    left, looked_for = receipt.residue
    if looked_for:
        show.line(f"Looked for {count_text(looked_for, 'text')} in the files: {left} found", indent=indent)
    show.line(f"Receipt: {receipt.id} at {wire.when_to_wire(receipt.at_ms)}", indent=indent)
    show.line((f"Chain: {receipt.chain}", "dim"), indent=indent)
    if receipt.pending:
        show.line((f"Still pending: {receipt.pending}", "yellow"), indent=indent)


def _is_gone(memory: Memory, id_text: str) -> bool:
    from holdfast.errors import Gone

    try:
        memory.get(id_text)
    except Gone:
        return True
    return False


def show_verification(found: Verification) -> None:
    """Whether what was kept still holds, for a person."""
    from holdfast.surfaces.cli.screen import screen

    show = screen()
    for problem in found.problems:
        show.line(("problem  ", "red"), problem)
    if found.pending:
        show.line(("pending  ", "yellow"), found.pending)
    looked_at = ", ".join(f"{count:,} {what}" for what, count in found.checked.items())
    show.line((("holds" if found.holds else "does not hold"), "bold"), f"  looked at {looked_at}")
    for limit in found.limits:
        show.line((f"not shown by this: {limit}", "dim"))


def _agreed(preview: ForgetPreview) -> bool:
    """Show what would go and ask on standard error, so that the result stays alone on standard output."""
    _list(preview, err=True)
    what = "this memory" if len(preview) == 1 else f"these {len(preview):,} memories"
    return click.confirm(f"Erase {what} for good?", err=True)


def _list(preview: ForgetPreview, *, err: bool) -> None:
    from holdfast.surfaces.cli.screen import one_line, short_id

    parts = {
        "": preview.selected, "falls with them": preview.derived, "only names it, stays": preview.mentions,
        "a question that quotes it, stays": preview.questions,
    }  # fmt: skip
    for title, records in parts.items():
        if title and records:
            click.echo(f"{title}:", err=err)
        for record in records[:_SHOWN]:
            click.echo(f"  {short_id(record.id)}  {one_line(record.entry, 160)}", err=err)
        if len(records) > _SHOWN:
            click.echo(f"  and {len(records) - _SHOWN:,} more", err=err)
    if not len(preview):
        click.echo("Nothing that is held meets these conditions; nothing would be forgotten.", err=err)
