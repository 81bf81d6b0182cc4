"""What an importer reads from another program's files: turns, notes, and what it left out.

Two words are used with one meaning throughout. A *document* is the unit that is whole or absent: a
conversation, a file of Markdown, one memory of an export. A *place* says where in a file something
stands, for a person to find it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from holdfast.model.records import Origin, Scalar
from holdfast.model.reports import Skipped, Turn

_NOTHING: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fact to import.

    Attributes:
        key: Idempotency key. It follows from everything the note says, so that a note that changed
            has another key, and one that did not has the same.
        source: The document, or the document, ``#`` and the place inside it; see `document_of`.
        when_ms: When it became true, milliseconds since the epoch; None where the file does not say.
        origin: Who made it: a document, the user, an agent; never more trusted than that.
    """

    text: str
    key: str
    source: str
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    when_ms: int | None = None
    attributes: Mapping[str, Scalar] | None = None
    origin: Origin = Origin.DOCUMENT


Item = Turn | Note


@dataclass(frozen=True, slots=True)
class Flaw:
    """An entry of a document that cannot be taken, while the rest of the document could.

    Attributes:
        source: That of the document's turns.
        place: Where the entry stands, for a person.
        why: What is wrong with it, without a full stop.
    """

    source: str
    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The documents that exist now under a common root.

    A stored note whose source begins with ``root`` and whose document is not listed was removed at
    its source. Documents that could not be read this time are listed.
    """

    root: str
    documents: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The next items of an import, in order. A document is never split over two batches unless it
    is a log that only grows; then each of its lines is whole.

    Attributes:
        items: At most a few hundred, except where one document holds more.
        skipped: What was left out since the batch before.
        done_bytes, total_bytes: How far reading is.
        document: Where it is, for display; None where the batch holds several documents.
        logs: Sources of turns in documents that only grow, whose lines are taken one by one.
        flaws: Entries that cannot be taken, in documents the rest of which is among the items: whether
            that is taken without them is for the caller to say.
        present: For documents that are followed, every key they have now. A stored note of such a
            document with another key was changed or removed at its source.
        inventory: In the last batch of a folder that is followed, what it holds now.
    """

    items: tuple[Item, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    done_bytes: int
    total_bytes: int
    document: str | None = None
    logs: frozenset[str] = frozenset()
    flaws: tuple[Flaw, ...] = ()
    present: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NOTHING)
    inventory: Inventory | None = None


def document_of(source: str) -> str:
    """The document a source belongs to: everything before the first ``#``."""
    return source.partition("#")[0]
