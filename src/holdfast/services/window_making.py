"""Making the pieces of a window: which turns one is of, what it says of them, and keeping it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from holdfast.core.decide import Take
from holdfast.core.derived import trusted
from holdfast.core.naming import Write, generation, named_id, write
from holdfast.core.view import View
from holdfast.core.window import run_of
from holdfast.core.window_costs import Entry
from holdfast.core.window_pieces import NOTHING_SAID, Piece, cut_to, joined_tokens, piece_body, piece_tokens
from holdfast.errors import Refused, VersionConflict
from holdfast.model.events import Draft
from holdfast.model.ids import Id, id_text
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record
from holdfast.model.tokens import Count
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering
from holdfast.services.summarising import EXTRACTIVE, Summarising, SummaryText
from holdfast.services.touches import Touches
from holdfast.services.window_state import Conversation, Held, records_of


@dataclass(frozen=True, slots=True)
class Making:
    """A piece that is to be made.

    Attributes:
        records: What it is to sum up; empty where it is not summed up.
        room: The tokens of its text.
        version: Of what is held at its place, 0 for nothing.
        stale: Id of what is held at its place and stands for nothing any more; it goes first, with all its versions.
        start, end: The places of its messages in the session.
    """

    piece: Piece
    sources: tuple[str, ...]
    version: int
    records: Sequence[Record] = ()
    room: int = 0
    start: int = 0
    end: int = 0
    stale: Id | None = None


class PieceMaking:
    """Makes the pieces of the sessions of one space.

    Args:
        summarising: Sums up what is evicted.
        count: Counts the tokens of a text.
    """

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        forgetting: Forgetting,
        touches: Touches,
        summarising: Callable[[], Summarising],
        count: Count,
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting
        self._touches = touches
        self._summarising = summarising
        self._count = count

    def run(
        self, reader: Reader, held: Conversation, series: str, index: int, entries: Sequence[Entry], *, is_told: bool
    ) -> Making:
        """A run of messages, in order, at least one; with its words where it is to be summed up."""
        run = run_of(entries)
        system = [entry for entry in entries if entry.is_system]
        ends = [held.places[entry.n] for entry in entries]
        piece = Piece(
            session=held.session, series=series, level=0, index=index, first=entries[0].id, through=entries[-1].id,
            messages=run.messages, tokens=run.tokens, since_ms=entries[0].at_ms, until_ms=entries[-1].at_ms,
            system=tuple(one.id for one in system), system_tokens=sum(one.tokens for one in system),
        )  # fmt: skip
        records = records_of(reader, entries) if is_told else ()
        sources = tuple(entry.id for entry in entries)
        record, version = self._standing(reader, piece)
        room, stale = piece_tokens(run.tokens), record if version else None
        return Making(piece, sources, version, records, room, min(ends), max(ends) + 1, stale)

    def joined(self, reader: Reader, under: Sequence[Held], level: int, index: int) -> Making:
        """What joins some pieces, in order, at least one."""
        first, last = under[0].piece, under[-1].piece
        piece = Piece(
            session=first.session, series=first.series, level=level, index=index, first=first.first,
            through=last.through, messages=sum(one.piece.messages for one in under),
            tokens=sum(one.piece.tokens for one in under), since_ms=first.since_ms, until_ms=last.until_ms,
        )  # fmt: skip
        record, version = self._standing(reader, piece)
        room = joined_tokens(sum(self._count(one.text) for one in under))
        sources = tuple(one.id or "" for one in under)
        return Making(
            piece,
            sources,
            version,
            [record_of_piece(one) for one in under if one.piece.by],
            room,
            stale=record if version else None,
        )

    def _standing(self, reader: Reader, piece: Piece) -> tuple[Id | None, int]:
        """What is held at its place, and its version."""
        try:
            return generation(reader, self._ids(piece.name))
        except VersionConflict:
            return None, 0  # of a place that was forgotten too often, the window is shown all the same

    def written(self, making: Making, troubles: dict[str, None], *, by_model: bool) -> SummaryText:
        """The text of a piece; asked of the model outside of any transaction."""
        if not making.records:
            return SummaryText(NOTHING_SAID, "")
        made = self._summarising().summarise(making.records, making.room, dated=False, by_model=by_model)
        if made.why:
            troubles[made.why] = None
        if made.text.strip():
            return made
        last = cut_to(making.records[-1].entry, making.room, self._count)
        return SummaryText(last or NOTHING_SAID, EXTRACTIVE, made.why)

    def _contents(self, making: Making, made: SummaryText) -> Content:
        """What is kept of it, as the policy lets it be; a neutral line where it lets nothing be."""
        piece = replace(making.piece, by=made.by or None)
        content = Content(
            kind=Kind.WINDOW, text=made.text, valid_from=piece.until_ms, session=piece.session,
            sources=making.sources, origin=Origin.INFERRED, trust=TRUST_OF_ORIGIN[Origin.INFERRED],
            actor=self._remembering.actor, body=piece_body(piece),
        )  # fmt: skip
        try:
            judged = self._remembering.judged(Take(content, Id(bytes(16)))).content
        except Refused:
            judged = replace(content, quarantined=True)
        if not judged.quarantined:
            return judged
        told = f"({piece.messages:,} messages, of which no summary may be kept)"
        return replace(content, text=told, quarantined=False)

    def write_all(self, making: Sequence[Making], made: Sequence[SummaryText]) -> int:
        """Keep pieces, all in one durable write; gives how many were.

        Raises:
            VersionConflict: somebody else made one of them.
            NotFound: one of the sources was forgotten.
        """
        contents = [self._contents(one, text) for one, text in zip(making, made, strict=True)]

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], None]:
            drafts = list[Draft]()
            for one, content in zip(making, contents, strict=True):
                take = trusted(view, Take(content, Id(bytes(16))), {}, imported=False)
                command = Write(one.piece.name, self._ids(one.piece.name), take.content, one.version)
                drafts += write(view, command, secret)[0]
            return drafts, None

        _, events = self._ledger.write_events(decide)
        self._touches.written(len(events))
        return len(events)

    def erase_stale(self, making: Sequence[Making]) -> bool:
        """Erase what stands at these places for nothing, such as a summary of what expired; whether there was some.

        A further version of it would leave the words of the one before, and not go with what they were derived from.
        """
        stale = [one.stale for one in making if one.stale is not None]
        if stale:
            because = "a window's summary is made anew"
            self._forgetting.erase(stale, actor=self._remembering.actor, reason=because, bars=False)
        return bool(stale)

    def _ids(self, name: str) -> Callable[[int], Id]:
        return lambda number: named_id(self._ledger.secret, Kind.WINDOW, name, number)

    def hold(self, held: Conversation, making: Sequence[Making], made: Sequence[SummaryText]) -> None:
        """Have pieces that could not be written in memory, for as long as the session is there."""
        for one, text in zip(making, made, strict=True):
            content = self._contents(one, text)
            piece = replace(one.piece, by=text.by or None)
            kept = Held(piece, content.text, None, 0, one.start, one.end, frozenset(one.sources))
            for expires_at in (content.expires_at, *(record.expires_at for record in one.records)):
                held.until(expires_at)
            series = held.of(piece.series)
            if piece.level:
                series.joined[piece.level, piece.index] = kept
            else:
                series.runs[piece.index] = kept
            series.settle()


def record_of_piece(held: Held) -> Record:
    """A piece as what is summed up."""
    piece = held.piece
    return Record(
        kind=Kind.WINDOW, text=held.text, valid_from=piece.since_ms, session=piece.session, origin=Origin.INFERRED,
        id=held.id or id_text(Id(bytes(16))), version=max(held.version, 1), recorded_at=piece.until_ms,
    )  # fmt: skip
