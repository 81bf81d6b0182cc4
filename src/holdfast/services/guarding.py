"""What may not be forgotten by everybody who writes: blocks, by others than their writers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.core.blocks import check_writer, frame_of
from holdfast.core.codec import decode_content
from holdfast.core.view import View
from holdfast.model.filters import having
from holdfast.model.ids import Id
from holdfast.model.records import Kind
from holdfast.ports.store import Reader


def guard(reader: Reader, actor: str) -> Callable[[View, Sequence[Id]], None]:
    """What refuses, by raising `NotAllowed`, to forget a block that this principal may only read."""
    ns = reader.select(having({"kind": [int(Kind.BLOCK)]}), None, None, aside=True)
    blocks = {held.id for held, _ in reader.current(ns).values()}

    def refuse(view: View, going: Sequence[Id]) -> None:
        for record in blocks.intersection(going):
            held = view.find(record)
            content = decode_content(view.event(held.seq)) if held and held.seq else None
            if content is not None:
                check_writer(frame_of(content), actor)

    return refuse
