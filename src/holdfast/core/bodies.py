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
            case Kind.PROCEDURE:
                from holdfast.core.procedures import read_procedure

                read_procedure(text)
            case Kind.TRIAL:
                from holdfast.core.procedure_trials import read_trial

                read_trial(text)
            case Kind.INTENTION:
                from holdfast.core.intentions import read_intention

                read_intention(text)
            case Kind.SESSION:
                from holdfast.core.sessions import read_session

                read_session(text)
            case Kind.FILE:
                from holdfast.core.files import read_file

                read_file(text)
            case Kind.WINDOW:
                from holdfast.core.window_pieces import read_piece

                read_piece(text)
            case Kind.ITEM:
                from holdfast.core.items import read_item

                read_item(text)
            case Kind.CHECKPOINT | Kind.CHANNEL | Kind.TASK_WRITES:
                from holdfast.core.checkpoints import read_state

                read_state(kind, text)
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
    if kind is Kind.PROCEDURE:
        from holdfast.core.procedures import read_procedure

        return read_procedure(body)[0].name
    if kind is Kind.SESSION:
        from holdfast.core.sessions import read_session

        return read_session(body).id
    if kind is Kind.FILE:
        from holdfast.core.files import read_file

        return str(read_file(body)["path"])
    if kind is Kind.WINDOW:
        from holdfast.core.window_pieces import read_piece

        return read_piece(body).name
    if kind is Kind.ITEM:
        from holdfast.core.items import read_item

        return read_item(body).name
    if kind.is_state:
        from holdfast.core.checkpoints import read_state

        return read_state(kind, body).name
    return None
