"""Learning the few numbers of the engine: ``python -m bench.fit [DATA...]``.

Prints, first, weights of the signals (see `bench.weigh`), plain and after a closer look, cross-validated by
conversation: a fold's questions are judged by weights that the other folds chose. Second, the coefficients of
`confidence` with the area under the ROC curve on conversations it was not fitted on. Nothing is written; what is
adopted is typed into `core.weights` and `confidence` by hand.

One engine serves every data set, so each weighs the same whatever its size, and its name is never looked at.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import weigh
from bench.closer import Looks
from bench.conversations import KEY, Conversation, corpus_of, entries_of, languages_of, read_conversations
from bench.measures import auroc
from bench.recall import UNANSWERABLE, ask_all, files_of
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.core import confidence
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import rank
from holdfast.core.query import parse_query
from holdfast.core.vectors import quantise

_RIDGE = 1.0

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Example:
    """One ranking for `confidence`: is evidence among its ten best?"""

    data: int
    group: str
    kind: str
    """answerable, removed (its evidence was), elsewhere (asked of another conversation) or adversarial."""
    features: confidence.Features
    label: bool


def examples_of(data: int, conversations: Sequence[Conversation], embedder: CachedEmbedder) -> Iterator[Example]:
    """Yield rankings with and without evidence for every conversation, each with vectors and by words alone.

    Asked elsewhere, a question names an author of that conversation in place of its own: otherwise the
    strange name alone would give it away.
    """
    for place, conversation in enumerate(conversations):
        corpus, vectors = loaded(conversation, embedder)
        judge = _Judge(data, conversation.name, corpus, embedder)
        for question in conversation.questions:
            if question.category in UNANSWERABLE:
                yield from judge("adversarial", question.text, question.asked_ms, frozenset())
            elif question.evidence:
                gold = [n for n, turn in enumerate(conversation.turns, 1) if turn.id in question.evidence]
                yield from judge("answerable", question.text, question.asked_ms, frozenset(gold))
                corpus.remove(gold)
                yield from judge("removed", question.text, question.asked_ms, frozenset())
                corpus.add(entry for entry in entries_of(conversation, only=frozenset(gold)))
                corpus.set_vectors(np.array(gold), *quantise(vectors[np.array(gold) - 1]))
        other = conversations[(place + 1) % len(conversations)]
        if other is not conversation:
            for text in _renamed(other, conversation):
                yield from judge("elsewhere", text, conversation.turns[-1].said_ms, frozenset())
        embedder.save()


def few_examples_of(data: int, conversations: Sequence[Conversation], embedder: CachedEmbedder) -> Iterator[Example]:
    """Yield rankings of spaces of 2 to `confidence.FEW` - 1 entries, drawn with the evidence and without it."""
    draw = np.random.default_rng(data)
    for conversation in conversations:
        vectors = embedder.embed([turn.text for turn in conversation.turns])
        for question in conversation.questions:
            gold = [n for n, turn in enumerate(conversation.turns, 1) if turn.id in question.evidence]
            if question.category in UNANSWERABLE or not 0 < len(gold) < confidence.FEW - 1:
                continue
            others = draw.permutation([n for n in range(1, len(vectors) + 1) if n not in gold])
            size = int(draw.integers(max(2, len(gold)), confidence.FEW))
            for kind, held in (("answerable", [*gold, *others[: size - len(gold)]]), ("removed", others[:size])):
                ns = np.sort(np.array(held, np.int64))
                corpus = Corpus(embedder.dimensions)
                corpus.add(entries_of(conversation, only=frozenset(ns.tolist())))
                corpus.set_vectors(ns, *quantise(vectors[ns - 1]))
                judge = _Judge(data, conversation.name, corpus, embedder)
                yield from judge(kind, question.text, question.asked_ms, frozenset(gold))
    embedder.save()


@dataclass(frozen=True, slots=True)
class _Judge:
    data: int
    group: str
    corpus: Corpus
    embedder: CachedEmbedder

    def __call__(self, kind: str, text: str, asked_ms: int, gold: frozenset[int]) -> Iterator[Example]:
        authors, languages = self.corpus.statistics().authors, languages_of(self.corpus)
        query = parse_query(text, key=KEY, authors=authors, now_ms=asked_ms, languages=languages)
        for vector in (self.embedder.embed([query.dense_text])[0], None):
            ranking = rank(self.corpus, query, vector, limit=10)
            found = not gold.isdisjoint(ranking.ns.tolist())
            yield Example(self.data, self.group, kind, ranking.features, found)


def _renamed(conversation: Conversation, here: Conversation) -> Iterator[str]:
    strangers = sorted({turn.author for turn in conversation.turns})
    names = sorted({turn.author for turn in here.turns})
    for question in conversation.questions:
        if question.evidence and question.category not in UNANSWERABLE:
            text = question.text
            for i, stranger in enumerate(strangers):
                text = text.replace(stranger, names[i % len(names)])
            yield text


def loaded(conversation: Conversation, embedder: CachedEmbedder) -> tuple[Corpus, NDArray[np.float32]]:
    """Return a corpus of the conversation with its vectors, and the vectors themselves."""
    corpus = corpus_of(conversation, embedder.dimensions)
    vectors = embedder.embed([turn.text for turn in conversation.turns])
    corpus.set_vectors(np.arange(1, len(vectors) + 1), *quantise(vectors))
    return corpus, vectors


def logistic(features: Floats, labels: Floats, weights: Floats) -> Floats:
    """Return coefficients (the first is the constant) by Newton's method with a small ridge on the others."""
    design = np.column_stack((np.ones(len(features)), features))
    ridge = _RIDGE * np.eye(design.shape[1])
    ridge[0, 0] = 0
    beta = np.zeros(design.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-design @ beta))
        spread = weights * chance * (1 - chance)
        slope = design.T @ (weights * (labels - chance)) - ridge @ beta
        beta += np.linalg.solve((design * spread[:, None]).T @ design + ridge, slope)
    return beta


