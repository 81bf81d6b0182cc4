"""What an FTS5 index would cost beside the stored term counts: ``python -m bench.fts [DATA...]``.

Both index the same entries, in files of their own with the settings of a space. Prints bytes and microseconds
a turn over a file that holds the texts alone, then the milliseconds of the best 100 of a query, at the size of
the data and at 100,000 entries made of its words. FTS5 is an external-content table with ``secure-delete`` and
its Porter stemmer, asked by ``bm25``; the counts are loaded as postings and give both lexical scores of the engine,
the entry's and that of the entry with its neighbours. Both are asked the same words, without stop words; ``rare``
leaves out those in more than 10% of entries, as the engine does in large spaces. Without data the words are made up.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import numpy as np

from bench.conversations import KEY, read_conversations
from bench.data import CONVERSATIONS, data_file
from holdfast.core import signals
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry
from holdfast.core.lexical import encode_terms, term_hashes, tokenise
from holdfast.core.words import STOP_WORDS

LARGE = 100_000
PER_COMMIT = 500
ROUNDS = 3
MOST_QUERIES = 200
TOP = 100

Text = tuple[str, str]
"""Session and entry."""


def texts_and_questions(paths: Sequence[Path]) -> tuple[list[Text], list[str]]:
    """Return the entries and questions of the files, made-up ones where there are none."""
    conversations = [conversation for path in paths for conversation in read_conversations(path)]
    texts = [(f"{c.name}/{turn.session}", turn.text) for c in conversations for turn in c.turns]
    questions = [question.text for c in conversations for question in c.questions]
    if texts:
        return texts, questions
    chance = random.Random(5)
    vocabulary = [f"{chance.choice('bdfglmnprst')}{chance.choice('aeiou')}{number:x}" for number in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(vocabulary))]

    def sentence(length: int) -> str:
        return " ".join(chance.choices(vocabulary, weights, k=length))

    return [(f"s{n // 20}", sentence(25)) for n in range(2_760)], [sentence(8) for _ in range(MOST_QUERIES)]


def enlarged(texts: Sequence[Text], count: int) -> list[Text]:
    """Return so many texts, each of words drawn from all of the given ones, as long as one of them."""
    chance = random.Random(7)
    words = [word for _, text in texts for word in text.split()]
    lengths = [len(text.split()) for _, text in texts]
    return [(f"s{n // 20}", " ".join(chance.choices(words, k=chance.choice(lengths)))) for n in range(count)]


def opened(path: Path, schema: str) -> apsw.Connection:
    """Return a new file with the settings of a space."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA page_size=8192; PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON").fetchall()
    connection.execute(schema).fetchall()
    return connection


def plain(connection: apsw.Connection, n: int, text: str) -> None:
    connection.execute("INSERT INTO entry VALUES (?, ?, NULL)", (n, text))


def with_terms(connection: apsw.Connection, n: int, text: str) -> None:
    connection.execute("INSERT INTO entry VALUES (?, ?, ?)", (n, text, encode_terms(text, KEY)))


def with_fts(connection: apsw.Connection, n: int, text: str) -> None:
    plain(connection, n, text)
    connection.execute("INSERT INTO fts (rowid, text) VALUES (?, ?)", (n, text))


TABLE = "CREATE TABLE entry (n INTEGER PRIMARY KEY, text TEXT NOT NULL, terms BLOB) STRICT;"
FTS = (
    "CREATE VIRTUAL TABLE fts USING fts5(text, content='entry', content_rowid='n', tokenize='porter unicode61');"
    "INSERT INTO fts (fts, rank) VALUES ('secure-delete', 1);"
)
WAYS: dict[str, tuple[str, Callable[[apsw.Connection, int, str], None]]] = {
    "texts alone": (TABLE, plain),
    "term counts": (TABLE, with_terms),
    "FTS5": (TABLE + FTS, with_fts),
}


def fill(path: Path, way: str, texts: Sequence[Text]) -> tuple[float, int]:
    """Write texts one way; return the seconds it took and the bytes of the file."""
    schema, insert = WAYS[way]
    path.unlink(missing_ok=True)
    connection = opened(path, schema)
    start = time.perf_counter()
    for first in range(0, len(texts), PER_COMMIT):
        with connection:
            for n, (_, text) in enumerate(texts[first : first + PER_COMMIT], first + 1):
                insert(connection, n, text)
    took = time.perf_counter() - start
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    return took, path.stat().st_size


