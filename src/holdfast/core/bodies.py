"""What a memory carries beside its text: which kinds have a body, and what may stand in it."""

from __future__ import annotations

from holdfast.core import border
from holdfast.core.asked import read_asked
from holdfast.errors import InvalidField
from holdfast.model.records import Kind


def check_body(kind: Kind, body: object) -> None:
    """Refuse a body that no call of Holdfast would have written for a memory of that kind.

    Raises:
        InvalidInput.
    """
    if kind.is_aside != (body is not None):
        raise InvalidField(f"A {kind.name.lower()} comes {'with' if kind.is_aside else 'without'} 'body'.")
    if body is not None:
        read_asked(kind, border.check_text(body, "body"))
