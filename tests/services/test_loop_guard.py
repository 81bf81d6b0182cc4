"""What was recalled is not learned again, whoever says it, and never stands higher for having been said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.core.echoes import Shown
from holdfast.errors import Recalled
from holdfast.model.records import Kind, Origin, Record

FACT = "The rocket launch was moved to the fifth of May."


@pytest.fixture
def memory(opened: Callable[..., Memory]) -> Memory:
    memory = opened()
    memory.remember(FACT)
    for number in range(5):
        memory.remember(f"The rocket has {number} boosters and a launch tower.")
    return memory


def recallable(memory: Memory) -> list[Record]:
    return [hit.record for hit in memory.recall("rocket launch", limit=100)]


def test_an_agent_that_saves_what_it_recalled_grows_nothing_and_lifts_nothing(memory: Memory):
    before = [(hit.id, hit.score) for hit in memory.recall("rocket launch moved to May", limit=10)]
    count = len(list(memory.records()))
    tools = memory.tools()
    for number in range(100):
        text = memory.recall("rocket launch moved to May", limit=3)[0].text
        said = (text, text.upper(), f"- [1] 2025-06-15 {text}", f'"{text}"', f"I recall: {text}")[number % 5]
        result = tools.call("memory_save", {"text": said})
        assert result.ok
        assert "already" in result.text
        with pytest.raises(Recalled):
            memory.remember(said, origin="agent")
    assert len(list(memory.records())) == count
    assert [(hit.id, hit.score) for hit in memory.recall("rocket launch moved to May", limit=10)] == before


def test_the_whole_fence_is_never_taken_for_a_fact(memory: Memory):
    found = memory.recall("rocket launch")
    with pytest.raises(Recalled):
        memory.remember(found.text)
    with pytest.raises(Recalled):
        memory.remember(f"From memory:\n{found.text}")
    assert not memory.tools().call("memory_archive_insert", {"text": found.text}).text.startswith('{"stored": true')


def test_a_turn_that_repeats_what_was_recalled_is_kept_as_said_and_never_recalled(memory: Memory):
    chat = memory.session("s", user="Ada", agent="Fern")
    before = [(hit.id, hit.score) for hit in memory.recall(FACT, limit=10)]
    for _ in range(20):
        chat.add("user", "When is it?")
        chat.context(about=FACT)
        added = chat.add("assistant", FACT)
        assert added.origin is Origin.RECALLED
        assert added.text == FACT
    assert sum(turn.text == FACT for turn in chat.turns()) == 20, "verbatim, as it was said"
    after = memory.recall(FACT, limit=10)
    echoes = [hit for hit in after if hit.record.origin is Origin.RECALLED]
    assert echoes == []
    assert after[0].id == before[0][0]
    assert after[0].score <= before[0][1] + 1e-9, "what is repeated stands no higher"
    assert str(chat.context(about="boosters").part("memories")).count(FACT) == 1


def test_what_a_tool_of_memory_gave_is_no_evidence(memory: Memory):
    chat = memory.session("s")
    call = {"id": "a", "type": "function", "function": {"name": "memory_recall", "arguments": '{"query": "rocket"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    added = chat.add_messages([message, *chat.tools().handle(message)])
    assert [one.origin for one in added] == [Origin.RECALLED, Origin.RECALLED]
    assert {record.kind for record in recallable(memory)} == {Kind.FACT}
    assert len(chat.messages()) == 2, "the conversation is whole"


def test_what_is_new_is_learned_though_much_was_recalled(memory: Memory):
    memory.recall("rocket launch")
    assert memory.remember("The rocket launch was moved to the ninth of June, says Bo.", origin="agent")
    chat = memory.session("s")
    chat.context(about="rocket launch")
    assert chat.add("assistant", "I would pack a coat for that, it is cold at night.").origin is Origin.AGENT
    assert (
        chat.add("assistant", f"{FACT} So I would book the hotel in Kourou for the third, not the fifth.").origin
        is Origin.AGENT
    )
    assert chat.add("assistant", "Yes.").origin is Origin.AGENT
    assert memory.remember(f"{FACT[:-1]} no longer.", origin="agent"), "what follows the recalled words may undo them"
    assert memory.remember(f"{FACT} The crew was told.", origin="agent")


def test_a_person_may_say_again_what_was_recalled(memory: Memory):
    memory.recall("rocket launch")
    chat = memory.session("s")
    assert chat.add("user", FACT).origin is Origin.USER
    assert memory.remember("The rocket has 2 boosters and a launch tower.", origin="user")


def test_what_was_said_in_the_recent_turns_may_be_saved(memory: Memory):
    chat = memory.session("s", user="Ada")
    chat.add("user", "My sister is called Mia.")
    chat.context()
    assert memory.remember("My sister is called Mia.", origin="agent"), "that was said, not recalled"


def test_a_retry_is_answered_as_the_first_call_was(memory: Memory):
    first = memory.remember("Mia lives in the old town.", origin="agent", key="k")
    memory.recall("Mia old town")
    assert memory.remember("Mia lives in the old town.", origin="agent", key="k").id == first.id
    chat = memory.session("s")
    memory.recall("rocket launch")
    one = chat.add("assistant", FACT, key="t")
    memory._space.recalling.shown.let_go([hit.id for hit in memory.recall("rocket", limit=100)])
    assert chat.add("assistant", FACT, key="t").id == one.id, "in a process that recalled nothing too"


def test_what_is_forgotten_is_not_kept_in_mind(memory: Memory):
    found = memory.recall("rocket launch moved", limit=1)[0]
    shown = memory._space.recalling.shown
    assert shown.echoed(FACT) == (found.id,)
    memory.forget(found.id)
    assert FACT not in str(vars(shown))
    assert shown.echoed(FACT) is None


def test_a_summary_of_a_session_leaves_out_what_was_recalled(memory: Memory):
    chat = memory.session("s", user="Ada")
    chat.add("user", "I bought a red bicycle in Faro.")
    chat.context(about=FACT)
    chat.add("assistant", FACT)
    summary = chat.close()
    assert summary is not None
    assert "rocket" not in summary.text
    assert len(summary.sources) == 1


def test_another_process_refuses_the_same_words_by_the_tool(opened: Callable[..., Memory], path: Path):
    first = opened(path)
    first.remember(FACT)
    first.recall("rocket launch")
    first.close()
    assert "already" in opened(path).tools().call("memory_save", {"text": FACT}).text


def test_what_is_kept_in_mind_is_bounded():
    shown = Shown()
    for number in range(2_000):
        shown.show([(str(number), f"Number {number} is a memory of its own.", "")])
    assert len(shown._texts) == 512
    assert shown.echoed("Number 1999 is a memory of its own.") == ("1999",)
    assert shown.echoed("Number 3 is a memory of its own.") is None
    shown.show([("long", "word " * 100_000, "")])
    assert shown.echoed("Nothing of that sort at all here.") is None


SAID = (
    ("a", "Ada lives in Lisbon near the river.", "Ada"),
    ("b", "The limit is 5 requests. She writes C++ at work.", ""),
    ("c", "If it rains, the match is cancelled.", ""),
    ("d", "2026-05-05 is the launch day of the rocket.", ""),
    ("e", "I moved to Lisbon in May. Please keep answers short.", "Ada"),
    ("f", "艾达住在里斯本的河边。", ""),
    ("g", "Ada went to Porto", ""),
    ("h", "The rate is 1.5 percent", ""),
)


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("[3] 2026-01-01 Ada: I moved to Lisbon in May. Please keep answers short.", "e"),
        ("Please keep answers short. I moved to Lisbon in May.", "e"),
        ("- I moved to Lisbon in May.\n- Please keep answers short.", "e"),
        ("I moved to Lisbon in May.", "e"),
        ("I recall that Ada lives in Lisbon near the river.", "a"),
        ("According to my memory: Ada lives in Lisbon near the river. Yes.", "a"),
        ("Ada lives in\nLisbon near the river.", "a"),
        ("**Ada li\u200bves in Lisbon near the river.**", "a"),
        ('{"fact": "Ada lives in Lisbon near the river."}', "a"),
        ('{"text": "Ada lives in Lisbon near the river.\\nI moved to Lisbon in May."}', "ae"),
        ('"I moved to Lisbon in May. Ada lives in Lisbon near the river."', "ea"),
        ("艾达住在里斯本的河边", "f"),
    ],
)
def test_recalled_words_are_known_in_other_clothes(text: str, sources: str):
    shown = Shown()
    shown.show(SAID)
    assert shown.echoed(text) == tuple(sources)


@pytest.mark.parametrize(
    "text",
    [
        "The limit is 6 requests.",
        "The limit is -5 requests.",
        "The rate is 15 percent",
        "She writes C# at work.",
        "2026-06-09 is the launch day of the rocket.",
        "The match is cancelled.",
        "Untrue: Ada lives in Lisbon near the river.",
        "Ada lives in Lisbon near the river. No.",
        "I did not say Ada lives in Lisbon near the river.",
        "Bob and Ada went to Porto",
        "Last week Ada went to Porto",
        "Ada left. Please keep answers short.",
        '{"fact": "Ada lives in Lisbon near the river.", "since": 2019}',
        "Ada vive en Lisboa cerca del río.",
        "The <memories> tag opens the fence of recalled text.",
        "Yes.",
    ],
)
def test_what_says_something_else_is_no_echo(text: str):
    shown = Shown()
    shown.show(SAID)
    assert shown.echoed(text) is None


def test_a_person_may_speak_of_the_tag_that_recalled_text_stands_in(memory: Memory):
    assert memory.remember("The <memories> tag opens the fence of recalled text.")


def test_what_is_derived_from_a_recalled_memory_and_says_so_is_no_echo(memory: Memory):
    found = memory.recall("rocket launch moved", limit=1)[0]
    with pytest.raises(Recalled):
        memory.remember(FACT, origin="inferred")
    other = next(record.id for record in memory.records() if record.id != found.id)
    with pytest.raises(Recalled):
        memory.remember(FACT, origin="inferred", sources=[other])
    assert memory.remember(FACT, origin="inferred", sources=[found.id]).sources == (found.id,)


@pytest.mark.parametrize(
    "text", ["\n" * 50_000, "x [also " * 20_000, "calls memory_x(\n" * 5_000, "<memories>" * 20_000, "[" * 50_000]
)
def test_a_text_made_to_be_slow_is_read_in_one_go(text: str):
    assert Shown().echoed(text + "x y z") is None
