"""Embedding through a service: wire formats, answers and trying again."""

from __future__ import annotations

import email.utils
import json
import threading
from typing import Any

import numpy as np
import pytest
from http_embedders import KEY, NOW, Waits, ollama, openai, unit

from holdfast.adapters.embed.http import MAX_CHARACTERS, HttpEmbedder, OllamaEmbedder, OpenAIEmbedder
from holdfast.adapters.service import Pace
from holdfast.errors import EmbedderRefused, EmbedderUnavailable, InvalidField
from holdfast.testing.embedder_contract import EmbedderContract
from tests.scripted_server import DIMENSIONS, Reply, ScriptedServer, encoded, scripted_server


class TestOpenAIKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self, server: ScriptedServer, waits: Waits) -> OpenAIEmbedder:
        return openai(server, waits)


class TestOllamaKeepsTheContract(EmbedderContract):
    @pytest.fixture
    def embedder(self, server: ScriptedServer, waits: Waits) -> OllamaEmbedder:
        return ollama(server, waits)


# What is sent


def test_openai_is_asked_in_its_own_format(server: ScriptedServer, waits: Waits) -> None:
    openai(server, waits, dimensions=8).embed(["a", "b"])
    request = server.received[0]
    assert request.path == "/v1/embeddings"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.body == {"model": "small", "input": ["a", "b"], "encoding_format": "float", "dimensions": 8}


def test_ollama_is_asked_in_its_own_format(server: ScriptedServer, waits: Waits) -> None:
    ollama(server, waits).embed(["a", "b"])
    request = server.received[0]
    assert request.path == "/api/embed"
    assert "Authorization" not in request.headers
    assert request.body == {"model": "minilm", "input": ["a", "b"], "truncate": True}


def test_dimensions_not_given_are_not_asked_for(server: ScriptedServer, waits: Waits) -> None:
    openai(server, waits).embed(["a"])
    assert "dimensions" not in server.received[0].body


def test_texts_go_out_in_batches_of_the_stated_size(server: ScriptedServer, waits: Waits) -> None:
    openai(server, waits, batch_size=3).embed([str(number) for number in range(7)])
    assert [request.body["input"] for request in server.received] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_a_request_stays_below_the_services_limit_on_its_whole_length(server: ScriptedServer, waits: Waits) -> None:
    openai(server, waits).embed(["x" * 6000] * 64)
    lengths = [sum(map(len, request.body["input"])) for request in server.received]
    assert sum(lengths) == 64 * 6000
    assert max(lengths) <= 200_000


def test_only_the_leading_part_of_a_huge_text_is_sent(embedder: HttpEmbedder, server: ScriptedServer) -> None:
    embedder.embed(["x" * 10_000_000])
    assert server.received[0].body["input"] == ["x" * MAX_CHARACTERS]


def test_no_blank_text_is_sent_because_services_refuse_it(embedder: HttpEmbedder, server: ScriptedServer) -> None:
    embedder.embed(["", " \n"])
    assert all(text.strip() for text in server.received[0].body["input"])


def test_making_an_embedder_and_reading_its_fingerprint_asks_nothing(
    embedder: HttpEmbedder, server: ScriptedServer
) -> None:
    assert embedder.fingerprint
    assert server.received == []


def test_the_fingerprint_names_model_and_dimensions_but_not_the_host() -> None:
    here, there = (OpenAIEmbedder(f"https://{host}/v1", "org/m", dimensions=512) for host in ("a.test", "b.test"))
    assert here.fingerprint == there.fingerprint == "openai/org/m/512"
    assert OpenAIEmbedder("https://a.test", "m").fingerprint == "openai/m/native"


def test_an_ollama_model_without_a_tag_is_the_latest() -> None:
    names = ("m", "m:latest", "m:v2", "host:5000/m")
    fingerprints = [OllamaEmbedder("http://a.test", name).fingerprint for name in names]
    assert fingerprints == [
        "ollama/m:latest/native",
        "ollama/m:latest/native",
        "ollama/m:v2/native",
        "ollama/host:5000/m:latest/native",
    ]


# What comes back


def test_vectors_are_those_of_the_service_scaled_to_length_one(embedder: HttpEmbedder) -> None:
    np.testing.assert_allclose(embedder.embed(["a", "b"]), [unit("a"), unit("b")], atol=1e-6)


def test_base64_vectors_are_the_same_as_numbers(server: ScriptedServer, waits: Waits) -> None:
    found = openai(server, waits, encoding="base64").embed(["a", "b"])
    assert server.received[0].body["encoding_format"] == "base64"
    np.testing.assert_allclose(found, [unit("a"), unit("b")], atol=1e-6)


def test_vectors_are_put_in_order_by_their_index(server: ScriptedServer, waits: Waits) -> None:
    def reordered(body: dict[str, Any]) -> Reply:
        reply = server.answer("/v1/embeddings", body)
        assert isinstance(reply.body, dict)
        reply.body["data"].reverse()
        return reply

    server.then(reordered)
    np.testing.assert_allclose(openai(server, waits).embed(["a", "b", "c"])[0], unit("a"), atol=1e-6)


