"""Stored terms follow the tokeniser that reads them."""

from __future__ import annotations

import apsw

from holdfast import Memory


def test_terms_of_another_tokeniser_are_made_again_when_the_space_is_opened(tmp_path):
    path = tmp_path / "ada.db"
    with Memory.open(path, embedder=None) as memory:
        memory.remember("The key is under the blue flowerpot.")
        memory.remember("Tea is at five.")
        digest = memory.storage.digest()
    raw = apsw.Connection(str(path))
    (other,) = raw.execute("SELECT terms FROM memory WHERE n = 2").fetchone()
    raw.execute("UPDATE memory SET terms = ?", (other,)).fetchall()
    raw.execute("UPDATE meta SET value = x'00' WHERE key = 'index'").fetchall()
    raw.close()
    with Memory.open(path, embedder=None, read_only=True) as memory:
        assert memory.storage.digest() != digest
    with Memory.open(path, embedder=None) as memory:
        assert memory.storage.digest() == digest
        assert memory.recall("flowerpot", limit=1)[0].text == "The key is under the blue flowerpot."


def test_terms_that_are_up_to_date_are_left_alone(tmp_path, monkeypatch):
    path = tmp_path / "ada.db"
    Memory.open(path, embedder=None).close()
    monkeypatch.setattr("holdfast.services.ledger.Ledger.rebuild", lambda self: 1 / 0)
    Memory.open(path, embedder=None).close()
    assert path.exists()
