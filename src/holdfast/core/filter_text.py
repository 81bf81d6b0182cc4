"""Filters as a line of text, for the command line and for people.

::

    category = health and not tag in (red, blue)
    attributes.age >= 18 and (source exists or author = "Ada Lovelace")

``=``, ``!=``, ``>``, ``>=``, ``<``, ``<=``, ``in (…)``, ``contains`` and ``exists`` stand behind a field, the last
three with ``not`` before them if need be; ``and`` binds closer than ``or``. A value is a text in quotes (with ``\\``
before a quote or a ``\\``), or words up to ``and``, ``or``, a bracket or a comma. Numbers and booleans for an attribute
go without quotes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from holdfast.core.filters import (
    MOST_CONDITIONS,
    MOST_DEPTH,
    checked,
    condition,
    either,
    every,
    field_type,
    shown,
)
from holdfast.errors import InvalidFilter
from holdfast.model.filters import ATTRIBUTES, And, Condition, FieldType, Filter, Not, Op, Or
from holdfast.model.records import Scalar

MOST_CHARS: Final = 100_000
_SIGNS: Final = {"=": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_SIGN_OF: Final = {Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    |(?P<sign>!=|>=|<=|=|>|<)
    |(?P<bracket>[(),])
    |(?P<word>attributes\."(?:[^"\\]|\\.)*"|(?:[^\s(),=<>"'!]|!(?!=))(?:[^\s(),=<>!]|!(?!=))*)
    |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER: Final = re.compile(r"-?\d{1,25}(?:\.\d{1,25})?(?:[eE][+-]?\d{1,3})?")
_PLAIN_FIELD: Final = re.compile(r"[^\s(),=<>\"'!\\]+")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def filter_from_text(text: str, prefix: str = "") -> Filter:
    """The filter that a line means.

    Args:
        prefix: Stands before the name of every field that does not begin with it.

    Raises:
        InvalidFilter: it cannot be read; the message names the column, counted from 1.
    """
    if len(text) > MOST_CHARS:
        raise InvalidFilter(f"The filter has {len(text):,} characters; at most {MOST_CHARS:,} are taken.")
    return checked(_Parser(text, prefix).filter())


def filter_text(asked: Filter) -> str:
    """The line that stands for a filter; `filter_from_text` gives the filter again."""
    return _line(asked, outer=None)


class _Parser:
    """Recursive descent over the tokens of one line."""

    def __init__(self, text: str, prefix: str) -> None:
        self._text = text
        self._prefix = prefix
        self._tokens = list[_Token]()
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                self._refuse("this quote is never closed", place)
            if match.lastgroup != "space":
                self._tokens.append(_Token(match.lastgroup or "", match[0], place, match.end()))
            place = match.end()
        self._tokens.append(_Token("end", "", len(text), len(text)))
        self._place = 0
        self._conditions = 0

    def filter(self) -> Filter:
        found = self._either(1)
        if self._next.kind != "end":
            self._refuse("expected 'and', 'or' or the end; put a value with such characters in quotes")
        return found

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += token.kind != "end"
        return token

    def _either(self, depth: int) -> Filter:
        parts = [self._every(depth)]
        while self._next.keyword == "or":
            self._take()
            parts.append(self._every(depth))
        return either(parts)

    def _every(self, depth: int) -> Filter:
        parts = [self._part(depth)]
        while self._next.keyword == "and":
            self._take()
            parts.append(self._part(depth))
        return every(parts)

    def _part(self, depth: int) -> Filter:
        if depth > MOST_DEPTH:
            self._refuse(f"this is more than {MOST_DEPTH} levels deep")
        if self._next.keyword == "not":
            self._take()
            return Not(self._part(depth + 1))
        if self._next.text == "(" and self._next.kind == "bracket":
            self._take()
            found = self._either(depth + 1)
            self._bracket(")", "expected ')'")
            return found
        return self._condition()

    def _condition(self) -> Filter:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            self._refuse(f"this is more than {MOST_CONDITIONS} conditions")
        token = self._take()
        if token.kind != "word" or token.keyword in ("and", "or"):
            self._refuse("expected a field, such as author", token.start)
        field = token.text
        if field.startswith(ATTRIBUTES + '"'):
            field = ATTRIBUTES + _unquoted(field[len(ATTRIBUTES) :])
        elif not field.startswith(self._prefix):
            field = self._prefix + field
        kind = self._at(token.start, field_type, field)
        negated = self._next.keyword == "not"
        if negated:
            self._take()
        sign = self._take()
        if sign.keyword in ("in", "contains", "exists"):
            operator = sign.keyword
        elif sign.kind == "sign" and not negated:
            operator = _SIGNS[sign.text]
        else:
            self._refuse("expected one of: = != > >= < <= in contains exists", sign.start)
        value = True if operator == "exists" else self._list(kind) if operator == "in" else self._value(kind)
        found = self._at(token.start, condition, field, operator, value)
        return Not(found) if negated else found

    def _list(self, kind: FieldType) -> list[Scalar]:
        self._bracket("(", "expected '(' and values, such as (a, b)")
        values = [self._value(kind)]
        while self._next.text == "," and self._next.kind == "bracket":
            self._take()
            values.append(self._value(kind))
        self._bracket(")", "expected ',' or ')'")
        return values

    def _bracket(self, wanted: str, why: str) -> None:
        token = self._take()
        if token.kind != "bracket" or token.text != wanted:
            self._refuse(why, token.start)

    def _value(self, kind: FieldType) -> Scalar:
        first = self._take()
        if first.kind == "quoted":
            return _unquoted(first.text)
        if first.kind != "word" or first.keyword in ("and", "or"):
            self._refuse("expected a value; put one with such characters in quotes", first.start)
        last = first
        while self._next.kind == "word" and self._next.keyword not in ("and", "or"):
            last = self._take()
        text = self._text[first.start : last.end]
        if kind in (FieldType.NUMBER, FieldType.ATTRIBUTE):
            if _NUMBER.fullmatch(text):
                return float(text) if set(text) & set(".eE") else int(text)
            if kind is FieldType.ATTRIBUTE and text.lower() in ("true", "false"):
                return text.lower() == "true"
        return text

    def _at(self, place: int, call: Any, *given: object) -> Any:
        try:
            return call(*given)
        except InvalidFilter as error:
            raise InvalidFilter(f"At column {place + 1} of the filter: {error}") from None

    def _refuse(self, why: str, place: int | None = None) -> NoReturn:
        start = self._next.start if place is None else place
        raise InvalidFilter(f"The filter cannot be read at column {start + 1} ({self._text[start:][:40]!r}): {why}.")


def _line(asked: Filter, outer: type[And] | type[Not] | None) -> str:
    match asked:
        case And(parts):
            line = " and ".join(_line(part, And) for part in parts)
            return f"({line})" if outer is not None else line
        case Or(parts):
            line = " or ".join(_line(part, None if not isinstance(part, And) else And) for part in parts)
            return f"({line})" if outer is not None else line
        case Not(Condition(field, Op.IN, (value,))):
            return f"{_field(field)} != {_quoted(field, value)}"
        case Not(part):
            return f"not {_line(part, Not)}"
        case Condition(field, Op.EXISTS):
            return f"{_field(field)} exists"
        case Condition(field, Op.IN, (value,)):
            return f"{_field(field)} = {_quoted(field, value)}"
        case Condition(field, Op.IN, values):
            return f"{_field(field)} in ({', '.join(_quoted(field, value) for value in values)})"
        case Condition(field, Op.CONTAINS, (value,)):
            return f"{_field(field)} contains {_quoted(field, value)}"
        case Condition(field, op, values):
            return f"{_field(field)} {_SIGN_OF[op]} {_quoted(field, values[0])}"


def _field(field: str) -> str:
    name = field.removeprefix(ATTRIBUTES)
    return field if name == field or _PLAIN_FIELD.fullmatch(name) else ATTRIBUTES + _in_quotes(name)


def _quoted(field: str, value: Scalar) -> str:
    told = shown(field, value)
    if not isinstance(told, str):
        return json.dumps(told)
    plain = _TOKEN.fullmatch(told)
    is_word = plain is not None and plain.lastgroup == "word" and told.lower() not in ("and", "or")
    typed = field.startswith(ATTRIBUTES) and (_NUMBER.fullmatch(told) or told.lower() in ("true", "false"))
    return told if is_word and not typed and not told.startswith(ATTRIBUTES) else _in_quotes(told)


def _in_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
