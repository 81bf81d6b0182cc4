"""Embedders over the scripted server, with their waiting recorded instead of done."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.adapters.embed.http import OllamaEmbedder, OpenAIEmbedder
from holdfast.adapters.service import Pace
from tests.scripted_server import DIMENSIONS, ScriptedServer, vector_of

KEY = "sk-very-secret-0123456789"
NOW = 1_700_000_000.0


class Waits(list[float]):
    """Records what would have been slept."""

    def pace(self, chance: float = 0.0) -> Pace:
        return Pace(sleep=self.append, chance=lambda: chance, wall=lambda: NOW)


def openai(server: ScriptedServer, waits: Waits, **options: Any) -> OpenAIEmbedder:
    return OpenAIEmbedder(f"{server.url}/v1", "small", **{"pace": waits.pace(), "api_key": KEY, **options})


def ollama(server: ScriptedServer, waits: Waits, **options: Any) -> OllamaEmbedder:
    return OllamaEmbedder(server.url, "minilm", **{"pace": waits.pace(), **options})


def unit(text: str, dimensions: int = DIMENSIONS) -> np.ndarray:
    vector = np.array(vector_of(text, dimensions))
    return vector / np.linalg.norm(vector)
