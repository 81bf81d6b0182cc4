"""`Session`: one conversation in a space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdfast.model.records import Record, Role, Scalar
from holdfast.model.reports import Turn
from holdfast.model.times import When
from holdfast.space import Space


class Session:
    """One conversation. Turns keep their order and their neighbours help to find them."""

    def __init__(self, space: Space, id: str, *, user: str | None, agent: str | None) -> None:  # noqa: A002
        self._space = space
        self.id = space.remembering.check_session(id)
        self._names = {
            role: space.remembering.check_name(name)
            for role, name in ((Role.USER, user), (Role.ASSISTANT, agent))
            if name
        }

    def add(
        self,
        speaker: str,
        text: str,
        *,
        when: When | None = None,
        author: str | None = None,
        caption: str | None = None,
        source: str | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
    ) -> Record:
        """Add what was said; durable when this returns.

        Args:
            speaker: ``user``, ``assistant``, ``system`` or ``tool``, or a participant's name.
            when: When it was said; now by default, at most a day ahead of the clock.
            author: A name for the speaker, where ``speaker`` is a role.
            caption: Description of something shared along with it.
            key: Idempotency key: the same call again gives the same turn, another body is a conflict.

        Raises:
            InvalidInput, KeyReused.
            Gone: this very turn was forgotten, or the one made with this key.
        """
        return self._space.remembering.add(
            self.id, self._names, speaker, text, when=when, author=author, caption=caption, source=source, key=key,
            tags=tags, attributes=attributes,
        )  # fmt: skip

    def add_many(self, turns: Iterable[Turn]) -> list[Record]:
        """Add several turns in one durable write: all of them or, on any error, none."""
        return self._space.remembering.add_many(self.id, self._names, turns)

    def turns(self, limit: int | None = None) -> list[Record]:
        """What was said, in order; the last ``limit`` turns where given. Superseded turns are there as said."""
        return self._space.inspecting.turns(self.id, limit)
