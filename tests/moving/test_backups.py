"""Backups and what is made of them: whole or not at all, an exact prefix, and nothing that was forgotten since."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from unittest import mock

import pytest

from holdfast import Memory
from holdfast.adapters.sqlite.backup import SqliteFiles
from holdfast.errors import (
    AlreadyThere,
    Damaged,
    Gone,
    HoldfastError,
    InvalidField,
    InvalidInput,
    NotASpace,
    StoreBusy,
    StoreError,
    StoreReadOnly,
)
from holdfast.model.times import format_when
from holdfast.recovery import restore
from holdfast.services import restoring
from holdfast.testing.embedders import HashEmbedder
from tests.moving.conftest import lived

ROOT = Path(__file__).resolve().parents[2]


def texts(memory: Memory) -> list[str]:
    return [record.text for record in memory.records()]


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder and matters: not the locks and places beside a space."""
    beside = ("-lock", "-turn", "-shm", "-wal")
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and not file.name.endswith(beside)
    }


def test_a_backup_is_the_space_at_that_moment(space, opened, path, tmp_path):
    memory, receipt = space
    report = memory.storage.backup(tmp_path / "ada.bak")
    memory.remember("Said after the backup.")
    with Memory.open(report.path, embedder=None, read_only=True) as copy:
        assert (copy.summary().events, copy.storage.digest(), copy.check()) == (report.seq, report.digest, [])
        assert tuple(copy.proof().heads) == report.heads
        assert copy.verify(receipt).problems == ()
        assert "Said after the backup." not in texts(copy)
    assert memory.verify(memory.proof()).holds
    assert stat.S_IMODE(Path(report.path).stat().st_mode) == 0o600
    assert Path(report.path).stat().st_size == report.bytes
    assert not list(tmp_path.glob(".*part")), "nothing is left beside it"


def test_a_backup_can_only_be_read(space, tmp_path):
    memory, _ = space
    target = tmp_path / "ada.bak"
    memory.storage.backup(target)
    before = target.read_bytes()
    with pytest.raises(StoreReadOnly, match="holdfast restore"):
        Memory.open(target, embedder=None)
    assert target.read_bytes() == before


def test_nothing_is_overwritten_that_was_not_to_be(space, opened, path, tmp_path):
    memory, _ = space
    target = tmp_path / "ada.bak"
    first = memory.storage.backup(target)
    memory.remember("More.")
    with pytest.raises(AlreadyThere, match="replace=True"):
        memory.storage.backup(target)
    assert memory.storage.backup(target, replace=True).seq == first.seq + 1
    (tmp_path / "notes.txt").write_text("mine " * 100)
    opened(tmp_path / "other.db").remember("Another space.")
    for name, error in (("notes.txt", NotASpace), ("other.db", AlreadyThere), ("ada.db", InvalidField)):
        with pytest.raises(error):
            memory.storage.backup(tmp_path / name, replace=True)
    for name in ("ada.db", "ada.db-wal", "ada.db-turn"):
        with pytest.raises(InvalidField, match="belongs to the space itself"):
            memory.storage.backup(tmp_path / name)
    with pytest.raises(StoreError, match="no folder"):
        memory.storage.backup(tmp_path / "not there" / "ada.bak")
    with pytest.raises(InvalidField, match="in memory"):
        opened().storage.backup(tmp_path / "none.bak")


def test_writers_go_on_while_a_backup_is_taken(space, tmp_path):
    memory, _ = space
    written = []

    def meanwhile(done: int, total: int) -> None:
        written.append(memory.remember(f"Written at page {done} of {total}.").id)

    with mock.patch("holdfast.adapters.sqlite.backup.STEP_PAGES", 4):
        report = memory.storage.backup(tmp_path / "ada.bak", progress=meanwhile)
    assert len(written) > 3
    assert memory.summary().events == report.seq + len(written)
    with Memory.open(report.path, embedder=None, read_only=True) as copy:
        assert copy.check() == []
        assert copy.summary().events == report.seq


def test_what_was_forgotten_after_a_backup_does_not_come_back_with_it(space, opened, path, tmp_path):
    memory, old = space
    kept = memory.remember("Fern is shy.", subject="Fern")
    memory.remember("Fern told it.", sources=[kept.id])
    memory.storage.backup(tmp_path / "ada.bak")
    late = memory.remember("Said and forgotten later.")
    receipts = [memory.forget(kept.id), memory.forget(late.id)]
    memory.remember("Lost with the restore.")
    memory.close()
    report = restore(tmp_path / "ada.bak", path, replace=True)
    assert (report.forgotten_again, set(report.receipts_again)) == (3, {one.id for one in receipts})
    assert (report.lost.events, report.lost.by_what) == (1, {"remembered": 1})
    memory = opened(path)
    assert memory.check() == []
    assert not {"Fern is shy.", "Fern told it.", "Lost with the restore."} & set(texts(memory))
    for receipt in (old, *receipts):
        assert memory.verify(receipt).holds
        assert memory.verify(receipt.id).holds
    assert [one.recorded_again is not None for one in memory.receipts()] == [False, False, True, True]
    for words in ("Fern is shy.", "Said and forgotten later."):
        with pytest.raises(Gone):
            memory.remember(words)
    data = b"".join(file.read_bytes() for file in tmp_path.glob("ada.db*"))
    assert b"Fern is shy" not in data
    assert b"Said and forgotten later" not in data


