"""What is remembered: the content of a memory and the record that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

from holdfast.model.verdict import Verdict

Scalar = str | int | float | bool
"""What an attribute may hold."""

_NOTHING: Mapping[str, Scalar] = MappingProxyType({})


class Kind(IntEnum):
    """What sort of memory it is; the numbers are stored."""

    TURN = 1
    """An episode: something said in a session, never edited."""
    FACT = 2
    """A dated claim, superseded when it stops being true."""
    RECALL = 3
    """A recall that was kept on request, with what it returned."""
    EXPECTATION = 4
    """What a question must bring back: the user's own test."""
    BLOCK = 5
    """Bounded text that stands in the prompt, known by its label."""
    PROCEDURE = 6
    """A reusable how-to, known by its name: what triggers it, what it needs, and its steps."""
    TRIAL = 7
    """How one use of a procedure went."""
    INTENTION = 8
    """Something to bring up later: at a time, after an event, or when a condition holds."""
    SESSION = 9
    """What is known of one conversation beside what was said in it: who takes part, and whether it was closed."""
    TOOL_CALL = 10
    """An episode: a message in which tools are called, or give their results."""
    DECISION = 11
    """An episode: what was decided, and why."""
    ERROR = 12
    """An episode: what went wrong."""
    OUTCOME = 13
    """An episode: how something ended, such as what resolved an error."""
    EVENT = 14
    """An episode: something else that happened."""
    SUMMARY = 15
    """An episode: what a stretch of a session came to, derived from its turns."""
    FILE = 16
    """Text that an agent keeps for itself, known by its path."""
    WINDOW = 17
    """What the older part of a session comes to where it does not fit into a prompt, derived from its turns."""
    ITEM = 20
    """A JSON value under a namespace and a key; what it is found by is kept as facts derived from it."""
    CHECKPOINT = 21
    """The state of a thread of a graph after a step, without the values of its channels."""
    CHANNEL = 22
    """The value of one channel of a thread in one version."""
    TASK_WRITES = 23
    """What one task wrote to the channels of a thread after a checkpoint."""

    @property
    def is_aside(self) -> bool:
        """It stands beside the memories and is none: held, exported and forgotten, never recalled or listed."""
        return self in _ASIDE

    @property
    def is_episode(self) -> bool:
        """Something that was said or happened, never edited, as against a claim that holds for a while."""
        return self in _EPISODES

    @property
    def is_state(self) -> bool:
        """It stands aside, there may be very many of it, and it is read one at a time, by its name."""
        return self in _STATE


_STATE = frozenset((Kind.ITEM, Kind.CHECKPOINT, Kind.CHANNEL, Kind.TASK_WRITES))
_ASIDE = _STATE | frozenset(
    (Kind.RECALL, Kind.EXPECTATION, Kind.BLOCK, Kind.PROCEDURE, Kind.TRIAL, Kind.INTENTION, Kind.SESSION, Kind.FILE,
     Kind.WINDOW)
)  # fmt: skip
_EPISODES = frozenset((Kind.TURN, Kind.TOOL_CALL, Kind.DECISION, Kind.ERROR, Kind.OUTCOME, Kind.EVENT, Kind.SUMMARY))


class Role(IntEnum):
    """Who spoke, in the sense of chat messages; the numbers are stored."""

    NONE = 0
    USER = 1
    ASSISTANT = 2
    SYSTEM = 3
    TOOL = 4


class Origin(IntEnum):
    """Where a memory came from; written once, never changed; the numbers are stored."""

    USER = 1
    AGENT = 2
    TOOL = 3
    DOCUMENT = 4
    INFERRED = 5
    RECALLED = 6


class Trust(IntEnum):
    """What a memory may be used for; anything derived has the least trust of its sources."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


TRUST_OF_ORIGIN: Mapping[Origin, Trust] = MappingProxyType(
    {
        Origin.USER: Trust.HIGH,
        Origin.AGENT: Trust.MEDIUM,
        Origin.TOOL: Trust.LOW,
        Origin.DOCUMENT: Trust.LOW,
        Origin.INFERRED: Trust.MEDIUM,
        Origin.RECALLED: Trust.NONE,
    }
)

CATEGORIES = (
    "identity", "contact", "preference", "instruction", "relationship", "health", "finance", "work",
    "education", "place", "travel", "event", "plan", "goal", "possession", "skill", "opinion", "habit", "other",
)  # fmt: skip
"""The categories a fact may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was recorded. Everything here is erased when the memory is forgotten.

    Attributes:
        text: The words, 1 to `limits.TEXT_CHARS` characters.
        role, author, session: Who said it, under which name, in which conversation.
        caption: Description of something shared along with it, such as a picture.
        subject, predicate, object, category: What a fact is about.
        source: Where it came from, in the caller's words: a document, a form, a file and line.
        sources: Ids of the memories it was derived from.
        actor: The principal that wrote it.
        confidence, importance: 0 to 1.
        valid_from, valid_to: When it is true in the world (for a turn: when it was said), in
            milliseconds since the epoch; ``valid_to`` is exclusive, None means still true.
        arguments: Keyed digest of the caller's arguments, where an idempotency key was given.
        marks: Classes of sensitive content that a policy found in it, such as ``medical``.
        quarantined: It is kept apart: never recalled and not listed, unless that is asked for.
        expires_at: From when on it is as good as forgotten, milliseconds since the epoch; None for never.
        replaces: Id of the memory of which it is what a changed policy let be kept.
        body: What belongs to it beside its text, as canonical JSON; which kinds have one, and what may stand
            there, says `holdfast.core.bodies`.
    """

    kind: Kind
    text: str
    valid_from: int
    valid_to: int | None = None
    role: Role = Role.NONE
    author: str | None = None
    session: str | None = None
    caption: str | None = None
    subject: str | None = None
    predicate: str | None = None
    object: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Scalar] = field(default_factory=lambda: _NOTHING)
    source: str | None = None
    sources: tuple[str, ...] = ()
    origin: Origin = Origin.USER
    trust: Trust = Trust.HIGH
    actor: str = "owner"
    confidence: float = 1.0
    importance: float = 0.5
    arguments: str | None = None
    marks: tuple[str, ...] = ()
    quarantined: bool = False
    expires_at: int | None = None
    replaces: str | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Content):
    """One version of a memory, as stored.

    Attributes:
        id: Dashed UUID text.
        version: 1 for the first, one more for each revision.
        recorded_at: When the system took in this version, milliseconds since the epoch.
        superseded_by: Id of the memory that replaced it, or None while it holds.
        superseded_at: When that happened, milliseconds since the epoch.
        verdict, reasons: What the policy decided and why, on what a write gives back; None and empty otherwise.
    """

    id: str
    version: int
    recorded_at: int
    superseded_by: str | None = None
    superseded_at: int | None = None
    verdict: Verdict | None = field(default=None, compare=False)
    reasons: tuple[str, ...] = field(default=(), compare=False)

    @property
    def entry(self) -> str:
        """The line that is indexed and embedded: author, text and what was shared with it."""
        return entry_text(self.author, self.text, self.caption)


def entry_text(author: str | None, text: str, caption: str | None = None) -> str:
    """``"{author}: {text} [shares {caption}]"``, each part only where there is one."""
    line = f"{author}: {text}" if author else text
    return f"{line} [shares {caption}]" if caption else line
