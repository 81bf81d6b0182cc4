"""A small invented data set and a model that needs no files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import report, sample
from holdfast.testing.embedders import HashEmbedder


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three conversations with questions."""
    path = tmp_path_factory.mktemp("bench") / "talk.jsonl"
    path.write_text(sample.lines(count=3, sessions=10, seed=4), "utf-8")
    return path


@pytest.fixture(scope="session")
def small_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short ones, for tests that run everything."""
    path = tmp_path_factory.mktemp("bench") / "small.jsonl"
    path.write_text(sample.lines(count=2, sessions=4, seed=5), "utf-8")
    return path


@pytest.fixture(scope="session")
def measured(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole report over it."""
    return report.measure([talk], HashEmbedder(), tmp_path_factory.mktemp("cache"), seed=7)
