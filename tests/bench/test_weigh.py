"""Weights that are learned are those of least loss, and a fold has no say in the weights it is judged by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import links, weigh
from bench.closer import Looks
from bench.conversations import read_conversations
from bench.listwise import Case, fitted
from bench.recall import Asked, ask_all
from bench.vectors import CachedEmbedder
from holdfast.core.fusion import Weights
from holdfast.core.late import LateQuery
from holdfast.testing.embedders import HashEmbedder


def made(seed: int, told_by: int, count: int = 40, data: int = 0) -> list[Case]:
    """Questions whose evidence is told by one of three signals."""
    chance = np.random.default_rng(seed)
    cases: list[Case] = []
    for _ in range(count):
        values = chance.standard_normal((30, 3)).astype(np.float32)
        gold = np.zeros(30, np.bool_)
        gold[chance.integers(30)] = True
        values[gold, told_by] += 2
        cases.append(Case(data, values, gold))
    return cases


def loss(cases: list[Case], weights: np.ndarray, prior: np.ndarray, ridge: float) -> float:
    """The definition, one piece of evidence at a time."""
    total = 0.0
    for case in cases:
        scores = case.values.astype(float) @ weights
        of_case = [np.log(1 + np.exp(scores[~case.gold] - one).sum()) for one in scores[case.gold]]
        total += float(np.mean(of_case)) / len(cases)
    return total + ridge / 2 * float(np.sum((weights - prior) ** 2))


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_no_weights_near_by_lose_less(ridge: float) -> None:
    cases, prior = made(1, 1), np.array([1.0, 0.5, 0.0])
    found = fitted(cases, prior, ridge)
    least = loss(cases, found, prior, ridge)
    for direction in np.vstack((np.eye(3), -np.eye(3))):
        assert loss(cases, found + 0.01 * direction, prior, ridge) > least
    assert int(np.argmax(found - prior)) == 1
    assert np.abs(fitted(cases, prior, 1e6) - prior).max() < 1e-4


def test_a_large_data_set_weighs_no_more_than_a_small_one() -> None:
    prior = np.zeros(3)
    found = fitted(made(1, 0, 400, data=0) + made(2, 1, 40, data=1), prior, 0.01)
    assert found[0] == pytest.approx(found[1], rel=0.35)


def test_questions_without_evidence_leave_the_prior() -> None:
    prior = np.array([1.0, 2.0, 3.0])
    case = Case(0, np.ones((4, 3), np.float32), np.zeros(4, np.bool_))
    assert fitted([case], prior, 0.1).tolist() == prior.tolist()
    assert fitted([], prior, 0.1).tolist() == prior.tolist()


@pytest.fixture
def asked(talk: Path, tmp_path: Path) -> list[Asked]:
    return list(ask_all(read_conversations(talk), CachedEmbedder(HashEmbedder(), tmp_path)))


def test_a_fold_has_no_say_in_the_weights_it_is_judged_by(asked: list[Asked], monkeypatch: Any) -> None:
    names = [one.conversation.name for one in asked]
    left_out = next(iter(dict.fromkeys(names)))
    whole = weigh.cross_validate({"talk": asked})
    # Without the evidence of the first conversation: only weights that it had a say in may change.
    changed = [
        replace(one, question=replace(one.question, evidence=frozenset({one.conversation.turns[0].id})))
        if one.conversation.name == left_out
        else one
        for one in asked
    ]
    again = weigh.cross_validate({"talk": changed})
    assert again.chosen[0] == whole.chosen[0]
    assert again.chosen[1] != whole.chosen[1]
    # Nor do the weights that are shipped have one: they were chosen on all of it.
    monkeypatch.setattr(weigh, "Weights", lambda **given: Weights(**{"author": 99.0, "date": 99.0, **given}))
    assert [one.words for one in weigh.cross_validate({"talk": asked}).chosen] == [one.words for one in whole.chosen]


def test_what_is_judged_is_the_engine_with_the_weights_of_the_fold(asked: list[Asked]) -> None:
    found = weigh.cross_validate({"talk": asked})
    for place, one in enumerate(asked):
        weights = found.chosen[found.folds["talk"][place]]
        assert found.held["talk"][place].tolist() == weigh.recall_of(one, weights)
        assert found.by_shipped["talk"][place].tolist() == weigh.recall_of(one, Weights())


class Tokens(HashEmbedder):
    """Gives a vector for each word."""

    token_dimensions = 8

    def embed_tokens(self, texts: Any) -> Any:
        return [self.embed(text.split() or ["nothing"])[:, :8] for text in texts]

    def embed_query_tokens(self, text: str) -> Any:
        words = text.split()
        return words, self.embed(words)[:, :8]


def test_after_a_closer_look_its_signals_are_learned_too(talk: Path, tmp_path: Path) -> None:
    embedder = CachedEmbedder(Tokens(), tmp_path)
    asked = list(ask_all(read_conversations(talk), embedder))
    looks = Looks(embedder)
    assert all(isinstance(looks(one), LateQuery) for one in asked)
    plain = weigh.cross_validate({"talk": asked})
    found = weigh.cross_validate({"talk": asked}, looks, plain=plain)
    assert found.names == (*plain.names, "late", "topic")
    assert any(weights.late for weights in found.chosen)
    assert not any(weights.late for weights in plain.chosen)


def test_links_go_over_rare_words_that_the_question_does_not_say() -> None:
    terms = [frozenset({1, 2, 9}), frozenset({2, 3}), frozenset({9}), frozenset({1}), frozenset({4})]
    held = {1: 2, 2: 2, 3: 1, 4: 1, 9: 50}
    found = links.links(terms, [0], frozenset({1}), held, 100)
    assert found.tolist() == [0, 1, 0, 0, 0]
