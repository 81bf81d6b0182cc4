"""A policy from plain settings, such as the table ``[policy]`` of ``holdfast.toml``, and back.

[policy]
credential = "refuse"      # a class of content: store, mark, redact, quarantine or refuse
medical = "redact"

[policy.keep]
health = "never"           # a category of fact: always, never, or how long
plan = "90 days"
otherwise = "always"       # all other categories, and what has none
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from holdfast.core.policy.judge import WEIGHT
from holdfast.errors import InvalidField
from holdfast.model.policy import ALWAYS, MOST_TTL_MS, NEVER, Action, Keep, Policy, Retention, Sensitive
from holdfast.model.records import CATEGORIES

KEEP, OTHERWISE = "keep", "otherwise"
_UNITS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000, "year": 31_536_000_000}
_SPAN = re.compile(r"(\d{1,9}) ?(minute|hour|day|week|year)s?")
_EXPECTED = "expected 'always', 'never', or how long, such as '90 days' (minutes, hours, days, weeks or years)"


def policy_from(settings: Mapping[str, Any]) -> Policy:
    """The policy that settings describe; what they leave out has its default.

    Raises:
        InvalidField: an unknown key or value, with the nearest known one.
    """
    _table(settings, "policy")
    classes = [str(one) for one in Sensitive]
    actions: dict[Sensitive, Action] = {}
    for key, value in settings.items():
        if key == KEEP:
            continue
        if key not in classes:
            raise InvalidField(f"The policy sets unknown key {key!r:.80}{_nearest(key, [*classes, KEEP])}.")
        choices = [str(one) for one in Action]
        if value not in choices:
            raise InvalidField(f"The policy sets {key} to {value!r:.80}{_nearest(value, choices)}.")
        actions[Sensitive(key)] = Action(value)
    keep = settings.get(KEEP, {})
    _table(keep, f"policy.{KEEP}")
    retentions: dict[str, Retention] = {}
    for category, value in cast("Mapping[str, Any]", keep).items():
        if category not in (*CATEGORIES, OTHERWISE):
            known = [*CATEGORIES, OTHERWISE]
            raise InvalidField(f"policy.{KEEP} sets unknown category {category!r:.80}{_nearest(category, known)}.")
        retentions[category] = _retention(category, value)
    otherwise = retentions.pop(OTHERWISE, ALWAYS)
    return Policy(actions=actions, retentions=retentions, otherwise=otherwise)


def settings_of(policy: Policy) -> dict[str, Any]:
    """The settings that describe a policy in full; `policy_from` of them gives an equal policy."""
    keep = {category: _said(retention) for category, retention in policy.retentions.items()}
    actions = {str(one): str(policy.action(one)) for one in Sensitive}
    return {**actions, KEEP: {**keep, OTHERWISE: _said(policy.otherwise)}}


def _retention(category: str, value: object) -> Retention:
    if value == Keep.ALWAYS:
        return ALWAYS
    if value == Keep.NEVER:
        return NEVER
    span = _SPAN.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not span:
        raise InvalidField(f"policy.{KEEP} sets {category} to {value!r:.80}; {_EXPECTED}.")
    ttl_ms = int(span[1]) * _UNITS[span[2]]
    if not 1 <= ttl_ms <= MOST_TTL_MS:
        raise InvalidField(f"policy.{KEEP} sets {category} to {value!r:.80}; expected from 1 minute to 100 years.")
    return Retention(Keep.FOR_A_WHILE, ttl_ms)


def _said(retention: Retention) -> str:
    """A retention as settings say it: in the largest unit that divides it, at least a minute."""
    if retention.ttl_ms is None:
        return str(retention.keep)
    unit = next(unit for unit in reversed(_UNITS) if retention.ttl_ms % _UNITS[unit] == 0 or unit == "minute")
    count = max(1, retention.ttl_ms // _UNITS[unit])
    return f"{count} {unit}{'s' if count > 1 else ''}"


def stricter(one: Policy, other: Policy) -> Policy:
    """The policy that lets through only what both let through."""
    actions = {each: max(one.action(each), other.action(each), key=WEIGHT.__getitem__) for each in Sensitive}
    named = {*one.retentions, *other.retentions}
    retentions = {category: min(one.retention(category), other.retention(category), key=_length) for category in named}
    return Policy(actions=actions, retentions=retentions, otherwise=min(one.otherwise, other.otherwise, key=_length))


def _length(retention: Retention) -> float:
    if retention.keep is Keep.NEVER:
        return 0
    return math.inf if retention.ttl_ms is None else retention.ttl_ms


def span_text(ms: int) -> str:
    """A span in words, to the minute: ``90 days``."""
    return _said(Retention(Keep.FOR_A_WHILE, max(1, round(ms / 60_000)) * 60_000))


def _table(value: object, name: str) -> None:
    if not isinstance(value, Mapping):
        raise InvalidField(f"{name} is {value!r:.80}; expected a table of names with values.")


def _nearest(value: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value)[:100], known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{hint} expected one of: {', '.join(known)}"
