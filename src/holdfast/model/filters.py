"""Filters: which memories a caller means, as a closed grammar of frozen values.

A condition looks at one field. ``And``, ``Or`` and ``Not`` join conditions; a condition is true or false and nothing
between, also where a memory has no value in the field: then only ``exists`` with `Not` finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from holdfast.model.records import Kind, Origin, Role, Scalar, Trust

Where = str | Mapping[str, object]
"""How callers give a filter: as a text, or as a mapping of the shape that JSON gives; see `holdfast.core.filters`."""


class Op(Enum):
    """What a condition asks of a field; the values are the names callers use."""

    IN = "in"
    """One of the values is equal to one of these; of none, where there are none."""
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EXISTS = "exists"
    CONTAINS = "contains"
    """A text that holds this one, whatever the case."""


ORDERED: Final = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a field of a memory is so.

    Attributes:
        field: A name from `FIELDS`, or ``attributes.`` and the name of an attribute.
        values: To compare with: any number for ``IN``, none for ``EXISTS``, one otherwise. Of an enumeration its
            number, of a time milliseconds since the epoch.
    """

    field: str
    op: Op
    values: tuple[Scalar, ...] = ()

    @property
    def in_columns(self) -> bool:
        """Every store decides it by itself, without the contents."""
        return self.field in COLUMNS and self.op is not Op.CONTAINS


@dataclass(frozen=True, slots=True)
class And:
    """Every part is true; also where there is none."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: Filter


Filter = Condition | And | Or | Not

EVERYTHING: Final = And(())
NOTHING: Final = Or(())


class FieldType(Enum):
    """What a field holds."""

    TEXT = "text"
    CATEGORY = "category"
    """A text out of `CATEGORIES`."""
    CHOICE = "choice"
    """A member of an enumeration."""
    LEVEL = "level"
    """Likewise, and the members have an order."""
    NUMBER = "number"
    TIME = "time"
    ATTRIBUTE = "attribute"
    """A text, a number or a boolean: values of another sort than the attribute's are never equal, less or greater."""


OPERATORS: Final[Mapping[FieldType, frozenset[Op]]] = MappingProxyType(
    {
        FieldType.TEXT: frozenset({Op.IN, Op.EXISTS, Op.CONTAINS}),
        FieldType.CATEGORY: frozenset({Op.IN, Op.EXISTS, Op.CONTAINS}),
        FieldType.CHOICE: frozenset({Op.IN, Op.EXISTS}),
        FieldType.LEVEL: ORDERED | {Op.IN, Op.EXISTS},
        FieldType.NUMBER: ORDERED | {Op.IN, Op.EXISTS},
        FieldType.TIME: ORDERED | {Op.IN, Op.EXISTS},
        FieldType.ATTRIBUTE: frozenset(Op),
    }
)
"""The operators that each sort of field knows."""

FIELDS: Final[Mapping[str, FieldType]] = MappingProxyType(
    {
        "author": FieldType.TEXT,
        "role": FieldType.CHOICE,
        "session": FieldType.TEXT,
        "kind": FieldType.CHOICE,
        "category": FieldType.CATEGORY,
        "subject": FieldType.TEXT,
        "predicate": FieldType.TEXT,
        "object": FieldType.TEXT,
        "source": FieldType.TEXT,
        "tag": FieldType.TEXT,
        "mark": FieldType.TEXT,
        "origin": FieldType.CHOICE,
        "trust": FieldType.LEVEL,
        "actor": FieldType.TEXT,
        "text": FieldType.TEXT,
        "caption": FieldType.TEXT,
        "confidence": FieldType.NUMBER,
        "importance": FieldType.NUMBER,
        "valid_from": FieldType.TIME,
        "valid_to": FieldType.TIME,
        "recorded_at": FieldType.TIME,
        "expires_at": FieldType.TIME,
    }
)
"""Every field but the attributes, named as in `Record`; ``tag`` and ``mark`` have any number of values."""

ATTRIBUTES: Final = "attributes."
"""What the name of an attribute stands behind."""

CHOICES: Final = MappingProxyType({"role": Role, "kind": Kind, "origin": Origin, "trust": Trust})

LISTED: Final = frozenset({"tag", "mark"})
"""Fields with any number of values."""

COLUMNS: Final = frozenset(
    {
        "author", "role", "session", "kind", "category", "subject", "source", "tag", "mark", "origin",
        "valid_from", "recorded_at", "expires_at",
    }
)  # fmt: skip
"""Fields that a store keeps beside the contents, which may be sealed: who opens those decides on the others."""


def having(fields: Mapping[str, Sequence[Scalar]]) -> Filter:
    """Each field has one of the values given for it; in a field without values nothing does."""
    return And(tuple(Condition(field, Op.IN, tuple(values)) for field, values in fields.items()))
