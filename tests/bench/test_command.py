"""`holdfast bench` on the sample, and what it says where it cannot run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

import holdfast
from bench import report
from holdfast.surfaces.cli import bench, failure
from holdfast.surfaces.cli.main import cli
from holdfast.testing.embedders import HashEmbedder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bench", *arguments], prog_name="holdfast")


@pytest.fixture(autouse=True)
def model(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(bench, "_embedder", lambda named: HashEmbedder())
    monkeypatch.chdir(tmp_path)


def test_the_sample_is_written_once_and_is_the_same_for_a_seed(tmp_path: Path):
    done = run("sample", "talk.jsonl")
    assert done.exit_code == failure.OK, done.output
    text = (tmp_path / "talk.jsonl").read_text("utf-8")
    again = run("sample", "talk.jsonl")
    assert again.exit_code == failure.CONFLICT
    assert "was not changed" in again.stderr
    assert run("sample", "same.jsonl", "--json").exit_code == failure.OK
    assert (tmp_path / "same.jsonl").read_text("utf-8") == text
    assert run("sample").exit_code == failure.USAGE


def test_recall_is_reported_on_it_in_three_forms(small_talk: Path, tmp_path: Path):
    out = tmp_path / "out"
    done = run("recall", str(small_talk), "--cache", str(tmp_path), "--out", str(out), "--seed", "3")
    assert done.exit_code in (failure.OK, failure.PROBLEMS), done.output
    assert done.stdout == (out / "recall.md").read_text("utf-8")
    assert "seed 3" in done.stdout
    result = json.loads((out / "recall.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert result["data"][small_talk.name]["conversations"] == 2
    ElementTree.parse(out / "recall.svg")


def test_json_is_one_value(small_talk: Path, tmp_path: Path):
    done = run("--json", "recall", str(small_talk), "--cache", str(tmp_path))
    assert json.loads(done.stdout, parse_constant=pytest.fail)["seed"] == 0


def test_a_control_that_does_not_collapse_ends_with_problems(measured: dict[str, Any], talk: Path, monkeypatch: Any):
    for collapsed, code in ((True, failure.OK), (False, failure.PROBLEMS)):
        told = {name: {**found, "collapsed": collapsed} for name, found in measured["control"].items()}
        monkeypatch.setattr(report, "measure", lambda *given, told=told, **more: {**measured, "control": told})
        assert run("recall", str(talk)).exit_code == code


def test_a_bad_file_and_a_missing_one_are_named(tmp_path: Path):
    (tmp_path / "bad.jsonl").write_text("{}\n")
    for name in ("bad.jsonl", "missing.jsonl"):
        done = run("recall", name, "--cache", str(tmp_path))
        assert done.exit_code == failure.USAGE
        assert name in done.stderr
        assert "Nothing was measured" in done.stderr


def test_a_peer_that_is_not_one_is_refused(small_talk: Path, tmp_path: Path):
    done = run("peers", str(small_talk), "--peer", "nobody", "--cache", str(tmp_path))
    assert done.exit_code == failure.USAGE
    assert "chromadb" in done.stderr


@pytest.mark.parametrize("arguments", [("recall", "--peer", "mem0"), ("peers", "--thorough"), ("sample", "--thorough")])
def test_an_option_of_another_benchmark_is_refused_not_ignored(arguments: tuple[str, ...]):
    done = run(*arguments)
    assert done.exit_code == failure.USAGE
    assert f"{arguments[1]} goes with" in done.stderr


def test_an_installed_package_says_where_the_benchmarks_are(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setattr(holdfast, "__file__", str(tmp_path / "lib" / "site-packages" / "holdfast" / "__init__.py"))
    done = run("recall", "x.jsonl")
    assert done.exit_code == failure.USAGE
    assert "checkout of the source" in done.stderr
    assert done.stderr.count("\n") == 1
