"""The samples of other languages are found, and no worse than before Holdfast knew languages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench import languages
from bench.conversations import Conversation, read_conversations
from bench.data import CONVERSATIONS, HOW, data_file
from holdfast import Memory
from holdfast.core.lexical import encode_terms
from holdfast.surfaces.cli import bench, failure
from holdfast.surfaces.cli.main import cli
from holdfast.testing.embedders import HashEmbedder

# Questions of 26 whose evidence is among the best 5 by words alone, at least.
AT_LEAST = {"arabic": 22, "chinese": 26, "german": 22, "japanese": 26, "russian": 25, "spanish": 25}


def conversation(path: Path) -> Conversation:
    (found,) = read_conversations(path)
    return found


def answered(one: Conversation, way: str, cut: int) -> int:
    return round(sum(languages.Space.of(one, way, None).found(None)[cut]))


def test_there_is_a_sample_of_each_language() -> None:
    assert [path.stem for path in languages.samples()] == sorted(AT_LEAST)


@pytest.mark.parametrize("path", languages.samples(), ids=lambda path: path.stem)
def test_a_sample_is_large_enough_and_its_evidence_is_there(path: Path) -> None:
    one = conversation(path)
    assert len(one.turns) >= 40
    assert len(one.questions) >= 20
    assert all(len(question.evidence) == 1 for question in one.questions)
    assert len({question.evidence for question in one.questions}) == len(one.questions)
    assert not {turn.body for turn in one.turns} & {question.text for question in one.questions}


@pytest.mark.parametrize("path", languages.samples(), ids=lambda path: path.stem)
def test_words_find_the_evidence_and_no_less_than_before(path: Path) -> None:
    one = conversation(path)
    now = {cut: answered(one, "now", cut) for cut in languages.CUTS}
    assert now[5] >= AT_LEAST[path.stem]
    for way in ("plain", "english"):
        for cut, count in now.items():
            assert count >= answered(one, way, cut), (way, cut)


def test_many_languages_in_one_space_are_found() -> None:
    one = languages.joined([conversation(path) for path in languages.samples()])
    assert len(one.turns) == 252
    now = answered(one, "now", 5)
    assert now >= 145
    assert now > answered(one, "english", 5) > answered(one, "plain", 5)


def test_an_english_text_has_the_terms_it_had() -> None:
    for text in ("I was running to the café with José", "Ada: We moved to Lisbon in 2022 [shares a photo]"):
        assert languages.blob(text, "english") == encode_terms(text, languages.KEY)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_every_english_entry_and_question_has_the_terms_it_had(name: str) -> None:
    path = data_file(name)
    if path is None:
        pytest.skip(f"{name} is not there; {HOW}")
    for one in read_conversations(path):
        for text in (*(turn.text for turn in one.turns), *(question.text for question in one.questions)):
            assert languages.blob(text, "english") == encode_terms(text, languages.KEY), text[:200]


def test_the_benchmark_takes_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_embedder", lambda named: HashEmbedder())
    given = ["--json", "bench", "recall", str(languages.SAMPLES / "german.jsonl"), "--cache", str(tmp_path)]
    done = CliRunner().invoke(cli, given, prog_name="holdfast")
    assert done.exit_code in (failure.OK, failure.PROBLEMS), done.output
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["data"]["german.jsonl"]["conversations"] == 1


def test_a_space_finds_them_as_the_engine_does(tmp_path: Path) -> None:
    one = conversation(languages.SAMPLES / "german.jsonl")
    engine = languages.Space.of(one, "now", None)
    with Memory.open(tmp_path / "german.db", embedder=None) as memory:
        for turn in one.turns:
            memory.session(turn.session).add(turn.author, turn.body, when=at(turn.said_ms))
        for question in one.questions:
            found = [hit.text for hit in memory.recall(question.text, limit=5, now=at(question.asked_ms))]
            query = engine.query(question.text, question.asked_ms)
            ns = languages.rank(engine.corpus, query, None, limit=5).ns.tolist()
            assert found == [one.turns[n - 1].body for n in ns]


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
