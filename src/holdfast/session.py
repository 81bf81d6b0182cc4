"""`Session`: one conversation in a space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.model.records import Record, Role, Scalar
from holdfast.model.reports import Turn
from holdfast.model.times import When
from holdfast.space import Space

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.agent_tools import AgentTools
    from holdfast.model.context import Context
    from holdfast.model.messages import Message, Messages
    from holdfast.model.window import Window
    from holdfast.model.working import Working
    from holdfast.session_groups import Scratch
    from holdfast.talk import Talk


class Session:
    """One conversation. Turns keep their order and their neighbours help to find them.

    It is there with the first thing said in it, and may go on after days. Nothing said for as long as ``idle_ttl_s``
    closes it: what was said is summed up, its working memory dropped. The clock is looked at when the session is used,
    if it was opened with a ``user``, an ``agent`` or an ``idle_ttl_s``, and by `Sessions.close_idle` for all.

    Args:
        user, agent: Names for the roles ``user`` and ``assistant`` in what is added.
        idle_ttl_s: Seconds, 0.001 to a year; half an hour, or what was said before, where None.
    """

    def __init__(
        self,
        space: Space,
        id: str,  # noqa: A002
        *,
        user: str | None,
        agent: str | None,
        idle_ttl_s: float | None = None,
    ) -> None:
        self._space = space
        self.id = space.remembering.check_session(id)
        self._names = {
            role: space.remembering.check_name(name)
            for role, name in ((Role.USER, user), (Role.ASSISTANT, agent))
            if name
        }
        self._is_watched = bool(user or agent) or idle_ttl_s is not None
        self._ttl_s = None if idle_ttl_s is None else _checked_ttl(idle_ttl_s)
        self._is_kept = idle_ttl_s is None
        self._last_ms: int | None = None
        self._last_text: str | None = None
        self._foresees = False

    # Turns

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

        Times that it names are noted as of when it was said, in ``Record.body``, and what "it" stands for where that is
        certain; the words stay as they are.

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
        self._begin(key)
        added = self._space.remembering.add(
            self.id, self._names, speaker, text, when=when, author=author, caption=caption, source=source, key=key,
            tags=tags, attributes=attributes, before=self._before,
        )  # fmt: skip
        self._said([added])
        return added

    def add_many(self, turns: Iterable[Turn]) -> list[Record]:
        """Add several turns in one durable write: all of them or, on any error, none.

        Words for times and things are resolved, as in `add`, up to 100 turns; more is history, taken as it is.
        """
        self._begin()
        added = self._space.remembering.add_many(self.id, self._names, turns, self._before)
        self._said([turn for turn in added if turn.session == self.id])
        return added

    def add_message(
        self,
        message: Message,
        *,
        shape: str | None = None,
        when: When | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
    ) -> Record:
        """Add a message as a provider shapes it, losslessly; durable when this returns.

        Its text is what a person would read of it, with tools that are called and what they gave; a long result of a
        tool by its gist (see `Episodes.full_text`).

        Args:
            message: Of OpenAI's chat completions or Responses, or of Anthropic.
            shape: ``openai``, ``openai-responses`` or ``anthropic``; told by the message itself where None.

        Raises:
            InvalidInput: no content, an unknown role, or no message at all. Nothing was written.
            NotFound: the result of a tool without its call. Nothing was written.
        """
        return self.add_messages((message,), shape=shape, when=when, key=key, tags=tags)[0]

    def add_messages(
        self,
        messages: Iterable[Message],
        *,
        shape: str | None = None,
        when: When | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
    ) -> list[Record]:
        """Add several messages in one durable write: all of them or, on any error, none; see `add_message`."""
        self._begin()
        added = self._talk.messages.add_messages(
            self.id, self._names, messages, shape=shape, when=when, key=key, tags=tags, before=self._before
        )
        self._said(added)
        return added

    def turns(self, limit: int | None = None) -> list[Record]:
        """What was said, in order; the last ``limit`` turns where given. Superseded turns are there as said."""
        return self._space.inspecting.turns(self.id, limit)

    def messages(
        self, shape: str = "openai", limit: int | None = None, *, full: bool = True, strict: bool = False
    ) -> Messages:
        """What was said, as messages in one shape: as it was given where it came in it, converted otherwise.

        Args:
            limit: The last so many; more where a tool's result among them would be without its call.
            full: Long results of tools in full; otherwise by their gist, with the id to ask for all of it.
            strict: Refuse what the shape cannot say, instead of leaving it out and telling so.

        Raises:
            InvalidField: an unknown shape; or with ``strict``, something cannot be said in it.
        """
        return self._talk.messages.messages(self.id, shape, limit, full=full, strict=strict)

    def window(
        self,
        max_tokens: int | None = None,
        *,
        shape: str = "openai",
        max_items: int | None = None,
        max_age_s: float | None = None,
        strategy: str | None = None,
        keep_last: int | None = None,
    ) -> Window:
        """The part of the conversation that fits into a prompt, never more than ``max_tokens``.

        What the system said and the newest messages are there as they were. From 80% of the window on the older ones
        leave in one step, so that what comes first stays the same for many turns and a provider's prompt cache keeps
        hitting. They stay in the space, and `recall` finds them; what they came to is kept and goes with any of them.
        A call of a tool and its results are never separated; where one is missing or comes more than 16 messages later,
        or not even their gists fit, they are told in words. A message that is too large is shown by its gist.

        What is None is as the working tier says (`TierSpec`).

        Args:
            max_tokens: Of everything, by the tokenizer of the space, with 4 for each message and 1,600 for an image.
            max_items: The most messages, without the system's.
            max_age_s: Older messages leave, except the newest ``keep_last``.
            strategy: ``summarize``: what leaves is summed up; ``drop``: it is not; ``relevance``: what bears on what
                is said now stays.
            keep_last: The newest so many messages are not evicted; by their gist where they would not fit.

        Raises:
            InvalidField: an argument is out of its range; or not even what the system said and the last message fit.
        """
        return self._talk.windowing.window(
            self.id, max_tokens, shape=shape, max_items=max_items, max_age_s=max_age_s, strategy=strategy,
            keep_last=keep_last,
        )  # fmt: skip

    def context(
        self,
        budget_tokens: int = 4_000,
        about: str | None = None,
        *,
        now: When | None = None,
        shares: Mapping[str, float] | None = None,
        facts: Mapping[str, Scalar] | None = None,
        shape: str = "openai",
    ) -> Context:
        """What an agent is given before it answers, never more than the budget: see `Context`.

        Blocks, facts about the session's user, procedures that apply, intentions that are due, memories, and what was
        said last, each within its share; what one does not use flows to the others. Every line cites its memory, in a
        fence as data. The same state at the same ``now`` gives the same. Nothing is marked by it: what is due stays so
        until `Intentions.take` or `done`.

        From the first call on, each turn of the user that is added is looked up ahead, in the background.

        Args:
            budget_tokens: Of everything, as text or as messages, whichever has more.
            about: What memories and procedures are looked for by; what the user said last where None.
            shares: By section, 0 (left out) to 1, in place of `holdfast.model.context.SHARES`.
            facts: What intentions with a condition are asked of; see `Intentions.due`.
            shape: The shape in which messages are given as they were added; they can be had in each.

        Raises:
            InvalidInput: a value is not acceptable.
        """
        from holdfast.core.messages import check_shape
        from holdfast.services.contexts import Asked

        self._foresees = True
        wanted = check_shape(shape)
        asked = Asked(self.id, self._names.get(Role.USER), self._talk.recent.of(self.id, wanted), wanted)
        return self._talk.contexts.context(asked, budget_tokens, about, now=now, shares=shares, facts=facts)

    def tools(
        self, *, only: Sequence[str] | None = None, read_only: bool = False, result_tokens: int = 1_500
    ) -> AgentTools:
        """See `holdfast.grouped.Grouped.tools`; what is to be brought up later is noted with this session.

        Blocks that only some may write are edited if the session's agent is one of them.
        """
        from holdfast.agent_tools import tools_of

        return tools_of(self._space, self.id, only, read_only, result_tokens, self._names.get(Role.ASSISTANT))

    # Episodes

    def record(
        self,
        kind: str,
        text: str,
        *,
        input: Any = None,  # noqa: A002
        output: Any = None,
        outcome: str | None = None,
        sentiment: float | None = None,
        resolves: str | None = None,
        user: str | None = None,
        agent: str | None = None,
        when: When | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
    ) -> Record:
        """Record something that happened; durable when this returns.

        Args:
            kind: ``decision``, ``error``, ``outcome``, ``event`` or ``tool_call``.
            text: What it was, in words; it is found by them.
            input, output: What went in and came out, any JSON value.
            outcome: ``success``, ``failure``, ``partial`` or ``abandoned``.
            sentiment: From -1 (bad) to 1 (good).
            resolves: Id of the error that this resolved; it is forgotten with it.
            user, agent: For whom and by whom; the session's by default.

        Raises:
            InvalidInput, NotFound, Gone, KeyReused. Nothing was written.
        """
        self._begin()
        added = self._talk.episodes.record(
            kind, text, session=self.id, user=user or self._names.get(Role.USER),
            agent=agent or self._names.get(Role.ASSISTANT), input_=input, output=output, outcome=outcome,
            sentiment=sentiment, resolves=resolves, when=when, key=key, tags=tags, attributes=attributes,
            before=self._before,
        )  # fmt: skip
        self._said([added])
        return added

    # Working memory

    @property
    def scratch(self) -> Scratch:
        """Values for a while."""
        from holdfast.session_groups import Scratch

        return Scratch(self._space, self.id)

    def working(self, recent: int = 20, *, hours: float | None = None) -> Working:
        """What the session has at hand: what was said last, values that are held, and on request its episodes.

        Args:
            recent: The most of what was said last.
            hours: Also what was said or happened in the session in so many hours, up to 24.
        """
        return self._talk.at_hand.read(self.id, recent, hours)

    def close(self) -> Record | None:
        """End the session, durably: what was said since it was last closed is summed up, its working memory dropped.

        The summary is an episode, derived from those turns: it is forgotten with any of them. More than a thousand
        turns come to several summaries. Whatever is said later resumes the session.

        Returns the newest summary; None where nothing was said, or the policy lets no summary be kept.
        """
        names = self._names
        return self._talk.sessions.close(self.id, "asked", names.get(Role.USER), names.get(Role.ASSISTANT))

    # Use

    @property
    def _talk(self) -> Talk:
        from holdfast.talk import talk_of

        return talk_of(self._space)

    def _begin(self, key: str | None = None) -> None:
        """Before something is written: close the session where it was idle for too long, note what its opener said.

        Args:
            key: Under which a turn is added: one that is there already is no use of the session.
        """
        if not self._is_watched:
            return
        now = self._space.ledger.clock.now_ms()
        sessions = self._talk.sessions
        if not self._is_kept:
            sessions.keep(self.id, self._names.get(Role.USER), self._names.get(Role.ASSISTANT), self._ttl_s)
            self._is_kept = True
        if self._last_ms is None:
            self._ttl_s, last_ms = sessions.standing(self.id)
            self._last_ms = last_ms or now
        # A clock that went back says nothing about how long nobody spoke.
        if sessions.is_over(self._last_ms, now, self._ttl_s):
            if key is not None and self._space.remembering.is_there("add", key):
                return
            # Nobody who adds something waits for a language model.
            sessions.close(self.id, "idle", by_model=False)
        self._last_ms = now

    def _before(self) -> str | None:
        """What was said last."""
        if self._last_text is None:
            last = self._space.inspecting.turns(self.id, 1)
            return last[0].text if last else None
        return self._last_text

    def _said(self, added: Sequence[Record]) -> None:
        if not added:
            return
        self._last_text = added[-1].text
        if self._foresees and added[-1].role is Role.USER:
            self._talk.contexts.foresee(added[-1].text)
        if self._space.working is not None:
            self._talk.at_hand.push(self.id, added)


def _checked_ttl(value: float) -> float:
    from holdfast.core.sessions import check_ttl

    return check_ttl(value, "idle_ttl_s")
