"""explain, replay and expect at the command line."""

from __future__ import annotations

import json

QUESTION = "where does Ada live?"


def filled(shell) -> str:
    shell.ok("add", "Ada likes tea.")
    return shell.ok("add", "Ada lives in Lisbon.", "--category", "place").split()[-1]


def test_explain_shows_every_signal_and_why_one_is_missing(shell):
    lisbon = filled(shell)
    shown = shell.ok("explain", QUESTION, "--where", "category != place", "--why-not", lisbon)
    assert "what it measures" in shown
    assert "The filter leaves it out: category != place is not so." in shown
    told = json.loads(shell.ok("explain", QUESTION, "--why-not", lisbon[-8:], "--limit", "1", "--json"))
    assert told["why_not"]["reason"] == "returned"
    assert sum(share["value"] for share in told["hits"][0]["shares"]) - told["hits"][0]["score"] < 1e-3


def test_a_recall_that_is_kept_is_replayed(shell):
    lisbon = filled(shell)
    kept = json.loads(shell.ok("recall", QUESTION, "--keep", "--json"))["kept"]
    assert "It returns the same." in shell.ok("replay")
    assert json.loads(shell.ok("replay", kept, "--json"))["same"] is True
    assert kept in shell.ok("replay", "--list")
    assert kept not in shell.ok("list")
    shell.ok("forget", lisbon, "--yes")
    differs = shell("replay", kept)
    assert differs.exit_code == 1
    assert "was forgotten since" in differs.stdout
    assert "1 forget since" in differs.stdout


def test_expectations_are_added_run_listed_and_removed(shell):
    lisbon = filled(shell)
    assert "Nothing is expected yet" in shell.ok("expect")
    shell.ok("expect", "add", QUESTION, "--contains", "Lisbon", "--id", lisbon)
    assert "1 of 1 met" in shell.ok("expect")
    added = json.loads(shell.ok("expect", "add", QUESTION, "--not-contains", "LISBON", "--json"))["id"]
    failed = shell("expect")
    assert failed.exit_code == 1
    assert "NOT MET" in failed.stdout
    assert "contains 'LISBON'" in failed.stdout
    assert [one["met"] for one in json.loads(shell("--json", "expect").stdout)] == [True, False]
    assert added in shell.ok("expect", "list")
    shell.ok("expect", "remove", added)
    assert "1 of 1 met" in shell.ok("expect")


def test_a_filter_is_written_as_text(shell):
    filled(shell)
    shell.ok("add", "Ben lives in Porto, by the sea.", "--source", "a, b")
    assert "Porto" in shell.ok("list", "--where", 'source = "a, b" or text contains nothing')
    assert "Porto" not in shell.ok("list", "--where", "not source exists")
    both = shell.ok("list", "--where", "category=place", "--where", "category=health")
    assert "Lisbon" in both
    assert "Porto" not in both
    bad = shell("list", "--where", "source = a, b")
    assert bad.exit_code != 0
    assert "column 11" in bad.stderr


def test_short_ids_name_kept_recalls_and_expectations(shell):
    filled(shell)
    kept = json.loads(shell.ok("recall", QUESTION, "--keep", "--json"))["kept"]
    assert json.loads(shell.ok("replay", kept[-8:], "--json"))["kept"]["id"] == kept
    added = json.loads(shell.ok("expect", "add", QUESTION, "--contains", "Lisbon", "--json"))["id"]
    assert json.loads(shell.ok("expect", "remove", added[-8:], "--json"))["removed"] == added
    assert shell.error("expect", "remove", added[-8:])[0] == 3


def test_an_answer_that_was_not_sure_enough_says_so(shell):
    filled(shell)
    done = shell("recall", "who won the match?", "--min-confidence", "0.99", "--keep")
    assert done.exit_code == 1
    assert "Nothing was sure enough" in done.stdout
    assert "It returns the same." in shell.ok("replay")
    assert "at least 0.99 was asked for" in shell("explain", "who won the match?", "--min-confidence", "0.99").stdout
    assert "fits 1 token" in shell("recall", QUESTION, "--budget", "1").stdout
