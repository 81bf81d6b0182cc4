"""Episodes: recorded with what belongs to them, and found by time, likeness, people, tags, outcome and in words."""

from __future__ import annotations

import pytest

from holdfast import Kind, Turn
from holdfast.errors import Gone, InvalidField, InvalidInput, InvalidTime, NotFound
from holdfast.model import limits
from holdfast.model.policy import Action, Policy, Sensitive

DAY_MS = 86_400_000


@pytest.fixture
def talk(memory, clock):
    """Five days of talk, from Sunday 15 June 2025 on."""
    chat = memory.session("chat-1", user="Ada", agent="Fern")
    for user, agent in (
        ("How do generators work in Python?", "They are lazy; Python makes them with yield."),
        ("I love Python.", "So do I."),
        ("Can you explain decorators in python?", "They wrap functions."),
        ("What is the weather tomorrow?", "Sunny."),
        ("Tell me more about Pythons, the snakes.", "They are not venomous."),
    ):
        chat.add("user", user)
        chat.add("assistant", agent)
        clock.advance(DAY_MS)
    return memory


def texts(found):
    return [one.text for one in found]


@pytest.mark.parametrize(
    "question",
    [
        "show me all times the user asked about Python",
        "when did the user ask about Python?",
        "When did I ask about python",
        "list every time Ada asked about Python",
        "how often did the user ask about Python",
    ],
)
def test_every_time_the_user_asked_is_listed_in_order(talk, question):
    assert texts(talk.episodes.said(question)) == [
        "How do generators work in Python?",
        "Can you explain decorators in python?",
        "Tell me more about Pythons, the snakes.",
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("when did the user mention Python", 4),
        ("when was Python mentioned", 5),
        ("what did the assistant say about Python", 1),
        ("what did we discuss last Tuesday?", 2),
        ("what did the user ask on Tuesday?", 1),
        ("when did the user ask about decorators in Python", 1),
        ("when did Fern mention functions", 1),
        ("when did the user ask about COBOL", 0),
        ("everything that was said", 10),
    ],
)
def test_who_what_and_when_are_read_from_the_question(talk, question, expected):
    found = talk.episodes.said(question)  # asked on Friday 20 June 2025
    assert len(found) == expected
    assert [one.at_ms for one in found] == sorted(one.at_ms for one in found)


def test_a_listing_gives_all_there_is(memory):
    chat = memory.session("chat-1")
    for number in range(130):
        chat.add("user", f"Is Python number {number} any good?")
    assert len(memory.episodes.said("all times the user asked about Python")) == 130


def test_what_happened_is_recorded_with_all_that_belongs_to_it(memory, clock):
    chat = memory.session("chat-1", user="Ada", agent="Fern")
    record = chat.record(
        "decision", "We ship on Friday.", input={"options": ["Friday", "Monday"]}, output="Friday", outcome="success",
        sentiment=0.5, tags=["launch"], attributes={"votes": 3},
    )  # fmt: skip
    (one,) = memory.episodes.list(kind="decision")
    assert (one.id, one.user, one.agent, one.outcome, one.sentiment) == (record.id, "Ada", "Fern", "success", 0.5)
    assert (one.input, one.output) == ({"options": ["Friday", "Monday"]}, "Friday")
    assert (one.record.session, one.record.author, one.record.valid_from) == ("chat-1", "Fern", clock.now_ms())
    assert memory.records(where={"kind": "decision", "attributes.votes": 3}).__next__().id == record.id
    assert memory.recall("when do we ship?").hits[0].id == record.id


def test_an_error_comes_with_what_resolved_it_and_takes_it_along(memory):
    chat = memory.session("chat-1", agent="Fern")
    error = chat.record("error", "The connection pool was exhausted.", outcome="failure", tags=["db"])
    assert memory.episodes.list(kind="error")[0].resolution is None
    fix = memory.episodes.resolve(error.id, "Raised the pool to twenty.")
    (found,) = memory.episodes.list(kind="error")
    assert found.resolution.text == "Raised the pool to twenty."
    assert (found.resolution.outcome, found.resolution.record.session) == ("success", "chat-1")
    before = memory.episodes.similar("pool exhausted again", kind="error")
    assert before[0].resolution.id == fix.id
    assert before[0].score is not None
    assert texts(memory.episodes.similar("pool", outcome="success")) != []
    memory.forget(error.id)
    with pytest.raises(Gone):
        memory.get(fix.id)
    with pytest.raises(Gone):
        memory.episodes.resolve(error.id, "again")


def test_only_an_error_is_resolved(memory):
    turn = memory.session("chat-1").add("user", "Hello.")
    with pytest.raises(InvalidField, match="not an error"):
        memory.episodes.resolve(turn.id, "fixed")
    with pytest.raises(NotFound):
        memory.episodes.resolve("0192f3c4-5a6b-7c8d-9e0f-112233445566", "fixed")


