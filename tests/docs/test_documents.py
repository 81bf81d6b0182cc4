"""The documents say what is true: examples run, outputs are what is printed, links lead somewhere."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import FILE
from holdfast.ports.metrics import MEASURES
from tests.docs.executor import BrokenExample, executed, normalised

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXECUTED = [
    ROOT / "README.md",
    *(
        page
        for folder in ("start", "tutorial", "how-to", "explanation")
        for page in sorted((DOCS / folder).glob("*.md"))
    ),
]
WRITTEN = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")
_CODE_THING = re.compile(r"`(holdfast[\w.]*)`")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", EXECUTED, ids=name_of)
def test_every_example_runs_and_prints_what_the_page_shows(path: Path, tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    assert normalised(executed(path)) == normalised(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "page",
    [
        '```python\nprint("Porto")\n```\n\n```output\nLisbon\n```\n',
        "```python\nx = 1\n```\n\n```python\nprint(x + 1)\n```\n```output\n1\n```\n",
        "```console\n$ holdfast --version\nholdfast 99\n```\n",
    ],
)
def test_a_wrong_output_is_caught(page: str, tmp_path: Path):
    path = tmp_path / "page.md"
    path.write_text(page)
    assert normalised(executed(path)) != normalised(page)


@pytest.mark.parametrize(
    "page",
    [
        "```python\nundefined\n```\n",
        '```python\nprint("shown nowhere")\n```\n',
        "```output\nfrom nowhere\n```\n",
        "```console\n$ rm -r x\n```\n",
        '```python\nfrom holdfast import Memory\nMemory.open("no/such/folder/x.db")\n```\n',
    ],
)
def test_an_example_that_does_not_run_is_caught(page: str, tmp_path: Path, monkeypatch: Any):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "page.md"
    path.write_text(page)
    with pytest.raises(BrokenExample):
        executed(path)


def test_only_what_differs_from_run_to_run_is_left_out_of_the_comparison():
    assert normalised("id 0192f3c4-5a6b-7c8d-9e0f-112233445566 3.1 ms") == normalised(
        "id 0192f3c4-5a6b-7c8d-9e0f-aaaaaaaaaaaa 12 ms"
    )
    assert normalised("health · 95518099") == normalised("health · 2771323d")
    for one, other in (("3 memories", "4 memories"), ("2026-05-03 Ada: x", "2026-05-04 Ada: x"), ("Ada", "Bo")):
        assert normalised(one) != normalised(other)


def broken_links(path: Path) -> list[str]:
    return [link for link in _LINK.findall(path.read_text("utf-8")) if not (path.parent / link).exists()]


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_links_lead_somewhere(path: Path):
    assert broken_links(path) == []


def test_a_broken_link_is_caught(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("[here](page.md) [web](https://example.org) [nowhere](missing.md#part)")
    assert broken_links(page) == ["missing.md"]


def test_the_index_leads_to_every_page():
    index = (DOCS / "index.md").read_text("utf-8")
    linked = {(DOCS / link).resolve() for link in _LINK.findall(index)}
    assert set(DOCS.rglob("*.md")) - linked == {DOCS / "index.md"}


def missing_things(text: str) -> list[str]:
    """Names of code in backticks, such as `holdfast.Memory.recall`, that do not exist."""
    return [name for name in _CODE_THING.findall(text) if "." in name and not exists(name)]


def exists(name: str) -> bool:
    if name in MEASURES or name == FILE:
        return True
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            if hasattr(thing, part):
                thing = getattr(thing, part)
            elif part not in getattr(thing, "__annotations__", {}):
                return False
        return True
    return False


def test_every_word_of_the_glossary_names_a_thing_that_exists():
    lines = (DOCS / "glossary.md").read_text("utf-8").split("\n## ")[0].splitlines()
    words = [line for line in lines if line.startswith("| ")][1:]
    assert len(words) > 30
    assert [word for word in words if not _CODE_THING.search(word)] == []
    assert missing_things("\n".join(words)) == []


def test_a_glossary_word_without_its_thing_is_caught():
    assert missing_things("`holdfast.Memory.recall` `holdfast.Memory.dream`") == ["holdfast.Memory.dream"]
    assert missing_things("`holdfast.verb.duration` `holdfast.verb.dream`") == ["holdfast.verb.dream"]


@pytest.mark.parametrize("path", [page for page in WRITTEN if page != DOCS / "glossary.md"], ids=name_of)
def test_names_of_modules_in_the_documents_exist(path: Path):
    assert missing_things(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_tests_and_commands_that_a_page_names_exist(path: Path):
    text = path.read_text("utf-8")
    files = re.findall(r"`((?:tests|bench|tools|src|packages)/[\w./-]+?\.(?:py|sql|md))`", text)
    assert [file for file in files if not (ROOT / file).exists()] == []
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file} has no {test}"
    modules = re.findall(r"python -m (bench\.\w+)", text)
    assert [module for module in modules if not (ROOT / f"{module.replace('.', '/')}.py").exists()] == []