def test_without_the_tombstones_it_would_come_back(space, opened, path, tmp_path):
    """The mutant that the test above is for."""
    memory, _ = space
    kept = memory.remember("Fern is shy.")
    memory.storage.backup(tmp_path / "ada.bak")
    memory.forget(kept.id)
    memory.close()
    with (
        mock.patch.object(restoring, "carry_out", return_value=((), ())),
        mock.patch.object(restoring.receipts, "left_of", return_value=()),
    ):
        restore(tmp_path / "ada.bak", path, replace=True)
    assert "Fern is shy." in texts(opened(path))


def test_kept_receipts_do_where_the_space_is_gone(space, opened, path, tmp_path):
    memory, _ = space
    kept = memory.remember("Fern is shy.")
    memory.storage.backup(tmp_path / "ada.bak")
    receipt = memory.forget(kept.id)
    memory.close()
    for file in tmp_path.glob("ada.db*"):
        file.unlink()
    assert "Fern is shy." in _restored_texts(tmp_path, opened, "without.db"), "nobody could know"
    assert "Fern is shy." not in _restored_texts(tmp_path, opened, "with.db", receipts=[receipt])
    memory = opened(tmp_path / "with.db")
    assert memory.verify(receipt).holds
    with pytest.raises(Gone):
        memory.remember("Fern is shy.")


def _restored_texts(folder: Path, opened, name: str, **given) -> list[str]:
    restore(folder / "ada.bak", folder / name, **given)
    memory = opened(folder / name)
    found = texts(memory)
    memory.close()
    return found


def test_a_later_journal_tells_what_was_forgotten(space, opened, path, tmp_path):
    memory, _ = space
    kept = memory.remember("Fern is shy.")
    memory.storage.backup(tmp_path / "ada.bak")
    memory.forget(kept.id)
    lifted = memory.remember("Fern is loud.")
    memory.forget(lifted.id)
    memory.remember("Fern is loud.", readmit=True)
    (tmp_path / "later.jsonl").write_text("\n".join(memory.storage.journal()) + "\n")
    restore(tmp_path / "ada.bak", tmp_path / "new.db", journal=tmp_path / "later.jsonl")
    again = opened(tmp_path / "new.db")
    assert "Fern is shy." not in texts(again)
    with pytest.raises(Gone):
        again.remember("Fern is shy.")
    again.remember("Fern is loud.")  # it was readmitted, so its words are not kept out


@pytest.mark.parametrize("embedder", [None, HashEmbedder()])
def test_a_restore_can_stop_at_any_event(opened, clock, path, tmp_path, embedder):
    memory = opened(path, embedder=embedder)
    lived(memory, clock)
    memory.settle()
    report = memory.storage.backup(tmp_path / "ada.bak")
    for seq in range(1, report.seq + 1):
        target = tmp_path / f"{seq}.db"
        done = restore(tmp_path / "ada.bak", target, seq=seq)
        assert (done.seq, done.backup_seq) == (seq, report.seq)
        cut, past = opened(target, embedder=embedder), memory.at(seq=seq)
        assert texts(cut) == texts(past)
        assert cut.check() == []
        mine, theirs = _marks(cut)[:seq], _marks(memory)[:seq]
        assert mine == theirs, "it is no exact prefix of the journal"
        assert [one.text for one in cut.recall("Ada tea")] == [one.text for one in past.recall("Ada tea")]
        cut.close()
        past.close()


def _marks(memory: Memory) -> list[tuple[object, bytes]]:
    with memory._space.store.reading() as reader:
        return [(event.header, event.chain) for event in reader.events(0, 1_000)]


def test_a_restore_can_stop_at_a_time(opened, clock, path, tmp_path):
    memory = opened(path)
    memory.remember("At first.")
    moment = format_when(clock.now_ms())
    clock.advance(60_000)
    memory.remember("A minute later.")
    memory.storage.backup(tmp_path / "ada.bak")
    done = restore(tmp_path / "ada.bak", tmp_path / "then.db", at=moment)
    assert (done.seq, done.backup_seq) == (1, 2)
    assert texts(opened(tmp_path / "then.db")) == ["At first."]
    for given, error in (
        ({"seq": 3}, InvalidInput),
        ({"seq": 1, "at": moment}, InvalidField),
        ({"at": "no time"}, InvalidInput),
    ):
        with pytest.raises(error):
            restore(tmp_path / "ada.bak", tmp_path / "never.db", **given)
    assert not (tmp_path / "never.db").exists()


