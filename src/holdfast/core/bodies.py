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
    if kind.is_episode:
        if body is not None:
            from holdfast.core.episodes import check_episode

            check_episode(kind, border.check_text(body, "body"))
        return
    if kind.is_aside != (body is not None):
        raise InvalidField(f"A {kind.name.lower()} comes {'with' if kind.is_aside else 'without'} 'body'.")
    if body is not None:
        text = border.check_text(body, "body")
        match kind:
            case Kind.BLOCK:
                from holdfast.core.blocks import read_block

                read_block(text)
            case Kind.INTENTION:
                from holdfast.core.intentions import read_intention

                read_intention(text)
            case Kind.SESSION:
                from holdfast.core.sessions import read_session

                read_session(text)
            case _:
                read_asked(kind, text)


def name_of(kind: Kind, body: str | None) -> str | None:
    """The name that a record is known by among those of its kind; None where it has none.

    Raises:
        InvalidInput: the body is not one of that kind.
    """
    if kind is Kind.BLOCK:
        from holdfast.core.blocks import read_block

        return str(read_block(body)["label"])
    if kind is Kind.SESSION:
        from holdfast.core.sessions import read_session

        return read_session(body).id
    return None
