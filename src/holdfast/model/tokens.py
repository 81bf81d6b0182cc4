"""How the length of a text is counted."""

from __future__ import annotations

from collections.abc import Callable

Count = Callable[[str], int]
"""Counts the tokens of a text, 0 or more. Called from several threads."""
