"""What an installation of Holdfast with its model comes to: packages and megabytes, from the wheels, in a fresh place.

    python -m bench.install_size [--extra NAME]... [--dist FOLDER]

Builds both wheels (or takes those in ``--dist``), installs them into an empty environment with what they need, and
prints every distribution with the bytes of its files, without compiled caches and without pip. Ends with 1 where the
core is over its bounds: 240 MB and 30 packages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_MB = 240.0
MOST_PACKAGES = 30
LIST = """
import json, importlib.metadata as m
def size(path):
    try:
        return path.locate().stat().st_size
    except OSError:
        return 0
rows = []
for one in m.distributions():
    files = [f for f in one.files or () if not f.name.endswith(".pyc")]
    rows.append([one.metadata["Name"], one.version, sum(map(size, files))])
print(json.dumps(rows))
"""
"""Prints the distributions of the environment it runs in: name, version, bytes."""


def uv() -> str:
    """The installer that the make targets use."""
    return shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a command prints; it must not fail."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def built(folder: Path) -> list[Path]:
    """Both wheels, built there."""
    run(uv(), "build", "--quiet", "--wheel", "--all-packages", "--out-dir", folder)
    return sorted(folder.glob("*.whl"))


def installed(wheels: list[Path], extras: list[str], environment: Path) -> list[tuple[str, str, int]]:
    """Every distribution of an environment with nothing but Holdfast: name, version, bytes."""
    run(uv(), "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = [
        f"holdfast[{','.join(extras)}] @ {wheel.as_uri()}" if extras and wheel.name.startswith("holdfast-") else wheel
        for wheel in wheels
    ]
    run(uv(), "pip", "install", "--quiet", "--python", python, *wanted)
    return [(name, version, size) for name, version, size in json.loads(run(python, "-I", "-c", LIST))]


def main() -> int:
    """Print the table; gives whether it is within the bounds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--extra", action="append", default=[], help="also with this extra; no bounds then")
    parser.add_argument("--dist", type=Path, help="a folder with both wheels, instead of building them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheels = sorted(options.dist.glob("*.whl")) if options.dist else built(Path(folder) / "dist")
        rows = installed([wheel.resolve() for wheel in wheels], options.extra, Path(folder) / "env")
    for name, version, size in sorted(rows, key=lambda row: -row[2]):
        print(f"{size / 1e6:8.1f} MB  {name} {version}")
    total_mb = sum(size for _, _, size in rows) / 1e6
    within = total_mb <= MOST_MB and len(rows) <= MOST_PACKAGES
    bounds = "" if options.extra else f"; bounds {MOST_MB:.0f} MB and {MOST_PACKAGES}"
    print(f"{total_mb:8.1f} MB in {len(rows)} packages{bounds}")
    return 0 if within or options.extra else 1


if __name__ == "__main__":
    sys.exit(main())
