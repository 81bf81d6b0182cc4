"""The laws of the journal, held by random histories on the reference store and on every adapter."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdfast.core import decide
from holdfast.core.proof import chain_problems, verify_payload
from holdfast.core.pruning import KeptEvents
from holdfast.core.receipts import ERASABLE
from holdfast.core.secrets import text_digest
from holdfast.errors import Damaged, Gone, InvalidInput, KeyReused
from holdfast.model.events import BarReason, EventType
from holdfast.model.ids import Id, keyed_id
from holdfast.services.chains import journal_problems
from holdfast.services.ledger import Ledger
from holdfast.services.past import copy_until
from holdfast.services.pruning import prune_to, snapshot_at
from holdfast.testing.reference import reference_records
from tests.laws.worlds import (
    FACTORIES,
    SECRET,
    World,
    content,
    make_world,
    rival_steps,
    run_step,
    steps,
    tidied,
    tidy_steps,
)

HEADER_FIELDS = ("space", "node", "node_seq", "hlc", "type", "record", "version", "other")
stores = pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())


def run(factory, history, count: int = 3) -> World:
    world = make_world(factory, count)
    for step in history:
        run_step(world, step)
    return world


@stores
@given(history=steps)
def test_rebuilding_an_erased_journal_gives_the_erased_projection(factory, history):
    world = run(factory, history)
    for node in world.nodes:
        before = node.digest()
        assert node.ledger.rebuild() == before


@stores
@given(history=st.one_of(steps, rival_steps))
def test_any_order_of_arrival_gives_one_digest(factory, history):
    world = run(factory, history)
    # Taken before anyone hears of the others, so that the orders really differ.
    sent = [node.events() for node in world.nodes]
    digests = set()
    for order in permutations(range(len(sent))):
        late = make_world(factory, 4).nodes[3]
        waiting = [sent[i] for i in order]
        for events in (*waiting, *waiting):
            late.ledger.merge(events)
        digests.add(late.digest())
    assert len(digests) == 1
    for node in world.nodes:
        for events in sent:
            node.ledger.merge(events)
        digests.add(node.digest())
    assert len(digests) == 1


@stores
@given(history=steps)
def test_chains_verify_after_any_history_and_whatever_was_erased(factory, history):
    for node in run(factory, history).nodes:
        assert chain_problems(node.events()) == []


@given(history=steps, at=st.integers(0, 100), field=st.sampled_from(HEADER_FIELDS))
def test_an_altered_header_never_verifies(history, at, field):
    events = list(run(FACTORIES["reference"], [*history, ("fact", 0, 0, 0)]).nodes[0].events())
    event = events[at % len(events)]
    value = getattr(event.header, field)
    if isinstance(value, bytes):
        altered = bytes([value[0] ^ 1]) + value[1:]
    elif value is None:
        altered = Id(b"\1" * 16)
    else:
        altered = EventType(value % len(EventType) + 1) if field == "type" else value + 1
    events[at % len(events)] = replace(event, header=replace(event.header, **{field: altered}))
    assert chain_problems(events) != []


@given(history=steps, at=st.integers(0, 100))
def test_a_dropped_or_swapped_event_never_verifies(history, at):
    world = run(FACTORIES["reference"], [*history, ("fact", 0, 0, 0), ("fact", 0, 1, 0)])
    node = world.nodes[0].ledger.store.identity.node
    events = [event for event in world.nodes[0].events() if event.header.node == node]
    place = at % (len(events) - 1)
    assert chain_problems(events[:place] + events[place + 1 :]) != []
    swapped = [*events[:place], events[place + 1], events[place], *events[place + 2 :]]
    assert chain_problems(swapped) != []


@stores
@given(history=steps, cut=st.integers(0, 40))
def test_a_chain_pruned_below_an_anchor_still_verifies(factory, history, cut):
    for node in run(factory, history).nodes:
        events = node.events()
        anchors = {event.header.node: (event.header.node_seq, event.chain) for event in events[:cut]}
        assert chain_problems(events[cut:], anchors) == []


@stores
@given(history=steps)
def test_a_forgotten_memory_never_comes_back(factory, history):
    world = run(factory, history)
    for node in world.nodes:
        for other in world.nodes:
            node.ledger.merge(other.events())
        node.ledger.rebuild()
        with node.ledger.store.reading() as reader:
            for record in world.forgotten:
                held = reader.find(record)
                assert held is not None
                assert held.receipt is not None
                assert not held.live
                texts = [e.payload for e in reader.events_of(record) if e.payload and b'"content"' in e.payload]
                assert texts == []


@stores
@given(history=steps, later=steps, cut=st.integers(0, 40))
def test_pruning_changes_nothing_that_is_held_and_the_rest_still_verifies(factory, history, later, cut):
    world = run(factory, history)
    for node in world.nodes:
        before, newest = node.digest(), newest_of(node)
        prune(node, min(cut, newest.seq))
        assert (node.digest(), newest_of(node).hlc >= newest.hlc) == (before, True)
        assert node.ledger.rebuild() == before
        assert problems_of(node) == []
    # A pruned space goes on like any other, and can be pruned again.
    for step in later:
        run_step(world, step)
    for node in world.nodes:
        assert problems_of(node) == []
        before = node.digest()
        prune(node, newest_of(node).seq)
        assert (node.digest(), problems_of(node)) == (before, [])
        assert node.ledger.rebuild() == before


@stores
@given(history=steps, later=steps, cut=st.integers(0, 40))
def test_the_past_above_the_horizon_is_as_it_was(factory, history, later, cut):
    world = run(factory, history, count=1)
    node = world.nodes[0]
    prune(node, min(cut, newest_of(node).seq))
    seen = {newest_of(node).seq: node.digest()}
    for step in later:
        run_step(world, step)
        seen[newest_of(node).seq] = node.digest()
    forgets = [event.seq for event in node.events() if event.header.type is EventType.FORGOTTEN]
    with node.ledger.store.reading() as reader:
        snapshot = reader.horizon()
    for seq, digest in seen.items():
        if not any(forget > seq for forget in forgets) and seq >= snapshot.seq:
            past = factory(node.ledger.store.identity)
            copy_until(node.ledger.store, past, seq)
            with past.reading() as then:
                assert then.digest() == digest


@stores
@given(history=steps, cut=st.integers(0, 40))
def test_a_copy_cut_at_the_horizon_goes_on_above_it_and_loses_nothing_of_that(factory, history, cut):
    node = run(factory, [*history, ("fact", 0, 0, 0), ("forget", 0, 0, 0)], count=1).nodes[0]
    # The event at the horizon is one that is pruned, where there is such a one.
    seqs = [event.seq for event in node.events() if event.erased] or [newest_of(node).seq]
    prune(node, seqs[cut % len(seqs)])
    with node.ledger.store.reading() as reader:
        horizon = reader.horizon()
    assume(horizon)
    copy = factory(node.ledger.store.identity)
    copy_until(node.ledger.store, copy, horizon.seq)
    ledger = Ledger(copy, node.clock)
    command = decide.Take(content("Fern keeps bees."), Id(b"z" * 16), readmit=True)
    ledger.write(lambda view, secret: decide.take(view, command, secret))
    copy.drop_pruned(0, 1_000)
    with copy.reading() as reader:
        held = reader.find(Id(b"z" * 16))
        assert held.seq == reader.head().seq == horizon.seq + 1
        assert reader.event(held.seq).header.record == held.id
        assert journal_problems(reader) == []


@given(history=steps, cut=st.integers(0, 40))
def test_what_stays_below_the_horizon_still_says_something(history, cut):
    for node in run(FACTORIES["reference"], history).nodes:
        store = node.ledger.store
        records = reference_records(store)
        prune(node, min(cut, newest_of(node).seq))
        assert reference_records(store) == records
        horizon = store.horizon().seq
        below = [event for event in store.journal if event.seq <= horizon and event.header.type in ERASABLE]
        by_record: dict[Id, int] = {}
        for event in below:
            assert verify_payload(event)
            by_record[event.header.record] = by_record.get(event.header.record, 0) + 1
        assert all(count <= 2 for count in by_record.values())


@stores
@given(history=steps, cut=st.integers(0, 40), at=st.integers(0, 100))
def test_an_event_below_the_horizon_that_was_altered_or_dropped_is_noticed(factory, history, cut, at):
    node = run(factory, [("fact", 0, 0, 0), *history]).nodes[0]
    prune(node, max(1, min(cut, newest_of(node).seq)))
    with node.ledger.store.reading() as reader:
        horizon, events = reader.horizon(), list(reader.events(0, 100_000))
    below = [event for event in events if event.seq <= horizon.seq]
    assume(below)
    one = below[at % len(below)]
    altered = replace(one, header=replace(one.header, version=one.header.version + 1))
    for changed in ([e for e in events if e is not one], [altered if e is one else e for e in events]):
        kept = KeptEvents(horizon)
        assert [*chain_problems(kept.passing(changed), kept.anchors), *kept.problems()] != []


@stores
def test_the_newest_version_by_clock_stays_not_the_newest_by_arrival(factory):
    world = make_world(factory, 2)
    behind, ahead = world.nodes
    run_step(world, ("fact", 0, 0, 0))
    ahead.ledger.merge(behind.events())
    ahead.clock.advance(3_600_000)
    run_step(world, ("revise", 1, 0, 0))
    run_step(world, ("revise", 0, 5, 0))
    run_step(world, ("revise", 0, 5, 0))
    ahead.ledger.merge(behind.events())
    before = ahead.digest()
    prune(ahead, newest_of(ahead).seq)
    assert ahead.ledger.rebuild() == before
    with ahead.ledger.store.reading() as reader:
        types = [event.header.type for event in reader.events(0, 100)]
    assert types == [EventType.REMEMBERED, EventType.REVISED, EventType.PRUNED]


def newest_of(node):
    with node.ledger.store.reading() as reader:
        return reader.head()


def prune(node, seq: int) -> None:
    with node.ledger.store.reading() as reader:
        snapshot = snapshot_at(reader, seq)
    prune_to(node.ledger, snapshot)


def problems_of(node) -> list[str]:
    with node.ledger.store.reading() as reader:
        return journal_problems(reader)


@stores
@given(history=steps)
def test_the_past_is_as_it_was_minus_what_was_erased_since(factory, history):
    world = make_world(factory, 2)
    digests: list[dict[int, bytes]] = [{} for _ in world.nodes]
    for step in history:
        run_step(world, step)
        for node, seen in zip(world.nodes, digests, strict=True):
            with node.ledger.store.reading() as reader:
                seen[reader.head().seq] = reader.digest()
    for node, seen in zip(world.nodes, digests, strict=True):
        erased = [event.seq for event in node.events() if event.header.type is EventType.FORGOTTEN]
        for seq, digest in seen.items():
            past = factory(node.ledger.store.identity)
            copy_until(node.ledger.store, past, seq)
            with past.reading() as then:
                if not any(later > seq for later in erased):
                    assert then.digest() == digest
                else:
                    gone = {event.header.record for event in node.events() if event.header.type is EventType.FORGOTTEN}
                    assert not any(then.find(record) and then.find(record).live for record in gone)


@stores
@given(history=steps)
def test_one_key_has_one_effect_on_all_nodes_together(factory, history):
    world = run(factory, history)
    for made in world.effects.values():
        assert len(made) == 1


@stores
@given(history=steps)
def test_node_numbers_have_no_gaps_and_stamps_only_grow(factory, history):
    for node in run(factory, history).nodes:
        last: dict[Id, int] = {}
        clock: dict[Id, int] = {}
        for event in node.events():
            header = event.header
            assert header.node_seq == last.get(header.node, 0) + 1
            assert header.hlc > clock.get(header.node, 0)
            last[header.node], clock[header.node] = header.node_seq, header.hlc


@stores
def test_a_reused_key_with_another_body_conflicts_and_after_forget_is_gone(factory):
    ledger = make_world(factory, 1).nodes[0].ledger
    record = keyed_id(SECRET, "owner", "remember", "intake-7")

    def take(text):
        command = decide.Take(content(text, arguments=text), record, keyed=True)
        return ledger.write(lambda view, secret: decide.take(view, command, secret))

    assert take("one").is_new
    assert not take("one").is_new
    with pytest.raises(KeyReused):
        take("two")
    erasure = decide.Forget([record], ledger.new_id(), "owner")
    ledger.write(lambda view, secret: decide.forget(view, erasure, secret))
    with pytest.raises(Gone):
        take("one")


@stores
def test_a_forget_takes_what_was_derived_to_any_depth(factory):
    from holdfast.model.ids import id_text

    ledger = make_world(factory, 1).nodes[0].ledger
    chain = [ledger.new_id() for _ in range(4)]
    for place, record in enumerate(chain):
        sources = (id_text(chain[place - 1]),) if place else ()
        command = decide.Take(content(f"step {place}", sources=sources), record)
        ledger.write(lambda view, secret, command=command: decide.take(view, command, secret))
    erasure = decide.Forget([chain[0]], ledger.new_id(), "owner")
    done = ledger.write(lambda view, secret: decide.forget(view, erasure, secret))
    assert set(done.derived) == set(chain[1:])
    with ledger.store.reading() as reader:
        assert reader.count() == 0


@stores
def test_a_forget_that_arrives_before_its_memory_keeps_it_out(factory):
    world = make_world(factory, 2)
    writer, late = world.nodes
    record = writer.ledger.new_id()
    writer.ledger.write(lambda view, secret: decide.take(view, decide.Take(content("secret"), record), secret))
    remembered = writer.events()
    erasure = decide.Forget([record], writer.ledger.new_id(), "owner")
    late.ledger.merge(remembered)
    late.ledger.write(lambda view, secret: decide.forget(view, erasure, secret))
    # A third node hears of the forget first and of the memory, with its words, afterwards.
    third = make_world(factory, 3).nodes[2]
    mine = [event for event in late.events() if event.header.node == late.ledger.store.identity.node]
    third.ledger.merge(mine)
    third.ledger.merge(remembered)
    with third.ledger.store.reading() as reader:
        assert [event.payload for event in reader.events_of(record) if event.header.type == 1] == [None]
        assert reader.find(record).receipt is not None
    assert third.digest() == late.digest()


@stores
def test_rejected_words_are_barred_until_a_correction_brings_them_back(factory):
    ledger = make_world(factory, 1).nodes[0].ledger
    first, second, third = (ledger.new_id() for _ in range(3))
    ledger.write(lambda view, secret: decide.take(view, decide.Take(content("in Lisbon"), first), secret))
    to_porto = decide.Correct(first, "in Porto", second, 0, "owner")
    ledger.write(lambda view, secret: decide.correct(view, to_porto, secret))
    with ledger.store.reading() as reader:
        assert reader.bar(text_digest(SECRET, "IN  LISBON.")) is BarReason.REJECTED
    back = decide.Correct(second, "in Lisbon", third, 0, "owner")
    ledger.write(lambda view, secret: decide.correct(view, back, secret))
    with ledger.store.reading() as reader:
        assert reader.bar(text_digest(SECRET, "in Lisbon")) is None
        assert reader.bar(text_digest(SECRET, "in Porto")) is BarReason.REJECTED


@stores
def test_events_out_of_order_or_altered_are_refused_whole(factory):
    world = make_world(factory, 2)
    sender, receiver = world.nodes
    for text in ("one", "two", "three"):
        command = decide.Take(content(text), sender.ledger.new_id())
        sender.ledger.write(lambda view, secret, command=command: decide.take(view, command, secret))
    events = list(sender.events())
    with pytest.raises(InvalidInput):
        receiver.ledger.merge(events[1:])
    forged = [events[0], replace(events[1], payload=events[1].payload.replace(b"two", b"2wo"))]
    with pytest.raises(Damaged):
        receiver.ledger.merge(forged)
    assert receiver.events() == []


@stores
def test_a_superseded_memory_stays_so_when_a_rival_version_arrives_later(factory):
    world = make_world(factory, 2)
    for step in (("keyed", 0, 0, 0), ("keyed", 1, 1, 0), ("correct", 0, 2, 0)):
        run_step(world, step)
    first, second = world.nodes
    record = keyed_id(SECRET, "owner", "remember", "k0")
    assert second.events()[0].header.stamp > first.events()[0].header.stamp
    first.ledger.merge(second.events())
    second.ledger.merge(first.events())
    for node in world.nodes:
        with node.ledger.store.reading() as reader:
            assert not reader.find(record).live
            assert reader.count() == 1
    assert first.digest() == second.digest()


@stores
@given(history=steps)
def test_after_a_merge_nothing_is_left_that_was_derived_from_what_is_forgotten(factory, history):
    world = run(factory, [("fact", 0, 0, 0), ("sync", 1, 0, 0), ("derive", 1, 0, 0), ("forget", 0, 0, 0), *history])
    # Each hears of the others, clears up, and tells them of that: then all hold the same.
    for _ in range(3):
        for node in world.nodes:
            for other in world.nodes:
                node.ledger.merge(other.events())
            node.ledger.forget_orphans("owner")
    for node in world.nodes:
        with node.ledger.store.reading() as reader:
            assert reader.orphans() == []
    assert len({node.digest() for node in world.nodes}) == 1


@stores
@given(history=tidy_steps)
def test_what_a_peer_derives_from_what_was_pruned_stays_unless_that_was_forgotten_too(factory, history):
    # One node prunes what it has corrected, while another, which does not know, derives something from it.
    begun = [("fact", 0, 0, 0), ("sync", 1, 0, 0), ("derive", 1, 0, 0), ("correct", 0, 2, 0), ("tidy", 0, 0, 0)]
    world = run(factory, [*begun, *history])
    for _ in range(4):
        for node in world.nodes:
            for other in world.nodes:
                node.ledger.merge(other.events())
            node.ledger.forget_orphans("owner")
    assert len({node.digest() for node in world.nodes}) == 1
    gone = set(world.forgotten)
    while more := {record for record, sources in world.derived.items() if sources & gone} - gone:
        gone |= more
    for node in world.nodes:
        with node.ledger.store.reading() as reader:
            held = reader.find_all(node.ids())
            assert {record for record, one in held.items() if one.receipt} - world.tidied <= gone
            assert gone <= {record for record, one in held.items() if one.receipt}


def pruned_beside_a_deriving_peer(factory) -> tuple[World, Id, Id]:
    """One node prunes a memory that it corrected, while another derives something from it; gives both memories."""
    world = run(factory, [("fact", 0, 0, 0), ("sync", 1, 0, 0), ("sync", 2, 0, 0)])
    (source,) = world.nodes[0].ids()
    for step in (("correct", 0, 2, 0), ("tidy", 0, 0, 0), ("derive", 1, 0, 0)):
        run_step(world, step)
    (derived,) = world.derived.keys() & set(world.nodes[1].ids())
    assert world.tidied == {source}
    return world, source, derived


def joined(world: World) -> None:
    """Everybody hears of everything and clears up."""
    for _ in range(3):
        for node in world.nodes:
            for other in world.nodes:
                node.ledger.merge(other.events())
            node.ledger.forget_orphans("owner")


def are_held(world: World, record: Id) -> set[bool]:
    """Whether a memory is held, as the nodes say."""
    found = set()
    for node in world.nodes:
        with node.ledger.store.reading() as reader:
            held = reader.find(record)
            found.add(held is not None and held.receipt is None)
    return found


@stores
@pytest.mark.parametrize("when", ["never", "before the peer is heard", "after", "by a third that knows of neither"])
def test_a_pruned_memory_takes_what_a_peer_derived_from_it_only_once_it_is_forgotten(factory, when):
    world, source, derived = pruned_beside_a_deriving_peer(factory)
    if when == "after":
        joined(world)
        assert are_held(world, derived) == {True}
    node = world.nodes[2 if when.startswith("by") else 0]
    if when != "never":
        erasure = decide.Forget([source], node.ledger.new_id(), "owner", reason="asked")
        done = node.ledger.write(lambda view, secret: decide.forget(view, erasure, secret))
        assert source in done.asked
        assert done.already == ()
        assert (derived in done.derived) == (when == "after"), "what is known to be derived goes with it at once"
    joined(world)
    assert are_held(world, derived) == {when == "never"}
    assert are_held(world, source) == {False}
    assert len({node.digest() for node in world.nodes}) == 1


@stores
def test_what_was_derived_through_something_pruned_falls_with_what_that_came_from(factory):
    world, source, derived = pruned_beside_a_deriving_peer(factory)
    # The peer corrects and prunes what it derived, a third derives from that, and the first, which has heard of none of
    # these, forgets the beginning.
    peer, third, first = world.nodes[1], world.nodes[2], world.nodes[0]
    third.ledger.merge(peer.events())
    place = third.ids().index(derived)
    run_step(world, ("derive", 2, 1, place))
    (last,) = [record for record, sources in world.derived.items() if sources == {derived}]
    run_step(world, ("correct", 1, 3, peer.ids().index(derived)))
    (correction,) = {record for record, sources in world.derived.items() if sources == {source}} - {derived}
    tidied(peer, world)
    assert derived in world.tidied
    third.ledger.merge(peer.events())
    third.ledger.forget_orphans("owner")
    assert are_held(world, last) == {True, False}, "the third holds it, the others have not heard of it"
    erasure = decide.Forget([source], first.ledger.new_id(), "owner", reason="asked")
    first.ledger.write(lambda view, secret: decide.forget(view, erasure, secret))
    joined(world)
    assert are_held(world, last) == are_held(world, correction) == {False}
    assert len({node.digest() for node in world.nodes}) == 1
