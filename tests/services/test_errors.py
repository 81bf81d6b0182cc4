"""The tree of errors is what its module says it is, and each of them says something."""

from __future__ import annotations

import inspect
import re

import pytest

from holdfast import errors

CLASSES = [thing for _, thing in inspect.getmembers(errors, inspect.isclass) if thing.__module__ == errors.__name__]
every_error = pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)


def drawn() -> dict[str, str]:
    """Each class of the drawing with its parent."""
    parents: dict[str, str] = {}
    stack: list[str] = ["HoldfastError"]
    for line in errors.__doc__.split("HoldfastError\n", 1)[1].splitlines():
        names = [name.split(" (")[0] for name in re.findall(r"[A-Z]\w+(?: \(\w+\))?", line)]
        if names:
            # Four columns a level, the first of them for the margin of the text.
            depth = re.search("[├└]", line).start() // 4 - 1
            del stack[depth + 1 :]
            parents |= dict.fromkeys(names, stack[-1])
            stack.append(names[0])
    return parents


def test_the_drawing_shows_every_class_with_its_parent():
    actual = {error.__name__: error.__mro__[1].__name__ for error in CLASSES if error is not errors.HoldfastError}
    assert drawn() == actual


@every_error
def test_every_error_explains_itself_and_says_whether_to_try_again(error):
    text = inspect.getdoc(error)
    assert "\n" not in text
    assert text.endswith(".")
    assert isinstance(error.retryable, bool)
    assert issubclass(error, errors.HoldfastError)
    assert str(error()) == text
    assert str(error("Something else.")) == "Something else."


def test_errors_are_also_what_python_calls_them():
    assert issubclass(errors.InvalidInput, ValueError)
    assert issubclass(errors.NotFound, LookupError)
    retryable = {error.__name__ for error in CLASSES if error.retryable}
    assert retryable == {
        "StoreFull", "StoreBusy", "EmbedderUnavailable", "EmbedderPaused", "ModelUnavailable",
        "WorkingStoreUnavailable",
    }  # fmt: skip
