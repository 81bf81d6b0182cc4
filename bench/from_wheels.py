"""The tests of everything a user meets, run from the installed wheels instead of the checkout.

    python -m bench.from_wheels [--short] [--dist FOLDER] [TEST]...

Builds both wheels (or takes those in ``--dist``), installs them with the extras of the surfaces and integrations into
an empty environment, adds pytest, Hypothesis and what a test drives from outside, and runs the tests over the
installed package: no other development dependency is there, and ``src`` is on no path. Ends with what pytest ends with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.install_size import ROOT, built, run, uv

EXTRAS = ("anthropic", "dates", "encryption", "http", "langgraph", "mcp", "openai-agents", "procedures", "prometheus")
DRIVEN = ("pytest>=8.3", "hypothesis>=6.120", "psutil>=6", "langgraph>=1.2", "langgraph-checkpoint-conformance>=0.0.2")
"""What the tests themselves need: none of it may be needed by a user."""
WHOLE = ("tests/surfaces", "tests/integrations", "tests/house/test_cli_probes.py", "tests/gate/test_public_names.py")
SHORT = ("tests/surfaces/test_cli.py", "tests/integrations", "tests/gate/test_public_names.py")
_WHERE = "import holdfast, holdfast_minilm, sys; print(holdfast.__file__); print(holdfast_minilm.__file__)"


def environment(wheels: list[Path], folder: Path) -> Path:
    """The interpreter of an environment with the wheels, their extras and what drives the tests."""
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    core = next(wheel for wheel in wheels if wheel.name.startswith("holdfast-"))
    others = [wheel for wheel in wheels if wheel != core]
    wanted = (f"holdfast[{','.join(EXTRAS)}] @ {core.as_uri()}", *others, *DRIVEN)
    run(uv(), "pip", "install", "--quiet", "--python", python, *wanted)
    for place in run(python, "-I", "-c", _WHERE, cwd=folder).splitlines():
        if not Path(place).is_relative_to(folder):
            raise SystemExit(f"{place} is not of the installed wheels")
    return python


def main() -> int:
    """Run the tests; gives how pytest ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tests", nargs="*", help="instead of the usual ones")
    parser.add_argument("--short", action="store_true", help="what a push can wait for")
    parser.add_argument("--dist", type=Path, help="a folder with both wheels, instead of building them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder).resolve()
        wheels = sorted(options.dist.resolve().glob("*.whl")) if options.dist else built(place / "dist")
        python = environment(wheels, place / "env")
        tests = options.tests or (SHORT if options.short else WHOLE)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        path = f"{python.parent}{os.pathsep}{kept.get('PATH', '')}"
        quiet = ("-q", "-p", "no:cacheprovider", *(("-m", "not slow") if options.short else ()))
        done = subprocess.run(
            [str(python), "-m", "pytest", *quiet, *tests], cwd=ROOT, check=False,
            env=kept | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
