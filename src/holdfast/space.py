"""`Space`: one space ready to use, put together from services and adapters."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from holdfast.adapters.clock import SystemClock
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.budget import estimate_tokens
from holdfast.core.codec import decode_content
from holdfast.core.proof import genesis
from holdfast.model.events import Event
from holdfast.model.ids import Id
from holdfast.model.policy import Policy
from holdfast.model.times import When
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.importer import Importer
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.store import Entry, Identity, Reader, SpaceStore
from holdfast.services.auditing import Auditing
from holdfast.services.embedding import Embedding
from holdfast.services.forgetting import Forgetting
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.loop_guard import MindfulRecalling, MindfulRemembering, guard
from holdfast.services.past import PASTS, copy_view, cut_of, is_before, lend_vectors, show_past
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.touches import TouchBook, Touches

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.adapters.sqlite.rotation import Sealing
    from holdfast.model.encryption import FileKey
    from holdfast.model.tiers import Tiers
    from holdfast.ports.language_model import LanguageModel
    from holdfast.ports.times import TimeFinder
    from holdfast.ports.vector_index import VectorIndexes
    from holdfast.ports.working import WorkingStore
    from holdfast.services.aside import Aside
    from holdfast.services.asking import Asking
    from holdfast.services.backups import Backups
    from holdfast.services.blocks import Blocks
    from holdfast.services.explaining import Explaining
    from holdfast.services.intentions import Intentions
    from holdfast.services.journals import Journals
    from holdfast.services.metrics import Meter
    from holdfast.services.procedures import Procedures
    from holdfast.services.pruning import Pruning
    from holdfast.services.recall_explaining import RecallExplaining
    from holdfast.services.transfer import Transfer


@dataclass(frozen=True)
class Space:
    """One space, ready to use: a service for each sort of call, the rarer ones made when they are first asked for.

    Attributes:
        as_of_ms: The moment that a view of the past stands at.
        house_keys: Of a space in a house: refuses keys that the house does not know, by raising.
        meter: Tells what is measured; None where nothing is.
        tiers: What was said of tiers; None for the four default ones.
        working: Where working memory is, if not in the space's own file.
        model: The cheap language model that sums up; None for none.
    """

    store: SqliteStore
    ledger: Ledger
    index: LiveIndex
    embedding: Embedding
    touches: Touches
    remembering: Remembering
    forgetting: Forgetting
    recalling: Recalling
    inspecting: Inspecting
    auditing: Auditing
    actor: str
    as_of_ms: int | None = None
    house_keys: Callable[[SpaceKeys], None] | None = None
    meter: Meter | None = None
    tiers: Tiers | None = None
    working: WorkingStore | None = None
    model: LanguageModel | None = None

    @cached_property
    def explaining(self) -> Explaining:
        """Why something is held."""
        from holdfast.services.explaining import Explaining

        return Explaining(self.ledger, self.touches, self.remembering, self.as_of_ms)

    @cached_property
    def recall_explaining(self) -> RecallExplaining:
        """Why something was recalled, or was not."""
        from holdfast.services.recall_explaining import RecallExplaining

        return RecallExplaining(self.ledger, self.recalling, self.as_of_ms)

    @cached_property
    def aside(self) -> Aside:
        """What stands aside, by kind and name."""
        from holdfast.services.aside import Aside

        return Aside(self.ledger, self.remembering, self.forgetting, self.touches)

    @cached_property
    def blocks(self) -> Blocks:
        """Bounded texts that stand in the prompt."""
        from holdfast.services.blocks import Blocks

        return Blocks(self.aside, self.actor, self.recalling.count, self._now_ms)

    @cached_property
    def intentions(self) -> Intentions:
        """What to bring up later."""
        from holdfast.services.intentions import Intentions

        return Intentions(self.ledger, self.aside, self.remembering, self.touches, self._now_ms)

    @cached_property
    def procedures(self) -> Procedures:
        """How-tos, with what came of them."""
        from holdfast.adapters.procedure_files import READERS
        from holdfast.services.procedures import Procedures

        return Procedures(self.ledger, self.aside, self.remembering, self.embedding, self._now_ms, *READERS)

    def _now_ms(self) -> int:
        return self.ledger.clock.now_ms() if self.as_of_ms is None else self.as_of_ms

    @cached_property
    def asking(self) -> Asking:
        """Kept recalls and expectations."""
        from holdfast.services.asking import Asking

        return Asking(self.ledger, self.recalling, self.remembering, self.forgetting, self.embedding, self.actor)

    @cached_property
    def journals(self) -> Journals:
        """The whole space as lines."""
        from holdfast.services.journals import Journals

        journals = Journals(self.ledger, self.index, self.embedding, self.actor, self.touches)
        journals.keeps_id = self.house_keys is not None  # by which the registry and the keyring know it
        return journals

    @cached_property
    def transfer(self) -> Transfer:
        """Imports and exports."""
        from holdfast.services.transfer import Transfer

        transfer = Transfer(
            self.ledger, self.remembering, self.forgetting, self.inspecting, _find_importer, self.journals
        )
        transfer.takes_journals = self.house_keys is None  # in a house a right of its own: Storage.merge
        return transfer

    @cached_property
    def backups(self) -> Backups:
        """Copies of the whole space."""
        from holdfast.adapters.sqlite.backup import SqliteFiles
        from holdfast.services.backups import Backups

        store = self.store
        return Backups(
            store.path, SqliteFiles(), opening(lambda: (store.keys, None)), examine, self.ledger.clock,
            is_sealed_whole=store.file_key is not None,
        )  # fmt: skip

    @cached_property
    def pruning(self) -> Pruning:
        """Snapshots, pruning and compacting."""
        from holdfast.services.pruning import Pruning

        return Pruning(self.ledger, self.forgetting, self.actor)

    @cached_property
    def sealing(self) -> Sealing:
        """How the space is encrypted."""
        from holdfast.adapters.keyring import GivenKey
        from holdfast.adapters.sqlite.rotation import Sealing

        sealing = Sealing(self.store, given_key=isinstance(self.store.keys, GivenKey))
        sealing.check_keys = self.house_keys or sealing.check_keys
        sealing.without_vectors = self.index.without_vectors
        return sealing

    def close(self) -> None:
        """Stop background work and release the store."""
        if self.meter is not None and self.as_of_ms is None:
            self.meter.leave()
        self.embedding.close()
        self.touches.book.close()
        if self.working is not None and self.as_of_ms is None:
            self.working.close()
        self.index.drop()
        self.store.close()

    @contextmanager
    def then(self, moment: When | None) -> Generator[Space]:
        """The space as it was, for the time of a ``with``; as it is where no moment is given."""
        if moment is None:
            yield self
            return
        past = self.at(moment, None)
        try:
            yield past
        finally:
            past.close()

    def at(self, moment: When | None, seq: int | None, as_of_ms: int | None = None) -> Space:
        """The space as it was, read-only, in memory.

        Args:
            as_of_ms: The moment it stands at, where that is later than the last event: what expires does so without.
        """
        whole = self.store.whole
        source = whole if whole is not None and is_before(self.store, moment, seq) else self.store
        last, at_ms = cut_of(source, moment, seq)
        with self.store.reading() as reader:
            last = min(last, reader.head().seq)
        past = _empty_copy(self.store.identity)
        PASTS.begin(past)
        if show_past(source, past, last, None if moment is None else at_ms):
            past.whole = source
        else:  # the view of a view lacks what that does
            past.whole, past.earlier_events = source.whole, source.earlier_events
        with self.store.reading() as reader:
            model = reader.model()
        if self.embedding.embedder is not None and model is not None:
            past.adopt_model(model)
            lend_vectors(self.store, past, entry_of)
        past.read_only = True
        PASTS.filled(past)
        embedding = (self.embedding.embedder, self.embedding.why_none)
        return assemble(
            past, self.ledger.clock, *embedding, self.actor, as_of_ms=as_of_ms or at_ms, count=self.recalling.count,
            house_keys=self.house_keys, meter=self.meter,
        )  # fmt: skip


class OpenFile(Protocol):
    def __call__(self, path: Path, *, read_only: bool) -> SqliteStore: ...


def opening(keys: Callable[[], tuple[SpaceKeys | None, FileKey | None]]) -> OpenFile:
    """What opens the store in a file that is there, with the keys of that moment."""

    def open_file(path: Path, *, read_only: bool) -> SqliteStore:
        nobody, (found, file_key) = Identity(Id(bytes(16)), Id(bytes(16)), bytes(32)), keys()
        return SqliteStore(
            str(path), nobody, bytes(32), read_only=read_only, create=False, keys=found, file_key=file_key
        )

    return open_file


def examine(store: SpaceStore) -> list[str]:
    """What `Memory.check` finds in a space that is open for this alone."""
    clock = SystemClock()
    touches = Touches(TouchBook(store, clock, enabled=False), "owner", lambda: None)
    looking = Inspecting(Ledger(store, clock), LiveIndex(store), touches, lambda view: _replayed_digest(store, view))
    return looking.check()


def assemble(
    store: SqliteStore,
    clock: Clock,
    embedder: Embedder | None,
    why_none: str | None,
    actor: str,
    as_of_ms: int | None = None,
    policy: Policy | None = None,
    *,
    touched: bool = True,
    count: Count = estimate_tokens,
    house_keys: Callable[[SpaceKeys], None] | None = None,
    meter: Meter | None = None,
    tiers: Tiers | None = None,
    working: WorkingStore | None = None,
    model: LanguageModel | None = None,
) -> Space:
    kinds = _kinds(meter)
    ledger = kinds.ledger(store, clock)
    index = LiveIndex(store, partial(_vector_indexes, store) if as_of_ms is None else None)
    embedding = kinds.embedding(ledger, embedder, why_none)
    book = ledger.carried = TouchBook(store, clock, enabled=touched)
    touches = Touches(book, actor, embedding.written)
    remembering = kinds.remembering(ledger, actor, touches, policy)
    recalling = kinds.recalling(ledger, index, embedding, touches, as_of_ms, count, _time_finder)
    forgetting = kinds.forgetting(ledger, index, actor, recalling.found, remembering, touches)
    inspecting = Inspecting(ledger, index, touches, lambda view: _replayed_digest(store, view), as_of_ms)
    space = Space(
        store=store,
        ledger=ledger,
        index=index,
        embedding=embedding,
        touches=touches,
        remembering=remembering,
        forgetting=forgetting,
        recalling=recalling,
        inspecting=inspecting,
        auditing=Auditing(ledger, forgetting, actor, policy, embedding.written),
        actor=actor,
        as_of_ms=as_of_ms,
        house_keys=house_keys,
        meter=meter,
        tiers=tiers,
        working=working,
        model=model,
    )
    forgetting.elsewhere = working
    guard(recalling, remembering, forgetting)
    # A program that ends without closing must not leave a thread in the model at interpreter exit.
    weakref.finalize(space, embedding.close)
    weakref.finalize(space, index.drop)
    weakref.finalize(space, book.close)
    if meter is not None and as_of_ms is None:
        weakref.finalize(space, meter.leave)
    return space


def _vector_indexes(store: SqliteStore) -> VectorIndexes:
    """Where the index of vectors of a space is kept: beside it, unless it is in memory or encrypted."""
    from holdfast.adapters.vectors.usearch import UsearchIndexes

    path = None if store.path == ":memory:" else Path(store.path)
    is_sealed = store.file_key is not None or store.border.is_sealed
    return UsearchIndexes(path, read_only=store.read_only, sealed=is_sealed)


@dataclass(frozen=True)
class _Kinds:
    """The services that may be measured."""

    ledger: Callable[..., Ledger] = Ledger
    embedding: Callable[..., Embedding] = Embedding
    remembering: Callable[..., Remembering] = MindfulRemembering
    recalling: Callable[..., Recalling] = MindfulRecalling
    forgetting: Callable[..., Forgetting] = Forgetting


def _kinds(meter: Meter | None) -> _Kinds:
    """The plain services, or where something is measured their twins."""
    if meter is None:
        return _Kinds()
    from holdfast.services import metrics

    return _Kinds(
        partial(metrics.MeasuredLedger, meter),
        partial(metrics.MeasuredEmbedding, meter),
        partial(metrics.MeasuredRemembering, meter),
        partial(metrics.MeasuredRecalling, meter),
        partial(metrics.MeasuredForgetting, meter),
    )


@cache
def _time_finder() -> TimeFinder:
    # Loaded for the first question in another language than English.
    from holdfast.adapters.dates import DateparserTimes

    return DateparserTimes()


def _find_importer(path: Path, format_: str) -> Importer:
    # Readers of files that most programs never import.
    from holdfast.adapters.importers import find_importer

    return find_importer(path, format_)


def _empty_copy(identity: Identity) -> SqliteStore:
    return SqliteStore(":memory:", identity, genesis(identity.space, identity.node))


def _replayed_digest(store: SpaceStore, view: Reader) -> bytes:
    copy = _empty_copy(store.identity)
    try:
        copy_view(view, store.identity.secret, copy, view.head().seq)
        with copy.reading() as reader:
            return reader.digest()
    finally:
        copy.close()


def entry_of(event: Event) -> Entry:
    content = decode_content(event)
    return (content.author, content.text, content.caption) if content else (None, "", None)
