"""Records: the line that stands for one."""

from __future__ import annotations

from holdfast.model.records import entry_text


def test_entry_text_names_author_and_caption() -> None:
    assert entry_text("Ada", "Look!", "a red piano") == "Ada: Look! [shares a red piano]"
    assert entry_text(None, "Look!") == "Look!"
