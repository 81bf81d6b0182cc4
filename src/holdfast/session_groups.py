"""Verbs around conversations: ``memory.sessions``, ``memory.episodes``, ``memory.tiers`` and ``session.scratch``."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from holdfast.model.episodes import Episode
from holdfast.model.filters import Where
from holdfast.model.records import Record
from holdfast.model.sessions import SessionFound, SessionInfo
from holdfast.model.tiers import SweepReport, TierHolding
from holdfast.model.times import When
from holdfast.space import Space
from holdfast.talk import talk_of


class Sessions:
    """The conversations of a space."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def list(
        self,
        *,
        user: str | None = None,
        agent: str | None = None,
        closed: bool | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
    ) -> builtins.list[SessionInfo]:
        """Every session that meets the conditions, the one last spoken in first.

        Args:
            closed: Only those that are, or are not.
            since, until: Something was said in them from, and before, these times.
        """
        return talk_of(self._space).sessions.list(user, agent, closed=closed, since=since, until=until, limit=limit)

    def search(self, text: str, *, limit: int = 10) -> builtins.list[SessionFound]:
        """Sessions in which something about a text was said, with what was found; the nearest first."""
        return talk_of(self._space).sessions.search(text, limit)

    def get(self, id: str) -> SessionInfo:  # noqa: A002
        """One session.

        Raises:
            NotFound: nothing was ever said in it.
        """
        return talk_of(self._space).sessions.get(id)

    def close_idle(self, now: When | None = None) -> builtins.list[Record]:
        """Close every session in which nothing was said for as long as it may be idle; gives their summaries.

        What was imported was not said here, so those sessions stay as they are.
        """
        return talk_of(self._space).sessions.close_idle(now)


class Episodes:
    """What was said, called, decided, went wrong, came of it or happened."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def list(
        self,
        *,
        kind: str | Sequence[str] | None = None,
        participant: str | None = None,
        tag: str | None = None,
        session: str | None = None,
        since: When | None = None,
        until: When | None = None,
        during: str | None = None,
        concerning: str | None = None,
        outcome: str | None = None,
        where: Where | None = None,
        limit: int | None = None,
    ) -> builtins.list[Episode]:
        """Episodes that meet every condition, oldest first; an error comes with what resolved it.

        Args:
            kind: ``turn``, ``tool_call``, ``decision``, ``error``, ``outcome``, ``event``, ``summary``, or several.
            participant: Who spoke, acted, or was served.
            since, until: Said or happened from, and before, these times.
            during: The same in words, such as ``"last Tuesday"`` or ``"in May"``.
            concerning: Its text names this time, such as ``"tomorrow"``, whenever it was said.
            outcome: ``success``, ``failure``, ``partial`` or ``abandoned``.
            limit: The newest so many.

        Raises:
            InvalidInput.
        """
        return talk_of(self._space).episodes.list(
            kind, participant=participant, tag=tag, session=session, since=since, until=until, during=during,
            concerning=concerning, outcome=outcome, where=where, limit=limit,
        )  # fmt: skip

    def similar(
        self, text: str, *, kind: str | Sequence[str] | None = None, limit: int = 5, outcome: str | None = None
    ) -> builtins.list[Episode]:
        """Episodes like a text, the nearest first: "we solved this before".

        Args:
            outcome: Only what ended so, errors by what resolved them.
        """
        return talk_of(self._space).episodes.similar(text, kind=kind, limit=limit, outcome=outcome)

    def said(self, question: str, *, now: When | None = None) -> builtins.list[Episode]:
        """Every time that a question means, oldest first: "when did the user ask about Python".

        Who spoke, what about and when are read from the question (English); the words it is about must be in the text,
        in any form. All of them are given, not the best ones.

        Args:
            now: The moment the question is asked, for "last week".
        """
        return talk_of(self._space).episodes.said(question, now=now)

    def resolve(self, id: str, text: str, *, outcome: str = "success", agent: str | None = None) -> Record:  # noqa: A002
        """Note what resolved an error, as an outcome that goes with it.

        Raises:
            NotFound, Gone.
            InvalidField: it is no error.
        """
        return talk_of(self._space).episodes.resolve(id, text, outcome, agent=agent)

    def full_text(self, id: str) -> str:  # noqa: A002
        """The whole text of an episode, also of a tool's long result, which is kept by its gist.

        Raises:
            NotFound, Gone.
        """
        return talk_of(self._space).messages.full_text(id)


class Scratch:
    """Values that a session holds for a while. They are no memories: never recalled, in no export and no journal.

    They go when their time is up, when the session is closed, and when anything of the session is forgotten.
    """

    def __init__(self, space: Space, session: str) -> None:
        self._space = space
        self._session = session

    def put(self, key: str, value: Any, *, ttl_s: float | None = None) -> None:
        """Hold a JSON value under a key, in place of the one before.

        Args:
            ttl_s: For how long, 0.001 s to a year; an hour by default, or what the working tier says.

        Raises:
            InvalidInput: the key, the value or the lifetime is not acceptable. Nothing was written.
            QuotaExceeded: the session holds a thousand values. Nothing was written.
        """
        talk_of(self._space).at_hand.put(self._session, key, value, ttl_s)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under a key; the default where there is none any more."""
        return talk_of(self._space).at_hand.get(self._session, key, default)

    def delete(self, key: str) -> bool:
        """Drop a value; whether there was one."""
        return talk_of(self._space).at_hand.delete(self._session, key)

    def keys(self) -> list[str]:
        """Keys that hold a value, sorted."""
        return talk_of(self._space).at_hand.keys(self._session)


class Tiers:
    """The tiers of a space: how much of which memory stays, for how long, and how it is found."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def list(self) -> builtins.list[TierHolding]:
        """Every tier, as it was declared, and how many memories it holds."""
        return talk_of(self._space).tiering.list()

    def read(self, name: str, query: str | None = None, *, limit: int = 10) -> builtins.list[Record]:
        """What a tier holds, found in its own way.

        Args:
            query: Needed where the tier is read by similarity or key; elsewhere the newest are given without.

        Raises:
            InvalidField: there is no such tier, or it holds no memories.
        """
        return talk_of(self._space).tiering.read(name, query, limit)

    def sweep(self, name: str | None = None, *, dry_run: bool = True) -> SweepReport:
        """Forget what tiers hold beyond their lifetime and capacity, with receipts; a dry run only says what.

        Only tiers that evict by ``expire`` or ``drop`` forget. What a held fact was derived from stays. What is
        forgotten so is not kept out: should it be said again, it comes again.

        Args:
            name: One tier; all that forget by default.
        """
        return talk_of(self._space).tiering.sweep(name, dry_run=dry_run)
