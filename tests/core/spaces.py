"""Small made-up spaces that the tests of the recall engine share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry
from holdfast.core.lexical import encode_terms
from holdfast.core.query import Query, parse_query
from holdfast.core.vectors import quantise
from holdfast.model.records import entry_text

KEY = b"a space's secret"
DIMENSIONS = 12
DAY_MS = 86_400_000
NOW_MS = 1_700_000_000_000  # 14 November 2023

WORDS = ("piano", "lisbon", "penicillin", "garden", "yesterday", "budget", "dog", "meeting", "the", "recipe")


def entry(
    n: int,
    text: str,
    *,
    session: str | None = "s",
    order: int | None = None,
    author: str | None = None,
    role: int = 0,
    kind: int = 0,
    said_ms: int = NOW_MS,
) -> Entry:
    """Return an entry with the terms of its text."""
    terms = encode_terms(entry_text(author, text), KEY)
    return Entry(n, session, n if order is None else order, author, role, kind, said_ms, terms)


def vectors_of(ns: Sequence[int]) -> NDArray[np.float32]:
    """Return a unit vector for each number, always the same one."""
    rows = [np.random.default_rng(n % (1 << 32)).standard_normal(DIMENSIONS) for n in ns]
    vectors = np.array(rows, np.float32).reshape(len(ns), DIMENSIONS)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def give_vectors(corpus: Corpus, ns: Sequence[int]) -> None:
    """Set the vectors of entries to those of `vectors_of`."""
    corpus.set_vectors(np.array(ns, np.int64), *quantise(vectors_of(ns)))


def corpus_of(entries: Sequence[Entry], *, with_vectors: bool = True) -> Corpus:
    """Return a corpus of entries, added one by one."""
    corpus = Corpus(DIMENSIONS)
    corpus.add(entries)
    if with_vectors:
        give_vectors(corpus, [item.n for item in entries])
    return corpus


def ask(corpus: Corpus, text: str, now_ms: int = NOW_MS) -> Query:
    """Read a query as the corpus's owner would."""
    return parse_query(text, key=KEY, authors=corpus.statistics().authors, now_ms=now_ms)


texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)

entry_fields = st.tuples(
    texts,
    st.sampled_from((None, "a", "b")),
    st.integers(0, 5),
    st.sampled_from((None, "Ada", "Bo")),
    st.integers(0, 4),
    st.integers(NOW_MS - 90 * DAY_MS, NOW_MS),
)


@st.composite
def spaces(draw: st.DrawFn, max_size: int = 60) -> list[Entry]:
    """Draw the entries of a space, numbers ascending with gaps."""
    entries: list[Entry] = []
    n = 0
    for text, session, order, author, role, said_ms in draw(st.lists(entry_fields, min_size=1, max_size=max_size)):
        n += draw(st.integers(1, 3))
        entries.append(entry(n, text, session=session, order=order, author=author, role=role, said_ms=said_ms))
    return entries
