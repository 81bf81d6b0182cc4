"""Templates by Jinja, of which little is left: text, inputs, ``if``, ``for`` and some filters; needs jinja2.

A template is read as a tree, and each node must be one that is known to end and to make no more than it is given: no
calls, macros, ``set``, includes, powers or attributes of Python. What remains is bounded as it runs: the steps of
loops, the size of numbers and texts, the size of what comes out. Jinja's sandbox stands behind that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from holdfast.errors import InvalidField

TEMPLATE_CHARS: Final = 20_000
OUTPUT_CHARS: Final = 200_000
LOOP_STEPS: Final = 10_000
"""Steps of all loops of a template together."""
WORK_CHARS: Final = 2_000_000
"""Characters that outputs, filters, comparisons and sums of a template look at together, steps of loops included."""
NODE_WORK: Final = 4
"""Characters that stand for a node of a template in one step of a loop around it, and for what is no text."""
DEPTH: Final = 40
_NUMBER: Final = 10**15
_LOOP: Final = frozenset(("index", "index0", "revindex", "revindex0", "first", "last", "length"))
_NODES: Final = frozenset(
    ("Template", "Output", "TemplateData", "Name", "Const", "If", "For", "CondExpr", "Compare", "Operand", "And", "Or",
     "Not", "Neg", "Pos", "Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Filter", "Test", "Getattr", "Getitem",
     "Slice", "List", "Tuple", "Keyword")
)  # fmt: skip
_SAYS: Final = {
    "Call": "calls something", "Macro": "has a macro", "CallBlock": "has a call block", "Include": "includes a file",
    "Import": "imports a file", "FromImport": "imports a file", "Extends": "extends a file", "Block": "has a block",
    "Pow": "has a power (**)", "Concat": "has a ~ (write the parts one after the other)", "Assign": "has a set",
    "AssignBlock": "has a set", "NSRef": "has a set", "FilterBlock": "has a filter block", "With": "has a with",
}  # fmt: skip
_RESERVED: Final = frozenset(("self", "super", "varargs", "kwargs", "caller"))
_WHY: Final = "Templates have inputs, if, for and filters"
TESTS: Final = frozenset(
    ("defined", "undefined", "none", "boolean", "number", "integer", "float", "string", "sequence", "mapping", "odd",
     "even", "true", "false")
)  # fmt: skip


class TooMuch(Exception):
    """A template comes to too much."""


class JinjaTemplates:
    """A `holdfast.ports.templates.Templates`.

    Raises:
        InvalidField: jinja2 is not installed.
    """

    def __init__(self) -> None:
        try:
            from holdfast.adapters.jinja_sandbox import environment
        except ImportError:
            raise InvalidField(
                "The steps of procedures are templates, which need jinja2. Nothing was written; install it with: "
                "pip install 'holdfast[procedures]'"
            ) from None
        self._environment = environment()

    def names(self, template: str) -> frozenset[str]:
        """See `Templates.names`."""
        from jinja2 import TemplateError, meta

        tree = self._read(template)
        names = frozenset(meta.find_undeclared_variables(tree))
        try:
            self._environment.compile(tree)
        except (TemplateError, SyntaxError, RecursionError, ValueError, MemoryError) as error:
            raise _refused(template, f"cannot be read ({_said(error)})") from None
        return names

    def fill(self, template: str, values: Mapping[str, Any]) -> str:
        """See `Templates.fill`."""
        from holdfast.adapters.jinja_sandbox import FAILURES, run

        tree = self._read(template)
        try:
            return run(self._environment, tree, values)
        except TooMuch as error:
            raise InvalidField(f"The template {template!r:.60} {error}. Nothing was done.") from None
        except FAILURES as error:
            raise InvalidField(f"The template {template!r:.60} cannot be filled ({_said(error)}).") from None

    def _read(self, template: str) -> Any:
        """The tree of a template, if it does nothing that a template may not.

        Raises:
            InvalidField.
        """
        from jinja2 import TemplateError

        if len(template) > TEMPLATE_CHARS:
            raise InvalidField(
                f"A template has {len(template):,} characters; at most {TEMPLATE_CHARS:,} are taken. Nothing was "
                "written."
            )
        try:
            tree = self._environment.parse(template)
        except (TemplateError, RecursionError, ValueError, OverflowError, MemoryError) as error:
            raise _refused(template, f"cannot be read ({_said(error)})") from None
        self._check(template, tree)
        return tree

    def _check(self, template: str, tree: Any) -> None:
        layer, depth = [tree], 0
        while layer:
            depth += 1
            if depth > DEPTH:
                raise _refused(template, f"is nested more than {DEPTH} deep")
            for node in layer:
                kind = type(node).__name__
                if kind not in _NODES:
                    raise _refused(template, f"{_SAYS.get(kind, f'has a {kind}')}, which it may not. {_WHY}")
                if kind == "For" and node.recursive:
                    raise _refused(template, "has a loop that calls itself")
                if kind == "Filter" and (node.name[0] == "_" or node.name not in self._environment.filters):
                    known = ", ".join(sorted(name for name in self._environment.filters if name[0] != "_"))
                    raise _refused(template, f"has the filter {node.name!r:.40}; known are {known}")
                if kind == "Test" and node.name not in TESTS:
                    raise _refused(template, f"has the test {node.name!r:.40}; known are {', '.join(sorted(TESTS))}")
                if kind == "Name" and (node.name.startswith("_") or node.name in _RESERVED):
                    raise _refused(template, f"has the name {node.name!r:.40}, which is no input's")
                if kind == "Getattr" and node.attr.startswith("_"):
                    raise _refused(template, f"has {node.attr!r:.40}, and names begin with a letter")
            layer = [child for node in layer for child in node.iter_child_nodes()]


def _refused(template: str, why: str) -> InvalidField:
    return InvalidField(f"The template {template!r:.60} {why}. Nothing was written.")


def _said(error: BaseException) -> str:
    said = "".join(char if char.isprintable() else " " for char in str(error)[:120])
    return said or type(error).__name__


# Filters: each gives no more than a bounded text, or than it was given.


def bounded(text: str) -> str:
    """The text, unless it is longer than what may come out of a template.

    Raises:
        TooMuch.
    """
    if len(text) > OUTPUT_CHARS:
        raise TooMuch(f"comes to more than {OUTPUT_CHARS:,} characters")
    return text


def shown(value: object) -> str:
    """A value as it stands in a text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # What else there is, such as what an if without an else comes to, is no JSON: it says itself how it is shown.
    is_json = isinstance(value, int | float | list | tuple | Mapping)
    return json.dumps(value, ensure_ascii=False, default=str) if is_json else str(value)


