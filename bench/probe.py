"""One fresh process that opens a space, answers its first recall and says what that took.

Run by `bench.figures`: ``python bench/probe.py STARTED PATH QUERY``, where STARTED is the system's monotonic
clock just before this process was made.
"""

# ruff: noqa: E402 - the order of imports is what is measured
import sys
import time

_ENTERED_S = time.monotonic()

from holdfast import Memory

_IMPORTED_S = time.monotonic()


def _status_mb(field: str) -> float:
    """A size from the kernel's account of this process, in megabytes of 1,000,000 bytes."""
    from pathlib import Path

    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def main(started_s: float, path: str, query: str) -> None:
    """Open, recall once, print one line of JSON."""
    memory = Memory.open(path)
    opened_s = time.monotonic()
    found = memory.recall(query)
    answered_s = time.monotonic()
    import json

    print(
        json.dumps(
            {
                "total_ms": (answered_s - started_s) * 1000,
                "interpreter_ms": (_ENTERED_S - started_s) * 1000,
                "import_ms": (_IMPORTED_S - _ENTERED_S) * 1000,
                "open_ms": (opened_s - _IMPORTED_S) * 1000,
                "recall_ms": (answered_s - opened_s) * 1000,
                "rss_mb": _status_mb("VmRSS"),
                "peak_mb": _status_mb("VmHWM"),
                "hits": len(found),
                "degraded": found.degraded,
            }
        )
    )
    memory.close()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3])
