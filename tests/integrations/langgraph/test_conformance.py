"""The published conformance package of LangGraph passes in full."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("langgraph.checkpoint.conformance")

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from holdfast import Memory
from holdfast.integrations.langgraph import HoldfastSaver

PUBLISHED = 58
"""Tests of the package's first release; later ones have more."""


def test_every_capability_is_there_and_every_test_passes(tmp_path):
    made = iter(range(100))

    @checkpointer_test(name="HoldfastSaver")
    async def saver():
        with Memory.open(tmp_path / f"{next(made)}.db", embedder=None) as memory:
            yield HoldfastSaver(memory)

    report = asyncio.run(validate(saver))
    assert {name for name, one in report.results.items() if one.detected} == {one.value for one in Capability}
    assert {name: one.failures for name, one in report.results.items() if not one.passed} == {}
    assert sum(one.tests_passed for one in report.results.values()) >= PUBLISHED
