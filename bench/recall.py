"""How much of the evidence recall brings back: ``python -m bench.recall [DATA...]``.

For every question, and for Holdfast beside three simpler searches over the same entries and vectors, prints
the mean share of its evidence entries among the best 5, 10, 20 and 50, and among what `budget.fill` takes for
500 to 4,000 tokens. Questions without evidence are left out, and so are those of the categories in
`UNANSWERABLE`, which ask for what was never said. See `bench.conversations` for the format of the files.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.conversations import KEY, Conversation, Question, corpus_of, languages_of, read_conversations
from bench.data import CONVERSATIONS, HOW, data_folder
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.core import signals
from holdfast.core.budget import estimate_tokens, fill
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import Weights, rank
from holdfast.core.query import Query, parse_query
from holdfast.core.vectors import quantise

UNANSWERABLE = frozenset({"5", "adversarial", "abstention"})
"""Category 5 is LoCoMo's adversarial one."""

CUTS = (5, 10, 20, 50)
BUDGETS = (500, 1_000, 2_000, 4_000)
MEASURES = tuple(f"R@{cut}" for cut in CUTS) + tuple(f"{budget} tok" for budget in BUDGETS)
DEPTH = 200
"""Entries of a ranking that are looked at: enough to fill the largest budget with short ones."""

Numbers = NDArray[np.int64]
_tokens = lru_cache(maxsize=100_000)(estimate_tokens)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with what the systems need to answer it."""

    conversation: Conversation
    corpus: Corpus
    question: Question
    query: Query
    vector: NDArray[np.float32]
    """Of the query in the first person."""
    plain_vector: NDArray[np.float32]
    """Of the query as asked."""


System = Callable[[Asked], Numbers]


def ask_all(conversations: Sequence[Conversation], embedder: CachedEmbedder, *, every: bool = False) -> Iterator[Asked]:
    """Yield the questions that can be answered, or every one, over a corpus of its conversation with vectors."""
    for conversation in conversations:
        corpus = corpus_of(conversation, embedder.dimensions)
        vectors = embedder.embed([turn.text for turn in conversation.turns])
        corpus.set_vectors(np.arange(1, len(vectors) + 1), *quantise(vectors))
        authors, languages = corpus.statistics().authors, languages_of(corpus)
        for question in conversation.questions:
            if every or (question.evidence and question.category not in UNANSWERABLE):
                query = parse_query(
                    question.text, key=KEY, authors=authors, now_ms=question.asked_ms, languages=languages
                )
                vector, plain_vector = embedder.embed([query.dense_text, question.text])
                yield Asked(conversation, corpus, question, query, vector, plain_vector)
        embedder.save()


def holdfast(asked: Asked) -> Numbers:
    """Rank by the engine."""
    return rank(asked.corpus, asked.query, asked.vector, limit=DEPTH).ns


def dense(asked: Asked) -> Numbers:
    """Rank by the cosine of the plain query with the entry."""
    return _best(asked.corpus, asked.corpus.vectors.scan(asked.plain_vector, asked.corpus.size))


BM25_B = 1.0
"""Length normalisation of the BM25 that is compared with: the engine's own. Long answers lose 10 points with .4."""


def bm25(asked: Asked) -> Numbers:
    """Rank by BM25 of the entry (k1 .9, b `BM25_B`, stemmed, stop words left out)."""
    return _best(asked.corpus, _matches(asked))


def rank_fusion(asked: Asked) -> Numbers:
    """Join dense and BM25, of entries that match, by reciprocal rank, k = 60 (Cormack, Clarke and Buettcher 2009)."""
    corpus, matches = asked.corpus, _matches(asked)
    by_words = bm25(asked)
    scores = np.zeros(corpus.size)
    for ranking in (dense(asked), by_words[matches[corpus.rows(by_words)] > 0]):
        scores[corpus.rows(ranking)] += 1 / (60 + np.arange(1, len(ranking) + 1))
    return _best(corpus, scores)


def _matches(asked: Asked) -> NDArray[np.float32]:
    return signals.lexical(asked.corpus, asked.query.terms, BM25_B, BM25_B).entry


def _best(corpus: Corpus, scores: NDArray[np.floating]) -> Numbers:
    return corpus.columns.n[1 : corpus.size][np.argsort(-scores[1:], kind="stable")[:DEPTH]]


