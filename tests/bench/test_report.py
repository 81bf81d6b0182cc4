"""The report over a small invented data set: the same figures by every way they can be had."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench import evidence, fit, plot, public, report, systems, tables, weigh
from bench.conversations import BadData, Conversation, Question, Turn, read_conversations
from bench.measures import MEASURES, bootstrap
from bench.recall import ask_all
from bench.vectors import CachedEmbedder
from holdfast.core import fusion
from holdfast.core.budget import estimate_tokens
from holdfast.core.fusion import Weights, rank
from holdfast.testing.embedders import HashEmbedder

NAME = "talk.jsonl"


def test_every_part_is_there(measured: dict[str, Any]):
    described = measured["data"][NAME]
    assert described["conversations"] == 3
    assert described["answerable"] < described["questions"]
    means = measured["recall"][NAME]["all"]
    assert {"holdfast", "dense", "bm25", "rank fusion", "holdfast, public"} <= set(means)
    assert {"all", "single", "when", "list"} == set(measured["recall"][NAME])
    assert set(measured["confidence"][NAME]["tests"]) == set(evidence.TESTS)
    assert measured["control"][NAME]["R@10"]["0"]["holdfast"] == pytest.approx(means["holdfast"]["R@10"])


def test_the_public_api_finds_what_the_engine_finds(measured: dict[str, Any]):
    means = measured["recall"][NAME]["all"]
    for cut in (5, 10, 20, 50):
        assert means["holdfast, public"][f"R@{cut}"] == pytest.approx(means["holdfast"][f"R@{cut}"])
    assert measured["data"][NAME]["degraded"] == []


def test_gains_are_the_differences_of_the_means(measured: dict[str, Any]):
    means, gains = measured["recall"][NAME]["all"], measured["gain"][NAME]["all"]
    for system, by_measure in gains.items():
        for name, found in by_measure.items():
            assert found["mean"] == pytest.approx(means[system][name] - means["dense"][name])
            assert found["low"] <= found["mean"] <= found["high"]


def test_the_same_seed_gives_the_same_figures(small_talk: Path, tmp_path: Path):
    def timeless(seed: int, folder: str) -> str:
        result = report.measure([small_talk], HashEmbedder(), tmp_path / folder, seed=seed)
        return json.dumps({key: result[key] for key in result if key not in ("took_s", "latency")})

    first = timeless(7, "cold")
    assert timeless(7, "other") == first
    assert timeless(8, "cold") != first


def test_the_control_is_red_when_the_evidence_is_not_moved(
    measured: dict[str, Any], talk: Path, tmp_path: Path, monkeypatch: Any
):
    monkeypatch.setattr(report, "shifted", lambda ids, evidence, by: evidence)
    asked = list(ask_all(read_conversations(talk), CachedEmbedder(HashEmbedder(), tmp_path)))
    judged, _ = report._judge_all(asked, False, report.SYSTEMS, lambda done, total: None)
    control = report._control(judged)
    assert control["collapsed"] is False
    assert "DID NOT COLLAPSE" in tables.markdown({**measured, "control": {NAME: control}})


def test_the_control_collapses(measured: dict[str, Any]):
    assert measured["control"][NAME]["collapsed"] is True


def test_intervals_draw_conversations_and_a_pool_draws_questions(talk: Path, tmp_path: Path):
    conversations = read_conversations(talk)
    asked = list(ask_all(conversations, CachedEmbedder(HashEmbedder(), tmp_path)))
    for alone, names in (
        (False, {conversation.name for conversation in conversations}),
        (True, {one.question.id for one in asked}),
    ):
        judged, _ = report._judge_all(asked, alone, report.SYSTEMS, lambda done, total: None)
        assert {one.cluster for one in judged} == names
        place = MEASURES.index("R@10")
        difference = np.array([one.rows["holdfast"][place] - one.rows["dense"][place] for one in judged])
        by_hand = bootstrap(difference, [one.cluster for one in judged], seed=7)
        assert report._gains(judged, {}, 7)["all"]["holdfast"]["R@10"]["low"] == pytest.approx(100 * by_hand.low)


def test_a_larger_budget_holds_no_less(measured: dict[str, Any]):
    packed = [found["mean"] for found in measured["packed"][NAME]["holdfast, public"].values()]
    assert packed == sorted(packed)
    listed = measured["recall"][NAME]["all"]["holdfast"]
    # The text around the entries costs something; at the least budget it must show.
    assert packed[0] <= listed["500 tok"]


def test_recalls_are_asked_at_the_time_of_the_question_and_within_the_budget(
    talk: Path, tmp_path: Path, monkeypatch: Any
):
    moments: set[float] = set()
    plain = public.Memory.recall

    def recall(self: Any, query: str, **more: Any) -> Any:
        moments.add(more["now"].timestamp() * 1000)
        return plain(self, query, **more)

    monkeypatch.setattr(public.Memory, "recall", recall)
    conversation = read_conversations(talk)[0]
    texts = {turn.id: turn.text for turn in conversation.turns}
    questions = conversation.questions[:4]
    for answer in public.answers(conversation, questions, tmp_path / "x.db", HashEmbedder()):
        for budget, ids in answer.by_budget.items():
            assert sum(estimate_tokens(texts[name]) for name in ids) <= budget
        assert 0 < len(answer.by_budget[500]) < len(answer.by_budget[4_000])
    assert moments == {question.asked_ms for question in questions}


def test_the_baselines_do_not_profit_from_how_holdfast_reads_a_question(talk: Path, tmp_path: Path):
    asked = list(ask_all(read_conversations(talk), CachedEmbedder(HashEmbedder(), tmp_path)))
    assert any(one.query.dense_text != one.question.text for one in asked)
    for one in asked:
        blind = replace(one, vector=np.zeros_like(one.vector))
        for name in ("dense", "bm25", "rank fusion"):
            assert (report.SYSTEMS[name](blind) == report.SYSTEMS[name](one)).all()


# The signals


def test_the_ablation_has_every_signal_of_the_engine(measured: dict[str, Any]):
    names = {field.name for field in fields(Weights) if not field.name.endswith("_b")}
    declared = {signal.name for signal in systems.engine_signals()}
    assert declared == names
    rows = set(measured["ablation"][NAME])
    assert {f"- {name}" for name in declared} | {f"+ {name}" for name in declared - {systems.BASE}} <= rows
    assert measured["folds"]["plain"]["names"] == list(weigh.names_of(thorough=False))


@dataclass(frozen=True)
class Declared:
    name: str
    low: float
    high: float


def test_a_declared_table_of_signals_is_taken_as_it_is(monkeypatch: Any):
    table = (Declared("words", 0, 3), Declared("dense", -1, 1), Declared("not a weight", 0, 1))
    monkeypatch.setattr(fusion, "SIGNALS", table, raising=False)
    found = systems.engine_signals()
    assert [(one.name, one.low, one.high) for one in found] == [("dense", "-1", "1"), ("words", "0", "3")]
    assert found[1].weight == Weights().words


def test_signals_times_weights_are_the_score(talk: Path, tmp_path: Path):
    names = weigh.names_of(thorough=False)
    weights = np.array([getattr(Weights(), name) for name in names])
    read = systems.signal_values(names)
    asked = list(ask_all(read_conversations(talk), CachedEmbedder(HashEmbedder(), tmp_path)))
    assert asked
    for one in asked:
        candidates = read(one, None)
        ranking = rank(one.corpus, one.query, one.vector, limit=10_000)
        order = np.argsort(ranking.ns)
        assert (candidates.ns == ranking.ns[order]).all()
        second = sum(ranking.contributions.get(name, np.zeros(len(order))) for name in systems.SECOND)
        assert candidates.values @ weights == pytest.approx((ranking.scores - second)[order], abs=1e-3)


# Confidence


def test_names_are_masked_and_nothing_else():
    authors = frozenset({"ada", "ben"})
    assert evidence.masked("When did Ada go to Lisbon in May?", authors) == "When did someone go to someone in May?"
    assert evidence.masked("Ada's sister met Ben. Where?", authors) == "Someone's sister met someone. Where?"
    assert evidence.masked("What is the CPU of I and ada?", authors) == "What is the CPU of I and ada?"


def test_taking_evidence_out_leaves_the_space_as_it_was(talk: Path, tmp_path: Path):
    vectors = CachedEmbedder(HashEmbedder(), tmp_path)
    conversations = read_conversations(talk)
    found = list(evidence.trials(conversations, vectors))
    corpora = [fit.loaded(conversation, vectors)[0] for conversation in conversations]
    asked = [trial for trial in found if trial.kind == "asked"]
    fresh: list[float] = []
    for conversation, corpus in zip(conversations, corpora, strict=True):
        for question in conversation.questions:
            if question.evidence:
                judge = evidence._Judge("x", question, vectors)
                fresh.append(judge("asked", corpus, question.text, question.evidence).said)
    assert [trial.said for trial in asked] == pytest.approx(fresh)
    removed = [trial for trial in found if trial.kind == "removed"]
    assert len(removed) == len(asked)
    assert not any(trial.found for trial in removed)


def test_a_question_asked_elsewhere_finds_no_evidence(talk: Path, tmp_path: Path):
    found = list(evidence.trials(read_conversations(talk), CachedEmbedder(HashEmbedder(), tmp_path)))
    kinds = {trial.kind for trial in found}
    assert kinds == {"asked", "masked", "elsewhere", "removed", "unanswerable"}
    assert not any(trial.found for trial in found if trial.kind in ("elsewhere", "removed", "unanswerable"))


# Showing


def test_the_page_names_every_file_and_the_picture_draws_it(measured: dict[str, Any]):
    page = tables.markdown(measured)
    assert f"## {NAME}" in page
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in page.splitlines() if line.startswith("| holdfast |")}
    assert min(widths) > 3
    assert not re.search(r"\bnan\b", page)
    tree = ElementTree.fromstring(plot.picture(measured))
    lines = tree.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) >= 9
    for line in lines:
        for point in line.attrib["points"].split():
            assert all(np.isfinite(float(part)) for part in point.split(","))


def test_a_pool_and_one_conversation_alone_are_reported_without_intervals_that_nothing_supports(tmp_path: Path):
    turns = tuple(Turn(f"{n}", "1", 86_400_000 * n, "Ada", f"Ada: word{n} went", f"word{n} went") for n in range(1, 9))
    questions = (Question("q", "where did word3 go?", "any", frozenset({"3"}), 10**9),)
    vectors = CachedEmbedder(HashEmbedder(), tmp_path)
    asked = list(ask_all([Conversation("one", turns, questions)], vectors, every=True))
    judged, _ = report._judge_all(asked, True, report.SYSTEMS, lambda done, total: None)
    gains = report._gains(judged, {}, 0)
    assert np.isnan(gains["all"]["holdfast"]["R@10"]["low"])
    assert tables.interval(gains["all"]["holdfast"]["R@10"]).endswith("(-)")


def test_thorough_is_refused_while_recall_does_not_have_it(talk: Path, tmp_path: Path, monkeypatch: Any):
    monkeypatch.setattr(report, "has_thorough", lambda: False)
    with pytest.raises(report.NotReady, match="Nothing was measured"):
        report.measure([talk], HashEmbedder(), tmp_path, thorough=True)


def test_thorough_is_a_system_of_its_own_where_recall_has_it(small_talk: Path, tmp_path: Path, monkeypatch: Any):
    given: list[bool] = []
    plain = public.Memory.recall

    def recall(self: Any, query: str, *, thorough: bool = False, **more: Any) -> Any:
        given.append(thorough)
        return plain(self, query, **more)

    monkeypatch.setattr(public.Memory, "recall", recall)
    assert public.has_thorough()
    result = report.measure([small_talk], HashEmbedder(), tmp_path, thorough=True)
    means = result["recall"][small_talk.name]["all"]
    assert means["holdfast, thorough"]["R@10"] == pytest.approx(means["holdfast, public"]["R@10"])
    assert 0 < given.count(True) == given.count(False)
    assert "category (holdfast, thorough)" in tables.markdown(result)


# Files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no conversation"),
        ("{not json\n", ":1 is not JSON"),
        ("[]\n", "an object is expected"),
        ('{"entries": [], "questions": [{"question": "x"}]}\n', "evidence"),
        ('{"entries": [{"id": 1, "text": "x"}], "questions": []}\n', "author"),
        (
            '{"entries": [{"id": 1, "author": "A", "text": "x"}, {"id": 1, "author": "A", "text": "y"}], '
            '"questions": []}\n',
            "'1' twice",
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_where_and_what(text: str, said: str, tmp_path: Path):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(BadData) as error:
        read_conversations(path)
    assert said in str(error.value)
    assert "Nothing was measured" in str(error.value)


def test_only_id_author_and_text_are_needed(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    row = {
        "entries": [{"id": 1, "author": "Ada", "text": "I moved to Lisbon.\u2028"}],
        "questions": [{"question": "where?", "evidence": [1, 7]}],
    }
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    (conversation,) = read_conversations(path)
    assert conversation.questions[0].evidence == {"1"}
    assert conversation.questions[0].published == ("1", "7")