def _design(names: Sequence[str], examples: Sequence[Example]) -> tuple[Floats, Floats, Floats]:
    """Return inputs, labels and weights: for each data set as much weight on evidence found as on none found."""
    matrix = np.array([confidence.inputs(example.features) for example in examples])
    labels = np.array([example.label for example in examples], float)
    data = np.array([example.data for example in examples])
    weights = np.empty(len(examples))
    for i in range(len(names)):
        for label in (0, 1):
            chosen = (data == i) & (labels == label)
            weights[chosen] = 500 / max(chosen.sum(), 1)
    return matrix, labels, weights


def held_out(names: Sequence[str], examples: Sequence[Example]) -> Floats:
    """Return what confidence says of each example when fitted on the other conversations; NaN where there are none."""
    matrix, labels, weights = _design(names, examples)
    groups = np.array([f"{example.data}/{example.group}" for example in examples])
    held = np.empty(len(examples))
    for group in np.unique(groups):
        fold = groups == group
        if fold.all():
            held[fold] = np.nan
            continue
        beta = logistic(matrix[~fold], labels[~fold], weights[~fold])
        held[fold] = 1 / (1 + np.exp(-(beta[0] + matrix[fold] @ beta[1:])))
    return held


def fit_confidence(names: Sequence[str], examples: Sequence[Example], *, with_vectors: bool, few: bool = False) -> None:
    """Print coefficients, and the areas on conversations that were left out of the fit."""
    usable = [example for example in examples if example.features.has_vectors == with_vectors]
    matrix, labels, weights = _design(names, usable)
    kinds = np.array([example.kind for example in usable])
    data = np.array([example.data for example in usable])
    held = held_out(names, usable)
    beta = logistic(matrix, labels, weights)
    print(f"confidence{' of few' if few else ''}", "with vectors" if with_vectors else "words alone")
    print("  coefficients", ", ".join(f"{value:.3f}" for value in beta))
    for i, name in enumerate(names):
        positive = held[(data == i) & (labels == 1)]
        for kind in ("removed", "elsewhere", "adversarial"):
            negative = held[(data == i) & (kinds == kind)]
            if len(negative) and len(positive):
                print(
                    f"  {name}: AUROC evidence found against {kind} {auroc(positive, negative):.3f} (n={len(negative)})"
                )
    for low in np.arange(0, 1, 0.2):
        chosen = (held >= low) & (held < low + 0.2)
        if chosen.any():
            truth = np.average(labels[chosen], weights=weights[chosen])
            print(f"  said {low:.1f} to {low + 0.2:.1f}: evidence in {truth:.2f} (n={chosen.sum()})")
    print()


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser("bench.fit", description="Fit and cross-validate the engine's few numbers.")
    parser.add_argument("data", nargs="*", type=Path, help="JSON Lines files of conversations with questions")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder for vectors (default %(default)s)")
    parser.add_argument("--only", choices=("weights", "confidence"), help="do one of the two")
    parser.add_argument("--fast", action="store_true", help="no weights after a closer look, which take a minute")
    options = parser.parse_args(arguments)
    embedder = CachedEmbedder(packaged_embedder(), options.cache)
    files = {path.name: read_conversations(path) for path in files_of(parser, options.data)}
    if options.only != "confidence":
        asked = {name: list(ask_all(conversations, embedder)) for name, conversations in files.items()}
        plain = weigh.cross_validate(asked)
        weigh.show(plain, "plain")
        if not options.fast:
            weigh.show(weigh.cross_validate(asked, Looks(embedder), plain=plain), "after a closer look")
    if options.only != "weights":
        examples = [e for i, c in enumerate(files.values()) for e in examples_of(i, c, embedder)]
        fit_confidence(list(files), examples, with_vectors=True)
        fit_confidence(list(files), examples, with_vectors=False)
        examples = [e for i, c in enumerate(files.values()) for e in few_examples_of(i, c, embedder)]
        fit_confidence(list(files), examples, with_vectors=True, few=True)
        fit_confidence(list(files), examples, with_vectors=False, few=True)


if __name__ == "__main__":
    main(sys.argv[1:])
