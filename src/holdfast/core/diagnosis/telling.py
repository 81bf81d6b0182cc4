"""What a point can say."""

from __future__ import annotations

from holdfast.model.diagnosis import State, Told

DAY_MS = 86_400_000


def ok(seen: str) -> Told:
    return Told(State.OK, seen)


def note(seen: str, do: str) -> Told:
    return Told(State.NOTE, seen, do)


def warning(seen: str, do: str) -> Told:
    return Told(State.WARNING, seen, do)


def problem(seen: str, do: str) -> Told:
    return Told(State.PROBLEM, seen, do)


def without(why: str) -> Told:
    """The point does not apply here."""
    return Told(State.NOT_APPLICABLE, why)
