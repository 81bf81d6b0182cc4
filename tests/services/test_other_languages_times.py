"""A question in another language than English is answered from the time it names; English never asks for help."""

from __future__ import annotations

import subprocess
import sys

import pytest

from holdfast import Memory
from holdfast.core.language import Language
from holdfast.core.lexical import language_of_query
from holdfast.core.tongues import tongue_of

NOW = "2025-06-15T12:00:00Z"
TALKS = {
    "de": ("Wir haben über das Haus und die Küche gesprochen.", "Worüber haben wir letzte Woche gesprochen?"),
    "es": ("Hablamos de la casa y de la cocina.", "¿De qué hablamos la semana pasada?"),
    "ru": ("Мы говорили о доме и о кухне.", "О чём мы говорили на прошлой неделе?"),
    "zh": ("我们谈了房子和厨房。", "我们上周谈了什么?"),
    "ja": ("家と台所について話しました。", "先週何を話しましたか?"),
    "ar": ("تحدثنا عن البيت والمطبخ.", "عم تحدثنا الأسبوع الماضي؟"),
}
DAYS = ("2025-03-04", "2025-04-10", "2025-06-04", "2025-06-14")


@pytest.mark.parametrize("tongue", TALKS)
def test_of_equal_talks_the_one_of_the_time_that_is_named_comes_first(opened, tongue: str):
    memory = opened()
    said, question = TALKS[tongue]
    for day in DAYS:
        memory.session(day).add("user", said, author="A", when=day)
    first = memory.recall(question, now=NOW)[0]
    assert first.record.session == "2025-06-04"
    assert "from the time asked for" in first.reasons


def test_without_the_library_the_answer_is_as_it_was(opened, monkeypatch: pytest.MonkeyPatch):
    from holdfast.adapters import dates

    memory = opened()
    for day in DAYS:
        memory.session(day).add("user", TALKS["de"][0], author="A", when=day)
    with_it = memory.recall(TALKS["de"][1], now=NOW)
    monkeypatch.setattr(dates.DateparserTimes, "spans", lambda *given: ())
    without = memory.recall(TALKS["de"][1], now=NOW)
    assert [hit.record.session for hit in with_it] != [hit.record.session for hit in without]
    assert all(hit.signals.get("date", 0.0) == 0.0 for hit in without)
    assert without.degraded == with_it.degraded


def test_english_never_loads_it_and_a_time_in_english_is_read_by_our_own():
    script = """
import sys
from holdfast import Memory
with Memory.open(":memory:", embedder=None) as memory:
    memory.session("s").add("user", "We spoke of the house.", when="2025-06-04")
    memory.recall("what did we speak of?")
    memory.recall("what did we speak of last week?", now="2025-06-15")
    print("dateparser" in sys.modules, "holdfast.adapters.dates" in sys.modules)
    memory.recall("Worüber haben wir letzte Woche gesprochen?", now="2025-06-15")
    print("dateparser" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False", "True"]


@pytest.mark.parametrize(
    ("text", "tongue"),
    [
        ("what did Ada say?", None), ("", None), ("???", None), ("what about café culture?", None),
        ("Worüber haben wir gesprochen?", "de"), ("¿De qué hablamos?", "es"), ("О чём мы говорили?", "ru"),
        ("Про що ми говорили в Києві?", "uk"), ("我们谈了什么?", "zh"), ("何を話しましたか?", "ja"),
        ("عم تحدثنا؟", "ar"),
        ("우리는 무엇을 이야기했나요?", "ko"), ("על מה דיברנו?", "he"), ("Για τι μιλήσαμε;", "el"),
    ],
)  # fmt: skip
def test_what_a_question_is_in_is_told_by_its_letters_and_words(text: str, tongue: str | None):
    assert tongue_of(text, language_of_query(text)) == tongue


def test_a_language_without_a_code_is_left_alone():
    assert tongue_of("Þetta er íslenska", Language(latin="icelandic")) is None


def test_a_replay_asks_again_with_the_same_times(opened, path):
    memory: Memory = opened(path)
    for day in DAYS:
        memory.session(day).add("user", TALKS["es"][0], author="A", when=day)
    memory.recalls.keep(TALKS["es"][1], now=NOW)
    assert memory.recalls.replay().same
