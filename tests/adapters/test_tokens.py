"""A budget is counted by the tokenizer that is given."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.adapters.tokens import token_count
from holdfast.core.budget import estimate_tokens
from holdfast.errors import InvalidField


def test_without_one_the_count_is_estimated() -> None:
    with Memory.open(":memory:", embedder=None) as memory:
        memory.remember("Ada went to the lake.")
        found = memory.recall("lake", budget_tokens=400)
        assert found.tokens == estimate_tokens(found.text)


def test_a_function_counts_and_bounds_a_recall() -> None:
    with Memory.open(":memory:", embedder=None, tokenizer=len) as memory:
        for number in range(20):
            memory.remember(f"Fact {number} about the lake.")
        found = memory.recall("lake", budget_tokens=400)
        assert found.tokens == len(found.text)
        assert 300 < found.tokens <= 400
        with memory.at("2999-01-01") as past:
            assert past.recall("lake", budget_tokens=400).tokens == found.tokens


@pytest.mark.skipif(find_spec("holdfast_minilm") is None, reason="the packaged tokenizer is not installed")
def test_a_tokenizers_file_or_folder_counts_all_of_a_text_and_nothing_around_it() -> None:
    folder = Path(str(files("holdfast_minilm")))
    for path in (folder, str(folder / "tokenizer.json")):
        count = token_count(path)
        assert count("") == 0
        assert count("the lake") == 2
        assert count("the lake " * 2_000) == 4_000, "a model's own limit does not cut what is counted"


def test_what_is_no_tokenizer_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps({"not": "one"}))
    for wrong, told in (
        (tmp_path / "none.json", "no tokenizer"),
        (tmp_path, "can be read"),
        (5, "expected a function"),
    ):
        with pytest.raises(InvalidField, match=told):
            Memory.open(tmp_path / "a.db", embedder=None, tokenizer=wrong)  # pyright: ignore[reportArgumentType]
    assert not (tmp_path / "a.db").exists()
