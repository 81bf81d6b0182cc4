"""Writing memories as Markdown into a folder: nothing that is there is overwritten unseen."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from holdfast.core import border, pages
from holdfast.core.pages import Manifest
from holdfast.disk import sync, write_failed
from holdfast.errors import AlreadyThere, InvalidField
from holdfast.model.ids import id_text
from holdfast.model.moving import MarkdownReport
from holdfast.model.records import Record
from holdfast.model.times import format_when
from holdfast.services.ledger import Ledger
from holdfast.services.subjects import Held, Subjects

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform; what a killed export left is then not cleared
    fcntl = None

MANIFEST = "holdfast-export.json"
SUBJECT_PAGE = "about.md"
_HOUSE = "house.db"
"""The registry of a house, by which its folder is known."""
_PART = ".pages.part"
_IN_PART = frozenset(("facts", "facts by category", "sessions", SUBJECT_PAGE, MANIFEST, f"{MANIFEST}.begun"))
_TOP_BYTES = 4_096


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
        _refuse_house(target)
        before = self._taken(target, about=about, replace=replace)
        if about is None:
            made = pages.pages(self._records())
            texts = {page.path: pages.written(page) for page in made}
            memories = {record.id: pages.digest(record.text) for page in made for record in page.records}
            manifest = Manifest(
                id_text(self._ledger.store.identity.space),
                id_text(self._ledger.new_id())[-8:],
                memories,
                {path: _sha256(text.encode()) for path, text in texts.items()},
                {page.path: " ".join(record.id for record in page.records) for page in made},
            )
            texts[MANIFEST] = manifest.written()
            count = len(memories)
        else:
            held = self._subjects.held(about, mentions=mentions)
            texts = {SUBJECT_PAGE: _subject_page(about, held, self._ledger.clock.now_ms())}
            count = len(held)
            manifest = None
        _put(target, texts, before, manifest)
        return MarkdownReport(path=str(target), files=tuple(sorted(texts)), memories=count)

    def _taken(self, target: Path, *, about: str | None, replace: bool) -> Mapping[str, str]:
        """Files of an earlier export that may be replaced, by path with their digests.

        Raises:
            AlreadyThere: there is something else, or edits that were not taken in.
        """
        if not target.exists():
            return {}
        if not target.is_dir():
            raise InvalidField(f"{target} is not a folder. Nothing was written; name the folder for the pages.")
        _clear(target)
        if not any(target.iterdir()):
            return {}
        if not replace:
            raise AlreadyThere(
                f"{target} is not empty. Nothing was written; give another folder, or replace=True where an earlier "
                "export is to be replaced."
            )
        if about is not None:
            return _taken_for_subject(target)
        manifest = manifest_in(target)
        if manifest is None:
            raise AlreadyThere(
                f"{target} holds no export of Holdfast ({MANIFEST} is missing). Nothing was written; "
                "give another folder."
            )
        if manifest.is_begun:
            # Edits cannot be told from pages that were put in place, so every page has to be as it was or was to be.
            for path, digests in manifest.files.items():
                file = target / path
                if is_inside(target, path) and file.is_file() and _digest_of(file) not in digests.split():
                    raise AlreadyThere(
                        f"An export into {target} was stopped while it replaced the pages there, and {path} was "
                        "changed since. Nothing was written; move that page away, or give another folder."
                    )
        elif pending := self._pending(target):
            raise AlreadyThere(
                f"{target} holds {pending} edits that were not imported. Nothing was written; import the folder first."
            )
        return {**manifest.files, MANIFEST: ""}


def _taken_for_subject(target: Path) -> Mapping[str, str]:
    """The page of an earlier export about somebody; the manifest and pages of a whole export are never replaced by it.

    Raises:
        AlreadyThere: there is something else.
    """
    page = target / SUBJECT_PAGE
    if (target / MANIFEST).exists() or not _is_page(page, pages.SUBJECT_FORMAT):
        raise AlreadyThere(
            f"{target} holds no export about somebody ({SUBJECT_PAGE}), or one of the whole space, which this does not "
            "replace. Nothing was written; give another folder."
        )
    return {SUBJECT_PAGE: _digest_of(page)}


def _refuse_house(target: Path) -> None:
    """Raise `InvalidField` for a place inside the folder of a house, which is for its spaces alone."""
    whole = target.resolve()
    for folder in (whole, *whole.parents):
        if (folder / _HOUSE).is_file():
            raise InvalidField(
                f"{target} is in {folder}, the folder of a house, which is for its spaces alone. Nothing was written; "
                "give another folder."
            )


def read_manifest(folder: Path) -> Manifest | None:
    """What an export noted in a folder; None where there is no such note.

    Raises:
        InvalidField: it cannot be read, or its pages were being replaced.
    """
    manifest = manifest_in(folder)
    if manifest is not None and manifest.is_begun:
        raise InvalidField(
            f"An export into {folder} was stopped while it put its pages there, so some may be missing. Nothing was "
            "written; export there again with replace=True (on the command line --force)."
        )
    return manifest


def manifest_in(folder: Path) -> Manifest | None:
    """As `read_manifest`, also of an export that was stopped while it put its pages in place."""
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


def _put(target: Path, texts: Mapping[str, str], before: Mapping[str, str], manifest: Manifest | None) -> None:
    """Write files into a folder, all of them into a part of it first, so that a full disk leaves it as it was."""
    for path in texts:
        file = target / path
        if file.parent.resolve() != (target.resolve() / path).parent:
            raise AlreadyThere(f"{file.parent} leads out of {target}. Nothing was written.")
        if file.exists() and (path not in before or not _is_of_export(target, path, before)):
            raise AlreadyThere(f"{file} is there and of no export. Nothing was written.")
    with _reported(target):
        is_there = target.exists()
        # Inside a folder that is there: it may be a link, or another file system than what it lies in.
        place = target if is_there else target.absolute().parent
        place.mkdir(parents=True, exist_ok=True)
        _clear(place)
        part = Path(tempfile.mkdtemp(dir=place, prefix=f".{target.name[:60]}.", suffix=_PART))
        descriptor = _locked(part)
        try:
            for path, text in texts.items():
                file = part / path
                file.parent.mkdir(mode=0o700, exist_ok=True)
                file.write_bytes(text.encode())
                sync(file)
            if is_there:
                _replace(part, target, texts, before, manifest)
            else:
                part.replace(target)
            sync(place)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)


def _replace(
    part: Path, target: Path, texts: Mapping[str, str], before: Mapping[str, str], manifest: Manifest | None
) -> None:
    """Put new pages over those of an earlier export, under a manifest that no import takes until all are there."""
    if manifest is not None:
        there = {path: _digest_of(target / path) for path in before if path != MANIFEST and (target / path).is_file()}
        either = {path: f"{there.get(path, '')} {manifest.files.get(path, '')}".strip() for path in (*before, *texts)}
        del either[MANIFEST]
        begun = part / f"{MANIFEST}.begun"
        begun.write_text(replace(manifest, files=either, is_begun=True).written(), "utf-8")
        sync(begun)
        begun.replace(target / MANIFEST)
        sync(target)
    for path in sorted(texts, key=lambda path: path == MANIFEST):
        if path == MANIFEST:
            _remove_old(target, texts, before)
        file = target / path
        file.parent.mkdir(mode=0o700, exist_ok=True)
        (part / path).replace(file)
        sync(file.parent)


def _remove_old(target: Path, texts: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Remove what was exported and is not any more; names come from the manifest, which anyone may have edited."""
    for path in before:
        if path not in texts and is_inside(target, path) and _is_of_export(target, path, before):
            (target / path).unlink()


