"""The judgement a policy makes of a text: kept, kept with labels, kept apart, or refused; and why.

Redaction is repeated until the detectors find nothing more of what is to be redacted, because what is left
can look like something new once its neighbour is gone. A text that does not come to rest is refused: in
doubt, nothing is kept rather than a secret.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from holdfast.core.policy.scan import scan
from holdfast.model.policy import Action, Finding, Judgement, Keep, Policy, Sensitive, Verdict
from holdfast.model.records import TRUST_OF_ORIGIN, Origin, Trust

LABELS: Mapping[Sensitive, str] = MappingProxyType({one: f"[{one}]" for one in Sensitive})
"""What stands in place of what was redacted."""
_ORDER = {one: number for number, one in enumerate(Sensitive)}
_ROUNDS = 8
WEIGHT = {Action.STORE: 0, Action.MARK: 1, Action.QUARANTINE: 2, Action.REDACT: 3, Action.REFUSE: 4}
"""How strict each action is."""
_DONE = {
    Action.REFUSE: "Refused because of",
    Action.REDACT: "Redacted",
    Action.QUARANTINE: "Quarantined because of",
    Action.MARK: "Kept, with",
}
_PLACES_NAMED = 3
_NEAREST = 8

Span = tuple[int, int, Sensitive]


def judge(text: str, *, category: str | None = None, origin: Origin, policy: Policy) -> Judgement:
    """Decide what becomes of a text.

    Args:
        text: Any text.
        category: The category of the fact it states, None for what has none, such as a turn.
        origin: Where it comes from. Orders to the assistant are looked for only where the origin has
            little trust (tool, document, recalled): people may say what they like.
        policy: What may be kept.
    """
    retention = policy.retention(category)
    if retention.keep is Keep.NEVER:
        named = f"facts of the category {category}" if category else "texts without a category"
        return Judgement(Verdict.REFUSED, "", (f"Refused: the policy never keeps {named}.",))
    classes = classes_for(origin, policy)
    findings = resolve(scan(text, classes), policy)
    actions = {policy.action(one.detector) for one in findings}
    if Action.REFUSE in actions:
        return Judgement(Verdict.REFUSED, "", _reasons(findings, policy), tuple(findings))
    kept = text
    if Action.REDACT in actions:
        redacted = redact(text, findings, [one for one in classes if policy.action(one) is Action.REDACT], policy)
        if redacted is None:
            reason = "Refused: redacting did not come to an end."
            return Judgement(Verdict.REFUSED, "", (reason, *_reasons(findings, policy)), tuple(findings))
        kept, findings = redacted
        actions = {policy.action(one.detector) for one in findings}
        if Action.REFUSE in actions:
            return Judgement(Verdict.REFUSED, "", _reasons(findings, policy), tuple(findings))
    verdict = (
        Verdict.QUARANTINED
        if Action.QUARANTINE in actions
        else Verdict.REDACTED
        if Action.REDACT in actions
        else Verdict.STORED
    )
    return Judgement(verdict, kept, _reasons(findings, policy), tuple(findings), retention.ttl_ms)


def classes_for(origin: Origin, policy: Policy) -> tuple[Sensitive, ...]:
    """The classes that are looked for in a text of that origin: those the policy does something about."""
    untrusted = TRUST_OF_ORIGIN[origin] <= Trust.LOW
    return tuple(
        one
        for one in Sensitive
        if policy.action(one) is not Action.STORE and (untrusted or one is not Sensitive.INJECTION)
    )


def resolve(findings: Iterable[Finding], policy: Policy) -> list[Finding]:
    """Findings without those that lie inside another that weighs as much or more, in order of place.

    The weightier action wins, then the class that comes first in `Sensitive`, then the longer, then the
    surer. Findings that overlap in part are both kept, so that no character of either escapes. An order to
    the assistant is a whole sentence and takes nothing in.
    """
    ranked = sorted(
        findings,
        key=lambda one: (
            -WEIGHT[policy.action(one.detector)],
            _ORDER[one.detector],
            one.start - one.end,
            -one.score,
            one.label,
        ),
    )
    kept: list[Finding] = []
    reach = _Cover()
    for one in ranked:
        if one.detector is Sensitive.INJECTION:
            kept.append(one)
        elif not reach.holds(one.start, one.end):
            kept.append(one)
            reach.add(one.start, one.end)
    return sorted(kept, key=lambda one: (one.start, one.end, one.detector, one.label))


class _Cover:
    """Spans by place, to ask whether one of them holds another.

    Looks at the nearest spans before a place only; should a farther one hold it, one finding too many is
    kept, which changes nothing of what is redacted.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._furthest: dict[int, int] = {}

    def add(self, start: int, end: int) -> None:
        if start not in self._furthest:
            insort(self._starts, start)
        self._furthest[start] = max(end, self._furthest.get(start, 0))

    def holds(self, start: int, end: int) -> bool:
        at = bisect_right(self._starts, start)
        return any(self._furthest[before] >= end for before in self._starts[max(0, at - _NEAREST) : at])


