"""The comparison: our own runner really runs, a store that fails fails alone, and nothing gets out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import peer_tables, peers
from bench.peers import OURS, Failed, Peer
from holdfast.testing.embedders import HashEmbedder


def environment(folder: Path, name: str) -> Path:
    """A folder that looks like an environment and runs this interpreter."""
    place = folder / name
    (place / "bin").mkdir(parents=True)
    python = place / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (place / "installed.json").write_text(json.dumps({"installed_mb": 5.0, "packages": 3, "version": f"{name} 1"}))
    return place


@pytest.fixture
def compared(small_talk: Path, tmp_path: Path, monkeypatch: Any) -> dict[str, Any]:
    """Ours, one that cannot be installed, and one that cannot be imported."""

    def install(peer: Peer, folder: Path) -> Path:
        if peer.name == "unheard-of":
            raise Failed("cannot be installed: no such package")
        return environment(tmp_path / "envs", peer.name)

    monkeypatch.setattr(peers, "install", install)
    monkeypatch.setattr(peers, "COLD_STARTS", 1)
    monkeypatch.setattr(peers, "ROUNDS", 1)
    chosen = (Peer(OURS, (), "ours"), Peer("unheard-of", ("unheard-of",), "not there"), Peer("chromadb", (), "broken"))
    monkeypatch.setattr(peers, "peers", lambda: chosen)
    return peers.compare([small_talk], HashEmbedder(), tmp_path / "cache")


def test_ours_answers_through_its_public_api_with_the_given_vectors(compared: dict[str, Any]):
    ours = compared["peers"][OURS]
    assert "failed" not in ours, ours
    assert 0 < ours["R@5"] <= ours["R@10"] <= ours["R@20"] <= 100
    for key in ("search_p50_ms", "single_per_s", "disk_mb", "cold_ms", "packages"):
        assert ours[key] > 0, key
    assert ours["whole_p50_ms"] >= ours["search_p50_ms"]
    assert ours["network_attempts"] == []


def test_a_store_that_fails_is_reported_and_stops_no_other(compared: dict[str, Any]):
    rows = compared["peers"]
    assert rows["unheard-of"]["failed"] == "installing: cannot be installed: no such package"
    assert "chromadb" in rows["chromadb"]["failed"]
    page = peer_tables.markdown(compared)
    assert "**unheard-of failed**" in page
    assert "| | holdfast |" in page


def test_what_installing_said_is_told():
    with pytest.raises(Failed, match="no such package"):
        peers._call([sys.executable, "-c", "raise SystemExit('no such package')"])
    with pytest.raises(Failed, match="cannot be installed"):
        peers._call(["/no/such/installer"])


def test_ratios_say_how_much_better_ours_is():
    assert peer_tables._cell(30.0, 10.0, "less") == "30.0 ×3.0"
    assert peer_tables._cell(500.0, 1_000.0, "more") == "500 ×2.0"
    assert peer_tables._cell(2_000.0, 1_000.0, "more") == "2,000 ×0.5"
    assert peer_tables._cell(None, 1.0, "less") == "-"
    assert peer_tables._cell(0.0, 1.0, "more") == "0.0"


def test_nothing_gets_out_of_a_runner_and_every_try_is_told():
    code = (
        "import sys, json, urllib.request; sys.path.insert(0, sys.argv[1])\n"
        "import peer_runner; peer_runner.refuse_network()\n"
        "import socket\n"
        "for to in ('http://example.invalid/', 'http://127.0.0.1:9/'):\n"
        "    try: urllib.request.urlopen(to, timeout=5)\n"
        "    except OSError as error: pass\n"
        "try: socket.create_connection(('192.0.2.1', 80), 5)\n"
        "except OSError: pass\n"
        "print(json.dumps(peer_runner.ATTEMPTS))"
    )
    folder = Path(peers.__file__).parent
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    told = json.loads(done.stdout)
    assert len(told) == 3
    assert "example.invalid" in told[0]


def test_evidence_is_counted_by_place():
    rounds = [{"search_ms": [1.0, 3.0], "search_cpu_ms": cpu, "network_attempts": []} for cpu in (1.0, 9.0, 2.0)]
    cold = {"total_ms": 5, "rss_mb": 8, "exchange_mb": 2, "network_attempts": ["x"]}
    ran = {
        "found": [[4, 9, 1], []], "single_per_s": 1, "batch_per_s": 2, "disk_mb": 3, "rss_mb": 4,
        "rounds": rounds, "colds": [cold | {"total_ms": 500}, cold], "network_attempts": [],
    }  # fmt: skip
    found = peers.summary(ran, [("a", [9, 7]), ("b", [2])], [10.0, 10.0])
    assert found["R@5"] == 25
    assert (found["search_p50_ms"], found["whole_p50_ms"], found["search_cpu_ms"]) == (2, 12, 2)
    assert (found["cold_ms"], found["cold_rss_mb"], found["network_attempts"]) == (5, 6, ["x"])
