"""What every command shares: its options, opening the space, ids written short, text from standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from holdfast.surfaces.cli.failure import NoSpace, WrongUsage, warn
from holdfast.surfaces.cli.place import (
    as_option,
    house_option,
    key_argument,
    keyring_option,
    model_argument,
    space_of_house,
    space_option,
)
from holdfast.surfaces.cli.place import embedder_argument as embedder_argument
from holdfast.surfaces.cli.place import settings_of as settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.records import Record
    from holdfast.surfaces.wire import Json

Command = TypeVar("Command", bound=Callable[..., object])
T = TypeVar("T")

_SHORT_DIGITS = 6
_MOST_SCANNED = 1_000_000
_STDIN_BYTES = 8_000_000
SETTLE_S = 1.0
"""How long a command that wrote a few memories waits for their vectors; what is left follows later."""


def json_option(command: Command) -> Command:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")(command)


def space_options(command: Command) -> Command:
    """The options of every command that uses a space."""
    for option in (
        json_option,
        as_option,
        space_option,
        house_option,
        keyring_option,
        click.option(
            "--embedder", metavar="MODEL", help="Model: auto, none, a folder, openai:MODEL[@URL], ollama:MODEL[@URL]."
        ),
        click.option("--db", metavar="FILE", help="File of the space."),
    ):
        command = option(command)
    return command


def where_option(command: Command) -> Command:
    """``--where``."""
    return click.option(
        "--where",
        metavar="FILTER",
        multiple=True,
        help="Only memories for which this is true, such as 'category = health and not tag in (a, b)'; several must "
        "all be, but FIELD=VALUE again with the same field means either. Fields: author, role, session, kind, "
        "category, subject, predicate, object, source, tag, mark, origin, trust, actor, text, caption, confidence, "
        "importance, valid_from, valid_to, recorded_at, expires_at, attributes.NAME.",
    )(command)


def filters_of(conditions: Iterable[str], **exact: Iterable[str]) -> dict[str, object] | None:
    """One filter from several texts; what only says which values a field may have is joined field by field.

    Args:
        exact: Further values by field, as they are.

    Raises:
        InvalidFilter: one cannot be read.
    """
    from holdfast.core.filter_text import filter_from_text
    from holdfast.core.filters import to_json
    from holdfast.model.filters import Condition, Op

    fields: dict[str, list[object]] = {}
    others = list[dict[str, object]]()
    for found in map(filter_from_text, conditions):
        if isinstance(found, Condition) and found.op is Op.IN:
            told = to_json(found)[found.field]
            fields.setdefault(found.field, []).extend(told.get("in", [told.get("eq")]))
        else:
            others.append(to_json(found))
    for field, values in exact.items():
        if given := list(values):
            fields.setdefault(field, []).extend(given)
    joined = [{field: values} for field, values in fields.items()] + others
    return {"and": joined} if joined else None


@contextmanager
def reading(settings: Settings) -> Generator[Memory]:
    """The space, never written; in a house, only checked for the principal's right to read.

    Raises:
        NoSpace: there is none.
        NotAllowed: the house has none of that name for this principal.
    """
    from holdfast.memory import Memory

    if settings.spaces is not None:
        with space_of_house(settings) as memory:
            yield memory
        return
    _must_exist(settings)
    embedder = embedder_argument(settings.embedder)
    with Memory.open(
        settings.db,
        embedder=embedder,
        as_=settings.principal,
        read_only=True,
        create=False,
        policy=settings.policy,
        key=key_argument(settings),
        tiers=settings.tiers or None,
    ) as memory:
        yield memory


@contextmanager
def writing(settings: Settings, *, create: bool = False, embed: bool = True) -> Generator[Memory]:
    """The space, to write to.

    Args:
        create: Make it, and its folder, where there is none.
        embed: False leaves the vectors to a later command.

    Raises:
        NoSpace: there is none and ``create`` is not set.
        NotAllowed: the house has none of that name for this principal.
    """
    from holdfast.memory import Memory

    if settings.spaces is not None:
        with space_of_house(settings, embed=embed) as memory:
            yield memory
        return
    must_be_a_file(settings.db)
    if create:
        settings.db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        _must_exist(settings)
    embedder = embedder_argument(settings.embedder) if embed else None
    with Memory.open(
        settings.db, embedder=embedder, as_=settings.principal, create=create, policy=settings.policy,
        key=key_argument(settings, create=create), touches=settings.touches, tiers=settings.tiers or None,
        model=model_argument(settings.model),
    ) as memory:  # fmt: skip
        yield memory


def write_new(settings: Settings, act: Callable[[Memory], T], show: Callable[[T], None]) -> None:
    """Do a write that may be the first of a space, show what came of it, and wait a little for its vectors.

    Where there is no space yet it is tried on an empty one first, so that a refused write leaves no file behind.
    """
    from holdfast.memory import Memory

    must_be_a_file(settings.db)
    if settings.spaces is None and not settings.db.exists():
        with Memory.open(":memory:", embedder=None, as_=settings.principal, policy=settings.policy) as trial:
            act(trial)
    with writing(settings, create=True) as memory:
        # It is durable: whoever stops the command from here on has been told what was written.
        show(act(memory))
        sys.stdout.flush()
        settle(memory)


def show_admitted(record: Record, *, as_json: bool) -> None:
    """A memory that was just written: its id, and what the policy made of it where that is not what was said."""
    from holdfast.surfaces import wire

    if as_json:
        show_json(wire.admitted_to_wire(record))
        return
    click.echo(record.id)
    if record.verdict and record.verdict.name != "STORED":
        warn(" ".join((f"{record.verdict.name.lower()}.", *record.reasons)))
    elif record.quarantined:
        warn("quarantined, as what it was derived from is.")


def settle(memory: Memory, timeout_s: float = SETTLE_S) -> None:
    """Wait for the vectors of what was written; a failing model is told and does no harm."""
    from holdfast.errors import EmbedderError

    try:
        memory.settle(timeout_s)
    except EmbedderError as error:
        warn(f"stored, and found by its words; the vector follows later: {error}")


def full_id(memory: Memory, given: str) -> str:
    """The id that a text names: itself, or the only one that starts or ends with it.

    Raises:
        InvalidField: too short, not hexadecimal, or the start or end of several ids.
        NotFound: no memory here has such an id.
    """
    return named_id(given, _ids(memory))


def named_id(given: str, ids: Iterable[str]) -> str:
    """As `full_id`, among these."""
    from holdfast.errors import InvalidField, NotFound

    digits = given.replace("-", "").lower()
    if len(digits) == 32 or not re.fullmatch(r"[0-9a-f]+", digits):
        return given
    if len(digits) < _SHORT_DIGITS or len(digits) > 32:
        raise InvalidField(
            f"{given!r:.80} does not name a memory; give a whole id, or at least {_SHORT_DIGITS} digits of its "
            "start or end, as recall shows them."
        )
    found = {one for one in ids if _matches(one, digits)}
    if not found:
        raise NotFound(
            f"Nothing here has an id that starts or ends with {given}. A forgotten memory is named by its whole id."
        )
    if len(found) > 1:
        raise InvalidField(f"{given} is the start or end of {len(found):,} ids; give more digits.")
    return found.pop()


def given_text(text: str | None) -> str:
    """The text of an argument, or of standard input where it is missing or ``-``.

    Raises:
        WrongUsage: nothing was given and standard input is a terminal.
        InvalidText: standard input is too long or not UTF-8.
    """
    from holdfast.errors import InvalidText

    if text is not None and text != "-":
        return text
    if text is None and sys.stdin.isatty():
        raise WrongUsage("No text was given; write it as an argument or pipe it in.")
    content = sys.stdin.buffer.read(_STDIN_BYTES + 1)
    if len(content) > _STDIN_BYTES:
        raise InvalidText(f"Standard input holds more than {_STDIN_BYTES:,} bytes. Nothing was written.")
    try:
        read = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidText(f"Standard input is not UTF-8 (byte {error.start:,}). Nothing was written.") from None
    return read.removesuffix("\n").removesuffix("\r")


def show_json(value: Json) -> None:
    """Write a result as JSON."""
    from holdfast.surfaces import wire

    click.echo(wire.to_json(value, indent=2))


def end(code: int) -> None:
    """End the command with an exit code."""
    click.get_current_context().exit(code)


def must_be_a_file(path: Path) -> None:
    """Refuse what is there and can never be a space, such as a folder or a device, before it is opened.

    Raises:
        NotASpace: it is not a file.
    """
    from holdfast.errors import NotASpace

    if path.exists() and not path.is_file():
        raise NotASpace(f"{path} is not a file, so it cannot be a space. Nothing was written.")


def _must_exist(settings: Settings) -> None:
    must_be_a_file(settings.db)
    if not settings.db.exists():
        raise NoSpace(
            f"There is no space at {settings.db} yet. `holdfast add` or `holdfast import` makes one; "
            "--db or HOLDFAST_DB names another file."
        )


def _ids(memory: Memory) -> Generator[str]:
    """Ids of live memories, then of superseded ones too."""
    import json
    from itertools import islice

    for record in islice(memory.records(), _MOST_SCANNED):
        yield record.id
    for line in islice(memory.export(superseded=True), _MOST_SCANNED):
        yield str(json.loads(line).get("id", ""))


def _matches(id_text: str, digits: str) -> bool:
    plain = id_text.replace("-", "")
    return plain.startswith(digits) or plain.endswith(digits)
