"""An upper bound on the work of one attempt of a pattern, read from its parse tree.

``cost(pattern)`` bounds the character tests that the backtracking matcher of `re` makes for one place where it
starts. Every node has a number of tests and a number of ways it can match; what follows a node is tried once
for each of its ways. A choice has one way where what it goes on with and what comes after it begin with
different characters, and alternatives that begin with different letters cannot match together. A text of n
characters costs at most ``n * cost``. A repetition without a bound costs infinity, except a possessive one of
single characters, which callers walk over so that each character is looked at once (`is_walk`).

Sets of characters are compared over the first 0x500 code points and a few beyond.
"""

from __future__ import annotations

import re
import re._parser as parser  # pyright: ignore[reportMissingImports] the parse tree has no public door
from math import inf
from typing import Any

Chars = frozenset[int]
_SAMPLE: Chars = frozenset([*range(0x500), *map(ord, "忽略无视忘记無カードー密码码비밀번호가是은 "), 0x2014])
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w", "NOT_DIGIT": r"\D", "NOT_SPACE": r"\S", "NOT_WORD": r"\W"}
_SETS = {name: frozenset(code for code in _SAMPLE if re.match(shape, chr(code))) for name, shape in _CATEGORIES.items()}
_SINGLE = ("LITERAL", "NOT_LITERAL", "ANY", "IN")
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_NOTHING: Chars = frozenset()


def cost(pattern: re.Pattern[str]) -> float:
    """The greatest number of character tests in one attempt."""
    # What follows the whole pattern is success, after which nothing is tried again.
    return _sequence(list(parser.parse(pattern.pattern, pattern.flags)), _NOTHING)[0]


def is_walk(pattern: re.Pattern[str]) -> bool:
    """Whether it is one possessive repetition of a set of characters, after at most a look at the one before."""
    nodes = [node for node in parser.parse(pattern.pattern, pattern.flags) if str(node[0]) != "ASSERT_NOT"]
    return len(nodes) == 1 and str(nodes[0][0]) == "POSSESSIVE_REPEAT" and str(nodes[0][1][2][0][0]) in _SINGLE


def _sequence(nodes: list[Any], follow: Chars) -> tuple[float, float]:
    total, ways = 0.0, 1.0
    for place, node in enumerate(nodes):
        tests, choices = _node(node, _first(nodes[place + 1 :], follow))
        total += ways * tests
        ways *= choices
    return total, ways


def _node(node: Any, follow: Chars) -> tuple[float, float]:
    name, value = str(node[0]), node[1]
    if name in _REPEATS:
        return _repeat(name, int(value[0]), value[1], list(value[2]), follow)
    if name == "BRANCH":
        return _branch([list(branch) for branch in value[1]], follow)
    if name == "SUBPATTERN":
        return _sequence(list(value[3]), follow)
    if name == "ATOMIC_GROUP":
        return _sequence(list(value), follow)[0], 1.0
    if name in ("ASSERT", "ASSERT_NOT"):
        return _sequence(list(value[1]), _NOTHING)[0], 1.0
    return (100.0, 1.0) if name == "GROUPREF" else (1.0, 1.0)


def _branch(branches: list[list[Any]], follow: Chars) -> tuple[float, float]:
    """All are tried; those can match together whose literal beginnings go on one another."""
    bounds = [_sequence(branch, follow) for branch in branches]
    begins = [_literal(branch) for branch in branches]
    pairs = list(zip(bounds, begins, strict=True))
    ways = max(sum(bound[1] for bound, other in pairs if begin.startswith(other)) for begin in begins)
    return sum(bound[0] for bound in bounds), ways


def _repeat(name: str, least: int, most: Any, inner: list[Any], follow: Chars) -> tuple[float, float]:
    begins = _first(inner, _NOTHING)
    tests, ways = _sequence(inner, begins | follow)
    if most is parser.MAXREPEAT:
        return inf, 1.0
    count = int(most)
    if name == "POSSESSIVE_REPEAT":
        return count * tests + 1, 1.0
    spent = sum(ways**n for n in range(count)) * tests + 1
    if begins.isdisjoint(follow):
        return spent, ways**count
    return spent, sum(ways**n for n in range(least, count + 1))


def _literal(nodes: list[Any]) -> str:
    """The letters every match begins with."""
    letters = ""
    for node in nodes:
        name = str(node[0])
        if name == "LITERAL":
            letters += chr(node[1]).lower()
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            inner = list(node[1][3] if name == "SUBPATTERN" else node[1])
            begun = _literal(inner)
            letters += begun
            if len(begun) < len(inner):
                break
        elif name != "AT":
            break
    return letters


def _first(nodes: list[Any], follow: Chars) -> Chars:
    """The characters a match of these nodes, or what follows them, can begin with."""
    chars: Chars = _NOTHING
    for node in nodes:
        some, empty = _begins(node)
        chars |= some
        if not empty:
            return chars
    return chars | follow


def _begins(node: Any) -> tuple[Chars, bool]:
    """The characters a node can begin with, and whether it can be empty."""
    name, value = str(node[0]), node[1]
    if name in _SINGLE:
        return _chars(name, value), False
    if name in _REPEATS:
        inner = _first(list(value[2]), _NOTHING)
        return inner, value[0] == 0 or _empty(list(value[2]))
    if name == "BRANCH":
        branches = [list(branch) for branch in value[1]]
        return frozenset().union(*(_first(one, _NOTHING) for one in branches)), any(map(_empty, branches))
    if name in ("SUBPATTERN", "ATOMIC_GROUP"):
        inner = list(value[3] if name == "SUBPATTERN" else value)
        return _first(inner, _NOTHING), _empty(inner)
    return (_SAMPLE, True) if name == "GROUPREF" else (_NOTHING, True)


def _empty(nodes: list[Any]) -> bool:
    return all(_begins(node)[1] for node in nodes)


def _chars(name: str, value: Any) -> Chars:
    """The characters of a node that takes one, in either case."""
    if name == "ANY":
        return _SAMPLE
    if name == "IN":
        listed = [_member(str(kind), given) for kind, given in value]
        chars = frozenset().union(*listed)
        return _SAMPLE - chars if str(value[0][0]) == "NEGATE" else chars
    same = frozenset(ord(char) for char in (chr(value).lower(), chr(value).upper()) if len(char) == 1)
    return _SAMPLE - same if name == "NOT_LITERAL" else same


def _member(kind: str, given: Any) -> Chars:
    if kind == "CATEGORY":
        return _SETS[str(given).removeprefix("CATEGORY_")]
    if kind == "RANGE":
        chars = {code for code in range(given[0], given[1] + 1) if code in _SAMPLE}
    else:
        chars = {given} if kind == "LITERAL" else set[int]()
    return frozenset(
        ord(char) for code in chars for char in (chr(code), chr(code).lower(), chr(code).upper()) if len(char) == 1
    )
