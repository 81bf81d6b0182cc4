"""Writing memories as Markdown into a folder: nothing that is there is overwritten unseen."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from holdfast.core import border, pages
from holdfast.core.pages import Manifest
from holdfast.errors import AlreadyThere, InvalidField, StoreError, StoreFull
from holdfast.model.ids import id_text
from holdfast.model.moving import MarkdownReport
from holdfast.model.records import Record
from holdfast.model.times import format_when
from holdfast.services.ledger import Ledger
from holdfast.services.subjects import Held, Subjects

MANIFEST = "holdfast-export.json"
SUBJECT_PAGE = "about.md"


class PagesOut:
    """Exports of one space as pages.

    Args:
        records: Gives every live memory.
        pending: How many edits of a folder were not taken in yet.
    """

    def __init__(
        self,
        ledger: Ledger,
        records: Callable[[], Iterator[Record]],
        subjects: Subjects,
        pending: Callable[[Path], int],
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._subjects = subjects
        self._pending = pending

    def write(self, folder: str | Path, *, about: str | None, mentions: bool, replace: bool) -> MarkdownReport:
        """See `Storage.export_markdown`."""
        target = Path(border.check_path(folder)).expanduser()
        if mentions and about is None:
            raise InvalidField("mentions=True goes with about, the name to look for. Nothing was written.")
        before = self._taken(target, replace=replace)
        if about is None:
            made = pages.pages(self._records())
            texts = {page.path: pages.written(page) for page in made}
            memories = {record.id: pages.digest(record.text) for page in made for record in page.records}
            manifest = Manifest(
                id_text(self._ledger.store.identity.space),
                id_text(self._ledger.new_id())[-8:],
                memories,
                {path: _sha256(text.encode()) for path, text in texts.items()},
            )
            texts[MANIFEST] = manifest.written()
            count = len(memories)
        else:
            held = self._subjects.held(about, mentions=mentions)
            texts = {SUBJECT_PAGE: _subject_page(about, held, self._ledger.clock.now_ms())}
            count = len(held)
        _put(target, texts, before)
        return MarkdownReport(path=str(target), files=tuple(sorted(texts)), memories=count)

    def _taken(self, target: Path, *, replace: bool) -> Mapping[str, str]:
        """Files of an earlier export that may be replaced, by path with their digests.

        Raises:
            AlreadyThere: there is something else, or edits that were not taken in.
        """
        if not target.exists():
            return {}
        if not target.is_dir():
            raise InvalidField(f"{target} is not a folder. Nothing was written; name the folder for the pages.")
        if not any(target.iterdir()):
            return {}
        if not replace:
            raise AlreadyThere(
                f"{target} is not empty. Nothing was written; give another folder, or replace=True where an earlier "
                "export is to be replaced."
            )
        manifest = read_manifest(target)
        if manifest is None:
            raise AlreadyThere(
                f"{target} holds no export of Holdfast ({MANIFEST} is missing). Nothing was written; "
                "give another folder."
            )
        if pending := self._pending(target):
            raise AlreadyThere(
                f"{target} holds {pending} edits that were not imported. Nothing was written; import the folder first."
            )
        return {**manifest.files, MANIFEST: ""}


def read_manifest(folder: Path) -> Manifest | None:
    """What an export noted in a folder; None where there is no such note.

    Raises:
        InvalidField: it cannot be read.
    """
    file = folder / MANIFEST
    try:
        if not file.is_file():
            return None
    except (OSError, ValueError):
        return None  # no path that a file can have; whoever reads it says so
    try:
        return pages.manifest_of(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidField(
            f"{file} cannot be read ({error}), so it is not known what was exported. Nothing was written; export again."
        ) from None


def _put(target: Path, texts: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Write files into a folder, all of them beside it first, so that a full disk leaves it as it was."""
    for path in texts:
        if (target / path).exists() and path not in before:
            raise AlreadyThere(f"{target / path} is there and of no export. Nothing was written.")
    with _reported(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=f".{target.name[:60]}.", suffix=".part"))
        try:
            for path, text in texts.items():
                file = part / path
                file.parent.mkdir(mode=0o700, exist_ok=True)
                file.write_bytes(text.encode())
                _sync(file)
            if not before and (not target.exists() or not any(target.iterdir())):
                part.replace(target)
            else:
                _replace(part, target, texts, before)
            _sync(target.absolute().parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _replace(part: Path, target: Path, texts: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Put new pages over those of an earlier export; the manifest last, so that a second attempt finds its way."""
    for path in sorted(texts, key=lambda path: path == MANIFEST):
        file = target / path
        file.parent.mkdir(mode=0o700, exist_ok=True)
        (part / path).replace(file)
    for path in before:
        # Only what was exported and is not any more; names come from the manifest, which anyone may have edited.
        file = target / path
        if path not in texts and is_inside(target, path) and file.is_file():
            file.unlink()


def is_inside(folder: Path, path: str) -> bool:
    """Whether a path that a manifest names is a page below the folder."""
    parts = Path(path).parts
    return len(parts) == 2 and ".." not in parts and not Path(path).is_absolute() and path.endswith(".md")


def _subject_page(about: str, held: list[Held], now_ms: int) -> str:
    top = pages.front(
        {
            pages.MARK: pages.SUBJECT_FORMAT,
            "about": about,
            "exported": format_when(now_ms),
            "memories": len(held),
        }
    )
    parts = [top, f"# What is held about {' '.join(about.split())}"]
    for because, title in (("said by", "Said"), ("noted about", "Noted"), ("mentions", "Mentioned in passing")):
        some = [one for one in held if one.because == because]
        if some:
            parts += [f"## {title}", *(_held(one) for one in some)]
    return "\n\n".join(parts) + "\n"


def _held(one: Held) -> str:
    record = one.record
    first, *rest = pages.normal(record.text).split("\n")
    by = f" by {record.author}" if record.author else ""
    lines = [f"- {first}", *(f"  {line}" if line else "" for line in rest), ""]
    lines.append(f"  - said or true: {format_when(record.valid_from)}{by}")
    lines.append(f"  - recorded: {format_when(record.recorded_at)} by {record.actor}, id {record.id}")
    if record.session:
        lines.append(f"  - session: {record.session}")
    if record.source:
        lines.append(f"  - source: {record.source}")
    for label, values in (("category", [record.category]), ("subject", [record.subject]), ("tags", record.tags)):
        if named := [value for value in values if value]:
            lines.append(f"  - {label}: {', '.join(named)}")
    for source in one.derived_from:
        whom = f" by {source.author}" if source.author else ""
        said = f", {format_when(source.said_ms)}" if source.said_ms is not None else ", no longer held"
        lines.append(f"  - derived from: {source.id}{whom}{said}")
    lines += [f"  - used for: {made}" for made in one.made_from_it]
    for version in one.earlier:
        lines.append(
            f"  - version {version.version} was recorded {format_when(version.recorded_at)} by {version.actor}"
        )
    if record.superseded_by:
        lines.append(f"  - superseded {format_when(record.superseded_at or 0)} by {record.superseded_by}")
    if record.quarantined:
        lines.append("  - kept apart: it is never recalled")
    return "\n".join(lines)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reported(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        known = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else StoreError
        raise known(f"{target} cannot be written ({error.strerror}).") from error
