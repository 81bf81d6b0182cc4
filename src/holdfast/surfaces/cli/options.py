"""What every command shares: its options, opening the space, ids written short, text from standard input."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from holdfast.surfaces.cli.failure import NoSpace, WrongUsage, warn

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
        click.option("--as", "as_", metavar="NAME", help="Principal who acts, noted with what is written."),
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
        metavar="FIELD=VALUE",
        multiple=True,
        help="Only memories whose field has this value; the same field again means either. Fields: author, role, "
        "session, kind, category, subject, source, tag, mark, origin.",
    )(command)


def filters_of(conditions: Iterable[str]) -> dict[str, list[str]] | None:
    """Filters by field from ``field=value`` texts.

    Raises:
        InvalidFilter: one is not of that form.
    """
    from holdfast.errors import InvalidFilter

    filters: dict[str, list[str]] = {}
    for condition in conditions:
        field, equals, value = condition.partition("=")
        if not equals or not field.strip():
            raise InvalidFilter(f"{condition!r:.80} is not a filter; write field=value, such as author=Ada.")
        filters.setdefault(field.strip(), []).append(value)
    return filters or None


def settings_of(db: str | None, embedder: str | None = None, as_: str | None = None, *, files: bool = True) -> Settings:
    """The settings that hold, with what the command line says on top; ``files`` says whether files are read."""
    from holdfast.config import load_settings

    context = click.get_current_context(silent=True)
    before = context.find_root().params.get("space") if context else None
    options = {"db": before if db is None else db, "embedder": embedder, "principal": as_}
    return load_settings(options, files=files)


def embedder_argument(embedder: str) -> str | None:
    """What `Memory.open` takes for an ``embedder`` setting."""
    return None if embedder.lower() == "none" else embedder


@contextmanager
def reading(settings: Settings) -> Generator[Memory]:
    """The space, never written.

    Raises:
        NoSpace: there is none.
    """
    from holdfast.memory import Memory

    _must_exist(settings)
    embedder = embedder_argument(settings.embedder)
    with Memory.open(
        settings.db,
        embedder=embedder,
        as_=settings.principal,
        read_only=True,
        create=False,
        policy=settings.policy,
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
    """
    from holdfast.memory import Memory

    must_be_a_file(settings.db)
    if create:
        settings.db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        _must_exist(settings)
    embedder = embedder_argument(settings.embedder) if embed else None
    with Memory.open(
        settings.db, embedder=embedder, as_=settings.principal, create=create, policy=settings.policy
    ) as memory:
        yield memory


def write_new(settings: Settings, act: Callable[[Memory], T], show: Callable[[T], None]) -> None:
    """Do a write that may be the first of a space, show what came of it, and wait a little for its vectors.

    Where there is no space yet it is tried on an empty one first, so that a refused write leaves no file behind.
    """
    from holdfast.memory import Memory

    must_be_a_file(settings.db)
    if not settings.db.exists():
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
    from holdfast.errors import InvalidField, NotFound

    digits = given.replace("-", "").lower()
    if len(digits) == 32 or not re.fullmatch(r"[0-9a-f]+", digits):
        return given
    if len(digits) < _SHORT_DIGITS or len(digits) > 32:
        raise InvalidField(
            f"{given!r:.80} does not name a memory; give a whole id, or at least {_SHORT_DIGITS} digits of its "
            "start or end, as recall shows them."
        )
    found = {one for one in _ids(memory) if _matches(one, digits)}
    if not found:
        raise NotFound(
            f"No memory here has an id that starts or ends with {given}. A forgotten one is named by its whole id."
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
