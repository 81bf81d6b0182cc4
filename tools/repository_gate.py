"""Refuse what does not belong into the repository: large files, private hosts, paths of one machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

MOST_BYTES = 1_000_000
LOCK_HOSTS = {"pypi.org", "files.pythonhosted.org"}
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:" + "work|root|home" + r")/\w")


def problems(root: Path) -> list[str]:
    """What should not be there, in words."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = list[str]()
    for name in filter(None, listed.stdout.split("\0")):
        path = root / name
        if not path.is_file():
            continue
        if path.stat().st_size > MOST_BYTES and name != "uv.lock":
            found.append(f"{name}: {path.stat().st_size:,} bytes, at most {MOST_BYTES:,}")
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if MACHINE_PATHS.search(text):
            found.append(f"{name}: a path of one machine: {MACHINE_PATHS.search(text)}")
        if name == "uv.lock":
            hosts = set(re.findall(r"https?://([^/\"]+)", text)) - LOCK_HOSTS
            found += [f"{name}: refers to {host}" for host in sorted(hosts)]
    return found


if __name__ == "__main__":
    unwanted = problems(Path(__file__).resolve().parent.parent)
    print("\n".join(unwanted) or "repository: nothing that does not belong")
    sys.exit(1 if unwanted else 0)
