"""The local model: exact, close to the fp32 one, quick on any text, and loaded as late as possible."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.adapters.embed import onnx as adapter
from holdfast.adapters.embed.onnx import OnnxEmbedder, identify
from holdfast.errors import EmbedderRefused, InvalidField, NoEmbedder
from holdfast.ports.embedder import TokenEmbedder
from holdfast.testing.embedder_contract import EmbedderContract

minilm = pytest.importorskip("holdfast_minilm", reason="the data distribution holdfast-minilm is not installed")
try:
    MODEL, TOKENIZER = minilm.files()
except FileNotFoundError as missing:
    pytest.skip(str(missing), allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def shared() -> OnnxEmbedder:
    return OnnxEmbedder(MODEL, TOKENIZER)


@pytest.fixture(scope="module")
def single() -> OnnxEmbedder:
    return OnnxEmbedder(MODEL, TOKENIZER, threads=1)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Copies that a test may change."""
    copies = tmp_path / "model.onnx", tmp_path / "tokenizer.json"
    for original, copy in zip((MODEL, TOKENIZER), copies, strict=True):
        copy.write_bytes(original.read_bytes())
    return copies


class TestOnnxKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self, shared: OnnxEmbedder) -> OnnxEmbedder:
        return shared


class TestOneThreadKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self, single: OnnxEmbedder) -> OnnxEmbedder:
        return single


# What the vectors mean


def test_what_is_alike_is_nearer_than_what_is_not(shared: OnnxEmbedder) -> None:
    query = shared.embed_query("where does Ada live?")
    near, far = shared.embed(["Ada moved to Lisbon in May.", "The invoice is overdue."]) @ query
    assert near > far + 0.3


def test_vectors_do_not_depend_on_the_number_of_threads() -> None:
    texts = [f"Note {number} about the harbour." for number in range(20)]
    one, four = (OnnxEmbedder(MODEL, TOKENIZER, threads=threads).embed(texts) for threads in (1, 4))
    assert one.tobytes() == four.tobytes()


def test_another_process_gets_the_same_bytes(shared: OnnxEmbedder) -> None:
    script = (
        "from pathlib import Path; import sys; from holdfast.adapters.embed.onnx import OnnxEmbedder;"
        "sys.stdout.write(OnnxEmbedder(Path(sys.argv[1]), Path(sys.argv[2])).embed_query('Ada').tobytes().hex())"
    )
    command = [sys.executable, "-c", script, str(MODEL), str(TOKENIZER)]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert other.stdout == shared.embed_query("Ada").tobytes().hex()
    assert other.stderr == ""


def test_only_the_leading_tokens_count(shared: OnnxEmbedder) -> None:
    words = "harbour " * 254  # And two tokens that mark the ends: 256.
    first, second = shared.embed([words + "lighthouse", words + "penicillin"])
    assert first.tobytes() == second.tobytes()
    short = "harbour " * 253
    assert shared.embed([short + "lighthouse"]).tobytes() != shared.embed([short + "penicillin"]).tobytes()


