"""The wheels are the product: built, installed into an empty environment without an index, and used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from bench.install_size import LIST, MOST_MB, MOST_PACKAGES

ROOT = Path(__file__).resolve().parent.parent
UV = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
MOST_MINILM_BYTES = 25_000_000
RECALL = """
from holdfast import Memory
with Memory.open("ada.db") as memory:
    chat = memory.session("chat-1")
    chat.add("user", "I moved to Lisbon in May.")
    chat.add("user", "My sister plays the cello.")
    assert memory.settle() == 0
    found = memory.recall("In which city do I live now?", limit=1)
    assert found.degraded is None, found.degraded
    print(found[0].text)
    import holdfast
    print(holdfast.__file__)
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--quiet", "--wheel", "--all-packages", "--out-dir", folder, cwd=ROOT)
    return sorted(folder.glob("*.whl"))


@pytest.mark.slow
def test_both_wheels_are_built_and_small(wheels):
    names = [wheel.name.split("-")[0] for wheel in wheels]
    assert names == ["holdfast", "holdfast_minilm"]
    assert wheels[0].stat().st_size < 2_000_000
    assert "holdfast/examples/explain.yaml" in ZipFile(wheels[0]).namelist()
    assert 10_000_000 < wheels[1].stat().st_size < MOST_MINILM_BYTES


@pytest.mark.slow
def test_the_wheels_hold_what_they_should_and_nothing_else(wheels):
    for wheel, package in zip(wheels, ("holdfast", "holdfast_minilm"), strict=True):
        with ZipFile(wheel) as held:
            sizes = {one.filename: one.file_size for one in held.infolist()}
            metadata = held.read(next(name for name in sizes if name.endswith("/METADATA"))).decode()
        assert f"{package}/py.typed" in sizes
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in sizes)
        assert {name.split("/")[0].split("-")[0] for name in sizes} == {package}
        assert [name for name in sizes if "/tests/" in name or name.endswith((".db", ".pyc", ".ipynb"))] == []
        assert "License-Expression: Apache-2.0" in metadata
        assert "Description-Content-Type: text/markdown" in metadata
        if package == "holdfast":
            assert max(sizes.values()) < 150_000, "the core is code: what is larger belongs elsewhere"
            assert "Provides-Extra: openai-agents" in metadata


@pytest.mark.slow
def test_the_installed_wheels_recall_without_reaching_an_index(wheels, tmp_path):
    environment = tmp_path / "clean"
    # What the wheels need comes from the lock and the local cache alone; then the wheels themselves.
    needs = tmp_path / "project"
    needs.mkdir()
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, needs)
    shutil.copytree(ROOT / "packages", needs / "packages", ignore=shutil.ignore_patterns("*.onnx", "__pycache__"))
    frozen = ("--quiet", "--frozen", "--offline", "--no-default-groups", "--no-install-workspace")
    run(UV, "sync", *frozen, "--python", sys.executable, cwd=needs, UV_PROJECT_ENVIRONMENT=str(environment))
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--no-index", "--no-deps", "--python", python, *wheels, cwd=tmp_path)
    said = run(python, "-c", RECALL, cwd=tmp_path).splitlines()
    assert said[0] == "I moved to Lisbon in May."
    assert str(environment) in said[1]
    rows = json.loads(run(python, "-I", "-c", LIST, cwd=tmp_path))
    assert len(rows) <= MOST_PACKAGES
    assert sum(size for _, _, size in rows) / 1e6 <= MOST_MB
    assert run(environment / "bin" / "holdfast", "--version", cwd=tmp_path).strip().endswith("0.1.0")
