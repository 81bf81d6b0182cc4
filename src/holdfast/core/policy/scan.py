"""What is in a text: all detectors over its folding, places in the text as given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import cast

from holdfast.core.policy.fold import fold
from holdfast.model.policy import Finding, Sensitive

Detector = Callable[[str], list[Finding]]

DETECTORS: Mapping[str, frozenset[Sensitive]] = MappingProxyType(
    {
        "credentials": frozenset({Sensitive.CREDENTIAL}),
        "payment": frozenset({Sensitive.PAYMENT}),
        "identity": frozenset({Sensitive.IDENTITY}),
        "contact": frozenset({Sensitive.CONTACT}),
        "medical": frozenset({Sensitive.MEDICAL}),
        "financial": frozenset({Sensitive.PAYMENT, Sensitive.FINANCIAL}),
        "injection": frozenset({Sensitive.INJECTION}),
    }
)
"""Every module of `holdfast.core.policy.detectors` with the classes it can find; a new family is a line here."""
EVERY_CLASS = frozenset(Sensitive)


def scan(text: str, classes: Collection[Sensitive] = EVERY_CLASS) -> list[Finding]:
    """Findings of those classes in any text, in order of place, with places in the text as given."""
    folded = fold(text)
    found: list[Finding] = []
    for family, finds in DETECTORS.items():
        if finds.isdisjoint(classes):
            continue
        for one in detector(family)(folded.text):
            if one.detector in classes:
                start, end = folded.original(one.start, one.end)
                found.append(Finding(one.detector, one.label, start, end, one.score))
    return sorted(found, key=lambda one: (one.start, -one.end, -one.score, one.detector, one.label))


@cache
def detector(family: str) -> Detector:
    """The function of a family; its patterns are compiled when it is first needed."""
    return cast("Detector", import_module(f"holdfast.core.policy.detectors.{family}").find)
