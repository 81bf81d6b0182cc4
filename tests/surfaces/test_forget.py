"""`holdfast forget` with conditions, `receipts`, `verify` and `proof`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast import Memory
from holdfast.errors import ConfirmationNeeded
from holdfast.model.records import Kind
from holdfast.surfaces.cli.forget import KINDS
from holdfast.surfaces.cli.main import cli


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "ada.db"
    with Memory.open(path, embedder=None) as memory:
        chat = memory.session("chat-1", user="Ada", agent="Fern")
        chat.add("user", "My door code is 7306.")
        chat.add("assistant", "Noted, Ada.")
        memory.remember("Likes tea.", subject="Ada", category="preference")
        memory.remember("Bob asked about Ada.", subject="Bob")
    return path


def run(space: Path, *words: str, code: int = 0, text: str | None = None) -> str:
    done = CliRunner().invoke(cli, ["--db", str(space), *words], input=text)
    assert done.exit_code == code, done.output
    return done.output


def texts(space: Path) -> list[str]:
    with Memory.open(space, embedder=None, read_only=True) as memory:
        return [record.text for record in memory.records()]


def test_a_dry_run_shows_what_would_go_and_erases_nothing(space: Path):
    shown = json.loads(run(space, "forget", "--about", "ada", "--dry-run", "--json"))
    assert [record["text"] for record in shown["selected"]] == ["My door code is 7306.", "Likes tea."]
    assert [record["text"] for record in shown["mentions"]] == ["Noted, Ada.", "Bob asked about Ada."]
    assert len(texts(space)) == 4
    assert "7306" in run(space, "forget", "--about", "ada", "--dry-run")


def test_a_subject_is_forgotten_and_what_only_names_it_stays(space: Path):
    receipt = json.loads(run(space, "forget", "--about", "Ada", "--yes", "--json", "--reason", "asked"))
    assert len(receipt["forgotten"]) == 2
    assert receipt["residue"] == {"found": 0, "looked_for": 2}
    assert texts(space) == ["Noted, Ada.", "Bob asked about Ada."]


def test_the_token_of_a_dry_run_carries_out_that_set_and_no_other(space: Path):
    token = json.loads(run(space, "forget", "--about", "Ada", "--mentions", "--dry-run", "--json"))["token"]
    with Memory.open(space, embedder=None) as memory:
        memory.remember("Ada plays the cello.")
    assert "another set" in run(space, "forget", "--about", "Ada", "--mentions", "--confirm", token, code=4)
    assert len(texts(space)) == 5
    token = json.loads(run(space, "forget", "--about", "Ada", "--mentions", "--dry-run", "--json"))["token"]
    run(space, "forget", "--about", "Ada", "--mentions", "--confirm", token)
    assert texts(space) == []


def test_nothing_is_forgotten_without_a_condition_or_a_yes(space: Path):
    assert "Nothing says what to forget" in run(space, "forget", "--yes", code=2)
    assert "--yes" in run(space, "forget", "--about", "Ada", code=2)
    assert len(texts(space)) == 4


def test_a_forget_that_selects_nothing_writes_no_receipt(space: Path):
    said = run(space, "forget", "--about", "Zoe", "--yes", code=1)
    assert "nothing was forgotten" in said
    assert "Receipt" not in said
    done = CliRunner().invoke(cli, ["--db", str(space), "forget", "--about", "Zoe", "--yes", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["forgotten"]) == (1, [])
    assert json.loads(run(space, "receipts", "--json").splitlines()[-1]) == []


def test_forgetting_again_by_id_tells_that_it_is_gone(space: Path):
    with Memory.open(space, embedder=None) as memory:
        gone = next(record.id for record in memory.records())
    run(space, "forget", gone, "--yes")
    assert "Forgotten before: 1" in run(space, "forget", gone, "--yes")


def test_a_receipt_holds_until_it_is_altered(space: Path, tmp_path: Path):
    written = run(space, "forget", "--where", "category=preference", "--yes", "--json")
    receipt = json.loads(written)
    assert receipt["id"] in run(space, "receipts")
    assert "holds" in run(space, "verify", receipt["id"])
    assert json.loads(run(space, "verify", "-", "--json", text=written))["holds"] is True
    kept = tmp_path / "receipt.json"
    kept.write_text(json.dumps(receipt | {"vectors": 99}), "utf-8")
    assert "vectors" in run(space, "verify", str(kept), code=1)
    kept.write_text("{}", "utf-8")
    assert "no receipt and no proof" in run(space, "verify", str(kept), code=2)
    run(space, "verify", "00000000-0000-7000-8000-000000000000", code=3)


def test_a_proof_holds_for_all_that_comes_later_and_for_no_other_space(space: Path, tmp_path: Path):
    proof = run(space, "proof", "--json")
    run(space, "forget", "--session", "chat-1", "--yes")
    assert json.loads(run(space, "verify", "-", "--json", text=proof))["holds"] is True
    with Memory.open(tmp_path / "other.db", embedder=None) as memory:
        memory.remember("Something else.")
    assert "of space" in run(tmp_path / "other.db", "verify", "-", code=1, text=proof)


def test_flags_name_a_category_a_kind_a_source_and_a_tag(space: Path):
    with Memory.open(space, embedder=None) as memory:
        memory.remember("Plays chess.", category="skill", source="form 7", tags=["games"])
        memory.remember("Speaks Dutch.", category="skill", tags=["talk"])
        memory.remember("Runs.", category="habit", tags=["games"])

    def selected(*options: str) -> list[str]:
        shown = json.loads(run(space, "forget", *options, "--dry-run", "--json"))
        return [record["text"] for record in shown["selected"]]

    assert selected("--category", "skill") == ["Plays chess.", "Speaks Dutch."]
    assert selected("--category", "skill", "--category", "habit") == ["Plays chess.", "Speaks Dutch.", "Runs."]
    assert selected("--category", "skill", "--tag", "games") == ["Plays chess."]
    assert selected("--source", "form 7") == ["Plays chess."]
    assert selected("--kind", "turn") == ["My door code is 7306.", "Noted, Ada."]
    assert "expected one of" in run(space, "forget", "--category", "skil", "--dry-run", code=2)
    run(space, "forget", "--category", "skill", "--yes")
    assert "Plays chess." not in texts(space)
    assert "Runs." in texts(space)


def test_the_kinds_of_the_option_are_those_there_are():
    assert tuple(kind.name.lower() for kind in Kind) == KINDS


def test_everything_a_space_holds_goes_only_with_a_token(space: Path):
    with Memory.open(space, embedder=None) as memory:
        with pytest.raises(ConfirmationNeeded, match="everything that the space holds"):
            memory.forget(where={"kind": ["turn", "fact"]})
        preview = memory.preview_forget(where={"kind": ["turn", "fact"]})
        assert preview.needs_confirmation
        memory.forget(*(record.id for record in memory.records(where={"kind": "turn"})))
        preview = memory.preview_forget(where={"kind": "fact"})
        assert len(memory.forget(where={"kind": "fact"}, confirm=preview.token).forgotten) == 2
        last = memory.remember("The last one.")
        assert memory.preview_forget(last.id).needs_confirmation is None, "an id names what it takes"
