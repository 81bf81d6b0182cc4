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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.conversations import KEY, Conversation, corpus_of, entries_of, languages_of, read_conversations
from bench.measures import auroc
from bench.recall import UNANSWERABLE, Asked, ask_all, files_of
from bench.systems import engine_signals, signal_values
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.core import confidence
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import Weights, rank
from holdfast.core.query import parse_query
from holdfast.core.vectors import quantise

FOLDS = 5
CUTS = (5, 10, 20)
NAMES = tuple(signal.name for signal in engine_signals())
STEPS = (0.5, 0.7, 0.85, 1.2, 1.5, 2.0)
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
    read = signal_values()
    for i, item in enumerate(asked):
        candidates = read(item)
        gold = np.array([item.conversation.turns[n - 1].id in item.question.evidence for n in candidates.ns.tolist()])
        # A data set that is one pool is cut by question, as no other cut is there.
        place = conversations.index(item.conversation.name) if len(conversations) > 1 else i
        cases.append(Case(data, place % FOLDS, candidates.values, gold, len(item.question.evidence)))
    return cases


def recalls(cases: Sequence[Case], weights: Floats) -> Floats:
    """Return recall at each of `CUTS`, shape (cases, cuts)."""
    return _Table.of(cases).recalls(weights)


@dataclass(frozen=True, slots=True)
class _Table:
    """Cases side by side, padded to the most candidates, so that a set of weights is judged in one go."""

    values: Floats
    """Shape (cases, candidates, len(NAMES)); NaN nowhere, padding scores below everything."""
    padding: Floats
    """Shape (cases, candidates): what is added to a score, minus infinity for padding; earlier candidates win ties."""
    gold: NDArray[np.bool_]
    evidence: NDArray[np.int64]
    data: NDArray[np.int64]

    @classmethod
    def of(cls, cases: Sequence[Case]) -> _Table:
        most = max([max(CUTS), *(len(case.gold) for case in cases)])
        values = np.zeros((len(cases), most, len(NAMES)), np.float32)
        padding = np.full((len(cases), most), -np.inf)
        gold = np.zeros((len(cases), most), np.bool_)
        for place, case in enumerate(cases):
            count = len(case.gold)
            values[place, :count], gold[place, :count] = case.values, case.gold
            padding[place, :count] = -1e-9 * np.arange(count)
        evidence = np.array([case.evidence for case in cases], np.int64)
        return cls(values, padding, gold, evidence, np.array([case.data for case in cases], np.int64))

    def recalls(self, weights: Floats) -> Floats:
        scores = self.values @ weights.astype(np.float32) + self.padding
        best = np.argpartition(-scores, max(CUTS) - 1, axis=1)[:, : max(CUTS)]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        found = np.take_along_axis(self.gold, np.take_along_axis(best, order, axis=1), axis=1).cumsum(axis=1)
        return found[:, [cut - 1 for cut in CUTS]] / self.evidence[:, None]

    def objective(self, weights: Floats) -> float:
        """Return the mean over data sets of the mean recall over `CUTS`: smoother than one cut alone."""
        each = self.recalls(weights).mean(axis=1)
        return float(np.mean([each[self.data == i].mean() for i in np.unique(self.data)]))


def ascend(cases: Sequence[Case], start: Floats, rounds: int = 3) -> Floats:
    """Return weights that no single step of `STEPS` improves, or those after ``rounds``; dense stays as it is."""
    table = _Table.of(cases)
    weights, best = start.copy(), table.objective(start)
    for _ in range(rounds):
        before = best
        for i in range(1, len(NAMES)):
            for step in STEPS:
                tried = weights.copy()
                tried[i] *= step
                score = table.objective(tried)
                if score > best + 1e-4:
                    weights, best = tried, score
        if best == before:
            break
    return weights


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Weights that each fold's complement chooses, and how they do on the fold."""

    chosen: Floats
    """Shape (folds, len(NAMES)); there are `FOLDS` of them, or as many as there are conversations."""
    shipped: Floats
    """Shape (len(NAMES),)."""
    held: dict[str, Floats]
    """By file, recall at `CUTS` of every question by weights that were chosen without its fold, in the file's order."""
    by_shipped: dict[str, Floats]
    """Likewise by the shipped weights."""


def cross_validate(files: dict[str, list[Case]], tell: Callable[[int, int], None] | None = None) -> CrossValidated:
    """Choose weights once a fold; ``tell`` is called with the folds that are done and all of them."""
    cases = [case for of_file in files.values() for case in of_file]
    shipped = np.array([getattr(Weights(), name) for name in NAMES])
    chosen: dict[int, Floats] = {}
    folds = sorted({case.fold for case in cases})
    for fold in folds:
        others = [case for case in cases if case.fold != fold]
        chosen[fold] = ascend(others, shipped) if others else shipped
        if tell:
            tell(len(chosen), len(folds))
    held = {
        name: np.concatenate([recalls([case], chosen[case.fold]) for case in of_file])
        for name, of_file in files.items()
        if of_file
    }
    by_shipped = {name: recalls(of_file, shipped) for name, of_file in files.items() if of_file}
    return CrossValidated(np.stack(list(chosen.values())), shipped, held, by_shipped)


def fit_weights(files: dict[str, list[Case]]) -> None:
    """Print the weights each fold's complement chooses, and how they do on the fold beside the shipped ones."""
    found = cross_validate(files)
    print("weights by fold (chosen on the other folds)")
    print("  " + "".join(f"{name:>10}" for name in NAMES))
    for weights in found.chosen:
        print("  " + "".join(f"{weight:10.2f}" for weight in weights))
    print("  " + "".join(f"{weight:10.2f}" for weight in np.mean(found.chosen, axis=0)) + "  mean")
    print("  " + "".join(f"{weight:10.2f}" for weight in np.std(found.chosen, axis=0)) + "  deviation")
    print("  " + "".join(f"{weight:10.2f}" for weight in found.shipped) + "  shipped")
    for name, of_file in files.items():
        if not of_file:
            continue
        out = found.held[name].mean(axis=0)
        ours = found.by_shipped[name]
        folds = np.array([case.fold for case in of_file])
        of_fold = [ours[folds == fold, 1].mean() for fold in range(FOLDS)]
        print(f"  {name}: R@{CUTS} held out {np.round(100 * out, 1)}, ", end="")
        print(f"shipped {np.round(100 * ours.mean(axis=0), 1)}, ", end="")
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
        examples = [e for i, c in enumerate(files.values()) for e in few_examples_of(i, c, embedder)]
        fit_confidence(list(files), examples, with_vectors=True, few=True)
        fit_confidence(list(files), examples, with_vectors=False, few=True)


if __name__ == "__main__":
    main(sys.argv[1:])
