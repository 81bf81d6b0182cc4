"""Counting tokens with a model's own tokenizer."""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import InvalidField
from holdfast.model.tokens import Count


def token_count(tokenizer: Count | str | Path) -> Count:
    """What counts tokens: a function as it is, or the tokenizer in a file.

    Args:
        tokenizer: A function from a text to its tokens' number; or a ``tokenizer.json`` of Hugging Face, or
            the folder of one, counted without the marks that a model sets around a text.

    Raises:
        InvalidField: there is no such file, or it holds no tokenizer.
    """
    if callable(tokenizer):
        return tokenizer
    if not isinstance(tokenizer, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(
            f"The tokenizer is {tokenizer!r:.60}; expected a function that counts the tokens of a text, or the path "
            "of a tokenizer.json. Nothing was opened."
        )
    path = Path(tokenizer)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise InvalidField(f"There is no tokenizer at {path!s:.200}; expected a tokenizer.json. Nothing was opened.")
    from tokenizers import Tokenizer

    try:
        read = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise InvalidField(
            f"{path!s:.200} holds no tokenizer that can be read ({error!s:.100}). Nothing was opened."
        ) from error
    read.no_truncation()
    read.no_padding()

    def count(text: str) -> int:
        return len(read.encode(text, add_special_tokens=False).ids)

    return count
