"""The compatibility mode beside the reference memory server: the same calls, the same results.

Each round makes random calls of the nine tools, valid ones and broken ones, over few names, so that they meet; both
servers are asked, and what they answer is compared to the letter. Then a recall over the same space has to find what
the graph holds. Needs node and npm; without them it says so and ends well.
"""

from __future__ import annotations

import json
import random
import string
import sys
from pathlib import Path
from typing import Any

from bench import campaign
from bench.mcp_client import Client, server_command
from bench.mcp_node import node, package
from holdfast.memory import Memory

REFERENCE = "@modelcontextprotocol/server-memory"
NAMES = ("Ada", "Lisbon", "ada", "Grüße 東京", "", " ", "a_b", "x: y", "is of type", "Zoë\n2", "İstanbul", '"q"\\')
KINDS = ("person", "city", "", "is of type x", "Person")
SAYINGS = ("likes tea", "", "Ada: likes tea", "moved in May", "moved in May ", "\t", "emoji 🦊", "line\nline", "ΣΑΣ")
LINKS = ("knows", "lives_in", "lives in", "", "a__b", "\u2028")
PLANTS = ("keep-order", "drop-relations")


def entity(chance: random.Random) -> dict[str, Any]:
    said = [chance.choice(SAYINGS) for _ in range(chance.randrange(4))]
    return {"name": chance.choice(NAMES), "entityType": chance.choice(KINDS), "observations": said}


def relation(chance: random.Random) -> dict[str, Any]:
    return {"from": chance.choice(NAMES), "to": chance.choice(NAMES), "relationType": chance.choice(LINKS)}


def broken(chance: random.Random) -> Any:
    return chance.choice((None, 5, 1.5, True, "text", [], {}, [None], [5], [[]], [{}], [{"name": 1}], {"a": 1}))


def some(chance: random.Random, make: Any) -> list[Any]:
    return [make(chance) for _ in range(chance.randrange(4))]


def names(chance: random.Random) -> list[str]:
    return [chance.choice(NAMES) for _ in range(chance.randrange(3))]


def call(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A tool and its arguments; one call in eight is broken."""
    made: dict[str, Any]
    tool = chance.choice(
        ("create_entities", "create_entities", "create_relations", "add_observations", "delete_entities",
         "delete_observations", "delete_relations", "read_graph", "search_nodes", "open_nodes")
    )  # fmt: skip
    match tool:
        case "create_entities":
            made = {"entities": some(chance, entity)}
        case "create_relations" | "delete_relations":
            made = {"relations": some(chance, relation)}
        case "add_observations":
            added = [(one["name"], one["observations"]) for one in some(chance, entity)]
            made = {"observations": [{"entityName": name, "contents": said} for name, said in added]}
        case "delete_observations":
            dropped = [(one["name"], one["observations"]) for one in some(chance, entity)]
            made = {"deletions": [{"entityName": name, "observations": said} for name, said in dropped]}
        case "delete_entities":
            made = {"entityNames": names(chance)}
        case "open_nodes":
            made = {"names": names(chance)}
        case "search_nodes":
            made = {"query": chance.choice((*NAMES, *KINDS, *SAYINGS, "TEA", "σας", "i", "no such"))}
        case _:
            made = {}
    if chance.random() < 0.125:
        fault = chance.randrange(4)
        if fault == 0 and made:
            made = {next(iter(made)): broken(chance)}
        elif fault == 1:
            made = {}
        elif fault == 2:
            made["more"] = broken(chance)
        else:
            tool = chance.choice(("nothing", "read_Graph", ""))
    return tool, made


def differences(chance: random.Random, ours: Client, theirs: Client, calls: int, plant: str | None) -> list[str]:
    """Every call that the two servers answer differently."""
    found = list[str]()
    for number in range(calls):
        tool, made = call(chance)
        answers = [server.call(tool, made) for server in (ours, theirs)]
        mine, expected = ({key: one for key, one in answer.items() if key != "id"} for answer in answers)
        if plant == "keep-order" and "entities" in str(mine):
            mine = dict(mine, result=dict(mine["result"], content=[]))
        if plant == "drop-relations" and tool == "search_nodes" and "structuredContent" in mine.get("result", {}):
            mine["result"]["structuredContent"]["relations"] = []
        if mine != expected:
            found.append(f"call {number}: {tool} {made!r:.300}\n    ours   {mine!r:.600}\n    theirs {expected!r:.600}")
    return found


def record(chance: random.Random, theirs: Client, calls: int, file: Path) -> None:
    """Write down what the reference server answers, for tests without it."""
    made = [call(chance) for _ in range(calls)]
    answers = [{"tool": tool, "arguments": given, "result": theirs.call(tool, given)["result"]} for tool, given in made]
    lines = ",\n".join(json.dumps(one, ensure_ascii=True) for one in answers)
    file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def recalled(space: Path, graph: dict[str, Any]) -> list[str]:
    """What the graph holds and a recall does not find."""
    missing = list[str]()
    with Memory.open(space, embedder=None, read_only=True) as memory:
        for one in graph["entities"]:
            for said in one["observations"]:
                words = [word for word in said.split() if word.strip(string.punctuation)]
                if not words or not one["name"].strip():
                    continue
                hits = memory.recall(f"{one['name']} {said}", limit=50)
                if not any(said in hit.record.text for hit in hits):
                    missing.append(f"a recall does not find {said!r} of {one['name']!r}")
    return missing


def main(argv: list[str] | None = None) -> int:
    parser = campaign.options("mcp_compat", __doc__, PLANTS)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=100, help="calls in a round")
    parser.add_argument("--packages", type=Path, default=None, help="folder with node_modules; fetched where missing")
    parser.add_argument("--record", type=Path, default=None, help="only write what the reference server answers")
    given = parser.parse_args(argv)
    engine = node()
    if engine is None:
        print("skipped: there is no node of version 18 or later here")
        return 0
    seed, folder = campaign.begin(given)
    reference = package(REFERENCE, given.packages or folder / "npm")
    if reference is None:
        print(f"skipped: {REFERENCE} could not be fetched")
        return 0
    if given.record is not None:
        file = folder / "recorded.jsonl"
        with Client([str(engine), str(reference / "dist/index.js")], env={"MEMORY_FILE_PATH": str(file)}) as theirs:
            theirs.greet()
            record(random.Random(seed), theirs, given.calls, given.record)
        return campaign.end(given, folder, ())
    broken_ = list[str]()
    for turn in range(given.rounds):
        chance = random.Random(f"{seed}/{turn}")
        space, file = folder / f"round-{turn}.db", folder / f"round-{turn}.jsonl"
        with (
            Client(server_command(space, "--compat", "memory", "--embedder", "none")) as ours,
            Client([str(engine), str(reference / "dist/index.js")], env={"MEMORY_FILE_PATH": str(file)}) as theirs,
        ):
            ours.greet()
            theirs.greet()
            found = differences(chance, ours, theirs, given.calls, given.plant)
            graph = ours.call("read_graph")["result"]["structuredContent"]
        found += recalled(space, graph)
        broken_ += [f"round {turn}: {one}" for one in found]
    print(f"{given.rounds} rounds, {given.rounds * given.calls:,} calls on both servers: {len(broken_)} differences")
    return campaign.end(given, folder, broken_)


if __name__ == "__main__":
    sys.exit(main())
