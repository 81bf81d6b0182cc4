"""`Space`: one space ready to use, put together from services and adapters."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
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
from holdfast.ports.store import Entry, Identity, SpaceStore
from holdfast.services.auditing import Auditing
from holdfast.services.embedding import Embedding
from holdfast.services.forgetting import Forgetting
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.past import PASTS, copy_until, cut_of, lend_vectors
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.touches import TouchBook, Touches

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.adapters.sqlite.rotation import Sealing
    from holdfast.model.encryption import FileKey
    from holdfast.services.aside import Aside
    from holdfast.services.asking import Asking
    from holdfast.services.backups import Backups
    from holdfast.services.explaining import Explaining
    from holdfast.services.journals import Journals
    from holdfast.services.recall_explaining import RecallExplaining
    from holdfast.services.transfer import Transfer


@dataclass(frozen=True)
class Space:
    """One space, ready to use: a service for each sort of call, the rarer ones made when they are first asked for.

    Attributes:
        as_of_ms: The moment that a view of the past stands at.
        house_keys: Of a space in a house: refuses keys that the house does not know, by raising.
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
    def sealing(self) -> Sealing:
        """How the space is encrypted."""
        from holdfast.adapters.keyring import GivenKey
        from holdfast.adapters.sqlite.rotation import Sealing

        sealing = Sealing(self.store, given_key=isinstance(self.store.keys, GivenKey))
        sealing.check_keys = self.house_keys or sealing.check_keys
        return sealing

    def close(self) -> None:
        """Stop background work and release the store."""
        self.embedding.close()
        self.touches.book.close()
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

    def at(self, moment: When | None, seq: int | None) -> Space:
        """The space as it was, read-only, in memory."""
        last, at_ms = cut_of(self.store, moment, seq)
        past = _empty_copy(self.store.identity)
        PASTS.begin(past)
        copy_until(self.store, past, last, None if moment is None else at_ms)
        with self.store.reading() as reader:
            model = reader.model()
        if self.embedding.embedder is not None and model is not None:
            past.adopt_model(model)
            lend_vectors(self.store, past, entry_of)
        past.read_only = True
        PASTS.filled(past)
        embedding = (self.embedding.embedder, self.embedding.why_none)
        return assemble(
            past, self.ledger.clock, *embedding, self.actor, as_of_ms=at_ms, count=self.recalling.count,
            house_keys=self.house_keys,
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
    looking = Inspecting(Ledger(store, clock), LiveIndex(store), touches, lambda last: _replayed_digest(store, last))
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
) -> Space:
    ledger = Ledger(store, clock)
    index = LiveIndex(store)
    embedding = Embedding(ledger, embedder, why_none)
    book = ledger.carried = TouchBook(store, clock, enabled=touched)
    touches = Touches(book, actor, embedding.written)
    remembering = Remembering(ledger, actor, touches, policy)
    recalling = Recalling(ledger, index, embedding, touches, as_of_ms, count)
    forgetting = Forgetting(ledger, index, actor, recalling.found, remembering, touches)
    inspecting = Inspecting(ledger, index, touches, lambda last: _replayed_digest(store, last), as_of_ms)
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
    )
    # A program that ends without closing must not leave a thread in the model at interpreter exit.
    weakref.finalize(space, embedding.close)
    weakref.finalize(space, book.close)
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


def entry_of(event: Event) -> Entry:
    content = decode_content(event)
    return (content.author, content.text, content.caption) if content else (None, "", None)
