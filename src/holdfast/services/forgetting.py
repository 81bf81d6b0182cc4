"""Forgetting: select, show, erase, look for what is left, and prove it afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from holdfast.core import border, receipts
from holdfast.core.decide import Forget, Forgotten, forget
from holdfast.core.erasing import barring, falling, reach
from holdfast.core.filters import every
from holdfast.core.lexical import clear_term_cache
from holdfast.core.policy.admit import admit_words
from holdfast.core.query import clear_name_cache
from holdfast.core.view import View
from holdfast.errors import Closed, ConfirmationNeeded, InvalidField, NotFound, StoreError
from holdfast.model import limits
from holdfast.model.access import OWNER
from holdfast.model.erasure import LIMITS, ForgetPreview, ForgetReceipt, Proof, Selection, Verification
from holdfast.model.events import Draft
from holdfast.model.filters import Condition, Op, Where
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.times import When, parse_when
from holdfast.ports.store import Reader, SpaceStore
from holdfast.ports.working import WorkingStore
from holdfast.services.chains import journal_problems
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.pacing import Pace
from holdfast.services.past import PASTS
from holdfast.services.remembering import Remembering
from holdfast.services.selecting import choose, quoting_questions, records_of
from holdfast.services.touches import Touches

MOST_UNCONFIRMED = 100
"""Memories that one call may forget without a token."""
MANY = 64
"""Memories from which on a forget gets ready before it locks the space."""
REMOVED = "removed at its source"
"""The reason in receipts of what an import forgot because its source no longer has it."""
DELETED = "deleted on a page"
"""Before the export's name, the reason in receipts of what somebody deleted from its pages."""
SCAN_BYTES = 64 << 20
"""Bytes read in search of erased texts after a forget, a text at a time: so that one forget stays quick."""
SCAN_TEXTS = 200
"""Erased texts that are looked for in the files."""


