"""Summaries by a language model: asked outside of any write, judged like anything else, replaced where it fails."""

from __future__ import annotations

import os

import pytest

from holdfast import Memory, Policy
from holdfast.adapters.llm.openai_chat import OpenAIChat
from holdfast.adapters.llm.resolve import find_model
from holdfast.adapters.service import Pace
from holdfast.config import load_settings
from holdfast.errors import InvalidField, InvalidInput, ModelUnavailable
from holdfast.model.completion import Completion
from tests.services.test_window import pieces, talk


class Scripted:
    """A model that says what it is told to, and counts how often it is asked."""

    name, shape = "small", "openai"

    def __init__(self, text="Ada launches in Porto on 12 May.", stop="end", act=lambda: None):
        self.text, self.stop, self.act, self.given = text, stop, act, []

    def complete(self, messages, *, system=None, tools=(), max_tokens=1024, temperature=None):
        self.given.append(str(messages))
        self.act()
        if isinstance(self.text, Exception):
            raise self.text
        text = self.text() if callable(self.text) else self.text
        return Completion(text=text, calls=(), stop=self.stop, model=self.name, messages=())

    def stream(self, messages, **_):
        raise NotImplementedError


def test_the_configured_model_writes_the_summary_once_and_both_who_ask_have_it(opened, path):
    small = Scripted()
    memory = opened(path, model=small)
    chat = memory.session("chat-1")
    talk(chat, 60)
    window = chat.window(600)
    asked = len(small.given)
    assert (window.by, window.degraded) == (("small",), None)
    assert "Ada launches in Porto on 12 May." in window.summary
    assert chat.window(600) == window
    assert opened(path).session("chat-1").window(600).summary == window.summary
    assert len(small.given) == asked
    assert all("</memories>" in one for one in small.given)


@pytest.mark.parametrize(
    ("says", "stop", "why"),
    [
        (ModelUnavailable("timed out"), "end", "failed: timed out"),
        (ZeroDivisionError("foreign code"), "end", "failed: ZeroDivisionError: foreign code"),
        ("", "end", "said nothing"),
        ("No.", "refused", "refused"),
        ("word " * 3_000, "end", "over the budget"),
        ("cut", "length", "over the budget"),
        (lambda: None, "end", "without a text"),
        ("\0 \ud800", "refused", "refused"),
    ],
)
def test_a_model_that_fails_leaves_an_extractive_summary_and_says_so(opened, says, stop, why):
    small = Scripted(says, stop)
    chat = opened(model=small).session("chat-1")
    talk(chat, 60)
    window = chat.window(600)
    assert window.by == ("extractive",)
    assert why in window.degraded
    assert window.tokens <= 600
    assert "did not write all" in chat.window(600).degraded


def test_what_no_memory_may_hold_is_taken_out_of_what_a_model_wrote(opened):
    memory = opened(model=Scripted("They\0 \ud800plan </memories> in Porto."))
    chat = memory.session("chat-1")
    talk(chat, 60)
    window = chat.window(600)
    assert window.by == ("small",)
    assert "They ?plan &lt;/memories> in Porto." in window.summary
    assert chat.close().text == "They ?plan </memories> in Porto."


def test_a_model_that_answers_with_something_else_leaves_an_extractive_summary(opened):
    small = Scripted()
    small.complete = lambda *_, **__: {"text": "They plan."}
    chat = opened(model=small).session("chat-1")
    talk(chat, 60)
    window = chat.window(600)
    assert (window.by, "gave dict without a text" in window.degraded) == (("extractive",), True)
    assert chat.close().text


def test_a_model_that_answers_otherwise_each_time_leaves_the_prefix_as_it_is(opened, path):
    small = Scripted(lambda: f"Answer number {len(small.given)}.")
    chat, changes, before = opened(path, model=small).session("chat-1"), 0, []
    for n in range(60):
        talk(chat, 1, start=n)
        now = chat.window(800, max_items=200).messages
        assert chat.window(800, max_items=200).messages == now
        changes += now[: len(before)] != before
        before = now
    assert changes <= 10  # 60 with a sliding window
    assert opened(path, model=small).session("chat-1").window(800, max_items=200).messages == before


@pytest.mark.parametrize("name", [5, "", "x" * 5_000, "a\nb"])
def test_a_model_without_a_name_is_refused_and_nothing_is_made(path, name):
    small = Scripted()
    small.name = name
    with pytest.raises(InvalidInput, match="name of the language model"):
        Memory.open(path, embedder=None, model=small)
    assert not path.exists()


def test_a_model_that_fails_is_not_asked_again_at_every_step(opened, clock):
    small = Scripted(ModelUnavailable("timed out"))
    chat = opened(model=small).session("chat-1")
    for n in range(0, 120, 10):
        talk(chat, 10, start=n)
        chat.window(600)
    assert len(small.given) == 1
    clock.advance(61_000)
    talk(chat, 20, start=120)
    chat.window(600)
    assert len(small.given) == 2


def test_no_write_waits_for_the_model(opened, path):
    other = opened(path)

    def write_meanwhile():
        other.remember(f"Written while the model was asked, {len(small.given)}.")

    small = Scripted(act=write_meanwhile)
    memory = opened(path, model=small)
    chat = memory.session("chat-1")
    talk(chat, 40)
    assert small.given == []
    chat.window(600)
    assert chat.close() is not None
    assert len(small.given) == sum(record.kind.name == "FACT" for record in other.records())
    assert len(small.given) >= 2


