"""Admission: what may be kept, for how long, and what became of a text that asked to be.

A policy has two halves. For every class of sensitive content it says what to do where a detector
finds some; for every category of fact it says how long such facts are kept. See
``docs/explanation/admission.md`` for the reasons behind the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from holdfast.errors import InvalidField
from holdfast.model.records import CATEGORIES
from holdfast.model.verdict import Verdict

MOST_TTL_MS = 100 * 365 * 86_400_000
"""The longest stated lifetime, about 100 years: beyond it, say ``always``."""


class Sensitive(StrEnum):
    """A class of content that a policy can treat on its own."""

    CREDENTIAL = "credential"
    """Keys, tokens, passwords, PINs: whoever has it can act as its owner."""
    PAYMENT = "payment"
    """Card numbers and their security codes, IBANs, bank account and routing numbers."""
    IDENTITY = "identity"
    """Numbers given to a person by a state: social security, tax, passport, driving licence."""
    CONTACT = "contact"
    """E-mail, phone, street and public IP addresses."""
    MEDICAL = "medical"
    """Conditions, medicines, treatments."""
    FINANCIAL = "financial"
    """Income, debts, wealth, in figures."""
    INJECTION = "injection"
    """Text that gives orders to the assistant; looked for in what comes from tools and documents only."""


class Action(StrEnum):
    """What to do with a text in which content of a class was found."""

    STORE = "store"
    """Keep it; the class is not even looked for."""
    MARK = "mark"
    """Keep it, and name the class among the reasons."""
    REDACT = "redact"
    """Keep the text with a label in place of what was found."""
    QUARANTINE = "quarantine"
    """Keep it apart: it is never recalled as authority."""
    REFUSE = "refuse"
    """Keep nothing of the text."""


class Keep(StrEnum):
    """Whether facts of a category are kept."""

    ALWAYS = "always"
    FOR_A_WHILE = "for a while"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long facts of a category are kept.

    Attributes:
        keep: Whether they are.
        ttl_ms: For how many milliseconds after they were recorded, 1 to `MOST_TTL_MS`; given exactly
            when they are kept for a while.

    Raises:
        InvalidField: a lifetime is missing, needless or out of range.
    """

    keep: Keep = Keep.ALWAYS
    ttl_ms: int | None = None

    def __post_init__(self) -> None:
        if (self.keep is Keep.FOR_A_WHILE) != (self.ttl_ms is not None):
            raise InvalidField("A lifetime is given exactly where facts are kept for a while.")
        if self.ttl_ms is not None and not 1 <= self.ttl_ms <= MOST_TTL_MS:
            raise InvalidField(f"A lifetime of {self.ttl_ms} ms is out of range; expected 1 to {MOST_TTL_MS:,}.")


ALWAYS = Retention()
NEVER = Retention(Keep.NEVER)

DEFAULT_ACTIONS: Mapping[Sensitive, Action] = MappingProxyType(
    {
        Sensitive.CREDENTIAL: Action.REDACT,
        Sensitive.PAYMENT: Action.REDACT,
        Sensitive.IDENTITY: Action.REDACT,
        Sensitive.CONTACT: Action.STORE,
        Sensitive.MEDICAL: Action.MARK,
        Sensitive.FINANCIAL: Action.MARK,
        Sensitive.INJECTION: Action.QUARANTINE,
    }
)
"""No default refuses: what a person says is not lost because a number stood in it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be kept, and for how long.

    Attributes:
        actions: What to do for each class; a class left out has its default.
        retentions: How long facts of a category are kept, by category.
        otherwise: How long everything else is kept: other categories, and what has none.

    Raises:
        InvalidField: a category that does not exist.
    """

    actions: Mapping[Sensitive, Action] = field(default_factory=lambda: DEFAULT_ACTIONS)
    retentions: Mapping[str, Retention] = field(default_factory=dict[str, Retention])
    otherwise: Retention = ALWAYS

    def __post_init__(self) -> None:
        for category in self.retentions:
            if category not in CATEGORIES:
                raise InvalidField(f"{category!r:.80} is not a category; expected one of: {', '.join(CATEGORIES)}.")
        object.__setattr__(self, "actions", MappingProxyType({**DEFAULT_ACTIONS, **self.actions}))
        object.__setattr__(self, "retentions", MappingProxyType(dict(self.retentions)))

    def action(self, sensitive: Sensitive) -> Action:
        """What to do where content of that class is found."""
        return self.actions[sensitive]

    def retention(self, category: str | None) -> Retention:
        """How long facts of that category are kept."""
        return self.otherwise if category is None else self.retentions.get(category, self.otherwise)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a detector found something; it never holds what was found.

    Attributes:
        detector: The class it belongs to.
        label: What it looks like, in words: ``GitHub token``, ``e-mail address``.
        start, end: Its place in the text that was judged, in characters, ``end`` exclusive.
        score: How sure the detector is, 0 to 1: 1 where a check digit or a complete format agrees,
            less where only the words around it speak for it.
    """

    detector: Sensitive
    label: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a text, and why.

    Attributes:
        verdict: The decision.
        text: What may be kept: the text, the text with labels, or nothing where it was refused.
        reasons: The decision in words, the weightiest first; empty where there was nothing to say. No
            reason repeats what was found.
        findings: What was found, with places in the text as it was given.
        ttl_ms: For how many milliseconds it may be kept, None without limit.
    """

    verdict: Verdict
    text: str
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    ttl_ms: int | None = None