@pytest.mark.parametrize("length", [1e-200, 1e200])
def test_very_short_and_very_long_vectors_become_unit_vectors(
    server: ScriptedServer, waits: Waits, length: float
) -> None:
    server.then(Reply(body={"embeddings": [[3 * length, 4 * length]]}))
    np.testing.assert_allclose(ollama(server, waits).embed(["a"]), [[0.6, 0.8]], atol=1e-6)


@pytest.mark.parametrize(
    ("vector", "complaint"),
    [
        ([1.0] * (DIMENSIONS - 1), "dimensions"),
        ([1.0] * (DIMENSIONS - 1) + [float("nan")], "not finite"),
        ([1.0] * (DIMENSIONS - 1) + [float("inf")], "not finite"),
        ([1.0] * (DIMENSIONS - 1) + [None], "not finite|not made of numbers"),
        ([1.0] * (DIMENSIONS - 1) + ["x"], "not made of numbers"),
        ([0.0] * DIMENSIONS, "zeros"),
        ([], "1 to 8192"),
        ([[1.0] * DIMENSIONS], "1 to 8192"),
        (None, "not 1 to 8192|not made of numbers"),
        ("!!!!", "not made of numbers"),
        (encoded([1.0] * DIMENSIONS)[:-4], "not made of numbers|dimensions"),
        ({"a": 1}, "not made of numbers"),
    ],
)
def test_a_vector_that_is_none_is_refused(server: ScriptedServer, waits: Waits, vector: object, complaint: str) -> None:
    server.then(Reply(body={"data": [{"index": 0, "embedding": vector}]}))
    with pytest.raises(EmbedderRefused, match=complaint):
        openai(server, waits, dimensions=DIMENSIONS).embed(["a"])


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}],
        [{"embedding": [1.0]}],
        ["x"],
        {"0": [1.0]},
        None,
    ],
)
def test_an_answer_that_does_not_match_the_texts_is_refused(server: ScriptedServer, waits: Waits, data: object) -> None:
    server.then(Reply(body={"data": data}))
    with pytest.raises(EmbedderRefused):
        openai(server, waits).embed(["a"])


def test_a_model_that_changes_its_dimensions_is_refused(embedder: HttpEmbedder, server: ScriptedServer) -> None:
    embedder.embed(["a"])
    server.dimensions += 1
    with pytest.raises(EmbedderRefused, match=f"{DIMENSIONS + 1} dimensions instead of {DIMENSIONS}"):
        embedder.embed(["a"])
    assert embedder.dimensions == DIMENSIONS


