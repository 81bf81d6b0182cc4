"""Which memories a caller's conditions mean: written once for forgetting and for what is given out of a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from holdfast.core.asked import expected_texts
from holdfast.core.codec import decode_payload, readable_content, record_of
from holdfast.core.filters import needs_contents, widened
from holdfast.core.receipts import ERASABLE
from holdfast.errors import NotFound
from holdfast.model.erasure import Selection
from holdfast.model.events import Event
from holdfast.model.filters import EVERYTHING, Filter, having
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Content, Kind, Record
from holdfast.ports.store import Reader
from holdfast.services.condition_cache import ConditionCache
from holdfast.services.paging import PAGE

QUOTED = 4
"""Words in a row by which a question quotes a memory; fewer are shared by chance."""


def _both(chosen: dict[Id, None] | None, more: Iterable[Id]) -> dict[Id, None]:
    if chosen is None:
        return dict.fromkeys(more)
    wanted = set(more)
    return {one: None for one in chosen if one in wanted}


def _ids(reader: Reader, ns: Sequence[int]) -> list[Id]:
    current = reader.current(ns)
    return [current[n][0].id for n in ns if n in current]


def choose(
    reader: Reader, selection: Selection, found: Sequence[Id], *, look_for_mentions: bool
) -> tuple[dict[Id, None], dict[Id, Holding]]:
    """Ids that meet every condition, and memories that only mention the subject.

    Raises:
        NotFound: an id that was given is unknown.
    """
    chosen: dict[Id, None] | None = None
    mentioned: dict[Id, Holding] = {}
    for one in selection.ids:
        if reader.find(Id(one)) is None:
            raise NotFound(f"There is no memory {id_text(one)} in this space. Nothing was forgotten.")
    if selection.ids:
        chosen = dict.fromkeys(Id(one) for one in selection.ids)
    if selection.where != EVERYTHING or selection.since_ms is not None or selection.until_ms is not None:
        ns = matching(
            reader,
            selection.where,
            selection.since_ms,
            selection.until_ms,
            superseded=True,
            quarantined=True,
            aside=True,
        )
        chosen = _both(chosen, _ids(reader, ns))
    if selection.query is not None:
        chosen = _both(chosen, found)
    if selection.about is not None:
        noted = noted_about(reader, selection.about)
        mentioned = mentioning(reader, selection.about, noted) if look_for_mentions else {}
        chosen = _both(chosen, [*noted, *mentioned] if selection.mentions else noted)
        mentioned = {} if selection.mentions else mentioned
    return chosen or {}, mentioned


def matching(
    reader: Reader,
    where: Filter,
    since_ms: int | None,
    until_ms: int | None,
    *,
    superseded: bool = False,
    quarantined: bool = False,
    aside: bool = False,
    cache: ConditionCache | None = None,
) -> list[int]:
    """Local numbers of the memories for which a filter is true, ascending; see `Reader.select`.

    What columns do not decide is asked of the contents of those that the columns leave; see `bench.filters_speed`.
    A content that was erased or altered meets nothing that is asked of it.

    Args:
        cache: What contents were found to say before.
    """
    rough = widened(where)
    ns = reader.select(rough, since_ms, until_ms, superseded=superseded, quarantined=quarantined, aside=aside)
    if not needs_contents(where):
        return ns
    return (cache or ConditionCache()).meeting(reader, where, ns)


def noted_about(reader: Reader, name: str) -> dict[Id, None]:
    """Ids of what was said by, or noted about, a name, however it is written."""
    names = [known for known in reader.names() if folded(known) == folded(name)]
    fields = ("author", "subject") if names else ()
    found = [
        reader.select(having({field: names}), None, None, superseded=True, quarantined=True, aside=True)
        for field in fields
    ]
    return dict.fromkeys(_ids(reader, [n for ns in found for n in ns]))


def mentioning(reader: Reader, name: str, noted: Mapping[Id, None]) -> dict[Id, Holding]:
    """Other memories with the name, as words of its own, in their text or in a field, of this or an earlier version."""
    word = re.compile(rf"(?<!\w){re.escape(folded(name))}(?!\w)")
    mentioned: dict[Id, Holding] = {}
    after = 0
    while ns := reader.held(after, PAGE):
        after = ns[-1]
        for holding, event in reader.current(ns).values():
            if holding.id not in noted and any(word.search(words) for words in _said(reader, holding, event)):
                mentioned[holding.id] = holding
    return mentioned


def quoting_questions(reader: Reader, going: Sequence[Record]) -> list[Record]:
    """Kept recalls and expectations, other than those, that quote them: `QUOTED` words in a row, or a whole text."""
    texts = [folded(record.text) for record in going]
    ids, runs = {record.id for record in going}, {run for text in texts for run in _runs(text)}
    asked = having({"kind": [int(Kind.RECALL), int(Kind.EXPECTATION)]})
    held = reader.current(reader.select(asked, None, None, aside=True) if texts else ())
    quoting = list[Record]()
    for n in sorted(held):
        content = readable_content(held[n][1])
        record = None if content is None else record_of(held[n][1], content)
        if record is None or record.id in ids:
            continue
        said = [folded(text) for text in (record.text, *expected_texts(record))]
        whole = any(one in text or text in one for one in said for text in texts)
        if whole or any(run in runs for one in said for run in _runs(one)):
            quoting.append(record)
    return quoting


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    """Every so many words of a text that stand in a row."""
    words = re.findall(r"\w+", text)
    return (tuple(words[at : at + QUOTED]) for at in range(len(words) - QUOTED + 1))


def _said(reader: Reader, holding: Holding, newest: Event) -> Iterator[str]:
    """The words of each version of a memory, folded; what cannot be read has none."""
    events = (newest,) if newest.header.version == 1 else reader.events_of(holding.id)
    for event in events:
        if event.header.type in ERASABLE and (content := readable_content(event)):
            because = (decode_payload(event) or {}).get("because")
            yield folded(f"{words_of(content)} \n {because or ''}")


def words_of(content: Content) -> str:
    """Everything that somebody chose the words of, each field on a line of its own."""
    said = (
        content.text, content.caption, content.author, content.session, content.subject, content.predicate,
        content.object, content.category, content.source, content.body, *content.tags, *content.attributes,
        *map(str, content.attributes.values()),
    )  # fmt: skip
    return " \n ".join(part for part in said if part)


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def records_of(reader: Reader, held: Mapping[Id, Holding]) -> list[tuple[Holding, Record]]:
    current = reader.current([holding.n for holding in held.values()])
    found = list[tuple[Holding, Record]]()
    for n in sorted(current):
        holding, event = current[n]
        content = readable_content(event)
        if content:
            found.append((holding, record_of(event, content, holding.closed_by, holding.closed_ms)))
    return found
