"""What a window promises at every border: calls stay with their results, and it is never over by even one token.

What a message costs is counted here from its own text, by no code of the window's.
"""

from __future__ import annotations

import json
import random

import pytest

from holdfast.adapters.sqlite.connection import blocks
from holdfast.core.budget import estimate_tokens
from holdfast.core.message_shapes import Kept, shaped
from holdfast.core.messages import Call, Said, Text, read_message, shape_of
from holdfast.core.window_costs import entry_of, lone_told, shortened
from holdfast.core.window_fitting import fitted
from holdfast.errors import InvalidField
from holdfast.model.reports import Turn
from holdfast.talk import talk_of
from tests.services.test_window import WORDS, pieces, talk

SHAPES = ("openai", "openai-responses", "anthropic")
STRATEGIES = ("summarize", "drop", "relevance")


# Never over


def cost_of(value, count, key=None):
    """The tokens of every text in a message; 1,600 for an image."""
    if isinstance(value, str):
        return count(value)
    if isinstance(value, dict) and value.get("type") in ("image", "image_url", "input_image"):
        return 1_600
    if key in ("input", "arguments") and isinstance(value, dict):
        return count(json.dumps(value, ensure_ascii=False))
    if isinstance(value, dict):
        return sum(cost_of(one, count, name) for name, one in value.items() if name not in ("role", "type"))
    return sum(cost_of(one, count) for one in value) if isinstance(value, list) else 0


def tokens_sent(window, count):
    return sum(4 + cost_of(message, count) for message in window.messages) + count(window.system or "")


def characters(text):
    return len(text)


def dear_together(text):
    """More for two texts in one than for each."""
    return len(text.split()) + len(text.split()) ** 2 // 40


MANY = [{"type": "text", "text": "word"}] * 40
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://example.org/" + "a/b-c?" * 2_000}}
AWKWARD = [
    {"role": "system", "content": MANY},
    {"role": "system", "content": "one two three four five"},
    {"role": "user", "name": "Ada", "content": "Two\nlines and \"signs\" {[()]} äöü 漢字 😀"},
    {"role": "assistant", "content": [
        *MANY, PICTURE, {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": "x\ny"}},
    ]},
    {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t1", "content": MANY, "is_error": True},
        {"type": "text", "text": "and?"},
    ]},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": f"call_{k}", "type": "function", "function": {"name": "look", "arguments": "no JSON \" \n\\" * 30}}
        for k in range(6)
    ]},
    *({"role": "tool", "tool_call_id": f"call_{k}", "content": MANY[:9]} for k in range(6)),
    {"role": "system", "content": "six seven eight nine ten"},
    {"role": "user", "content": [{"type": "text", "text": "What is on it?"}, {"type": "image_url", "image_url": {"url": "https://example.org/map.png"}}]},
]  # fmt: skip


