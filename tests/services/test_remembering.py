"""What goes in comes out: by id, by session, by filter, through another object and after reopening."""

from __future__ import annotations

from itertools import count

import pytest

from holdfast import CATEGORIES, Kind, Memory, Origin, Role, Trust, Turn
from holdfast.errors import Closed, Gone, HoldfastError, InvalidField, KeyReused, NotFound, StoreReadOnly
from tests.services.conftest import START_MS
from tests.services.scenes import found, refused, state_of


def test_a_fact_comes_back_with_everything_that_was_said_about_it(memory):
    source = memory.remember("The intake form of 3 May.")
    fact = memory.remember(
        "Ada is allergic to penicillin.", category="health", subject="Ada", predicate="allergic to",
        object="penicillin", source="intake form", sources=[source.id], when="2024-05-03", until="2034-05-03",
        tags=["care", "allergy", "care"], attributes={"page": 2, "sure": True, "dose": 0.5, "note": ""},
        confidence=0.9, importance=1,
    )  # fmt: skip
    held = memory.get(fact.id)
    assert held == fact
    assert (held.kind, held.category, held.subject, held.predicate) == (Kind.FACT, "health", "Ada", "allergic to")
    assert (held.object, held.source, held.sources) == ("penicillin", "intake form", (source.id,))
    assert (held.valid_from, held.valid_to) == (1_714_694_400_000, 2_030_227_200_000)
    assert held.tags == ("care", "allergy")
    assert dict(held.attributes) == {"page": 2, "sure": True, "dose": 0.5, "note": ""}
    assert (held.confidence, held.importance, held.version, held.recorded_at) == (0.9, 1.0, 1, START_MS)
    assert (held.superseded_by, held.superseded_at, held.actor) == (None, None, "owner")


def test_a_turn_comes_back_with_its_speaker_session_and_time(memory):
    chat = memory.session("chat-1", user="Ada", agent="Fern")
    mine = chat.add("user", "I moved to Lisbon.", when="1:56 pm on 8 May, 2023", caption="a map", tags=["move"])
    hers = chat.add("assistant", "Noted.", author="Ivy")
    guest = chat.add("Bruno", "Hello both.")
    tool = chat.add("tool", "exit 0")
    assert [turn.author for turn in (mine, hers, guest, tool)] == ["Ada", "Ivy", "Bruno", "tool"]
    assert [turn.role for turn in (mine, hers, guest, tool)] == [Role.USER, Role.ASSISTANT, Role.NONE, Role.TOOL]
    assert [turn.origin for turn in (mine, hers, guest, tool)] == [Origin.USER, Origin.AGENT, Origin.USER, Origin.TOOL]
    assert [turn.trust for turn in (mine, hers, guest, tool)] == [Trust.HIGH, Trust.MEDIUM, Trust.HIGH, Trust.LOW]
    assert mine.entry == "Ada: I moved to Lisbon. [shares a map]"
    assert (mine.session, mine.kind, hers.valid_from) == ("chat-1", Kind.TURN, START_MS)
    assert mine.valid_from == 1_683_554_160_000


def test_turns_keep_the_order_in_which_they_were_said(memory):
    chat = memory.session("chat-1")
    chat.add("user", "third", when="2023-05-03")
    chat.add_many([Turn(speaker="user", text="first", when_ms=0), Turn(speaker="user", text="second", when_ms=0)])
    memory.session("chat-2").add("user", "elsewhere")
    assert [turn.text for turn in chat.turns()] == ["first", "second", "third"]
    assert [turn.text for turn in chat.turns(2)] == ["second", "third"]
    assert memory.session("chat-3").turns() == []


def test_add_many_writes_all_of_them_or_none(memory):
    chat = memory.session("chat-1")
    chat.add("user", "before", key="k")
    turns = [Turn(speaker="user", text="one"), Turn(speaker="user", text="other", key="k")]
    with refused(memory, KeyReused):
        chat.add_many(turns)
    with refused(memory, InvalidField, "10,000"):
        chat.add_many(Turn(speaker="user", text=f"turn {number}") for number in count())
    with refused(memory, InvalidField, "expected a holdfast.Turn"):
        chat.add_many([{"speaker": "user", "text": "one"}])
    assert chat.add_many([]) == []
    records = chat.add_many(Turn(speaker="user", text=f"turn {number}") for number in range(300))
    assert [record.text for record in records] == [f"turn {number}" for number in range(300)]
    assert [record.id for record in chat.turns(300)] == [record.id for record in records]


def test_a_turn_of_a_batch_may_name_its_own_session(memory):
    memory.session("chat-1").add_many([Turn(speaker="user", text="there", session="chat-2")])
    assert [turn.text for turn in memory.session("chat-2").turns()] == ["there"]