class Forgetting:
    """Erases memories of one space.

    Args:
        find: Gives the ids that a recall of a query finds.
        remembering: Has the policy under which a reason is kept.
        touches: Told of what is shown and of each forget.
    """

    def __init__(
        self,
        ledger: Ledger,
        index: LiveIndex,
        actor: str,
        find: Callable[[str, int], list[str]],
        remembering: Remembering,
        touches: Touches,
    ) -> None:
        self._ledger = ledger
        self._index = index
        self._actor = actor
        self._find = find
        self._remembering = remembering
        self._touches = touches
        self.elsewhere: WorkingStore | None = None
        """Working memory that is not in the space's file, and must be told what was forgotten."""
        self.let_go: list[Callable[[Sequence[Id]], None]] = []
        """Told what was forgotten: whoever holds words in memory lets go of them."""

    def selection(
        self,
        ids: Sequence[str],
        *,
        about: str | None,
        mentions: bool,
        session: str | None,
        since: When | None,
        until: When | None,
        where: Where | None,
        query: str | None,
        limit: int,
    ) -> Selection:
        """A caller's conditions, checked.

        Raises:
            InvalidInput: one of them is not acceptable, or there is none.
        """
        checked = border.check_where(where)
        if session is not None:
            named = border.check_label(session, "session")
            checked = every([checked, Condition("session", Op.IN, (named,))])
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
        found = self._recalled(selection)
        with self._ledger.store.reading() as reader:
            chosen, mentioned = choose(reader, selection, found, look_for_mentions=True)
            held, _ = reach(reader, tuple(chosen))
            records = records_of(reader, held)
            naming = records_of(reader, mentioned)
            quoting = quoting_questions(reader, [record for _, record in records])
            quoting = [record for record in quoting if record.id not in {named.id for _, named in naming}]
            total = len(reader.held(0, MOST_UNCONFIRMED + 1))
        self._touches.listed(len(records) + len(naming))
        selected = tuple(record for holding, record in records if holding.id in chosen)
        derived = tuple(record for holding, record in records if holding.id not in chosen)
        return ForgetPreview(
            selected=selected,
            derived=derived,
            mentions=tuple(record for _, record in naming),
            by_kind=dict(Counter(record.kind.name.lower() for _, record in records)),
            needs_confirmation=_why_confirm(selection, len(held), total),
            token=_token(held),
            questions=tuple(quoting),
        )

    def forget(self, selection: Selection, *, reason: str | None, confirm: str | None) -> ForgetReceipt:
        """Erase what is selected and what was derived from it.

        Raises:
            NotFound, ConfirmationNeeded.
            NotAllowed: a block is among it that others write.
            Refused: the policy does not let the reason be kept.
        """
        receipt = self._ledger.new_id()
        text = None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS)
        if text and self._remembering.policy:
            text = admit_words(text, self._remembering.policy)
        found = self._recalled(selection)
        with self._ledger.store.reading() as reader:
            chosen, _ = choose(reader, selection, found, look_for_mentions=selection.mentions)
            total = len(reader.held(0, MOST_UNCONFIRMED + 1))
            guarded = self._guard(reader)

        def refuse(view: View, going: Sequence[Id]) -> None:
            guarded(view, going)
            why = _why_confirm(selection, len(going), total)
            # A token that is given always counts; where nothing is left to forget, a retry may show it again.
            if (why or (going and confirm is not None)) and confirm != _token(going):
                given = "" if confirm is None else " (the one given stands for another set of memories)"
                raise ConfirmationNeeded(
                    f"{why + ' ' if why else ''}Nothing was forgotten; look at the preview and pass its token as "
                    f"confirm{given}."
                )

        return self._erase(Forget(tuple(chosen), receipt, self._actor, text), refuse)

    def _guard(self, reader: Reader) -> Callable[[View, Sequence[Id]], None]:
        """What refuses to forget blocks that others write; ``owner`` may forget everything."""
        if self._actor == OWNER:
            return lambda view, going: None
        from holdfast.services.guarding import guard

        return guard(reader, self._actor)

    def _erase(self, command: Forget, refuse: Callable[[View, Sequence[Id]], None]) -> ForgetReceipt:
        """Write a forget, unless ``refuse`` raises at what it takes, and look for what is left."""
        erased, sessions = list[str](), list[str]()

        pace = Pace(self._index.is_wanted)
        command = replace(command, made=self._made(command, pace.step), pause=pace.step)

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], Forgotten]:
            drafts, done = forget(view, command, secret)
            going = (*done.asked, *done.derived)
            refuse(view, going)
            erased[:] = receipts.texts(view, going[:SCAN_TEXTS])
            if self.elsewhere is not None:
                sessions[:] = receipts.sessions(view, going)
            return (*(command.first(view, secret) if command.first else ()), *drafts), done

        done, events = self._ledger.write_events(decide, pace.step)
        PASTS.forgot(self._ledger.store.identity.space, (*done.asked, *done.derived))
        clear_term_cache()
        clear_name_cache()
        for let_go in self.let_go:
            let_go((*done.asked, *done.derived))
        # Also where nothing was left to erase: an earlier call may have died before it came to this.
        pending = empty_log(self._ledger.store)
        index_vectors, blocked = self._scrub((*done.asked, *done.derived, *done.already))
        pending = "; ".join(filter(None, (pending, blocked, self._dropped(sessions)))) or None
        if not (done.asked or done.derived):
            return self._nothing_left(command.receipt, command.reason, done, pending)
        self._touches.forgot()
        return receipts.as_given(receipts.read(events[-1]), pending, self._look_for(erased), index_vectors)

    def _dropped(self, sessions: Sequence[str]) -> str | None:
        """Erase the working memory elsewhere of sessions; why it may still be there, in words, or None."""
        if self.elsewhere is None or not sessions:
            return None
        try:
            self.elsewhere.drop(sessions)
        except StoreError as error:
            return f"the working memory in {self.elsewhere.name} could not be erased ({error})"
        return None

    def _scrub(self, forgotten: Sequence[Id]) -> tuple[int, str | None]:
        """Overwrite vectors in the index of vectors; gives how many, and why they may still be there, in words."""
        try:
            return self._index.scrub(forgotten), None
        except OSError as error:
            return 0, f"the index of vectors beside the space could not be written ({error.strerror})"

    def _made(self, command: Forget, pause: Callable[[], None]) -> dict[int, bytes]:
        """What takes longest of a forget of many, before the space is locked for it: digests by event."""
        if len(command.records) < MANY or not command.bars:
            return {}
        made = dict[int, bytes]()
        with self._ledger.store.reading() as reader:
            ns = [held.n for held in falling(reader, command.records, pause).values()]
            for start in range(0, len(ns), MANY):
                for held, event in reader.current(ns[start : start + MANY]).values():
                    made[held.seq] = barring(event, self._ledger.secret)
                    pause()
        return made

    def remove(self, records: Sequence[Id]) -> ForgetReceipt:
        """Erase memories that are gone at their source, and what was derived from them.

        Nobody asked that they stay forgotten: their words are not kept out, should they come again.
        """
        command = Forget(tuple(records), self._ledger.new_id(), self._actor, REMOVED, bars=False)
        return self._erase(command, lambda view, going: None)

    def why_confirm(self, records: Sequence[Id]) -> str | None:
        """Why erasing these, with what was derived from them, is to be confirmed first; None where it need not be."""
        with self._ledger.store.reading() as reader:
            going = falling(reader, records)
            live = sum(1 for held in going.values() if held.closed_by is None)
            if live and live >= reader.tally().live:
                return "This would forget everything that the space holds."
        return _why_confirm(Selection(ids=tuple(records)), len(going), len(going) + 1)

    def delete(self, records: Sequence[Id], export: str) -> ForgetReceipt:
        """Erase memories whose entries somebody deleted on a page, and what was derived; their words are kept out."""
        return self.erase(records, actor=self._actor, reason=f"{DELETED} ({export})")

    def deleted(self, export: str) -> frozenset[Id]:
        """What was deleted on the pages of an export, without what fell with it."""
        reason = f"{DELETED} ({export})"
        return frozenset(
            parse_id(one) for receipt in self.receipts() if receipt.reason == reason for one in receipt.forgotten
        )

    def erase(
        self, records: Sequence[Id], *, actor: str, reason: str, bars: bool = True, spares: bool = False,
        first: Callable[[View, bytes], Sequence[Draft]] | None = None,
    ) -> ForgetReceipt:  # fmt: skip
        """Erase memories that a policy does not let be kept, and what was derived from them; see `Forget` for how."""
        command = Forget(tuple(records), self._ledger.new_id(), actor, reason, bars=bars, spares=spares, first=first)
        return self._erase(command, lambda view, going: None)

    def removals(self) -> frozenset[Id]:
        """The receipts of `remove`."""
        return frozenset(parse_id(receipt.id) for receipt in self.receipts() if receipt.reason == REMOVED)

    def receipts(self) -> list[ForgetReceipt]:
        """Every receipt of the space, oldest first; one that a restore recorded again is given once."""
        with self._ledger.store.reading() as reader:
            found = dict[str, ForgetReceipt]()
            for event in reader.receipts():
                receipt = receipts.read(event)
                found.setdefault(receipt.id, receipt)
        return list(found.values())

    def receipt(self, receipt: str) -> ForgetReceipt:
        """One receipt, as it was recorded.

        Raises:
            NotFound: there is none with that id.
        """
        wanted = parse_id(receipt)
        with self._ledger.store.reading() as reader:
            event = reader.receipt(wanted)
        if event is None:
            raise NotFound(f"There is no receipt {receipt} in this space.")
        return receipts.read(event)

    def verify(self, kept: ForgetReceipt | Proof | str) -> Verification:
        """Whether a receipt, or the one of that id, says what is so; or whether a proof still holds."""
        if isinstance(kept, Proof):
            return self._verify_proof(kept)
        receipt = self.receipt(kept) if isinstance(kept, str) else border.check_receipt(kept)
        pending = empty_log(self._ledger.store)
        with self._ledger.store.reading() as reader:
            problems = list(receipts.differences(receipt, reader.receipt(parse_id(receipt.id))))
            problems += journal_problems(reader)
            ids = [parse_id(one) for one in (*receipt.forgotten, *receipt.derived, *receipt.already)]
            problems += receipts.left_of(reader, ids)
            problems += self._left_of(ids)
            seen = {"memories": len(ids), "events": reader.head().seq}
        return Verification(tuple(problems), pending, seen, LIMITS)

    def _left_of(self, ids: Sequence[Id]) -> list[str]:
        """What the index of vectors still has of memories, in words."""
        try:
            left = self._index.left_of(ids)
        except OSError as error:
            return [
                f"the index of vectors beside the space cannot be read ({error.strerror}): it may have some of them"
            ]
        if not left:
            return []
        return [f"the index of vectors beside the space still has {left} of them; forget them again"]

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
            heads = receipts.Heads(proof, id_text(reader.head().space))
            problems = journal_problems(reader, heads.passing)
            horizon = reader.horizon()
            problems += heads.problems(horizon.anchors if horizon else {})
            return Verification(tuple(problems), None, {"events": reader.head().seq, "heads": len(proof.heads)}, ())

    def _nothing_left(self, receipt: Id, reason: str | None, done: Forgotten, pending: str | None) -> ForgetReceipt:
        with self._ledger.store.reading() as reader:
            head = reader.head()
        return ForgetReceipt(
            id=id_text(receipt), space=id_text(head.space), node=id_text(head.node), node_seq=head.node_seq,
            at_ms=self._ledger.clock.now_ms(), actor=self._actor, reason=reason, forgotten=(), derived=(),
            already=tuple(map(id_text, done.already)), payloads=0, vectors=0, chain="", pending=pending,
        )  # fmt: skip

    def _recalled(self, selection: Selection) -> list[Id]:
        """What the selection's question finds; asked before a view is opened, since a model may answer slowly."""
        if selection.query is None:
            return []
        return [parse_id(one) for one in self._find(selection.query, selection.limit)]

    def _look_for(self, texts: Sequence[str]) -> tuple[int, int]:
        store = self._ledger.store
        some = texts[: SCAN_BYTES // max(1, store.size_bytes())]
        try:
            return store.residue(some), len(some)
        except StoreError:
            # They are forgotten, and durably; nobody could look for what is left of them.
            return 0, 0


def empty_log(store: SpaceStore) -> str | None:
    """Let erased bytes leave the disk; why they may still be there, in words, or None."""
    try:
        emptied = store.truncate_log()
    except Closed:
        raise
    except StoreError as error:
        # What was asked is done and durable; that its bytes are overwritten is what is still to come.
        return f"emptying the write-ahead log failed ({error})"
    return None if emptied else "another reader still holds the write-ahead log, which is not empty"


def _why_confirm(selection: Selection, count: int, total: int) -> str | None:
    """Why a token is needed to forget so many of all that are held, where it is."""
    if count > MOST_UNCONFIRMED:
        return f"This would forget {count:,} memories, more than {MOST_UNCONFIRMED} at once."
    if count and selection.is_fuzzy:
        return "What is selected by a question or by a name in a text is a guess."
    if count and count >= total and not selection.ids:
        return "This would forget everything that the space holds."
    return None


def _token(ids: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(ids))).hexdigest()[:16]
