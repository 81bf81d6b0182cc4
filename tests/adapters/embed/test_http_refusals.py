"""Embedding through a service: refusals, wrong settings, and keys that stay secret."""

from __future__ import annotations

import builtins
import traceback
from typing import Any

import pytest
from http_embedders import KEY, Waits, ollama, openai

from holdfast.adapters.embed.http import HttpEmbedder, OllamaEmbedder, OpenAIEmbedder
from holdfast.errors import EmbedderRefused, EmbedderUnavailable, InvalidField, NoEmbedder
from tests.scripted_server import DIMENSIONS, Reply, ScriptedServer


@pytest.mark.parametrize("status", [301, 400, 404, 413, 422])
def test_a_refusal_is_final_and_says_why(embedder: HttpEmbedder, server: ScriptedServer, status: int) -> None:
    server.then(Reply(status, {"error": {"message": "input is too long", "type": "invalid_request_error"}}))
    with pytest.raises(EmbedderRefused, match=f"{status}.*input is too long") as caught:
        embedder.embed(["a"])
    assert not caught.value.retryable
    assert len(server.received) == 1


def test_ollamas_reason_is_told(server: ScriptedServer, waits: Waits) -> None:
    server.then(Reply(404, {"error": 'model "minilm" not found, try pulling it first'}))
    with pytest.raises(EmbedderRefused, match="try pulling it first"):
        ollama(server, waits).embed(["a"])


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_named_as_such(embedder: HttpEmbedder, server: ScriptedServer, status: int) -> None:
    server.then(Reply(status, {"error": {"message": f"Incorrect API key provided: {KEY}"}}))
    with pytest.raises(EmbedderRefused, match="check the API key"):
        embedder.embed(["a"])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"error": {"message": f"bad key {KEY}"}}),
        Reply(401, {"error": f"bad key {KEY}"}),
        Reply(500, {"error": {"message": f"while serving {KEY}"}}),
        Reply(200, b"not json"),
        Reply(200, b" " * 100, cut_after=10),
    ],
)
def test_the_key_is_in_no_message_traceback_or_repr(server: ScriptedServer, waits: Waits, reply: Reply) -> None:
    embedder = openai(server, waits, retries=0)
    server.then(reply)
    with pytest.raises((EmbedderRefused, EmbedderUnavailable)) as caught:
        embedder.embed(["a"])
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown + repr(embedder) + str(embedder) + embedder.fingerprint + repr(embedder._service)


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidField) as caught:
        OpenAIEmbedder("https://a.test", "m", api_key="sk-broken\nX-Header: 1")
    assert "sk-broken" not in str(caught.value)


def test_a_key_read_with_its_line_end_is_trimmed(server: ScriptedServer, waits: Waits) -> None:
    openai(server, waits, api_key=f"{KEY}\n").embed(["a"])
    assert server.received[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "address",
    ["", "a.test", "ftp://a.test", "https://", "https://me:secret@a.test", "https://a.test?key=1", "https://a:b"],
)
def test_an_address_that_is_none_or_holds_secrets_is_refused(address: str) -> None:
    with pytest.raises(InvalidField):
        OpenAIEmbedder(address, "m")


@pytest.mark.parametrize(
    "options",
    [
        {"dimensions": 0},
        {"dimensions": 8193},
        {"batch_size": 0},
        {"batch_size": 2049},
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"retries": -1},
        {"retries": 21},
        {"patience_s": -1},
    ],
)
def test_a_number_out_of_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidField):
        OpenAIEmbedder("https://a.test", "m", **options)


@pytest.mark.parametrize("model", ["", "two words", "näme", "x" * 151])
def test_a_model_name_that_cannot_be_in_a_fingerprint_is_refused(model: str) -> None:
    with pytest.raises(InvalidField):
        OllamaEmbedder("http://a.test", model)


def test_a_local_service_is_reached_past_a_proxy(embedder: HttpEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert embedder.embed(["a"]).shape == (1, DIMENSIONS)


def test_without_httpx_the_error_says_what_to_install(embedder: HttpEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    true_import = builtins.__import__

    def without_httpx(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "httpx":
            raise ImportError(name)
        return true_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_httpx)
    with pytest.raises(NoEmbedder, match=r'pip install "holdfast\[http\]"'):
        embedder.embed(["a"])
