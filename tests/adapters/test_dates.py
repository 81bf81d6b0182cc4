"""Times named in German, Spanish, Russian, Chinese, Japanese and Arabic are found by dateparser; none without it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec

import pytest

from holdfast.adapters import dates
from holdfast.adapters.dates import DateparserTimes

NOW_MS = int(datetime(2025, 6, 15, 12, tzinfo=UTC).timestamp() * 1000)
"""A Sunday."""
YESTERDAY, LAST_WEEK, WEEKS_AGO = (
    ("2025-06-14", "2025-06-15"),
    ("2025-06-02", "2025-06-09"),
    ("2025-05-19", "2025-05-26"),
)
MONTH, DAY, YEAR = ("2024-03-01", "2024-04-01"), ("2024-05-03", "2024-05-04"), ("2024-01-01", "2025-01-01")


def told(tongue: str, text: str, now_ms: int = NOW_MS) -> list[tuple[str, str]]:
    return [(day(first), day(after)) for first, after in DateparserTimes().spans(text, tongue, now_ms)]


def day(ms: int) -> str:
    assert ms % 86_400_000 == 0
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


@pytest.mark.parametrize(
    ("tongue", "question", "span"),
    [
        ("de", "Was habe ich gestern gekauft?", YESTERDAY),
        ("de", "Wo war Ada letzte Woche?", LAST_WEEK),
        ("de", "Was haben wir vor drei Wochen besprochen?", WEEKS_AGO),
        ("de", "Was geschah im März 2024?", MONTH),
        ("de", "Wer kam am 3. Mai 2024?", DAY),
        ("de", "Was tat ich 2024?", YEAR),
        ("es", "¿Qué compré ayer?", YESTERDAY),
        ("es", "¿Dónde estuvo Ada la semana pasada?", LAST_WEEK),
        ("es", "¿De qué hablamos hace tres semanas?", WEEKS_AGO),
        ("es", "¿Qué pasó en marzo de 2024?", MONTH),
        ("es", "¿Quién vino el 3 de mayo de 2024?", DAY),
        ("es", "¿Qué hice el año pasado?", YEAR),
        ("ru", "Что я купил вчера?", YESTERDAY),
        ("ru", "Где была Ада на прошлой неделе?", LAST_WEEK),
        ("ru", "О чём мы говорили три недели назад?", WEEKS_AGO),
        ("ru", "Кто пришёл 3 мая 2024?", DAY),
        ("ru", "Где я жил в прошлом году?", YEAR),
        ("zh", "我昨天买了什么?", YESTERDAY),
        ("zh", "艾达上周在哪里?", LAST_WEEK),
        ("zh", "三周前我们谈了什么?", WEEKS_AGO),
        ("zh", "2024年3月发生了什么?", MONTH),
        ("zh", "2024年5月3日谁来了?", DAY),
        ("zh", "去年我住在哪里?", YEAR),
        ("ja", "昨日何を買いましたか?", YESTERDAY),
        ("ja", "エイダは先週どこにいましたか?", LAST_WEEK),
        ("ja", "3週間前に何を話しましたか?", WEEKS_AGO),
        ("ja", "2024年3月に何がありましたか?", MONTH),
        ("ja", "2024年5月3日に誰が来ましたか?", DAY),
        ("ja", "去年どこに住んでいましたか?", YEAR),
        ("ar", "ماذا اشتريت أمس؟", YESTERDAY),
        ("ar", "أين كانت آدا الأسبوع الماضي؟", LAST_WEEK),
        ("ar", "عم تحدثنا قبل ثلاثة أسابيع؟", WEEKS_AGO),
        ("ar", "ماذا حدث في مارس 2024؟", MONTH),
        ("ar", "من جاء في 3 مايو 2024؟", DAY),
        ("fr", "Qu'ai-je fait hier ?", YESTERDAY),
    ],
)
def test_a_time_is_found_as_wide_as_it_is_vague(tongue: str, question: str, span: tuple[str, str]):
    assert told(tongue, question) == [span]


@pytest.mark.parametrize(
    ("tongue", "question"),
    [
        ("de", "Wie heißt die Katze?"), ("de", "Wer wohnt in Zimmer 12?"), ("de", "Was war um 12 Uhr?"),
        ("de", "Wer ist mein Arzt?"), ("es", "¿Cómo se llama mi gato?"), ("es", "Cuarto 12, ¿quién vive?"),
        ("ru", "Кто мой врач?"), ("zh", "我的医生是谁?"), ("ja", "私の医者は誰ですか?"), ("ar", "من هو طبيبي؟"),
    ],
)  # fmt: skip
def test_a_question_without_a_time_has_none(tongue: str, question: str):
    assert told(tongue, question) == []


def test_times_are_counted_from_the_moment_of_the_question():
    earlier = int(datetime(2020, 1, 1, 12, tzinfo=UTC).timestamp() * 1000)
    assert told("de", "Was habe ich gestern gekauft?", earlier) == [("2019-12-31", "2020-01-01")]


def test_several_times_come_in_the_order_in_which_they_are_named():
    assert told("de", "Was war am 3. Mai 2024, und was gestern?") == [DAY, YESTERDAY]


@pytest.mark.parametrize(
    "text",
    ["", " ", "?", "\x00", "\ud800", "🙂" * 400, "1" * 400, "昨日" * 200, "3. " * 200, "۱۲۳ ٤٥٦",
     "99.99.9999 0000-00-00", "hace 999999999999 años", "vor 9999 Jahren", "gestern " * 60],
)  # fmt: skip
@pytest.mark.parametrize("tongue", ["de", "es", "ru", "zh", "ja", "ar", "xx"])
def test_nothing_that_is_asked_makes_it_fail(text: str, tongue: str):
    spans = DateparserTimes().spans(text, tongue, NOW_MS)
    assert len(spans) <= dates.MOST_SPANS
    assert all(first < after for first, after in spans)


def test_a_library_that_fails_is_no_failure_of_the_recall(monkeypatch: pytest.MonkeyPatch):
    def broken(*given: object) -> Sequence[tuple[int, int]]:
        raise RecursionError("deep")

    monkeypatch.setattr(dates, "_found", broken)
    assert told("de", "Was habe ich gestern gekauft?") == []


def test_no_further_words_are_tried_when_time_is_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dates, "MOST_S", -1.0)
    tried = list[str]()
    span = dates._span  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(dates, "_span", lambda read, words, now: tried.append(words) or span(read, words, now))
    told("de", "Was war am ersten Tag der Reise und am zweiten, und wer kam dann gestern noch dazu?")
    assert len(tried) == 1


def test_without_the_library_there_are_none_and_it_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch):
    looked = list[str]()

    def missing(name: str) -> ModuleSpec | None:
        looked.append(name)
        return None

    monkeypatch.setattr(dates, "find_spec", missing)
    finder = DateparserTimes()
    assert [finder.spans("gestern", "de", NOW_MS) for _ in range(3)] == [(), (), ()]
    assert looked == ["dateparser"]
    assert importlib.util.find_spec("dateparser") is not None, "the other tests here had it"
    assert "dateparser" in sys.modules
