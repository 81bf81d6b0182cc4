"""Blocks: made, read, edited and taken back, each edit decided against the version that holds."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.core import blocks, border
from holdfast.core.blocks import Frame
from holdfast.errors import AlreadyThere, NotFound, Refused
from holdfast.model.blocks import Block
from holdfast.model.records import Content, Kind, Record
from holdfast.model.tokens import Count
from holdfast.services.aside import Aside, as_apart

REMOVED = "block removed"
"""The reason in the receipt of a block that was removed."""
EXPIRED = "the block's time was up"


class Blocks:
    """The blocks of one space, for one principal.

    Args:
        count: Counts the tokens of a text.
        now: Milliseconds since the epoch.
    """

    def __init__(self, aside: Aside, actor: str, count: Count, now: Callable[[], int]) -> None:
        self._aside = aside
        self._actor = actor
        self._count = count
        self._now = now

    def create(
        self,
        label: str,
        text: str,
        *,
        description: str,
        limit_chars: int | None,
        limit_tokens: int | None,
        writers: object,
    ) -> Block:
        limit, unit = blocks.check_limit(limit_chars, limit_tokens)
        frame = Frame(
            blocks.check_block_label(label), blocks.check_description(description), limit, unit,
            blocks.check_writers(writers),
        )  # fmt: skip
        said = blocks.check_block_text(text)
        blocks.check_writer(frame, self._actor)

        def make(old: Record | None) -> Content:
            if old is not None:
                raise AlreadyThere(
                    f"There is a block {frame.label!r} already, at version {old.version}. Nothing was written; write "
                    "to it, or take another label."
                )
            return self._content(frame, said)

        held = self._aside.find(Kind.BLOCK, frame.label)
        if held is not None and self._is_over(held):
            self._aside.forget([held.id], EXPIRED)
        return self._changed(frame.label, make)

    def get(self, label: str) -> Block:
        checked = blocks.check_block_label(label)
        return self._block(self._held(checked, self._aside.find(Kind.BLOCK, checked)))

    def all(self) -> list[Block]:
        """Every block by its label, without those that a policy set apart."""
        found = [self._block(record) for record in self._aside.all(Kind.BLOCK) if not self._is_over(record)]
        return sorted((one for one in found if not one.quarantined), key=lambda one: one.label)

    def write(self, label: str, text: str, *, version: int | Block | None) -> Block:
        said = blocks.check_block_text(text)
        return self._edit(label, version, said, lambda held: said)

    def append(self, label: str, text: str, *, version: int | Block | None) -> Block:
        said = border.check_text(text, "text to append", blocks.MOST * 10)
        return self._edit(label, version, said, lambda held: blocks.appended(held, said))

    def replace(self, label: str, old: str, new: str, *, version: int | Block | None) -> Block:
        said = blocks.check_block_text(new)
        return self._edit(label, version, said, lambda held: blocks.replaced(held, old, said, label))

    def history(self, label: str) -> list[Block]:
        """Every version, oldest first."""
        checked = blocks.check_block_label(label)
        self._held(checked, self._aside.find(Kind.BLOCK, checked))
        return [self._block(record) for record in self._aside.versions(Kind.BLOCK, checked)]

    def revert(self, label: str, version: int) -> Block:
        wanted = border.check_count(version, "version", 2**62)
        versions = self.history(label)
        # Two devices may have made one number each; the one that came last holds.
        found = next((one for one in reversed(versions) if one.version == wanted), None)
        if found is None:
            raise NotFound(
                f"The block {label!r} has no version {wanted}; it has {versions[0].version} to {versions[-1].version}. "
                "Nothing was written."
            )

        def make(old: Record | None) -> Content:
            held = self._held(found.label, old)
            if held.id != found.id:
                raise NotFound(f"The block {label!r} was forgotten meanwhile. Nothing was written.")
            return self._content(self._writable(held), found.text)

        return self._changed(found.label, make)

    def revise(
        self,
        label: str,
        *,
        description: str | None,
        limit_chars: int | None,
        limit_tokens: int | None,
        writers: object,
        everyone: bool,
    ) -> Block:
        checked = blocks.check_block_label(label)
        said = None if description is None else blocks.check_description(description)
        limited = limit_chars is not None or limit_tokens is not None
        limit, unit = blocks.check_limit(limit_chars, limit_tokens) if limited else (None, None)
        named = blocks.check_writers(writers)

        def make(old: Record | None) -> Content:
            held = self._held(checked, old)
            frame = blocks.reframed(self._writable(held), description=said, limit=limit, unit=unit, writers=named)
            if everyone:
                frame = Frame(frame.label, frame.description, frame.limit, frame.unit, None)
            return self._content(frame, blocks.text_of(held))

        return self._changed(checked, make)

    def remove(self, label: str) -> None:
        """Erase a block with all its versions."""
        checked = blocks.check_block_label(label)
        held = self._held(checked, self._aside.find(Kind.BLOCK, checked))
        self._writable(held)
        self._aside.forget([held.id], REMOVED)

    def _edit(self, label: str, version: int | Block | None, given: str, change: Callable[[str], str]) -> Block:
        checked = blocks.check_block_label(label)

        def make(old: Record | None) -> Content:
            held = self._held(checked, old)
            frame, text = self._writable(held), blocks.text_of(held)
            blocks.check_version(frame, version, held, given)
            return self._content(frame, blocks.check_block_text(change(text)))

        return self._changed(checked, make)

    def _changed(self, label: str, make: Callable[[Record | None], Content]) -> Block:
        was_apart = False

        def made(old: Record | None) -> Content:
            nonlocal was_apart
            content = make(old)
            was_apart = old is not None and old.quarantined
            return content if old is None else as_apart(content, old)

        def check(kept: Content) -> None:
            self._check(kept, was_apart=was_apart)

        return self._block(self._aside.change(Kind.BLOCK, label, made, check))

    def _content(self, frame: Frame, text: str) -> Content:
        return blocks.block_content(frame, text, self._now(), self._actor)

    def _check(self, kept: Content, *, was_apart: bool) -> None:
        """Refuse what a policy made of a block and cannot stand in a prompt, unless it stood apart before."""
        if kept.quarantined and not was_apart:
            raise Refused(
                "The policy would set this apart, and a block stands in the prompt as it is. Nothing was written.",
                tuple(f"{mark} content" for mark in kept.marks),
            )
        blocks.check_fits(blocks.text_of(kept), blocks.frame_of(kept), self._count)

    def _writable(self, held: Record) -> Frame:
        frame = blocks.frame_of(held)
        blocks.check_writer(frame, self._actor)
        return frame

    def _held(self, label: str, record: Record | None) -> Record:
        if record is None or self._is_over(record):
            raise NotFound(f"There is no block {label!r} in this space. Nothing was written; create it first.")
        return record

    def _is_over(self, record: Record) -> bool:
        return record.expires_at is not None and record.expires_at <= self._now()

    def _block(self, record: Record) -> Block:
        return blocks.block_of(record, self._count)
