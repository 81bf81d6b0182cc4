"""A session of the OpenAI Agents SDK kept in a space: needs the SDK (``pip install "holdfast[openai-agents]"``).

What the SDK keeps between runs are items of the Responses API. Here each is a turn of a `holdfast.Session`: given back
as it was given, and at the same time found by recall, exported, encrypted and forgotten like all else in the space.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from agents.memory.session_settings import SessionSettings, resolve_session_limit

from holdfast import AsyncMemory
from holdfast.errors import ConfirmationNeeded, InvalidInput, NotFound

if TYPE_CHECKING:
    from agents.items import TResponseInputItem

SHAPE: Final = "openai-responses"
WHOLE: Final = "holdfast_item"
"""Beside its words, where an item stands whole that is no message: it has no text of its own, or refers to others."""
ATTEMPTS: Final = 10
"""Times a session is cleared that others write to meanwhile."""
_ROLES: Final = ("user", "assistant", "system", "developer")
_SPOKEN: Final = ("_call", "_call_output", "_list_tools", "_approval_request")
_T = TypeVar("_T")


class HoldfastSession:
    """The ``session=`` of `agents.Runner.run`: the history of one conversation, in a space.

    Calls go to threads of the memory: the event loop never waits for a disk. What adds or takes away is durable when it
    returns; where the caller is cancelled, it is awaited all the same, and the cancellation is raised then.

    Args:
        session_id: Of the `holdfast.Session`; the same one goes on with what is held of it.
        memory: Stays open when this is closed.
        session_settings: How many items to give back, see the SDK.
        user, agent: Names for the roles ``user`` and ``assistant``.
    """

    def __init__(
        self,
        session_id: str,
        memory: AsyncMemory,
        *,
        session_settings: SessionSettings | None = None,
        user: str | None = None,
        agent: str | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings: SessionSettings | None = session_settings or SessionSettings()
        self._memory = memory
        self._session = memory.session(session_id, user=user, agent=agent)
        self._is_ours = False

    @classmethod
    async def open(
        cls, session_id: str, path: str | Path, *, session_settings: SessionSettings | None = None, **opening: Any
    ) -> Self:
        """A session in a space of its own opening, which `close` closes.

        Args:
            opening: As for `holdfast.AsyncMemory.open`.
        """
        one = cls(session_id, await AsyncMemory.open(path, **opening), session_settings=session_settings)
        one._is_ours = True
        return one

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the memory, if `open` opened it."""
        if self._is_ours:
            await self._memory.close()

    @property
    def memory(self) -> AsyncMemory:
        """Where it is kept: to recall from it, or to forget."""
        return self._memory

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """What was said, oldest first.

        What the session was told in another way, such as by `holdfast.Session.add`, comes as items too. The result of a
        call that was forgotten is left out: no model takes it.

        Args:
            limit: The latest so many; those of ``session_settings`` where None, and else all. None for 0, all below it.
        """
        most = resolve_session_limit(limit, self.session_settings)
        if most == 0:
            return []
        wanted = None if most is None or most < 0 else most
        found = await self._session.messages(SHAPE, wanted)
        items = [_whole(message) for message in found.messages]
        return items if wanted is None else items[-wanted:]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items in one durable write: all of them or, on any error, none.

        Raises:
            InvalidInput: an item is no JSON object, or is longer than 1,000,000 characters, such as a large image.
            Refused: the policy of the space lets one of them not be kept.
        """
        if items:
            await _finished(self._add([_as_object(item) for item in items]))

    async def pop_item(self) -> TResponseInputItem | None:
        """Take away the latest item and forget it for good; None where there is none.

        Of several callers at once each gets another one. A message that came in another shape is forgotten whole.
        """
        return await _finished(self._pop())

    async def clear_session(self) -> None:
        """Forget all of the session for good, with what was derived from it; it may go on anew."""
        await _finished(self._clear())

    async def _add(self, items: Sequence[Mapping[str, Any]]) -> None:
        known = {item.get("call_id") for item in items if not str(item.get("type")).endswith("_output")}
        spoken = [item if _is_spoken(item) else _wrapped(item) for item in items]
        with_calls = [
            said if "output" not in item or item.get("call_id") in known else _wrapped(item)
            for item, said in zip(items, spoken, strict=True)
        ]
        for said in (spoken, with_calls):
            try:
                await self._session.add_messages(said, shape=SHAPE)
            except (InvalidInput, NotFound):
                continue  # nothing was written
            return
        await self._session.add_messages([_wrapped(item) for item in items], shape=SHAPE)

    async def _pop(self) -> TResponseInputItem | None:
        while True:
            found = await self._session.messages(SHAPE, 1)
            if not found.messages:
                found = await self._session.messages(SHAPE)
            if not found.messages:
                return None
            receipt = await self._memory.forget(*found.sources[-1], reason="taken back")
            if receipt.forgotten:
                return _whole(found.messages[-1])

    async def _clear(self) -> None:
        for left in reversed(range(ATTEMPTS)):
            preview = await self._memory.preview_forget(session=self.session_id)
            if not preview.selected:
                return
            try:
                await self._memory.forget(session=self.session_id, confirm=preview.token, reason="session cleared")
            except ConfirmationNeeded:
                if not left:
                    raise
                continue  # something was said meanwhile
            return


def _as_object(item: object) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise InvalidInput(
            f"An item of a session is {type(item).__name__} {item!r:.60}; expected an object. Nothing was written."
        )
    return cast("Mapping[str, Any]", item)


def _is_spoken(item: Mapping[str, Any]) -> bool:
    """Whether it is a message, or a call or what it gave, with words of its own."""
    kind = item.get("type")
    if WHOLE in item:  # the name is taken for what is kept whole: of two of them the outer one is ours
        return False
    if kind in (None, "message"):
        content = item.get("content")
        said = content.strip() if isinstance(content, str) else content
        return item.get("role") in _ROLES and bool(said)
    return kind == "reasoning" or str(kind).endswith(_SPOKEN)


def _wrapped(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item beside words for it, as a message that can be kept."""
    role = item.get("role")
    words = item.get("output") or item.get("content")
    named = f"[{item.get('type') or 'message'}]"
    return {
        "role": role if role in _ROLES else "assistant",
        "content": f"{named} {words}" if isinstance(words, str) and words.strip() else named,
        WHOLE: dict(item),
    }


def _whole(message: Mapping[str, Any]) -> TResponseInputItem:
    return cast("TResponseInputItem", message.get(WHOLE, message))


async def _finished(work: Coroutine[Any, Any, _T]) -> _T:
    """Await what changes something to its end, also where the caller is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # looked at, so that it is not reported as lost
        raise cancelled
    return task.result()
