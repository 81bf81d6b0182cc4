"""Recall in other languages than English: ``python -m bench.languages [DATA...]``.

For each file the mean share of the evidence among the best 5 and 10 of: the cosine alone (the packaged model knows
English, so this is what it makes of the rest); words alone, three ways; and the whole engine, with the same three.
The ways are ``plain`` (what stands between spaces, English stems), ``english`` (a single character and pairs where a
script has no spaces, English stems everywhere else: what Holdfast did before it knew other languages) and ``now``.
``words`` is the engine without vectors. Below the files, all of them as one space of many languages. Then the terms
and the bytes of an entry each way. Without files, the samples in ``bench/samples/languages``: invented talk of two
friends about everyday things, 42 entries and 26 questions each, told anew in every language. They show that a
language works; they are too few and too plain to be compared with other figures.
"""

from __future__ import annotations

import argparse
import struct
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from re import compile as pattern
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.conversations import (
    KEY,
    Conversation,
    Question,
    Turn,
    corpus_of,
    entries_of,
    languages_of,
    read_conversations,
)
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import rank
from holdfast.core.language_forms import english_form
from holdfast.core.lexical import MAX_TOKENS, TERMS_VERSION, decode_terms, rarest
from holdfast.core.query import Query, parse_query
from holdfast.core.traits import traits, traits_of_word
from holdfast.core.vectors import quantise
from holdfast.core.words import STOP_WORDS
from holdfast.ports.embedder import Embedder

SAMPLES: Final = Path(__file__).parent / "samples" / "languages"
CUTS: Final = (5, 10)
WAYS: Final = ("plain", "english", "now")

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
_MARKS: Final = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0f00-\u0fff"
_RUN: Final = pattern(rf"([{_UNSPACED}]+)|((?:(?![{_UNSPACED}])(?:[^\W_]|[{_MARKS}]))+)")

Numbers = NDArray[np.int64]


def samples() -> list[Path]:
    """Return the files of the samples, by name."""
    return sorted(SAMPLES.glob("*.jsonl"))


def plain_tokens(text: str) -> list[str]:
    """Split a text at everything that is no letter or digit, in lower case."""
    return pattern(r"[^\W_]+").findall(text.lower())[:MAX_TOKENS]


