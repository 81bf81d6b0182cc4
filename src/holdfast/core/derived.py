"""What a memory may be at most because of what it was derived from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdfast.core.codec import decode_content
from holdfast.core.decide import Take
from holdfast.core.view import View
from holdfast.errors import Gone, NotFound
from holdfast.model.ids import Id, parse_id
from holdfast.model.records import Content, Trust


def trusted(view: View, command: Take, made: Mapping[Id, Take], *, imported: bool) -> Take:
    """A derived memory has no more trust and no longer life than its sources, and is kept apart with any of them.

    Args:
        made: What is taken in along with it.
        imported: Sources may be absent, since an export leaves out what was superseded.
    """
    kept = command.content
    for source in command.content.sources:
        if beside := made.get(parse_id(source)):
            kept = _within(kept, beside.content)
            continue
        held = view.find(parse_id(source))
        if imported and held and held.receipt:
            raise Gone(f"It was derived from {source}, which was forgotten here. Nothing was written.")
        if held is None or not held.seq:
            if imported:
                continue
            raise NotFound(f"The source {source} is not in this space, or was forgotten. Nothing was written.")
        content = decode_content(view.event(held.seq))
        kept = _within(kept, content) if content else replace(kept, trust=Trust.NONE)
    return replace(command, content=kept)


def _within(content: Content, source: Content) -> Content:
    if content.trust <= source.trust and source.expires_at is None and not source.quarantined:
        return content
    ends = [one for one in (content.expires_at, source.expires_at) if one is not None]
    return replace(
        content,
        trust=min(content.trust, source.trust),
        quarantined=content.quarantined or source.quarantined,
        expires_at=min(ends, default=None),
    )
