"""A user with a home of their own, projects, transcripts, and hooks called as agents call them: real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast import Memory
from holdfast.errors import StoreError
from holdfast.integrations.coding_agents import hook
from holdfast.integrations.coding_agents.places import Places
from holdfast.integrations.coding_agents.transcripts import Offsets
from holdfast.surfaces.cli.main import cli

PROGRAM = [sys.executable, "-I", "-S", hook.__file__]
LONG_AGO = "2026-01-05T10:00:00Z"
AFTER_S = 30.0
"""After so long a wait for something to happen in another process is a failure."""
_SETTINGS = 'embedder = "none"\n[hooks]\nms = 10000\n'


class Person:
    """A user of coding agents.

    Args:
        home: Their home folder.
        runtime: Where sockets are; its path must be short.
    """

    def __init__(self, home: Path, runtime: Path) -> None:
        self.home = home
        self.environment = {
            "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "PATH": "/usr/bin:/bin",
            "ORT_DISABLE_TELEMETRY": "1", "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }  # fmt: skip
        self.places = Places(home / ".local/share/holdfast/agents")
        self.configure(_SETTINGS)
        # The client knows the cap only after a first event.
        self.places.state.mkdir(parents=True)
        (self.places.state / "cap-ms").write_text("10000")

    def configure(self, text: str) -> None:
        """Write the user's configuration."""
        file = self.home / ".config/holdfast/holdfast.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def project(self, name: str) -> Path:
        """A folder with a repository."""
        root = self.home / "src" / name
        (root / ".git").mkdir(parents=True)
        return root

    def hook(self, agent: str, event: str, root: Path, payload: object = None, **said: Any) -> str:
        """Call a hook; gives what it printed. It must end with 0 and say nothing else."""
        raw = payload if isinstance(payload, bytes) else json.dumps(said | {"cwd": str(root)}).encode()
        done = subprocess.run(
            [*PROGRAM, agent, event], input=raw, capture_output=True, cwd=root, env=self.environment, timeout=60,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode()

    def context(self, root: Path, prompt: str, session: str = "now", agent: str = "claude") -> str:
        """What a prompt is given."""
        told = self.hook(agent, "prompt", root, session_id=session, prompt=prompt)
        return json.loads(told)["hookSpecificOutput"]["additionalContext"] if told else ""

    def remember(self, root: Path, *texts: str) -> None:
        """Put facts into the project's space."""
        self.space(root).parent.mkdir(parents=True, exist_ok=True)
        with Memory.open(self.space(root), embedder=None) as memory:
            for text in texts:
                memory.remember(text)

    def space(self, root: Path) -> Path:
        return self.places.project(root).space

    def texts(self, path: Path) -> list[str]:
        """What a space holds."""
        try:
            with Memory.open(path, embedder=None, read_only=True) as memory:
                return [record.text for record in memory.records()]
        except StoreError:
            return []  # not made yet, or just being made

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait for what another process does."""
        ends = time.monotonic() + AFTER_S
        while not is_so():
            assert time.monotonic() < ends, f"never: {what}"
            time.sleep(0.01)

    def taken(self, transcript: Path) -> list[str]:
        """Wait until all of a transcript that is whole is taken in; gives what the project's space holds then."""
        whole = transcript.read_bytes()
        size = whole.rfind(b"\n") + 1
        offsets = Offsets(self.places.state / "offsets")
        self.until(lambda: offsets.of(transcript).bytes == size, "the transcript is taken in")
        return self.texts(self.space(transcript.parent))

    def stop(self, transcript: Path, event: str = "stop", session: str = "s1") -> list[str]:
        """What the space of a project holds after a hook took a transcript in."""
        root = transcript.parent
        assert self.hook("claude", event, root, session_id=session, transcript_path=str(transcript)) == ""
        return self.taken(transcript)

    def run(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        """The command line, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", cli_module(), *arguments], capture_output=True, text=True, env=self.environment,
            cwd=cwd or self.home, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def end(self) -> None:
        """End the resident."""
        hook.end_resident(self.environment)


def cli_module() -> str:
    return cli.__module__ if cli.__module__ != "__main__" else "holdfast.surfaces.cli.main"


def said(
    uuid: str, text: object, *, session: str = "s1", kind: str = "user", when: str = LONG_AGO, cwd: str = "/x"
) -> str:
    """A line of a transcript of Claude Code."""
    return json.dumps(
        {
            "type": kind, "uuid": uuid, "parentUuid": None, "sessionId": session, "timestamp": when, "cwd": cwd,
            "message": {"role": kind, "content": text},
        }
    ) + "\n"  # fmt: skip


def rollout(session: str, cwd: str, *texts: str) -> str:
    """A rollout of Codex in which a user and the assistant speak in turn."""
    lines: list[dict[str, Any]] = [{"type": "session_meta", "payload": {"id": session, "cwd": cwd}}]
    for place, text in enumerate(texts):
        role = ("user", "assistant")[place % 2]
        block = {"type": "input_text" if role == "user" else "output_text", "text": text}
        lines.append({"type": "response_item", "payload": {"type": "message", "role": role, "content": [block]}})
    return "".join(json.dumps({"timestamp": LONG_AGO, **line}) + "\n" for line in lines)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {os.path.relpath(path, folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
