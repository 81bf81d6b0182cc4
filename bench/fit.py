"""Learning the few numbers of the engine: ``python -m bench.fit [DATA...]``.

Prints, first, weights of the signals found by coordinate ascent, cross-validated by conversation: a fold's
questions are judged by weights that the other folds chose. Second, the coefficients of `confidence` with the
area under the ROC curve on conversations it was not fitted on. Nothing is written; what is adopted is typed
into `fusion.Weights` and `confidence` by hand.

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

from bench.conversations import KEY, Conversation, entries_of, read_conversations
from bench.recall import UNANSWERABLE, Asked, ask_all, files_of
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.core import confidence
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import Weights, rank
from holdfast.core.query import parse_query
from holdfast.core.vectors import quantise

FOLDS = 5
CUTS = (5, 10, 20)
NAMES = ("dense", "words", "context", "author", "role", "date", "time")
STEPS = (0.5, 0.7, 0.85, 1.2, 1.5, 2.0)
_UNIT = Weights(dense=1, words=1, context=1, author=1, role=1, date=1, time=1)
_RIDGE = 1.0

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Case:
    """One question's candidates: the value of every signal, and which are evidence."""

    data: int
    fold: int
    values: Floats
    """Shape (candidates, len(NAMES))."""
    gold: NDArray[np.bool_]
    evidence: int


def cases_of(data: int, asked: Sequence[Asked]) -> list[Case]:
    """Return what a weight search needs of every question."""
    conversations = list(dict.fromkeys(item.conversation.name for item in asked))
    cases: list[Case] = []
    for i, item in enumerate(asked):
        ranking = rank(item.corpus, item.query, item.vector, limit=10_000, weights=_UNIT)
        signals = ranking.contributions
        named = len(item.query.named) == 1
        nothing = np.zeros(len(ranking.ns), np.float32)
        by_name = {
            **signals,
            "author": signals["who"] if named else nothing,
            "role": nothing if named else signals["who"],
        }
        gold = np.array([item.conversation.turns[n - 1].id in item.question.evidence for n in ranking.ns.tolist()])
        # A data set that is one pool is cut by question, as no other cut is there.
        place = conversations.index(item.conversation.name) if len(conversations) > 1 else i
        values = np.stack([by_name[name] for name in NAMES], axis=1)
        cases.append(Case(data, place % FOLDS, values, gold, len(item.question.evidence)))
    return cases


def recalls(cases: Sequence[Case], weights: Floats) -> Floats:
    """Return recall at each of `CUTS`, shape (cases, cuts)."""
    rows = np.empty((len(cases), len(CUTS)))
    for row, case in zip(rows, cases, strict=True):
        best = case.gold[np.argsort(-(case.values @ weights), kind="stable")[: max(CUTS)]]
        row[:] = [best[:cut].sum() / case.evidence for cut in CUTS]
    return rows


def objective(cases: Sequence[Case], weights: Floats) -> float:
    """Return the mean over data sets of the mean recall over `CUTS`: smoother than one cut alone."""
    data = np.array([case.data for case in cases])
    each = recalls(cases, weights).mean(axis=1)
    return float(np.mean([each[data == i].mean() for i in np.unique(data)]))


def ascend(cases: Sequence[Case], start: Floats, rounds: int = 3) -> Floats:
    """Return weights that no single step of `STEPS` improves, or those after ``rounds``; dense stays 1."""
    weights, best = start.copy(), objective(cases, start)
    for _ in range(rounds):
        before = best
        for i in range(1, len(NAMES)):
            for step in STEPS:
                tried = weights.copy()
                tried[i] *= step
                score = objective(cases, tried)
                if score > best + 1e-4:
                    weights, best = tried, score
        if best == before:
            break
    return weights