def test_a_huge_text_is_cut_before_it_is_tokenized(shared: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    true_readable = adapter.readable

    def spy(text: str) -> str:
        seen.append(len(text))
        return true_readable(text)

    monkeypatch.setattr(adapter, "readable", spy)
    shared.embed(["x" * 10_000_000])
    assert seen == [256 * adapter.CHARACTERS_PER_TOKEN]


def test_int8_vectors_stay_close_to_those_of_the_fp32_model(
    shared: OnnxEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("onnx", "safetensors"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed (uv sync --group weights), so there is no fp32 model to compare to")
    script = ROOT / "packages" / "holdfast-minilm" / "build_model.py"
    specification = importlib.util.spec_from_file_location("build_model", script)
    assert specification is not None
    assert specification.loader is not None
    build_model: Any = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "build_model", build_model)  # Data classes look their module up.
    specification.loader.exec_module(build_model)
    try:
        source = build_model.find_source()
    except build_model.BuildError as error:
        pytest.skip(str(error))
    (tmp_path / "fp32.onnx").write_bytes(build_model.fp32_bytes(source.weights.read_bytes()))
    exact = OnnxEmbedder(tmp_path / "fp32.onnx", TOKENIZER)
    texts = sentences()
    cosines = (exact.embed(texts) * shared.embed(texts)).sum(axis=1)
    assert len(texts) >= 300
    assert cosines.mean() >= 0.985
    assert cosines.min() >= 0.95


def sentences() -> list[str]:
    """Sentences of several lengths and kinds, made from parts."""
    who = ("Ada", "My brother", "The new doctor", "Our landlord", "A colleague from Porto", "Grandmother")
    what = ("moved to Lisbon", "asked about the invoice", "is allergic to penicillin", "plays the cello", "lost a key")
    when = ("in May.", "last night, while it rained and the trams had stopped.", "on 2026-03-14 at 09:30!", "again?")
    longer = " They said they would call back once the harbour office had confirmed the date, and I wrote it down."
    base = [f"{a} {b} {c}" for a in who for b in what for c in when]
    return [*base, *(text + longer for text in base), *(f"def f(x): return '{text}'" for text in base[::2])]


# Loading


def test_making_one_and_reading_its_fingerprint_loads_no_model() -> None:
    script = (
        "from pathlib import Path; import sys; from holdfast.adapters.embed.onnx import OnnxEmbedder;"
        "made = OnnxEmbedder(Path(sys.argv[1]), Path(sys.argv[2])); made.fingerprint; assert made.dimensions == 384;"
        "loaded = {'onnxruntime', 'tokenizers'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script, str(MODEL), str(TOKENIZER)], check=True)


def test_telemetry_is_off_before_onnxruntime_is_imported() -> None:
    script = (
        "import os, sys, builtins; from pathlib import Path; from holdfast.adapters.embed.onnx import OnnxEmbedder\n"
        "true_import, seen = builtins.__import__, []\n"
        "def spy(name, *rest, **named):\n"
        "    if name == 'onnxruntime': seen.append(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "    return true_import(name, *rest, **named)\n"
        "builtins.__import__ = spy\n"
        "OnnxEmbedder(Path(sys.argv[1]), Path(sys.argv[2])).embed(['a'])\n"
        "assert seen and seen[0] == '1', seen"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", script, str(MODEL), str(TOKENIZER)], check=True, env=environment)


def test_threads_that_come_first_together_load_the_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[int] = []
    together = threading.Barrier(6)
    true_load = adapter.load_session

    def counted(path: Path) -> Any:
        loads.append(1)
        return true_load(path)

    monkeypatch.setattr(adapter, "load_session", counted)
    embedder = OnnxEmbedder(MODEL, TOKENIZER)

    def first_use() -> None:
        together.wait()
        embedder.embed_query("a")

    threads = [threading.Thread(target=first_use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_can_go_on_embedding(shared: OnnxEmbedder) -> None:
    expected = shared.embed(["a", "b", "c"]).tobytes()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"1" if shared.embed(["a", "b", "c"]).tobytes() == expected else b"0")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"1"
    assert os.waitpid(child, 0)[1] == 0


# Identity


def test_equal_files_have_equal_fingerprints_wherever_they_are(shared: OnnxEmbedder, files: tuple[Path, Path]) -> None:
    assert OnnxEmbedder(*files).fingerprint == shared.fingerprint
    assert shared.fingerprint.startswith("minilm-l6-v2/int8/")


@pytest.mark.parametrize("which", [0, 1], ids=["model", "tokenizer"])
def test_one_changed_byte_is_another_model(shared: OnnxEmbedder, files: tuple[Path, Path], which: int) -> None:
    content = bytearray(files[which].read_bytes())
    content[len(content) // 2] ^= 1
    files[which].write_bytes(content)
    assert OnnxEmbedder(*files).fingerprint != shared.fingerprint


def test_another_token_limit_is_another_model(shared: OnnxEmbedder) -> None:
    assert OnnxEmbedder(MODEL, TOKENIZER, max_tokens=128).fingerprint == f"{shared.fingerprint}/128"


def test_a_model_that_does_not_say_what_it_is_gets_hashed_and_measured(files: tuple[Path, Path]) -> None:
    model, tokenizer = files
    content = model.read_bytes()
    model.write_bytes(content.replace(b"holdfast.model", b"somebody.model").replace(b"holdfast.dim", b"somebody.dim"))
    identity = identify(model, tokenizer)
    assert (identity.name, identity.dimensions) == ("onnx", None)
    embedder = OnnxEmbedder(model, tokenizer)
    assert embedder.fingerprint == f"onnx/{identity.digest[:12]}"
    assert embedder.dimensions == 384


# Failing


@pytest.mark.parametrize("which", [0, 1], ids=["model", "tokenizer"])
def test_a_file_that_is_not_there_is_told_at_once(files: tuple[Path, Path], which: int) -> None:
    files[which].unlink()
    with pytest.raises(NoEmbedder, match=files[which].name):
        OnnxEmbedder(*files)


@pytest.mark.parametrize("which", [0, 1], ids=["model", "tokenizer"])
@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08\x12\x00", b"{}"])
def test_a_file_that_is_something_else_is_told_by_name(files: tuple[Path, Path], which: int, content: bytes) -> None:
    files[which].write_bytes(content)
    with pytest.raises(NoEmbedder, match=files[which].name):
        OnnxEmbedder(*files).embed(["a"])


def test_a_file_that_goes_away_is_told_by_name(files: tuple[Path, Path]) -> None:
    embedder = OnnxEmbedder(*files)
    files[0].unlink()
    with pytest.raises(NoEmbedder, match=r"model\.onnx"):
        _ = embedder.fingerprint


@pytest.mark.parametrize("options", [{"max_tokens": 1}, {"max_tokens": 8193}, {"threads": 0}, {"threads": 65}])
def test_a_number_out_of_range_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidField):
        OnnxEmbedder(MODEL, TOKENIZER, **options)


# Other people's models


class FakeSession:
    """Stands for a loaded model with other inputs and outputs."""

    def __init__(self, inputs: list[str], outputs: dict[str, np.ndarray]) -> None:
        self.inputs, self.outputs, self.given = inputs, outputs, dict[str, Any]()

    def get_inputs(self) -> list[Any]:
        return [Named(name, ["batch", "length"]) for name in self.inputs]

    def get_outputs(self) -> list[Any]:
        return [Named(name, list(value.shape)) for name, value in self.outputs.items()]

    def run(self, names: list[str], given: dict[str, Any]) -> list[np.ndarray]:
        self.given = given
        return [self.outputs[name] for name in names]


class Named:
    def __init__(self, name: str, shape: list[Any]) -> None:
        self.name, self.shape = name, shape


@pytest.fixture
def other_model(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str], dict[str, Any]], FakeSession]:
    def use(inputs: list[str], outputs: dict[str, Any]) -> FakeSession:
        session = FakeSession(inputs, {name: np.array(value, np.float32) for name, value in outputs.items()})
        monkeypatch.setattr(adapter, "load_session", lambda _path: session)
        return session

    return use


def test_token_states_are_averaged_where_there_is_no_sentence_output(other_model: Any) -> None:
    session = other_model(["input_ids", "token_type_ids"], {"last_hidden_state": [[[6.0, 0.0], [0.0, 8.0]]]})
    vector = OnnxEmbedder(MODEL, TOKENIZER).embed_query("a")
    np.testing.assert_allclose(vector, [0.6, 0.8], atol=1e-6)
    assert set(session.given) == {"input_ids", "token_type_ids"}
    assert not session.given["token_type_ids"].any()


def test_a_sentence_output_is_preferred_and_scaled_to_length_one(other_model: Any) -> None:
    other_model(["input_ids"], {"token_embeddings": [[[1.0, 1.0]]], "sentence_embedding": [[3.0, 4.0]]})
    np.testing.assert_allclose(OnnxEmbedder(MODEL, TOKENIZER).embed_query("a"), [0.6, 0.8], atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [(["pixels"], {"sentence": [[1.0]]}), (["input_ids"], {"logits": [[1.0, 2.0]]})]
)
def test_a_model_that_is_no_sentence_encoder_is_refused(other_model: Any, inputs: Any, outputs: Any) -> None:
    other_model(inputs, outputs)
    with pytest.raises(NoEmbedder, match="no sentence encoder"):
        OnnxEmbedder(MODEL, TOKENIZER).embed(["a"])


@pytest.mark.parametrize("broken", [[float("nan"), 1.0], [float("inf"), 1.0], [0.0, 0.0]])
def test_a_vector_without_a_direction_is_refused(other_model: Any, broken: list[float]) -> None:
    session = other_model(["input_ids"], {"sentence": [[3.0, 4.0]]})
    embedder = OnnxEmbedder(MODEL, TOKENIZER)
    embedder.embed(["a"])
    session.outputs["sentence"] = np.array([broken], np.float32)
    with pytest.raises(EmbedderRefused, match="without a direction"):
        embedder.embed(["a"])


# Token vectors


def test_tokens_are_unit_vectors_and_the_same_whoever_asks(shared: OnnxEmbedder, single: OnnxEmbedder) -> None:
    texts = ["Ada moved to Lisbon.", "", "The invoice is overdue, again!"]
    first, second = shared.embed_tokens(texts), single.embed_tokens(texts)
    assert isinstance(shared, TokenEmbedder)
    assert shared.token_dimensions == 384
    assert [one.shape for one in first] == [(5, 384), (0, 384), (10, 384)]
    for one, other in zip(first, second, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(np.abs((one * other).sum(axis=1)), 1, atol=1e-3)


def test_a_word_is_nearest_to_what_means_the_same(shared: OnnxEmbedder) -> None:
    words, asked = shared.embed_query_tokens("Which physician did she see?")
    assert words == ["which", "physician", "did", "she", "see"]
    near, far = shared.embed_tokens(["She went to the doctor.", "She went to the harbour."])
    assert (asked[1] @ near.T).max() > (asked[1] @ far.T).max() + 0.1


def test_signs_alone_have_no_tokens_to_ask_with(shared: OnnxEmbedder) -> None:
    words, vectors = shared.embed_query_tokens("?! ...")
    assert list(words) == []
    assert vectors.shape == (0, 384)


def test_a_model_without_token_states_has_no_token_vectors(other_model: Any) -> None:
    other_model(["input_ids"], {"sentence": [[3.0, 4.0]]})
    embedder = OnnxEmbedder(MODEL, TOKENIZER)
    assert embedder.token_dimensions is None
    with pytest.raises(EmbedderRefused, match="no token states"):
        embedder.embed_tokens(["a"])
