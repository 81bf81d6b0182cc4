"""What is to be forgotten, what was, and whether it stays so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.model.filters import EVERYTHING, Filter
from holdfast.model.records import Record

SURFACES = (
    "payloads", "vectors", "rows", "terms", "tags", "marks", "expiries", "derivations", "waiting", "touches",
    "working",
)  # fmt: skip
"""Where a memory leaves something that a forget erases, as receipts count it: payloads of its events, vectors, rows
of the projection with their labels, term counts, tags, classes of sensitive content, dates of expiry, links to its
sources, places among those that wait for a vector, counts of who was given it, and the
working memory of its session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which memories a forget is about: those that meet every condition given.

    Attributes:
        ids: These memories.
        about: Those said by, or noted about, the person or thing of that name.
        mentions: With ``about``, also those whose text holds the name as words of its own.
        since_ms, until_ms: Said, or true, from and before these times; milliseconds since the epoch.
        where: What their fields must say.
        query: The memories that a recall of this finds, ``limit`` at most.
    """

    ids: tuple[bytes, ...] = ()
    about: str | None = None
    mentions: bool = False
    since_ms: int | None = None
    until_ms: int | None = None
    where: Filter = EVERYTHING
    query: str | None = None
    limit: int = 10

    @property
    def is_empty(self) -> bool:
        """No condition at all: it would mean everything."""
        timed = self.since_ms is not None or self.until_ms is not None
        return not (self.ids or self.about or self.where != EVERYTHING or self.query or timed)

    @property
    def is_fuzzy(self) -> bool:
        """It rests on a judgement, which a person should see before it is carried out."""
        return self.mentions or self.query is not None


@dataclass(frozen=True, slots=True)
class ForgetPreview:
    """What a forget would erase; nothing has been erased.

    Attributes:
        selected: The memories that meet the conditions, oldest first, superseded ones too.
        derived: Those that fall with them because they were made from them.
        mentions: Those that only name the subject in their text; they go with ``mentions=True`` alone.
        questions: Kept recalls and expectations that quote what would go; they stay unless they are selected too.
        by_kind: Counts of what would go.
        needs_confirmation: Why ``token`` must be given to carry it out, in words; None where it need not.
        token: Stands for exactly this set of memories.
    """

    selected: tuple[Record, ...]
    derived: tuple[Record, ...]
    mentions: tuple[Record, ...]
    by_kind: Mapping[str, int]
    needs_confirmation: str | None
    token: str
    questions: tuple[Record, ...] = ()

    def __len__(self) -> int:
        return len(self.selected) + len(self.derived)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReceipt:
    """What a forget erased; recorded in the journal's chain and checked by `Memory.verify`.

    Attributes:
        id: The receipt's own id; every tombstone names it.
        space, node, node_seq: Where in which chain it stands.
        at_ms: When, milliseconds since the epoch.
        actor, reason: Who asked for it, and why, in the caller's words.
        forgotten: Ids of the memories that were selected.
        derived: Ids of those that fell with them because they were made from them.
        already: Ids that had been forgotten before; nothing was left to erase.
        payloads, vectors: How many payloads of the journal and how many vectors were erased.
        surfaces: How much was erased where, those two included; see `SURFACES`. Empty where nothing was left, and in
            receipts of releases that did not count it.
        chain: The node's chain value after the receipt, as hexadecimal digits; empty where nothing was left
            to erase and so nothing was recorded.
        pending: Why erased bytes may still be in the files, in words; None when they are overwritten.
            Not part of what is recorded: it may change, and `Memory.verify` says anew.
        residue: Erased texts of which bytes were found in the space's files after the forget, and how many
            texts were looked for; (0, 0) where the files were too large to be read through at once.
        index_vectors: Vectors that were overwritten in the index of vectors, which a large space has beside it or in
            memory. Not part of what is recorded.
        recorded_again: The node that recorded it a second time, because a backup from before it was restored;
            its place and chain value are those of the first time. None otherwise.
    """

    id: str
    space: str
    node: str
    node_seq: int
    at_ms: int
    actor: str
    reason: str | None
    forgotten: tuple[str, ...]
    derived: tuple[str, ...]
    already: tuple[str, ...]
    payloads: int
    vectors: int
    chain: str
    pending: str | None = None
    residue: tuple[int, int] = (0, 0)
    index_vectors: int = 0
    recorded_again: str | None = None
    surfaces: Mapping[str, int] = field(default_factory=dict[str, int], hash=False)


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether what a receipt says is so.

    Attributes:
        problems: What is not as the receipt says, in words; empty when all of it holds.
        pending: Why erased bytes may still be in the files; None when they are overwritten.
        checked: What was looked at, and how many of each.
        limits: What no check of this space can show.
    """

    problems: tuple[str, ...]
    pending: str | None
    checked: Mapping[str, int]
    limits: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.problems and self.pending is None


@dataclass(frozen=True, slots=True)
class Proof:
    """The heads of every node's chain: keep it elsewhere, and no event before it can change unseen.

    Attributes:
        heads: Per node its id, the number of its newest event and its chain value, as hexadecimal digits.
    """

    space: str
    heads: tuple[tuple[str, int, str], ...]


LIMITS = (
    "copies that were exported, backed up or taken of the files before",
    "what other systems, providers or people were shown",
    "blocks that a drive remapped or a file system snapshot keeps",
    "devices that hold this space and have not been synchronised since",
)
"""What forgetting does not reach, said in every verification."""
