"""A disk that fails or is full loses nothing: the campaign of `bench.iofaults`, in short."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from bench.recorder import Recorder, Tape
from holdfast.adapters.sqlite.gaps import clean_vfs
from holdfast.errors import StoreError, StoreFull
from holdfast.memory import Memory
from tests.campaigns import run_campaign


def campaign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("iofaults", "--folder", folder / "faults", *arguments)


@pytest.mark.slow
def test_no_call_to_the_disk_that_fails_loses_or_hides_anything(tmp_path: Path) -> None:
    done = campaign(tmp_path, "--points", "150")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"points 150 of \d{4}  broken 0  seed \d+", done.stdout), done.stdout
    found = re.search(r"told (\d+), done all the same (\d+)", done.stdout)
    assert found, done.stdout
    assert int(found[1]) > 0
    assert int(found[2]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("plant", ["swallowed-commit", "deaf-sync"])
def test_the_campaign_notices_a_broken_promise(tmp_path: Path, plant: str) -> None:
    done = campaign(tmp_path, "--points", "150", "--seed", "1", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"broken [1-9]", done.stdout), done.stdout


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    clean_vfs()  # before the recorder is the default, on which it would build and which goes away
    made = Recorder()
    made.tape = Tape(tmp_path)
    yield made
    made.faults.plan(())
    made.unregister()


def test_an_error_that_somebody_keeps_does_not_keep_the_file_open(tmp_path: Path, recorder: Recorder) -> None:
    recorder.faults.plan(("write",), 1)
    with pytest.raises(StoreError) as kept:
        Memory.open(tmp_path / "ada.db", embedder=None)
    recorder.faults.plan(())
    opened = {str(connection.filename) for connection in apsw.connections()}
    assert kept.value is not None
    assert str(tmp_path / "ada.db") not in opened


def test_a_full_disk_is_told_as_one_while_a_space_is_made(tmp_path: Path, recorder: Recorder) -> None:
    for place in range(1, 200):
        path = tmp_path / f"{place}.db"
        recorder.faults.plan(("write",), place, error=apsw.FullError)
        try:
            Memory.open(path, embedder=None).close()
        except StoreFull:
            recorder.faults.plan(())
            Memory.open(path, embedder=None).close()
        else:
            break
    assert place > 30


def test_closing_on_a_disk_that_fails_raises_nothing_and_loses_nothing(tmp_path: Path, recorder: Recorder) -> None:
    memory = Memory.open(tmp_path / "ada.db", embedder=None)
    record = memory.remember("Ada lives in London.")
    recorder.faults.plan(("write", "sync", "truncate"), 1, lasting=True)
    memory.close()
    recorder.faults.plan(())
    with Memory.open(tmp_path / "ada.db", embedder=None) as again:
        assert again.get(record.id).text == "Ada lives in London."
        assert again.check() == []
