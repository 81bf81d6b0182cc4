"""``holdfast check --fix``: it says what was wrong, what it did and what is left."""

from __future__ import annotations

import apsw

from holdfast.memory import Memory
from tests.surfaces.shell import Shell


def altered(shell: Shell, sql: str) -> None:
    connection = apsw.Connection(str(shell.space))
    connection.execute(sql).fetchall()
    connection.close()


def test_what_is_mended_is_told_and_is_whole_afterwards(shell: Shell) -> None:
    shell.ok("add", "Ada lives in Lisbon.")
    altered(shell, "UPDATE memory SET state = 2")
    assert shell("check").exit_code == 1
    done = shell.ok("check", "--fix")
    assert "differs from what the journal says" in done
    assert "Made what is held, and what it is searched by, again from the journal." in done
    assert done.endswith("ok     Nothing is wrong any more.\n")
    assert shell.ok("check") == "ok     Nothing is wrong.\n"
    assert "Lisbon" in shell.ok("list")


def test_what_was_done_is_told_as_json(shell: Shell) -> None:
    shell.ok("add", "Ada lives in Lisbon.")
    altered(shell, "UPDATE memory SET state = 2")
    told = shell.json("check", "--fix")
    assert list(told) == ["problems", "done", "left", "advice"]
    assert (len(told["problems"]) > 0, len(told["done"]), told["left"], told["advice"]) == (True, 1, [], None)
    assert shell.json("check", "--fix") == {"problems": [], "done": [], "left": [], "advice": None}


def test_a_damaged_journal_is_left_and_a_backup_advised(shell: Shell) -> None:
    shell.ok("add", "Ada lives in Lisbon.")
    altered(shell, "UPDATE event SET payload = zeroblob(length(payload)) WHERE type = 1")
    done = shell("check", "--fix")
    assert done.exit_code == 1
    assert "payload does not match its commitment" in done.output
    assert "holdfast restore BACKUP" in done.output
    told = shell.json("check", "--fix", code=1)
    assert told["done"] == []
    assert told["left"] == told["problems"]


def test_where_nothing_is_wrong_nothing_is_changed(shell: Shell) -> None:
    shell.ok("add", "Ada lives in Lisbon.")
    before = shell.space.read_bytes()
    assert shell.ok("check", "--fix") == "ok     Nothing is wrong, and nothing was changed.\n"
    assert shell.space.read_bytes() == before


def test_a_file_that_cannot_be_opened_is_told_with_what_to_do(shell: Shell) -> None:
    with Memory.open(shell.space, embedder=None) as memory:
        memory.remember("Ada lives in Lisbon.")
    altered(shell, "UPDATE meta SET value = zeroblob(32) WHERE key = 'secret'")
    told = shell.json("check", "--fix", code=1)
    assert "secret" in told["left"][0]
    assert "restore a backup" in told["advice"]