def test_what_one_object_has_acknowledged_the_other_reads_at_once(opened, path, model):
    one, other = opened(path, embedder=model), opened(path, embedder=model)
    for number in range(5):
        writer, reader = (one, other) if number % 2 else (other, one)
        fact = writer.remember(f"Box {number} is in the cellar.", tags=[f"box{number}"])
        assert reader.get(fact.id) == writer.get(fact.id) == fact
        assert found(reader, f"Where is box {number}?")[0] == found(writer, f"Where is box {number}?")[0] == fact.text
        assert [record.id for record in reader.records(where={"tag": f"box{number}"})] == [fact.id]
        corrected = reader.correct(fact.id, f"Box {number} is in the attic.")
        assert corrected.text in found(writer, f"Where is box {number}?")
        assert fact.text not in found(writer, f"Where is box {number}?", limit=100)
        reader.forget(corrected.id)
        assert corrected.text not in found(writer, f"Where is box {number}?", limit=100)
    assert state_of(one) == state_of(other)


def test_reopening_changes_nothing(opened, path, model):
    first = opened(path, embedder=model)
    chat = first.session("chat-1")
    chat.add("user", "I moved to Lisbon in May.")
    fact = first.correct(first.remember("Ada lives in Leeds.").id, "Ada lives in Lisbon.")
    gone = first.remember("The door code is 7306.")
    first.forget(gone.id)
    first.settle()
    before = state_of(first), list(first.export(superseded=True)), first.recall("Where does Ada live?")
    first.close()
    again = opened(path, embedder=model)
    assert (state_of(again), list(again.export(superseded=True))) == before[:2]
    assert again.recall("Where does Ada live?").hits == before[2].hits
    assert again.get(fact.id) == fact
    with pytest.raises(Gone):
        again.get(gone.id)
    assert again.check() == []


def test_records_selects_by_every_filter(memory):
    chat = memory.session("chat-1", user="Ada")
    turn = chat.add("user", "Hello", tags=["greeting"])
    health = memory.remember("Ada runs.", category="health", subject="Ada", source="form", origin="document")
    work = memory.remember("Bruno bakes.", category="work", subject="Bruno", tags=["greeting", "job"])

    def select(**where):
        return {record.id for record in memory.records(where=where)}

    assert select() == {turn.id, health.id, work.id}
    assert select(author="Ada") == select(role="user") == select(session="chat-1") == select(kind="turn") == {turn.id}
    assert select(category="health") == select(source="form") == select(origin="document") == {health.id}
    assert select(subject=["Ada", "Bruno"]) == select(kind="fact") == {health.id, work.id}
    assert select(tag="greeting") == {turn.id, work.id}
    assert select(tag="greeting", kind="fact") == {work.id}
    assert select(author="nobody") == set()


def test_records_and_export_go_on_while_the_space_changes(memory):
    facts = [memory.remember(f"Fact {number}.") for number in range(3)]
    walk = memory.records()
    first = next(walk)
    memory.remember("Fact 3.")
    memory.forget(facts[2].id)
    assert first == facts[0]
    assert len(list(walk)) >= 1


def test_stats_count_what_is_there(memory, clock):
    assert memory.summary().live == memory.summary().events == 0
    memory.session("chat-1", user="Ada").add("user", "Hello", when="2020-01-01")
    memory.session("chat-2", user="Ada").add("user", "Hello again")
    old = memory.remember("Ada runs.", category="health")
    memory.correct(old.id, "Ada swims.")
    memory.forget(memory.remember("Secret.").id)
    stats = memory.summary()
    assert (stats.live, stats.superseded, stats.forgotten, stats.sessions) == (3, 1, 1, 2)
    assert dict(stats.by_kind) == {"turn": 2, "fact": 1}
    assert dict(stats.by_category) == {"health": 1}
    assert dict(stats.by_author) == {"Ada": 2}
    assert (stats.oldest_ms, stats.newest_ms) == (1_577_836_800_000, clock.now)
    assert (stats.pending, stats.model) == (3, None)


def test_history_tells_the_whole_life_of_a_memory(memory, clock):
    fact = memory.remember("Ada runs.", importance=0.2)
    clock.advance(1000)
    memory.revise(fact.id, importance=0.8)
    clock.advance(1000)
    successor = memory.correct(fact.id, "Ada swims.", reason="she said so")
    told = [(entry.what, entry.version, entry.at_ms, entry.other) for entry in memory.history(fact.id)]
    assert told == [
        ("remembered", 1, START_MS, None),
        ("revised", 2, START_MS + 1000, None),
        ("superseded", 2, START_MS + 2000, successor.id),
    ]
    assert [entry.record.importance for entry in memory.history(fact.id)[:2]] == [0.2, 0.8]
    receipt = memory.forget(fact.id)
    assert [entry.record for entry in memory.history(fact.id)] == [None] * 4
    assert memory.history(fact.id)[-1].other == receipt.id


