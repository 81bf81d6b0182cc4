"""Write docs/reference/errors.md from `holdfast.errors`; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from holdfast import errors

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "errors.md"
_HEAD = """# Errors

Made from `holdfast.errors` by `python tools/reference.py`; do not edit.

Every error Holdfast raises on purpose is a `HoldfastError`. Its message says what was wrong, what survived and what to
do; the texts below are those used where nothing more is known. *Retryable* errors may go away by themselves: the same
call can succeed later. Any other needs a change by the caller.

"""


def errors_page() -> str:
    """The page as it should be."""
    module_text = inspect.getdoc(errors) or ""
    tree = module_text[module_text.index("    HoldfastError") :].rstrip()
    found = [thing for thing in vars(errors).values() if inspect.isclass(thing) and thing.__module__ == errors.__name__]
    rows = [
        f"| `{error.__name__}` | {_bases(error)} | {'yes' if error.retryable else 'no'} | {inspect.getdoc(error)} |"
        for error in found
        if issubclass(error, errors.HoldfastError)
    ]
    table = "\n".join(["| error | is a | retryable | message |", "|---|---|---|---|", *rows])
    return f"{_HEAD}```text\n{inspect.cleandoc(tree)}\n```\n\n{table}\n"


def _bases(error: type[errors.HoldfastError]) -> str:
    return ", ".join(f"`{base.__name__}`" for base in error.__bases__)


def main(arguments: list[str]) -> int:
    """Run the command; gives the exit code."""
    wanted = errors_page()
    if "--check" in arguments:
        is_current = PAGE.exists() and PAGE.read_text("utf-8") == wanted
        print(f"{PAGE.name}: {'up to date' if is_current else 'not what tools/reference.py writes; run it'}")
        return 0 if is_current else 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
