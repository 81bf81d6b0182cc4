"""Does `confidence` tell an answer from its absence? Three tests that no name gives away, beside the greatest cosine.

``masked``: questions with every proper name masked, asked of their own conversation and of another one.
``removed``: questions asked of their own conversation, and again with just the evidence taken out of it.
``unanswerable``: questions that can be answered, and those about what was never said (see `UNANSWERABLE`).

In each the positives are answers whose ten best hold evidence, which is what confidence claims, and the negatives are
questions that nothing there answers. The shipped coefficients were fitted to the development data, so the report also
gives what confidence says when it is fitted on the other conversations only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.conversations import KEY, Conversation, Question, entries_of, languages_of
from bench.fit import Example, held_out, loaded
from bench.measures import compare_auroc, reliability
from bench.recall import UNANSWERABLE
from bench.vectors import CachedEmbedder
from holdfast.core import confidence
from holdfast.core.border import SPEAKERS
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import rank
from holdfast.core.query import parse_query
from holdfast.core.vectors import quantise

TESTS = {
    "names masked": ("masked", "elsewhere"),
    "evidence removed": ("asked", "removed"),
    "unanswerable": ("asked", "unanswerable"),
}
"""Positives (where evidence was found) and negatives of each test."""

_CALENDAR = frozenset(
    re.findall(
        r"\w+",
        "january february march april may june july august september october november december monday tuesday "
        "wednesday thursday friday saturday sunday christmas easter thanksgiving halloween",
    )
)
_WORD = re.compile(r"(?P<start>(?:^|[.?!]\s+|[\"“]))?(?P<word>[^\W\d_]+)")
MASK = "someone"


@dataclass(frozen=True, slots=True)
class Trial:
    """One question asked once."""

    group: str
    """The conversation the question is about, or the question itself where there is one pool."""
    kind: str
    found: bool
    """Whether evidence is among the ten best."""
    said: float
    cosine: float
    """The greatest cosine of the question as asked with any entry."""
    features: confidence.Features


def masked(text: str, authors: frozenset[str]) -> str:
    """Return a question with its proper names masked: authors wherever they stand, others inside a sentence."""

    def replace(match: re.Match[str]) -> str:
        word = match["word"]
        before = match["start"] or ""
        if word.casefold() in authors and word[0].isupper():
            return before + (MASK.capitalize() if match["start"] is not None else MASK)
        proper = word[0].isupper() and not word.isupper() and match["start"] is None
        return before + (MASK if proper and word.casefold() not in _CALENDAR else word)

    return _WORD.sub(replace, text)


def trials(
    conversations: Sequence[Conversation], embedder: CachedEmbedder, tell: Callable[[], None] | None = None
) -> Iterator[Trial]:
    """Yield every trial of one data set; ``tell`` is called after each question."""
    authors = frozenset(
        word.casefold()
        for conversation in conversations
        for turn in conversation.turns
        if turn.author and turn.author not in SPEAKERS
        for word in re.findall(r"[^\W\d_]+", turn.author)
    )
    alone = len(conversations) == 1
    corpora = [loaded(conversation, embedder) for conversation in conversations]
    for place, conversation in enumerate(conversations):
        corpus, vectors = corpora[place]
        beside = (place + 1) % len(conversations)
        for question in conversation.questions:
            judge = _Judge(question.id if alone else conversation.name, question, embedder)
            if question.category in UNANSWERABLE:
                yield judge("unanswerable", corpus, question.text, frozenset())
            elif question.evidence:
                gold = [n for n, turn in enumerate(conversation.turns, 1) if turn.id in question.evidence]
                hidden = masked(question.text, authors)
                yield judge("asked", corpus, question.text, frozenset(gold))
                if not alone:
                    yield judge("masked", corpus, hidden, frozenset(gold))
                    yield judge("elsewhere", corpora[beside][0], hidden, frozenset())
                corpus.remove(gold)
                yield judge("removed", corpus, question.text, frozenset(gold))
                corpus.add(entry for entry in entries_of(conversation, only=frozenset(gold)))
                corpus.set_vectors(np.array(gold), *quantise(vectors[np.array(gold) - 1]))
            if tell:
                tell()
    embedder.save()


@dataclass(frozen=True, slots=True)
class _Judge:
    group: str
    question: Question
    embedder: CachedEmbedder

    def __call__(self, kind: str, corpus: Corpus, text: str, gold: frozenset[int]) -> Trial:
        authors, languages = corpus.statistics().authors, languages_of(corpus)
        query = parse_query(text, key=KEY, authors=authors, now_ms=self.question.asked_ms, languages=languages)
        vector, plain = self.embedder.embed([query.dense_text, text])
        ranking = rank(corpus, query, vector, limit=10)
        cosine = float(corpus.vectors.scan(plain, corpus.size)[corpus.columns.alive[: corpus.size]].max())
        said = confidence.confidence(ranking.features)
        return Trial(self.group, kind, not gold.isdisjoint(ranking.ns.tolist()), said, cosine, ranking.features)


def judged(by_file: dict[str, list[Trial]], *, seed: int) -> dict[str, dict[str, Any]]:
    """Return by file the tests (areas under the ROC curve with intervals) and the reliability of what was said."""
    names = list(by_file)
    examples = [
        Example(place, trial.group, trial.kind, trial.features, trial.found)
        for place, name in enumerate(names)
        for trial in by_file[name]
    ]
    fitted = held_out(names, examples) if examples else np.empty(0)
    results: dict[str, dict[str, Any]] = {}
    start = 0
    for name in names:
        of_file = by_file[name]
        outside = fitted[start : start + len(of_file)]
        start += len(of_file)
        results[name] = {
            "tests": {test: told for test, kinds in TESTS.items() if (told := _told(of_file, outside, kinds, seed))},
            "reliability": _reliability(of_file, outside),
        }
    return results


def _told(
    of_file: Sequence[Trial], outside: np.ndarray[Any, Any], kinds: tuple[str, str], seed: int
) -> dict[str, Any] | None:
    positive, negative = kinds
    places = [
        place
        for place, trial in enumerate(of_file)
        if (trial.kind == positive and trial.found) or trial.kind == negative
    ]
    chosen = [of_file[place] for place in places]
    labels = np.array([trial.kind == positive for trial in chosen])
    if not places or labels.all() or not labels.any():
        return None
    groups = [trial.group for trial in chosen]
    cosine = np.array([trial.cosine for trial in chosen])
    shipped = compare_auroc(np.array([trial.said for trial in chosen]), cosine, labels, groups, seed=seed)
    told = {"shipped": asdict(shipped)}
    if np.isfinite(outside[places]).all():
        told["fitted on the others"] = asdict(compare_auroc(outside[places], cosine, labels, groups, seed=seed))
    return told


def _reliability(of_file: Sequence[Trial], outside: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Judge every answerable question twice, with its evidence and without: one asks as often for either."""
    places = [place for place, trial in enumerate(of_file) if trial.kind in ("asked", "removed")]
    true = np.array([of_file[place].found for place in places], bool)
    found: dict[str, Any] = {}
    for name, said in (
        ("shipped", np.array([of_file[place].said for place in places])),
        ("fitted on the others", outside[places] if places else outside),
    ):
        if len(said) and np.isfinite(said).all():
            bins, gap = reliability(said, true)
            found[name] = {"bins": [asdict(one) for one in bins], "mean gap": gap}
    return found
