"""The page of errors says what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

from holdfast import errors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "errors.md"
reference = runpy.run_path(str(ROOT / "tools" / "reference.py"))


def test_the_page_of_errors_is_what_the_code_says():
    assert PAGE.read_text("utf-8") == reference["errors_page"]()


def test_a_changed_message_is_noticed(monkeypatch):
    monkeypatch.setattr(errors.Gone, "__doc__", "It is gone.")
    assert PAGE.read_text("utf-8") != reference["errors_page"]()


def test_every_error_is_on_the_page_and_in_its_tree():
    text = PAGE.read_text("utf-8")
    tree = text.split("```")[1]
    names = [name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, Exception)]
    assert len(names) > 20
    assert [name for name in names if f"| `{name}` |" not in text or name not in tree] == []
