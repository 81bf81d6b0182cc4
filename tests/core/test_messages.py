"""Messages of three providers: kept to the byte, read as a person would, converted with their ids."""

from __future__ import annotations

import json

import pytest

from holdfast.core.gist import GIST_CHARS, gist
from holdfast.core.message_shapes import Kept, shaped
from holdfast.core.message_text import readable
from holdfast.core.messages import Picture, message_json, read_message, shape_of
from holdfast.errors import InvalidField, InvalidText

CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Lisbon"}'}}
OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}},
    ]},
    {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
    {"role": "tool", "tool_call_id": "c1", "content": "18C"},
    {"role": "tool", "tool_call_id": "c2", "content": "19C"},
    {"role": "assistant", "content": "Eighteen degrees, and a cat."},
]  # fmt: skip
ANTHROPIC = [
    {"role": "user", "content": [{"type": "text", "text": "Weather?", "cache_control": {"type": "ephemeral"}}]},
    {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Ask the tool.", "signature": "abc"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {"city": "Lisbon", "days": 2}},
    ]},
    {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": [{"type": "text", "text": "down"}]},
        {"type": "text", "text": "And now?"},
    ]},
]  # fmt: skip
RESPONSES = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Lisbon"}'},
    {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "get_time", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "18C"},
    {"type": "function_call_output", "call_id": "c2", "output": "noon"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "18C at noon."}]},
]  # fmt: skip
ALL = {"openai": OPENAI, "anthropic": ANTHROPIC, "openai-responses": RESPONSES}


def kept(messages, shape):
    return [Kept(f"m{number}", read_message(message, shape), message, shape) for number, message in enumerate(messages)]


def ids_of(messages, shape):
    """Ids of calls and of results, in order."""
    found = []
    for one in messages:
        said = read_message(one, shape)
        found += [call.id for call in said.calls] + [result.id for result in said.results]
    return found


@pytest.mark.parametrize("shape", ALL)
def test_a_message_tells_its_own_shape_where_only_one_has_it(shape):
    same_in_several = [{"role": "system", "content": "Be brief."}, OPENAI[-1]]
    assert {shape_of(message) for message in ALL[shape] if message not in same_in_several} == {shape}


@pytest.mark.parametrize("shape", ALL)
def test_in_its_own_shape_every_message_is_the_same_to_the_byte(shape):
    given = shaped(kept(ALL[shape], shape), shape)
    assert [json.dumps(one) for one in given] == [json.dumps(one) for one in ALL[shape]]
    assert given.left_out == ()
    for message in ALL[shape]:
        assert json.dumps(json.loads(message_json(message))) == json.dumps(message)


@pytest.mark.parametrize("source", ALL)
@pytest.mark.parametrize("target", ALL)
def test_converted_messages_keep_calls_results_ids_and_words(source, target):
    given = shaped(kept(ALL[source], source), target)
    assert ids_of(given, target) == ids_of(ALL[source], source)
    text = json.dumps(list(given)) + (given.system or "")
    for message in ALL[source]:
        for part in read_message(message, source).parts:
            if hasattr(part, "text"):
                assert part.text in text
    assert len(given.sources) == len(given)


def test_all_results_of_one_message_go_into_one_for_anthropic():
    given = shaped(kept(OPENAI, "openai"), "anthropic")
    assert given.system == "Be brief."
    assert [one["role"] for one in given] == ["user", "assistant", "user", "assistant"]
    assert [block["tool_use_id"] for block in given[2]["content"]] == ["c1", "c2"]
    assert given.sources[2] == ("m3", "m4")
    block = given[1]["content"][0]
    assert block == {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Lisbon"}}
    assert given[0]["content"][1] == {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}}


def test_calls_in_items_of_their_own_are_one_message_for_the_others():
    chat = shaped(kept(RESPONSES, "openai-responses"), "openai")
    assert [call["id"] for call in chat[1]["tool_calls"]] == ["c1", "c2"]
    assert [one["role"] for one in chat] == ["user", "assistant", "tool", "tool", "assistant"]
    blocks = shaped(kept(RESPONSES, "openai-responses"), "anthropic")
    assert [one["role"] for one in blocks] == ["user", "assistant", "user", "assistant"]


def test_what_a_shape_cannot_say_is_told():
    left = shaped(kept(ANTHROPIC, "anthropic"), "openai").left_out
    assert any("thinking" in one for one in left)
    assert any("is an error" in one for one in left)
    assert any("reasoning" in one for one in shaped(kept(RESPONSES, "openai-responses"), "anthropic").left_out)
    odd = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c9", "type": "function", "function": {"name": "run", "arguments": "not json"}}
    ]}  # fmt: skip
    given = shaped(kept([odd], "openai"), "anthropic")
    assert given[0]["content"][0]["input"] == {"input": "not json"}
    assert any("no object" in one for one in given.left_out)


