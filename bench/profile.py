"""Where the milliseconds of one recall go: ``python -m bench.profile [--entries N] [--questions N] [--json FILE]``.

A space of made-up conversations (`bench.synthetic`) is filled in memory with random unit vectors; then each part of a
recall is timed alone, over the same questions, and the whole beside it. Embedding is left out: it is the model's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.synthetic import questions, sessions
from holdfast.core import fusion, signals
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry
from holdfast.core.fusion import Weights, rank
from holdfast.core.late import LATE_CANDIDATES, LateQuery, TokenTable, encode_tokens, late
from holdfast.core.lexical import encode_terms
from holdfast.core.query import Query, parse_query
from holdfast.core.vectors import DIMENSIONS, quantise
from holdfast.model.records import entry_text

KEY = b"profile"
ROUNDS = 3
TOKENS_AN_ENTRY = 30
TOKEN_DIMENSIONS = 384

Floats = NDArray[np.float32]


def unit(chance: np.random.Generator, rows: int, dimensions: int) -> Floats:
    """Return random unit vectors."""
    made = chance.standard_normal((rows, dimensions), np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def filled(entries: int, chance: np.random.Generator) -> Corpus:
    """Return a corpus of that many turns with vectors."""
    corpus = Corpus()
    corpus.add(_entries(entries))
    vectors = unit(chance, entries, DIMENSIONS)
    corpus.set_vectors(np.arange(1, entries + 1), *quantise(vectors))
    corpus.refresh()
    return corpus


def _entries(count: int) -> Iterator[Entry]:
    n = 0
    for name, turns in sessions(count):
        for turn in turns:
            n += 1
            terms = encode_terms(entry_text(turn.speaker, turn.text), KEY)
            yield Entry(n, name, n, turn.speaker, 0, 1, turn.when_ms, terms)


def median_ms(run: Callable[[int], object], count: int) -> tuple[float, float]:
    """Return the middle and the 95th percentile of a call for each question, in milliseconds."""
    took: list[float] = []
    for _ in range(ROUNDS):
        for i in range(count):
            start = time.perf_counter()
            run(i)
            took.append(1e3 * (time.perf_counter() - start))
    return float(np.median(took)), float(np.percentile(took, 95))


def profile(entries: int, count: int) -> dict[str, tuple[float, float]]:
    """Return the median and the 95th percentile of every part of a recall, in milliseconds."""
    chance = np.random.default_rng(7)
    corpus = filled(entries, chance)
    texts = questions(count)
    authors, now_ms = corpus.statistics().authors, int(corpus.columns.said_ms.max())

    def parse(i: int) -> Query:
        return parse_query(texts[i], key=KEY, authors=authors, now_ms=now_ms)

    parsed = [parse(i) for i in range(count)]
    vectors = unit(chance, count, DIMENSIONS)
    size, columns, table = corpus.size, corpus.columns, corpus.vectors
    alive = columns.alive[:size]
    products = [table.scan(vector, size) for vector in vectors]
    cosines = [table.pooled(product, columns.before, columns.after) for product in products]
    words = [signals.lexical(corpus, query.terms, 1.0, 1.0, query.spoken_of) for query in parsed]
    rows = [
        fusion.candidates(corpus, query, alive, cosine, match)
        for query, cosine, match in zip(parsed, cosines, words, strict=True)
    ]
    shipped = Weights()
    parts = {
        "read the question": parse,
        "scan the vectors": lambda i: table.scan(vectors[i], size),
        "pool the context": lambda i: table.pooled(products[i], columns.before, columns.after),
        "match the words": lambda i: signals.lexical(corpus, parsed[i].terms, 1.0, 1.0, parsed[i].spoken_of),
        "choose candidates": lambda i: fusion.candidates(corpus, parsed[i], alive, cosines[i], words[i]),
        "weigh the signals": lambda i: fusion.weighed(corpus, parsed[i], rows[i], words[i], cosines[i], shipped),
        "rank, all of it": lambda i: rank(corpus, parsed[i], vectors[i], limit=10),
    }
    found = {name: median_ms(run, count) for name, run in parts.items()}
    corpus.tokens = TokenTable(most_bytes=4_000_000_000)  # of all questions at once
    for n in {n for row in rows for n in columns.n[row[:LATE_CANDIDATES]].tolist()}:
        corpus.tokens.put(n, encode_tokens(unit(chance, TOKENS_AN_ENTRY, TOKEN_DIMENSIONS)))
    tokens, shares = unit(chance, 8, TOKEN_DIMENSIONS), np.full(8, 1 / 8, np.float32)
    best = [row[:LATE_CANDIDATES] for row in rows]
    looks = [LateQuery(tokens, shares, columns.n[row], vectors[0]) for row in best]
    found["late interaction"] = median_ms(lambda i: late(columns, corpus.tokens, best[i], looks[i]), count)
    found["rank with late interaction"] = median_ms(
        lambda i: rank(corpus, parsed[i], vectors[i], limit=10, look=looks[i]), count
    )
    return found


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser("bench.profile", description="Time each part of a recall.")
    parser.add_argument("--entries", type=int, default=10_000, help="entries in the space (default %(default)s)")
    parser.add_argument("--questions", type=int, default=100, help="questions asked (default %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args(arguments)
    found = profile(options.entries, options.questions)
    print(f"{options.entries} entries, {options.questions} questions; milliseconds, median and 95th percentile")
    for name, (middle, high) in found.items():
        print(f"  {name:28}{middle:9.3f}{high:9.3f}")
    if options.json:
        options.json.write_text(json.dumps({"entries": options.entries, "parts_ms": found}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