def test_a_space_that_is_there_is_not_replaced_unasked(space, opened, path, tmp_path):
    memory, _ = space
    memory.storage.backup(tmp_path / "ada.bak")
    memory.remember("Only here.")
    before = memory.storage.digest()
    with pytest.raises(AlreadyThere, match=r"would be lost: 1 remembered"):
        restore(tmp_path / "ada.bak", path)
    dry = restore(tmp_path / "ada.bak", path, dry_run=True)
    assert (dry.lost.events, len(dry.lost.memories), dry.node, dry.dry_run) == (1, 1, None, True)
    with pytest.raises(StoreBusy, match="is open"):
        restore(tmp_path / "ada.bak", path, replace=True)
    assert memory.storage.digest() == before
    memory.remember("And goes on.")
    other = opened(tmp_path / "other.db")
    other.remember("Of another space.")
    with pytest.raises(InvalidField, match="another space"):
        restore(tmp_path / "ada.bak", tmp_path / "other.db", replace=True)
    assert memory.check() == other.check() == []


def test_a_space_that_was_written_meanwhile_is_not_replaced(space, opened, path, tmp_path):
    memory, _ = space
    memory.storage.backup(tmp_path / "ada.bak")
    memory.close()
    real = SqliteFiles.alone

    def later(self: SqliteFiles, target: Path):
        with Memory.open(path, embedder=None) as other:
            other.remember("Just in time.")
        return real(self, target)

    with mock.patch.object(SqliteFiles, "alone", later), pytest.raises(StoreBusy, match="was written while"):
        restore(tmp_path / "ada.bak", path, replace=True)
    assert "Just in time." in texts(opened(path))


def test_a_damaged_space_in_place_is_not_replaced_since_its_forgets_are_not_known(space, path, tmp_path):
    memory, _ = space
    memory.storage.backup(tmp_path / "ada.bak")
    memory.close()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(path.read_bytes()[:9_000])
    before = path.read_bytes()
    with pytest.raises(Damaged, match="what was forgotten in it since"):
        restore(tmp_path / "ada.bak", path, replace=True)
    assert path.read_bytes() == before