def is_inside(folder: Path, path: str) -> bool:
    """Whether a path that a manifest names is a page below the folder, and no link leads out of it."""
    parts = Path(path).parts
    if len(parts) != 2 or ".." in parts or Path(path).is_absolute() or not path.endswith(".md"):
        return False
    return (folder / path).resolve() == folder.resolve() / path


def _is_of_export(target: Path, path: str, before: Mapping[str, str]) -> bool:
    """Whether a file is one that an export wrote: as it left it, or a page of it that was edited."""
    file = target / path
    if file.resolve() != target.resolve() / path or not file.is_file():
        return False
    if path == MANIFEST or _digest_of(file) in before[path].split():
        return True
    return _is_page(file, pages.SUBJECT_FORMAT if path == SUBJECT_PAGE else pages.PAGE_FORMAT)


def _is_page(file: Path, format_: str) -> bool:
    """Whether the properties at the top of a file say that an export wrote it."""
    try:
        with file.open("rb") as opened:
            lines = opened.read(_TOP_BYTES).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return False
    top = lines[1 : next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)]
    value = next((line.partition(":")[2] for line in top if line.startswith(f"{pages.MARK}:")), "")
    return bool(lines) and lines[0].rstrip() == "---" and value.strip().strip("'\"") == format_


def _clear(place: Path) -> None:
    """Remove parts that killed exports left in a folder: readable pages that no forget would reach."""
    for part in place.glob(f".*{_PART}"):
        names = {one.name for one in part.iterdir()} if part.is_dir() and not part.is_symlink() else set[str]()
        if not names or not names <= _IN_PART:  # an empty one is about to be locked
            continue
        with suppress(OSError):
            descriptor = _locked(part)
            shutil.rmtree(part, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)


def _locked(part: Path) -> int | None:
    """Hold a part against those who clear what was left; None where the system cannot.

    Raises:
        BlockingIOError: somebody else holds it.
    """
    if fcntl is None:
        return None
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


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


def _digest_of(file: Path) -> str:
    return _sha256(file.read_bytes())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _reported(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise write_failed(error, f"{target} cannot be written ({error.strerror}).") from error
