"""``memory.intentions``: what to bring up later, by time, event or condition."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from holdfast.model.filters import Where
from holdfast.model.intentions import Intention, IntentionState
from holdfast.model.records import Scalar
from holdfast.model.times import When
from holdfast.space import Space


class Intentions:
    """What is to be brought up later.

    An intention is *pending* until somebody takes it, then *fired*, and at last *done* or *cancelled*; one that nobody
    took before its end is *expired*. Of all processes that take from one space file exactly one gets it: at most once
    to a taker without a session. A taker that names its session gets it again with every `take` until it is `done`,
    so that a crash between taking and using loses nothing: at least once to that session, and to nobody else.
    """

    def __init__(self, space: Space) -> None:
        self._space = space

    def add(
        self,
        text: str,
        *,
        when: When | None = None,
        event: str | None = None,
        condition: Where | None = None,
        until: When | None = None,
        about: str | None = None,
        session: str | None = None,
        key: str | None = None,
    ) -> Intention:
        """Note something to bring up later, at a time, after an event, or when a condition holds; durable.

        Args:
            text: What to bring up, 1 to 10,000 characters.
            when: A time, or English such as ``next Friday``, ``tomorrow at 9am``, ``in two weeks``, read now and in UTC
                as the next such time: the result says as what (``when_ms``). A day means its first moment.
            event: The name of an event, told by `fire`.
            condition: A filter over facts by their names, a mapping or a text such as ``"open_tickets > 3"``; it is
                asked of the facts given to `due` and `take`. As in every filter a fact that is not given equals
                nothing, so ``!=`` and ``not`` are true of it.
            until: From then on it is not wanted any more, unless it was taken before.
            about: Whom or what it concerns: forgotten with ``forget(about=...)``.
            session: The conversation it came up in: forgotten with ``forget(session=...)``.
            key: Idempotency key: the same call again gives the same intention. The same words for a time are the
                same call, whenever they come again: the intention stays at the time that they meant first.

        Raises:
            InvalidField: not exactly one of ``when``, ``event`` and ``condition``, or a value is not acceptable.
            InvalidTime: a time cannot be read, is in words and past, or the end is before the beginning.
            InvalidFilter, InvalidText.
            KeyReused, Gone: the key was used for another one, or for one that was forgotten.
            Refused: the policy does not let it be kept as it is, would set it apart, or would change the event or
                the condition, so that it would never come about.
        """
        return self._space.intentions.add(
            text, when=when, event=event, condition=condition, until=until, about=about, session=session, key=key
        )

    def get(self, id: str) -> Intention:  # noqa: A002
        """One intention, as it stands now.

        Raises:
            NotFound, Gone.
        """
        return self._space.intentions.get(id)

    def list(self, state: IntentionState | str | None = None) -> builtins.list[Intention]:
        """Every intention, or those in one state, oldest first; without those that a later policy set apart.

        Raises:
            InvalidField: there is no such state.
        """
        return self._space.intentions.all(state)

    def due(self, now: When | None = None, *, facts: Mapping[str, Scalar] | None = None) -> builtins.list[Intention]:
        """What is to be brought up, longest due first. Nothing is marked: it stays due until it is taken.

        Args:
            now: The moment it is asked for; the clock's by default. Should the clock go backwards, what is not due
                any more waits again; what was taken stays so.
            facts: What conditions are asked of, by name: texts, numbers and booleans. Without any, no condition holds.
        """
        return self._space.intentions.due(now, facts)

    def take(
        self,
        now: When | None = None,
        *,
        facts: Mapping[str, Scalar] | None = None,
        session: str | None = None,
        limit: int | None = None,
    ) -> builtins.list[Intention]:
        """Take what is due, longest due first, marking it as fired, durably: nobody else gets it.

        Args:
            now, facts: See `due`.
            session: Who takes it. What this session took before and did not close comes again, first.
            limit: The most that are given, 1 to 1,000.
        """
        return self._space.intentions.take(now, facts, session, limit)

    def fire(self, event: str) -> builtins.list[Intention]:
        """Tell that an event happened: what waits for it is due from now on, until somebody takes it.

        Gives what was not due before. An event that nobody waits for leaves no trace, and what is noted later waits
        for the next one.
        """
        return self._space.intentions.fire(event)

    def snooze(self, id: str, until: When) -> Intention:  # noqa: A002
        """Put it off: it is not due before ``until``. What was taken, or its event happened, is due then.

        Raises:
            InvalidTime: that is past, or not before its end.
            Conflict: it is done, cancelled or expired.
            NotFound, Gone.
        """
        return self._space.intentions.snooze(id, until)

    def done(self, id: str) -> Intention:  # noqa: A002
        """It was brought up, or is settled: it is never due again. Again changes nothing.

        Raises:
            Conflict: it is cancelled or expired.
            NotFound, Gone.
        """
        return self._space.intentions.close(id, IntentionState.DONE)

    def cancel(self, id: str) -> Intention:  # noqa: A002
        """It is not wanted any more. Again changes nothing.

        Raises:
            Conflict: it is done or expired.
            NotFound, Gone.
        """
        return self._space.intentions.close(id, IntentionState.CANCELLED)