def test_an_answer_above_the_limit_is_not_read_to_its_end(
    server: ScriptedServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.adapters.service.MAX_ANSWER_BYTES", 1000)
    server.then(Reply(body=b" " * 100_000))
    with pytest.raises(EmbedderRefused, match="above 1000 bytes"):
        openai(server, waits).embed(["a"])


# Trying again


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_a_passing_failure_is_tried_again(embedder: HttpEmbedder, server: ScriptedServer, status: int) -> None:
    server.then(Reply(status), Reply(status))
    np.testing.assert_allclose(embedder.embed(["a"]), [unit("a")], atol=1e-6)
    assert len(server.received) == 3


def test_a_lasting_failure_ends_after_the_retries_as_unavailable(server: ScriptedServer, waits: Waits) -> None:
    server.then(*[Reply(500)] * 10)
    with pytest.raises(EmbedderUnavailable, match="500") as caught:
        openai(server, waits, retries=2).embed(["a"])
    assert caught.value.retryable
    assert len(server.received) == 3
    assert len(waits) == 2


def test_waits_double_up_to_a_limit_and_carry_jitter(server: ScriptedServer) -> None:
    for chance, expected in ((0.0, [0.25, 0.5, 1.0, 2.0, 4.0, 4.0]), (0.5, [0.375, 0.75, 1.5, 3.0, 6.0, 6.0])):
        waits = Waits()
        server.then(*[Reply(503)] * 7)
        with pytest.raises(EmbedderUnavailable):
            openai(server, waits, retries=6, pace=waits.pace(chance)).embed(["a"])
        assert waits == expected


@pytest.mark.parametrize("header", ["7", email.utils.formatdate(NOW + 7, usegmt=True)], ids=["seconds", "date"])
def test_retry_after_is_waited_for(server: ScriptedServer, waits: Waits, header: str) -> None:
    server.then(Reply(429, headers={"Retry-After": header}))
    openai(server, waits).embed(["a"])
    assert waits == [7.0]


@pytest.mark.parametrize("header", ["", "soon", "-5", "1e9", "Fri, 99 Foo", email.utils.formatdate(NOW - 99)])
def test_a_retry_after_that_says_nothing_leaves_the_usual_wait(
    server: ScriptedServer, waits: Waits, header: str
) -> None:
    server.then(Reply(429, headers={"Retry-After": header}))
    openai(server, waits).embed(["a"])
    assert waits == [0.25]


def test_a_service_that_asks_for_more_than_our_patience_is_not_awaited(server: ScriptedServer, waits: Waits) -> None:
    server.then(Reply(429, headers={"Retry-After": "3600"}))
    with pytest.raises(EmbedderUnavailable, match="429"):
        openai(server, waits, patience_s=60).embed(["a"])
    assert waits == []
    assert len(server.received) == 1


def test_a_query_waits_a_second_at_most(embedder: HttpEmbedder, server: ScriptedServer, waits: Waits) -> None:
    server.then(*[Reply(503)] * 5)
    with pytest.raises(EmbedderUnavailable):
        embedder.embed_query("a")
    assert waits == [0.25, 0.5]


def test_a_body_cut_short_is_tried_again(embedder: HttpEmbedder, server: ScriptedServer) -> None:
    server.then(Reply(body=b'{"data": [' + b" " * 1000, cut_after=500))
    np.testing.assert_allclose(embedder.embed(["a"]), [unit("a")], atol=1e-6)


def test_json_that_cannot_be_read_is_tried_again_and_refused_if_it_stays(
    embedder: HttpEmbedder, server: ScriptedServer
) -> None:
    server.then(Reply(body=b"<html>busy</html>"))
    np.testing.assert_allclose(embedder.embed(["a"]), [unit("a")], atol=1e-6)
    for body in (b"<html>", b"", b"{", b"\xff\xfe", b"[" * 200_000):
        server.then(*[Reply(body=body)] * 4)
        with pytest.raises(EmbedderRefused, match="not JSON"):
            embedder.embed(["a"])


def test_a_service_that_does_not_answer_in_time_is_unavailable(server: ScriptedServer, waits: Waits) -> None:
    never = threading.Event()
    server.then(Reply(hold=never))
    try:
        with pytest.raises(EmbedderUnavailable, match=r"within 0\.05 s"):
            openai(server, waits, timeout_s=0.05, retries=0).embed(["a"])
    finally:
        never.set()


def test_a_query_takes_no_longer_than_it_may_attempts_and_waits_together(server: ScriptedServer) -> None:
    now, slept = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    def slow(_: dict[str, Any]) -> Reply:
        now[0] += 0.5
        return Reply(503)

    pace = Pace(sleep=sleep, chance=lambda: 0.0, monotonic=lambda: now[0])
    server.then(*[slow] * 8)
    embedder = openai(server, Waits(), pace=pace, retries=8, query_timeout_s=1.4)
    with pytest.raises(EmbedderUnavailable, match="503"):
        embedder.embed_query("a")
    assert (len(server.received), slept) == (2, [0.25]), "a third attempt would begin after its time"
    assert now[0] <= 100 + 1.4


def test_a_silent_service_keeps_a_query_only_so_long(server: ScriptedServer, waits: Waits) -> None:
    never = threading.Event()
    server.then(*[Reply(hold=never)] * 4)
    try:
        with pytest.raises(EmbedderUnavailable, match=r"within 0\.05 s"):
            openai(server, waits, timeout_s=30, query_timeout_s=0.05).embed_query("a")
    finally:
        never.set()


def test_it_says_how_many_texts_it_takes_so_that_it_is_given_so_many(server: ScriptedServer, waits: Waits) -> None:
    assert openai(server, waits, batch_size=17).batch_size == 17


@pytest.mark.parametrize("query_timeout_s", [0, -1, 3601])
def test_a_time_for_queries_that_is_none_is_refused(server: ScriptedServer, waits: Waits, query_timeout_s) -> None:
    with pytest.raises(InvalidField, match="query_timeout_s"):
        openai(server, waits, query_timeout_s=query_timeout_s)


def test_a_service_that_dribbles_its_answer_is_unavailable(server: ScriptedServer, waits: Waits) -> None:
    ticks = iter(range(1000))
    pace = Pace(sleep=waits.append, monotonic=lambda: float(next(ticks)))
    server.then(Reply(body=b" " * 40, pause_between_bytes=threading.Event().is_set))
    with pytest.raises(EmbedderUnavailable, match="did not finish"):
        openai(server, waits, timeout_s=0.5, retries=0, pace=pace).embed(["a"])


def test_a_service_that_is_not_there_is_unavailable(waits: Waits) -> None:
    with scripted_server() as gone:
        embedder = openai(gone, waits)
    with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
        embedder.embed(["a"])
    assert len(waits) == 3


def test_the_scripted_server_speaks_json_as_the_real_services_do(server: ScriptedServer) -> None:
    reply = server.answer("/v1/embeddings", {"model": "m", "input": ["a"], "encoding_format": "base64"})
    assert json.dumps(reply.body).startswith('{"object": "list", "data": [{"object": "embedding", "index": 0')
