"""An offer as a server of the protocol's SDK: what is asked comes in, runs on a thread, and goes out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError

from holdfast import __version__
from holdfast.errors import HoldfastError
from holdfast.surfaces.mcp.offer import Declined
from holdfast.surfaces.mcp.told import for_a_caller
from holdfast.surfaces.wire import error_to_wire

if TYPE_CHECKING:
    from mcp.server.context import HandlerResult
    from mcp.server.session import ServerSession

    from holdfast.memory import Memory
    from holdfast.surfaces.mcp.offer import Offer, Prompt, Resource, Tool

R = TypeVar("R")
_LOG = logging.getLogger("holdfast.mcp")
THREADS: Final = 8
"""Calls that run at once; more wait for one of them."""
WATCHERS: Final = 1_000
"""The most clients that are told of changes; beyond it the first to ask is told no more."""
TELL_S: Final = 1.0
PROMPT_CHARS: Final = 10_000
COMPLETIONS: Final = 100
"""The most that the protocol takes."""
URI_CHARS: Final = 5_000
_COMPLETE: Final = {"resultType": "complete"}
"""Needed from revision 2026-07-28 on; the SDK leaves it out before."""


class Serving:
    """One offer over one memory, for any number of clients at once."""

    def __init__(self, memory: Memory, offer: Offer) -> None:
        self._memory = memory
        self._offer = offer
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._watchers: dict[str | None, ServerSession] = {}
        self._tools = types.ListToolsResult(tools=[_tool(tool) for tool in offer.tools.values()])

    def server(self) -> Server[Any]:
        """The server, to be run over a transport."""
        made: Server[Any] = Server(self._offer.name, version=__version__, instructions=self._offer.instructions)
        # The SDK would tell a tracer of the process about every message.
        made.middleware.clear()
        made.add_request_handler("tools/list", types.PaginatedRequestParams, self._list_tools)
        made.add_request_handler("tools/call", types.CallToolRequestParams, self._call_tool)
        made.add_request_handler("resources/list", types.PaginatedRequestParams, self._list_resources)
        made.add_request_handler("resources/templates/list", types.PaginatedRequestParams, self._list_templates)
        made.add_request_handler("resources/read", types.ReadResourceRequestParams, self._read_resource)
        if self._offer.templates:
            made.add_request_handler("completion/complete", types.CompleteRequestParams, self._complete)
        if self._offer.prompts:
            made.add_request_handler("prompts/list", types.PaginatedRequestParams, self._list_prompts)
            made.add_request_handler("prompts/get", types.GetPromptRequestParams, self._get_prompt)
        if self._offer.watched is not None:
            made.add_request_handler("resources/subscribe", types.SubscribeRequestParams, self._watch)
            made.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, self._unwatch)
        return made

    # Tools

    async def _list_tools(self, context: Any, asked: types.PaginatedRequestParams) -> HandlerResult:
        return self._tools

    async def _call_tool(self, context: Any, asked: types.CallToolRequestParams) -> HandlerResult:
        tool = self._offer.tools.get(asked.name)
        if tool is None:
            if self._offer.unknown is not None:
                return _failed(self._offer.unknown(asked.name))
            raise MCPError(
                types.INVALID_PARAMS,
                f"There is no tool {asked.name[:100]!r}; there are {', '.join(self._offer.tools)}.",
            )
        given = asked.arguments or {}
        try:
            answer = await self._on_thread(
                lambda: tool.run(self._memory, self._offer.check(tool.name, tool.takes, given))
            )
        except Declined as declined:
            return _failed(str(declined))
        except HoldfastError as error:
            return _failed(for_a_caller(error), error)
        except Exception as error:  # noqa: BLE001 - the edge of a server: said to the caller, and to the log
            _LOG.exception("%s failed", tool.name)
            return _failed(for_a_caller(error), error)
        if not tool.reads:
            await self._tell_watchers()
        return {**_COMPLETE, "content": [{"type": "text", "text": answer.text}], "structuredContent": answer.values}

    # Resources

    async def _list_resources(self, context: Any, asked: types.PaginatedRequestParams) -> HandlerResult:
        found = await self._read(lambda: self._offer.resources(self._memory))
        return types.ListResourcesResult(resources=[_resource(one) for one in found])

    async def _list_templates(self, context: Any, asked: types.PaginatedRequestParams) -> HandlerResult:
        templates = [
            types.ResourceTemplate(
                uri_template=one.uri, name=one.name, title=one.title, description=one.says, mime_type=one.form
            )
            for one in self._offer.templates
        ]
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def _read_resource(self, context: Any, asked: types.ReadResourceRequestParams) -> HandlerResult:
        uri = str(asked.uri)
        found = await self._read(lambda: self._offer.read(self._memory, uri)) if len(uri) <= URI_CHARS else None
        if found is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no resource {uri[:200]!r}.", {"uri": uri[:URI_CHARS]})
        contents = types.TextResourceContents(uri=found.uri, mime_type=found.form, text=found.text)
        return types.ReadResourceResult(contents=[contents])

    async def _complete(self, context: Any, asked: types.CompleteRequestParams) -> HandlerResult:
        template = asked.ref.uri if isinstance(asked.ref, types.ResourceTemplateReference) else ""
        name, begun = asked.argument.name, asked.argument.value
        found = await self._read(lambda: self._offer.complete(self._memory, template, name, begun))
        shown = list(found[:COMPLETIONS])
        return types.CompleteResult(
            completion=types.Completion(values=shown, total=len(found), has_more=len(shown) < len(found))
        )

    async def _watch(self, context: Any, asked: types.SubscribeRequestParams) -> HandlerResult:
        if str(asked.uri) == self._offer.watched:
            self._watchers[_client_of(context)] = context.session
            if len(self._watchers) > WATCHERS:
                del self._watchers[next(iter(self._watchers))]
        return types.EmptyResult()

    async def _unwatch(self, context: Any, asked: types.UnsubscribeRequestParams) -> HandlerResult:
        if str(asked.uri) == self._offer.watched:
            self._watchers.pop(_client_of(context), None)
        return types.EmptyResult()

    async def _tell_watchers(self) -> None:
        """Tell every client that watches; one that does not take it in time watches no more."""
        for client, session in list(self._watchers.items()):
            told = False
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError), anyio.move_on_after(TELL_S):
                await session.send_resource_updated(str(self._offer.watched))
                told = True
            if not told:
                self._watchers.pop(client, None)

    # Prompts

    async def _list_prompts(self, context: Any, asked: types.PaginatedRequestParams) -> HandlerResult:
        return types.ListPromptsResult(prompts=[_prompt(one) for one in self._offer.prompts.values()])

    async def _get_prompt(self, context: Any, asked: types.GetPromptRequestParams) -> HandlerResult:
        prompt = self._offer.prompts.get(asked.name)
        if prompt is None:
            raise MCPError(
                types.INVALID_PARAMS,
                f"There is no prompt {asked.name[:100]!r}; there are {', '.join(self._offer.prompts)}.",
            )
        given = _given(prompt, asked.arguments or {})
        said = await self._read(lambda: prompt.render(self._memory, given))
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=said))
        return types.GetPromptResult(description=prompt.says, messages=[message])

    async def _read(self, call: Callable[[], R]) -> R:
        """As `_on_thread`, for what has no result of its own to say an error in."""
        try:
            return await self._on_thread(call)
        except HoldfastError as error:
            raise MCPError(types.INTERNAL_ERROR, for_a_caller(error)) from None
        except Exception as error:  # noqa: BLE001 - the edge of a server: said to the caller, and to the log
            _LOG.exception("a read failed")
            raise MCPError(types.INTERNAL_ERROR, for_a_caller(error)) from None

    async def _on_thread(self, call: Callable[[], R]) -> R:
        # Not given up when the client is gone: what was begun is finished.
        return await anyio.to_thread.run_sync(call, limiter=self._limiter)


def _client_of(context: Any) -> str | None:
    """What tells clients apart that are served at once; None over standard input, which has one."""
    return None if context.request is None else context.request.headers.get("mcp-session-id")


def _failed(words: str, error: Exception | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {**_COMPLETE, "content": [{"type": "text", "text": words}], "isError": True}
    if isinstance(error, HoldfastError):
        told = error_to_wire(error, words)["error"]
        said["_meta"] = {"holdfast/error": told}
    return said


def _given(prompt: Prompt, given: Mapping[str, str]) -> Mapping[str, str]:
    known = {one.name for one in prompt.asks}
    wrong = [f"it has no argument {name[:100]!r}" for name in given if name not in known]
    wrong += [f"it needs {one.name!r}" for one in prompt.asks if one.required and not given.get(one.name, "").strip()]
    wrong += [f"{name!r} is too long; at most {PROMPT_CHARS:,} characters are taken" for name, value in given.items()
              if len(value) > PROMPT_CHARS]  # fmt: skip
    if wrong:
        raise MCPError(types.INVALID_PARAMS, f"The prompt {prompt.name}: {'; '.join(wrong)}.")
    return {name: value for name, value in given.items() if value.strip()}


def _tool(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.says,
        input_schema=tool.takes,
        output_schema=tool.gives,
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.repeats,
            open_world_hint=False,
        ),
    )


def _resource(one: Resource) -> types.Resource:
    return types.Resource(uri=one.uri, name=one.name, title=one.title, description=one.says, mime_type=one.form)


def _prompt(one: Prompt) -> types.Prompt:
    asks = [types.PromptArgument(name=ask.name, description=ask.says, required=ask.required) for ask in one.asks]
    return types.Prompt(name=one.name, title=one.title, description=one.says, arguments=asks)
