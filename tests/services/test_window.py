"""A window: what is shown of a long session, what stands for the rest, and that it stays the same for many turns."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from dataclasses import replace

import pytest

from holdfast import AsyncMemory, Holdfast, Kind, Policy, TierSpec
from holdfast.core.codec import canonical, readable_content
from holdfast.core.decide import Take
from holdfast.core.window_pieces import CLOSE, HIDDEN, OPEN, TOP_LEVEL
from holdfast.errors import InvalidField, NotAllowed
from holdfast.model.policy import Keep, Retention
from holdfast.model.records import Content
from holdfast.model.tiers import Eviction
from holdfast.talk import talk_of

WORDS = [
    "plan",
    "Lisbon",
    "Porto",
    "invoice",
    "budget",
    "meeting",
    "Ada",
    "Grace",
    "ship",
    "train",
    "version",
    "server",
    "deploy",
    "rollback",
    "logs",
    "coffee",
]


def talk(chat, turns, start=0, words=30, seed=1):
    rng = random.Random(seed + start)
    for n in range(start, start + turns):
        speaker = "user" if n % 2 == 0 else "assistant"
        chat.add(speaker, f"Message {n} about {' '.join(rng.choices(WORDS, k=words))}.")


def pieces(memory):
    return [one for one in memory._space.inspecting.records(None, aside=True) if one.kind is Kind.WINDOW]


def texts(window):
    return [message["content"] for message in window.messages]


# What is shown


def test_a_short_session_is_shown_as_it_is(memory):
    chat = memory.session("chat-1")
    chat.add("system", "Be brief.")
    turn = chat.add("user", "I moved to Lisbon.")
    window = chat.window(500)
    assert window.messages == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "I moved to Lisbon."},
    ]  # fmt: skip
    assert (window.evicted, window.summary, window.by, window.shortened, window.degraded) == (0, None, (), (), None)
    assert window.memories[-1] == turn.id
    assert pieces(memory) == []


def test_from_four_fifths_on_the_older_part_is_summed_up_and_the_system_and_the_last_five_stay(memory):
    chat = memory.session("chat-1")
    chat.add("system", "Be brief.")
    chat.add("user", "The launch is on 12 May in Porto.")
    talk(chat, 12)
    assert chat.window(10_000).evicted == 0
    assert chat.window(10_000, max_items=20).evicted == 0
    talk(chat, 8, start=12)
    chat.add("system", "Speak Portuguese from now on.")
    window = chat.window(10_000, max_items=20)
    assert window.evicted > 0
    assert "12 May" in window.summary
    assert window.summary.startswith(OPEN)
    assert window.summary.endswith(CLOSE)
    assert window.by == ("extractive",)
    assert texts(window)[0] == "Be brief."
    assert "Speak Portuguese from now on." in texts(window)
    assert [turn.text for turn in chat.turns(6)][:5] == texts(window)[-6:-1]
    # What left is in the session and found.
    assert "12 May" in memory.recall("when is the launch in Porto?")[0].text
    assert len(chat.turns()) == 23


@pytest.mark.parametrize("strategy", list(Eviction)[:3])
def test_each_strategy_stays_within_every_bound_and_shows_the_last_messages(opened, strategy):
    chat = opened().session("chat-1")
    talk(chat, 80)
    window = chat.window(1_000, max_items=30, strategy=strategy)
    assert window.tokens <= 1_000
    assert len(window.memories) <= 30
    assert texts(window)[-5:] == [turn.text for turn in chat.turns(5)]
    assert window.evicted == 80 - len(window.memories)
    assert (window.summary is not None) == (strategy == "summarize")
    if strategy != "summarize":
        assert HIDDEN in texts(window)


def test_relevance_keeps_what_bears_on_what_is_said_now(opened):
    chat = opened().session("chat-1")
    chat.add("user", "My passport number ends in 4471 and the visa expires in June.")
    talk(chat, 40)
    chat.add("user", "What was it with the passport and the visa?")
    shown = chat.window(600, strategy="relevance")
    assert "passport number ends in 4471" in texts(shown)[1]
    assert not any("4471" in text for text in texts(chat.window(600, strategy="drop")))


def test_older_messages_than_asked_for_leave_but_for_the_last_ones_and_a_clock_that_goes_back_takes_none(opened, clock):
    chat = opened().session("chat-1")
    talk(chat, 10)
    clock.advance(3_600_000)
    talk(chat, 2, start=10)
    assert len(chat.window(10_000, max_age_s=60).memories) == 5
    assert len(chat.window(10_000, max_age_s=60, keep_last=2).memories) == 2
    assert chat.window(10_000).evicted == 0  # whoever asks for more is shown more
    other = opened().session("chat-2")
    talk(other, 10)
    clock.advance(-3_600_000)
    assert other.window(10_000, max_age_s=1).evicted == 0


# Tools


def parallel(n, results, size=5):
    calls = [
        {"id": f"c{n}-{k}", "type": "function", "function": {"name": "look", "arguments": json.dumps({"at": k})}}
        for k in range(results)
    ]
    yield {"role": "assistant", "content": None, "tool_calls": calls}
    for k in range(results):
        yield {"role": "tool", "tool_call_id": f"c{n}-{k}", "content": f"result {n} {k} " + "word " * size}


def whole(window):
    """Every result has its call before it, and every call that was answered all its results."""
    called, answered = set(), set()
    for message in window.messages:
        called |= {call["id"] for call in message.get("tool_calls", ())}
        if message["role"] == "tool":
            assert message["tool_call_id"] in called
            answered.add(message["tool_call_id"])
    return called == answered


@pytest.mark.parametrize("keep_last", [1, 2, 5])
def test_parallel_calls_are_never_parted_from_their_results(opened, keep_last):
    chat = opened().session("chat-1")
    for n in range(12):
        chat.add("user", f"Question {n}?")
        chat.add_messages(parallel(n, results=n % 4 + 1))
        for size in (250, 400, 800):
            window = chat.window(size, keep_last=keep_last, max_items=200)
            assert whole(window)
            assert window.tokens <= size


def test_a_result_that_comes_late_is_told_in_words(opened):
    chat = opened().session("chat-1")
    call, result = parallel(0, 1)
    chat.add_message(call)
    talk(chat, 30)
    assert "c0-0" not in str(chat.window(400, keep_last=1).messages)
    chat.add_message(result)
    last = chat.window(400, keep_last=1).messages[-1]
    assert last["role"] == "user"
    assert "result 0 0" in last["content"]


def test_a_message_larger_than_the_window_is_shown_by_its_gist_and_kept_in_full(memory):
    chat = memory.session("chat-1")
    chat.add("system", "Be brief.")
    huge = chat.add("user", "Error: disk full. " + "line of a log " * 3_000)
    window = chat.window(600)
    assert window.shortened == (huge.id,)
    assert f"[in full: memory {huge.id}]" in texts(window)[-1]
    assert window.tokens <= 600
    assert len(memory.episodes.full_text(huge.id)) > 40_000
    assert chat.window(40_000).shortened == ()


# Refused


def test_a_window_too_small_for_the_system_and_the_last_message_names_both_numbers(memory):
    chat = memory.session("chat-1")
    chat.add("system", "word " * 300)
    chat.add("user", "Hello there.")
    with pytest.raises(InvalidField, match=r"has 100 tokens; what the system said \(304\).* need 31\d") as refused:
        chat.window(100)
    needed = int(str(refused.value).split("window of ")[1].split()[0])
    assert chat.window(needed).tokens == needed
    for size in (needed - 1, needed - 20):
        with pytest.raises(InvalidField, match="need"):
            chat.window(size)


@pytest.mark.parametrize(
    "asked",
    [
        {"max_tokens": 0}, {"max_tokens": -5}, {"max_tokens": float("nan")}, {"max_tokens": 1.5},
        {"max_tokens": True}, {"max_tokens": "100"}, {"max_items": 0}, {"max_items": -1}, {"max_age_s": 0},
        {"max_age_s": -1}, {"max_age_s": float("nan")}, {"max_age_s": float("inf")}, {"strategy": "forget"},
        {"strategy": "expire"}, {"strategy": ""}, {"keep_last": -1}, {"keep_last": 2.0}, {"keep_last": True},
        {"shape": "gemini"}, {"keep_last": 9, "max_items": 3},
    ],
)  # fmt: skip
def test_what_no_window_can_be_is_refused_by_name_and_nothing_is_made(memory, asked):
    chat = memory.session("chat-1")
    talk(chat, 30)
    with pytest.raises(InvalidField, match=r"\w"):
        chat.window(**asked)
    assert pieces(memory) == []


def test_an_empty_session_has_an_empty_window(memory):
    window = memory.session("chat-1").window(100)
    assert (window.messages, window.tokens, window.evicted) == ([], 0, 0)


# The same for many turns, for two processes, and after a kill


@pytest.mark.parametrize("strategy", ["summarize", "drop", "relevance"])
def test_what_comes_first_stays_the_same_for_many_turns(opened, strategy):
    chat, changes, before = opened().session("chat-1"), 0, []
    for n in range(100):
        talk(chat, 1, start=n)
        now = chat.window(1_500, max_items=200, strategy=strategy).messages
        changes += now[: len(before)] != before
        before = now
    assert 3 <= changes <= 12  # 100 with a sliding window


def test_a_summary_grows_by_its_end_until_four_pieces_become_one(opened):
    chat, kept, before = opened().session("chat-1"), 0, ""
    for n in range(160):
        talk(chat, 1, start=n)
        summary = (chat.window(1_500, max_items=200).summary or "").removesuffix(CLOSE)
        if summary != before:
            kept += bool(before) and summary.startswith(before)
            before = summary
    assert kept >= 5


def test_a_window_is_the_same_after_a_kill_and_for_whoever_asks(opened, path):
    first = opened(path)
    talk(first.session("chat-1"), 120)
    shown = first.session("chat-1").window(1_200)
    made = [one.id for one in pieces(first)]
    second = opened(path)  # as another process: no memory of the first, nothing was closed
    assert second.session("chat-1").window(1_200) == shown
    assert [one.id for one in pieces(second)] == made
    talk(second.session("chat-1"), 3, start=120)
    assert first.session("chat-1").window(1_200) == second.session("chat-1").window(1_200)


def test_two_who_ask_at_once_make_each_piece_once(opened, path):
    memories = [opened(path), opened(path)]
    talk(memories[0].session("chat-1"), 150)
    shown, gate = [], threading.Barrier(2)

    def ask(memory):
        gate.wait()
        shown.append(memory.session("chat-1").window(800))

    threads = [threading.Thread(target=ask, args=(memory,)) for memory in memories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown[0] == shown[1]
    assert all(one.version == 1 for one in pieces(memories[0]))


def test_a_window_of_another_size_uses_the_same_pieces(opened):
    memory = opened()
    chat = memory.session("chat-1")
    talk(chat, 100)
    chat.window(1_000)
    made = {one.id for one in pieces(memory)}
    large = chat.window(2_000, max_items=200)
    assert large.tokens <= 2_000
    assert made <= {one.id for one in pieces(memory)}
    assert len(large.memories) > len(chat.window(1_000).memories)


# Bounded


def test_summaries_of_summaries_are_bounded_in_size_and_depth(opened):
    memory = opened()
    chat = memory.session("chat-1")
    for n in range(60):
        talk(chat, 10, start=n * 10, words=12)
        window = chat.window(700, max_items=200)
        assert window.tokens <= 700
    levels = [json.loads(one.body)["level"] for one in pieces(memory)]
    assert 2 <= max(levels) <= TOP_LEVEL
    assert len(window.summary) < 2_000


# Forgotten


def test_a_forgotten_turn_takes_the_summary_along_and_the_next_window_tells_the_rest(opened, path):
    memory = opened(path)
    chat = memory.session("chat-1")
    chat.add("user", "The launch is on 12 May in Porto.")
    secret = chat.add("user", "My sister Wilhelmina owes 9,999 euros to Zebulon.")
    talk(chat, 200)
    window = chat.window(700)
    summed = [one for one in pieces(memory) if "Wilhelmina" in one.text]
    assert summed
    for one in ("summarize", "drop", "relevance"):
        chat.window(700, strategy=one)
    receipt = memory.forget(secret.id)
    assert {one.id for one in summed} <= set(receipt.derived)
    assert not any("Wilhelmina" in one.text for one in pieces(memory))
    again = chat.window(700)
    assert "Wilhelmina" not in str(again)
    assert "Zebulon" not in str(again)
    assert not any("Zebulon" in one.text for one in pieces(memory))
    assert again.messages[1:] == window.messages[1:]  # only what told of it changed
    assert again.evicted == window.evicted - 1
    other = opened(path)
    assert other.session("chat-1").window(700) == again
    assert memory.check() == []


def test_nothing_forgotten_stays_in_memory(opened):
    memory = opened()
    chat = memory.session("chat-1")
    talk(chat, 5)
    chat.window(700)
    memory.forget(chat.turns()[0].id)
    assert not talk_of(memory._space).windowing._held._held


def test_a_session_that_is_forgotten_leaves_no_piece(opened):
    memory = opened()
    chat = memory.session("chat-1")
    talk(chat, 60)
    chat.window(500)
    assert pieces(memory)
    preview = memory.preview_forget(session="chat-1")
    memory.forget(session="chat-1", confirm=preview.token)
    assert pieces(memory) == []
    assert chat.window(500).messages == []


# Aside


def test_pieces_are_no_memories(opened):
    memory = opened()
    chat = memory.session("chat-1")
    talk(chat, 60)
    chat.window(500)
    assert {hit.record.kind for hit in memory.recall("plan Lisbon", limit=50)} == {Kind.TURN}
    assert {record.kind for record in memory.records()} == {Kind.TURN}
    assert memory.sessions.get("chat-1").turns == 60
    lines = list(memory.export())
    assert len(lines) == 60
    assert memory.check() == []


def test_a_memory_that_is_only_read_has_windows_too(opened, path):
    memory = opened(path)
    talk(memory.session("chat-1"), 60)
    memory.close()
    reader = opened(path, read_only=True)
    window = reader.session("chat-1").window(500)
    assert window.tokens <= 500
    assert window.summary
    assert window.degraded is None
    assert reader.session("chat-1").window(500) == window
    assert pieces(reader) == []


def test_the_tier_says_what_holds_where_a_caller_says_nothing(opened):
    tier = TierSpec(name="working", items=None, tokens=300, eviction=Eviction.DROP, keep_last=2, compress_at=0.5)
    chat = opened(tiers=[tier]).session("chat-1")
    talk(chat, 30)
    window = chat.window()
    assert (window.max_tokens, window.summary) == (300, None)
    assert window.tokens <= 300


def test_tiers_reach_the_spaces_of_a_house_and_only_who_may_write_has_windows(tmp_path, clock):
    tier = TierSpec(name="working", items=6, tokens=5_000)
    with Holdfast.open(tmp_path / "house", embedder=None, clock=clock, tiers=[tier]) as house:
        house.create("team")
        house.grant("reader", "team", "read")
        chat = house.space("team").session("chat-1")
        talk(chat, 30)
        window = chat.window()
        assert (window.max_tokens, len(window.memories) <= 6) == (5_000, True)
        with pytest.raises(NotAllowed):
            house.space("team", as_="reader").session("chat-1").window()


def test_anthropic_has_the_system_apart_and_the_summary_as_the_user(opened):
    chat = opened().session("chat-1")
    chat.add("system", "Be brief.")
    talk(chat, 40)
    window = chat.window(700, shape="anthropic")
    assert window.system == "Be brief."
    assert window.messages[0]["role"] == "user"
    assert window.summary in str(window.messages[0]["content"])
    items = chat.window(700, shape="openai-responses")
    assert items.memories == window.memories


def test_the_async_session_has_the_same_window(opened, path):
    memory = opened(path)
    talk(memory.session("chat-1"), 40)
    shown = memory.session("chat-1").window(500)

    async def ask():
        async with await AsyncMemory.open(path, embedder=None) as other:
            return await other.session("chat-1").window(500)

    assert asyncio.run(ask()) == shown


def test_what_a_policy_keeps_for_a_while_is_shown_for_no_longer(opened, clock):
    memory = opened(policy=Policy(otherwise=Retention(Keep.FOR_A_WHILE, 3_600_000)))
    chat = memory.session("chat-1")
    chat.add("user", "The launch is on 12 May in Porto.")
    clock.advance(1_800_000)
    talk(chat, 40)
    assert "12 May" in chat.window(600).summary
    clock.advance(1_801_000)
    again = chat.window(600)
    assert "12 May" not in str(again)
    assert again.evicted + len(again.memories) == 40
    with memory._space.store.reading() as reader:
        told = [content.kind for event in reader.events(0, 10_000) if (content := readable_content(event))
                and "12 May" in content.text]  # fmt: skip
    assert told == [Kind.TURN]  # no earlier version of a summary has it either
    clock.advance(1_801_000)
    assert chat.window(600).messages == []


def test_a_piece_that_another_program_wrote_wrongly_stands_for_nothing(opened):
    memory = opened()
    chat = memory.session("chat-1")
    talk(chat, 60)
    window = chat.window(500)
    first = pieces(memory)[0]
    # As a merge may leave it: a run that claims a place which is not its own.
    body = json.loads(first.body) | {"index": 7}
    wrong = replace(first, body=canonical(body).decode())
    space = memory._space
    fields = {name: getattr(wrong, name) for name in ("kind", "text", "valid_from", "session", "sources", "body")}
    space.remembering.take_all([Take(Content(**fields), space.ledger.new_id())])
    assert chat.window(500).messages == window.messages