def joined(values: object, by: object = "") -> str:
    """The values of a list with a text between them."""
    parts = [shown(one) for one in listed(values)]
    between = shown(by)
    if sum(map(len, parts)) + len(between) * len(parts) > OUTPUT_CHARS:
        raise TooMuch(f"comes to more than {OUTPUT_CHARS:,} characters")
    return between.join(parts)


def replaced(value: object, old: object, new: object) -> str:
    """A text with a part of it replaced everywhere."""
    text, part, other = shown(value), shown(old), shown(new)
    if not part:
        raise TooMuch("replaces an empty text")
    if len(text) + text.count(part) * len(other) > OUTPUT_CHARS:
        raise TooMuch(f"comes to more than {OUTPUT_CHARS:,} characters")
    return text.replace(part, other)


def weight(value: object, most: int = WORK_CHARS) -> int:
    """How much work a value is to look at: its characters, or its entries and theirs; not counted far beyond ``most``.

    Loops can build a small list whose entries are one list many times, and so on: it has no size that ends soon.
    """
    found, ahead = 0, [value]
    while ahead and found + len(ahead) * NODE_WORK <= most:
        one = ahead.pop()
        if isinstance(one, str):
            found += 1 + len(one)
            continue
        found += NODE_WORK
        if isinstance(one, Mapping):
            for pair in cast("Mapping[object, object]", one).items():
                ahead += pair
        elif isinstance(one, list | tuple):
            ahead += cast("Sequence[object]", one)
    return found + len(ahead) * NODE_WORK


def listed(values: object) -> list[Any]:
    """What a loop goes over: a list, the characters of a text, or the names of a mapping."""
    if not isinstance(values, str | list | tuple | Mapping):
        raise TypeError(f"{type(values).__name__} is nothing to go over")
    return list(cast("Sequence[Any]", values))


def computed(operator: str, left: object, right: object) -> Any:
    """What an operator makes of two values: of numbers a number that is not too large, of texts their sum."""
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        bounded_by = len(left) + len(right)
        if bounded_by > OUTPUT_CHARS:
            raise TooMuch(f"comes to more than {OUTPUT_CHARS:,} characters")
        return left + right
    numbers = [one for one in (left, right) if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < 2:
        raise TypeError(f"{operator} joins two numbers, or + two texts")
    one, other = numbers
    if max(abs(one), abs(other)) > _NUMBER:
        raise TooMuch("computes with numbers that are too large")
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/":
            return one / other
        case "//":
            return one // other
        case _:
            return one % other