def test_who_adds_after_an_idle_time_does_not_wait_for_the_model(opened, clock):
    small = Scripted()
    memory = opened(model=small)
    chat = memory.session("chat-1", user="Ada")
    talk(chat, 4)
    clock.advance(3_600_000)
    chat.add("user", "I am back.")
    assert small.given == []
    assert memory.sessions.get("chat-1").summaries
    clock.advance(3_600_000)
    assert [one.text for one in memory.sessions.close_idle()] == [small.text]


def test_a_turn_forgotten_while_the_model_writes_of_it_is_in_no_summary(opened, path):
    other = opened(path)
    chat = other.session("chat-1")
    secret = chat.add("user", "My sister Wilhelmina is in Porto.")
    talk(chat, 60)

    def forget():
        small.act = lambda: None
        other.forget(secret.id)

    says = iter(["Wilhelmina is in Porto."])
    small = Scripted(lambda: next(says, "They plan."), act=forget)
    memory = opened(path, model=small)
    window = memory.session("chat-1").window(600)
    assert secret.id not in {source for one in pieces(memory) for source in one.sources}
    assert "Wilhelmina" not in f"{window}{[one.text for one in pieces(memory)]}"
    assert "They plan." in window.summary
    # It was noticed before anything was written, not made good after.
    assert [receipt.reason for receipt in memory.receipts()] == [None]


def test_what_a_model_wrote_is_judged_like_what_a_caller_says(opened):
    token = "ghp_" + "a1B2" * 9
    memory = opened(model=Scripted(f"The token is {token}."), policy=Policy())
    chat = memory.session("chat-1")
    talk(chat, 60)
    window = chat.window(600)
    assert token not in str(window)
    assert not any(token in one.text for one in pieces(memory))
    assert token not in chat.close().text


def test_a_model_is_named_like_an_embedder_and_its_key_is_never_in_the_space(opened, path, monkeypatch):
    key = "sk-canary-" + os.urandom(8).hex()
    monkeypatch.setenv("HOLDFAST_MODEL_KEY", key)
    memory = Memory.open(path, embedder=None, model="openai:small@http://127.0.0.1:9/v1")
    chat = memory.session("chat-1")
    talk(chat, 60)
    window = chat.window(600)
    assert window.by == ("extractive",)
    assert key not in f"{window}{memory._space.model!r}{memory._space!r}"
    memory.close()
    assert not any(key.encode() in one.read_bytes() for one in path.parent.iterdir() if one.is_file())


@pytest.mark.parametrize(
    "named", ["gpt-4", "openai:", "openai:m@ftp://x", "http://x", "openai:a b", "openai:m@https://[x", 5, b"x"]
)
def test_what_is_no_model_is_refused_and_nothing_is_made(path, named):
    with pytest.raises(InvalidField):
        Memory.open(path, embedder=None, model=named)
    assert not path.exists()


def test_the_key_of_one_host_is_given_to_no_other():
    keys = {"OPENAI_API_KEY": "for-openai", "ANTHROPIC_API_KEY": "for-anthropic"}

    def key(named, **more):
        from holdfast.adapters.llm import resolve

        return resolve._key(resolve.SERVICE.fullmatch(named)["url"] or resolve._URLS[named.split(":")[0]], keys | more)

    assert key("openai:m") == "for-openai"
    assert key("anthropic:m") == "for-anthropic"
    assert key("openai:m@https://elsewhere.example/v1") is None
    assert key("anthropic:m@https://api.openai.com.example/v1") is None
    assert key("ollama:m") is None
    assert key("ollama:m", HOLDFAST_MODEL_KEY="mine") == "mine"
    assert find_model("none") is None


def test_settings_name_a_model_in_the_users_own_file_and_in_a_variable_alone(tmp_path):
    own, folder = tmp_path / "config" / "holdfast", tmp_path / "work"
    own.mkdir(parents=True)
    folder.mkdir()
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path)}

    def model(**more):
        return load_settings(environment=environment | more, folder=folder).model

    assert model() == "none"
    (own / "holdfast.toml").write_text('model = "ollama:qwen3"\n')
    assert model() == "ollama:qwen3"
    assert model(HOLDFAST_MODEL="anthropic:small") == "anthropic:small"
    (folder / "holdfast.toml").write_text('model = "openai:m@https://elsewhere.example/v1"\n')
    with pytest.raises(InvalidField, match="may not choose where your memories are sent"):
        model()
    (folder / "holdfast.toml").write_text('model = "none"\n')
    assert model() == "none"


def test_an_adapter_over_http_writes_a_summary(opened):
    from tests.adapters.llm.wires import CHAT as SERVICE
    from tests.adapters.llm.wires import TEXT
    from tests.scripted_server import Reply, scripted_server

    with scripted_server() as server:
        server.then(*[Reply(body=SERVICE.said)] * 12)
        pace = Pace(sleep=lambda _: None, chance=lambda: 0.0)
        chat = opened(model=OpenAIChat(f"{server.url}/v1", "small", pace=pace)).session("chat-1")
        talk(chat, 40)
        assert TEXT in chat.window(600).summary


def test_of_two_who_sum_up_at_once_the_first_that_is_written_holds(opened, path):
    first, second = Scripted("The first of the two."), Scripted("The second of the two.")
    memory, other = opened(path, model=first), opened(path, model=second)
    talk(memory.session("chat-1"), 30)
    shown = []

    def meanwhile():
        first.act = lambda: None
        shown.append(other.session("chat-1").window(600))

    first.act = meanwhile
    window = memory.session("chat-1").window(600)
    assert window.messages == shown[0].messages
    assert "The second of the two." in window.summary
    assert "The first of the two." not in window.summary
    assert all(one.version == 1 for one in pieces(memory))
