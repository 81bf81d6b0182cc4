"""The lines of an import whose memories are here and change under their ids: blocks, procedures, sessions and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfast.core.bodies import name_of
from holdfast.core.codec import decode_content, encode_content
from holdfast.core.decide import Take, key_reused
from holdfast.core.view import View
from holdfast.errors import HoldfastError, NotAllowed, Refused, StoreError
from holdfast.model.events import Draft, EventType
from holdfast.model.ids import Id
from holdfast.model.records import Content, Kind
from holdfast.services.aside import id_here
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

RENEWED = frozenset((Kind.BLOCK, Kind.PROCEDURE, Kind.INTENTION, Kind.SESSION, Kind.FILE))
"""What is aside and changes under one id, so that an import may bring a later state of it."""


def first_again(lines: Sequence[tuple[Id, Kind]]) -> int | None:
    """The place of the first line of what changes under its id and stood before: it may bring a later state."""
    seen = set[Id]()
    for place, (record, kind) in enumerate(lines):
        if kind in RENEWED:
            if record in seen:
                return place
            seen.add(record)
    return None


class Told(Protocol):
    """What is told what became of a line, such as the state of an import."""

    known: int
    corrected: int
    unchanged: int

    def refuse(self, number: int, error: HoldfastError) -> None: ...

    def leave_out(self, number: int, why: str) -> None: ...

    def done(self) -> None: ...


class Renewing:
    """Brings the later state of what is here already."""

    def __init__(self, ledger: Ledger, remembering: Remembering, told: Told, *, dry_run: bool) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._told = told
        self._dry_run = dry_run

    def take(self, number: int, record: Id, content: Content) -> bool:
        """Whether a line is of something that is here and changes under its id; then it is dealt with."""
        if content.kind not in RENEWED:
            return False
        here = id_here(self._ledger, record, content)
        with self._ledger.store.reading() as reader:
            held = reader.find(here)
        if held is None or held.seq == 0 or held.receipt:
            return False
        try:
            is_later = self._bring(here, content)
        except StoreError:
            raise
        except (Refused, NotAllowed) as error:
            self._told.leave_out(number, str(error))
        except HoldfastError as error:
            self._told.refuse(number, error)
        else:
            self._told.corrected += is_later
            self._told.unchanged += not is_later
        self._told.known += 1
        self._told.done()
        return True

    def _bring(self, record: Id, content: Content) -> bool:
        """Write a further version where the line has a later state; gives whether it has.

        Raises:
            KeyReused: something else is here under that id.
            NotAllowed: others write that block.
            Refused: the policy does not let it be kept, or would set a block apart that stands in the prompt.
        """
        from holdfast.core.renewal import renewed

        judged = self._remembering.judged(Take(content, record)).content

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], bool]:
            held = view.find(record)
            old = decode_content(view.event(held.seq)) if held and held.seq else None
            if held is None or old is None:
                return (), False
            try:
                new = renewed(old, judged)
            except ValueError:
                raise key_reused(record) from None
            if new is None:
                return (), False
            self._check(old, new)
            return (Draft(EventType.REVISED, record, held.version + 1, encode_content(new), content=new),), True

        if self._dry_run:
            with self._ledger.store.reading() as reader:
                return decide(reader, self._ledger.secret)[1]
        return self._ledger.write(decide)

    def _check(self, old: Content, new: Content) -> None:
        if old.kind is Kind.BLOCK:
            from holdfast.core.blocks import check_writer, frame_of

            check_writer(frame_of(old), self._remembering.actor)
        if new.quarantined and not old.quarantined and old.kind is Kind.BLOCK:
            raise Refused(
                f"The later version of the block {name_of(new.kind, new.body)!r} is set apart, and the block stands in "
                "the prompt. Nothing was written."
            )
