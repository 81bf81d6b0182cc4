"""What is held of a person: all of it, with where it came from, and by the selection that forgetting uses."""

from __future__ import annotations

import json

import pytest

from holdfast.errors import InvalidField
from tests.moving.conftest import lived


def held(memory, name, **options):
    first, *lines = [json.loads(line) for line in memory.export(about=name, **options)]
    assert (first["format"], first["about"], first["memories"]) == ("holdfast-subject/1", name, len(lines))
    return lines


def test_said_noted_and_on_request_mentioned(space):
    memory, _ = space
    lines = held(memory, "ada")
    because = {line["memory"]["content"]["text"]: line["because"] for line in lines}
    assert because == {
        "I live in Lisbon.\nFor now.": "said by",
        "Ada likes tea.": "noted about",
        "Ada likes coffee.": "noted about",
    }
    more = {line["memory"]["content"]["text"]: line["because"] for line in held(memory, "ada", mentions=True)}
    assert more == because | {"Ada met Fern.": "mentions"}
    assert held(memory, "Nobody") == []


def test_it_says_where_each_came_from(space):
    memory, _ = space
    lines = {line["memory"]["content"]["text"]: line for line in held(memory, "Ada", mentions=True)}
    met, said = lines["Ada met Fern."], lines["I live in Lisbon.\nFor now."]
    assert met["derived_from"] == [
        {"id": said["memory"]["id"], "author": "Ada", "said_at": said["memory"]["content"]["valid_from"]}
    ]
    assert said["made_from_it"] == [met["memory"]["id"]]
    coffee, tea = lines["Ada likes coffee."], lines["Ada likes tea."]
    assert (coffee["recorded_by"], coffee["memory"]["version"]) == ("owner", 2)
    assert [version["version"] for version in coffee["earlier"]] == [1]
    assert tea["memory"]["superseded_by"] == coffee["memory"]["id"]
    assert "superseded_at" in tea


@pytest.mark.parametrize("mentions", [False, True])
def test_it_is_what_a_forget_would_take(space, mentions):
    memory, _ = space
    ids = {line["memory"]["id"] for line in held(memory, "ADA", mentions=mentions)}
    assert ids == {record.id for record in memory.preview_forget(about="ADA", mentions=mentions).selected}


def test_nothing_that_was_forgotten_is_in_it(space):
    memory, _ = space
    memory.forget(about="Ada")
    assert held(memory, "Ada", mentions=True) == []


def test_as_a_page(space, tmp_path):
    memory, _ = space
    report = memory.storage.export_markdown(tmp_path / "ada", about="Ada", mentions=True)
    assert report.files == ("about.md",)
    text = (tmp_path / "ada/about.md").read_text()
    for words in ("## Said", "## Noted", "## Mentioned", "derived from:", "superseded", "version 1 was recorded"):
        assert words in text
    assert "door code" not in text
    assert memory.import_(tmp_path / "ada").skipped, "such a page is no export to be followed"


def test_mentions_needs_a_name(space):
    memory, _ = space
    for call in (
        lambda: memory.export(mentions=True),
        lambda: memory.storage.export_markdown("x", mentions=True),
        lambda: memory.export(about=" "),
    ):
        with pytest.raises((InvalidField, ValueError)):
            call()


def test_in_a_space_that_is_encrypted_too(opened, clock, tmp_path):
    memory = opened(tmp_path / "sealed.db", key=b"k" * 32)
    lived(memory, clock)
    assert len(held(memory, "ada")) == 3
