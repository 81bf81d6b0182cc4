"""What was held at a time or after an event is answered as then, without what was erased since."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import Memory, space
from holdfast.core.decide import Take, take
from holdfast.errors import Closed, Damaged, HoldfastError, InvalidInput, InvalidTime, NotFound, StoreReadOnly
from holdfast.model.ids import Id
from holdfast.model.times import format_when
from holdfast.services.past import copy_until, cut_of
from holdfast.testing.faults import SteppedClock
from tests.laws.worlds import FACTORIES, content, make_world
from tests.services.conftest import START_MS
from tests.services.scenes import found, refused, tamper

HOUR_MS = 3_600_000
LINE = '{"conversation": "c", "entries": [{"author": "Ada", "text": "Hello"}]}'


def test_the_past_answers_as_it_did_then(opened, path, clock, model):
    memory = opened(path, embedder=model)
    fact = memory.remember("Ada lives in Lisbon.")
    memory.settle()
    seen, then = memory.summary().events, clock.now
    answer = memory.recall("Where does Ada live?")
    clock.advance(HOUR_MS)
    memory.correct(fact.id, "Ada lives in Porto.")
    memory.remember("Ada lives with a cat.")
    clock.advance(HOUR_MS)
    for past in (memory.at(seq=seen), memory.at(format_when(then)), memory.at(format_when(then + HOUR_MS - 1))):
        with past:
            assert past.recall("Where does Ada live?").hits == answer.hits
            assert past.recall("Where does Ada live?").degraded is None
            assert past.get(fact.id) == fact
            assert [record.text for record in past.records()] == ["Ada lives in Lisbon."]
            assert past.check() == []
            assert past.settle() == 0
    with memory.at(format_when(then - 1)) as before, memory.at(seq=0) as empty:
        assert list(before.records()) == list(empty.records()) == found(before, "Ada") == found(empty, "Ada") == []
    with memory.at(format_when(clock.now)) as present:
        assert (present.storage.digest(), found(present, "Ada")) == (memory.storage.digest(), found(memory, "Ada"))


def test_in_the_past_now_is_that_time(opened, path, clock):
    memory = opened(path)
    chat = memory.session("chat-1", user="Ada")
    chat.add("user", "The first parcel came.")
    clock.advance(10 * 24 * HOUR_MS)
    chat.add("user", "The second parcel came.")
    seen, then = memory.summary().events, clock.now
    asked = "Which parcel came yesterday?"
    clock.advance(24 * HOUR_MS)
    now = memory.recall(asked)
    clock.advance(300 * 24 * HOUR_MS)
    for past in (memory.at(seq=seen), memory.at(format_when(then))):
        with past:
            assert past.recall(asked).hits == past.recall(asked, now=format_when(then)).hits
            assert past.recall(asked, now=format_when(then + 24 * HOUR_MS)).hits == now.hits
            assert past.recall(asked).hits != now.hits
    assert memory.recall(asked).hits != now.hits


def test_the_past_cannot_be_written(memory):
    fact = memory.remember("Ada runs.")
    with memory.at(seq=1) as past:
        for call in (
            lambda: past.remember("x"), lambda: past.forget(fact.id), lambda: past.correct(fact.id, "x"),
            lambda: past.session("s").add("user", "x"), past.storage.rebuild, lambda: past.import_([LINE]),
        ):  # fmt: skip
            with refused(past, StoreReadOnly):
                call()


def test_a_past_outlives_what_happens_to_the_present(memory):
    memory.remember("Ada runs.")
    past = memory.at(seq=1)
    memory.remember("Ada swims.")
    memory.close()
    assert [record.text for record in past.records()] == ["Ada runs."]
    past.close()


@pytest.mark.parametrize("how", ["id", "derived", "policy", "merge", "elsewhere"])
def test_an_open_past_gives_nothing_that_was_forgotten_since(opened, path, how):
    memory = opened(path)
    other = opened(path)
    first = memory.remember("The door code is 7306.")
    gone = memory.remember("Door 7306 is upstairs.", sources=[first.id])
    twin = opened(":memory:")
    twin.storage.merge(memory.storage.journal())
    if how == "merge":
        twin.forget(gone.id)
    past, before = memory.at(seq=2), memory.at(seq=0)
    nested = past.at(seq=1)
    begun = past.records()
    assert past.get(gone.id).text == gone.text
    if how == "id":
        memory.forget(gone.id)
    elif how == "derived":
        memory.forget(first.id)
    elif how == "policy":
        memory._space.forgetting.erase([Id(uuid.UUID(first.id).bytes)], actor="owner", reason="policy")
    elif how == "merge":
        memory.storage.merge(twin.storage.journal())
    else:
        other.forget(gone.id)
    for ask in (
        lambda: past.get(gone.id), lambda: past.recall("door 7306"), lambda: list(past.records()), lambda: next(begun),
        lambda: past.history(gone.id), lambda: list(past.export()), lambda: past.why(gone.id), past.summary,
    ):  # fmt: skip
        with pytest.raises(Closed, match=r"forgotten since.*at\(\)"):
            ask()
    if how in {"id", "elsewhere"}:
        assert [record.text for record in nested.records()] == [first.text], "it holds nothing of what was forgotten"
    else:
        with pytest.raises(Closed, match="forgotten since"):
            list(nested.records())
    past.close()
    with memory.at(seq=2) as again:
        assert gone.id not in {record.id for record in again.records()}
    before.close()
    nested.close()


def test_a_past_stays_open_where_it_holds_nothing_of_what_was_forgotten(memory):
    memory.remember("Ada runs.")
    with memory.at(seq=1) as past:
        memory.forget(memory.remember("Ada swims.").id)
        assert [record.text for record in past.records()] == ["Ada runs."]


def test_a_forget_while_a_past_is_filled_is_not_missed(memory, monkeypatch):
    fact = memory.remember("Ada runs.")
    filled = space.show_past

    class Slow:
        """What is forgotten was read already, and is not in the view yet."""

        def __init__(self, into):
            self.into = into

        def copy_past(self, *what, **how):
            memory.forget(fact.id)
            return self.into.copy_past(*what, **how)

    def slowly(store, into, *until):
        filled(store, Slow(into), *until)

    monkeypatch.setattr(space, "show_past", slowly)
    with pytest.raises(Closed, match="forgotten since"):
        memory.at(seq=1).get(fact.id)


def test_a_past_has_a_past(memory):
    for number in range(3):
        memory.remember(f"Fact {number}.")
    with memory.at(seq=2) as past, past.at(seq=1) as earlier:
        assert [record.text for record in earlier.records()] == ["Fact 0."]


def test_a_past_that_never_was_is_refused(memory):
    memory.remember("Ada runs.")
    for choice in (
        {},
        {"moment": "2024-01-01", "seq": 1},
        {"seq": -1},
        {"seq": 2},
        {"seq": True},
        {"seq": "1"},
        {"seq": 1.0},
    ):
        with refused(memory, InvalidInput):
            memory.at(**choice)
    for bad in ("", "last week", 5):
        with refused(memory, InvalidTime):
            memory.at(bad)


def test_what_arrives_late_is_in_the_past_it_was_written_in():
    late, here = make_world(FACTORIES["sqlite"], 2).nodes
    here.clock.advance(HOUR_MS)
    for node, record in ((here, Id(b"a" * 16)), (late, Id(b"b" * 16))):
        command = Take(content("Ada runs." if node is late else "Ada swims."), record)
        node.ledger.write(lambda view, secret, command=command: take(view, command, secret))
    here.ledger.merge(late.events())
    store, past = here.ledger.store, make_world(FACTORIES["sqlite"], 1).nodes[0].ledger.store
    last, at_ms = cut_of(store, format_when(here.clock.now - HOUR_MS // 2), None)
    copy_until(store, past, last, at_ms)
    with past.reading() as reader:
        assert [held.id for held in reader.live(0, 9)] == [b"b" * 16]


def test_a_clock_that_went_backwards_leaves_the_past_in_one_piece(opened, path, clock):
    memory = opened(path)
    memory.remember("Early.")
    clock.advance(-HOUR_MS)
    memory.remember("Late, by a slow clock.")
    with memory.at(format_when(START_MS)) as past:
        assert [record.text for record in past.records()] == ["Early.", "Late, by a slow clock."]
    assert memory.check() == []


@dataclass
class Story:
    """A space with a history, and what it was after each event."""

    memory: Memory
    ids: list[str] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    digests: dict[int, str] = field(default_factory=dict)
    held: dict[int, dict[str, tuple]] = field(default_factory=dict)

    def note(self) -> None:
        seq = self.memory.summary().events
        self.digests[seq] = self.memory.storage.digest()
        self.held[seq] = {record.id: told(record) for record in self.memory.records()}


def told(record):
    return record.text, record.version, record.tags, record.recorded_at


steps = st.lists(
    st.tuples(st.sampled_from(("remember", "turn", "derive", "correct", "revise", "forget")), st.integers(0, 9)),
    min_size=1,
    max_size=14,
)


def tell(story: Story, what: str, number: int) -> None:
    memory, ids = story.memory, story.ids
    some = ids[number % len(ids)] if ids else None
    if what == "remember":
        ids.append(memory.remember(f"Fact {number}.", tags=[f"t{number}"]).id)
    elif what == "turn":
        ids.append(memory.session(f"s{number % 2}").add("user", f"Turn {number}.").id)
    elif some is None:
        return
    elif what == "derive":
        ids.append(memory.remember(f"Derived {number}.", sources=[some]).id)
    elif what == "correct":
        ids.append(memory.correct(some, f"Corrected {number}.").id)
    elif what == "revise":
        memory.revise(some, tags=[f"r{number}"])
    else:
        receipt = memory.forget(some)
        story.forgotten |= {*receipt.forgotten, *receipt.derived}


@given(history=steps)
@settings(deadline=None, max_examples=40)
def test_the_past_after_any_event_is_what_it_was_then_less_what_was_erased(history):
    clock = SteppedClock(START_MS)
    with Memory.open(":memory:", embedder=None, clock=clock) as memory:
        story = Story(memory)
        story.note()
        for what, number in history:
            clock.advance(1000)
            try:
                tell(story, what, number)
            except HoldfastError:
                continue
            story.note()
        for seq, digest in story.digests.items():
            with memory.at(seq=seq) as past:
                held = {record.id: told(record) for record in past.records()}
                assert held == {one: then for one, then in story.held[seq].items() if one not in story.forgotten}
                if not story.forgotten:
                    assert past.storage.digest() == digest
                for one in story.forgotten:
                    with pytest.raises(HoldfastError):
                        past.get(one)


def test_a_memory_that_came_later_is_not_found_in_the_past(memory):
    memory.remember("Ada runs.")
    later = memory.remember("Ada swims.")
    with memory.at(seq=1) as past, pytest.raises(NotFound):
        past.get(later.id)


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["plain", "encrypted"])
@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("altered", ["version = 7", "record = zeroblob(16)", "hlc = hlc + 1", "n = 9"])
def test_no_past_is_shown_from_a_snapshot_with_an_event_that_was_altered(opened, path, clock, key, pruned, altered):
    memory = opened(path, key=key)
    fact = memory.remember("Ada lives in Lisbon.", importance=0.1)
    memory.revise(fact.id, importance=0.2)
    memory.revise(fact.id, importance=0.3)
    clock.advance(1_000)
    memory.storage.prune(keep_days=0, dry_run=False) if pruned else memory.storage.snapshot()
    memory.remember("Ada has a cat.")
    last = memory.summary().events
    memory.close()
    tamper(path, f"UPDATE event SET {altered} WHERE seq = 3")
    memory = opened(path, key=key)
    with pytest.raises(Damaged, match="not what was written"):
        memory.at(seq=last)


def test_a_past_is_shown_from_further_back_where_pruning_dropped_what_a_later_snapshot_listed(memory, clock):
    gone = memory.remember("The door code is 7306.", importance=0.1)
    memory.revise(gone.id, importance=0.2)
    memory.remember("Ada runs.")
    clock.advance(1_000)
    between = clock.now
    clock.advance(1_000)
    memory.remember("Ada swims.")
    listed = memory.storage.snapshot().seq
    memory.forget(gone.id)
    assert memory.storage.prune(before=format_when(between), dry_run=False).pruned == 2
    with memory.at(seq=listed) as past:
        assert [record.text for record in past.records()] == ["Ada runs.", "Ada swims."]


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    "altered",
    [
        "type = 1 WHERE type = 3", "other = zeroblob(16) WHERE type = 3", "version = 7 WHERE seq = 1",
        "record = zeroblob(16) WHERE seq = 1", "hlc = hlc + 1 WHERE seq = 2", "hlc = hlc << 8 WHERE seq = 2",
        "n = 1 WHERE seq = 2", "n = 9 WHERE type = 3", "n = 0 WHERE seq = 1", "n = 3 WHERE type = 3",
        "node_seq = 9 WHERE seq = 2", "commitment = zeroblob(32) WHERE seq = 2", "chain = zeroblob(32) WHERE seq = 2",
    ],
)  # fmt: skip
def test_no_past_is_shown_from_an_event_that_was_altered(opened, path, clock, key, altered):
    memory = opened(path, key=key)
    fact = memory.remember("Ada lives in Lisbon.")
    memory.correct(fact.id, "Ada lives in Porto.")
    memory.remember("Ada has a cat.")
    last = memory.summary().events
    memory.close()
    tamper(path, f"UPDATE event SET {altered}")
    memory = opened(path, key=key)
    with pytest.raises(Damaged, match="not what was written"):
        memory.at(seq=last)
    with pytest.raises(Damaged, match="not what was written"):
        memory.at(format_when(clock.now))
