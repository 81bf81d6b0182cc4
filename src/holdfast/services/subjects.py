"""Everything that is held of a person or thing, for someone who asks what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.core import border, exchange
from holdfast.core.codec import canonical, decode_content, record_of
from holdfast.core.receipts import ERASABLE
from holdfast.model.events import Event
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.records import Record
from holdfast.model.times import format_when
from holdfast.ports.store import Reader
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE
from holdfast.services.selecting import folded, mentioning, noted_about, records_of

FORMAT = "holdfast-subject/1"


@dataclass(frozen=True, slots=True)
class Source:
    """A memory that another was derived from, by what tells nothing of its words.

    Attributes:
        author: Who said it; None where that is not known or it was forgotten.
        said_ms: When it was said or became true; None where it was forgotten.
    """

    id: str
    author: str | None
    said_ms: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """One memory that concerns a subject, with where it came from.

    Attributes:
        because: ``said by``, ``noted about`` or ``mentions``.
        earlier: Versions before this one, oldest first.
        derived_from: What it was made from.
        made_from_it: Ids of what was made from it.
    """

    record: Record
    because: str
    earlier: tuple[Record, ...]
    derived_from: tuple[Source, ...]
    made_from_it: tuple[str, ...]


class Subjects:
    """Gathers what is held of a subject, by the same selection that `Memory.forget` erases.

    Args:
        listed: Told how many memories are given out.
    """

    def __init__(self, ledger: Ledger, listed: Callable[[int], None]) -> None:
        self._ledger = ledger
        self._listed = listed

    def held(self, about: str, *, mentions: bool) -> list[Held]:
        """In order of arrival, superseded and quarantined memories too."""
        name = border.check_label(about, "name")
        with self._ledger.store.reading() as reader:
            noted = noted_about(reader, name)
            found = list(noted)
            if mentions:
                found += mentioning(reader, name, noted)
            held = reader.find_all(found)
            ids = sorted(held, key=lambda one: held[one].n)
            gathered = [
                _held(reader, record, name)
                for start in range(0, len(ids), PAGE)
                for _, record in records_of(reader, {one: held[one] for one in ids[start : start + PAGE]})
            ]
        self._listed(len(gathered))
        return gathered

    def lines(self, about: str, *, mentions: bool) -> Iterator[str]:
        """See `Memory.export`: a first line that says what it is, then a line for each memory."""
        # Gathered at the call: a name that is none is refused there, and what is given out is of one moment.
        return _lines(self.held(about, mentions=mentions), about, mentions, self._ledger)


def _lines(held: Sequence[Held], about: str, mentions: bool, ledger: Ledger) -> Iterator[str]:
    first = {
        "format": FORMAT, "about": about, "mentions": mentions, "memories": len(held),
        "space": id_text(ledger.store.identity.space), "exported_at": format_when(ledger.clock.now_ms()),
    }  # fmt: skip
    yield canonical(first).decode()
    for one in held:
        yield canonical(_line(one)).decode()


def _line(one: Held) -> dict[str, Any]:
    record = one.record
    line: dict[str, Any] = {
        "because": one.because,
        "recorded_by": record.actor,
        "memory": exchange.record_dict(record),
        "derived_from": [
            {"id": source.id, "author": source.author, "said_at": source.said_ms and format_when(source.said_ms)}
            for source in one.derived_from
        ],
        "made_from_it": list(one.made_from_it),
        "earlier": [exchange.record_dict(version) for version in one.earlier],
    }
    if record.superseded_at is not None:
        line["superseded_at"] = format_when(record.superseded_at)
    return line


def _held(reader: Reader, record: Record, about: str) -> Held:
    if record.author is not None and folded(record.author) == folded(about):
        because = "said by"
    elif record.subject is not None and folded(record.subject) == folded(about):
        because = "noted about"
    else:
        because = "mentions"
    id_ = parse_id(record.id)
    versions = (_version(event) for event in reader.events_of(id_) if event.header.type in ERASABLE)
    return Held(
        record,
        because,
        tuple(version for version in versions if version is not None and version.version < record.version),
        tuple(_source(reader, parse_id(source)) for source in record.sources),
        tuple(id_text(one.id) for one in reader.derived_from((id_,))),
    )


def _version(event: Event) -> Record | None:
    content = decode_content(event)
    return record_of(event, content) if content else None


def _source(reader: Reader, source: Id) -> Source:
    held = reader.find(source)
    content = decode_content(reader.event(held.seq)) if held and held.seq else None
    return Source(id_text(source), content and content.author, content and content.valid_from)
