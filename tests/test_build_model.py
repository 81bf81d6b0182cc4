"""The script that builds the model: same weights, same bytes; other weights, nothing."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

for needed in ("onnx", "safetensors"):
    pytest.importorskip(needed, reason=f"{needed} is not installed (uv sync --group weights)")

SCRIPT = Path(__file__).resolve().parents[1] / "packages" / "holdfast-minilm" / "build_model.py"


@pytest.fixture
def script() -> Iterator[Any]:
    specification = importlib.util.spec_from_file_location("build_model", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["build_model"] = module  # Data classes look their module up.
    specification.loader.exec_module(module)
    yield module
    del sys.modules["build_model"]


@pytest.fixture
def small(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script with a model of two narrow layers, an installed distribution that holds it, and its hashes."""
    for name, value in {"LAYERS": 2, "HEADS": 2, "WIDTH": 8}.items():
        monkeypatch.setattr(script, name, value)
    weights, tokenizer = small_weights(), b'{"pretend": true}'
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_bytes(tokenizer)
    pins = {"model.onnx": sha256(script.build_model(weights)), "tokenizer.json": sha256(tokenizer)}
    monkeypatch.setattr(script, "WEIGHTS_SHA256", sha256(weights))
    monkeypatch.setattr(script, "OUTPUTS", pins)
    source = script.Source(folder / "model.safetensors", folder / "tokenizer.json")
    monkeypatch.setattr(script, "find_source", lambda *_: source)
    return SimpleNamespace(script=script, source=source, output=tmp_path / "out")


def small_weights() -> bytes:
    from safetensors.numpy import save

    chance = np.random.default_rng(5)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30, 8),
        "embeddings.position_embeddings.weight": (16, 8),
        "embeddings.token_type_embeddings.weight": (2, 8),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        dense = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        dense += [f"{layer}.attention.output.dense", f"{layer}.intermediate.dense", f"{layer}.output.dense"]
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name in dense:
            rows, columns = (8, 32) if name.endswith(f"{layer}.output.dense") else (8, 8)
            rows = 32 if "intermediate" in name else rows
            shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    shapes |= {f"{name}.{part}": (8,) for name in norms for part in ("weight", "bias")}
    return save({name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_in(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()) for path in folder.iterdir()} if folder.exists() else {}


def test_the_same_weights_give_the_same_bytes(small: Any) -> None:
    weights = small.source.weights.read_bytes()
    assert small.script.build_model(weights) == small.script.build_model(weights)


def test_the_model_names_no_tool_and_no_place(small: Any, tmp_path: Path) -> None:
    import onnx

    content = small.script.build_model(small.source.weights.read_bytes())
    model = onnx.ModelProto.FromString(content)
    assert (model.producer_name, model.producer_version) == ("holdfast-minilm", "")
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "holdfast.model": "minilm-l6-v2/int8",
        "holdfast.dimensions": "8",
    }
    assert str(tmp_path.parent).encode() not in content


def test_the_graph_is_standard_onnx_of_opset_17_with_sentence_and_token_outputs(small: Any) -> None:
    import onnx

    model = onnx.ModelProto.FromString(small.script.build_model(small.source.weights.read_bytes()))
    onnx.checker.check_model(model)
    assert {node.domain for node in model.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert [value.name for value in model.graph.output] == ["sentence", "tokens"]


def test_both_files_are_written_and_a_second_run_leaves_them(small: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--output", str(small.output)]
    assert small.script.main(arguments) == 0
    assert files_in(small.output) == small.script.OUTPUTS
    written = {path.name: path.stat().st_mtime_ns for path in small.output.iterdir()}
    assert small.script.main(arguments) == 0
    assert {path.name: path.stat().st_mtime_ns for path in small.output.iterdir()} == written
    assert "already built" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_damaged_or_missing_file_is_built_again(small: Any, name: str) -> None:
    small.script.build(small.output)
    (small.output / name).write_bytes(b"damaged")
    assert small.script.build(small.output)
    assert files_in(small.output) == small.script.OUTPUTS
    (small.output / name).unlink()
    assert small.script.build(small.output)
    assert files_in(small.output) == small.script.OUTPUTS


def test_force_builds_again(small: Any) -> None:
    assert small.script.build(small.output)
    assert not small.script.build(small.output)
    assert small.script.build(small.output, force=True)


@pytest.mark.parametrize("name", ["weights", "tokenizer"])
def test_doctored_files_are_refused_and_nothing_is_written(
    small: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path: Path = getattr(small.source, name)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert small.script.main(["--output", str(small.output)]) == 1
    assert f"{path.name} has SHA-256" in capsys.readouterr().err
    assert files_in(small.output) == {}


def test_a_model_that_comes_out_differently_is_not_written(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small.script, "OUTPUTS", {**small.script.OUTPUTS, "model.onnx": "0" * 64})
    with pytest.raises(small.script.BuildError, match="locked tools"):
        small.script.build(small.output)
    assert files_in(small.output) == {}


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")

    def fail(_handle: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(script.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        script.write_atomically(target, b"new")
    assert files_in(tmp_path) == {"model.onnx": sha256(b"old")}


def test_weights_that_are_not_installed_are_told_with_what_to_run(script: Any) -> None:
    with pytest.raises(script.BuildError, match="uv sync --group weights"):
        script.find_source("holdfast-no-such-distribution")


def test_a_distribution_without_weights_is_told_by_name(script: Any) -> None:
    with pytest.raises(script.BuildError, match=r"model\.safetensors"):
        script.find_source("pytest")
