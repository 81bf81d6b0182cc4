"""Finds the language model that somebody named, without calling its service."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from holdfast.errors import InvalidField
from holdfast.ports.language_model import LanguageModel

OPENAI_URL: Final = "https://api.openai.com/v1"
ANTHROPIC_URL: Final = "https://api.anthropic.com/v1"
OLLAMA_URL: Final = "http://localhost:11434"
KEY_VARIABLE: Final = "HOLDFAST_MODEL_KEY"
TIMEOUT_S: Final = 30.0
"""Seconds for an answer: whoever waits for a summary gets an extractive one after that."""
RETRIES: Final = 1
SERVICE: Final = re.compile(
    r"(?P<kind>openai-responses|openai|anthropic|ollama):(?P<model>[^@\s]+?)(?:@(?P<url>https?://\S+))?", re.IGNORECASE
)
_URLS: Final = {
    "openai": OPENAI_URL, "openai-responses": OPENAI_URL, "anthropic": ANTHROPIC_URL, "ollama": OLLAMA_URL,
}  # fmt: skip
_OWN_KEYS: Final = {OPENAI_URL: "OPENAI_API_KEY", ANTHROPIC_URL: "ANTHROPIC_API_KEY"}


def find_model(named: str, environment: Mapping[str, str] | None = None) -> LanguageModel | None:
    """The language model of a name; None for ``none``.

    Written ``openai:MODEL``, ``openai-responses:MODEL``, ``anthropic:MODEL`` or ``ollama:MODEL``, with ``@https://…``
    behind it for another address. Its key is read from ``HOLDFAST_MODEL_KEY``, or from ``OPENAI_API_KEY`` or
    ``ANTHROPIC_API_KEY`` for those two's own hosts only; it is kept nowhere else.

    Raises:
        InvalidField: it is not written like that.
    """
    if named.strip().lower() == "none":
        return None
    service = SERVICE.fullmatch(named.strip())
    if service is None:
        raise InvalidField(
            f"The language model is {shown(named)!r:.80}; expected none, or openai:MODEL, openai-responses:MODEL, "
            "anthropic:MODEL or ollama:MODEL, with @https://host/v1 behind it for another address. Nothing was made."
        )
    kind = service["kind"].lower()
    address = service["url"] or _URLS[kind]
    try:
        key = _key(address, os.environ if environment is None else environment)
    except ValueError:
        raise InvalidField(
            f"The address of the language model {shown(named)!r:.80} cannot be read; expected https://host/v1 or the "
            "like. Nothing was made."
        ) from None
    return _made(kind, service["model"], address, key)


def shown(named: str) -> str:
    """What names a model, as it may be printed: an address may hold a key."""
    before, at, _ = named.partition("@")
    return f"{before}@***" if at else named


def _key(address: str, environment: Mapping[str, str]) -> str | None:
    if stated := environment.get(KEY_VARIABLE):
        return stated
    parts = urlsplit(address)
    for own, variable in _OWN_KEYS.items():
        its = urlsplit(own)
        # Another host must not be handed the key of this one.
        if (parts.scheme, parts.hostname) == (its.scheme, its.hostname):
            return environment.get(variable) or None
    return None


def _made(kind: str, model: str, address: str, key: str | None) -> LanguageModel:
    from holdfast.adapters.llm.anthropic import Anthropic
    from holdfast.adapters.llm.ollama import Ollama
    from holdfast.adapters.llm.openai_chat import OpenAIChat
    from holdfast.adapters.llm.openai_responses import OpenAIResponses

    makers: dict[str, Callable[..., Any]] = {
        "anthropic": Anthropic, "ollama": Ollama, "openai": OpenAIChat, "openai-responses": OpenAIResponses,
    }  # fmt: skip
    options: dict[str, Any] = {
        "api_key": key, "timeout_s": TIMEOUT_S, "retries": RETRIES, "patience_s": 2.0,
    }  # fmt: skip
    if kind in ("openai", "openai-responses"):
        return makers[kind](address, model, **options)
    return makers[kind](model, base_url=address, **options)
