"""What went wrong in hooks, in words, kept beside the spaces for `holdfast doctor`: nothing that was said."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from holdfast.integrations.coding_agents.places import Places

FILE = "hooks.json"
CLIENT_FILE = "client.json"
MOST = 20
"""Problems that are kept, the newest ones."""
_BYTES = 100_000
_NOTED_MS = 60_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nothing came of an event.

    Attributes:
        at_ms: When it last happened, milliseconds since the epoch.
        event: Of the agent.
        why: In words.
        times: How often since it last went well.
    """

    at_ms: int
    event: str
    why: str
    times: int = 1


class Ledger:
    """The state file of one process: what failed where, until it goes well there again."""

    def __init__(self, places: Places) -> None:
        self._lock = threading.RLock()
        self._path = places.state / FILE
        self._client = places.state / CLIENT_FILE
        told = read_json(self._path)
        self._problems: dict[str, Any] = _mapping(told.get("problems"))
        self._ok_ms = told.get("ok_ms", 0) if isinstance(told.get("ok_ms"), int) else 0

    def failed(self, where: str, event: str, why: str) -> None:
        """Note a failure, at a space or a file, and why."""
        with self._lock:
            before = _mapping(self._problems.pop(where, None))
            times = before.get("times", 0) + 1 if isinstance(before.get("times", 0), int) else 1
            self._problems[where] = {"at_ms": _now_ms(), "event": event, "why": why[:500], "times": times}
            while len(self._problems) > MOST:
                del self._problems[next(iter(self._problems))]
            self._write()

    def went_well(self, *where: str) -> None:
        """Forget the failures there, if there were any, and what hooks themselves noted."""
        with suppress(OSError):
            self._client.unlink(missing_ok=True)
        with self._lock:
            known = [self._problems.pop(one) for one in where if one in self._problems]
            now = _now_ms()
            if known or now - self._ok_ms > _NOTED_MS:
                self._ok_ms = now
                self._write()

    def _write(self) -> None:
        try:
            write_json(self._path, {"ok_ms": self._ok_ms, "problems": self._problems})
        except OSError:
            # The disk that cannot take this is what a capture will report as soon as it can be written again.
            return


def problems_in(places: Places) -> tuple[int, dict[str, Problem]] | None:
    """When a hook last went well, and what fails since, by where; None where no hook ever ran."""
    told, client = read_json(places.state / FILE), read_json(places.state / CLIENT_FILE)
    if not told and not client:
        return None
    ok_ms = told.get("ok_ms", 0)
    found = {where: _problem(one) for where, one in _mapping(told.get("problems")).items()}
    if client:
        found["hook"] = _problem(client)
    return ok_ms, found


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is none, or it cannot be read."""
    try:
        with path.open("rb") as file:
            return _mapping(json.loads(file.read(_BYTES)))
    except (OSError, ValueError, RecursionError):
        return {}


def write_json(path: Path, value: object) -> None:
    """Put a value in place of a file, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    # In ASCII: a path may hold bytes that are no text.
    part.write_text(json.dumps(value), "ascii")
    part.replace(path)


def _problem(told: object) -> Problem:
    one = _mapping(told)
    at_ms, times = one.get("at_ms"), one.get("times")
    return Problem(
        at_ms if isinstance(at_ms, int) else 0,
        str(one.get("event", "")),
        str(one.get("why", "")),
        times if isinstance(times, int) else 1,
    )


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