def test_a_result_whose_call_is_gone_is_left_out_and_told():
    given = shaped(kept(OPENAI[3:], "openai"), "anthropic")
    assert ids_of(given, "anthropic") == []
    assert sum("without its call" in one for one in given.left_out) == 2


def test_the_text_is_what_a_person_would_read():
    names = {"c1": "get_weather", "t1": "get_weather"}
    assert readable(read_message(OPENAI[1], "openai"), names) == "What is this?\n[image https://example.com/cat.png]"
    assert readable(read_message(OPENAI[2], "openai"), names).splitlines()[0] == "calls get_weather(city: Lisbon)"
    assert readable(read_message(OPENAI[3], "openai"), names) == "get_weather gave: 18C"
    assert readable(read_message(ANTHROPIC[1], "anthropic"), names) == (
        "Let me look.\ncalls get_weather(city: Lisbon, days: 2)"
    )
    assert readable(read_message(ANTHROPIC[2], "anthropic"), names) == "get_weather failed: down\nAnd now?"
    assert readable(read_message(RESPONSES[1], "openai-responses"), names) == "[reasoning]"
    empty = {"role": "tool", "tool_call_id": "c1", "content": ""}
    assert readable(read_message(empty, "openai"), names) == "get_weather gave nothing"


def test_images_are_references_whatever_shape_they_came_in():
    source = {"type": "base64", "media_type": "image/png", "data": "QUJD"}
    data = {"role": "user", "content": [{"type": "image", "source": source}]}
    said = read_message(data, "anthropic")
    assert said.parts == (Picture(data="QUJD", media_type="image/png"),)
    assert "QUJD" not in readable(said, {})
    chat = shaped([Kept("m", said, data, "anthropic")], "openai")
    url = chat[0]["content"][0]["image_url"]["url"]
    assert url == "data:image/png;base64,QUJD"
    back = read_message(chat[0], "openai")
    assert back.parts == said.parts


@pytest.mark.parametrize(
    ("message", "error", "says"),
    [
        ({"role": "user"}, InvalidText, "no content"),
        ({"role": "user", "content": "  "}, InvalidText, "no content"),
        ({"role": "user", "content": []}, InvalidText, "no content"),
        ({"role": "assistant", "content": None, "tool_calls": []}, InvalidText, "no content"),
        ({"role": "wizard", "content": "hi"}, InvalidField, "wizard"),
        ({"role": None, "content": "hi"}, InvalidField, "role"),
        ({"content": "hi"}, InvalidField, "neither a role"),
        ({"type": "dream"}, InvalidField, "no item"),
        ({"role": "tool", "content": "18C"}, InvalidField, "tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, InvalidField, "calls a tool"),
        ({"role": "assistant", "tool_calls": "c"}, InvalidField, "list of mappings"),
        ({"role": "user", "content": 5}, InvalidField, "text or a list"),
        ({"role": "user", "content": ["hi"]}, InvalidField, "mapping with a 'type'"),
        ({"role": "user", "content": [{"type": "image", "source": {}}]}, InvalidField, "base64, url or file"),
        ({"type": "function_call_output", "call_id": "c"}, InvalidField, "without 'output'"),
        ("hi", InvalidField, "model_dump"),
        (None, InvalidField, "model_dump"),
    ],
)
def test_what_is_no_message_is_refused_by_name(message, error, says):
    with pytest.raises(error, match=says):
        read_message(message, shape_of(message))


@pytest.mark.parametrize("value", [float("nan"), b"x", {1: 2}, object()])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(InvalidField, match="JSON"):
        message_json({"role": "user", "content": "x", "extra": value})


def test_a_message_that_is_too_deep_is_refused():
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidField, match="levels"):
        message_json({"role": "user", "content": "x", "extra": deep})


def test_a_gist_tells_keys_sizes_trouble_and_the_end():
    rows = json.dumps({"items": [{"id": n, "name": f"row {n}", "price": 2.5} for n in range(400)], "total": 400})
    told = gist(rows)
    assert "400 items" in told
    assert "name" in told
    assert f"{len(rows):,} characters" in told
    log = "\n".join([*(f"line {n} went well" for n in range(500)), "ERROR: disk is full", "exit status 1"])
    told = gist(log)
    for wanted in ("line 0 went well", "ERROR: disk is full", "exit status 1", "lines]"):
        assert wanted in told
    for text in (rows, log, "x" * 100_000, "{" + "y" * 9_000):
        assert len(gist(text)) <= GIST_CHARS
        assert gist(text) == gist(text)
    assert gist("short") == "short"
