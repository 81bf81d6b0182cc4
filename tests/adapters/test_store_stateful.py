"""The reference store and SQLite, driven side by side through long random histories, hold the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.adapters.keyring import GivenKey
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core import decide
from holdfast.core.proof import genesis
from holdfast.core.secrets import text_digest
from holdfast.errors import HoldfastError
from holdfast.model.events import SetModel
from holdfast.model.filters import having
from holdfast.model.ids import Id, id_text, keyed_id
from holdfast.model.records import Content, Kind, Role
from holdfast.ports.store import Identity, SpaceStore
from holdfast.services.ledger import Ledger
from holdfast.testing.faults import SteppedClock
from holdfast.testing.reference import ReferenceStore
from holdfast.testing.store_desk import entry_of, snapshot, vectors_for
from tests.conftest import NIGHTLY

SPACE, SECRET = Id(b"stateful space.."), b"s" * 32
TEXTS = ("Ada lives in Lisbon", "Ada lives in Porto", "The door code is 7306")
MODELS = (SetModel("m/4", 4), SetModel("m/4", 4), SetModel("other/4", 4), SetModel("m/4", 5))
FILTERS = (
    {},
    {"author": ["Ada", "Ben"]},
    {"tag": ["red"]},
    {"tag": ["red", "blue"], "kind": [int(Kind.FACT)]},
    {"session": ["s1"], "role": [int(Role.USER)]},
    {"category": ["place"]},
    {"colour": ["red"]},
)
NODES = 2

texts = st.sampled_from(TEXTS)
nodes = st.integers(0, NODES - 1)
places = st.integers(0, 40)


def reference(identity: Identity) -> SpaceStore:
    return ReferenceStore(identity)


def sqlite(identity: Identity) -> SpaceStore:
    return SqliteStore(":memory:", identity, genesis(identity.space, identity.node))


def encrypted(identity: Identity) -> SpaceStore:
    return SqliteStore(":memory:", identity, genesis(identity.space, identity.node), keys=GivenKey(b"k" * 32))


class SideBySide(RuleBasedStateMachine):
    """Two nodes of one space, each kept twice; every step is done to both and must come to the same."""

    tested = staticmethod(sqlite)

    @initialize()
    def open(self) -> None:
        self.pairs: list[tuple[Ledger, Ledger]] = []
        for number in range(NODES):
            identity = Identity(SPACE, Id(bytes([number + 1]) * 16), SECRET)
            twins = [
                Ledger(make(identity), SteppedClock(1_700_000_000_000 + number * 7, seed=number))
                for make in (reference, self.tested)
            ]
            self.pairs.append((twins[0], twins[1]))

    def teardown(self) -> None:
        for pair in getattr(self, "pairs", []):
            for ledger in pair:
                ledger.store.close()

    def both(self, node: int, step):
        """Do one step to both stores of a node; results and refusals must be equal."""
        outcomes = []
        for ledger in self.pairs[node]:
            try:
                outcomes.append(("gave", step(ledger)))
            except HoldfastError as error:
                outcomes.append(("raised", type(error)))
        assert outcomes[0] == outcomes[1]
        return outcomes[0][1] if outcomes[0][0] == "gave" else None

    def some(self, node: int, place: int) -> Id:
        """A memory the node has heard of, or one that nobody has."""
        events = self.pairs[node][0].store.events(0, 100_000)
        known = list(dict.fromkeys(event.header.record for event in events if any(event.header.record)))
        return known[place % len(known)] if known else Id(b"never been here.")

    def take(self, node: int, content: Content, *, key: str | None = None, readmit: bool = False) -> None:
        def step(ledger: Ledger):
            record = keyed_id(SECRET, "owner", "remember", key) if key else ledger.new_id()
            command = decide.Take(content, record, keyed=bool(key), readmit=readmit)
            return ledger.write(lambda view, secret: decide.take(view, command, secret))

        self.both(node, step)

    @rule(node=nodes, text=texts, tags=st.sampled_from(((), ("red",), ("blue", "red"))), readmit=st.booleans())
    def fact(self, node, text, tags, readmit):
        content = Content(kind=Kind.FACT, text=text, valid_from=1_000, tags=tags, category="place")
        self.take(node, content, readmit=readmit)

    @rule(node=nodes, text=texts, said=st.sampled_from((1_000, 2_000)), session=st.sampled_from(("s1", "s2")))
    def turn(self, node, text, said, session):
        self.take(
            node,
            Content(kind=Kind.TURN, text=text, valid_from=said, author="Ada", session=session, role=Role.USER),
        )

    @rule(node=nodes, text=texts, key=st.sampled_from(("a", "b")))
    def keyed(self, node, text, key):
        self.take(node, Content(kind=Kind.FACT, text=text, valid_from=1_000, arguments=text), key=key)

    @rule(node=nodes, text=texts, place=places)
    def derive(self, node, text, place):
        sources = (id_text(self.some(node, place)),)
        self.take(node, Content(kind=Kind.FACT, text=f"{text}!", valid_from=1_000, sources=sources), readmit=True)

    @rule(
        node=nodes,
        place=places,
        changes=st.sampled_from(
            (
                {"importance": 0.9},
                {"tags": ("blue",)},
                {"caption": "a photo"},
                {"caption": None},
                {"sources": ()},
                {"quarantined": True},
                {"quarantined": False},
                {"marks": ("medical",)},
                {"expires_at": 900},
                {"expires_at": None},
            )
        ),
    )
    def revise(self, node, place, changes):
        command = decide.Revise(self.some(node, place), changes, "owner")
        self.both(node, lambda led: led.write(lambda view, secret: decide.revise(view, command, secret)))

    @rule(node=nodes, place=places, text=texts)
    def correct(self, node, place, text):
        record = self.some(node, place)

        def step(ledger: Ledger):
            command = decide.Correct(record, text, ledger.new_id(), 1_500, "owner")
            return ledger.write(lambda view, secret: decide.correct(view, command, secret))

        self.both(node, step)

    @rule(node=nodes, place=places)
    def forget(self, node, place):
        record = self.some(node, place)

        def step(ledger: Ledger):
            command = decide.Forget([record], ledger.new_id(), "owner")
            return ledger.write(lambda view, secret: decide.forget(view, command, secret))

        self.both(node, step)

    @rule(node=nodes, ms=st.integers(-5_000, 5_000))
    def clock(self, node, ms):
        for ledger in self.pairs[node]:
            ledger.clock.advance(ms)

    @rule(node=nodes, how_many=st.integers(1, 40))
    def merge(self, node, how_many):
        # Each store hears of its own kind: what the other store of the same kind holds.
        senders = dict(zip(self.pairs[node], self.pairs[1 - node], strict=True))
        self.both(node, lambda ledger: ledger.merge(first_events(senders[ledger], how_many)))

    @rule(node=nodes)
    def rebuild(self, node):
        for ledger in self.pairs[node]:
            before = digest(ledger)
            assert ledger.rebuild() == before

    @rule(node=nodes, model=st.sampled_from(MODELS))
    def bind(self, node, model):
        def step(ledger: Ledger):
            return ledger.write(lambda view, _: (decide.set_model(view, model.fingerprint, model.dimensions), None))

        self.both(node, step)

    @rule(
        node=nodes, limit=st.integers(1, 5), after=st.integers(0, 5), stale=st.booleans(), model=st.sampled_from(MODELS)
    )
    def embed(self, node, limit, after, stale, model):
        def step(ledger: Ledger):
            with ledger.store.reading() as reader:
                found = [(h.n, h.seq, entry_of(reader, h.seq)) for h in reader.backlog(limit, after)]
            ns = [n for n, _, _ in found]
            seqs = [seq - stale for _, seq, _ in found]
            vectors = vectors_for(ns, model.dimensions)
            return ledger.store.put_vectors(ns, seqs, [entry for _, _, entry in found], vectors, model)

        self.both(node, step)

    @rule(node=nodes, ns=st.lists(st.integers(0, 12), max_size=4))
    def drop(self, node, ns):
        self.both(node, lambda ledger: ledger.store.drop_vectors(ns))

    @rule(
        node=nodes,
        where=st.sampled_from(FILTERS),
        since=st.sampled_from((None, 1_000, 1_500)),
        until=st.sampled_from((None, 1_500)),
    )
    def select(self, node, where, since, until):
        def step(ledger: Ledger):
            with ledger.store.reading() as reader:
                return reader.select(having(where), since, until), reader.count(having(where)), reader.session("s1")

        self.both(node, step)

    @rule(node=nodes, ns=st.lists(st.integers(0, 12), max_size=6))
    def look(self, node, ns):
        def step(ledger: Ledger):
            with ledger.store.reading() as reader:
                columns, vectors = reader.columns(ns), reader.vectors_of(ns)
                return (
                    dict(reader.current(ns)),
                    [list(getattr(columns, name)) for name in columns.__slots__],
                    sorted(zip(vectors.ns.tolist(), vectors.values.tolist(), strict=True)),
                )

        self.both(node, step)

    @invariant()
    def both_hold_the_same(self):
        for expected, found in getattr(self, "pairs", []):
            with expected.store.reading() as oracle, found.store.reading() as reader:
                wanted, held = snapshot(oracle), snapshot(reader)
                for name in wanted:
                    if name != "digest":  # each store has a digest of its own
                        assert held[name] == wanted[name], name
                for text in TEXTS:
                    assert reader.bar(text_digest(SECRET, text)) == oracle.bar(text_digest(SECRET, text))
                assert reader.vector_revision() == oracle.vector_revision()
            assert found.store.problems() == []


def first_events(ledger: Ledger, how_many: int):
    with ledger.store.reading() as reader:
        return [replace(event, seq=0) for event in reader.events(0, how_many)]


def digest(ledger: Ledger) -> bytes:
    with ledger.store.reading() as reader:
        return reader.digest()


class EncryptedSideBySide(SideBySide):
    """The same with a store that seals what it holds."""

    tested = staticmethod(encrypted)


TestSideBySide = SideBySide.TestCase
TestSideBySide.settings = settings(max_examples=600 if NIGHTLY else 60, stateful_step_count=40)
TestEncryptedSideBySide = EncryptedSideBySide.TestCase
TestEncryptedSideBySide.settings = settings(max_examples=300 if NIGHTLY else 25, stateful_step_count=40)
