"""An agent with a memory: it answers line by line, keeps what matters, and goes on where it was killed.

    python examples/agent.py --base-url http://localhost:11434/v1 --model qwen3
    ANTHROPIC_API_KEY=... python examples/agent.py --api anthropic --model claude-sonnet-4-5

Any service that speaks OpenAI's chat completions or Responses, or Anthropic's messages; needs ``holdfast[http]``. What
it remembers is in one file (``--db``). Every question is answered from a context that fits the window, however long the
conversation is; the model has tools to save, look up, note and forget by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from holdfast import Memory, Session
from holdfast.adapters.llm.anthropic import Anthropic
from holdfast.adapters.llm.openai_chat import OpenAIChat
from holdfast.adapters.llm.openai_responses import OpenAIResponses
from holdfast.agent_tools import AgentTools
from holdfast.core.budget import estimate_tokens
from holdfast.model.completion import Tool
from holdfast.ports.language_model import LanguageModel

ROUNDS = 8
"""Calls of tools in a row that one question may take."""
PERSONA = "You are a helpful assistant with a lasting memory. Save what will matter later; answer briefly."


class Agent:
    """One conversation with a model that remembers.

    Args:
        window_tokens: Of the model: context, tools and answer together.
        answer_tokens: The most tokens of one answer.
    """

    def __init__(self, chat: Session, model: LanguageModel, window_tokens: int, answer_tokens: int) -> None:
        self.chat = chat
        self.model = model
        self.handlers: AgentTools = chat.tools()
        self.tools = [
            Tool(one["name"], one["description"], one["input_schema"]) for one in self.handlers.definitions("anthropic")
        ]
        told = estimate_tokens(json.dumps(self.handlers.definitions(model.shape)))
        self.budget_tokens = window_tokens - answer_tokens - told
        self.answer_tokens = answer_tokens
        if self.budget_tokens < 500:
            raise SystemExit(f"A window of {window_tokens} tokens leaves {self.budget_tokens} for the context.")

    def answer(self, text: str, key: str | None = None) -> str:
        """Answer what the user says.

        Args:
            key: Of this question: asked again after a crash, it is no second one, and an answer that was kept is given.
        """
        asked = self.chat.add("user", text, key=key)
        since = self._since(asked.id)
        for _ in range(ROUNDS):
            told = self._told(since)
            if told:
                added = self.handlers.handle(told, shape=self.model.shape)
                if not added:
                    return "".join(map(text_of, told))
            else:
                context = self.chat.context(self.budget_tokens, shape=self.model.shape)
                messages = context.messages()
                answer = self.model.complete(
                    list(messages), system=messages.system, tools=self.tools, max_tokens=self.answer_tokens
                )
                added = list(answer.messages)
            self.chat.add_messages(added, shape=self.model.shape)
            since += added
        return "I was not done after many steps; ask me to go on."

    def _since(self, turn: str) -> list[dict[str, Any]]:
        """What followed a question already, where it was asked before a crash."""
        turns = self.chat.turns(2 * ROUNDS + 2)
        behind = next((place for place, one in enumerate(reversed(turns)) if one.id == turn), 0)
        return list(self.chat.messages(self.model.shape, behind)) if behind else []

    def _told(self, since: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the model said last, and nothing was done about yet."""
        place = len(since)
        while place and (
            since[place - 1].get("role") == "assistant" or since[place - 1].get("type") == "function_call"
        ):
            place -= 1
        return since[place:]


def text_of(message: dict[str, Any]) -> str:
    """The words of a message."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def model_of(given: argparse.Namespace) -> LanguageModel:
    """The model that was asked for; the key comes from the environment."""
    patience = {"retries": given.retries, "timeout_s": given.timeout_s}
    if given.api == "anthropic":
        where = {"base_url": given.base_url} if given.base_url else {}
        return Anthropic(given.model, api_key=os.environ.get("ANTHROPIC_API_KEY"), **where, **patience)
    kind = OpenAIResponses if given.api == "openai-responses" else OpenAIChat
    where = given.base_url or "https://api.openai.com/v1"
    return kind(where, given.model, api_key=os.environ.get("OPENAI_API_KEY"), **patience)


def lines(is_json: bool) -> Iterator[tuple[str | None, str]]:
    """What the user says, with its key where it comes as JSON lines of ``key`` and ``text``."""
    for line in sys.stdin:
        if line.strip():
            given = json.loads(line) if is_json else {"text": line.strip()}
            yield given.get("key"), given["text"]


def main() -> None:
    parser = argparse.ArgumentParser("agent", description=__doc__)
    parser.add_argument("--base-url", help="where the service is, with the version: http://localhost:11434/v1")
    parser.add_argument("--model", required=True)
    parser.add_argument("--api", choices=("openai", "openai-responses", "anthropic"), default="openai")
    parser.add_argument("--db", default="agent.db", help="the file of the memory")
    parser.add_argument("--session", default="main")
    parser.add_argument("--user", default="user")
    parser.add_argument("--window", type=int, default=8_000, help="tokens of the model's window")
    parser.add_argument("--answer-tokens", type=int, default=800)
    parser.add_argument("--no-embedder", action="store_true", help="find by words only")
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("--timeout-s", type=float, default=120.0)
    parser.add_argument("--json-lines", action="store_true", help="questions and answers as JSON, for programs")
    given = parser.parse_args()
    start, used = time.perf_counter(), time.process_time()
    with Memory.open(given.db, embedder=None if given.no_embedder else "auto") as memory:
        if not memory.blocks.list():
            memory.blocks.create("persona", PERSONA, description="how you are")
            memory.blocks.create("human", "", description="what you know of the user at any time")
        chat = memory.session(given.session, user=given.user, agent="agent")
        agent = Agent(chat, model_of(given), given.window, given.answer_tokens)
        context = chat.context(agent.budget_tokens, shape=agent.model.shape)
        resumed_s = time.perf_counter() - start
        if given.json_lines:
            told = {"resumed_s": resumed_s, "processor_s": time.process_time() - used, "parts": len(context.parts)}
            print(json.dumps(told), flush=True)
        else:
            print(f"ready in {resumed_s:.2f} s; what you say is kept in {given.db}", file=sys.stderr)
        for key, text in lines(given.json_lines):
            said = agent.answer(text, key)
            print(json.dumps({"key": key, "text": said}) if given.json_lines else said, flush=True)


if __name__ == "__main__":
    main()
