"""Every measure on cases small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import measures
from bench.measures import (
    MEASURES,
    auroc,
    bootstrap,
    collapsed,
    compare_auroc,
    counted,
    judge,
    mempalace_recall,
    prefix_within,
    reliability,
    sessions_of,
    shifted,
)


def judged(gold: list[int], tokens: list[int] | None = None, evidence: int | None = None) -> dict[str, float]:
    found = np.array(gold, bool)
    row = judge(found, tokens or [1] * len(gold), evidence or sum(gold))
    return dict(zip(MEASURES, row.tolist(), strict=True))


def test_recall_at_k_is_the_share_of_the_evidence_among_the_best_k():
    # Evidence in the fifth, sixth, tenth and eleventh place, and a fifth piece that was not ranked.
    row = judged([0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1], evidence=5)
    assert [row[f"R@{cut}"] for cut in (5, 10, 20, 50)] == pytest.approx([1 / 5, 3 / 5, 4 / 5, 4 / 5])


def test_all_evidence_counts_only_when_nothing_is_missing_among_ten():
    assert judged([1, 0, 0, 0, 0, 0, 0, 0, 0, 1])["all@10"] == 1
    assert judged([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])["all@10"] == 0
    assert judged([1], evidence=2)["all@10"] == 0


def test_a_budget_is_filled_in_list_order_passing_over_what_is_too_long():
    # 300 is taken, the next 300 is passed over, 150 and 50 fill the rest exactly.
    row = judged([1, 1, 0, 1], [300, 300, 150, 50])
    assert row["500 tok"] == pytest.approx(2 / 3)
    assert row["500 tok, prefix"] == pytest.approx(1 / 3)
    assert row["1000 tok"] == row["1000 tok, prefix"] == 1


@pytest.mark.parametrize(("budget", "taken"), [(9, 0), (10, 1), (29, 1), (30, 2), (1_000, 3)])
def test_a_prefix_ends_at_the_first_entry_that_does_not_fit(budget: int, taken: int):
    assert prefix_within([10, 20, 40], budget) == taken


def test_a_question_without_evidence_has_no_recall():
    with pytest.raises(ValueError, match="without evidence"):
        judge(np.zeros(3, bool), [1, 1, 1], 0)


# Intervals


def test_two_conversations_that_differ_give_the_interval_between_them():
    # Drawn are 0 and 0, 0 and 1, or 1 and 1: a quarter of the draws at either end.
    found = bootstrap(np.array([0.0, 0.0, 1.0, 1.0]), ["a", "a", "b", "b"], seed=1)
    assert (found.mean, found.low, found.high) == (0.5, 0.0, 1.0)


def test_conversations_that_agree_give_no_width():
    found = bootstrap(np.full(9, 0.25), list("aaabbbccc"), seed=1)
    assert (found.mean, found.low, found.high) == (0.25, 0.25, 0.25)


def test_a_long_conversation_weighs_by_its_questions():
    # A has one question at 1, B three at 0. Means of the draws are 1 (AA), 1/4 (AB) and 0 (BB).
    values, clusters = np.array([1.0, 0, 0, 0]), ["a", "b", "b", "b"]
    draws = counted(clusters, 4_000, 3)
    means = (draws @ np.array([1.0, 0])) / (draws @ np.array([1, 3]))
    assert set(np.round(means, 4)) == {0.0, 0.25, 1.0}
    assert np.mean(means == 0.25) == pytest.approx(0.5, abs=0.03)
    found = bootstrap(values, clusters, seed=3)
    assert (found.mean, found.low, found.high) == (0.25, 0.0, 1.0)


def test_a_resampled_mean_is_that_of_the_questions_drawn():
    clusters = list("abbbccddddddefffgghhhh")
    values = np.sin(np.arange(len(clusters))) ** 2
    by_hand = [np.repeat(values, draw[measures.places_of(clusters)]).mean() for draw in counted(clusters, 500, 2)]
    found = bootstrap(values, clusters, seed=2, resamples=500)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(by_hand, (2.5, 97.5))))


def test_many_independent_conversations_give_the_interval_of_the_normal_law():
    values = np.tile([0.0, 1.0], 200)
    found = bootstrap(values, list(range(400)), seed=5, resamples=20_000)
    half = 1.96 * 0.5 / np.sqrt(400)
    assert found.low == pytest.approx(0.5 - half, abs=0.004)
    assert found.high == pytest.approx(0.5 + half, abs=0.004)


def width_of(values: np.ndarray, clusters: list[object]) -> float:
    found = bootstrap(values, clusters, seed=7)
    return found.high - found.low


def test_questions_of_one_conversation_are_not_counted_as_independent():
    # Ten conversations, each of 100 questions that all fare the same: as if there were ten questions.
    values = np.repeat(np.tile([0.0, 1.0], 5), 100)
    conversations = [place // 100 for place in range(1_000)]
    assert width_of(values, conversations) == pytest.approx(width_of(values[::100], list(range(10))), abs=0.02)
    # The planted mistake, drawing questions, would claim ten times the certainty.
    assert width_of(values, list(range(1_000))) < width_of(values, conversations) / 5


def test_one_conversation_has_no_interval():
    found = bootstrap(np.array([0.0, 1.0]), ["a", "a"], seed=1)
    assert found.mean == 0.5
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_the_seed_decides_the_draws():
    values, clusters = np.linspace(0, 1, 40), [place // 4 for place in range(40)]
    assert bootstrap(values, clusters, seed=1) == bootstrap(values, clusters, seed=1)
    assert bootstrap(values, clusters, seed=1) != bootstrap(values, clusters, seed=2)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 99))
def test_a_draw_has_as_many_conversations_as_there_are(clusters: list[int], seed: int):
    draws = counted(clusters, 20, seed)
    assert (draws.sum(axis=1) == len(set(clusters))).all()


# Telling evidence from its absence


def test_the_area_is_the_share_of_pairs_in_the_right_order_with_ties_half():
    assert auroc(np.array([0.9, 0.4]), np.array([0.5, 0.4])) == 2.5 / 4
    assert auroc(np.array([1.0]), np.array([0.0])) == 1
    assert np.isnan(auroc(np.array([]), np.array([0.0])))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.integers(0, 2)), max_size=25))
def test_resampled_areas_are_those_of_the_questions_drawn(rows: list[tuple[int, int, bool, int]]):
    rows = [*rows, (1, 2, True, 0), (0, 3, False, 0), (2, 1, True, 1), (1, 1, False, 1)]
    ours, other = (np.array([row[place] for row in rows], float) for place in (0, 1))
    labels, clusters = np.array([row[2] for row in rows]), [row[3] for row in rows]
    told = compare_auroc(ours, other, labels, clusters, seed=4, resamples=60)
    numbers = measures.places_of(clusters)
    areas: list[list[float]] = [[], [], []]
    for draw in counted(clusters, 60, 4):
        drawn = np.repeat(np.arange(len(rows)), draw[numbers])
        pair = [auroc(scores[drawn][labels[drawn]], scores[drawn][~labels[drawn]]) for scores in (ours, other)]
        for into, value in zip(areas, (*pair, pair[0] - pair[1]), strict=True):
            into.append(value)
    for found, values in zip((told.ours, told.other, told.gain), areas, strict=True):
        assert (found.low, found.high) == pytest.approx(tuple(np.nanpercentile(values, (2.5, 97.5))))
    assert told.positives + told.negatives == len(rows)


def test_a_score_against_itself_gains_nothing():
    scores, labels = np.array([0.1, 0.9, 0.4, 0.8]), np.array([False, True, False, True])
    told = compare_auroc(scores, scores, labels, [1, 1, 2, 2], seed=0)
    assert (told.gain.mean, told.gain.low, told.gain.high) == (0, 0, 0)


def test_reliability_compares_what_was_said_with_what_was_found():
    bins, gap = reliability(np.array([0.1, 0.15, 0.9, 1.0]), np.array([False, True, True, True]), bins=2)
    assert [(one.low, one.high, one.count, one.said, one.true) for one in bins] == [
        (0.0, 0.5, 2, pytest.approx(0.125), 0.5),
        (0.5, 1.0, 2, pytest.approx(0.95), 1.0),
    ]
    assert gap == pytest.approx((0.375 + 0.05) / 2)


# The control


def test_the_control_moves_evidence_and_goes_round_at_the_end():
    ids = ["a", "b", "c", "d"]
    assert shifted(ids, frozenset("ad"), 1) == {"b", "a"}
    assert shifted(ids, frozenset("c"), 2) == {"a"}


@pytest.mark.parametrize(("real", "moved", "verdict"), [(84.0, 1.5, True), (84.0, 84.0, False), (84.0, 40.0, False)])
def test_a_score_that_stays_when_evidence_moves_has_not_collapsed(real: float, moved: float, verdict: bool):
    assert collapsed(real, moved, chance=2.0) is verdict


def test_a_control_that_moves_nothing_does_not_collapse():
    ids = [str(place) for place in range(30)]
    best, evidence = ids[:10], frozenset({"3", "25"})
    recall = [len(shifted(ids, evidence, by) & set(best)) / 2 for by in (0, 12)]
    assert not collapsed(recall[0], recall[0], chance=1 / 3)
    assert collapsed(recall[0], recall[1] * 0, chance=1 / 3)


# MemPalace's metric


def test_mempalace_counts_a_question_without_evidence_as_found():
    assert mempalace_recall(["a"], []) == 1
    assert mempalace_recall(["a", "b"], ["b", "c"]) == 0.5
    assert mempalace_recall(["a", "b"], ["b", "b"]) == 1


def test_sessions_are_read_from_ids_as_they_were_published():
    session_by_id = {"D1:1": "1", "D8:6": "8", "D10:2": "10", "28": "3"}
    published = ["D1:1", "D8:6; D9:17", "D10:19", "D", "D:11:26", "28", "99"]
    assert sessions_of(published, session_by_id) == ["1", "8", "10", "3"]
