"""The command line: where options may stand, short names, and terminals that are narrow or know no Unicode."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.surfaces.shell import Shell, talk


def test_json_may_stand_before_the_command(shell: Shell):
    talk(shell)
    for words in (("--json", "stats"), ("--db", str(shell.space), "--json", "stats"), ("--json", "stats", "--json")):
        assert json.loads(shell.ok(*words))["live"] == 3


def test_short_ids_name_sources_too(shell: Shell):
    made = talk(shell)[0]
    shell.ok("add", "Ada moved.", "--derived-from", made[-8:])
    assert shell.json("recall", "Ada moved", "--limit", "1")["hits"][0]["record"]["sources"] == [made]


def test_a_dash_is_standard_output_for_an_export(shell: Shell):
    talk(shell)
    assert shell.ok("export", "-o", "-") == shell.ok("export")
    assert not (shell.folder / "-").exists()


def test_why_with_json_is_json(shell: Shell):
    talk(shell)
    assert shell.json("recall", "Lisbon", "--why")["hits"][0]["signals"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
def test_a_terminal_without_unicode_gets_words_for_signs(shell: Shell):
    talk(shell)
    code, shown = shell.terminal("check", PYTHONIOENCODING="ascii")
    assert (code, "ok" in shown, "\\u" in shown) == (0, True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
def test_a_narrow_terminal_cuts_no_id(shell: Shell):
    made = shell.ok("add", "Ada lives in Lisbon.").strip()
    new = shell.json("correct", made, "Ada lives in Porto.")["record"]["id"]
    shown = shell.terminal("history", made, columns=40)[1]
    assert "\u2026" not in shown
    folded = "".join(re.sub(r"\x1b\[[0-9;]*m", "", shown).split())
    assert all(part in folded for part in (new[:4], new[-4:]))
