"""Canaries in a house: names and contents of spaces that are dropped."""

from __future__ import annotations

import random
from pathlib import Path

from holdfast.adapters.sqlite.connection import blocks
from holdfast.house import Holdfast


def left(folder: Path, seed: int, count: int) -> list[str]:
    """Make so many spaces, rename and drop them; gives in which files of the house something of them is left."""
    chance = random.Random(seed)
    words = ["zh" + "".join(chance.choices("abcdefghijklmnop", k=10)) for _ in range(count)]
    with Holdfast.open(folder, embedder=None) as house:
        for word in words:
            house.create(f"{word}/old")
            house.grant("reader", f"{word}/old", "read")
            house.rename(f"{word}/old", f"{word}/new")
            memory = house.space(f"{word}/new")
            memory.remember(f"The {word} sings.", subject=word, tags=[word], key=word)
            memory.recall(word)
        if missing := set(words) - _found(folder, words):
            return [f"{word} was not planted" for word in sorted(missing)]
        for word in words:
            receipt = house.drop(f"{word}/new", confirm=f"{word}/new")
            if not house.verify(receipt).holds:
                return [f"the receipt of {word} does not hold"]
        found = _found(folder, words)
    return [f"{word} is still in the house" for word in sorted(found | _found(folder, words))]


def _found(folder: Path, words: list[str]) -> set[str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    data = b"".join(b"".join(blocks(path, 1 << 20)) for path in files)
    return {word for word in words if word.encode() in data}
