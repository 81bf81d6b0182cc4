"""The guard: every verb is classified, everything a memory gives is guarded, and a revoked grant works at once."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from holdfast import Memory, Session
from holdfast.adapters.sqlite.registry import SqliteView
from holdfast.blocks import Blocks
from holdfast.core.access import FREE, HOUSE_VERBS, NOT_OFFERED, VERBS, allows
from holdfast.errors import Closed, InvalidText, NotAllowed, NotFound
from holdfast.groups import Admission, Expectations, Recalls, Storage
from holdfast.house import Holdfast
from holdfast.house_aio import AsyncHoldfast
from holdfast.house_wiring import acting_as
from holdfast.intentions import Intentions
from holdfast.model.access import HeldSpace, Quota, Right, Standing
from holdfast.procedures import Procedures
from holdfast.session_groups import Episodes, Scratch, Sessions, Tiers
from tests.house.scenes import refusal, refused

GROUPS = (Admission, Blocks, Episodes, Expectations, Intentions, Procedures, Recalls, Sessions, Storage, Tiers)
HELD = HeldSpace(b"i" * 16, "acme", 0, made=True, quota=Quota())


def public(kind: type) -> set[str]:
    found = {name for name in dir(kind) if not name.startswith("_")}
    return {f"{kind.__name__}.{name}" for name in found}


def test_every_public_method_has_a_verb_and_every_verb_a_method():
    groups = {f"Memory.{kind.__name__.lower()}" for kind in GROUPS}
    assert public(Memory) | groups == {v for v in (*VERBS, *FREE, *NOT_OFFERED) if v.startswith("Memory.")}
    for kind in (*GROUPS, Scratch):
        assert public(kind) == {verb for verb in VERBS if verb.startswith(f"{kind.__name__}.")}
    assert public(Session) | {"Session.id"} == {verb for verb in VERBS if verb.startswith("Session.")}
    own = {verb.split(" ")[0] for verb in (*VERBS, *HOUSE_VERBS) if verb.startswith("Holdfast.")}
    unchecked = {"Holdfast.open", "Holdfast.close", "Holdfast.verify"}  # who has a receipt may check it
    assert own | unchecked | {"Holdfast.recall"} == public(Holdfast)


def test_what_methods_give_back_is_plain_or_guarded():
    """By their annotations: a method that gave something else would be refused when called."""
    guarded = ("Memory", "Session", "Iterator[Record]", "Iterator[str]", "AgentTools")
    plain = ("None", "int", "str", "list[str]", "Record", "Recollection", "Summary", "ForgetReceipt", "ForgetPreview",
             "MarkdownReport", "ImportReport", "list[Record]", "list[ForgetReceipt]", "Proof",
             "Verification", "AuditReport", "History", "Why", "BackupReport", "Encryption", "Explanation", "Replay",
             "Expectation", "list[Expectation]", "list[Outcome]", "list[KeptRecall]", "Block", "list[Block]",
             "Intention", "list[Intention]", "Procedure", "list[Procedure]", "ProcedureMatches", "RenderedProcedure",
             "Trial", "list[Trial]", "Success", "ProcedureComparison",
             "Messages", "Working", "Any", "bool", "list[SessionInfo]", "SessionInfo", "list[SessionFound]",
             "list[Episode]", "list[TierHolding]", "SweepReport", "MendReport", "SnapshotReport", "PruneReport",
             "CompactReport", "Window", "Context")  # fmt: skip
    for kind in (Memory, Session, *GROUPS, Scratch):
        for name, thing in vars(kind).items():
            if inspect.isfunction(thing) and not name.startswith("_"):
                gives = inspect.signature(thing).return_annotation
                given = set(gives.replace("builtins.", "").split(" | "))
                assert given <= {*guarded, *plain}, f"{name} gives {gives}: may everyone have it?"


@pytest.mark.parametrize("administers", [False, True])
@pytest.mark.parametrize("right", [None, *Right])
@pytest.mark.parametrize("space", [None, HELD])
def test_the_decision_over_all_standings(space, right, administers):
    standing = Standing(space, right, administers)
    for verb, needed in VERBS.items():
        expected = space is not None and (administers or (right or 0) >= needed)
        assert allows(verb, standing) is expected
    for verb in HOUSE_VERBS:
        assert allows(verb, standing) is administers
    for verb in (*NOT_OFFERED, "Memory.dream", "", "Memory.", "recall"):
        assert not allows(verb, standing)


def test_a_method_that_is_not_classified_is_refused_even_to_the_owner(house, monkeypatch):
    house.create("acme")
    memory = house.space("acme")
    monkeypatch.setattr(Memory, "dream", lambda self: "secret", raising=False)
    monkeypatch.setattr(Memory, "groups", property(lambda self: "secret"), raising=False)
    with refused(NotAllowed):
        memory.dream()
    with refused(NotAllowed):
        memory.groups  # noqa: B018
    with refused(NotAllowed):
        memory.open("elsewhere.db")
    with pytest.raises(AttributeError):
        memory.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        memory._space  # noqa: B018


def test_what_is_neither_plain_nor_guarded_is_not_handed_out(house, monkeypatch):
    house.create("acme")
    monkeypatch.setattr(Memory, "summary", lambda self: self._space.store)
    with refused(NotAllowed, "SqliteStore"):
        house.space("acme").summary()


@pytest.mark.parametrize("right", list(Right))
def test_each_right_opens_its_verbs_and_no_more(house, right):
    house.create("acme")
    known = house.space("acme").remember("The launch is on Friday.")
    house.grant("ann", "acme", right)
    memory = house.space("acme", as_="ann")
    calls = {
        Right.READ: [
            lambda: memory.recall("launch"), lambda: memory.get(known.id), lambda: list(memory.export()),
            lambda: memory.session("s").turns(), lambda: memory.summary(), lambda: memory.at(seq=1).recall("launch"),
        ],
        Right.WRITE: [
            lambda: memory.remember("More."), lambda: memory.session("s").add("user", "Hello."),
            lambda: memory.revise(known.id, importance=0.9), lambda: memory.import_([]),
        ],
        Right.SHARE: [lambda: house.grants("acme", as_="ann"), lambda: house.grant("bo", "acme", "write", by="ann")],
        Right.ADMIN: [
            lambda: memory.storage.rebuild(), lambda: house.grant("bo", "acme", "admin", by="ann"),
            lambda: house.revoke("bo", "acme", "share", by="ann"),
        ],
    }  # fmt: skip
    for needed, some in calls.items():
        for call in some:
            try:
                call()
                allowed = True
            except NotAllowed:
                allowed = False
            except (InvalidText, ValueError):
                allowed = True
            assert allowed is (right >= needed)


def test_sessions_iterators_and_the_past_end_with_the_grant(house):
    house.create("acme")
    for number in range(5):
        house.space("acme").remember(f"Number {number}.")
    house.grant("ann", "acme", "write")
    memory = house.space("acme", as_="ann")
    session, past = memory.session("s"), memory.at(seq=3)
    records, lines, old = memory.records(), memory.export(), past.records()
    assert [next(records).text, next(old).text] == ["Number 0.", "Number 0."]
    next(lines)
    session.add("user", "Hello.")

    assert house.revoke("ann", "acme", "write") is Right.READ
    assert [turn.text for turn in session.turns()] == ["Hello."]
    with refused(NotAllowed):
        session.add("user", "Again.")
    house.revoke("ann", "acme")
    for call in (
        session.turns, lambda: session.id, lambda: next(records), lambda: next(lines), lambda: next(old),
        past.summary, lambda: past.recall("number"), lambda: memory.session("s"), memory.records,
    ):  # fmt: skip
        with refused(NotAllowed):
            call()
    house.grant("ann", "acme", "read")
    assert next(records).text == "Number 1."


REVOKE = """
import sys
from holdfast.house import Holdfast
with Holdfast.open(sys.argv[1], embedder=None) as house:
    house.revoke("ann", "acme")
    house.grant("bo", "acme", "read")
