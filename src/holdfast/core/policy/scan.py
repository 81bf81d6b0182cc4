"""What is in a text: all detectors over its folding, places in the text as given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from holdfast.core.policy.detectors import contact, credentials, financial, identity, injection, medical, payment
from holdfast.core.policy.fold import fold
from holdfast.model.policy import Finding, Sensitive

Detector = Callable[[str], list[Finding]]

DETECTORS: Mapping[Detector, frozenset[Sensitive]] = MappingProxyType(
    {
        credentials.find: frozenset({Sensitive.CREDENTIAL}),
        payment.find: frozenset({Sensitive.PAYMENT}),
        identity.find: frozenset({Sensitive.IDENTITY}),
        contact.find: frozenset({Sensitive.CONTACT}),
        medical.find: frozenset({Sensitive.MEDICAL}),
        financial.find: frozenset({Sensitive.PAYMENT, Sensitive.FINANCIAL}),
        injection.find: frozenset({Sensitive.INJECTION}),
    }
)
"""Every detector with the classes it can find; a new one is a line here."""
EVERY_CLASS = frozenset(Sensitive)


def scan(text: str, classes: Collection[Sensitive] = EVERY_CLASS) -> list[Finding]:
    """Findings of those classes in any text, in order of place, with places in the text as given."""
    folded = fold(text)
    found: list[Finding] = []
    for detector, finds in DETECTORS.items():
        if finds.isdisjoint(classes):
            continue
        for one in detector(folded.text):
            if one.detector in classes:
                start, end = folded.original(one.start, one.end)
                found.append(Finding(one.detector, one.label, start, end, one.score))
    return sorted(found, key=lambda one: (one.start, -one.end, -one.score, one.detector, one.label))