def corpus_from(texts: Sequence[Text]) -> Corpus:
    corpus = Corpus()
    corpus.add(
        Entry(n, session, n, None, 1, 0, n, encode_terms(text, KEY)) for n, (session, text) in enumerate(texts, 1)
    )
    corpus.refresh()
    return corpus


def asked_words(questions: Sequence[str], corpus: Corpus, most: float) -> list[list[str]]:
    """Return the words of each question that are not stop words and stand in at most so many entries."""
    asked = [
        [
            word
            for word in dict.fromkeys(tokenise(question))
            if word not in STOP_WORDS and len(corpus.postings.find(term_hashes(word, KEY)[0])[0]) <= most
        ]
        for question in questions[:MOST_QUERIES]
    ]
    return [words for words in asked if words]


def by_fts(connection: apsw.Connection, words: Sequence[str]) -> int:
    match = " OR ".join(f'"{word}"' for word in words)
    sql = f"SELECT rowid, rank FROM fts WHERE fts MATCH ? ORDER BY rank LIMIT {TOP}"
    return len(connection.execute(sql, (match,)).fetchall())


def by_counts(corpus: Corpus, words: Sequence[str]) -> int:
    found = signals.lexical(corpus, term_hashes(" ".join(words), KEY), 1.0, 1.0)
    best = [np.argpartition(-scores, min(TOP, corpus.size - 1))[:TOP] for scores in (found.entry, found.window)]
    return len(best[0])


def median_ms(ask: Callable[[Sequence[str]], int], asked: Sequence[Sequence[str]]) -> float:
    """Return the median over the queries of each one's best of three."""
    took = list[float]()
    for words in asked:
        rounds = list[float]()
        for _ in range(ROUNDS):
            start = time.perf_counter()
            ask(words)
            rounds.append(time.perf_counter() - start)
        took.append(min(rounds))
    return statistics.median(took) * 1e3


def compare(texts: Sequence[Text], questions: Sequence[str], folder: Path) -> None:
    """Print the costs of one size."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    sizes = dict[str, int]()
    for _ in range(ROUNDS):
        for way in WAYS:
            took, sizes[way] = fill(folder / f"{way}.db", way, texts)
            seconds[way].append(took)
    base_s, base_bytes = statistics.median(seconds["texts alone"]), sizes["texts alone"]
    print(f"{len(texts):,} entries, {base_bytes / len(texts):,.0f} bytes each as texts alone")
    for way in ("term counts", "FTS5"):
        extra_bytes = (sizes[way] - base_bytes) / len(texts)
        extra_s = (statistics.median(seconds[way]) - base_s) / len(texts)
        print(f"  {way:12} + {extra_bytes:5.0f} bytes, + {extra_s * 1e6:5.1f} µs a turn")
    start = time.perf_counter()
    corpus = corpus_from(texts)
    corpus.postings.find(1)
    loaded_ms = (time.perf_counter() - start) * 1e3
    connection = apsw.Connection(str(folder / "FTS5.db"), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("PRAGMA cache_size=-65536; PRAGMA mmap_size=1000000000").fetchall()
    for name, most in (("all words", float("inf")), ("rare", signals.COMMON_SHARE * len(texts))):
        asked = asked_words(questions, corpus, most)
        fts = median_ms(lambda words: by_fts(connection, words), asked)
        counts = median_ms(lambda words: by_counts(corpus, words), asked)
        print(
            f"  best {TOP}, {name:9} {statistics.mean(map(len, asked)):4.1f} words a query, median: "
            f"FTS5 {fts:7.2f} ms, postings {counts:6.2f} ms (both scores)"
        )
    connection.close()
    held = len(corpus.postings) * 8 / len(texts)
    print(f"  encoded and loaded as postings in {loaded_ms:,.0f} ms, {held:,.0f} bytes each in memory")


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser("bench.fts", description="Stored term counts beside an FTS5 index.")
    parser.add_argument("data", nargs="*", type=Path, help="JSON Lines files of conversations with questions")
    parser.add_argument("--large", type=int, default=LARGE, help="entries of the second size (default %(default)s)")
    options = parser.parse_args(arguments)
    texts, questions = texts_and_questions(options.data or [path for path in (data_file(CONVERSATIONS[0]),) if path])
    print(f"SQLite {apsw.sqlite_lib_version()}, " + ("made-up words" if texts[0][0] == "s0" else "the data given"))
    with tempfile.TemporaryDirectory() as folder:
        for some in (texts, enlarged(texts, options.large)):
            compare(some, questions, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