def test_episodes_are_found_by_every_condition(memory, clock):
    one = memory.session("chat-1", user="Ada", agent="Fern")
    two = memory.session("chat-2", user="Bo", agent="Fern")
    ids = {}
    ids["a"] = one.record("event", "Deployed.", outcome="success", tags=["prod"]).id
    clock.advance(DAY_MS)
    ids["b"] = two.record("event", "Rolled back.", outcome="failure").id
    ids["c"] = two.add("user", "See you tomorrow.").id

    def found(**conditions):
        return sorted(name for name, id_ in ids.items() if id_ in [e.id for e in memory.episodes.list(**conditions)])

    assert found() == ["a", "b", "c"]
    assert found(kind="event") == ["a", "b"]
    assert found(kind=["event", "turn"]) == ["a", "b", "c"]
    assert found(participant="Ada") == ["a"]
    assert found(participant="Fern") == ["a", "b"]
    assert found(tag="prod") == ["a"]
    assert found(session="chat-2") == ["b", "c"]
    assert found(outcome="failure") == ["b"]
    assert found(since="2025-06-16") == ["b", "c"]
    assert found(until="2025-06-16") == ["a"]
    assert found(during="yesterday") == ["a"]
    assert found(concerning="tomorrow") == ["c"]
    assert found(concerning="2025-06-17") == ["c"]
    assert found(concerning="yesterday") == []
    assert found(where="author = Bo") == ["c"]
    assert found(kind="event", limit=1) == ["b"]
    clock.advance(DAY_MS)
    assert found(concerning="today") == ["c"]


def test_words_are_resolved_when_written_and_stay_as_they_were(memory, clock):
    chat = memory.session("chat-1")
    chat.add("user", "We use NumPy here.")
    turn = chat.add("user", "Could you install it tomorrow?")
    told = chat.add("user", "It rained yesterday.", when="2025-05-02T08:00Z")
    assert [one.times for one in memory.episodes.list() if one.id == told.id] == [((1746057600000, 1746144000000),)]
    clock.advance(30 * DAY_MS)
    (found,) = [one for one in memory.episodes.list() if one.id == turn.id]
    assert found.text == "Could you install it tomorrow?"
    assert found.it == "NumPy"
    assert found.times == ((1750032000000, 1750118400000),)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "dream"}, "dream"), ({"kind": "turn"}, "added as a turn"), ({"outcome": "great"}, "outcome"),
        ({"sentiment": 2}, "sentiment"), ({"sentiment": True}, "sentiment"), ({"input": object()}, "JSON"),
        ({"output": float("nan")}, "JSON"), ({"text": " "}, "empty"), ({"when": "2999-01-01"}, "day after now"),
        ({"resolves": "nonsense"}, "id"),
    ],
)  # fmt: skip
def test_what_no_episode_can_have_is_refused_and_nothing_is_written(memory, changes, says):
    given = {"kind": "event", "text": "Something."} | changes
    with pytest.raises(InvalidInput, match=says):
        memory.session("chat-1").record(given.pop("kind"), given.pop("text"), **given)
    assert memory.summary().events == 0


def test_conditions_that_mean_nothing_are_refused(memory):
    for conditions in ({"kind": "fact"}, {"outcome": "great"}, {"limit": 0}):
        with pytest.raises(InvalidInput):
            memory.episodes.list(**conditions)
    with pytest.raises(InvalidTime, match="names no time"):
        memory.episodes.list(during="someday")


def test_a_policy_sees_what_goes_in_and_out(opened):
    memory = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.REDACT}))
    key = "AKIA" + "IOSFODNN7RQXMPLE"
    chat = memory.session("chat-1")
    chat.record("event", "Called the service.", input={"key": key})
    chat.add_message({"role": "user", "content": [{"type": "text", "text": f"my key is {key}"}]})
    assert key not in "\n".join(memory.export())
    assert key not in str(list(chat.messages("openai")))
    assert memory.check() == []


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_every_kind_is_filtered_exported_recalled_and_forgotten(opened, path, clock, key):
    memory = opened(path, key=key)
    chat = memory.session("chat-1", user="Ada", agent="Fern")
    made = {
        kind: chat.record(kind, f"The heron {kind} at noon.", input={"code": f"obelisk-{kind}"})
        for kind in ("decision", "error", "outcome", "event", "tool_call")
    }
    made["summary"] = chat.close()
    for kind, record in made.items():
        assert [one.id for one in memory.records(where={"kind": kind})] == [record.id]
        assert record.kind is Kind[kind.upper()]
        assert record.kind.is_episode
        assert not record.kind.is_aside
    assert len(memory.recall("heron at noon", limit=20).hits) == 6
    other = opened(path.with_name("other.db"))
    assert other.import_(list(memory.export())).added == 7, "the session too"
    assert sorted(one.text for one in other.episodes.list()) == sorted(one.text for one in memory.episodes.list())
    assert memory.storage.rebuild() == memory.storage.digest()
    assert "It is an error in session chat-1" in str(memory.why(made["error"].id).words)
    clock.advance(DAY_MS)
    receipt = memory.forget(about="Fern")
    assert len(receipt.forgotten) + len(receipt.derived) == 6
    assert receipt.residue == (0, 6)
    assert memory.episodes.list() == []
    assert memory.verify(receipt).holds
    assert memory.check() == []
    found = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith("space.db"))
    assert b"obelisk-" not in found


def test_the_words_of_a_long_history_are_left_as_they_were_said(memory):
    turns = [Turn(speaker="user", text=f"I leave tomorrow, {number}.") for number in range(limits.TALK + 1)]
    few = memory.session("talk").add_many(turns[:-1])
    many = memory.session("history").add_many(turns)
    assert all(record.body for record in few)
    assert not any(record.body for record in many)
