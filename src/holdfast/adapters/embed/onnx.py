"""Embeds with a sentence encoder in an ONNX file, on this machine's processor.

Each text runs alone: int8 models quantize activations over everything they are given at once, so a batch would make a
text's vector depend on its neighbours. Several texts run side by side on threads instead, which costs nothing in speed.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import EmbedderRefused, InvalidField, NoEmbedder
from holdfast.ports.embedder import Vectors

MAX_THREADS = 4
# A token is rarely more than a few characters; past this many per token the text is noise, and tokenizing it is slow.
CHARACTERS_PER_TOKEN = 32
TOKEN_DIMENSIONS = 384
# What the projection of longer token states is found over: 80 rows of 24 words.
SAMPLED_WORDS = 12_000
SAMPLED_TEXTS = 80
SAMPLE_WORDS = 24
SENTENCE_OUTPUTS = ("sentence", "sentence_embedding")


class OnnxEmbedder:
    """An `Embedder` over two files; the model loads at first use, once, whichever thread comes first.

    The leading ``max_tokens`` tokens of a text make its vector: the model's sentence output where it has one, else the
    mean of its token states. A text's vector depends on nothing but the text, the two files and the processor's
    arithmetic.
    """

    def __init__(self, model: Path, tokenizer: Path, *, max_tokens: int = 256, threads: int | None = None) -> None:
        """Name the files; nothing is read yet.

        Args:
            model: ONNX file taking ``input_ids`` and ``attention_mask`` (and ``token_type_ids`` if it asks).
            tokenizer: ``tokenizer.json`` in the format of the tokenizers library.
            max_tokens: 2 to 8192; must not exceed what the model was trained for.
            threads: how many texts of one call run side by side, 1 to 64; by default one per usable core, at most 4.

        Raises:
            NoEmbedder: a file is missing.
            InvalidField: a number is out of range.
        """
        if not 2 <= max_tokens <= 8192:
            raise InvalidField(f"max_tokens must be 2 to 8192, not {max_tokens}.")
        if threads is not None and not 1 <= threads <= 64:
            raise InvalidField(f"threads must be 1 to 64, not {threads}.")
        for path in (model, tokenizer):
            if not path.is_file():
                raise NoEmbedder(f"There is no model file {path}.")
        self._model = model
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._threads = threads or min(MAX_THREADS, usable_cores())
        # Two, so that naming the model need not wait for loading it.
        self._lock = threading.Lock()
        self._identity_lock = threading.Lock()
        self._identity: Identity | None = None
        self._encoder: _Encoder | None = None

    def __repr__(self) -> str:
        return f"OnnxEmbedder({str(self._model)!r})"

    @property
    def fingerprint(self) -> str:
        """Name, content hash of both files and, where it is not 256, the token limit; reads the files once (15-60 ms).

        Raises:
            NoEmbedder: a file went away.
        """
        limit = "" if self._max_tokens == 256 else f"/{self._max_tokens}"
        identity = self._identify()
        return f"{identity.name}/{identity.digest[:12]}{limit}"

    @property
    def dimensions(self) -> int:
        """Length of each vector; loads the model only when its file does not say."""
        return self._identify().dimensions or self._load().dimensions

    def prepare(self) -> None:
        """See `Embedder.prepare`."""
        self._load()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. Raises `NoEmbedder` when the files cannot be read as a model and a tokenizer."""
        encoder = self._load()
        if len(texts) < 2 or self._threads == 1:
            rows = [encoder.encode(text) for text in texts]
        else:
            from concurrent.futures import ThreadPoolExecutor

            # Made for one call: threads kept for later would be missing, and waited for, in a forked process.
            with ThreadPoolExecutor(min(self._threads, len(texts)), thread_name_prefix="holdfast-embed") as pool:
                rows = list(pool.map(encoder.encode, texts))
        return np.stack(rows) if rows else np.empty((0, encoder.dimensions), np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `Embedder.embed_query`."""
        return self._load().encode(text)

    @property
    def token_dimensions(self) -> int | None:
        """See `TokenEmbedder.token_dimensions`; loads the model."""
        encoder = self._load()
        return min(TOKEN_DIMENSIONS, encoder.state_dimensions) if encoder.gives_states else None

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        """See `TokenEmbedder.embed_tokens`."""
        encoder = self._load()
        projection = encoder.projection()

        def tokens_of(text: str) -> NDArray[np.float32]:
            states = encoder.states(text)[1]
            return states if projection is None else unit_rows(states @ projection)

        if len(texts) < 2 or self._threads == 1:
            return [tokens_of(text) for text in texts]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(self._threads, len(texts)), thread_name_prefix="holdfast-embed") as pool:
            return list(pool.map(tokens_of, texts))

    def embed_query_tokens(self, text: str) -> tuple[Sequence[str], NDArray[np.float32]]:
        """See `TokenEmbedder.embed_query_tokens`."""
        encoder = self._load()
        pieces, states = encoder.states(text)
        said = [place for place, piece in enumerate(pieces) if piece.removeprefix("##").isalnum()]
        projection, told = encoder.projection(), states[said]
        return [pieces[place] for place in said], told if projection is None else unit_rows(told @ projection)

    def _identify(self) -> Identity:
        with self._identity_lock:
            if self._identity is None:
                self._identity = identify(self._model, self._tokenizer)
            return self._identity

    def _load(self) -> _Encoder:
        if self._encoder is None:
            with self._lock:
                if self._encoder is None:
                    self._encoder = _Encoder(self._model, self._tokenizer, self._max_tokens)
        return self._encoder


@dataclass(frozen=True)
class Identity:
    """What a model is, known without loading it."""

    name: str
    digest: str
    """SHA-256 over both files, in hexadecimal."""
    dimensions: int | None
    """None where the file does not say."""


def identify(model: Path, tokenizer: Path) -> Identity:
    """Hash both files and read the name and dimensions that our build writes at the end of the model.

    The bytes decide, not what a file says of itself: an edited model is another model.
    """
    digest = hashlib.sha256()
    try:
        for path in (model, tokenizer):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        with model.open("rb") as file:
            file.seek(max(0, model.stat().st_size - 256))
            tail = file.read()
    except OSError as error:
        raise NoEmbedder(f"The model {model} cannot be read: {error.strerror}.") from error
    dimensions = stamped(tail, b"holdfast.dimensions")
    return Identity(
        name=stamped(tail, b"holdfast.model") or "onnx",
        digest=digest.hexdigest(),
        dimensions=int(dimensions) if dimensions and dimensions.isdecimal() else None,
    )


def stamped(tail: bytes, key: bytes) -> str | None:
    """A short printable value of the model's metadata, which stands at the end of the file, or None.

    In the file a key is followed by the byte 0x12, the value's length and the value.
    """
    found = re.search(re.escape(key) + rb"\x12([\x01-\x7f])", tail, re.DOTALL)
    if found is None:
        return None
    value = tail[found.end() : found.end() + found[1][0]]
    return value.decode("ascii") if re.fullmatch(rb"[!-~]+", value) else None


def usable_cores() -> int:
    """Cores this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class _Session(Protocol):
    def run(self, names: list[str], inputs: dict[str, NDArray[np.int64]]) -> list[NDArray[np.float32]]: ...
    def get_inputs(self) -> list[Any]: ...
    def get_outputs(self) -> list[Any]: ...


class _Encoder:
    """The loaded model and tokenizer; both may be called from several threads at once."""

    def __init__(self, model: Path, tokenizer: Path, max_tokens: int) -> None:
        self._tokenizer = load_tokenizer(tokenizer, max_tokens)
        self._session = load_session(model)
        self._max_characters = max_tokens * CHARACTERS_PER_TOKEN
        self._inputs = {str(value.name) for value in self._session.get_inputs()}
        ranks = {str(value.name): len(cast("list[object]", value.shape)) for value in self._session.get_outputs()}
        named = [name for name in SENTENCE_OUTPUTS if ranks.get(name) == 2]
        states = [name for name, rank in ranks.items() if rank == 3]
        if "input_ids" not in self._inputs or not (named or states):
            raise NoEmbedder(
                f"{model} is no sentence encoder: it needs an input `input_ids` and an output `sentence_embedding` "
                f"or token states; it has {sorted(self._inputs)} and {sorted(ranks)}."
            )
        self._output, self._pooled = (named[0], True) if named else (states[0], False)
        self._states = states[0] if states else None
        self._projection: NDArray[np.float32] | None = None
        self._projecting = threading.Lock()
        self.dimensions = len(self.encode("a"))

    @property
    def gives_states(self) -> bool:
        """Whether the model has token states."""
        return self._states is not None

    @cached_property
    def state_dimensions(self) -> int:
        """Length of the state of a token; runs the model once."""
        return self.states("a")[1].shape[1]

    def encode(self, text: str) -> NDArray[np.float32]:
        """The unit vector of one text."""
        result = self._run(self._output, self._tokens(text).ids)
        vector = result if self._pooled else result.mean(axis=0)
        length = float(np.linalg.norm(vector))
        if not (np.isfinite(length) and length > 0):
            raise EmbedderRefused("The model gave a vector without a direction for a text.")
        return np.asarray(vector / length, np.float32)

    def states(self, text: str) -> tuple[list[str], NDArray[np.float32]]:
        """The tokens of a text and their last states as unit vectors, what marks its start and end left out."""
        if self._states is None:
            raise EmbedderRefused("The model gives no token states.")
        encoding = self._tokens(text)
        told = [place for place, special in enumerate(encoding.special_tokens_mask) if not special]
        states = self._run(self._states, encoding.ids)[told]
        return [encoding.tokens[place] for place in told], unit_rows(states)

    def projection(self) -> NDArray[np.float32] | None:
        """The directions in which the model's token states vary most, shape (dimensions, `TOKEN_DIMENSIONS`).

        None where they have no more dimensions than that. Found over rows of words of the model's own vocabulary, in a
        tenth of a second, so that any model has one and no text is needed.
        """
        if self.state_dimensions <= TOKEN_DIMENSIONS:
            return None
        with self._projecting:
            if self._projection is None:
                vocabulary = cast("dict[str, int]", self._tokenizer.get_vocab())
                words = [word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2]
                words = sorted(words, key=vocabulary.__getitem__)[:SAMPLED_WORDS]
                rows = (" ".join(words[start::SAMPLED_TEXTS][:SAMPLE_WORDS]) for start in range(SAMPLED_TEXTS))
                states = np.concatenate([self.states(row)[1] for row in rows if row])
                _, directions = np.linalg.eigh(states.T @ states)
                self._projection = np.ascontiguousarray(directions[:, ::-1][:, :TOKEN_DIMENSIONS], np.float32)
            return self._projection

    def _tokens(self, text: str) -> Any:
        return self._tokenizer.encode(readable(text[: self._max_characters]))

    def _run(self, output: str, tokens: list[int]) -> NDArray[np.float32]:
        ids = np.array([tokens], np.int64)
        offered = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        given = {name: value for name, value in offered.items() if name in self._inputs}
        return self._session.run([output], given)[0][0]


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def readable(text: str) -> str:
    """The text with lone surrogates, which no encoding carries, replaced by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def load_tokenizer(path: Path, max_tokens: int) -> Any:
    """Read a tokenizer, set to cut at ``max_tokens`` and to pad nothing."""
    from tokenizers import Tokenizer

    try:
        tokenizer = cast(Any, Tokenizer.from_file(str(path)))
    except Exception as error:
        if type(error) is not Exception:  # The library raises bare Exception for every file it cannot read.
            raise
        raise NoEmbedder(f"{path} is no tokenizer file: {error}.") from error
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def load_session(path: Path) -> _Session:
    """Open an ONNX file for one-text runs on one thread each.

    One thread: a query takes 1.3 ms on one and 1.1 ms on two that spin, at 60% more processor time; and a session
    without threads of its own survives a fork.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

    ort = cast(Any, onnxruntime)
    failures = ort.capi.onnxruntime_pybind11_state
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # Plans are kept per input length, and lengths vary.
    options.log_severity_level = 3
    # The next level up costs a quarter of the load time and changes no latency.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return cast(_Session, ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except (
        failures.Fail,
        failures.InvalidArgument,
        failures.InvalidGraph,
        failures.InvalidProtobuf,
        failures.NoSuchFile,
        failures.NotImplemented,
        failures.RuntimeException,
    ) as error:
        raise NoEmbedder(f"{path} cannot be loaded as an ONNX model: {error}") from error
