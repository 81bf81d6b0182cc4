from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.coding_agents.scenes import Person


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A user with one resident for all tests of a module; each test takes projects of its own."""
    runtime = Path(tempfile.mkdtemp(prefix="hf-"))
    made = Person(tmp_path_factory.mktemp("home"), runtime)
    yield made
    made.end()
    shutil.rmtree(runtime)
