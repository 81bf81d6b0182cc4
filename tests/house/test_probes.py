"""Ten thousand random probes over principals, spaces, verbs and parameters, against an oracle that is a dictionary.

The oracle is written for itself and knows nothing of the table in `holdfast.core.access`. Each space holds
canaries of its own; an answer that holds one of a space the principal may not read is an answer outside the grants.
Every refusal is asked for again with the name of a space that never was, and must read the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdfast.core import access
from holdfast.errors import AlreadyThere, HoldfastError, NotAllowed, NotEncrypted, StoreError
from holdfast.guard import Gate
from holdfast.house import Holdfast
from holdfast.model.access import Quota, Standing
from holdfast.model.checkpoints import Blob, Checkpoint
from holdfast.model.items import ItemChange
from holdfast.model.policy import Action, Policy, Sensitive
from holdfast.model.reports import Turn
from holdfast.services import sharing

PROBES = 10_000
PRINCIPALS = ("ann", "bo", "cy", "dee", "stranger", "owner")
SPACES = tuple(f"team/{number}" for number in range(7))
AWAY = "team/never"
LEVELS = {"read": 1, "write": 2, "share": 3, "admin": 4}
A_CALL = {
    "role": "assistant",
    "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "memory_recall", "arguments": '{"query": "canary"}'}}
    ],
}
UNKNOWN = "0192f3c4-5a6b-7c8d-9e0f-112233445566"


@dataclass
class Found:
    """What a campaign found: each list must be empty."""

    outside: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    wrongly_refused: list[str] = field(default_factory=list)
    probes: int = 0
    refused: int = 0
    answered: int = 0
    verbs: set[str] = field(default_factory=set)


def a_query(chance: random.Random) -> str:
    return chance.choice(["canary", "what is the secret?", "launch date", "0", "canary " * 40])


def a_checkpoint(chance: random.Random) -> Checkpoint:
    return Checkpoint("t", "", f"c{chance.randint(1, 3)}", Blob("j", b"1"), Blob("j", b"2"))


def an_id(chance: random.Random, ids: list[str]) -> str:
    return chance.choice([*ids[-6:], UNKNOWN])


IN_A_SPACE: dict[str, tuple[int, Callable[..., Any]]] = {
    "recall": (1, lambda m, c, ids: m.recall(a_query(c), limit=c.randint(1, 30))),
    "recall where": (1, lambda m, c, ids: m.recall(a_query(c), where={"kind": "fact"}, budget_tokens=200)),
    "get": (1, lambda m, c, ids: m.get(an_id(c, ids))),
    "history": (1, lambda m, c, ids: m.history(an_id(c, ids))),
    "records": (1, lambda m, c, ids: m.records()),
    "records where": (1, lambda m, c, ids: m.records(where={"session": "s"})),
    "export": (1, lambda m, c, ids: m.export(superseded=c.random() < 0.5)),
    "summary": (1, lambda m, c, ids: m.summary()),
    "why": (1, lambda m, c, ids: m.why(an_id(c, ids))),
    "turns": (1, lambda m, c, ids: m.session("s").turns(c.choice([None, 1, 3]))),
    "session id": (1, lambda m, c, ids: m.session("s").id),
    "session": (1, lambda m, c, ids: m.session(c.choice(["s", "t"]))),
    "at": (1, lambda m, c, ids: m.at(seq=c.randint(1, 4)).recall("canary")),
    "preview": (1, lambda m, c, ids: m.preview_forget(query="canary")),
    "receipts": (1, lambda m, c, ids: m.receipts()),
    "proof": (1, lambda m, c, ids: m.proof()),
    "digest": (1, lambda m, c, ids: m.storage.digest()),
    "check": (1, lambda m, c, ids: m.check()),
    "context": (1, lambda m, c, ids: m.context(about=c.choice([None, "canary"]))),
    "session context": (2, lambda m, c, ids: m.session("s").context(c.choice([300, 4_000]), a_query(c))),
    "tools": (1, lambda m, c, ids: (m.tools().names, m.session("s").tools().definitions())),
    "tool": (2, lambda m, c, ids: m.tools().call("memory_recall", {"query": a_query(c)})),
    "tools handle": (2, lambda m, c, ids: m.session("s").tools().handle(A_CALL)),
    "reading tools": (1, lambda m, c, ids: (m.tools(read_only=True).names, m.tools(read_only=True).definitions())),
    "reading tool": (1, lambda m, c, ids: m.tools(read_only=True).call("memory_recall", {"query": a_query(c)})),
    "reading tools handle": (1, lambda m, c, ids: m.tools(read_only=True).handle(A_CALL)),
    "settle": (1, lambda m, c, ids: m.settle(0)),
    "remember": (2, lambda m, c, ids: m.remember(f"note {c.random()}", key=c.choice([None, "k"]))),
    "add": (2, lambda m, c, ids: m.session("s").add("user", f"said {c.random()}")),
    "correct": (2, lambda m, c, ids: m.correct(an_id(c, ids), f"right {c.random()}")),
    "revise": (2, lambda m, c, ids: m.revise(an_id(c, ids), importance=c.random())),
    "forget": (2, lambda m, c, ids: m.forget(UNKNOWN)),
    "import": (2, lambda m, c, ids: m.import_(['{"conversation": "c", "entries": [{"author": "A", "text": "Hi."}]}'])),
    "verify": (1, lambda m, c, ids: m.verify(UNKNOWN)),
    "add many": (2, lambda m, c, ids: m.session("s").add_many([Turn(speaker="user", text=f"said {c.random()}")])),
    "explain": (1, lambda m, c, ids: m.recalls.explain(a_query(c), id=an_id(c, ids))),
    "keep": (2, lambda m, c, ids: m.recalls.keep(a_query(c))),
    "kept": (1, lambda m, c, ids: m.recalls.list()),
    "replay": (1, lambda m, c, ids: m.recalls.replay(UNKNOWN)),
    "expect": (2, lambda m, c, ids: m.expect(a_query(c), contains="canary")),
    "expectation": (2, lambda m, c, ids: m.expectations.add(a_query(c), contains="canary")),
    "expected": (1, lambda m, c, ids: m.expectations.list()),
    "unexpect": (2, lambda m, c, ids: m.expectations.remove(UNKNOWN)),
    "run": (1, lambda m, c, ids: m.expectations.run()),
    "blocks": (1, lambda m, c, ids: m.blocks.list()),
    "add message": (2, lambda m, c, ids: m.session("s").add_message({"role": "user", "content": f"said {c.random()}"})),
    "add messages": (2, lambda m, c, ids: m.session("s").add_messages([{"role": "user", "content": f"{c.random()}"}])),
    "messages": (1, lambda m, c, ids: m.session("s").messages(c.choice(["openai", "anthropic"]))),
    "record": (2, lambda m, c, ids: m.session("s").record("event", f"happened {c.random()}")),
    "scratch put": (2, lambda m, c, ids: m.session("s").scratch.put("k", c.random())),
    "scratch": (1, lambda m, c, ids: m.session("s").scratch.get("secret")),
    "scratch keys": (1, lambda m, c, ids: m.session("s").scratch.keys()),
    "scratch delete": (2, lambda m, c, ids: m.session("s").scratch.delete("k")),
    "working": (1, lambda m, c, ids: m.session("s").working(5, hours=24)),
    "session window": (2, lambda m, c, ids: m.session("s").window(c.choice([300, 4_000]))),
    "session close": (2, lambda m, c, ids: m.session(c.choice(["s", "t"])).close()),
    "sessions": (1, lambda m, c, ids: m.sessions.list()),
    "session found": (1, lambda m, c, ids: m.sessions.search(a_query(c))),
    "session got": (1, lambda m, c, ids: m.sessions.get("s")),
    "close idle": (2, lambda m, c, ids: m.sessions.close_idle()),
    "episodes": (1, lambda m, c, ids: m.episodes.list(kind=c.choice([None, "turn", "error"]))),
    "similar": (1, lambda m, c, ids: m.episodes.similar(a_query(c))),
    "said": (1, lambda m, c, ids: m.episodes.said("when did the user ask about the canary")),
    "resolve": (2, lambda m, c, ids: m.episodes.resolve(an_id(c, ids), "restarted")),
    "full text": (1, lambda m, c, ids: m.episodes.full_text(an_id(c, ids))),
    "tiers": (1, lambda m, c, ids: m.tiers.list()),
    "tier": (1, lambda m, c, ids: m.tiers.read("episodic")),
    "sweep": (4, lambda m, c, ids: m.tiers.sweep(dry_run=c.random() < 0.5)),
    "block": (1, lambda m, c, ids: m.blocks.get("persona")),
    "block held": (1, lambda m, c, ids: m.blocks["persona"].value),
    "block history": (1, lambda m, c, ids: m.blocks.history("persona")),
    "block create": (2, lambda m, c, ids: m.blocks.create(f"made-{c.getrandbits(40)}", "made")),
    "block write": (2, lambda m, c, ids: m.blocks.write("persona", f"wrote {c.random()}", version=c.choice([None, 1]))),
    "block rewrite": (2, lambda m, c, ids: m.blocks["persona"].write(f"wrote {c.random()}")),
    "block append": (2, lambda m, c, ids: m.blocks.append("persona", "more")),
    "block replace": (2, lambda m, c, ids: m.blocks.replace("persona", "The", "A")),
    "block revert": (2, lambda m, c, ids: m.blocks.revert("persona", 1)),
    "block revise": (2, lambda m, c, ids: m.blocks.revise("persona", description=f"about {c.random()}")),
    "block remove": (2, lambda m, c, ids: m.blocks.remove(c.choice(["human", "nobody"]))),
    "files": (1, lambda m, c, ids: m.files.list(c.choice(["", "notes"]))),
    "file": (1, lambda m, c, ids: m.files.get("notes/canary")),
    "file history": (1, lambda m, c, ids: m.files.history("notes/canary")),
    "file create": (2, lambda m, c, ids: m.files.create(f"made/{c.getrandbits(40)}", "made")),
    "file write": (2, lambda m, c, ids: m.files.write("notes/canary", f"wrote {c.random()}")),
    "file move": (2, lambda m, c, ids: m.files.move("made", f"moved-{c.getrandbits(40)}")),
    "file remove": (2, lambda m, c, ids: m.files.remove(c.choice(["made", "nowhere"]))),
    "intend": (2, lambda m, c, ids: m.intend(f"ask {c.random()}", when="now")),
    "intention": (2, lambda m, c, ids: m.intentions.add(f"ask {c.random()}", event="e", session="s")),
    "intention got": (1, lambda m, c, ids: m.intentions.get(an_id(c, ids))),
    "intentions": (1, lambda m, c, ids: m.intentions.list()),
    "due": (1, lambda m, c, ids: m.intentions.due(facts={"a": 1})),
    "take": (2, lambda m, c, ids: m.intentions.take(session=c.choice([None, "s"]), limit=1)),
    "fire": (2, lambda m, c, ids: m.intentions.fire("e")),
    "snooze": (2, lambda m, c, ids: m.intentions.snooze(an_id(c, ids), "tomorrow")),
    "done": (2, lambda m, c, ids: m.intentions.done(an_id(c, ids))),
    "cancel": (2, lambda m, c, ids: m.intentions.cancel(an_id(c, ids))),
    "procedures": (1, lambda m, c, ids: m.procedures.list()),
    "procedure": (1, lambda m, c, ids: m.procedures.get("plan")),
    "procedure held": (1, lambda m, c, ids: m.procedures["plan"]),
    "procedure add": (2, lambda m, c, ids: m.procedures.add(a_procedure(c.choice(["plan", "other"]), "made"))),
    "procedure match": (1, lambda m, c, ids: m.procedures.match("canary plan")),
    "procedure render": (1, lambda m, c, ids: m.procedures.render("plan")),
    "outcome": (2, lambda m, c, ids: m.procedures.record_outcome("plan", c.random() < 0.5)),
    "success": (1, lambda m, c, ids: m.procedures.success("plan")),
    "trials": (1, lambda m, c, ids: m.procedures.trials("plan")),
    "procedure versions": (1, lambda m, c, ids: m.procedures.versions("plan")),
    "procedure compare": (1, lambda m, c, ids: m.procedures.compare("plan", 1)),
    "procedure rollback": (2, lambda m, c, ids: m.procedures.rollback("plan", 1)),
    "learn": (2, lambda m, c, ids: m.procedures.learn()),
    "approve": (2, lambda m, c, ids: m.procedures.approve("plan")),
    "procedure remove": (2, lambda m, c, ids: m.procedures.remove(c.choice(["other", "nobody"]))),
    "yaml": (1, lambda m, c, ids: m.procedures.to_yaml("plan")),
    "example": (1, lambda m, c, ids: m.procedures.example()),
    "items": (1, lambda m, c, ids: m.items.list(c.choice([(), ("users",)]))),
    "item": (1, lambda m, c, ids: m.items.get(("users",), c.choice(["canary", "other"]))),
    "item search": (1, lambda m, c, ids: m.items.search((), a_query(c))),
    "item namespaces": (1, lambda m, c, ids: m.items.namespaces()),
    "item put": (2, lambda m, c, ids: m.items.put(("users",), "other", {"n": c.random()})),
    "item apply": (2, lambda m, c, ids: m.items.apply([ItemChange(("users",), "other", {"n": c.random()})])),
    "item check": (2, lambda m, c, ids: m.items.check(ItemChange(("users",), "other", {"n": 1}))),
    "item delete": (2, lambda m, c, ids: m.items.delete(("users",), "nobody")),
    "item refresh": (2, lambda m, c, ids: m.items.refresh([])),
    "item sweep": (2, lambda m, c, ids: m.items.sweep()),
    "checkpoints": (1, lambda m, c, ids: m.checkpoints.list(c.choice([None, "t"]))),
    "checkpoint": (1, lambda m, c, ids: m.checkpoints.get("t")),
    "checkpoint found": (1, lambda m, c, ids: m.checkpoints.find("t", "", "c1")),
    "checkpoint value": (1, lambda m, c, ids: m.checkpoints.value("t", "", "messages", "1")),
    "checkpoint writes": (1, lambda m, c, ids: m.checkpoints.writes("t", "", "c1")),
    "checkpoint threads": (1, lambda m, c, ids: m.checkpoints.threads()),
    "checkpoint put": (2, lambda m, c, ids: m.checkpoints.put(a_checkpoint(c), {})),
    "put writes": (2, lambda m, c, ids: m.checkpoints.put_writes("t", "", "c1", [])),
    "checkpoint copy": (2, lambda m, c, ids: m.checkpoints.copy("nobody", "t")),
    "checkpoint forget": (2, lambda m, c, ids: m.checkpoints.forget_thread("nobody")),
    "checkpoint runs": (2, lambda m, c, ids: m.checkpoints.forget_runs(["nobody"])),
    "checkpoint prune": (2, lambda m, c, ids: m.checkpoints.prune(["nobody"])),
    "rebuild": (4, lambda m, c, ids: m.storage.rebuild()),
    "mend": (4, lambda m, c, ids: m.storage.mend()),
    "snapshot": (4, lambda m, c, ids: m.storage.snapshot()),
    "prune": (4, lambda m, c, ids: m.storage.prune(keep_days=c.choice([0, 400]), superseded=c.random() < 0.5)),
    "compact": (4, lambda m, c, ids: m.storage.compact()),
    "backup": (4, lambda m, c, ids: m.storage.backup("\0")),
    "markdown": (1, lambda m, c, ids: m.storage.export_markdown("\0")),
    "encryption": (1, lambda m, c, ids: m.storage.encryption()),
    "encrypt": (4, lambda m, c, ids: m.storage.encrypt(b"too short")),
    "rotate": (4, lambda m, c, ids: m.storage.rotate_key(b"too short")),
    "journal": (4, lambda m, c, ids: m.storage.journal()),
    "merge": (4, lambda m, c, ids: m.storage.merge(["{}"], dry_run=c.random() < 0.5)),
    "audit": (4, lambda m, c, ids: m.admission.audit(c.choice([None, MARKING]), dry_run=c.random() < 0.5)),
    "release": (4, lambda m, c, ids: m.admission.release(an_id(c, ids), reason=c.choice([None, "mine"]))),
}  # fmt: skip
"""The right that each verb needs, and a call of it. What would write a file names none, and keys are
too short."""
WEIGHTS = {"rebuild": 0.2, "compact": 0.2, "mend": 0.2, "audit": 0.3, "at": 0.3, "check": 0.5}
MARKING = Policy(actions={Sensitive.CONTACT: Action.MARK})


def a_procedure(name: str, prompt: str) -> dict[str, Any]:
    return {"name": name, "description": "How to plan.", "steps": [{"prompt": prompt}]}


class Campaign:
    """One house and the oracle beside it."""

    def __init__(self, house: Holdfast, seed: int) -> None:
        self.house, self.chance, self.found = house, random.Random(seed), Found()
        self.rights: dict[tuple[str, str], int] = {}
        self.there: set[str] = set()
        self.ids: dict[str, list[str]] = {}
        self.kept: list[tuple[str, str, int, str, int, Any]] = []
        self.made = 0
        self.generation: dict[str, int] = {}
        for name in SPACES[:5]:
            self.make(name)

    # The oracle

    def level(self, who: str, space: str) -> int:
        if space not in self.there:
            return 0
        return 4 if who == "owner" else self.rights.get((who, space), 0)

    def canary(self, space: str) -> str:
        return f"canary{space.replace('/', '')}g{self.generation[space]}x"

    def strange(self, who: str) -> list[str]:
        """Canaries that this principal must never see, those of dropped spaces too."""
        mine = {self.canary(space) for space in self.there if self.level(who, space) >= 1}
        past = {f"canary{s.replace('/', '')}g{g}x" for s, n in self.generation.items() for g in range(1, n + 1)}
        return sorted(past - mine)

    # The house

    def make(self, name: str) -> None:
        self.house.create(name)
        self.there.add(name)
        self.generation[name] = self.generation.get(name, 0) + 1
        memory = self.house.space(name)
        word = self.canary(name)
        made = [memory.remember(f"The secret number {n} is {word}.", subject=word) for n in range(3)]
        made.append(memory.session("s").add("user", f"I said {word}.", author=word))
        memory.session("s").scratch.put("secret", f"The value is {word}.")
        memory.blocks.create("persona", f"The block says {word}.")
        memory.procedures.add(a_procedure("plan", f"Use {word}."))
        memory.files.create("notes/canary", f"The file says {word}.")
        memory.items.put(("users",), "canary", {"said": f"The item says {word}."}, texts=())
        blob = Blob("text", f"The state says {word}.".encode())
        memory.checkpoints.put(Checkpoint("t", "", "c0", blob, blob, versions={"messages": "1"}), {"messages": blob})
        made.append(memory.intend(f"Ask about {word}.", when="now", about=word))
        self.ids[name] = [record.id for record in made]

    def run(self, probes: int) -> Found:
        while self.found.probes < probes:
            what = self.chance.random()
            if what < 0.05:
                self.change_a_grant()
            elif what < 0.06:
                self.drop_or_make()
            elif what < 0.13:
                self.probe_house()
            elif what < 0.17:
                self.probe_across()
            elif what < 0.40 and self.kept:
                self.probe_kept()
            else:
                self.probe_space()
        return self.found

    def pick(self) -> tuple[str, str]:
        return self.chance.choice(PRINCIPALS), self.chance.choice(SPACES)

    def change_a_grant(self) -> None:
        who, space = self.pick()
        if who in ("stranger", "owner") or space not in self.there:
            return
        right = self.chance.choice(list(LEVELS))
        if self.chance.random() < 0.5:
            self.house.grant(who, space, right)
            self.rights[who, space] = max(self.rights.get((who, space), 0), LEVELS[right])
        else:
            self.house.revoke(who, space, right)
            self.rights[who, space] = min(self.rights.get((who, space), 0), LEVELS[right] - 1)

    def drop_or_make(self) -> None:
        space = self.chance.choice(SPACES)
        if space in self.there:
            self.house.drop(space, confirm=space)
            self.there.discard(space)
            self.rights = {key: right for key, right in self.rights.items() if key[1] != space}
        else:
            self.make(space)

    def probe_space(self) -> None:
        who, space = self.pick()
        verb = self.chance.choices(list(IN_A_SPACE), [WEIGHTS.get(verb, 1) for verb in IN_A_SPACE])[0]
        needed, call = IN_A_SPACE[verb]
        state = self.chance.getrandbits(40)

        def act(name: str) -> Any:
            chance = random.Random(state)
            return call(self.house.space(name, as_=who), chance, self.ids.get(space, []))

        self.judge(f"{who} {verb} {space}", who, space, self.level(who, space) >= needed, act)
        if self.level(who, space) >= 1 and self.chance.random() < 0.2:
            memory = self.house.space(space, as_=who)
            kind = self.chance.choice(["memory", "session", "records", "past", "export"])
            made = {
                "memory": lambda: memory,
                "session": lambda: memory.session("s"),
                "records": lambda: memory.records(),
                "past": lambda: memory.at(seq=2),
                "export": lambda: memory.export(),
            }[kind]()
            self.kept = [*self.kept[-40:], (who, space, self.generation[space], kind, needed, made)]

    def probe_kept(self) -> None:
        """Use something that was obtained when other grants held."""
        who, space, generation, kind, _, thing = self.chance.choice(self.kept)
        needed, call = {
            "memory": (1, lambda: thing.recall("canary")),
            "session": self.chance.choice([(1, lambda: thing.turns()), (2, lambda: thing.add("user", "Later."))]),
            "records": (1, lambda: next(thing, None)),
            "past": (1, lambda: thing.recall("canary")),
            "export": (1, lambda: next(thing, None)),
        }[kind]
        is_same = self.generation.get(space) == generation
        allowed = is_same and self.level(who, space) >= needed
        self.judge(f"{who} kept {kind} of {space}", who, space, allowed, lambda name: call(), twin=False)

    def probe_house(self) -> None:
        who, space = self.pick()
        other, right = self.chance.choice(PRINCIPALS[:4]), self.chance.choice(list(LEVELS))
        level, held = self.level(who, space), self.rights.get((other, space), 0)
        is_owner = who == "owner"
        need_grant, need_revoke = (3 if LEVELS[right] <= 2 else 4), (3 if max(held, LEVELS[right]) <= 2 else 4)
        if held < LEVELS[right]:
            need_revoke = 3 if LEVELS[right] <= 2 else 4
        house, policy = self.house, self.chance.choice([None, MARKING])
        verb, allowed, act = self.chance.choice(
            [
                ("grants", level >= 3, lambda name: house.grants(name, as_=who)),
                ("grant", level >= need_grant, lambda name: house.grant(other, name, right, by=who)),
                ("revoke", level >= need_revoke, lambda name: house.revoke(other, name, right, by=who)),
                ("limit", is_owner and level, lambda name: house.limit(name, Quota(memories=10_000), by=who)),
                ("restrict", is_owner and level, lambda name: house.restrict(name, policy, by=who)),
                ("usage", level >= 1, lambda name: house.usage(name, as_=who)),
                ("preview_drop", level >= 4, lambda name: house.preview_drop(name, as_=who)),
                ("drop by token", False, lambda name: house.drop(name, confirm="0" * 16, as_=who)),
                ("rename", is_owner and level, lambda name: house.rename(name, name, by=who)),
                ("create", is_owner and not level, lambda name: house.create(name, by=who)),
                ("drop", False, lambda name: house.drop(name, confirm=name, as_=who)),
                ("audit", is_owner, lambda name: house.audit(as_=who)),
                ("receipts", is_owner, lambda name: house.receipts(as_=who)),
                ("check", is_owner, lambda name: house.check(as_=who)),
                ("spaces", True, lambda name: house.spaces(as_=who)),
            ]
        )
        if (verb.startswith("drop") and level >= 4) or (verb == "create" and is_owner):
            return
        # No error is expected of these but a refusal, so whatever comes back was done.
        done = self.judge(f"{who} {verb} {space} {other} {right}", who, space, bool(allowed), act)
        if done and verb == "grant":
            self.rights[other, space] = max(held, LEVELS[right])
        elif done and verb == "revoke":
            self.rights[other, space] = min(held, LEVELS[right] - 1)
        elif done and verb == "spaces":
            seen = {entry.name for entry in house.spaces(as_=who)}
            if seen != {name for name in self.there if self.level(who, name) >= 1}:
                self.found.outside.append(f"{who} sees {seen}")

    def probe_across(self) -> None:
        who, _ = self.pick()
        names = self.chance.choice([None, self.chance.sample(SPACES, self.chance.randint(1, 4))])
        allowed = names is None or all(self.level(who, name) >= 1 for name in names)

        def act(_: str) -> Any:
            return self.house.recall(a_query(self.chance), spaces=names, as_=who, limit=self.chance.randint(1, 40))

        found = self.judge(f"{who} recall {names}", who, "", allowed, act, twin=False)
        if allowed and found is not None:
            asked = set(names) if names is not None else {name for name in self.there if self.level(who, name)}
            if not {hit.space for hit in found} <= asked or set(found.by_space) != asked:
                self.found.outside.append(f"{who} asked {asked} and was told of {found.by_space}")

    def judge(
        self, what: str, who: str, space: str, allowed: bool, act: Callable[[str], Any], *, twin: bool = True
    ) -> Any:
        self.found.probes += 1
        self.found.verbs.add(what.split()[1])
        strange = self.strange(who)
        try:
            answer = act(space)
            said = repr(list(answer)) if isinstance(answer, Iterator) and "kept" not in what else repr(answer)
        except NotAllowed as error:
            self.found.refused += 1
            if allowed:
                self.found.wrongly_refused.append(what)
            if twin and space:
                self.compare(what, who, str(error).replace(repr(space), "NAME"), act)
            return None
        except HoldfastError as error:
            # What a memory itself objects to, such as an unknown id; a store that fails is a finding.
            answer, said = None, f"{error}"
            if isinstance(error, (StoreError, AlreadyThere)) and not isinstance(error, NotEncrypted):
                self.found.wrongly_refused.append(f"{what}: {error!r}")
        self.found.answered += 1
        if not allowed or any(canary in said for canary in strange):
            self.found.outside.append(f"{what}: {said[:120]}")
        return True if answer is None else answer

    def compare(self, what: str, who: str, text: str, act: Callable[[str], Any]) -> None:
        try:
            act(AWAY)
            told = "an answer"
        except HoldfastError as error:
            told = (
                f"{type(error).__name__}" if type(error) is not NotAllowed else str(error).replace(repr(AWAY), "NAME")
            )
        if told != text:
            self.found.different.append(f"{what}: {text!r} but of an absent space {told!r}")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_answer_outside_the_grants_and_none_that_tells_absent_from_forbidden(opened, tmp_path, seed):
    found = Campaign(opened(folder=tmp_path / str(seed)), seed).run(PROBES // 2)
    print(f"seed {seed}: {found.probes} probes, {found.answered} answered, {found.refused} refused")  # noqa: T201
    assert found.outside == []
    assert found.different == []
    assert found.wrongly_refused == []
    assert min(found.answered, found.refused) > PROBES // 10, "both sides must be probed"
    assert len(found.verbs) > 35


def test_every_verb_of_a_space_is_probed(house, monkeypatch):
    asked = set()
    check = Gate.check
    monkeypatch.setattr(Gate, "check", lambda self, verb: (asked.add(verb), check(self, verb))[1])
    house.create("acme")
    ids = [house.space("acme").remember("Kept.").id]
    for _, call in IN_A_SPACE.values():
        with suppress(HoldfastError):
            call(house.space("acme"), random.Random(1), ids)
    of_a_space = {verb for verb in access.VERBS if not verb.startswith("Holdfast.")}
    assert of_a_space <= asked, "a new verb wants a line in IN_A_SPACE"


def planted(opened, probes: int = 1_200) -> Found:
    return Campaign(opened(), 3).run(probes)


def test_the_campaign_notices_reading_granted_to_everyone(opened, monkeypatch):
    allows = access.allows
    monkeypatch.setattr(
        sharing, "allows", lambda verb, s: allows(verb, s) or (verb == "Memory.recall" and s.space is not None)
    )
    monkeypatch.setattr(sharing.Sharing, "spaces", lambda self, who: [
        sharing._entry(Standing(space, None, administers=True)) for space in self.held()
    ])  # fmt: skip
    assert planted(opened).outside


def test_the_campaign_notices_a_guard_that_asks_only_once(opened, monkeypatch):
    check, asked = Gate.check, set()

    def once(self, verb):
        if (self, verb) not in asked:
            check(self, verb)
            asked.add((self, verb))

    monkeypatch.setattr(Gate, "check", once)
    assert planted(opened, 4_000).outside


def test_the_campaign_notices_a_refusal_that_says_which(opened, monkeypatch):
    permit = sharing.Sharing._permit

    def telling(self, view, verb, principal, name, space=None):
        try:
            return permit(self, view, verb, principal, name, space)
        except NotAllowed:
            if name in [held.name for held in view.spaces()]:
                raise NotAllowed(f"{principal!r} may not use {name!r}.") from None
            raise

    monkeypatch.setattr(sharing.Sharing, "_permit", telling)
    assert planted(opened).different