def test_unknown_and_malformed_ids_are_told_apart(memory):
    unknown = "0192f3c4-5a6b-7c8d-9e0f-112233445566"
    for call in (memory.get, memory.history, memory.forget, lambda one: memory.correct(one, "Text.")):
        with refused(memory, NotFound, unknown):
            call(unknown)
        for bad in ("", "nonsense", "0192f3c4", None, 7, b"x" * 16, "٣" * 32):
            with refused(memory, InvalidField, "not a memory id"):
                call(bad)


def test_every_category_is_accepted(memory):
    records = [memory.remember(f"About {category}.", category=category) for category in CATEGORIES]
    assert [record.category for record in records] == list(CATEGORIES)


def test_trust_is_the_least_of_the_origin_and_the_sources(memory):
    origins = {"user": 3, "agent": 2, "tool": 1, "document": 1, "inferred": 2, "recalled": 0}
    bases = {name: memory.remember(f"Said by {name}.", origin=name) for name in origins}
    assert {name: int(record.trust) for name, record in bases.items()} == origins
    for name, record in bases.items():
        derived = memory.remember(f"Derived from {name}.", sources=[record.id, bases["user"].id])
        assert int(derived.trust) == origins[name], "what remember returns is what is stored"
        assert memory.get(derived.id) == derived
        again = memory.remember(f"Derived from {name} twice.", sources=[derived.id])
        assert int(memory.get(again.id).trust) == origins[name]


def test_a_source_must_be_there(memory):
    kept = memory.remember("Kept.")
    gone = memory.remember("Gone.")
    memory.forget(gone.id)
    for missing in (gone.id, "0192f3c4-5a6b-7c8d-9e0f-112233445566"):
        with refused(memory, NotFound, missing):
            memory.remember("Derived.", sources=[kept.id, missing])


def test_what_is_written_names_who_acted(opened, path):
    opened(path, as_="intake").remember("Ada runs.")
    assert [record.actor for record in opened(path).records()] == ["intake"]


def test_a_closed_memory_says_so_and_closing_twice_is_fine(opened, path):
    memory = opened(path)
    chat, fact = memory.session("chat-1"), memory.remember("Ada runs.")
    memory.close()
    memory.close()
    calls = (
        lambda: memory.remember("x"), lambda: chat.add("user", "x"), lambda: memory.recall("x"),
        lambda: memory.get(fact.id), lambda: list(memory.records()), lambda: memory.forget(fact.id),
        lambda: list(memory.export()), memory.summary, memory.check, memory.storage.rebuild, memory.storage.digest,
        chat.turns,
        lambda: memory.at(seq=0), lambda: memory.import_(["{}"]), memory.settle, lambda: memory.history(fact.id),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(HoldfastError) as caught:
            call()
        # An import that reads nothing usable may say that first.
        assert isinstance(caught.value, Closed) or "Line 1" in str(caught.value)


def test_a_read_only_memory_reads_everything_and_writes_nothing(opened, path):
    memory = opened(path)
    memory.session("chat-1").add("user", "I moved to Lisbon.")
    fact = memory.remember("Ada runs.")
    before = state_of(memory)
    memory.close()
    content = path.read_bytes()
    reader = opened(path, read_only=True)
    for call in (
        lambda: reader.remember("x"), lambda: reader.session("chat-1").add("user", "x"),
        lambda: reader.forget(fact.id), lambda: reader.correct(fact.id, "x"), reader.storage.rebuild,
        lambda: reader.revise(fact.id, importance=1),
    ):  # fmt: skip
        with refused(reader, StoreReadOnly):
            call()
    assert reader.get(fact.id) == fact
    assert "Ada runs." in found(reader, "runs")
    assert reader.settle() == 2, "it waits for nothing that it cannot bring about"
    assert (state_of(reader), reader.check()) == (before, [])
    reader.close()
    assert path.read_bytes() == content


def test_rebuild_gives_the_same_space(memory):
    chat = memory.session("chat-1")
    chat.add("user", "I moved to Lisbon.", tags=["move"])
    fact = memory.remember("Ada runs.", key="k")
    memory.correct(fact.id, "Ada swims.")
    memory.forget(memory.remember("Secret.").id)
    before = state_of(memory), list(memory.export(superseded=True)), found(memory, "Ada")
    assert memory.storage.rebuild() == memory.storage.digest()
    assert (state_of(memory), list(memory.export(superseded=True)), found(memory, "Ada")) == before
    assert memory.check() == []


def test_memory_in_memory_is_each_its_own(opened):
    one, other = opened(), opened()
    one.remember("Ada runs.")
    assert other.summary().live == 0


def test_open_accepts_a_path_object_and_a_home_folder(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    opened("~/mine.db").remember("Ada runs.")
    assert isinstance(opened(tmp_path / "mine.db", create=False), Memory)
