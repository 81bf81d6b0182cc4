"""What the file of a space says of itself: counted right, without a key, and without a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast import Memory, Policy
from holdfast.adapters.sqlite.looking import backups_in, inside
from holdfast.errors import HoldfastError
from holdfast.model.policy import Keep, Retention
from holdfast.testing.faults import SteppedClock

DAY_MS = 86_400_000


@pytest.mark.parametrize("key", [None, bytes(range(32))])
def test_a_file_tells_its_events_what_was_erased_and_what_is_new(tmp_path: Path, key: bytes | None):
    clock, path = SteppedClock(1_700_000_000_000), tmp_path / "space.db"
    policy = Policy(retentions={"plan": Retention(Keep.FOR_A_WHILE, DAY_MS)})
    with Memory.open(path, embedder=None, clock=clock, policy=policy, key=key) as memory:
        gone = memory.remember("Ada lives in Porto.").id
        memory.remember("x" * 5_000)
        clock.advance(40 * DAY_MS)
        recorded = clock.now_ms()
        memory.remember("Ada flies on Monday.", category="plan")
        memory.forget(gone)
        newest, space = memory.summary().events, memory.summary().space
        before = path.read_bytes()
        seen = inside(path, clock.now_ms())
        assert path.read_bytes() == before
    assert seen.space == space.replace("-", "")
    assert (seen.seq, seen.erased, seen.nodes, seen.schema) == (newest, 1, 1, seen.newest_schema)
    assert seen.forgets == (newest,)
    assert seen.month_events == newest - 2
    assert 5_000 < seen.most_payload_bytes < 6_000
    assert 0 < seen.month_payload_bytes < 2_000
    assert seen.newest_ms is not None
    assert recorded <= seen.newest_ms <= clock.now_ms()
    assert seen.due_ms is not None
    assert recorded + DAY_MS <= seen.due_ms <= clock.now_ms() + DAY_MS
    assert seen.pages * seen.page_bytes > 5_000


def test_an_empty_space_and_an_old_one_tell_that_nothing_is_new(tmp_path: Path):
    clock, path = SteppedClock(1_700_000_000_000), tmp_path / "space.db"
    with Memory.open(path, embedder=None, clock=clock) as memory:
        assert (inside(path, clock.now_ms()).seq, inside(path, clock.now_ms()).newest_ms) == (0, None)
        memory.remember("x")
    seen = inside(path, clock.now_ms() + 90 * DAY_MS)
    assert (seen.month_events, seen.month_payload_bytes, seen.due_ms, seen.forgets) == (0, 0, None, ())


def test_what_is_no_space_is_told_and_is_no_backup(tmp_path: Path):
    path = tmp_path / "space.db"
    with Memory.open(path, embedder=None) as memory:
        memory.remember("x")
        memory.storage.backup(tmp_path / "one")
        space = memory.summary().space.replace("-", "")
    (tmp_path / "notes").write_text("not a database")
    (tmp_path / "cut").write_bytes((tmp_path / "one").read_bytes()[:9_000])
    with pytest.raises(HoldfastError):
        inside(tmp_path / "notes", 0)
    folders = (tmp_path, tmp_path / "none", tmp_path)
    assert [one.path for one in backups_in(folders, space, path, 0)] == [str(tmp_path / "one")]
    assert backups_in((tmp_path,), "00" * 16, path, 0) == ()