def english_tokens(text: str) -> list[str]:
    """Split a text as Holdfast did when it stemmed every word as an English one."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = unicodedata.normalize("NFC", pattern("[\u0300-\u036f]+").sub("", unicodedata.normalize("NFKD", text)))
    tokens: list[str] = []
    for run in _RUN.finditer(text):
        tokens += [run[2]] if run[2] else [*run[1], *map("".join, pairwise(run[1]))]
    return tokens[:MAX_TOKENS]


TOKENS: Final[dict[str, Callable[[str], list[str]]]] = {"plain": plain_tokens, "english": english_tokens}


@lru_cache(maxsize=100_000)
def _term(token: str) -> int:
    """Return the term of a word by its English stem, 0 for a stop word."""
    if token in STOP_WORDS:
        return 0
    digest = blake2b(english_form(token).encode(), digest_size=4, key=KEY).digest()
    return int.from_bytes(digest, "little") or 1


def blob(text: str, way: str) -> bytes:
    """Return what `encode_terms` would store of an entry, had it split the text one of the other ways."""
    tokens = TOKENS[way](text)
    terms = [term for token in tokens if (term := _term(token))]
    counts = dict(sorted(Counter(terms).items()))
    of_words = 0
    for token in tokens:
        of_words |= traits_of_word(token)
    head = struct.pack("<BBHHH", TERMS_VERSION, traits(text, of_words), len(counts), len(terms), len(tokens))
    tail = bytes(min(count, 255) for count in counts.values())
    return b"".join((head, struct.pack(f"<{len(counts)}I", *counts), tail, bytes(-len(counts) % 4)))


@dataclass(frozen=True, slots=True)
class Space:
    """A conversation as a corpus, with its words read one way."""

    conversation: Conversation
    corpus: Corpus
    way: str

    @classmethod
    def of(cls, conversation: Conversation, way: str, embedder: Embedder | None) -> Space:
        """Return a space; with vectors where there is an embedder."""
        if way == "now":
            corpus = corpus_of(conversation, embedder.dimensions if embedder else 1)
        else:
            corpus = Corpus(embedder.dimensions if embedder else 1)
            for entry, turn in zip(entries_of(conversation), conversation.turns, strict=True):
                corpus.add([replace(entry, terms=blob(turn.text, way))])
        if embedder is not None:
            vectors = embedder.embed([turn.text for turn in conversation.turns])
            corpus.set_vectors(np.arange(1, len(vectors) + 1), *quantise(vectors))
        return cls(conversation, corpus, way)

    def query(self, text: str, asked_ms: int) -> Query:
        """Read a question as a recall of this space would."""
        statistics, postings = self.corpus.statistics(), self.corpus.postings

        def holding(term: int) -> int:
            return len(postings.find(term)[0])

        query = parse_query(
            text, key=KEY, authors=statistics.authors, now_ms=asked_ms, languages=languages_of(self.corpus)
        )
        if self.way == "now":
            return replace(query, terms=rarest(query.terms, holding))
        terms = tuple(dict.fromkeys(term for token in TOKENS[self.way](text) if (term := _term(token))))
        return replace(query, terms=terms, spoken_of=query.spoken_of & set(terms))

    def found(self, embedder: Embedder | None) -> dict[int, list[float]]:
        """Return, for each of `CUTS`, the share of the evidence found for each question by the engine."""
        shares: dict[int, list[float]] = {cut: [] for cut in CUTS}
        for question in self.conversation.questions:
            query = self.query(question.text, question.asked_ms)
            vector = embedder.embed_query(query.dense_text) if embedder else None
            ns = rank(self.corpus, query, vector, limit=max(CUTS)).ns
            _count(shares, self.conversation, question.evidence, ns)
        return shares

    def by_cosine(self, embedder: Embedder) -> dict[int, list[float]]:
        """Likewise by the cosine of the question alone."""
        shares: dict[int, list[float]] = {cut: [] for cut in CUTS}
        for question in self.conversation.questions:
            cosines = self.corpus.vectors.scan(embedder.embed_query(question.text), self.corpus.size)[1:]
            _count(shares, self.conversation, question.evidence, np.argsort(-cosines, kind="stable") + 1)
        return shares


def _count(shares: dict[int, list[float]], conversation: Conversation, evidence: frozenset[str], ns: Numbers) -> None:
    gold = [conversation.turns[n - 1].id in evidence for n in ns.tolist()]
    for cut, found in shares.items():
        found.append(sum(gold[:cut]) / len(evidence))


def joined(conversations: Sequence[Conversation]) -> Conversation:
    """Return one conversation of all; ids and sessions are told apart by the name they come from."""
    turns: list[Turn] = []
    questions: list[Question] = []
    for one in conversations:
        turns += [replace(turn, id=f"{one.name}/{turn.id}", session=f"{one.name}/{turn.session}") for turn in one.turns]
        questions += [
            replace(question, evidence=frozenset(f"{one.name}/{known}" for known in question.evidence))
            for question in one.questions
        ]
    return Conversation("all together", tuple(turns), tuple(questions))


def columns(conversation: Conversation, embedder: Embedder) -> dict[str, dict[int, list[float]]]:
    """Return the shares of every system, by name."""
    spaces = {way: Space.of(conversation, way, embedder) for way in WAYS}
    table = {"dense": spaces["now"].by_cosine(embedder)}
    table |= {f"words, {way}": space.found(None) for way, space in spaces.items()}
    return table | {f"engine, {way}": space.found(embedder) for way, space in spaces.items()}


def sizes(conversation: Conversation) -> str:
    """Return distinct terms and bytes of an entry each way, in words."""
    told: list[str] = []
    for way in WAYS:
        blobs = [
            entry.terms if way == "now" else blob(turn.text, way)
            for entry, turn in zip(entries_of(conversation), conversation.turns, strict=True)
        ]
        terms = float(decode_terms(blobs).uniques.mean())
        told.append(f"{way} {terms:.1f} terms, {np.mean([len(one) for one in blobs]):.0f} bytes")
    return "; ".join(told)


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser("bench.languages", description="Recall in languages other than English.")
    parser.add_argument("data", nargs="*", type=Path, help="JSON Lines files of conversations with questions")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder for vectors (default %(default)s)")
    options = parser.parse_args(arguments)
    embedder = CachedEmbedder(packaged_embedder(), options.cache)
    conversations = [one for path in options.data or samples() for one in read_conversations(path)]
    for place, conversation in enumerate([*conversations, joined(conversations)]):
        table = columns(conversation, embedder)
        if not place:
            print(f"R@5 / R@10{'':17}" + "".join(f"{name:>16}" for name in table))
        cells = ["/".join(f"{100 * np.mean(shares[cut]):.0f}" for cut in CUTS) for shares in table.values()]
        label = f"{conversation.name} ({len(conversation.turns)} entries, {len(conversation.questions)})"
        print(f"{label:27}" + "".join(f"{cell:>16}" for cell in cells))
    for conversation in conversations:
        print(f"{conversation.name:12}{sizes(conversation)}")
    embedder.save()


if __name__ == "__main__":
    main(sys.argv[1:])
