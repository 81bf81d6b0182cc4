"""The plugin for OpenCode, run by Node with what OpenCode 1 and 2 hand to plugins, as their sources say."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from holdfast.integrations.coding_agents.installing import install
from tests.integrations.coding_agents.scenes import Person

NODE = shutil.which("node")
FACT = "The staging database listens on port 5544."
FIRST = """
const plugin = (await import(process.argv[2])).default
const client = {session: {messages: async () => ({data: [
  {info: {id: "m1", role: "user"}, parts: [{type: "text", text: "Build the login page."}]},
  {info: {id: "m2", role: "assistant"}, parts: [{type: "text", text: "It is built."}, {type: "tool"}]}]})}}
const hooks = await plugin.server({client, directory: process.cwd()})
const parts = [{id: "p1", type: "text", text: "which port has the staging database?"}]
await hooks["chat.message"]({sessionID: "s"}, {parts})
await hooks.event({event: {type: "session.idle", properties: {sessionID: "s"}}})
console.log(JSON.stringify(parts.filter((part) => part.synthetic).map((part) => part.text)))
"""
SECOND = """
const plugin = (await import(process.argv[2])).default
const hooks = {}
await plugin.setup({session: {hook: async (name, run) => { hooks[name] = run }}})
const event = {sessionID: "s", kind: "primary", system: [], messages: [
  {role: "user", content: [{type: "text", text: "Build the login page."}]},
  {role: "assistant", content: [{type: "text", text: "It is built."}]}]}
await hooks.prompt({sessionID: "s", prompt: {text: "which port has the staging database?"}})
await hooks.context(event)
await hooks.context(event)
console.log(JSON.stringify([...new Set(event.system.map((part) => part.text))]))
"""


@pytest.mark.skipif(NODE is None, reason="there is no Node here")
@pytest.mark.parametrize(("version", "calls"), [("1.19.0", FIRST), ("2.0.1", SECOND)])
def test_the_plugin_brings_up_what_is_remembered_and_takes_in_what_is_said(
    person: Person, tmp_path: Path, version: str, calls: str
):
    root = person.project(f"opencode-{version}")
    person.remember(root, FACT)
    install("opencode", environment=person.environment, cwd=root, scope="project", version=version)
    calling = tmp_path / "calling.mjs"
    calling.write_text(calls)
    module = tmp_path / "holdfast.mjs"
    module.write_text((root / ".opencode/plugins/holdfast.js").read_text().replace("WAIT_MS = 2000", "WAIT_MS = 20000"))
    assert NODE is not None
    done = subprocess.run(
        [NODE, str(calling), str(module)],
        capture_output=True,
        cwd=root,
        env=person.environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == 1
    assert FACT in told[0]
    person.until(lambda: len(person.texts(person.space(root))) == 3, "what was said is taken in")
    assert set(person.texts(person.space(root))) == {FACT, "Build the login page.", "It is built."}