def without(signal: str) -> System:
    """Return the engine with one signal off."""
    weights = replace(Weights(), **{signal: 0.0})
    return lambda asked: rank(asked.corpus, asked.query, asked.vector, limit=DEPTH, weights=weights).ns


def words_alone(asked: Asked) -> Numbers:
    """Rank as the engine does without an embedding model."""
    return rank(asked.corpus, asked.query, None, limit=DEPTH).ns


SYSTEMS: dict[str, System] = {"holdfast": holdfast, "dense": dense, "bm25": bm25, "rank fusion": rank_fusion}


ABLATIONS: dict[str, System] = {
    f"without {name}": without(name) for name in ("dense", "words", "context", "author", "role", "date", "time")
} | {"words alone": words_alone}


def measure(asked: Asked, ns: Numbers) -> list[float]:
    """Return the share of the question's evidence found, one number for each of `MEASURES`."""
    turns = [asked.conversation.turns[n - 1] for n in ns.tolist()]
    found = np.array([turn.id in asked.question.evidence for turn in turns])
    texts = [turn.text for turn in turns]
    filled = [found[fill(texts, budget, _tokens)].sum() for budget in BUDGETS]
    return [float(count) / len(asked.question.evidence) for count in [found[:cut].sum() for cut in CUTS] + filled]


def run(path: Path, embedder: CachedEmbedder, systems: dict[str, System]) -> dict[str, dict[str, dict[str, float]]]:
    """Return by category ("all" first) and system the mean of every measure, in percent, with their number."""
    results: dict[str, dict[str, list[list[float]]]] = {"all": {}}
    took: list[float] = []
    for asked in ask_all(read_conversations(path), embedder):
        for name, system in systems.items():
            start = time.perf_counter()
            ns = system(asked)
            if name == "holdfast":
                took.append(time.perf_counter() - start)
            row = measure(asked, ns)
            for category in ("all", asked.question.category):
                results.setdefault(category, {}).setdefault(name, []).append(row)
    print(f"{path.name}: {len(took)} questions, median of rank {1e3 * float(np.median(took)):.2f} ms")
    return {
        category: {
            name: {"questions": len(rows), **dict(zip(MEASURES, 100 * np.mean(rows, axis=0), strict=True))}
            for name, rows in by_system.items()
        }
        for category, by_system in sorted(results.items(), key=lambda item: (item[0] != "all", item[0]))
    }


def show(results: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print results as a table, the baselines for all questions only."""
    print(f"  {'':28}{'n':>5}" + "".join(f"{measure:>9}" for measure in MEASURES))
    for category, by_system in results.items():
        for name, means in by_system.items():
            if category == "all" or name.startswith("holdfast"):
                label = f"{name}, all" if category == "all" else f"  {category}"
                print(f"  {label:28}{means['questions']:5}" + "".join(f"{means[key]:9.1f}" for key in MEASURES))
    print()


def files_of(parser: argparse.ArgumentParser, given: list[Path]) -> list[Path]:
    """Return the files there are, saying which are not; without names the usual ones beside this module."""
    files = given or [data_folder() / name for name in CONVERSATIONS]
    for path in files:
        if not path.exists():
            print(f"{path}: not there, skipped")
    present = [path for path in files if path.exists()]
    if not present:
        parser.exit(0, f"Nothing to measure. Name the files; or, for the usual ones, {HOW}.\n")
    return present


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser("bench.recall", description="Evidence recall beside simpler searches.")
    parser.add_argument("data", nargs="*", type=Path, help="JSON Lines files of conversations with questions")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder for vectors (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    parser.add_argument("--thorough", action="store_true", help="also measure the engine after a closer look")
    parser.add_argument("--ablate", action="store_true", help="also measure the engine with each signal off")
    options = parser.parse_args(arguments)
    embedder = CachedEmbedder(packaged_embedder(), options.cache)
    systems = SYSTEMS | ABLATIONS if options.ablate else SYSTEMS
    if options.thorough:
        from bench.closer import Looks, thorough

        systems = {**systems, "holdfast, thorough": thorough(Looks(embedder))}
    results = {path.name: run(path, embedder, systems) for path in files_of(parser, options.data)}
    for name, by_category in results.items():
        print(name)
        show(by_category)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
