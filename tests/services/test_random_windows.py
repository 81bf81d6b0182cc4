"""Random conversations, random bounds: never over a budget, in order, calls with their results, the same every time."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast import Memory
from holdfast.core.budget import estimate_tokens
from holdfast.core.message_shapes import Kept
from holdfast.core.messages import read_message
from holdfast.core.window import groups
from holdfast.core.window_costs import entry_of, message_tokens
from holdfast.errors import InvalidField
from holdfast.model.tiers import Eviction

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/map.png"}}
_TEXT = st.one_of(
    st.text("abc XYZ.09\n😀漢é", min_size=1, max_size=60).filter(str.strip),
    st.builds(lambda n, word: f"{word} " * n, st.integers(1, 400), st.sampled_from(["deploy", "Porto 42", "日本"])),
)


@st.composite
def conversations(draw):
    """Turns of all sorts, with calls in parallel whose results come mixed with what else is said."""
    made, number = [], 0
    for _ in range(draw(st.integers(1, 25))):
        match draw(st.integers(0, 9)):
            case 0:
                made.append({"role": "system", "content": draw(_TEXT)[:80] + "."})
            case 1:
                made.append({"role": "user", "content": [{"type": "text", "text": draw(_TEXT)}, PICTURE]})
            case 2 | 3:
                ids = [f"c{number}-{k}" for k in range(draw(st.integers(1, 4)))]
                number += 1
                calls = [
                    {"id": id_, "type": "function",
                     "function": {"name": "look", "arguments": json.dumps({"for": draw(_TEXT)[:200]})}}
                    for id_ in ids
                ]  # fmt: skip
                made.append({"role": "assistant", "content": None, "tool_calls": calls})
                for id_ in draw(st.permutations(ids)):
                    if draw(st.integers(0, 9)) == 0:
                        made.append({"role": "user", "content": "Are you there?"})
                    made.append({"role": "tool", "tool_call_id": id_, "content": draw(_TEXT)})
            case 4:
                made.append({"role": "user", "content": "log line " * 2_000})
            case _:
                role = draw(st.sampled_from(["user", "assistant"]))
                made.append({"role": role, "content": draw(_TEXT)})
    return made


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    said=conversations(),
    asked=st.lists(
        st.tuples(
            st.integers(1, 3_000), st.integers(1, 30), st.integers(0, 8), st.sampled_from(list(Eviction)[:3]),
            st.sampled_from(["openai", "openai-responses", "anthropic"]), st.integers(0, 25),
        ),
        min_size=1, max_size=6,
    ),
)  # fmt: skip
def test_every_window_keeps_its_promises(said, asked):
    with Memory.open(":memory:", embedder=None) as memory:
        chat, at, records = memory.session("chat"), 0, []
        for tokens, items, keep_last, strategy, shape, more in asked:
            records += chat.add_messages(said[at : at + more])
            at = min(at + more, len(said))
            options = {"max_items": max(items, keep_last, 1), "keep_last": keep_last, "strategy": strategy}
            try:
                window = chat.window(tokens, shape=shape, **options)
            except InvalidField as error:
                assert f"The window has {tokens:,} tokens" in str(error)  # noqa: PT017
                continue
            check(window, records, said, tokens, keep_last)
            assert chat.window(tokens, shape=shape, **options) == window
        assert [one.id for one in records] == [turn.id for turn in chat.turns()]


def check(window, records, said, tokens, keep_last):
    places = {record.id: place for place, record in enumerate(records)}
    system = count_of(window.system or "") + sum(message_tokens(one, count_of) for one in window.messages)
    assert system <= window.tokens <= tokens
    shown = [places[id_] for id_ in window.memories]
    assert len(set(shown)) == len(shown)
    spoken = [place for place in shown if said[place]["role"] != "system"]
    assert spoken == sorted(spoken)
    assert {place for place in range(len(records)) if said[place]["role"] == "system"} <= set(shown)
    assert window.evicted == len(records) - len(shown)
    entries = [
        entry_of(n, Kept(one.id, read_message(said[n], "openai"), said[n], "openai"), 0, None, count_of)
        for n, one in enumerate(records)
    ]
    last = least(entries, keep_last)
    needed = sum(one.tokens for one in entries if one.is_system or one in last)
    if needed <= tokens:
        # The last ones are there as they were; other shapes say the same otherwise.
        assert {one.id for one in last} <= set(window.memories)
        assert not {one.id for one in last} & set(window.shortened)
        if window.shape == "openai":
            assert [said[one.n] for one in last] == [
                one for one in window.messages if one in [said[two.n] for two in last]
            ][-len(last) :]
    for place in spoken:
        for call in said[place].get("tool_calls", ()):
            result = next((n for n in range(len(records)) if said[n].get("tool_call_id") == call["id"]), None)
            assert result is None or result in spoken


def least(entries, keep_last):
    """The newest messages that are kept in any case, with what must not be parted from them, no system message."""
    found = []
    for group in reversed(groups(entries)):
        if sum(not one.is_system for one in found) >= max(keep_last, 1):
            break
        found = [*group, *found]
    return [one for one in found if not one.is_system]


def count_of(text):
    return estimate_tokens(text)


@pytest.mark.parametrize("shape", ["openai", "openai-responses", "anthropic"])
def test_the_cost_of_a_message_covers_every_shape(shape):
    with Memory.open(":memory:", embedder=None) as memory:
        chat = memory.session("chat")
        chat.add_message(
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":"x\\ny","b":[1,2,3]}'}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": 'free "text"\nwith lines'}},
            ]}
        )  # fmt: skip
        chat.add_message({"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "one"}] * 3})
        chat.add_message({"role": "tool", "tool_call_id": "c2", "content": "two"})
        chat.add_message({"role": "user", "name": "Ada", "content": [{"type": "text", "text": "and this"}, PICTURE]})
        window = chat.window(4_000, shape=shape)
        assert sum(message_tokens(one, count_of) for one in window.messages) <= window.tokens