def redact(
    text: str, findings: Sequence[Finding], classes: Collection[Sensitive], policy: Policy
) -> tuple[str, list[Finding]] | None:
    """The text with labels for what is to be redacted, and all findings; None if it does not come to rest."""
    spans = merged((one.start, one.end, one.detector) for one in findings if one.detector in classes)
    everything = list(findings)
    for _ in range(_ROUNDS):
        kept, pieces = _with_labels(text, spans)
        more = [_placed(one, pieces) for one in scan(kept, classes)]
        if not more:
            return kept, resolve(everything, policy)
        wider = merged([*spans, *((one.start, one.end, one.detector) for one in more)])
        if wider == spans:
            return None
        spans, everything = wider, [*everything, *more]
    return None


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that overlap joined under the class that comes first."""
    joined: list[Span] = []
    for start, end, sensitive in sorted(spans):
        if joined and start < joined[-1][1]:
            before = joined[-1]
            joined[-1] = (before[0], max(end, before[1]), min(before[2], sensitive, key=_ORDER.__getitem__))
        else:
            joined.append((start, end, sensitive))
    return joined


Piece = tuple[int, int, int, int, bool]
"""Start and end in the redacted text, start and end in the original, whether it is a label."""


def _with_labels(text: str, spans: Sequence[Span]) -> tuple[str, list[Piece]]:
    parts: list[str] = []
    pieces: list[Piece] = []
    place, length = 0, 0
    for start, end, sensitive in spans:
        for part, first, last in ((text[place:start], place, start), (LABELS[sensitive], start, end)):
            if part:
                parts.append(part)
                pieces.append((length, length + len(part), first, last, first == start))
                length += len(part)
        place = end
    parts.append(text[place:])
    pieces.append((length, length + len(text) - place, place, len(text), False))
    return "".join(parts), pieces


def _placed(one: Finding, pieces: Sequence[Piece]) -> Finding:
    """A finding in the redacted text with its place in the original; a label it touches counts whole."""
    first = pieces[bisect_right(pieces, one.start, key=lambda piece: piece[0]) - 1]
    last = pieces[bisect_right(pieces, one.end - 1, key=lambda piece: piece[0]) - 1]
    start = first[2] if _is_label(first) else first[2] + one.start - first[0]
    end = last[3] if _is_label(last) else last[2] + one.end - last[0]
    return Finding(one.detector, one.label, start, end, one.score)


def _is_label(piece: Piece) -> bool:
    return piece[4]


def _reasons(findings: Sequence[Finding], policy: Policy) -> tuple[str, ...]:
    """One sentence for each class that was found, the weightiest action first; places, never the words."""
    by_class: dict[Sensitive, list[Finding]] = {}
    for one in findings:
        by_class.setdefault(one.detector, []).append(one)
    ranked = sorted(by_class, key=lambda one: (-WEIGHT[policy.action(one)], _ORDER[one]))
    return tuple(
        f"{_DONE[policy.action(one)]} {one} content: {_what(by_class[one])}."
        for one in ranked
        if policy.action(one) in _DONE
    )


def _what(findings: Sequence[Finding]) -> str:
    """``2 GitHub token (at 10-50, 60-100), 1 password (at 70-80)``."""
    counts = Counter(one.label for one in findings)
    said: list[str] = []
    for label, count in counts.items():
        places = [f"{one.start}-{one.end}" for one in findings if one.label == label]
        more = ", …" if count > _PLACES_NAMED else ""
        said.append(f"{count} {label} (at {', '.join(places[:_PLACES_NAMED])}{more})")
    return ", ".join(said)