"""


def test_a_grant_revoked_in_another_process_ends_at_once(house, folder):
    house.create("acme")
    house.grant("ann", "acme", "write")
    memory = house.space("acme", as_="ann")
    session = memory.session("s")
    session.add("user", "Hello.")
    with refused(NotAllowed):
        house.space("acme", as_="bo")
    subprocess.run([sys.executable, "-W", "error", "-c", REVOKE, str(folder)], check=True)
    for call in (session.turns, lambda: session.add("user", "x"), lambda: memory.recall("x"), memory.summary):
        with refused(NotAllowed):
            call()
    assert [turn.text for turn in house.space("acme", as_="bo").session("s").turns()] == ["Hello."]


def test_what_is_written_names_the_principal_who_wrote_it(house):
    house.create("acme")
    house.grant("Ann", "acme", "write")
    house.grant("bo", "acme", "write")
    ann, bo = house.space("acme", as_="ann"), house.space("acme", as_="bo")
    assert ann.remember("By Ann.").actor == "ann"
    assert bo.remember("By Bo.").actor == "bo"
    assert bo.session("s").add("user", "Also by Bo.").actor == "bo"
    assert bo.correct(ann.remember("Wrong.").id, "Right.").actor == "bo"
    one, two = ann.remember("Keyed.", key="k"), bo.remember("Keyed too.", key="k")
    assert one.id != two.id, "keys belong to principals"
    assert bo.forget(two.id).actor == "bo"


def test_no_part_of_a_space_keeps_the_principal_it_was_opened_for(house):
    """A service that notes who acts and is not made anew would note the wrong one."""
    house.create("acme")
    held = house._sharing.check("Holdfast.space", "owner", "acme")
    shared = house._spaces.handle(held).space
    twin = acting_as(shared, "ann")
    seen: set[int] = set()

    def actors(part, depth=0):
        if id(part) in seen or depth > 3 or not hasattr(part, "__dict__"):
            return
        seen.add(id(part))
        for name, value in vars(part).items():
            if name in ("_actor", "actor"):
                yield value
            elif type(value).__module__.startswith("holdfast."):
                yield from actors(value, depth + 1)

    assert set(actors(twin)) == {"ann"}
    assert twin.index is shared.index, "the index is shared"
    assert twin.store is shared.store


def test_closing_a_use_of_a_space_closes_nothing_for_others(house):
    house.create("acme")
    with house.space("acme") as one:
        other = house.space("acme")
        one.remember("Hello.")
        session = one.session("s")
    for call in (one.summary, session.turns, lambda: one.recall("x")):
        with refused(Closed):
            call()
    assert other.summary().live == 1
    past = other.at(seq=1)
    past.close()
    with refused(Closed):
        past.summary()
    assert other.summary().live == 1


def test_errors_of_the_memory_itself_come_through(house):
    house.create("acme")
    with refused(NotFound):
        house.space("acme").get("0192f3c4-5a6b-7c8d-9e0f-112233445566")
    with refused(InvalidText):
        house.space("acme").remember("")
    assert inspect.signature(house.space("acme").recall) == inspect.signature(Memory.recall.__get__(object()))
    assert "space 'acme' for 'owner'" in repr(house.space("acme"))


def test_many_spaces_stay_usable_beyond_those_kept_open(opened, monkeypatch):
    monkeypatch.setattr("holdfast.house_wiring.KEPT_OPEN", 2)
    house = opened()
    memories = []
    for number in range(6):
        house.create(f"s/{number}")
        memories.append(house.space(f"s/{number}"))
    for number, memory in enumerate(memories):
        memory.remember(f"Number {number}.")
    sessions = [memory.session("s") for memory in memories]
    del memories, memory
    assert len(house._spaces._open) == 6, "in use by their sessions"
    for number, session in enumerate(sessions):
        session.add("user", f"Turn {number}.")
    del sessions, session
    assert len(house._spaces._open) == 2
    assert [house.space(f"s/{number}").summary().live for number in range(6)] == [2] * 6


@pytest.mark.parametrize(
    "call",
    [
        lambda house, space: house.space(space, as_="ann"),
        lambda house, space: house.grants(space, as_="ann"),
        lambda house, space: house.grant("bo", space, "read", by="ann"),
        lambda house, space: house.revoke("owner", space, by="ann"),
        lambda house, space: house.drop(space, confirm=space, as_="ann"),
        lambda house, space: house.recall("secret", spaces=[space], as_="ann"),
        lambda house, space: house.rename(space, "other", by="ann"),
        lambda house, space: house.limit(space, Quota(memories=1), by="ann"),
        lambda house, space: house.create(space, by="ann"),
    ],
)
@pytest.mark.parametrize("known", [False, True], ids=["stranger", "knows another space"])
def test_absent_and_not_allowed_are_one_answer_for_the_same_work(house, monkeypatch, call, known):
    house.create("acme/there")
    house.create("acme/other")
    house.space("acme/there").remember("Secret.")
    if known:
        house.grant("ann", "acme/other", "admin")
    asked: list[str] = []
    rows = SqliteView.rows
    monkeypatch.setattr(SqliteView, "rows", lambda self, sql, values=(): asked.append(sql) or rows(self, sql, values))
    texts, work = [], []
    for space in ("acme/there", "acme/away"):
        asked.clear()
        texts.append(refusal(lambda space=space: call(house, space)).replace(space, "NAME"))
        work.append(list(asked))
    assert texts[0] == texts[1]
    assert work[0] == work[1]
    assert len(house.spaces()) == 2


def shapes(facade: type) -> dict[str, tuple]:
    found = {}
    for name, member in vars(facade).items():
        if not name.startswith("_"):
            function = getattr(member, "__func__", member)
            parameters = inspect.signature(function).parameters.values()
            found[name] = tuple((p.name, p.kind, p.default, p.annotation) for p in parameters)
    return found


def test_the_async_facade_has_the_same_calls():
    assert shapes(AsyncHoldfast) == shapes(Holdfast)


def test_the_async_facade_is_guarded_too(folder):
    import asyncio

    async def use() -> None:
        async with await AsyncHoldfast.open(folder, embedder=None) as house:
            await house.create("acme")
            await house.grant("ann", "acme", "write")
            async with await house.space("acme", as_="ann") as memory:
                await memory.remember("The launch is on Friday.")
                session = memory.session("s")
                await session.add("user", "Hello.")
                assert [hit.space async for hit in aiter_(await house.recall("launch", as_="ann"))] == ["acme"] * 2
                assert len([record async for record in memory.records()]) == 2
                await house.revoke("ann", "acme")
                with refused(NotAllowed):
                    await session.turns()
                with refused(NotAllowed):
                    await memory.recall("launch")
            receipt = await house.drop("acme", confirm="acme")
            assert (await house.verify(receipt)).holds
            assert await house.spaces() == []
            assert await house.check() == []
            assert [entry.what for entry in await house.audit()][-1] == "erased"

    async def aiter_(items):
        for item in items:
            yield item

    asyncio.run(use())


def test_what_is_looked_up_by_a_name_asks_for_every_use(house):
    house.create("acme")
    house.space("acme").blocks.create("persona", "Brief.")
    house.grant("bo", "acme", "read")
    held = house.space("acme", as_="bo").blocks["persona"]
    assert held.text == "Brief."
    with pytest.raises(NotAllowed):
        held.write("Long.")
    house.grant("bo", "acme", "write")
    assert held.write("Brief, kind.").actor == "bo"
    house.revoke("bo", "acme", "read")
    with pytest.raises(NotAllowed):
        held.append("More.")
    assert house.space("acme").blocks["persona"].text == "Brief, kind."
    with pytest.raises(TypeError, match="Memory has nothing under a name"):
        house.space("acme")["persona"]
