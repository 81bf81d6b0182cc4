"""What a budget holds: ``python -m bench.packing [DATA...]``.

Prints the share of the evidence that texts of 500 to 4,000 tokens hold: ``list`` takes the best entries in order, as
`budget.fill` does, and pays for their text alone; ``packed`` is `packing.pack`, which pays for fence, dates and
numbers too. An entry that was cut counts with the share it kept of those words of the answer that it had and the
question has not, or of its words where it had none; what is told once counts for the same words told again. Below, how
far `estimate_tokens` is from a tokenizer, by file: its sum as a share of the exact one, and how many texts in ten
are within 15%.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np

from bench.conversations import KEY, Conversation, read_conversations
from bench.languages import samples
from bench.measures import BUDGETS
from bench.recall import DEPTH, Asked, ask_all, files_of
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.adapters.tokens import token_count
from holdfast.core.budget import estimate_tokens, fill
from holdfast.core.fusion import rank
from holdfast.core.lexical import term_hashes
from holdfast.core.packing import pack, recall_limit
from holdfast.core.render import Shown, fenced
from holdfast.model.records import Kind, Record
from holdfast.model.tokens import Count


def held(asked: Asked, told: dict[str, str]) -> float:
    """Return the share of a question's evidence in what is told of some entries, by their ids."""
    wanted = asked.question.evidence
    every = {turn.id: turn.text for turn in asked.conversation.turns if turn.id in wanted}
    said = {" ".join(text.casefold().split()) for text in told.values()}
    answer = set(term_hashes(asked.question.answer, KEY)) - set(asked.query.terms)
    found = 0.0
    for name, text in every.items():
        if " ".join(text.casefold().split()) in said:
            found += 1
        elif name in told:
            whole = set(term_hashes(text, KEY))
            telling = answer & whole or whole
            found += len(telling & set(term_hashes(told[name], KEY))) / max(len(telling), 1)
    return found / len(wanted)


def listed(asked: Asked, ns: Sequence[int], budget: int) -> dict[str, str]:
    """Return the best entries whose text fits."""
    turns = [asked.conversation.turns[n - 1] for n in ns]
    return {turns[place].id: turns[place].text for place in fill([turn.text for turn in turns], budget)}


def packed(asked: Asked, ns: Sequence[int], budget: int) -> dict[str, str]:
    """Return what the engine puts into a text of that budget."""
    offers = [_shown(asked.conversation, n) for n in ns[: recall_limit(None, budget)]]
    terms, corpus = set(asked.query.terms), asked.corpus
    entries = corpus.statistics().entries
    rarity = {term: np.log1p(entries / (1 + len(corpus.postings.find(term)[0]))) for term in terms}
    taken = pack(offers, budget, estimate_tokens, lambda text: sum(rarity.get(t, 0.0) for t in term_hashes(text, KEY)))
    assert not taken or estimate_tokens(fenced([shown for _, shown in taken])) <= budget
    texts = {turn.id: turn.text for turn in asked.conversation.turns}
    return {s.record.id: texts[s.record.id] if s.excerpt is None else s.excerpt for _, s in taken}


def _shown(conversation: Conversation, n: int) -> Shown:
    turn = conversation.turns[n - 1]
    record = Record(
        kind=Kind.TURN, text=turn.body, valid_from=turn.said_ms, author=turn.author or None, session=turn.session,
        caption=turn.caption, id=turn.id, version=1, recorded_at=turn.said_ms,
    )  # fmt: skip
    return Shown(record, n=n)


def measure(path: Path, embedder: CachedEmbedder) -> None:
    """Print the shares of one file."""
    ways: dict[str, Callable[[Asked, Sequence[int], int], dict[str, str]]] = {"list": listed, "packed": packed}
    rows: dict[str, list[list[float]]] = {name: [] for name in ways}
    took = dict.fromkeys(ways, 0.0)
    for asked in ask_all(read_conversations(path), embedder):
        ns = rank(asked.corpus, asked.query, asked.vector, limit=DEPTH).ns.tolist()
        for name, way in ways.items():
            start = time.perf_counter()
            told = [way(asked, ns, budget) for budget in BUDGETS]
            took[name] += time.perf_counter() - start
            rows[name].append([held(asked, one) for one in told])
    print(f"{path.name}: {len(rows['list'])} questions")
    print(f"  {'':10}" + "".join(f"{f'{budget} tok':>10}" for budget in BUDGETS) + f"{'ms a text':>12}")
    for name, shares in rows.items():
        means = 100 * np.mean(shares, axis=0)
        per_text = 1e3 * took[name] / len(shares) / len(BUDGETS)
        print(f"  {name:10}" + "".join(f"{mean:10.1f}" for mean in means) + f"{per_text:12.1f}")
    print()


def compare_counts(paths: Sequence[Path], exact: Count) -> None:
    """Print by file how far the estimate is from a tokenizer's count."""
    print(f"  {'estimate':34}{'texts':>7}{'ratio':>8}{'in ten':>8}")
    for path in paths:
        texts = [turn.text for conversation in read_conversations(path) for turn in conversation.turns]
        pairs = np.array([(estimate_tokens(text), exact(text)) for text in texts], float)
        near = np.mean(np.abs(pairs[:, 0] / np.maximum(pairs[:, 1], 1) - 1) <= 0.15)
        print(f"  {path.name:34}{len(texts):7}{pairs[:, 0].sum() / pairs[:, 1].sum():8.2f}{10 * near:8.1f}")


def main(arguments: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "bench.packing", description="Evidence within budgets, and how tokens are counted."
    )
    parser.add_argument("data", nargs="*", type=Path, help="JSON Lines files of conversations with questions")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder for vectors (default %(default)s)")
    parser.add_argument(
        "--tokenizer", type=Path, help="a tokenizer.json to hold the estimate against (default MiniLM's)"
    )
    options = parser.parse_args(arguments)
    present = files_of(parser, options.data)
    embedder = CachedEmbedder(packaged_embedder(), options.cache)
    for path in present:
        measure(path, embedder)
    compare_counts([*present, *samples()], token_count(options.tokenizer or Path(str(files("holdfast_minilm")))))


if __name__ == "__main__":
    main(sys.argv[1:])
