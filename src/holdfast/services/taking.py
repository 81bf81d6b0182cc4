"""Several things taken in with one commit."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.codec import decode_content
from holdfast.core.decide import Take, Taken, key_reused, take
from holdfast.core.derived import trusted
from holdfast.core.retries import same_call
from holdfast.core.view import View
from holdfast.errors import Damaged
from holdfast.model.events import Draft
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Content
from holdfast.services.ledger import Decision


def deciding(commands: Sequence[Take], *, imported: bool) -> Decision[list[Taken]]:
    """The decision to take several things in with one commit, each as if it came alone.

    Args:
        imported: Sources may be absent, since an export leaves out what was superseded.
    """

    def decide(view: View, secret: bytes) -> tuple[list[Draft], list[Taken]]:
        drafts, taken, made = list[Draft](), list[Taken](), dict[Id, Take]()
        for command in commands:
            twin = made.get(command.record)
            if twin:
                if not same_call(twin.content, command):
                    raise key_reused(command.record)
                taken.append(Taken(command.record, is_new=False))
                continue
            some, result = take(view, command, secret)
            if some and command.content.sources:
                # Only what is really taken in needs its sources; a retry is answered without them.
                command = trusted(view, command, made, imported=imported)
                some, result = take(view, command, secret)
            if not result.is_new and not same_call(content_of(view, command.record), command):
                raise key_reused(command.record)
            made[command.record] = command
            drafts.extend(some)
            taken.append(result)
        return drafts, taken

    return decide


def content_of(view: View, record: Id) -> Content:
    """What a memory that is held says.

    Raises:
        Damaged: its text is lost.
    """
    held = view.find(record)
    content = decode_content(view.event(held.seq)) if held and held.seq else None
    if content is None:
        raise Damaged(f"Memory {id_text(record)} has lost its text. Run `holdfast check`.")
    return content
