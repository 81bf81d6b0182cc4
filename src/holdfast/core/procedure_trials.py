"""Trials: how uses of procedures went, as contents and back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.core.procedures import check_procedure_name, steps_digest
from holdfast.errors import InvalidField
from holdfast.model.procedures import Procedure, Trial
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record

NOTE_CHARS: Final = 10_000
_FIELDS: Final = frozenset({"procedure", "version", "of", "success", "seconds", "cost", "noted"})
_WENT: Final = {True: "It went well.", False: "It failed."}


def trial_content(
    one: Procedure,
    *,
    success: object,
    seconds: object,
    cost: object,
    note: object,
    session: object,
    sources: Sequence[str],
    at_ms: int,
    actor: str,
) -> Content:
    """A trial of a version of a procedure as what is stored.

    Raises:
        InvalidField, InvalidText.
    """
    if not isinstance(success, bool):
        raise InvalidField(f"The success is {success!r:.60}; expected True or False. Nothing was written.")
    said = None if note is None else border.check_text(note, "note", NOTE_CHARS)
    body = {
        "procedure": one.name, "version": one.version, "of": steps_digest(one), "success": success,
        "seconds": check_amount(seconds, "seconds"), "cost": check_amount(cost, "cost"), "noted": said is not None,
    }  # fmt: skip
    return Content(
        kind=Kind.TRIAL,
        text=_WENT[success] if said is None else said,
        valid_from=at_ms,
        session=border.optional_label(session, "session"),
        sources=border.check_sources((one.id, *sources)),
        origin=Origin.AGENT,
        trust=TRUST_OF_ORIGIN[Origin.AGENT],
        actor=actor,
        body=canonical(body).decode(),
    )


def check_amount(value: object, what: str) -> float | None:
    """A number from 0 on, or None.

    Raises:
        InvalidField.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidField(f"The {what} is {value!r:.60}; expected a number from 0 on. Nothing was written.")
    return float(value)


def read_trial(body: str | None) -> Mapping[str, Any]:
    """What belongs to a trial beside its note.

    Raises:
        InvalidInput: it is not what is written there.
    """
    values = body_fields("trial", body)
    if values.keys() != _FIELDS:
        raise InvalidField(f"What belongs to the trial has other fields than {', '.join(sorted(_FIELDS))}.")
    check_procedure_name(values["procedure"])
    border.check_count(values["version"], "version", 2**62)
    if not isinstance(values["of"], str) or not re.fullmatch(r"[0-9a-f]{32}", values["of"]):
        raise InvalidField(f"The steps of the trial are {values['of']!r:.40}; expected 32 hexadecimal digits.")
    for name in ("success", "noted"):
        if not isinstance(values[name], bool):
            raise InvalidField(f"{name!r} of the trial is {values[name]!r:.40}; expected true or false.")
    for name in ("seconds", "cost"):
        check_amount(values[name], name)
    return values


def trial_of(record: Record) -> tuple[Trial, str]:
    """A trial from its record, and the digest of the steps that were tried.

    Raises:
        InvalidInput.
    """
    values = read_trial(record.body)
    is_told = values["noted"] and not record.quarantined
    return Trial(
        procedure=values["procedure"], version=values["version"], success=values["success"], seconds=values["seconds"],
        cost=values["cost"], note=record.text if is_told else None, actor=record.actor, at_ms=record.valid_from,
        id=record.id,
    ), values["of"]  # fmt: skip
