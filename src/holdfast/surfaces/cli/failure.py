"""Exit codes, and errors in one line: never a traceback."""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import TextIO

import click

from holdfast import errors

OK = 0
PROBLEMS = 1
USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
UNUSABLE = 5
TEMPORARY = 6
DEFECT = 70
INTERRUPTED = 130
PIPE_CLOSED = 141

EXIT_CODES = {
    OK: "It worked.",
    PROBLEMS: "Problems were found, or nothing was found where something was asked for.",
    USAGE: "The command line, a setting or the input is not valid.",
    NOT_FOUND: "There is no such memory, or it was forgotten or pruned; no such space, or you may not do that there.",
    CONFLICT: "It contradicts what is stored, would overwrite a file, or the policy or a quota refuses it.",
    UNUSABLE: "The store cannot be used: missing, not a space, damaged, read-only, newer, or of another model.",
    TEMPORARY: "It may work later: the space is busy, the disk is full, or a model fails.",
    DEFECT: "A defect in Holdfast; set HOLDFAST_DEBUG=1 to see where.",
    INTERRUPTED: "It was interrupted.",
    PIPE_CLOSED: "The reader of the output closed it.",
}
"""What each exit code means."""

_BY_ERROR: tuple[tuple[type[Exception], int], ...] = (
    (errors.NoEmbedder, USAGE),
    (errors.NoLanguageModel, USAGE),
    (errors.ModelError, TEMPORARY),
    (errors.WorkingStoreUnavailable, TEMPORARY),
    (errors.InvalidInput, USAGE),
    (errors.ImportStopped, USAGE),
    (errors.NotFound, NOT_FOUND),
    (errors.Gone, NOT_FOUND),
    (errors.NotAllowed, NOT_FOUND),
    (errors.HistoryPruned, NOT_FOUND),
    (errors.Conflict, CONFLICT),
    (errors.Refused, CONFLICT),
    (errors.StoreBusy, TEMPORARY),
    (errors.StoreFull, TEMPORARY),
    (errors.EmbedderError, TEMPORARY),
    (errors.QuotaExceeded, CONFLICT),
    (errors.TooManyMemories, CONFLICT),
    (errors.StoreError, UNUSABLE),
    (errors.ModelMismatch, UNUSABLE),
)


class WrongUsage(errors.InvalidInput):
    """The command was called in a way it does not take."""


class NoSpace(errors.StoreError):
    """There is no space at that place yet."""


class FileExists(errors.Conflict):
    """The file is there already. It was not changed."""


class PipeClosed(Exception):
    """Nobody reads the output any more."""


class Interrupted(Exception):
    """A person stopped the command; the words say what was kept."""


class Defect(errors.HoldfastError):
    """Holdfast met a situation it was not written for."""


_WORDING = (
    (re.compile(r"storage\.encrypt\(key\)"), "holdfast key encrypt"),
    (re.compile(r"storage\.rotate_key\(data=True\)|rotate_key\(data=True\)"), "holdfast key rotate --data"),
    (re.compile(r"pass readmit=True"), "give --readmit"),
    (re.compile(r"remember them with readmit=True"), "holdfast add them with --readmit"),
    (re.compile(r"readmit=True"), "--readmit"),
    (re.compile(r"replace=True"), "--force"),
    (re.compile(r"\bmemory\.storage\.journal\(\)"), "holdfast export --lossless"),
    (re.compile(r"mentions=True"), "--mentions"),
    (re.compile(r"(goes with) about\b"), r"\1 --about"),
    (re.compile(r"\bskip_errors(=True)?\b"), "--skip-errors"),
    (re.compile(r"with dry_run\b"), "with --dry-run"),
    (re.compile(r"\bdry_run(=True)?\b"), "--dry-run"),
    (re.compile(r"confirm_removal \(on the command line --yes\)"), "--yes"),
    (re.compile(r"\bconfirm_removal(=True)?\b"), "--yes"),
    (re.compile(r"\bpreview_forget(\(\))?"), "holdfast forget --dry-run"),
    (
        re.compile(r"look at the preview and pass its token as confirm\b"),
        "look at it with --dry-run and give its token with --confirm",
    ),
    (re.compile(r"\bconfirm=(its |the )?token"), "--confirm with its token"),
    (re.compile(r"\bcorrect\(\)"), "holdfast correct"),
    (re.compile(r"\bsettle\(\)|\brebuild\(\)"), "holdfast rebuild"),
    (re.compile(r"\b(forget|recall|export|check)\(\)"), r"holdfast \1"),
    (re.compile(r"\brestrict\(\)"), "holdfast house restrict"),
    (
        re.compile(r"^There is no house in (.+?)\. Nothing was made; open it with create=True to make one\."),
        r"There is no house in \1 yet; holdfast house create makes one with its first space. Nothing was made.",
    ),
)
"""What a message says to a program, and what it says to a person at a command line."""


def for_a_person(message: str) -> str:
    """A message of the library in words of the command line."""
    for pattern, words in _WORDING:
        message = pattern.sub(words, message)
    return message


def exit_code(error: Exception) -> int:
    """The exit code an error ends the command with."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    if isinstance(error, OSError):
        return TEMPORARY if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN) else UNUSABLE
    return DEFECT if isinstance(error, Defect) else PROBLEMS


def report(error: Exception, *, as_json: bool) -> int:
    """Write an error to stderr; gives the exit code."""
    if isinstance(error, click.ClickException):
        error = _usage(error)
    elif isinstance(error, OSError) and not isinstance(error, errors.HoldfastError):
        told = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        code = exit_code(error)
        known = errors.StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else errors.StoreError
        error = known(f"The system refused: {told}.")
        return _write(error, code, as_json=as_json)
    elif not isinstance(error, errors.HoldfastError):
        error = defect(error)
    return _write(error, exit_code(error), as_json=as_json)


def defect(error: Exception) -> Defect:
    """An error nobody meant to raise, in words a person can pass on."""
    return Defect(
        f"{type(error).__name__}: {error}. This is a defect in Holdfast; please report it with what you ran "
        "(HOLDFAST_DEBUG=1 shows where it happened)."
    )


def warn(message: str) -> None:
    """Say something beside the result, on stderr."""
    from holdfast.surfaces.cli.screen import visible

    click.echo(f"holdfast: {visible(message)}", err=True)


def give_output_up() -> None:
    """Where standard output takes nothing any more, keep the interpreter's last flush from failing too."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        silence_output(sys.stdout)


def silence_output(*streams: TextIO) -> None:
    """Send what is still buffered for streams (by default both) nowhere, so that the interpreter ends quietly."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or (sys.stdout, sys.stderr):
        try:
            os.dup2(nowhere, stream.fileno())
        except (OSError, ValueError):
            continue


def _usage(error: click.ClickException) -> WrongUsage:
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f" Try: {error.ctx.command_path} --help"
    return WrongUsage(error.format_message() + hint)


def _write(error: Exception, code: int, *, as_json: bool) -> int:
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import one_line

    if as_json:
        told = wire.to_json(wire.error_to_wire(error, for_a_person(str(error))))
    else:
        told = f"holdfast: error: {one_line(for_a_person(str(error)))}"
    click.echo(told, err=True)
    return code
