"""Every language model means the same by its answers, and fails in words, whatever its service sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.adapters.llm.http import HttpLanguageModel
from holdfast.errors import InvalidField, ModelRefused, ModelUnavailable
from holdfast.model.completion import Completion, Tool
from tests.adapters.llm.wires import (
    ANTHROPIC,
    ARGUMENTS,
    CHAT,
    KEY,
    OLLAMA,
    RESPONSES,
    SERVICES,
    TEXT,
    WEATHER,
    Service,
    Waits,
    sse,
)
from tests.scripted_server import Reply, ScriptedServer, scripted_server

ASKED: dict[str, list[dict[str, Any]]] = {
    "openai-responses": [{"role": "user", "content": [{"type": "input_text", "text": "Where does Ada live?"}]}],
}
PLAIN = [{"role": "user", "content": "Where does Ada live?"}]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest) -> Service:
    return request.param


@pytest.fixture
def model(service: Service, server: ScriptedServer, waits: Waits) -> HttpLanguageModel:
    return service.make(server.url, waits)


def asked(model: HttpLanguageModel) -> list[dict[str, Any]]:
    return ASKED.get(model.shape, PLAIN)


def streamed(model: HttpLanguageModel, **options: Any) -> tuple[list[str], Completion]:
    *pieces, last = list(model.stream(asked(model), **options))
    assert isinstance(last, Completion)
    assert all(isinstance(piece, str) for piece in pieces)
    return pieces, last


def test_an_answer_is_what_the_model_said(model, service, server):
    server.then(Reply(body=service.said))
    answer = model.complete(asked(model), system="Be brief.", max_tokens=77, temperature=0.5)
    assert (answer.text, answer.calls, answer.stop) == (TEXT, (), "end")
    assert (answer.model, answer.tokens_in, answer.tokens_out) == ("small-2026", 12, 5)
    (received,) = server.received
    assert received.path == service.path
    assert received.body["model"] == "small"
    sent = json.dumps(received.body)
    assert all(given in sent for given in ("Be brief.", "77", "0.5"))
    assert "tools" not in received.body


def test_a_streamed_answer_is_the_whole_one_in_pieces(model, service, server):
    server.then(Reply(body=service.streamed), Reply(body=service.said))
    pieces, last = streamed(model)
    assert pieces == ["Lisbon, ", "since May."]
    assert last == model.complete(asked(model))
    assert server.received[0].body["stream"] is True


def test_a_call_comes_with_its_arguments_whole_or_in_pieces(model, service, server):
    server.then(Reply(body=service.calling), Reply(body=service.calling_streamed))
    whole = model.complete(asked(model), tools=[WEATHER])
    pieces, last = streamed(model, tools=[WEATHER])
    for answer in (whole, last):
        (call,) = answer.calls
        assert (call.name, call.arguments, answer.stop, answer.text) == ("recall", ARGUMENTS, "tools", "")
        assert call.id.startswith("call_")
    assert pieces == []
    assert "What is remembered." in json.dumps(server.received[0].body["tools"])


def test_what_it_gives_may_be_sent_again_as_it_is(model, service, server):
    for body in (service.said, service.calling):
        server.then(Reply(body=body), Reply(body=service.said))
        answer = model.complete(asked(model))
        model.complete([*asked(model), *answer.messages])
        sent = server.received[-1].body
        assert TEXT in json.dumps(sent) or "recall" in json.dumps(sent)


def test_a_model_that_will_not_answer_refuses_and_does_not_fail(server, waits):
    for service in (CHAT, RESPONSES, ANTHROPIC):
        server.then(Reply(body=service.refusing))
        model = service.make(server.url, waits)
        answer = model.complete(asked(model))
        assert (answer.stop, answer.text) == ("refused", "I cannot help with that.")


def test_an_answer_cut_by_its_bound_says_so(model, service, server):
    server.then(Reply(body=service.cut))
    assert model.complete(asked(model)).stop == "length"


def test_a_busy_service_is_asked_again_when_it_says(model, service, server, waits):
    busy = Reply(status=429, headers={"Retry-After": "7"}, body={"error": {"message": "slow down"}})
    server.then(busy, Reply(status=529, body=b"overloaded"), Reply(body=service.said))
    assert model.complete(asked(model)).text == TEXT
    server.then(busy, Reply(body=service.streamed))
    assert streamed(model)[1].text == TEXT
    assert waits == [7.0, 0.5, 7.0]


def test_a_service_that_asks_for_more_patience_than_there_is_fails_at_once(service, server, waits):
    server.then(Reply(status=429, headers={"Retry-After": "3000"}))
    model = service.make(server.url, waits)
    with pytest.raises(ModelUnavailable, match="429") as caught:
        model.complete(asked(model))
    assert caught.value.retryable
    assert waits == []


def test_a_refused_key_is_told_without_the_key(service, server, waits):
    model = service.make(server.url, waits, api_key=KEY)
    server.then(Reply(status=401, body={"error": {"message": f"bad key {KEY}"}}))
    with pytest.raises(ModelRefused, match="credentials") as caught:
        model.complete(asked(model))
    server.then(Reply(status=400, body={"error": {"message": f"no model for {KEY}"}}))
    with pytest.raises(ModelRefused, match="no model for \\*\\*\\*") as told:
        list(model.stream(asked(model)))
    assert KEY not in str(caught.value) + str(told.value) + repr(model)
    assert KEY in json.dumps(server.received[0].headers)


@pytest.mark.parametrize("body", [b"<html>", b'{"choices": 5, "output": 5, "content": 5, "message": 5}', b"[]", b"{"])
def test_an_answer_that_cannot_be_read_is_refused_in_words(model, server, body):
    server.then(*[Reply(body=body)] * 4)
    with pytest.raises(ModelRefused, match="answer"):
        model.complete(asked(model))


def test_a_failure_in_a_stream_is_told(model, service, server):
    server.then(Reply(body=service.failing))
    pieces = model.stream(asked(model))
    assert next(pieces) == "Lis"
    passing = service is not ANTHROPIC
    with pytest.raises(ModelUnavailable if passing else ModelRefused, match="The server had an error") as caught:
        list(pieces)
    assert caught.value.retryable is passing


def test_a_failure_told_with_status_200_keeps_its_reason(server, waits):
    server.then(Reply(body={"error": {"message": "no such model", "type": "invalid_request_error"}}))
    with pytest.raises(ModelRefused, match="no such model"):
        CHAT.make(server.url, waits).complete(PLAIN)
    server.then(Reply(body={"error": "model runner has stopped"}))
    with pytest.raises(ModelUnavailable, match="runner has stopped"):
        OLLAMA.make(server.url, waits).complete(PLAIN)


def test_no_failure_shows_the_key_or_steers_a_terminal(server, waits):
    told = {"error": {"message": f"bad \x1b[2J {KEY}", "type": "invalid_request_error"}}
    server.then(Reply(body=sse(told)), Reply(body=f"data: {KEY}\n\n".encode()))
    model = CHAT.make(server.url, waits)
    for _ in range(2):
        with pytest.raises(ModelRefused) as caught:
            list(model.stream(PLAIN))
        assert KEY not in str(caught.value)
        assert "\x1b" not in str(caught.value)


def test_characters_that_end_lines_elsewhere_end_none_here(model, service, server):
    whole = service.streamed.decode().replace("since May.", "since\u2028\x85May.").replace("Lisbon, ", "Lisbon,\u2029")
    server.then(Reply(body=whole.encode()))
    assert streamed(model)[1].text == "Lisbon,\u2029since\u2028\x85May."


def test_a_line_without_an_end_is_bounded(model, service, server, monkeypatch):
    monkeypatch.setattr("holdfast.adapters.service.MAX_ANSWER_BYTES", 10_000)
    server.then(Reply(body=b"data: " + b"x" * 50_000))
    with pytest.raises(ModelRefused, match="above 10000 bytes"):
        list(model.stream(asked(model)))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_stream_that_breaks_off_is_no_answer(model, service, server, share):
    body = service.streamed
    server.then(Reply(body=body, cut_after=int(len(body) * share)))
    with pytest.raises(ModelUnavailable, match=r"broke off|ended before"):
        list(model.stream(asked(model)))


def test_a_stream_that_ends_early_by_itself_is_no_answer(model, service, server):
    whole = service.streamed
    mark = {"openai": b'"finish_reason": "stop"', "openai-responses": b"event: response.completed"}
    end = whole.index(mark.get(service.name, b"message_stop" if service is ANTHROPIC else b'"done": true'))
    server.then(Reply(body=whole[: whole.rindex(b"\n", 0, end) + 1]))
    with pytest.raises(ModelUnavailable, match="ended before"):
        list(model.stream(asked(model)))


def test_a_line_that_is_no_json_is_refused(model, service, server):
    garbage = b"{oops\n" if service is OLLAMA else b"data: {oops\n\n"
    server.then(Reply(body=garbage))
    with pytest.raises(ModelRefused, match="no JSON object"):
        list(model.stream(asked(model)))


def test_a_service_that_cannot_be_reached_is_unavailable(service, waits):
    model = service.make("http://127.0.0.1:9", waits, retries=1)
    for call in (lambda: model.complete(asked(model)), lambda: list(model.stream(asked(model)))):
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            call()


def test_arguments_that_are_no_json_are_given_as_they_were_written(server, waits):
    broken = json.loads(json.dumps(CHAT.calling))
    broken["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = '{"query": "a'
    server.then(Reply(body=broken))
    (call,) = CHAT.make(server.url, waits).complete(PLAIN).calls
    assert (call.arguments, call.written) == (None, '{"query": "a')


def test_a_call_cut_in_a_stream_keeps_what_was_written_of_it(server, waits):
    for service in (CHAT, ANTHROPIC):
        whole = service.calling_streamed
        end = json.dumps(json.dumps(ARGUMENTS)[9:]).encode()
        assert end in whole
        server.then(Reply(body=whole.replace(end, b'"ere"')))
        _, last = streamed(service.make(server.url, waits))
        (call,) = last.calls
        assert (call.arguments, call.written) == (None, '{"query":ere')


def test_what_can_not_be_asked_is_refused_before_anything_is_sent(model, server):
    nameless = Tool("two words", "", {})
    for wrong in (
        {"max_tokens": 0}, {"max_tokens": 10**7}, {"max_tokens": 2.5}, {"temperature": 3}, {"temperature": "hot"},
        {"tools": [nameless]},
    ):  # fmt: skip
        with pytest.raises(InvalidField, match="Nothing was sent"):
            model.complete(asked(model), **wrong)
        with pytest.raises(InvalidField, match="Nothing was sent"):
            model.stream(asked(model), **wrong)
    for nothing in (
        [],
        "hi",
        [1],
        [{"role": "user", "content": "\ud800"}],
        [{"role": "user", "content": float("nan")}],
    ):
        with pytest.raises(InvalidField, match="Nothing was sent"):
            model.complete(nothing)
    assert server.received == []


def test_the_thoughts_that_a_service_did_not_keep_are_not_sent_again(server, waits):
    server.then(Reply(body=RESPONSES.calling))
    answer = RESPONSES.make(server.url, waits).complete(ASKED["openai-responses"])
    assert [message["type"] for message in answer.messages] == ["function_call"]
    assert server.received[0].body["store"] is False


def test_ollama_is_told_the_tool_of_a_result_and_gets_images_by_their_bytes(server, waits):
    model = OLLAMA.make(server.url, waits)
    call = {"id": "call_1", "type": "function", "function": {"name": "recall", "arguments": '{"query": "x"}'}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    server.then(Reply(body=OLLAMA.said))
    model.complete(
        [
            {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "nothing"},
        ]
    )  # fmt: skip
    said, called, result = server.received[0].body["messages"]
    assert said == {"role": "user", "content": "see", "images": ["AAAA"]}
    assert called["tool_calls"] == [{"function": {"name": "recall", "arguments": {"query": "x"}}}]
    assert result == {"role": "tool", "content": "nothing", "tool_name": "recall"}
    elsewhere = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    with pytest.raises(InvalidField, match="by its bytes"):
        model.complete([{"role": "user", "content": elsewhere}])
