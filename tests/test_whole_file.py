"""A space whose file SQLite itself encrypts, in an environment where apsw-sqlite3mc stands in apsw's place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UV = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
NEEDS = ("apsw-sqlite3mc>=3.51.3", "numpy", "pystemmer", "click", "rich")
SCRIPT = """
import os, pathlib, sys
import apsw
from holdfast import FileKey, Memory
from holdfast.errors import InvalidField, NotEncrypted, WrongKey

print(apsw.mc_version)
folder = pathlib.Path(sys.argv[1])
WORDS = (b"Lisbon", b"Quillon", b"zanzibar", b"CREATE TABLE", b"SQLite format")

def seen(name):
    return [(file.name, word) for file in folder.glob(name + "*") for word in WORDS if word in file.read_bytes()]

for cipher in ("chacha20", "sqlcipher"):
    path, key = folder / f"{cipher}.db", FileKey(os.urandom(32), cipher)
    with Memory.open(path, embedder=None, key=key) as memory:
        memory.remember("Quillon lives in Lisbon.", tags=["zanzibar"], source="the harbour office")
        gone = memory.remember("Quillon owes a cello.")
        assert (path.with_name(path.name + "-wal")).stat().st_size > 0
        assert seen(path.name) == [], seen(path.name)
        assert [hit.text for hit in memory.recall("where does Quillon live?", limit=1)] == ["Quillon lives in Lisbon."]
        receipt = memory.forget(gone.id)
        assert (receipt.pending, receipt.residue) == (None, (0, 1)), receipt
        assert memory.verify(receipt).holds
        assert memory.check() == []
        digest = memory.storage.digest()
        backup, encrypt = memory.storage.backup, memory.storage.encrypt
        for refused in (lambda: backup(folder / "kept.db"), lambda: encrypt(bytes(range(32)))):
            try:
                refused()
            except InvalidField as error:
                assert "as a whole" in str(error)
            else:
                raise AssertionError("a backup of a file that is encrypted as a whole")
    assert seen(path.name) == []
    before = path.read_bytes()
    other = "sqlcipher" if cipher == "chacha20" else "chacha20"
    for wrong in (FileKey(os.urandom(32), cipher), FileKey(key.key, other)):
        try:
            Memory.open(path, embedder=None, key=wrong)
        except WrongKey as error:
            assert "not changed" in str(error)
        else:
            raise AssertionError("a wrong key opened the file")
    assert path.read_bytes() == before
    with Memory.open(path, embedder=None, key=key) as memory:
        assert memory.storage.digest() == digest
    with Memory.open(path, embedder=None, key=key, read_only=True) as memory:
        assert len(list(memory.export())) > 0

with Memory.open(folder / "plain.db", embedder=None) as memory:
    memory.remember("Quillon lives in Lisbon.")
assert seen("plain.db"), "the scan finds what is not encrypted"
try:
    Memory.open(folder / "plain.db", embedder=None, key=FileKey(os.urandom(32)))
except NotEncrypted:
    print("done")
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
def test_a_space_works_in_a_file_that_is_encrypted_as_a_whole(tmp_path: Path) -> None:
    venv, folder = tmp_path / "venv", tmp_path / "spaces"
    folder.mkdir()
    made = run(UV, "venv", "--quiet", venv, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    installed = run(UV, "pip", "install", "--quiet", "--python", python, *NEEDS, cwd=tmp_path)
    if installed.returncode:
        pytest.skip(f"apsw-sqlite3mc cannot be installed here: {installed.stderr.strip()[-200:]}")
    # The checkout without what it declares, which would bring apsw back.
    installed = run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", "-e", ROOT, cwd=tmp_path)
    if installed.returncode:
        pytest.skip(f"the checkout cannot be installed here: {installed.stderr.strip()[-200:]}")
    done = run(python, "-c", SCRIPT, folder, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "done"
