"""How much text fits into a prompt.

Which tokens a language model makes of a text only its own tokenizer knows; the estimate here needs none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from holdfast.model.tokens import Count

_LETTERS_A_TOKEN: Final = 8
# What byte-pair tokenizers start from: words, short runs of digits, runs of signs, and what lies beyond ASCII.
_PIECE: Final = re.compile(r"[A-Za-z]+|[0-9]{1,3}|[\x00-\x08\x0e-\x1b!-/:-@\[-`{-\x7f]{1,3}|\n+|[^\x00-\x7f]")
# The same for plain text, a match a token.
_ASCII_TOKEN: Final = re.compile(
    rf"[A-Za-z]{{1,{_LETTERS_A_TOKEN}}}|[0-9]{{1,3}}|[\x00-\x08\x0e-\x1b!-/:-@\[-`{{-\x7f]{{1,3}}|\n+"
)
_WIDE: Final = re.compile("[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\uffef\U0001f000-\U0003fffd]")
_OTHER_LETTERS_A_TOKEN: Final = 2.5


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a language model makes of a text, 0 for none.

    An English word of up to eight letters counts one, up to three digits or signs one, a Chinese, Japanese or
    Korean character or an emoji one, and of other scripts two and a half letters one. Over LoCoMo, BEAM and
    LongMemEval the sum is within 4% of MiniLM's WordPiece, nine texts in ten within 15%.
    """
    if text.isascii():
        return len(_ASCII_TOKEN.findall(text))
    tokens = 0.0
    for piece in _PIECE.findall(text):
        if piece < "\x80":
            tokens += 1 + (len(piece) - 1) // _LETTERS_A_TOKEN if piece > "@" else 1
        else:
            tokens += 1 if _WIDE.match(piece) else 1 / _OTHER_LETTERS_A_TOKEN
    return int(tokens + 0.999)


def fill(texts: Iterable[str], budget_tokens: int, count: Count = estimate_tokens) -> list[int]:
    """Return the positions of the texts to take, in order, so that together they stay within a budget.

    A text too long for what is left is passed over, and shorter ones after it may still be taken.

    Args:
        texts: best first.
        budget_tokens: most tokens together; with 0 or less nothing fits.
        count: counts the tokens of a text; by default an estimate, a model's own tokenizer is exact.
    """
    taken: list[int] = []
    left = budget_tokens
    for position, text in enumerate(texts):
        if left <= 0:
            break
        tokens = count(text)
        if tokens <= left:
            taken.append(position)
            left -= tokens
    return taken
