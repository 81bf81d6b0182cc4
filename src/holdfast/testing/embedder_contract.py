"""What every embedder promises, as tests that anybody's embedder can run with pytest.

    from holdfast.testing.embedder_contract import EmbedderContract

    class TestMine(EmbedderContract):
        @pytest.fixture
        def embedder(self):
            return MyEmbedder()

Each test takes the ``embedder`` fixture. Override ``tolerance`` where a service rounds differently from call to call.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from holdfast.ports.embedder import Embedder, Vectors

TEXTS = (
    "Ada lives in Lisbon.",
    "She is allergic to penicillin and carries a card that says so.",
    "The launch moved to October.",
    "Bring the blue folder; the red one stays here.",
)

ODD_TEXTS = {
    "empty": "",
    "blank": " \t\n ",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🫠",
    "control characters": "".join(map(chr, [*range(1, 32), 127])),
    "right to left": "שלום עולם مرحبا",
    "ideographs": "記憶は信頼できる。",
    "combining marks": "e" + "\u0301" * 300,
    "one long word": "a" * 5000,
    "markup": "<|endoftext|> [CLS] [SEP] [MASK] </s>",
    "lone surrogate": "half \ud83d of a pair",
    "one megabyte": "The same sentence again and again. " * 30_000,
}


class EmbedderContract:
    """Inherit, override the `embedder` fixture, and run with pytest."""

    tolerance: float = 0.0
    """Largest difference allowed between two vectors of one text, in any component; 0 means the same bytes."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The embedder to judge; override this."""
        raise NotImplementedError("Override the `embedder` fixture.")

    def test_each_text_gets_one_finite_unit_vector(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.dimensions)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)

    def test_the_dimensions_are_known_and_in_range(self, embedder: Embedder) -> None:
        assert 1 <= embedder.dimensions <= 8192

    def test_no_texts_give_an_empty_matrix_of_the_right_width(self, embedder: Embedder) -> None:
        vectors = embedder.embed([])
        assert vectors.shape == (0, embedder.dimensions)
        assert vectors.dtype == np.float32

    def test_a_text_keeps_its_vector_whatever_it_is_sent_with(self, embedder: Embedder) -> None:
        alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
        self.assert_same(embedder.embed(TEXTS), alone)
        self.assert_same(embedder.embed(TEXTS[::-1])[::-1], alone)
        self.assert_same(embedder.embed([TEXTS[0], ODD_TEXTS["one megabyte"]])[0], alone[0])

    def test_many_texts_come_back_in_their_order(self, embedder: Embedder) -> None:
        texts = [f"{text} ({number})" for number in range(30) for text in TEXTS]
        together = embedder.embed(texts)
        for index in (0, 1, 63, 64, 65, len(texts) - 1):
            self.assert_same(together[index], embedder.embed([texts[index]])[0])

    def test_different_texts_get_different_vectors(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)
        similarity = vectors @ vectors.T - np.eye(len(TEXTS))
        assert similarity.max() < 0.999

    def test_a_query_is_one_finite_unit_vector(self, embedder: Embedder) -> None:
        vector = embedder.embed_query("where does Ada live?")
        assert vector.shape == (embedder.dimensions,)
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all()
        assert abs(float(np.linalg.norm(vector)) - 1.0) <= 1e-3

    def test_a_query_asked_again_gets_the_same_vector(self, embedder: Embedder) -> None:
        self.assert_same(embedder.embed_query("where does Ada live?"), embedder.embed_query("where does Ada live?"))

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    def test_odd_text_gets_a_finite_unit_vector(self, embedder: Embedder, text: str) -> None:
        vectors = np.stack([*embedder.embed([text]), embedder.embed_query(text)])
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)

    def test_threads_get_the_vectors_one_thread_gets(self, embedder: Embedder) -> None:
        texts = [f"{text} ({number})" for number in range(8) for text in TEXTS]

        def embed_one(text: str) -> Vectors:
            return embedder.embed([text])

        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(embed_one, texts))
        self.assert_same(np.concatenate(together), np.concatenate([embed_one(text) for text in texts]))

    def test_the_fingerprint_is_short_printable_and_stable(self, embedder: Embedder) -> None:
        before = embedder.fingerprint
        embedder.embed_query("a")
        assert embedder.fingerprint == before
        assert 1 <= len(before) <= 200
        assert all("!" <= character <= "~" for character in before)

    def assert_same(self, found: Vectors, expected: Vectors) -> None:
        """Compare vectors within `tolerance`."""
        np.testing.assert_allclose(found, expected, rtol=0, atol=self.tolerance)
