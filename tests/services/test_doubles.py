"""The shipped embedders for tests keep the port's promises."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import EmbedderRefused, EmbedderUnavailable
from holdfast.testing.embedder_contract import EmbedderContract
from holdfast.testing.embedders import Fault, FaultyEmbedder, HashEmbedder

GOLDEN = np.array([0, -1, 2, 2, -2, -1, 0, -2]) / np.sqrt(18)


class TestHashEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, hash_embedder):
        return hash_embedder


class TestFaultyEmbedderWithoutAFault(EmbedderContract):
    @pytest.fixture
    def embedder(self):
        return FaultyEmbedder()


def test_texts_that_share_words_are_nearer_than_texts_that_do_not(hash_embedder):
    lisbon, also, other = hash_embedder.embed(["Ada lives in Lisbon", "who lives in Lisbon?", "the blue folder"])
    assert lisbon @ also > lisbon @ other + 0.2


def test_the_vectors_are_the_same_on_every_machine():
    vector = HashEmbedder(8).embed_query("Ada lives in Lisbon")
    np.testing.assert_allclose(vector, GOLDEN, atol=1e-6)
    assert np.array_equal(vector, HashEmbedder(8).embed(["ADA lives in Lisbon"])[0])


def test_another_name_or_width_is_another_model():
    fingerprints = {HashEmbedder().fingerprint, HashEmbedder(name="other").fingerprint, HashEmbedder(32).fingerprint}
    assert len(fingerprints) == 3
    one, other = HashEmbedder(), HashEmbedder(name="other")
    assert not np.array_equal(one.embed_query("Ada lives in Lisbon"), other.embed_query("Ada lives in Lisbon"))


def test_each_fault_shows_in_what_is_given_back():
    model = FaultyEmbedder()
    model.fault = Fault.DOWN
    with pytest.raises(EmbedderUnavailable):
        model.embed(["a"])
    model.fault = Fault.BROKEN
    with pytest.raises(RuntimeError):
        model.embed_query("a")
    model.fault = Fault.WRONG_WIDTH
    assert model.embed(["a"]).shape == (1, model.dimensions + 1)
    model.fault = Fault.SHORT_BATCH
    assert model.embed(["a", "b"]).shape == (1, model.dimensions)
    model.fault = Fault.NOT_FINITE
    assert np.isnan(model.embed(["a"])).all()
    model.fault = None
    model.refuse("bad")
    with pytest.raises(EmbedderRefused):
        model.embed(["good", "bad"])
    model.spoil("odd")
    assert np.isnan(model.embed(["odd", "fine"])).any(axis=1).tolist() == [True, False]
    assert model.given[-2:] == ["odd", "fine"]
