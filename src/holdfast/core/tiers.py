"""Tiers: read from what a caller or ``holdfast.toml`` gives, checked, and what of a tier goes first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, Final, cast

from holdfast.core import border
from holdfast.core.sessions import check_ttl
from holdfast.errors import InvalidField
from holdfast.model.records import Kind, Record, Role
from holdfast.model.tiers import DEFAULT_TIERS, Eviction, Retrieval, Tiers, TierSpec
from holdfast.model.tokens import Count

MOST_TIERS: Final = 32
_NAME: Final = r"[a-z][a-z0-9-]{0,39}"
_BACKENDS: Final = ("redis://", "rediss://", "unix://")
_FIELDS: Final = tuple(field.name for field in fields(TierSpec))


def tiers_of(given: Iterable[TierSpec] | Tiers | None) -> Tiers:
    """The four default tiers, with those that are given in place of the ones of their name, or after them.

    Raises:
        InvalidField: one of them says what no tier can.
    """
    if given is None:
        return Tiers()
    specs = {spec.name: spec for spec in DEFAULT_TIERS}
    for spec in given:
        if not isinstance(spec, TierSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidField(f"A tier is {type(spec).__name__} {spec!r:.60}; expected a holdfast.TierSpec.")
        specs[check_tier(spec).name] = spec
    if len(specs) > MOST_TIERS:
        raise InvalidField(f"{len(specs)} tiers were given; at most {MOST_TIERS} are taken.")
    return Tiers(tuple(specs.values()))


def check_tier(spec: TierSpec) -> TierSpec:
    """The tier itself.

    Raises:
        InvalidField, InvalidFilter.
    """
    name = spec.name
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"A tier is called {name!r:.60}; expected lower-case letters, digits and dashes.")
    for what in ("items", "tokens"):
        value = getattr(spec, what)
        if value is not None:
            border.check_count(value, f"{what} of the tier {name!r}", 1_000_000_000)
    for what in ("lifetime_s", "key_ttl_s"):
        value = getattr(spec, what)
        if value is not None and not (what == "lifetime_s" and name != "working" and _is_long(value)):
            check_ttl(value, f"{what} of the tier {name!r}")
    if isinstance(spec.keep_last, bool) or not isinstance(spec.keep_last, int) or spec.keep_last < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"keep_last of the tier {name!r} is {spec.keep_last!r:.60}; expected 0 or more.")
    if not border.check_unit(spec.compress_at, f"compress_at of the tier {name!r}"):
        raise InvalidField(f"compress_at of the tier {name!r} is 0; expected a share above 0.")
    if not all(isinstance(kind, Kind) for kind in spec.kinds):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"The kinds of the tier {name!r} are {spec.kinds!r:.80}; expected members of holdfast.Kind.")
    if spec.where:
        border.check_where(spec.where)
    _check_backend(spec)
    return spec


def _check_backend(spec: TierSpec) -> None:
    if spec.backend == "space":
        return
    if not spec.backend.startswith(_BACKENDS):
        raise InvalidField(
            f"The backend of the tier {spec.name!r} is {spec.backend!r:.80}; expected 'space', or the address of a "
            "Redis such as redis://localhost:6379/0."
        )
    if spec.name != "working":
        raise InvalidField(
            f"The tier {spec.name!r} is to be in Redis; only the working tier may be, since what is in Redis may be "
            "lost."
        )


def _is_long(value: object) -> bool:
    """Records may live longer than any value that is kept for a while."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11


def tiers_from(table: Any) -> tuple[TierSpec, ...]:
    """Tiers from the table ``[tiers]`` of a configuration: one table of settings by each tier's name.

    Raises:
        InvalidField: something in it is no setting of a tier.
    """
    if not isinstance(table, Mapping):
        raise InvalidField(f"tiers is {table!r:.60}; expected a table for each tier, such as [tiers.working].")
    defaults = {spec.name: spec for spec in DEFAULT_TIERS}
    found = list[TierSpec]()
    for name, settings in cast("Mapping[str, Any]", table).items():
        if not isinstance(settings, Mapping):
            raise InvalidField(f"The tier {name!r:.60} is {settings!r:.60}; expected a table of settings.")
        values = dict(cast("Mapping[str, Any]", settings))
        if unknown := sorted(set(values) - set(_FIELDS) | set(values) & {"name"}):
            raise InvalidField(
                f"The tier {name!r:.60} sets unknown {unknown[0]!r}; known are {', '.join(_FIELDS[1:])}."
            )
        values = {key: _value(name, key, value) for key, value in values.items()}
        found.append(check_tier(replace(defaults.get(name) or TierSpec(name=name), **values)))
    return tuple(found)


def _value(tier: str, key: str, value: Any) -> Any:
    if key == "kinds":
        known = {kind.name.lower(): kind for kind in Kind}
        asked = cast("Sequence[object]", value) if isinstance(value, list) else ()
        if not isinstance(value, list) or not all(one in known for one in asked):
            raise InvalidField(f"kinds of the tier {tier!r} is {value!r:.80}; expected a list of: {', '.join(known)}.")
        return frozenset(known[str(one)] for one in asked)
    choices: dict[str, type[StrEnum]] = {"retrieval": Retrieval, "eviction": Eviction}
    if key in choices:
        if value not in list(choices[key]):
            names = ", ".join(choices[key])
            raise InvalidField(f"{key} of the tier {tier!r} is {value!r:.60}; expected one of: {names}.")
        return choices[key](value)
    if key in ("backend", "where") and not isinstance(value, str):
        raise InvalidField(f"{key} of the tier {tier!r} is {value!r:.60}; expected a text.")
    return value


def leaving(spec: TierSpec, records: Sequence[Record], now_ms: int, count: Count) -> list[Record]:
    """What of a tier leaves it: what is older than its lifetime, and the oldest of what is over its capacity.

    Neither what the system said nor the newest `TierSpec.keep_last` leave.

    Args:
        records: What the tier holds, in order of arrival.
    """
    ordered = sorted(records, key=lambda record: record.valid_from)
    free = [record for record in ordered[: len(ordered) - spec.keep_last] if record.role is not Role.SYSTEM]
    gone = dict[str, Record]()
    if spec.lifetime_s is not None:
        gone = {record.id: record for record in free if now_ms - record.recorded_at > spec.lifetime_s * 1_000}
    left = len(ordered) - len(gone)
    tokens = 0 if spec.tokens is None else sum(count(one.entry) for one in ordered if one.id not in gone)
    for record in free:
        over = (spec.items is not None and left > spec.items) or (spec.tokens is not None and tokens > spec.tokens)
        if not over:
            break
        if record.id not in gone:
            gone[record.id] = record
            left -= 1
            tokens -= 0 if spec.tokens is None else count(record.entry)
    return list(gone.values())
