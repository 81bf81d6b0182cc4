"""Calls of a model, which is foreign code: whatever it does comes out as one of a few errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import numpy as np

from holdfast.errors import EmbedderError, InvalidVector, ModelError
from holdfast.model.completion import Completion
from holdfast.model.messages import Message
from holdfast.ports.embedder import Embedder, Vectors
from holdfast.ports.language_model import LanguageModel
from holdfast.services.breaker import KEPT

A = TypeVar("A")
B = TypeVar("B")

UNIT_WITHIN = 1e-2
"""How far from 1 the length of a vector may be."""
MODEL_FAILURES = (EmbedderError, InvalidVector)
"""What a model may fail with; the memory then goes on by words."""
_TOLD_CHARACTERS = 200
"""Of what a model says of its failure."""


def asked(embedder: Embedder, call: Callable[[A], B], given: A) -> B:
    """What a model answers.

    Raises:
        EmbedderError: whatever it failed with.
    """
    try:
        return call(given)
    except (*MODEL_FAILURES, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a model is foreign code, and may panic; its memories go on by words
        raise EmbedderError(f"The model {embedder.fingerprint} failed ({_in_words(error)}){KEPT}") from error


def completed(model: LanguageModel, messages: Sequence[Message], system: str, max_tokens: int) -> Completion:
    """What a language model answers.

    Raises:
        ModelError: whatever it failed with.
    """
    try:
        answer: object = model.complete(messages, system=system, max_tokens=max_tokens, temperature=0.0)
    except (ModelError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a model is foreign code, and may panic; what needs it goes on without
        raise ModelError(_in_words(error)) from error
    if not isinstance(answer, Completion) or not isinstance(answer.text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ModelError(f"it gave {type(answer).__name__} without a text; expected a Completion with one")
    return answer


def _as_floats(given: object) -> Vectors:
    if isinstance(given, np.ndarray) and cast("Vectors", given).dtype == np.float32:
        return cast("Vectors", given).copy()
    with np.errstate(over="ignore"):  # what is too great for a float32 is not finite, which is said of it
        return np.array(given, np.float32)


def _in_words(error: BaseException) -> str:
    """What an error says, fit to be printed: some fail even at that."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - as above
        said = ""
    printable = "".join(character if character.isprintable() else " " for character in said[:_TOLD_CHARACTERS])
    return f"{type(error).__name__}: {printable}" if printable else type(error).__name__


def checked_vectors(given: object, count: int, embedder: Embedder) -> Vectors:
    """What a model returned, if it is what the port promises; a copy, since the model may use its own again.

    Raises:
        InvalidVector: wrong shape, values that are not finite numbers, or a length that is not 1.
    """
    try:
        vectors = _as_floats(given)
    except Exception as error:  # noqa: BLE001 - what it returned is foreign code, too
        raise InvalidVector(
            f"The model {embedder.fingerprint} gave no rectangle of numbers ({_in_words(error)}). Nothing was written."
        ) from None
    expected = count, asked(embedder, lambda _: embedder.dimensions, None)
    if vectors.shape != expected:
        raise InvalidVector(
            f"The model {embedder.fingerprint} gave vectors of shape {vectors.shape}; expected {expected}. "
            "Nothing was written."
        )
    # Of a single one, a question's, one sum tells both; what it does not clear is looked at more closely.
    if count == 1 and abs(float(np.vdot(vectors, vectors)) - 1) <= UNIT_WITHIN:
        return vectors
    if not np.isfinite(vectors).all():
        raise InvalidVector(f"The model {embedder.fingerprint} gave values that are not finite. Nothing was written.")
    lengths = np.linalg.norm(vectors, axis=1)
    if count and float(np.abs(lengths - 1).max()) > UNIT_WITHIN:
        worst = float(lengths[int(np.abs(lengths - 1).argmax())])
        raise InvalidVector(
            f"The model {embedder.fingerprint} gave a vector of length {worst:.4g}; vectors have length 1. "
            "Nothing was written."
        )
    return vectors
