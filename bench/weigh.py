"""Weights of the signals, learned and cross-validated by conversation: half of ``python -m bench.fit``.

A fold's questions are judged by weights that the other folds alone chose: the search starts at `PRIOR`, round numbers,
and shrinks towards it; the loss is convex, so there is one answer. Judged is the engine itself, run with those weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.closer import Looks
from bench.listwise import Case, fitted
from bench.recall import Asked
from bench.systems import CLOSER, SECOND, engine_signals, signal_values
from holdfast.core.fusion import THOROUGH, Weights, rank
from holdfast.core.late import LateQuery

FOLDS = 5
CUTS = (5, 10, 20)
RIDGE = 3e-3
"""Chosen among .0001 to .1 on the folds; .001 to .003 do as well as each other."""
PRIOR = Weights(
    dense=1.0, words=0.3, context=0.7, author=2.0, role=2.0, date=2.0, time=1.0, personal=1.0, instructs=1.0,
    prefers=1.0, reply=0.2, things=1.0, late=0.0, topic=0.0,
)  # fmt: skip
"""Where the search starts: round numbers, the same lift for what is like in kind."""

Floats = NDArray[np.float64]


def names_of(*, thorough: bool) -> tuple[str, ...]:
    """Return the signals whose weights are learned."""
    left_out = SECOND if thorough else (*SECOND, *CLOSER)
    return tuple(signal.name for signal in engine_signals() if signal.name not in left_out)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what its candidates are like."""

    asked: Asked
    fold: int
    case: Case


def questions_of(data: int, asked: Sequence[Asked], looks: Looks | None = None) -> list[Question]:
    """Return what a search for weights needs of every question, after a closer look where ``looks`` is given."""
    conversations = list(dict.fromkeys(item.conversation.name for item in asked))
    read = signal_values(names_of(thorough=looks is not None))
    found: list[Question] = []
    for i, item in enumerate(asked):
        candidates = read(item, looks(item) if looks else None)
        gold = np.array([item.conversation.turns[n - 1].id in item.question.evidence for n in candidates.ns.tolist()])
        # A data set that is one pool is cut by question, as no other cut is there.
        place = conversations.index(item.conversation.name) if len(conversations) > 1 else i
        found.append(Question(item, place % FOLDS, Case(data, candidates.values, gold)))
    return found


def weigh(questions: Sequence[Question], *, thorough: bool) -> Weights:
    """Return the weights that some questions choose."""
    names = names_of(thorough=thorough)
    prior = np.array([getattr(PRIOR, name) for name in names])
    found = fitted([question.case for question in questions], prior, RIDGE)
    # Only how the weights compare matters for an order; one weight sets their unit.
    unit = Weights().dense / found[names.index("dense")]
    return replace(Weights(), **{name: float(unit * value) for name, value in zip(names, found, strict=True)})


def recall_of(asked: Asked, weights: Weights, look: LateQuery | None = None) -> list[float]:
    """Return the recall of the engine at each of `CUTS`."""
    best = rank(asked.corpus, asked.query, asked.vector, limit=max(CUTS), weights=weights, look=look).ns
    found = [asked.conversation.turns[n - 1].id in asked.question.evidence for n in best.tolist()]
    return [sum(found[:cut]) / len(asked.question.evidence) for cut in CUTS]


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Weights that each fold's complement chooses, and how they do on the fold."""

    names: tuple[str, ...]
    chosen: list[Weights]
    """One a fold; there are `FOLDS` of them, or as many as there are conversations."""
    whole: Weights
    """What all questions choose together."""
    shipped: Weights
    folds: dict[str, list[int]]
    """By file, the fold of every question."""
    held: dict[str, Floats]
    """By file, recall at `CUTS` of every question by weights that were chosen without its fold, in the file's order."""
    by_shipped: dict[str, Floats]
    """Likewise by the shipped weights."""

    def rows(self) -> Floats:
        """Return the weights by fold, shape (folds, len(names))."""
        return np.array([[getattr(weights, name) for name in self.names] for weights in self.chosen])


def cross_validate(
    files: dict[str, Sequence[Asked]],
    looks: Looks | None = None,
    tell: Callable[[int, int], None] | None = None,
    plain: CrossValidated | None = None,
) -> CrossValidated:
    """Choose weights once a fold.

    Args:
        looks: gives closer looks; with it the weights after one are chosen.
        tell: called with the folds that are done and all of them.
        plain: the same of the plain engine: a fold's closer look is at the best by its own plain weights.
    """
    thorough = looks is not None
    by_file = {name: questions_of(place, asked, looks) for place, (name, asked) in enumerate(files.items())}
    questions = [question for of_file in by_file.values() for question in of_file]
    folds = sorted({question.fold for question in questions})
    chosen: dict[int, Weights] = {}
    for fold in folds:
        others = [question for question in questions if question.fold != fold]
        chosen[fold] = weigh(others, thorough=thorough) if others else PRIOR
        if tell:
            tell(len(chosen), len(folds))
    shipped = THOROUGH if thorough else Weights()

    def judged(of_file: Sequence[Question], weights: dict[int, Weights], first: dict[int, Weights] | None) -> Floats:
        rows: list[list[float]] = []
        for question in of_file:
            look = looks(question.asked, first[question.fold] if first else None) if looks else None
            rows.append(recall_of(question.asked, weights[question.fold], look))
        return np.array(rows)

    first = dict(zip(folds, plain.chosen, strict=True)) if plain else None
    return CrossValidated(
        names=names_of(thorough=thorough),
        chosen=list(chosen.values()),
        whole=weigh(questions, thorough=thorough) if questions else PRIOR,
        shipped=shipped,
        folds={name: [question.fold for question in of_file] for name, of_file in by_file.items() if of_file},
        held={name: judged(of_file, chosen, first) for name, of_file in by_file.items() if of_file},
        by_shipped={
            name: judged(of_file, dict.fromkeys(folds, shipped), None) for name, of_file in by_file.items() if of_file
        },
    )


def show(found: CrossValidated, title: str) -> None:
    """Print the weights each fold's complement chooses, and how they do on the fold beside the shipped ones."""
    print(f"{title}: weights by fold (chosen on the other folds)")
    print("  " + "".join(f"{name:>10}" for name in found.names))
    rows = found.rows()
    labelled = [(row, "") for row in rows] + [(rows.mean(axis=0), "  mean"), (rows.std(axis=0), "  deviation")]
    for weights, label in ((found.whole, "  of all"), (found.shipped, "  shipped")):
        labelled.append((np.array([getattr(weights, name) for name in found.names]), label))
    for row, label in labelled:
        print("  " + "".join(f"{weight:10.2f}" for weight in row) + label)
    for name, held in found.held.items():
        folds = np.array(found.folds[name])
        by_fold = [round(100 * float(held[folds == fold, 1].mean()), 1) for fold in np.unique(folds)]
        print(f"  {name}: R@{CUTS} held out {np.round(100 * held.mean(axis=0), 1)}, ", end="")
        print(f"shipped {np.round(100 * found.by_shipped[name].mean(axis=0), 1)}, R@10 held out by fold {by_fold}")
    print(flush=True)
