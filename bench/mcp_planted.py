"""`holdfast` with a fault in its MCP server, that campaigns must notice: ``python -m bench.mcp_planted FAULT mcp``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

FAULTS = ("crash", "unhandled", "outside", "loses")


def faulty(fault: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """A tool's work with a fault in it."""

    def broken(memory: Any, given: Any) -> Any:
        text = str(given.get("text", ""))
        if fault == "crash" and len(text) > 400:
            import os

            os._exit(3)
        if fault == "unhandled" and any(char in text for char in "'%<"):
            raise KeyError(text[:10])
        if fault == "outside" and "/" in text:
            Path("../outside/written").write_text("x")
        answer = run(memory, given)
        if fault == "loses" and hash(text) % 7 == 0:
            memory.forget(answer.values["id"])
        return answer

    return broken


def main() -> None:
    from holdfast.surfaces.cli.main import run
    from holdfast.surfaces.mcp import tools

    fault = sys.argv.pop(1)
    tools.TOOLS = tuple(  # type: ignore[misc]
        replace(tool, run=faulty(fault, tool.run)) if tool.name == "remember" else tool for tool in tools.TOOLS
    )
    run()


if __name__ == "__main__":
    main()
