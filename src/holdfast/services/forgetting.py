"""Forgetting: select, show, erase, look for what is left, and prove it afterwards."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from holdfast.core import border, receipts
from holdfast.core.codec import decode_content, record_of
from holdfast.core.decide import Forget, Forgotten, falling, forget
from holdfast.core.lexical import clear_term_cache
from holdfast.core.proof import chain_problems
from holdfast.core.view import View
from holdfast.errors import ConfirmationNeeded, InvalidField, NotFound
from holdfast.model import limits
from holdfast.model.erasure import LIMITS, ForgetPreview, ForgetReceipt, Proof, Selection, Verification
from holdfast.model.events import Draft
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.records import Record
from holdfast.model.times import When, parse_when
from holdfast.ports.store import Reader
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE, all_events

MOST_UNCONFIRMED = 100
"""Memories that one call may forget without a token."""
SCAN_BYTES = 64 << 20
"""Files up to this size are read through after a forget; larger ones by `Memory.verify` with ``deep=True``."""
SCAN_TEXTS = 200
"""Erased texts that are looked for in the files."""


class Forgetting:
    """Erases memories of one space.

    Args:
        find: Gives the ids that a recall of a query finds.
    """

    def __init__(self, ledger: Ledger, actor: str, find: Callable[[str, int], list[str]]) -> None:
        self._ledger = ledger
        self._actor = actor
        self._find = find

    def selection(
        self,
        ids: Sequence[str],
        *,
        about: str | None,
        mentions: bool,
        session: str | None,
        since: When | None,
        until: When | None,
        where: Mapping[str, str | Sequence[str]] | None,
        query: str | None,
        limit: int,
    ) -> Selection:
        """A caller's conditions, checked.

        Raises:
            InvalidInput: one of them is not acceptable, or there is none.
        """
        checked = border.check_where(where)
        if session is not None:
            checked["session"] = [border.check_label(session, "session")]
        if mentions and about is None:
            raise InvalidField("mentions=True goes with about, the name to look for. Nothing was forgotten.")
        selection = Selection(
            ids=tuple(dict.fromkeys(parse_id(one) for one in ids)),
            about=border.optional_label(about, "name"),
            mentions=mentions,
            since_ms=None if since is None else parse_when(since),
            until_ms=None if until is None else parse_when(until),
            where=checked,
            query=None if query is None else border.check_text(query, "query", limits.QUERY_CHARS),
            limit=border.check_count(limit, "limit", limits.LIMIT_HITS),
        )
        if selection.is_empty:
            raise InvalidField(
                "Nothing says what to forget; give ids or a condition. Nothing was forgotten. "
                "Ids come from recall, remember and export."
            )
        return selection

    def preview(self, selection: Selection) -> ForgetPreview:
        """What a forget would erase."""
        with self._ledger.store.reading() as reader:
            chosen, mentioned = self._choose(reader, selection)
            held = falling(reader, chosen)
            records = _records(reader, held)
            naming = _records(reader, mentioned)
        selected = tuple(record for holding, record in records if holding.id in chosen)
        derived = tuple(record for holding, record in records if holding.id not in chosen)
        return ForgetPreview(
            selected=selected,
            derived=derived,
            mentions=tuple(record for _, record in naming),
            by_kind=dict(Counter(record.kind.name.lower() for _, record in records)),
            needs_confirmation=_why_confirm(selection, len(records)),
            token=_token(holding.id for holding, _ in records),
        )

    def forget(self, selection: Selection, *, reason: str | None, confirm: str | None) -> ForgetReceipt:
        """Erase what is selected and what was derived from it.

        Raises:
            NotFound, ConfirmationNeeded.
        """
        receipt = self._ledger.new_id()
        text = None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS)
        with self._ledger.store.reading() as reader:
            chosen, _ = self._choose(reader, selection)
        command = Forget(tuple(chosen), receipt, self._actor, text)
        erased = list[str]()

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], Forgotten]:
            drafts, done = forget(view, command, secret)
            going = (*done.asked, *done.derived)
            why = _why_confirm(selection, len(going))
            if why and confirm != _token(going):
                raise ConfirmationNeeded(
                    f"{why} Nothing was forgotten; look at the preview and pass its token as confirm"
                    f"{'' if confirm is None else ' (the one given stands for another set of memories)'}."
                )
            erased[:] = receipts.texts(view, going[:SCAN_TEXTS])
            return drafts, done

        done, events = self._ledger.write_events(decide)
        clear_term_cache()
        # Also where nothing was left to erase: an earlier call may have died before it came to this.
        emptied = self._ledger.store.truncate_log()
        if not events:
            return self._nothing_left(receipt, text, done, _pending(emptied))
        found = receipts.read(events[-1])
        return receipts.as_given(found, _pending(emptied), self._look_for(erased))

    def receipts(self) -> list[ForgetReceipt]:
        """Every receipt of the space, oldest first."""
        with self._ledger.store.reading() as reader:
            return [receipts.read(event) for event in reader.receipts()]

    def receipt(self, receipt: str) -> ForgetReceipt:
        """One receipt, as it was recorded.

        Raises:
            NotFound: there is none with that id.
        """
        wanted = parse_id(receipt)
        with self._ledger.store.reading() as reader:
            for event in reader.receipts():
                if event.header.other == wanted:
                    return receipts.read(event)
        raise NotFound(f"There is no receipt {receipt} in this space.")

    def verify(self, kept: ForgetReceipt | Proof | str) -> Verification:
        """Whether a receipt, or the one of that id, says what is so; or whether a proof still holds."""
        if isinstance(kept, Proof):
            return self._verify_proof(kept)
        receipt = self.receipt(kept) if isinstance(kept, str) else kept
        store = self._ledger.store
        emptied = True if store.read_only else store.truncate_log()
        with store.reading() as reader:
            problems = list(receipts.differences(receipt, reader.receipts()))
            problems += chain_problems(all_events(reader))
            ids = [parse_id(one) for one in (*receipt.forgotten, *receipt.derived)]
            problems += receipts.left_of(reader, ids, parse_id(receipt.id))
            counted = reader.head().seq
        return Verification(tuple(problems), _pending(emptied), {"memories": len(ids), "events": counted}, LIMITS)

    def proof(self) -> Proof:
        """Where every node's chain stands now."""
        with self._ledger.store.reading() as reader:
            heads = sorted(
                (id_text(node), number, chain.hex()) for node, (number, chain) in reader.node_heads().items()
            )
            return Proof(id_text(reader.head().space), tuple(heads))

    def _verify_proof(self, proof: Proof) -> Verification:
        """Whether the journal still passes through the heads that were kept."""
        with self._ledger.store.reading() as reader:
            problems = chain_problems(all_events(reader))
            problems += receipts.missing_heads(proof, all_events(reader), id_text(reader.head().space))
            counted = reader.head().seq
        return Verification(tuple(problems), None, {"events": counted, "heads": len(proof.heads)}, ())

    def _choose(self, reader: Reader, selection: Selection) -> tuple[dict[Id, None], dict[Id, Holding]]:
        """Ids that meet every condition, and memories that only mention the subject."""
        chosen: dict[Id, None] | None = None
        mentioned: dict[Id, Holding] = {}
        if selection.ids:
            chosen = dict.fromkeys(Id(one) for one in selection.ids)
        if selection.where or selection.since_ms is not None or selection.until_ms is not None:
            ns = reader.select(selection.where, selection.since_ms, selection.until_ms, superseded=True)
            chosen = _both(chosen, _ids(reader, ns))
        if selection.query is not None:
            chosen = _both(chosen, [parse_id(one) for one in self._find(selection.query, selection.limit)])
        if selection.about is not None:
            noted, mentioned = _about(reader, selection.about)
            wanted = [*noted, *mentioned] if selection.mentions else noted
            chosen = _both(chosen, wanted)
            mentioned = {} if selection.mentions else mentioned
        return chosen or {}, mentioned

    def _nothing_left(self, receipt: Id, reason: str | None, done: Forgotten, pending: str | None) -> ForgetReceipt:
        with self._ledger.store.reading() as reader:
            head = reader.head()
        return ForgetReceipt(
            id=id_text(receipt), space=id_text(head.space), node=id_text(head.node), node_seq=head.node_seq,
            at_ms=self._ledger.clock.now_ms(), actor=self._actor, reason=reason, forgotten=(), derived=(),
            already=tuple(map(id_text, done.already)), payloads=0, vectors=0, chain="", pending=pending,
        )  # fmt: skip

    def _look_for(self, texts: Sequence[str]) -> tuple[int, int]:
        if self._ledger.store.size_bytes() > SCAN_BYTES:
            return 0, 0
        return self._ledger.store.residue(texts), len(texts)


