"""``memory.tools()``: what an agent is given so that it keeps and finds its memory by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from holdfast.core import agent_tools as core
from holdfast.core import border
from holdfast.core.agent_tools import ToolSpec
from holdfast.core.messages import check_shape, read_message, shape_of
from holdfast.core.names import name_key
from holdfast.core.render import Shown, fenced, visible
from holdfast.core.secrets import normalised
from holdfast.errors import Closed, HoldfastError, InvalidField, NotAllowed, Recalled
from holdfast.model.access import OWNER
from holdfast.model.agent_tools import ToolResult
from holdfast.model.intentions import IntentionState
from holdfast.model.messages import Message
from holdfast.model.records import Origin
from holdfast.space import Space

ARCHIVE = "archive"
"""The tag of what stands in the archive."""
RESULT_TOKENS = 1_500
HITS = 5
LEAST_TOKENS = 200
_ID_TOKENS = 30
_SAMPLES = 5
_ALIKE = 5
"""Memories that are compared with what is to be saved."""


class AgentTools:
    """Tools for a model that acts: their definitions, and what answers its calls.

    An error is a result too, in words that the model can act on; a call raises only where the memory is closed.
    """

    def __init__(
        self, space: Space, session: str | None = None, *, only: Sequence[str] | None = None,
        result_tokens: int = RESULT_TOKENS, agent: str | None = None,
    ) -> None:  # fmt: skip
        self._space = space
        self._session = session
        self._agent = agent
        self._specs = core.chosen(only, read_only=isinstance(self, ReadingTools))
        most = border.check_count(result_tokens, "result_tokens", 1_000_000)
        if most < LEAST_TOKENS:
            raise InvalidField(f"result_tokens is {most}; expected {LEAST_TOKENS} or more.")
        self._most = most

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools."""
        return tuple(spec.name for spec in self._specs)

    def definitions(self, shape: str = "openai") -> list[dict[str, Any]]:
        """The tools as a provider takes them, with a JSON schema each.

        Args:
            shape: ``openai``, ``openai-responses`` or ``anthropic``.

        Raises:
            InvalidField: another shape.
        """
        return core.definitions(self._specs, check_shape(shape))

    def call(self, name: str, arguments: Mapping[str, Any] | str | None = None) -> ToolResult:
        """Do what a model asks for.

        Args:
            arguments: A mapping, or the JSON that the model wrote.

        Returns a result that is bounded in tokens; where the call was wrong or failed, one that says so.

        Raises:
            Closed: the memory was closed.
        """
        spec = next((one for one in self._specs if one.name == name), None)
        if spec is None:
            return self._error(str(name)[:64], f"There is no tool {_named(name)}; there are {', '.join(self.names)}.")
        try:
            return self._bounded(spec.name, self._do(spec, core.read_arguments(spec, arguments)))
        except Closed:
            raise
        except Recalled as error:
            ids = list(error.memories[:3])
            return self._bounded(spec.name, _json(stored=False, already=ids, why=str(error)))
        except HoldfastError as error:
            return self._error(spec.name, str(error))

    def handle(self, message: Message | Iterable[Message], *, shape: str | None = None) -> list[dict[str, Any]]:
        """Answer every call in a provider's message, or several of them.

        Args:
            message: As the provider gave it, such as ``Completion.messages``.
            shape: Told by the message itself where None.

        Returns the messages that go back to the model, in the same shape; none where nothing was called.

        Raises:
            InvalidInput: it is no message of a provider.
            Closed.
        """
        if not isinstance(message, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidField(f"A message is {type(message).__name__} {message!r:.60}; expected a provider's mapping.")
        given: list[Message] = [message] if isinstance(message, Mapping) else list(message)  # pyright: ignore
        found = check_shape(shape) if shape else shape_of(given[0]) if given else "openai"
        calls = [call for one in given for call in read_message(one, found).calls]  # all is read before any is answered
        results = [(call.id, self.call(call.name, call.arguments)) for call in calls]
        return core.result_messages(found, [(id_, result.text, result.ok) for id_, result in results])

    # What they do

    def _do(self, spec: ToolSpec, given: dict[str, Any]) -> str:
        match spec.verb:
            case "save":
                return self._save(given)
            case "recall":
                return self._recall(given, None)
            case "archive_search":
                return self._recall(given, {"tag": ARCHIVE})
            case "archive_insert":
                tags = (ARCHIVE, *given.get("tags", ()))
                return self._remember(given["text"], source=given.get("source"), tags=tags)
            case "block_append":
                self._check_writer(given["label"])
                block = self._space.blocks.append(given["label"], given["text"], version=None)
                return _json(stored=True, label=block.label, version=block.version, left=block.left, unit=block.unit)
            case "block_replace":
                self._check_writer(given["label"])
                block = self._space.blocks.replace(given["label"], given["old"], given["new"], version=None)
                return _json(stored=True, label=block.label, version=block.version, left=block.left, unit=block.unit)
            case "intend":
                return self._intend(given)
            case "intention_done":
                return self._done(given["text"])
            case _:
                return self._forget(given)

    def _check_writer(self, label: str) -> None:
        """Refuse what only some may edit, where the owner's program acts for a model that is none of them.

        Raises:
            NotAllowed.
        """
        block = self._space.blocks.get(label)
        if self._space.actor != OWNER or block.writers is None:
            return
        if self._agent is None or name_key(self._agent) not in map(name_key, block.writers):
            named = ", ".join(block.writers) or "its owner alone"
            raise NotAllowed(f"The block {label!r} is written by {named}; you may read it. Nothing was done.")

    def _save(self, given: dict[str, Any]) -> str:
        text = border.check_text(given["text"])
        alike = self._space.recalling.recall(
            text, budget_tokens=None, limit=_ALIKE, where=None, since=None, until=None, now=None, counted=False
        )
        said = normalised(text)
        for hit in alike:
            if normalised(hit.text) == said:
                return _json(stored=False, already=[hit.id], why="These words are remembered already.")
        return self._remember(
            text, subject=given.get("about"), category=given.get("category"), importance=given.get("importance", 0.5)
        )

    def _remember(self, text: str, **noted: Any) -> str:
        fields: dict[str, Any] = {
            "category": None, "subject": None, "predicate": None, "object_": None, "source": None, "sources": (),
            "key": None, "when": None, "until": None, "tags": (), "attributes": None, "confidence": 1.0,
            "importance": 0.5, "origin": Origin.AGENT, "readmit": False,
        }  # fmt: skip
        record = self._space.remembering.remember(text, **(fields | noted))
        told = {} if not record.reasons else {"policy": list(record.reasons)}
        return _json(stored=True, id=record.id, **told)

    def _recall(self, given: dict[str, Any], where: dict[str, Any] | None) -> str:
        limit = min(given.get("limit", HITS), max(1, (self._most - LEAST_TOKENS // 2) // (2 * _ID_TOKENS)))
        found = self._space.recalling.recall(
            given["query"], budget_tokens=max(1, self._most - limit * _ID_TOKENS - _ID_TOKENS), limit=limit,
            where=where, since=given.get("since"), until=given.get("until"), now=None,
        )  # fmt: skip
        if not found:
            return _json(found=0, why=found.degraded or "Nothing is remembered about that.")
        ids = ", ".join(f"[{number}] {hit.id}" for number, hit in enumerate(found, 1))
        return f"{found.text}\nids: {ids}"

    def _intend(self, given: dict[str, Any]) -> str:
        one = self._space.intentions.add(
            given["text"], when=given.get("when"), event=given.get("event"), condition=None,
            until=given.get("until"), about=None, session=self._session, key=None,
        )  # fmt: skip
        from holdfast.model.times import format_when

        when = {} if one.when_ms is None else {"when": format_when(one.when_ms)}
        return _json(noted=True, id=one.id, **when)

    def _done(self, text: str) -> str:
        open_ = [
            one
            for state in (IntentionState.FIRED, IntentionState.PENDING)
            for one in self._space.intentions.all(state)
            if normalised(one.text) == normalised(text) or one.id == text.strip()
        ]
        if not open_:
            raise InvalidField(
                f"Nothing of that wording is to be brought up: {text!r:.80}. Give its words as they stand."
            )
        done = self._space.intentions.close(open_[0].id, IntentionState.DONE)
        return _json(done=True, id=done.id)

    def _forget(self, given: dict[str, Any]) -> str:
        """Show what would go; only with the code of exactly that does it go."""
        forgetting = self._space.forgetting
        selection = forgetting.selection(
            tuple(given.get("ids", ())), about=given.get("about"), mentions=False, session=None, since=None,
            until=None, where=None, query=given.get("query"), limit=10,
        )  # fmt: skip
        preview = forgetting.preview(selection)
        if not preview.selected:
            return _json(would_forget=0, why="No memory meets that.")
        if given.get("confirm") != preview.token:
            why = "That code stands for other memories." if "confirm" in given else "Nothing was forgotten yet."
            shown = fenced([Shown(record) for record in preview.selected[:_SAMPLES]])
            shown = shown if self._space.recalling.count(shown) < self._most - LEAST_TOKENS else ""
            asked = _json(would_forget=len(preview), confirm=preview.token, why=f"{why} Ask the user first.")
            ids = ", ".join(f"[{place}] {record.id}" for place, record in enumerate(preview.selected[:_SAMPLES], 1))
            return f"{asked}\n{shown}\nids: {ids}" if shown else asked
        only = forgetting.selection(
            tuple(record.id for record in preview.selected), about=None, mentions=False, session=None, since=None,
            until=None, where=None, query=None, limit=10,
        )  # fmt: skip
        receipt = forgetting.forget(only, reason=None, confirm=preview.token)
        return _json(forgotten=len(receipt.forgotten) + len(receipt.derived), receipt=receipt.id)

    # Bounds

    def _error(self, name: str, why: str) -> ToolResult:
        found = self._bounded(name, _json(error=visible(why)))
        return ToolResult(found.name, found.text, ok=False)

    def _bounded(self, name: str, text: str) -> ToolResult:
        count = self._space.recalling.count
        if count(text) <= self._most:
            return ToolResult(name, text)
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if count(text[:middle] + " [cut]") <= self._most else (low, middle - 1)
        return ToolResult(name, text[:low] + " [cut]")


class ReadingTools(AgentTools):
    """Those of `AgentTools` that change nothing."""


def tools_of(
    space: Space, session: str | None, only: Sequence[str] | None, read_only: bool, result_tokens: int,
    agent: str | None = None,
) -> AgentTools:  # fmt: skip
    """The tools of a space, or of one session in it, for the agent of that name."""
    kind = ReadingTools if read_only else AgentTools
    return kind(space, session, only=only, result_tokens=result_tokens, agent=agent)


def _json(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _named(name: object) -> str:
    return f"{name!r:.60}" if isinstance(name, str) else f"of the type {type(name).__name__}"
