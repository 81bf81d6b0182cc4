"""Refuse modules, functions and classes that outgrow the rules of the house.

Modules at most 400 lines, functions 70, classes 25 public methods. An exception is listed below
with its reason, or it does not exist.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

MODULE_LINES, FUNCTION_LINES, PUBLIC_METHODS = 400, 70, 25
EXCEPTIONS = {
    "src/holdfast/ports/store.py:Reader": "one verb per question that the services ask of a space",
    "src/holdfast/adapters/sqlite/reader.py:SqliteReader": "implements Reader",
    "src/holdfast/testing/reference.py:ReferenceStore": "implements SpaceStore and Reader in one, to stay short",
    "src/holdfast/testing/reference.py": "one page that holds the whole oracle",
    "src/holdfast/testing/store_contract.py": "one suite, in the order of the port's verbs",
}


def problems(root: Path) -> list[str]:
    """What is too large, in words."""
    found = list[str]()
    for path in sorted((root / "src").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        text = path.read_text("utf-8")
        if (lines := text.count("\n")) > MODULE_LINES and name not in EXCEPTIONS:
            found.append(f"{name}: {lines} lines, at most {MODULE_LINES}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    found.append(f"{name}:{node.lineno} {node.name}: {length} lines, at most {FUNCTION_LINES}")
            elif isinstance(node, ast.ClassDef):
                public = [
                    item
                    for item in node.body
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_")
                ]
                if len(public) > PUBLIC_METHODS and f"{name}:{node.name}" not in EXCEPTIONS:
                    found.append(f"{name}:{node.lineno} {node.name}: {len(public)} methods, at most {PUBLIC_METHODS}")
    return found


if __name__ == "__main__":
    too_large = problems(Path(__file__).resolve().parent.parent)
    print("\n".join(too_large) or "sizes: all within the rules")
    sys.exit(1 if too_large else 0)
