"""The protocol's own checks on `holdfast mcp`: its conformance suite and its inspector, in strict mode.

Of the suite all scenarios for servers are run that need no tools, resources or prompts made for the test; checks that
the suite itself calls not testable without such are counted apart. The inspector lists tools over standard input and
output in each era of the protocol, strictly, and calls one. Both are programs of npm; without node they are skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from bench import campaign
from bench.mcp_client import server_command
from bench.mcp_node import node, package

SUITES = ("@modelcontextprotocol/conformance", "@modelcontextprotocol/conformance@0.2.0-alpha.12")
"""The released suite, and the one that knows revision 2026-07-28."""
INSPECTOR = "@modelcontextprotocol/inspector"
SCENARIOS = (
    "server-initialize", "server-session-lifecycle", "server-stateless", "ping", "completion-complete", "tools-list",
    "resources-list", "prompts-list", "dns-rebinding-protection", "server-sse-multiple-streams",
    "sep-2164-resource-not-found", "caching", "http-header-validation",
)  # fmt: skip
"""Those that need nothing made for the test; each suite has those of the revisions that it knows."""
LEAST_NODE = 22
SCENARIO_S = 120
PLANTS = ("any-host",)
_CHECK = re.compile(r"\[([\w-]+)\s*\] (?:\x1b\[\d+m)?(SUCCESS|FAILURE|WARNING)")
_PASSED = re.compile(r"Passed: (\d+)/(\d+), (\d+) failed, (\d+) warnings")


def listening(process: subprocess.Popen[bytes]) -> str:
    """The address that a server tells."""
    assert process.stderr is not None
    while line := process.stderr.readline().decode():
        if "listening on " in line:
            return line.split("listening on ")[1].strip()
    raise SystemExit(f"the server ended with {process.wait()}")


def suite(engine: Path, folder: Path, url: str) -> tuple[int, int, int, list[str]]:
    """Scenarios run, checks passed and checks not testable in one suite, and what failed."""
    script = str(folder / "dist/index.js")
    listed = subprocess.run([str(engine), script, "list"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"- ([\w-]+) \[", listed))
    ran, passed, apart, failed = 0, 0, 0, list[str]()
    for name in SCENARIOS:
        if name not in known:
            continue
        ran += 1
        done = subprocess.run(
            [str(engine), script, "server", "--url", url, "--scenario", name],
            capture_output=True, text=True, check=False, timeout=SCENARIO_S,
        )  # fmt: skip
        said = re.sub(r"\x1b\[\d+m", "", done.stdout + done.stderr)
        told = _PASSED.search(said)
        if told is None:
            failed.append(f"{name}: no result (exit {done.returncode})")
            continue
        needs = len(re.findall(r"Error: Not testable", said))
        bad = int(told[3]) - needs
        passed, apart = passed + int(told[1]), apart + needs
        print(
            f"  {name}: {told[1]} passed, {bad} failed, {told[4]} warnings"
            + (f", {needs} need fixtures" if needs else "")
        )
        if bad > 0:
            failed.append(f"{name}: {[check for check, how in _CHECK.findall(said) if how == 'FAILURE']}")
    return ran, passed, apart, failed


def inspected(engine: Path, folder: Path, space: Path, home: Path) -> list[str]:
    """What the inspector finds wrong."""
    failed = list[str]()
    script = str(folder / "clients/launcher/build/index.js")
    asked = [
        ("tools", ["--method", "tools/list", "--strict"], []),
        ("tools of the compatibility mode", ["--method", "tools/list", "--strict"], ["--compat", "memory"]),
        ("resources", ["--method", "resources/list"], []),
        ("templates", ["--method", "resources/templates/list"], []),
        ("prompts", ["--method", "prompts/list"], []),
        ("a call", ["--method", "tools/call", "--tool-name", "remember", "--tool-arg", "text=Ada likes tea."], []),
        ("a resource", ["--method", "resources/read", "--uri", "holdfast://profile"], []),
        ("a prompt", ["--method", "prompts/get", "--prompt-name", "ask", "--prompt-args", "question=tea"], []),
    ]
    for era in ("legacy", "modern"):
        for what, options, more in asked:
            served = server_command(space, "--embedder", "none", *more)
            done = subprocess.run(
                [str(engine), script, "--cli", "--protocol-era", era, *options, "--", *served],
                capture_output=True, text=True, check=False, timeout=SCENARIO_S,
                env={**os.environ, "HOME": str(home)},
            )  # fmt: skip
            is_bad = done.returncode != 0 or "warning" in done.stderr.lower() or '"isError": true' in done.stdout
            print(f"  inspector, {era}: {what}: {'FAILED' if is_bad else 'passed'}")
            if is_bad:
                failed.append(
                    f"inspector, {era}, {what}: exit {done.returncode} {done.stderr[-400:]}{done.stdout[-200:]}"
                )
    return failed


def main(argv: list[str] | None = None) -> int:
    parser = campaign.options("mcp_conformance", __doc__, PLANTS)
    parser.add_argument("--packages", type=Path, default=None, help="folder for packages; fetched where missing")
    given = parser.parse_args(argv)
    engine = node(LEAST_NODE)
    if engine is None:
        print(f"skipped: there is no node of version {LEAST_NODE} or later here")
        return 0
    _, folder = campaign.begin(given)
    packages = given.packages or folder / "npm"
    failed = list[str]()
    planted = ["--allow-host", "evil.example.com"] if given.plant else []
    command = server_command(folder / "http.db", "--embedder", "none", "--http", "127.0.0.1:0", *planted)
    server = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        url = listening(server)
        for number, name in enumerate(SUITES):
            found = package(name, packages / str(number), engine)
            if found is None:
                print(f"skipped: {name} could not be fetched")
                continue
            print(name)
            ran, passed, apart, wrong = suite(engine, found, url)
            print(
                f"{name}: {ran} scenarios, {passed} checks passed, {len(wrong)} scenarios failed, {apart} need fixtures"
            )
            failed += wrong
    finally:
        server.terminate()
        ended = server.wait(30)
        assert server.stderr is not None
        server.stderr.close()
    if ended != 0:
        failed.append(f"told to end, the server ended with {ended}")
    found = package(INSPECTOR, packages / "inspector", engine)
    if found is None:
        print(f"skipped: {INSPECTOR} could not be fetched")
    else:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        failed += inspected(engine, found, folder / "stdio.db", home)
    print(f"{len(failed)} failures at {time.strftime('%Y-%m-%d')}")
    return campaign.end(given, folder, failed)


if __name__ == "__main__":
    sys.exit(main())