def _both(chosen: dict[Id, None] | None, more: Iterable[Id]) -> dict[Id, None]:
    if chosen is None:
        return dict.fromkeys(more)
    wanted = set(more)
    return {one: None for one in chosen if one in wanted}


def _ids(reader: Reader, ns: Sequence[int]) -> list[Id]:
    current = reader.current(ns)
    return [current[n][0].id for n in ns if n in current]


def _about(reader: Reader, name: str) -> tuple[list[Id], dict[Id, Holding]]:
    """Ids of what was said by or noted about a name, and the memories whose text alone holds it."""
    names = [known for known in reader.names() if known.casefold() == name.casefold()]
    fields = ("author", "subject") if names else ()
    found = [reader.select({field: names}, None, None, superseded=True) for field in fields]
    noted = dict.fromkeys(_ids(reader, [n for ns in found for n in ns]))
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    mentioned: dict[Id, Holding] = {}
    after = 0
    while ns := reader.held(after, PAGE):
        after = ns[-1]
        for holding, event in reader.current(ns).values():
            content = decode_content(event)
            if content and holding.id not in noted and word.search(f"{content.text} {content.caption or ''}"):
                mentioned[holding.id] = holding
    return list(noted), mentioned


def _records(reader: Reader, held: Mapping[Id, Holding]) -> list[tuple[Holding, Record]]:
    current = reader.current([holding.n for holding in held.values()])
    found = list[tuple[Holding, Record]]()
    for n in sorted(current):
        holding, event = current[n]
        content = decode_content(event)
        if content:
            found.append((holding, record_of(event, content, holding.closed_by, holding.closed_ms)))
    return found


def _why_confirm(selection: Selection, count: int) -> str | None:
    if count > MOST_UNCONFIRMED:
        return f"This would forget {count:,} memories, more than {MOST_UNCONFIRMED} at once."
    if count and selection.is_fuzzy:
        return "What is selected by a question or by a name in a text is a guess."
    return None


def _token(ids: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(ids))).hexdigest()[:16]


def _pending(emptied: bool) -> str | None:
    if emptied:
        return None
    return "another reader still holds the write-ahead log; its bytes are overwritten when that is done"
