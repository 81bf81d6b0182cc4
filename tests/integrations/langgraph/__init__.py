"""Tests of the store and the checkpointer for LangGraph; skipped where it is not installed."""

import pytest

pytest.importorskip("langgraph.checkpoint.base")
