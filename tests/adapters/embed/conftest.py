"""Fixtures of the HTTP embedders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_embedders import Waits, ollama, openai

from holdfast.adapters.embed.http import HttpEmbedder
from tests.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture(params=[openai, ollama], ids=["openai", "ollama"])
def embedder(request: pytest.FixtureRequest, server: ScriptedServer, waits: Waits) -> HttpEmbedder:
    return request.param(server, waits)
