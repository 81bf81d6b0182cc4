"""Intentions: by time, event and condition, taken exactly once, put off, closed, expired, whatever the clock does."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from holdfast import AsyncMemory
from holdfast.errors import (
    Conflict,
    Gone,
    InvalidField,
    InvalidFilter,
    InvalidText,
    InvalidTime,
    KeyReused,
    NotFound,
    Refused,
)
from holdfast.model.intentions import IntentionState
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.model.times import format_when
from tests.services.conftest import START_MS
from tests.services.scenes import bytes_of, found, refused, state_of

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TOKEN = "ghp_" + "a1B2" * 9
"""Looks like a GitHub token."""
UNKNOWN = "0192f3c4-5a6b-7c8d-9e0f-112233445566"


def texts(intentions) -> list[str]:
    return [one.text for one in intentions]


def states(memory) -> dict[str, str]:
    return {one.text: str(one.state) for one in memory.intentions.list()}


def test_what_has_a_time_is_due_from_then_on_until_it_is_taken(memory, clock):
    noted = memory.intend("Ask about the visa", when=format_when(START_MS + HOUR_MS))
    assert (noted.when_ms, noted.said, noted.state, noted.made_ms) == (START_MS + HOUR_MS, None, "pending", START_MS)
    clock.advance(HOUR_MS - 1)
    assert memory.intentions.due() == []
    assert memory.intentions.take() == []
    clock.advance(1)
    assert texts(memory.intentions.due()) == texts(memory.intentions.due()) == ["Ask about the visa"]
    (taken,) = memory.intentions.take()
    assert (taken.state, taken.fired_ms, taken.taken_by, taken.version) == ("fired", clock.now, None, 2)
    assert memory.intentions.take() == memory.intentions.due() == []
    assert memory.intentions.get(noted.id) == taken
    assert memory.check() == []


def test_words_for_a_time_are_read_when_it_is_noted_and_told_back(memory, clock):
    """The clock stands at Sunday, 2025-06-15, 15:06:40 UTC."""
    noted = memory.intend("Call Sarah", when="next  Friday at 9am", until="in two weeks")
    assert (format_when(noted.when_ms), noted.said) == ("2025-06-20T09:00:00Z", "next Friday at 9am")
    assert format_when(noted.until_ms) == "2025-06-29T15:06:40Z"
    clock.advance(7 * DAY_MS)
    assert memory.intentions.get(noted.id).when_ms == noted.when_ms
    with refused(memory, InvalidTime, "is read as", "which is past"):
        memory.intend("x", when="last Friday")
    with refused(memory, InvalidTime, "'next Friday', 'tomorrow at 9am'"):
        memory.intend("x", when="some day")


def test_it_waits_for_exactly_one_thing(memory):
    for given in ({}, {"when": "tomorrow", "event": "e"}, {"event": "e", "condition": "a = 1"}):
        with refused(memory, InvalidField, "waits for one thing"):
            memory.intend("x", **given)
    for given in ({"event": ""}, {"event": "a\0"}, {"event": "x" * 501}, {"when": "tomorrow", "about": ""}):
        with pytest.raises((InvalidField, InvalidText)):
            memory.intend("x", **given)
    with refused(memory, InvalidText):
        memory.intend("", when="tomorrow")
    with refused(memory, InvalidTime, "before it can be due"):
        memory.intend("x", when="tomorrow", until="2025-06-16")
    with refused(memory, InvalidTime, "before it can be due"):
        memory.intend("x", event="e", until="2025-06-15")


def test_an_event_makes_due_what_waits_for_it_once(memory, clock):
    memory.intend("Tell Ben", event="deploy finished")
    memory.intend("Tell Eve", event="deploy failed")
    assert memory.intentions.take() == []
    clock.advance(5)
    (fired,) = memory.intentions.fire("deploy finished")
    assert (fired.text, fired.met_ms, fired.state) == ("Tell Ben", clock.now, "pending")
    assert memory.intentions.fire("deploy finished") == []
    memory.intend("Tell Ida", event="deploy finished")
    assert texts(memory.intentions.take()) == ["Tell Ben"]
    assert memory.intentions.take() == []
    assert texts(memory.intentions.fire("deploy finished")) == ["Tell Ida"]
    before = state_of(memory)
    assert memory.intentions.fire("nothing of the kind") == []
    assert state_of(memory) == before


@pytest.mark.parametrize(
    "condition",
    [
        "open_tickets > 3 and status in (open, new)",
        {"open_tickets": {"gt": 3}, "status": ["open", "new"]},
        {"attributes.open_tickets": {"gt": 3}, "attributes.status": {"in": ["open", "new"]}},
    ],
)
def test_a_condition_is_asked_of_the_facts_that_are_given(opened, condition):
    memory = opened()
    noted = memory.intend("Escalate", condition=condition)
    assert noted.condition == {"and": [{"open_tickets": {"gt": 3}}, {"status": {"in": ["open", "new"]}}]}
    for facts in (None, {}, {"open_tickets": 4}, {"open_tickets": 3, "status": "open"}, {"open_tickets": "9"}):
        assert memory.intentions.due(facts=facts) == memory.intentions.take(facts=facts) == []
    met = {"open_tickets": 4, "status": "new", "further": True}
    assert texts(memory.intentions.due(facts=met)) == ["Escalate"]
    assert texts(memory.intentions.take(facts=met)) == ["Escalate"]
    assert memory.intentions.take(facts=met) == []


def test_facts_may_be_called_as_fields_of_memories_are(opened):
    memory = opened()
    memory.intend("x", condition="kind = release and not author exists and attributes.text contains NOW")
    assert memory.intentions.due(facts={"kind": "turn", "text": "now"}) == []
    assert texts(memory.intentions.due(facts={"kind": "release", "text": "right now"})) == ["x"]


def test_a_condition_or_facts_that_cannot_be_read_are_refused(opened):
    memory = opened()
    deep: object = {"a": 1}
    for _ in range(40):
        deep = {"not": deep}
    for condition in ("a >", "", {}, {"a": {"near": 1}}, {"a": []}, {"and": []}, 5, ["a"], deep, {"a": None}):
        with refused(memory, InvalidFilter):
            memory.intend("x", condition=condition)
    for facts in ([], "a=1", {"a": None}, {"a": [1]}, {"a": float("nan")}, {5: 1}, {"": 1}):
        with pytest.raises((InvalidField, InvalidText)):
            memory.intentions.due(facts=facts)


def test_what_is_due_longest_comes_first_and_a_limit_leaves_the_rest(memory, clock):
    for hours in (3, 1, 2):
        memory.intend(f"after {hours}", when=format_when(START_MS + hours * HOUR_MS))
    memory.intend("event", event="e")
    clock.advance(150 * 60_000)
    memory.intentions.fire("e")
    clock.advance(DAY_MS)
    assert texts(memory.intentions.due()) == ["after 1", "after 2", "event", "after 3"]
    assert texts(memory.intentions.take(limit=3)) == ["after 1", "after 2", "event"]
    assert texts(memory.intentions.take()) == ["after 3"]
    for limit in (0, 1_001, True):
        with pytest.raises(InvalidField):
            memory.intentions.take(limit=limit)


def test_it_can_be_asked_for_another_moment(memory):
    memory.intend("x", when="tomorrow")
    assert memory.intentions.due() == []
    assert texts(memory.intentions.due("2025-06-16")) == ["x"]
    assert texts(memory.intentions.take("2025-06-16")) == ["x"]


def test_a_session_gets_what_it_took_again_until_it_is_done_and_nobody_else_does(opened, path, clock):
    mine, theirs = opened(path), opened(path)
    mine.intend("one", when="now")
    mine.intend("two", when="now")
    assert texts(mine.intentions.take(session="s")) == ["one", "two"]
    assert theirs.intentions.take() == theirs.intentions.take(session="t") == []
    clock.advance(DAY_MS)
    before = state_of(mine)
    again = theirs.intentions.take(session="s")
    assert texts(again) == ["one", "two"]
    assert again[0].fired_ms == START_MS
    assert state_of(mine) == before
    mine.intentions.done(again[0].id)
    assert texts(theirs.intentions.take(session="s")) == ["two"]
    mine.intentions.cancel(again[1].id)
    assert theirs.intentions.take(session="s") == []


def test_who_comes_too_late_for_one_gets_another_that_is_due(opened, path):
    mine, theirs = opened(path), opened(path)
    mine.intend("one", when="now")
    mine.intend("two", when="now")
    service = mine._space.intentions
    write, late = service._write, [True]

    def write_late(decide):
        if late and late.pop():
            assert texts(theirs.intentions.take(limit=1)) == ["one"]
        return write(decide)

    service._write = write_late
    assert texts(mine.intentions.take(limit=1)) == ["two"]
    assert mine.intentions.take() == []


def test_without_a_session_it_is_given_once_and_not_again(opened, path):
    mine, theirs = opened(path), opened(path)
    mine.intend("one", when="now")
    assert texts(mine.intentions.take()) == ["one"]
    for taker in (mine, theirs):
        assert taker.intentions.take() == taker.intentions.take(session="s") == taker.intentions.due() == []


def test_snoozed_it_is_not_due_before_and_waits_no_longer_for_its_event(memory, clock):
    one = memory.intend("by time", when="now")
    two = memory.intend("by event", event="e")
    three = memory.intend("by condition", condition="a = 1")
    memory.intentions.fire("e")
    assert len(memory.intentions.take(facts={"a": 1}, session="s")) == 3
    for each in (one, two, three):
        put_off = memory.intentions.snooze(each.id, "in 2 hours")
        assert (put_off.state, put_off.taken_by) == ("pending", None)
        assert put_off.snoozed_until_ms == START_MS + 2 * HOUR_MS
    clock.advance(2 * HOUR_MS - 1)
    assert memory.intentions.take(session="s") == []
    clock.advance(1)
    assert sorted(texts(memory.intentions.take(session="t"))) == ["by condition", "by event", "by time"]


def test_what_was_not_due_yet_is_snoozed_and_still_waits(memory, clock):
    one = memory.intend("by event", event="e")
    memory.intentions.snooze(one.id, "in 2 hours")
    assert texts(memory.intentions.fire("e")) == ["by event"]
    assert memory.intentions.due() == []
    clock.advance(2 * HOUR_MS)
    assert texts(memory.intentions.due()) == ["by event"]


def test_it_is_not_snoozed_into_the_past_or_beyond_its_end(memory):
    one = memory.intend("x", when="now", until="in 3 days")
    with refused(memory, InvalidTime, "past"):
        memory.intentions.snooze(one.id, "2025-06-15")
    with refused(memory, InvalidTime, "It ends at 2025-06-18T15:06:40Z"):
        memory.intentions.snooze(one.id, "in 3 days")
    with refused(memory, InvalidTime):
        memory.intentions.snooze(one.id, "whenever")


def test_done_and_cancelled_are_for_good_and_again_is_no_change(memory):
    one, two = memory.intend("one", when="now"), memory.intend("two", when="tomorrow")
    memory.intentions.take()
    assert memory.intentions.done(one.id).state is IntentionState.DONE
    assert memory.intentions.cancel(two.id).state is IntentionState.CANCELLED
    before = state_of(memory)
    assert memory.intentions.done(one.id).version == 3
    assert memory.intentions.cancel(two.id).version == 2
    assert state_of(memory) == before
    for call in (
        lambda: memory.intentions.cancel(one.id),
        lambda: memory.intentions.done(two.id),
        lambda: memory.intentions.snooze(one.id, "tomorrow"),
    ):
        with refused(memory, Conflict, "already"):
            call()
    assert memory.intentions.due("2025-07-01") == []
    assert states(memory) == {"one": "done", "two": "cancelled"}
    assert texts(memory.intentions.list("done")) == texts(memory.intentions.list(IntentionState.DONE)) == ["one"]
    with pytest.raises(InvalidField, match="expected one of: pending"):
        memory.intentions.list("open")


def test_what_nobody_took_before_its_end_is_expired_and_stays_so(memory, clock):
    one = memory.intend("late", when="in an hour", until="in 2 hours")
    two = memory.intend("taken", when="in an hour", until="in 2 hours")
    three = memory.intend("event", event="e", until="in 2 hours")
    clock.advance(HOUR_MS)
    assert texts(memory.intentions.take(limit=1)) == ["late"]
    memory.intentions.snooze(one.id, "in 30 minutes")
    assert texts(memory.intentions.take(limit=1)) == ["taken"]
    clock.advance(HOUR_MS)
    assert states(memory) == {"late": "expired", "taken": "fired", "event": "expired"}
    assert memory.intentions.fire("e") == memory.intentions.due() == []
    assert memory.intentions.take() == []
    assert memory.intentions.done(two.id).state is IntentionState.DONE
    with refused(memory, Conflict, "is expired already"):
        memory.intentions.snooze(three.id, "tomorrow")
    clock.advance(-2 * HOUR_MS)
    assert states(memory)["late"] == "expired", "take wrote it down, so that no clock brings it back"
    assert memory.intentions.due() == []


def test_a_clock_that_goes_backwards_fires_nothing_twice(memory, clock):
    memory.intend("one", when="in an hour")
    memory.intend("two", when="in 2 hours")
    clock.advance(HOUR_MS)
    (taken,) = memory.intentions.take()
    clock.advance(-5 * HOUR_MS)
    assert memory.intentions.due() == memory.intentions.take() == []
    assert memory.intentions.done(taken.id).state is IntentionState.DONE
    memory.intend("three", when="in an hour")
    clock.advance(2 * HOUR_MS)
    assert texts(memory.intentions.take()) == ["three"]
    clock.advance(4 * HOUR_MS)
    assert texts(memory.intentions.take()) == ["two"]
    assert memory.check() == []


def test_the_same_call_with_a_key_notes_it_once(memory, clock):
    first = memory.intend("x", when="2025-07-01", key="k")
    clock.advance(DAY_MS)
    assert memory.intend("x", when="2025-07-01", key="k") == first
    with refused(memory, KeyReused):
        memory.intend("y", when="2025-07-01", key="k")
    memory.intentions.done(first.id)
    assert memory.intend("x", when="2025-07-01", key="k").state is IntentionState.DONE
    memory.forget(first.id)
    with refused(memory, Gone):
        memory.intend("x", when="2025-07-01", key="k")


def test_what_is_no_intention_is_not_found(memory):
    fact, one = memory.remember("A fact."), memory.intend("x", when="now")
    for call in (memory.intentions.get, memory.intentions.done, memory.intentions.cancel):
        for memory_id in (UNKNOWN, fact.id):
            with refused(memory, NotFound, "no intention"):
                call(memory_id)
        with refused(memory, InvalidField):
            call("nonsense")
    memory.forget(one.id)
    for call in (memory.intentions.get, memory.intentions.done):
        with refused(memory, Gone):
            call(one.id)


def test_a_forget_reaches_every_version(opened, path):
    memory = opened(path)
    memory.remember("A fact.")
    memory.intend("the canary one", when="now", about="Ada")
    memory.intend("the canary two", event="canary event", about="ada")
    memory.intentions.add("the canary three", condition="canary = 1", session="chat-1")
    memory.intentions.fire("canary event")
    memory.intentions.take(session="canary session")
    assert sum("the canary" in line for line in memory.export(about="Ada")) == 2
    assert len(memory.forget(about="Ada").forgotten) == 2
    assert len(memory.forget(session="chat-1", where="kind = intention").forgotten) == 1
    assert b"canary" not in bytes_of(path)
    assert memory.intentions.list() == memory.intentions.due(facts={"canary": 1}) == []
    assert memory.check() == []


def test_an_intention_is_never_recalled_or_listed(memory):
    memory.intend("Ask Ada where she lives", when="now")
    assert found(memory, "where does Ada live?") == []
    assert list(memory.records()) == []
    assert memory.summary().live == 0


def test_a_policy_applies_to_its_words_and_leaves_its_times_as_they_are(opened, path, clock):
    every = Policy(actions=dict.fromkeys(Sensitive, Action.REDACT))
    memory = opened(path, policy=every)
    noted = memory.intend(f"Use {TOKEN}", condition={"note": 1}, about=TOKEN, until="2026-11-20T14:57:05Z")
    assert TOKEN not in noted.text + noted.about
    assert format_when(noted.until_ms) == "2026-11-20T14:57:05Z"
    assert TOKEN.encode() not in bytes_of(path)
    apart = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}))
    with refused(apart, Refused, "brought up as it is"):
        apart.intend(f"Use {TOKEN}", when="now")
    later = opened()
    later.intend(f"Use {TOKEN}", when="now")
    later.admission.audit(Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}), dry_run=False)
    assert later.intentions.list() == later.intentions.take() == []
    short = opened(policy=Policy(otherwise=Retention(Keep.FOR_A_WHILE, DAY_MS)))
    short.intend("x", when="tomorrow")
    clock.advance(2 * DAY_MS)
    assert short.intentions.list() == short.intentions.take() == []


def test_an_audit_redacts_what_waits_and_it_waits_on(opened):
    memory = opened()
    memory.intend(f"Use {TOKEN}", when="tomorrow")
    memory.admission.audit(Policy(), dry_run=False)
    (held,) = memory.intentions.list()
    assert TOKEN not in held.text
    assert texts(memory.intentions.take("2025-06-16")) == [held.text]


def test_states_go_along_with_exports_journals_and_rebuilds(opened, path):
    memory = opened(path)
    memory.intend("taken", when="now", about="Ada")
    memory.intend("waits", condition="a = 1", until="in 3 days")
    memory.intentions.take(session="s")
    lines, digest = list(memory.export()), memory.storage.digest()
    for other in (opened(), opened()):
        if other.import_(lines).added == 2:
            assert states(other) == {"taken": "fired", "waits": "pending"}
        assert other.import_(lines).added == 0
        assert texts(other.intentions.take(facts={"a": 1}, session="s")) == ["taken", "waits"]
    whole = opened()
    whole.storage.merge(list(memory.storage.journal()))
    assert states(whole) == {"taken": "fired", "waits": "pending"}
    assert memory.storage.rebuild() == digest == whole.storage.digest()
    assert states(memory) == states(whole)


@pytest.mark.parametrize(
    "change",
    [{"state": "maybe"}, {"when_ms": 5}, {"event": None}, {"fired_ms": 2**62}, {"condition": {"a": {"near": 1}}},
     {"further": 1}, {"said": ""}],
)  # fmt: skip
def test_an_intention_that_no_call_would_have_written_is_not_imported(opened, change):
    source, memory = opened(), opened()
    source.intend("x", event="e")
    line = json.loads(next(source.export()))
    line["content"]["body"] = json.dumps({**json.loads(line["content"]["body"]), **change})
    before = state_of(memory)
    report = memory.import_([json.dumps(line)], skip_errors=True, format="records")
    assert (report.added, len(report.skipped)) == (0, 1)
    assert state_of(memory) == before


def test_what_two_devices_took_apart_is_taken_once_they_meet(opened):
    one, two = opened(), opened()
    noted = one.intend("x", when="now")
    two.storage.merge(list(one.storage.journal()))
    assert texts(one.intentions.take(session="a")) == texts(two.intentions.take(session="b")) == ["x"]
    one.storage.merge(list(two.storage.journal()))
    two.storage.merge(list(one.storage.journal()))
    assert one.storage.digest() == two.storage.digest()
    assert one.intentions.get(noted.id) == two.intentions.get(noted.id)
    assert one.intentions.take() == two.intentions.take() == []
    assert two.intentions.done(noted.id).state is IntentionState.DONE


def test_intentions_are_seen_as_they_were(opened, clock):
    memory = opened()
    memory.intend("x", when="in an hour")
    clock.advance(HOUR_MS)
    memory.intentions.take()
    with memory.at(seq=1) as then:
        assert states(then) == {"x": "pending"}


def test_of_many_threads_and_openings_exactly_one_takes_each(opened, path):
    memories = [opened(path) for _ in range(4)]
    for number in range(30):
        memories[0].intend(f"number {number}", when="now")
    taken, lock = list[str](), threading.Lock()

    def take_all(memory) -> None:
        while some := memory.intentions.take(limit=2):
            with lock:
                taken.extend(one.id for one in some)

    threads = [threading.Thread(target=take_all, args=(memories[number % 4],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 30


def test_intentions_with_await_are_the_same_intentions(path):
    async def use() -> None:
        async with await AsyncMemory.open(path, embedder=None) as memory:
            one = await memory.intend("one", when="now")
            two = await memory.intentions.add("two", event="e", session="s")
            assert texts(await memory.intentions.fire("e")) == ["two"]
            assert texts(await memory.intentions.due()) == texts(await memory.intentions.take(session="s"))
            assert (await memory.intentions.done(one.id)).state == "done"
            assert (await memory.intentions.snooze(two.id, "tomorrow")).state == "pending"
            assert await memory.intentions.cancel(two.id) == await memory.intentions.get(two.id)
            assert texts(await memory.intentions.list()) == ["one", "two"]

    asyncio.run(use())


def test_the_same_words_under_the_same_key_are_the_same_call(memory, clock):
    first = memory.intend("x", when="in two weeks", until="in 2 months", key="k")
    clock.advance(5)
    assert memory.intend("x", when="in two weeks", until="in 2 months", key="k") == first
    clock.advance(DAY_MS)
    assert memory.intend("x", when="In  two weeks", until="in 2 months", key="k") == first
    for other in (
        {"when": "in three weeks", "until": "in 2 months"}, {"when": "in two weeks"},
        {"when": "in two weeks", "until": "in 3 months"}, {"when": format_when(first.when_ms), "until": "in 2 months"},
    ):  # fmt: skip
        with refused(memory, KeyReused, "cancel"):
            memory.intend("x", **other, key="k")


def test_what_was_taken_elsewhere_is_not_taken_again_after_a_later_import(opened, clock):
    source, memory = opened(), opened()
    rent = source.intend("pay rent", when="now")
    visa = source.intend("visa", when="now")
    waits = source.intend("event", event="e", until="in 3 days")
    off = source.intend("put off", when="now")
    memory.import_(list(source.export()))
    early = list(source.export())
    clock.advance(1_000)
    source.intentions.take(session="s")
    source.intentions.fire("e")
    source.intentions.done(rent.id)
    source.intentions.snooze(off.id, "in 2 days")
    late = list(source.export())
    report = memory.import_(late)
    assert (report.added, report.corrected, report.unchanged) == (0, 4, 0)
    for one in (rent, visa, waits, off):
        mine, theirs = memory.intentions.get(one.id), source.intentions.get(one.id)
        assert (mine.state, mine.fired_ms, mine.met_ms, mine.taken_by, mine.snoozed_until_ms) == (
            theirs.state, theirs.fired_ms, theirs.met_ms, theirs.taken_by, theirs.snoozed_until_ms,
        )  # fmt: skip
    before = state_of(memory)
    for lines in (early, late):
        assert memory.import_(lines).corrected == 0
    assert state_of(memory) == before
    assert texts(memory.intentions.take()) == ["event"]
    clock.advance(1_000)
    memory.intentions.cancel(visa.id)
    assert memory.import_(late).corrected == 0
    assert states(memory) == {"pay rent": "done", "visa": "cancelled", "event": "fired", "put off": "pending"}
    assert opened().import_([*early, *late]).corrected == 4
    assert memory.check() == []


def test_what_was_put_off_after_it_fired_waits_here_too_and_what_is_settled_stays_as_it_is(opened, clock):
    source, memory = opened(), opened()
    off, settled = source.intend("put off", when="now"), source.intend("settled", when="now")
    source.intentions.take(session="s")
    memory.import_(list(source.export()))
    memory.intentions.cancel(settled.id)
    clock.advance(1_000)
    source.intentions.snooze(off.id, "in an hour")
    source.intentions.snooze(settled.id, "in a minute")
    assert memory.import_(list(source.export())).corrected == 1
    assert states(memory) == {"put off": "pending", "settled": "cancelled"}
    clock.advance(60_000)
    source.intentions.take()
    source.intentions.done(settled.id)
    assert memory.import_(list(source.export())).corrected == 0
    assert states(memory) == {"put off": "pending", "settled": "cancelled"}


def test_every_step_of_an_intention_comes_with_a_later_import(opened, clock):
    source, memory = opened(), opened()
    one = source.intend("one", when="now")
    source.intend("over", event="e", until="in 2 hours")
    steps = (
        source.intentions.take, lambda: source.intentions.snooze(one.id, "in an hour"), source.intentions.take,
        source.intentions.take, lambda: source.intentions.snooze(one.id, "in 2 hours"),
        lambda: source.intentions.done(one.id),
    )  # fmt: skip
    seen = list[str]()
    for step in steps:
        memory.import_(list(source.export()))
        step()
        memory.import_(list(source.export()))
        assert [memory.get(held.id).body for held in source.intentions.list()] == [
            source.get(held.id).body for held in source.intentions.list()
        ]
        seen.append(states(memory)["one"])
        clock.advance(HOUR_MS)
    assert seen == ["fired", "pending", "fired", "fired", "pending", "done"]
    clock.advance(-24 * HOUR_MS)
    assert states(memory)["over"] == "expired"


def test_other_words_for_an_intention_that_is_here_are_not_imported(opened):
    memory = opened()
    memory.intend("x", when="now")
    line = json.loads(next(memory.export()))
    line["content"]["text"] = "y"
    report = memory.import_([json.dumps(line)], skip_errors=True, format="records")
    assert (report.corrected, len(report.skipped)) == (0, 1)
    assert states(memory) == {"x": "pending"}


def test_an_event_or_a_condition_that_a_policy_would_change_is_refused(opened):
    memory = opened(policy=Policy())
    for waits in ({"event": f"mail from {TOKEN}"}, {"condition": {"note": TOKEN}}):
        with refused(memory, Refused, "never come about"):
            memory.intend("tell", **waits)


def test_the_session_that_took_it_is_noted_as_the_policy_lets_it_be(opened, path):
    memory = opened(path, policy=Policy())
    memory.intend("x", when="now")
    (taken,) = memory.intentions.take(session=f"chat {TOKEN}")
    assert TOKEN not in taken.taken_by
    assert memory.intentions.take(session=f"chat {TOKEN}") == [taken]
    assert TOKEN.encode() not in bytes_of(path)


def test_names_of_facts_are_the_same_however_they_are_composed(opened):
    memory = opened()
    for number, condition in enumerate(("caf\u00e9 = oui", "cafe\u0301 = oui", {"cafe\u0301": "oui"})):
        memory.intend(str(number), condition=condition)
    for name in ("caf\u00e9", "cafe\u0301"):
        assert texts(memory.intentions.due(facts={name: "oui"})) == ["0", "1", "2"]
    memory.intend("value", condition={"who": {"in": ["Zoe\u0308"]}})
    assert texts(memory.intentions.due(facts={"who": "Zo\u00eb"})) == ["value"]


def test_what_was_kept_for_a_while_is_not_there_for_any_call_after_it(opened, clock):
    memory = opened(policy=Policy(otherwise=Retention(Keep.FOR_A_WHILE, DAY_MS)))
    noted = memory.intend("x", event="e")
    clock.advance(2 * DAY_MS)
    assert memory.intentions.list() == []
    for call in (memory.intentions.get, memory.intentions.done, lambda one: memory.intentions.snooze(one, "tomorrow")):
        with refused(memory, NotFound):
            call(noted.id)


def test_it_is_noted_with_the_session_it_came_up_in(memory):
    memory.remember("A fact.")
    noted = memory.intend("x", event="e", session="chat-1")
    assert memory.forget(session="chat-1").forgotten == (noted.id,)