def test_the_log_of_a_space_that_is_gone_is_not_read_into_the_restored_one(space, path, tmp_path):
    memory, _ = space
    memory.storage.backup(tmp_path / "ada.bak")
    (tmp_path / "new.db-wal").write_bytes(b"left behind")
    with pytest.raises(AlreadyThere, match="log of a space"):
        restore(tmp_path / "ada.bak", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_two_restores_of_one_backup_can_be_joined_again(space, opened, tmp_path):
    memory, _ = space
    memory.storage.backup(tmp_path / "ada.bak")
    made = []
    for name in ("one.db", "two.db"):
        restore(tmp_path / "ada.bak", tmp_path / name)
        made.append(opened(tmp_path / name))
        made[-1].remember(f"Said in {name}.")
    one, two = made
    one.storage.merge(two.storage.journal())
    two.storage.merge(one.storage.journal())
    assert one.storage.digest() == two.storage.digest()
    assert one.check() == []


def test_a_damaged_backup_is_not_restored(space, tmp_path):
    memory, _ = space
    target = tmp_path / "ada.bak"
    memory.storage.backup(target)
    target.write_bytes(target.read_bytes().replace(b"likes coffee", b"likes Coffee"))
    with pytest.raises(Damaged, match="take an older backup"):
        restore(target, tmp_path / "new.db")
    (tmp_path / "notes.txt").write_text("no backup " * 50)
    with pytest.raises(NotASpace):
        restore(tmp_path / "notes.txt", tmp_path / "new.db")
    assert set(files_of(tmp_path)) == {"ada.db", "ada.bak", "notes.txt"}
    assert not list(tmp_path.glob(".*part"))


def test_two_backups_into_one_file_do_not_meet(space, tmp_path):
    memory, _ = space
    inside, out = threading.Event(), threading.Event()

    def hold(done: int, total: int) -> None:
        inside.set()
        out.wait(30)

    first = threading.Thread(target=lambda: memory.storage.backup(tmp_path / "ada.bak", progress=hold))
    first.start()
    assert inside.wait(30)
    with pytest.raises(StoreBusy, match="Another process is making"):
        memory.storage.backup(tmp_path / "ada.bak")
    out.set()
    first.join()
    with Memory.open(tmp_path / "ada.bak", embedder=None, read_only=True) as copy:
        assert copy.check() == []


KILLED = """
import os, signal, sys
from pathlib import Path
from holdfast import Memory
from holdfast.adapters.sqlite import backup
from holdfast.model.times import format_when
from holdfast.recovery import restore

what, when, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
calls = 0

def die(*given):
    os.kill(os.getpid(), signal.SIGKILL)

def counted(function):
    def call(*given, **named):
        global calls
        calls += 1
        if calls == int(when):
            die()
        return function(*given, **named)
    return call

for name in ("sync", "_link", "_place", "_empty", "_leave_wal"):
    setattr(backup, name, counted(getattr(backup, name)))
Path.replace = counted(Path.replace)
backup.STEP_PAGES = 5
if what == "backup":
    with Memory.open(folder / "ada.db", embedder=None) as memory:
        memory.storage.backup(folder / "ada.bak", replace=True, progress=counted(lambda done, total: None))
else:
    restore(folder / "ada.bak", folder / "ada.db", replace=True, progress=counted(lambda done, total: None))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_kill_leaves_the_old_state_or_the_whole_new_one(opened, path, tmp_path, what):
    memory = opened(path)
    for number in range(40):
        memory.remember(f"Old {number}. " + "x" * 500)
    gone = memory.remember("Forgotten after the backup.")
    memory.storage.backup(tmp_path / "ada.bak")
    memory.forget(gone.id)
    memory.close()
    target = tmp_path / ("ada.bak" if what == "backup" else "ada.db")
    states = set()
    for when in (1, 3, 6, 9, 11, 12, 13, 14, 15, 17, 20):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, what, str(when), str(tmp_path)], cwd=ROOT, check=False, timeout=60
        )
        assert done.returncode in (0, -signal.SIGKILL)
        states.add(done.returncode)
        with Memory.open(target, embedder=None, read_only=True) as found:
            assert found.check() == []
            assert found.summary().live == (40 if what == "restore" or done.returncode == 0 else found.summary().live)
            if what == "restore":
                assert "Forgotten after the backup." not in texts(found)
        if done.returncode == 0:
            break
    assert states == {0, -signal.SIGKILL}, "some runs must end by themselves and some must not"
    assert not list(tmp_path.glob(".*part")), "the last run took away what the killed ones left"


LIMITED = """
import resource, sys
from pathlib import Path
from holdfast import Memory
from holdfast.errors import HoldfastError
from holdfast.model.times import format_when
from holdfast.recovery import restore

what, limit, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    if what == "backup":
        with Memory.open(folder / "ada.db", embedder=None, read_only=True) as memory:
            memory.storage.backup(folder / "new.bak")
    else:
        restore(folder / "ada.bak", folder / "new.db")
except HoldfastError as error:
    print(type(error).__name__, error)
    sys.exit(3)
"""


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_full_disk_is_told_and_leaves_nothing_half(opened, path, tmp_path, what):
    memory = opened(path)
    for number in range(60):
        memory.remember(f"Number {number}. " + "x" * 900)
    size = memory.storage.backup(tmp_path / "ada.bak").bytes
    memory.close()
    before = files_of(tmp_path)
    for limit in (0, 9_000, size // 2, size - 8_192):
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, what, str(limit), str(tmp_path)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 3, (limit, done.stdout, done.stderr)
        assert done.stdout.startswith(("StoreError", "StoreFull")), done.stdout
        assert files_of(tmp_path) == before
        assert not list(tmp_path.glob(".*part"))


def test_errors_name_what_was_to_be_restored(tmp_path):
    with pytest.raises(HoldfastError):
        restore(tmp_path / "nothing.bak", tmp_path / "new.db")
    assert files_of(tmp_path) == {}


@pytest.mark.parametrize("seq", [None, 3])
def test_what_is_encrypted_stays_so(opened, clock, path, tmp_path, seq):
    key = b"k" * 32
    memory = opened(path, key=key)
    receipt = lived(memory, clock)
    memory.storage.backup(tmp_path / "ada.bak")
    late = memory.remember("Said and forgotten later.")
    receipts = [receipt, memory.forget(late.id)]
    memory.close()
    with pytest.raises(StoreError):
        restore(tmp_path / "ada.bak", tmp_path / "new.db")
    restore(tmp_path / "ada.bak", tmp_path / "new.db", key=key, seq=seq, receipts=receipts, clock=clock)
    again = opened(tmp_path / "new.db", key=key)
    assert again.check() == []
    for one in receipts:
        assert again.verify(one).holds
    assert any("Lisbon" in text for text in texts(again))
    again.close()
    for file in (tmp_path / "ada.bak", tmp_path / "new.db"):
        assert b"Lisbon" not in file.read_bytes()
    with pytest.raises(StoreError):
        opened(tmp_path / "new.db")
    other = opened(tmp_path / "other.db", key=b"o" * 32)
    plain = opened(tmp_path / "new.db", key=key)
    other.import_(plain.storage.journal())
    assert other.storage.digest() == plain.storage.digest()