def fit_weights(files: dict[str, list[Case]]) -> None:
    """Print the weights each fold's complement chooses, and how they do on the fold beside the shipped ones."""
    cases = [case for of_file in files.values() for case in of_file]
    shipped = np.array([getattr(Weights(), name) for name in NAMES])
    print("weights by fold (chosen on the other folds)")
    print("  " + "".join(f"{name:>9}" for name in NAMES))
    held: list[tuple[Case, Floats]] = []
    chosen: list[Floats] = []
    for fold in range(FOLDS):
        weights = ascend([case for case in cases if case.fold != fold], shipped)
        chosen.append(weights)
        held += [(case, weights) for case in cases if case.fold == fold]
        print("  " + "".join(f"{weight:9.2f}" for weight in weights))
    print("  " + "".join(f"{weight:9.2f}" for weight in np.mean(chosen, axis=0)) + "  mean")
    print("  " + "".join(f"{weight:9.2f}" for weight in np.std(chosen, axis=0)) + "  deviation")
    print("  " + "".join(f"{weight:9.2f}" for weight in shipped) + "  shipped")
    for i, name in enumerate(files):
        of_file = [(case, weights) for case, weights in held if case.data == i]
        out = np.mean([recalls([case], weights)[0] for case, weights in of_file], axis=0)
        of_fold = [recalls([c for c in files[name] if c.fold == fold], shipped)[:, 1].mean() for fold in range(FOLDS)]
        ours = recalls(files[name], shipped).mean(axis=0)
        print(f"  {name}: R@{CUTS} held out {np.round(100 * out, 1)}, shipped {np.round(100 * ours, 1)}, ", end="")
        print(f"R@10 shipped by fold {np.round(100 * np.array(of_fold), 1)}")
    print()


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
        corpus, vectors = _loaded(conversation, embedder)
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


@dataclass(frozen=True, slots=True)
class _Judge:
    data: int
    group: str
    corpus: Corpus
    embedder: CachedEmbedder

    def __call__(self, kind: str, text: str, asked_ms: int, gold: frozenset[int]) -> Iterator[Example]:
        query = parse_query(text, key=KEY, authors=self.corpus.statistics().authors, now_ms=asked_ms)
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


def _loaded(conversation: Conversation, embedder: CachedEmbedder) -> tuple[Corpus, NDArray[np.float32]]:
    corpus = Corpus()
    corpus.add(entries_of(conversation))
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


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the chance that a positive scores above a negative, ties counted half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / 2 / len(negative))


def fit_confidence(names: Sequence[str], examples: Sequence[Example], *, with_vectors: bool) -> None:
    """Print coefficients, and the areas on conversations that were left out of the fit."""
    usable = [example for example in examples if example.features.has_vectors == with_vectors]
    matrix = np.array([confidence.inputs(example.features) for example in usable])
    labels = np.array([example.label for example in usable], float)
    kinds = np.array([example.kind for example in usable])
    data = np.array([example.data for example in usable])
    groups = np.array([f"{example.data}/{example.group}" for example in usable])
    weights = np.empty(len(usable))
    for i in range(len(names)):  # as much weight on rankings with evidence as on those without, for each data set
        for label in (0, 1):
            chosen = (data == i) & (labels == label)
            weights[chosen] = 500 / max(chosen.sum(), 1)
    held = np.empty(len(usable))
    for group in np.unique(groups):
        fold = groups == group
        if fold.all():
            held[fold] = np.nan
            continue
        beta = logistic(matrix[~fold], labels[~fold], weights[~fold])
        held[fold] = 1 / (1 + np.exp(-(beta[0] + matrix[fold] @ beta[1:])))
    beta = logistic(matrix, labels, weights)
    print("confidence", "with vectors" if with_vectors else "words alone")
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
    options = parser.parse_args(arguments)
    embedder = CachedEmbedder(packaged_embedder(), options.cache)
    files = {path.name: read_conversations(path) for path in files_of(parser, options.data)}
    if options.only != "confidence":
        asked = {name: list(ask_all(conversations, embedder)) for name, conversations in files.items()}
        fit_weights({name: cases_of(i, of_file) for i, (name, of_file) in enumerate(asked.items())})
    if options.only != "weights":
        examples = [e for i, c in enumerate(files.values()) for e in examples_of(i, c, embedder)]
        fit_confidence(list(files), examples, with_vectors=True)
        fit_confidence(list(files), examples, with_vectors=False)


if __name__ == "__main__":
    main(sys.argv[1:])
