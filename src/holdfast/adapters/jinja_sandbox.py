"""Jinja as `holdfast.adapters.templates` uses it; imported when a template is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from jinja2 import StrictUndefined, TemplateError, nodes, pass_context
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from holdfast.adapters import templates
from holdfast.adapters.templates import LOOP_STEPS, NODE_WORK, OUTPUT_CHARS, WORK_CHARS, TooMuch

_LEFT: Final = "_left"
"""How many steps loops have left, and how much work all of it: under a name that no template can have."""
_COUNTED: Final = "_counted"
_WEIGHED: Final = "_weighed"
FAILURES: Final = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError, MemoryError, SyntaxError,
)  # fmt: skip
"""What a template that was read may fail with."""


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja without attributes, with operators that are bounded."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _charge(context, left, right)
        return templates.computed(operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, LoopContext):
            if argument in templates._LOOP:  # pyright: ignore[reportPrivateUsage]
                return getattr(obj, argument)
        elif isinstance(obj, Mapping):
            fields = cast("Mapping[Any, Any]", obj)
            if isinstance(argument, str) and argument in fields:
                return fields[argument]
        elif isinstance(obj, str | list | tuple) and isinstance(argument, int | slice):
            return cast("Any", obj)[argument]
        return self.undefined(obj=obj, name=argument)


def environment() -> _Environment:
    """An environment with nothing in it but bounded filters."""
    made = _Environment(
        undefined=StrictUndefined, optimized=False, cache_size=0, loader=None, autoescape=False,
        keep_trailing_newline=False, trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    made.globals.clear()
    made.filters.clear()
    made.filters.update(_FILTERS)
    made.tests = {name: test for name, test in made.tests.items() if name in templates.TESTS}
    return made


def run(made: _Environment, tree: nodes.Template, values: Mapping[str, Any]) -> str:
    """What a template comes to, piece by piece until it is too much.

    Raises:
        TooMuch, and those of `FAILURES`.
    """
    for loop, step in [(loop, sum(1 for _ in loop.find_all(nodes.Node))) for loop in tree.find_all(nodes.For)]:
        loop.iter = _through(_COUNTED, loop.iter, nodes.Const(step * NODE_WORK, lineno=loop.lineno))
    for one in list(tree.find_all(nodes.Compare)):
        one.expr = _through(_WEIGHED, one.expr)
        for operand in one.ops:
            operand.expr = _through(_WEIGHED, operand.expr)
    for part in list(tree.find_all(nodes.Getitem)):
        part.node = _through(_WEIGHED, part.node)
    # Jinja decides by the tree, which was made by its parser from a text that was looked through.
    code = made.compile(tree)
    template = made.template_class.from_code(made, code, {})
    parts, size = list[str](), 0
    for part in template.generate({**values, _LEFT: [LOOP_STEPS, WORK_CHARS]}):
        size += len(part)
        if size > OUTPUT_CHARS:
            raise TooMuch(f"comes to more than {OUTPUT_CHARS:,} characters")
        parts.append(part)
    return "".join(parts)


def _through(name: str, node: nodes.Node, *more: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(cast("nodes.Expr", node), name, list(more), [], None, None, lineno=node.lineno)


def _charge(context: Context, *values: Any) -> None:
    """Take the work of looking at values off what is left.

    Raises:
        TooMuch: nothing is.
    """
    left = cast("list[int]", context[_LEFT])
    for value in values:
        _work(left, templates.weight(value, left[1]))


def _work(left: list[int], chars: int) -> None:
    left[1] -= chars
    if left[1] < 0:
        raise TooMuch(f"looks at more than {WORK_CHARS:,} characters")


def _charged(call: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that takes its work off what is left."""

    @pass_context
    def charged(context: Context, *values: Any, **named: Any) -> Any:
        _charge(context, *values, *named.values())
        return call(*values, **named)

    return charged


@pass_context
def _counted(context: Context, values: Any, step: int) -> list[Any]:
    """What a loop goes over; all its steps are paid before the first.

    Args:
        step: The work of one of them.
    """
    found = templates.listed(_sure(values))
    left = cast("list[int]", context[_LEFT])
    _work(left, len(found) * step)
    left[0] -= len(found)
    if left[0] < 0:
        raise TooMuch(f"takes more than {LOOP_STEPS:,} steps in its loops")
    return found


@pass_context
def _shown(context: Context, value: Any) -> str:
    _charge(context, value)
    return templates.shown(value)


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    _charge(context, value)
    return value


def _sure(value: Any) -> Any:
    """The value; raises where there is none."""
    if isinstance(value, Undefined):
        str(value)
    return value


def _text(value: Any) -> str:
    return templates.bounded(templates.shown(_sure(value)))


def _default(value: Any, other: Any = "", boolean: bool = False) -> Any:
    return other if value is None or isinstance(value, Undefined) or (boolean and not value) else value


def _first(values: Any) -> Any:
    found = templates.listed(_sure(values))
    return found[0] if found else None


def _last(values: Any) -> Any:
    found = templates.listed(_sure(values))
    return found[-1] if found else None


def _sort(values: Any) -> list[Any]:
    return sorted(templates.listed(_sure(values)))


def _unique(values: Any) -> list[Any]:
    found = list[Any]()
    seen = set[str]()
    for one in templates.listed(_sure(values)):
        key = f"{type(one).__name__} {templates.shown(one)}"
        if key not in seen:
            seen.add(key)
            found.append(one)
    return found


def _reverse(values: Any) -> Any:
    given = _sure(values)
    return given[::-1] if isinstance(given, str) else templates.listed(given)[::-1]


def _length(values: Any) -> int:
    return len(templates.listed(_sure(values)))


def _round(value: Any, digits: int = 0) -> Any:
    number = round(value, min(15, max(0, digits)))
    return number if digits else int(number)


def _int(value: Any) -> int:
    return int(value)


def _float(value: Any) -> float:
    return float(value)


def _tojson(value: Any) -> str:
    import json

    return templates.bounded(json.dumps(_sure(value), ensure_ascii=False))


def _upper(value: Any) -> str:
    return _text(value).upper()


def _lower(value: Any) -> str:
    return _text(value).lower()


def _capitalize(value: Any) -> str:
    return _text(value).capitalize()


def _title(value: Any) -> str:
    return _text(value).title()


def _trim(value: Any) -> str:
    return _text(value).strip()


def _join(values: Any, by: Any = "") -> str:
    return templates.joined(_sure(values), by)


def _replace(value: Any, old: Any, new: Any) -> str:
    return templates.replaced(_sure(value), old, new)


_FILTERS: Final[dict[str, Any]] = {
    _COUNTED: _counted,
    _WEIGHED: _weighed,
} | {
    name: _charged(call)
    for name, call in {
        "upper": _upper, "lower": _lower, "capitalize": _capitalize, "title": _title, "trim": _trim, "string": _text,
        "join": _join, "replace": _replace, "default": _default, "d": _default, "first": _first, "last": _last,
        "sort": _sort, "unique": _unique, "reverse": _reverse, "length": _length, "count": _length, "round": _round,
        "int": _int, "float": _float, "tojson": _tojson,
    }.items()
}  # fmt: skip