@pytest.mark.parametrize("count", [estimate_tokens, characters, dear_together])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_window_is_over_by_even_one_token_in_any_shape(opened, shape, count):
    chat = opened(tokenizer=count).session("chat-1")
    chat.add_messages(AWKWARD)
    whole = chat.window(1_000_000, shape=shape, max_items=1_000)
    assert tokens_sent(whole, count) <= whole.tokens
    with pytest.raises(InvalidField, match="more") as refused:
        chat.window(1, shape=shape)
    least = int(str(refused.value).split("window of ")[1].split()[0].replace(",", ""))
    sizes = {least, least + 1, least + 7, *range(least, whole.tokens, (whole.tokens - least) // 25 + 1), whole.tokens}
    for size in sorted(sizes):
        window = chat.window(size, shape=shape, max_items=1_000)
        assert tokens_sent(window, count) <= window.tokens <= size
    with pytest.raises(InvalidField, match="more"):
        chat.window(least - 1, shape=shape)


def test_a_window_of_one_token_less_than_all_shows_less(opened):
    chat = opened().session("chat-1")
    talk(chat, 6)
    whole = chat.window(100_000)
    for size in range(whole.tokens - 12, whole.tokens):
        window = chat.window(size)
        assert tokens_sent(window, estimate_tokens) <= window.tokens <= size


# Never parted


def calls_and_results(window):
    """Ids of calls and of results, in the order in which they stand."""
    for message in window.messages:
        for call in message.get("tool_calls") or ():
            yield "call", call["id"]
        if message.get("role") == "tool":
            yield "result", message["tool_call_id"]
        if message.get("type") in ("function_call", "function_call_output"):
            yield "call" if message["type"] == "function_call" else "result", message["call_id"]
        for block in message["content"] if isinstance(message.get("content"), list) else ():
            if block["type"] == "tool_use":
                yield "call", block["id"]
            if block["type"] == "tool_result":
                yield "result", block["tool_use_id"]


def conversation(rng, messages):
    """Calls in parallel whose results come at once, one by one, mixed with what else is said, and two in a message."""
    n, waiting = 0, []
    for _ in range(messages):
        if waiting and rng.random() < 0.6:
            some = [waiting.pop(rng.randrange(len(waiting))) for _ in range(min(len(waiting), rng.randint(1, 2)))]
            if len(some) == 1 and rng.random() < 0.5:
                yield {"role": "tool", "tool_call_id": some[0], "content": f"Result of {some[0]}."}
            else:
                blocks = [{"type": "tool_result", "tool_use_id": one, "content": f"Result of {one}."} for one in some]
                yield {"role": "user", "content": blocks}
        elif not waiting and rng.random() < 0.4:
            waiting = [f"call-{n}-{k}" for k in range(rng.randint(1, 3))]
            calls = [
                {"id": one, "type": "function", "function": {"name": "look", "arguments": "{}"}} for one in waiting
            ]
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            n += 1
        else:
            yield {
                "role": rng.choice(["user", "assistant"]),
                "content": " ".join(rng.choices(WORDS, k=rng.randint(3, 25))),
            }


BORDERS = [
    {"max_tokens": 400, "max_items": 200}, {"max_tokens": 500, "max_items": 200, "keep_last": 1},
    {"max_tokens": 100_000, "max_items": 8, "keep_last": 2}, {"max_tokens": 100_000, "max_items": 13, "keep_last": 3},
    {"max_tokens": 100_000, "max_items": 200, "max_age_s": 7, "keep_last": 1},
]  # fmt: skip


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("border", BORDERS, ids=str)
def test_a_call_is_never_parted_from_its_results_at_any_border(opened, clock, border, strategy):
    for seed in range(2):
        chat, rng, made = opened().session(f"chat-{seed}"), random.Random(seed), {}
        for message in conversation(rng, 50):
            added = chat.add_message(message)
            clock.advance(1_000)
            for kind, id_ in calls_and_results(type("Shown", (), {"messages": [message]})):
                made.setdefault(id_, {})[kind] = added.id
            window = chat.window(strategy=strategy, shape=rng.choice(SHAPES), **border)
            shown, found = set(window.memories), list(calls_and_results(window))
            for id_, of in made.items():
                told = [kind for kind, one in found if one == id_]
                assert told in ([], ["call", "result"], ["call"]), (seed, id_)
                assert (told == ["call"]) <= ("result" not in of), (seed, id_)
                if "result" in of:
                    assert (of["call"] in shown) == (of["result"] in shown), (seed, id_)


def test_an_id_that_is_used_again_is_that_of_the_newest_call(opened):
    chat = opened().session("chat-1")
    for n in range(30):
        call = {"name": "look", "arguments": f'{{"at": {n}}}'}
        chat.add_messages([
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "look", "content": f"Result {n}, which has some words."},
            {"role": "user", "content": f"And what of {n + 1}?"},
        ])  # fmt: skip
    window = chat.window(300, max_items=200)
    assert window.evicted > 40
    assert window.shortened == ()
    roles = [message["role"] for message in window.messages[1:]]
    assert roles == (["assistant", "function", "user"] * 30)[-len(roles) :]
    assert all("function_call" in message for message in window.messages if message["role"] == "assistant")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_result_that_comes_after_a_long_time_takes_no_window_away(opened, strategy):
    chat = opened().session("chat-1")
    chat.add_message({"role": "assistant", "content": None, "tool_calls": [
        {"id": "far", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    ]})  # fmt: skip
    talk(chat, 120)
    chat.add_message({"role": "tool", "tool_call_id": "far", "content": "The answer is 4471."})
    window = chat.window(900, strategy=strategy)
    assert window.tokens <= 900
    assert window.shortened == ()
    assert (window.summary is not None) == (strategy == "summarize")
    assert list(calls_and_results(window)) == []
    assert window.messages[-1]["role"] == "user"
    assert "The answer is 4471." in window.messages[-1]["content"]


def test_calls_are_parted_from_results_only_where_not_even_their_gists_fit_and_then_in_words(opened):
    chat = opened().session("chat-1")
    ids = [f"c{n}" for n in range(30)]
    calls = [{"id": one, "type": "function", "function": {"name": "look", "arguments": "{}"}} for one in ids]
    chat.add_message({"role": "assistant", "content": None, "tool_calls": calls})
    chat.add_messages({"role": "tool", "tool_call_id": one, "content": f"{one} gave {'word ' * 20}"} for one in ids)
    assert len(chat.window(100_000, max_items=200, keep_last=1).memories) == 31
    window = chat.window(200, keep_last=1)
    assert tokens_sent(window, estimate_tokens) <= 200
    assert list(calls_and_results(window)) == []
    assert "c29 gave" in str(window.messages[-1])
    assert window.evicted + len(window.memories) == 31


def test_a_call_whose_result_was_forgotten_is_told_in_words_as_no_provider_takes_it_alone(opened):
    memory = opened()
    chat = memory.session("chat-1")
    chat.add_message({"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 5}'}}
    ]})  # fmt: skip
    result = chat.add_message({"role": "tool", "tool_call_id": "c1", "content": "4471"})
    assert list(calls_and_results(chat.window(500))) == [("call", "c1"), ("result", "c1")]
    memory.forget(result.id)
    assert list(calls_and_results(chat.window(500))) == [("call", "c1")]  # it may be answered yet
    chat.add("user", "And?")
    assert chat.window(500).messages[0] == {"role": "assistant", "content": 'calls look({"at": 5})'}


# What came late


def test_what_is_imported_into_the_past_is_counted_shown_where_it_fits_and_summed_up_anew(opened, path):
    memory = opened(path)
    chat = memory.session("chat-1")
    for n in range(40):
        chat.add("user", f"Message {n} about the plan for Lisbon and the budget.", when=f"2025-06-02T10:{n:02}Z")
    before = chat.window(400)
    first = chat.add(
        "user", "Decided: the key of Wilhelmina is 4471 and the price is 12,000 euros.", when="2025-06-01T10:00Z"
    )
    between = chat.add("user", "Decided: Zebulon pays 9,982 euros.", when="2025-06-02T10:05:30Z")
    window = chat.window(400)
    assert window.evicted == before.evicted + 2
    assert "4471" in window.summary
    assert window.messages[1:] == before.messages[1:]
    shown = chat.window(100_000, max_items=1_000)
    assert shown.evicted == 0
    assert {first.id, between.id} <= set(shown.memories)
    assert opened(path).session("chat-1").window(400) == window
    memory.forget(first.id)
    assert not any("4471" in one.text for one in pieces(memory))
    assert memory.check() == []


def test_what_is_older_than_all_that_was_summed_up_is_shown_where_it_fits(opened):
    chat = opened().session("chat-1")
    for n in range(40):
        chat.add("user", f"Message {n} about the plan for Lisbon and the budget.", when=f"2025-06-02T10:{n:02}Z")
    chat.window(400)
    first = chat.add("user", "The key is 4471.", when="2025-06-01T10:00Z")
    shown = chat.window(100_000, max_items=1_000)
    assert (shown.memories[0], shown.evicted) == (first.id, 0)


def test_more_than_one_run_may_hold_that_comes_late_is_cut_into_several(opened):
    memory = opened()
    chat = memory.session("chat-1")
    turns = [chat.add("user", f"Message {n} about the plan.", when=f"2025-06-02T10:{n:02}Z") for n in range(40)]
    chat.window(400)
    at_ms = turns[1].valid_from
    for part in range(2):
        chat.add_many(Turn(speaker="user", text=f"Late {part} {n}.", when_ms=at_ms + 1 + n) for n in range(700))
    window = chat.window(400)
    assert window.tokens <= 400
    assert window.evicted + len(window.memories) == 1_440
    assert max(len(one.sources) for one in pieces(memory)) <= 1_000
    assert chat.window(400) == window


# Forgotten


def test_a_forgotten_turn_leaves_no_word_of_it_in_summaries_of_any_level_nor_in_the_files(opened, path):
    memory = opened(path)
    chat, turns, told = memory.session("chat-1"), {}, {}
    for n in range(0, 280, 4):
        words = [f"Zq{n + k:03}x" for k in range(4)]
        added = chat.add_many(Turn(speaker="user", text=f"Decided: {word} costs {n:,} euros.") for word in words)
        turns |= zip(words, [one.id for one in added], strict=True)
        chat.window(300, max_items=6, keep_last=1)
    for one in pieces(memory):
        level = json.loads(one.body)["level"]
        told.setdefault(level, next((word for word in turns if word in one.text and word not in told.values()), None))
    assert sorted(told) == [0, 1, 2, 3]
    assert None not in told.values()
    for word in told.values():
        memory.forget(turns[word])
        assert word not in str(list(talk_of(memory._space).windowing._held._held.values()))
        window = chat.window(300, max_items=6, keep_last=1)
        assert word not in f"{window}{[(one.text, one.body) for one in pieces(memory)]}"
    held = [one for one in (path, path.with_name(f"{path.name}-wal")) if one.exists()]
    files = b"".join(block for one in held for block in blocks(one, 1 << 20))
    assert next(iter(turns.keys() - told.values())).encode() in files
    for word in told.values():
        assert word.encode() not in files
    assert memory.check() == []


# Held in memory


def test_only_what_is_shown_of_a_long_session_stays_in_memory(opened):
    from holdfast.services import window_state

    memory = opened()
    chat = memory.session("chat-1")
    chat.add_messages({"role": "user", "content": f"Message {n}."} for n in range(1_100))
    shown = chat.window(500)
    held = talk_of(memory._space).windowing._held._held["chat-1"]
    assert len(held.entries) <= window_state.MESSAGES + len(shown.memories)
    assert held.characters == sum(entry.characters for entry in held.entries.values())


def test_sessions_with_large_messages_make_room_for_each_other_in_memory(opened, monkeypatch):
    from holdfast.services import window_state

    monkeypatch.setattr(window_state, "CHARACTERS", 10_000)
    memory = opened()
    shown = []
    for n in range(4):
        chat = memory.session(f"chat-{n}")
        chat.add("user", f"Message of {n}. " + "line " * 900)
        shown.append(chat.window(5_000))
    assert len(talk_of(memory._space).windowing._held._held) <= 3
    assert [memory.session(f"chat-{n}").window(5_000) for n in range(4)] == shown


# A message, and what is made of it


def test_an_entry_is_no_smaller_than_what_is_sent_of_it_short_or_in_words_either():
    pictured = {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "gone", "content": "x"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/map.png"}},
    ]}  # fmt: skip
    for message in [*AWKWARD, pictured]:
        shape = shape_of(message)
        kept = Kept("one", read_message(message, shape), message, shape)
        called = [Kept("", Said("assistant", (Call(result.id, "f", ""),))) for result in kept.said.results]
        for count in (estimate_tokens, characters, dear_together):
            entry = entry_of(1, kept, 0, None, count)
            for one in (
                entry,
                shortened(entry, 1_200, count),
                shortened(entry, 240, count),
                *lone_told([entry], count),
            ):
                for wanted in SHAPES:
                    given = shaped([*called, one.kept], wanted)
                    before = shaped(called, wanted)
                    messages = given.messages[len(before.messages) :]
                    sent = sum(4 + cost_of(one, count) for one in messages) + count(given.system or "")
                    assert sent <= one.tokens, (message, wanted)


def test_what_is_made_to_fit_is_within_every_bound_to_the_token():
    entries = [
        entry_of(n, Kept(str(n), Said("user", (Text("word " * size),))), n, None, estimate_tokens)
        for n, size in enumerate((3, 700, 5, 40, 2))
    ]
    whole = sum(one.tokens for one in entries)
    for size in (*range(20, 200), *range(whole - 5, whole + 6)):
        fit = fitted([], [("told of the rest", 4), (None, 0)], entries, size, 2, estimate_tokens)
        lead = 4 if fit.lead else 0
        assert fit.tokens == lead + sum(one.tokens for one in fit.shown) <= size
    assert fit.shown[-1].kept.said == entries[-1].kept.said
