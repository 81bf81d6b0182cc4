"""Which parts make a space: the only place that knows both the services and the adapters."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from pathlib import Path

from holdfast.adapters.clock import SystemClock
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.border import check_label
from holdfast.core.codec import decode_content
from holdfast.core.proof import genesis
from holdfast.errors import NoEmbedder
from holdfast.model.events import Event
from holdfast.model.ids import time_ordered_id
from holdfast.model.policy import Policy
from holdfast.model.times import When
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.importer import Importer
from holdfast.ports.store import Entry, Identity, SpaceStore
from holdfast.services.auditing import Auditing
from holdfast.services.embedding import Embedding
from holdfast.services.forgetting import Forgetting
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.past import copy_until, cut_of, lend_vectors
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.transfer import Transfer


@dataclass(frozen=True)
class Space:
    """One space, ready to use: a service for each sort of call."""

    store: SpaceStore
    ledger: Ledger
    index: LiveIndex
    embedding: Embedding
    remembering: Remembering
    forgetting: Forgetting
    recalling: Recalling
    inspecting: Inspecting
    transfer: Transfer
    auditing: Auditing
    actor: str

    def close(self) -> None:
        """Stop background work and release the store."""
        self.embedding.close()
        self.index.drop()
        self.store.close()

    def at(self, moment: When | None, seq: int | None) -> Space:
        """The space as it was, read-only, in memory."""
        last, at_ms = cut_of(self.store, moment, seq)
        past = _empty_copy(self.store.identity)
        copy_until(self.store, past, last, None if moment is None else at_ms)
        with self.store.reading() as reader:
            model = reader.model()
        if self.embedding.embedder is not None and model is not None:
            past.adopt_model(model)
            lend_vectors(self.store, past, _entry_of)
        past.read_only = True
        embedding = (self.embedding.embedder, self.embedding.why_none)
        return _assemble(past, self.ledger.clock, *embedding, self.actor, as_of_ms=at_ms)


def open_space(
    path: str,
    embedder: Embedder | str | None,
    actor: str,
    *,
    read_only: bool,
    create: bool,
    clock: Clock | None,
    policy: Policy | None = None,
) -> Space:
    """Open the space in a file; see `holdfast.Memory.open`."""
    check_label(actor, "principal")
    clock = clock or SystemClock()
    space, node = (time_ordered_id(clock.now_ms(), clock.entropy(10)) for _ in range(2))
    fresh = Identity(space, node, clock.entropy(32))
    name = path if path == ":memory:" else str(Path(path).expanduser())
    store = SqliteStore(name, fresh, genesis(space, node), read_only=read_only, create=create)
    try:
        found, why_none = _find_embedder(embedder)
        space = _assemble(store, clock, found, why_none, actor, policy=policy)
        space.ledger.refresh_terms()
    except BaseException:
        store.close()
        raise
    return space


def _find_embedder(wanted: Embedder | str | None) -> tuple[Embedder | None, str | None]:
    if wanted is None or wanted == "none":
        return None, "no embedding model was asked for: found by words only"
    if not isinstance(wanted, str):
        return wanted, None
    from holdfast.adapters.embed.resolve import find_embedder

    if wanted != "auto":
        return find_embedder(wanted), None
    try:
        return find_embedder(), None
    except NoEmbedder as error:
        return None, f"no embedding model: found by words only ({error})"


def _assemble(
    store: SpaceStore,
    clock: Clock,
    embedder: Embedder | None,
    why_none: str | None,
    actor: str,
    as_of_ms: int | None = None,
    policy: Policy | None = None,
) -> Space:
    ledger = Ledger(store, clock)
    index = LiveIndex(store)
    embedding = Embedding(ledger, embedder, why_none)
    remembering = Remembering(ledger, actor, embedding.written, policy)
    recalling = Recalling(ledger, index, embedding, as_of_ms)
    forgetting = Forgetting(ledger, index, actor, recalling.found)
    inspecting = Inspecting(ledger, index, lambda last: _replayed_digest(store, last), as_of_ms)
    space = Space(
        store=store,
        ledger=ledger,
        index=index,
        embedding=embedding,
        remembering=remembering,
        forgetting=forgetting,
        recalling=recalling,
        inspecting=inspecting,
        transfer=Transfer(ledger, remembering, forgetting, inspecting, _find_importer),
        auditing=Auditing(ledger, forgetting, actor, policy, embedding.written),
        actor=actor,
    )
    # A program that ends without closing must not leave a thread in the model at interpreter exit.
    weakref.finalize(space, embedding.close)
    return space


def _find_importer(path: Path, format_: str) -> Importer:
    # Readers of files that most programs never import.
    from holdfast.adapters.importers import find_importer

    return find_importer(path, format_)


def _empty_copy(identity: Identity) -> SqliteStore:
    return SqliteStore(":memory:", identity, genesis(identity.space, identity.node))


def _replayed_digest(store: SpaceStore, last: int) -> bytes:
    copy = _empty_copy(store.identity)
    try:
        copy_until(store, copy, last)
        with copy.reading() as reader:
            return reader.digest()
    finally:
        copy.close()


def _entry_of(event: Event) -> Entry:
    content = decode_content(event)
    return (content.author, content.text, content.caption) if content else (None, "", None)
