"""Files: made, read, edited, moved and removed, each edit decided against the version that holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from holdfast.core import files
from holdfast.core.codec import encode_content
from holdfast.core.naming import generation
from holdfast.core.view import View
from holdfast.errors import AlreadyThere, EditConflict, NotFound, QuotaExceeded, Refused
from holdfast.model.events import Draft, EventType
from holdfast.model.files import File
from holdfast.model.ids import id_text
from holdfast.model.records import Content, Kind, Record
from holdfast.services.aside import Aside

REMOVED = "file removed"
"""The reason in the receipt of files that were removed."""
MOVED = "file moved"
EXPIRED = "the file's time was up"


class Files:
    """The files of one space, for one principal.

    Args:
        now: Milliseconds since the epoch.
    """

    def __init__(self, aside: Aside, actor: str, now: Callable[[], int]) -> None:
        self._aside = aside
        self._actor = actor
        self._now = now

    def create(self, path: str, text: str) -> File:
        checked, said = files.check_file_path(path), files.check_file_text(text)
        self._check_room(checked)

        def make(old: Record | None) -> Content:
            if old is not None:
                raise AlreadyThere(
                    f"There is a file {checked!r} already, at version {old.version}. Nothing was written."
                )
            return files.file_content(checked, said, self._now(), self._actor)

        over = self._aside.find(Kind.FILE, checked)
        if over is not None and self._is_over(over):
            self._aside.forget([over.id], EXPIRED)
        return files.file_of(self._aside.change(Kind.FILE, checked, make, lambda kept: _check(kept, checked, None)))

    def get(self, path: str) -> File:
        checked = files.check_file_path(path)
        return files.file_of(self._held(checked, self._aside.find(Kind.FILE, checked)))

    def all(self, folder: str) -> list[File]:
        """Every file in a folder, at any depth, by its path, without those that a policy set apart."""
        within = files.check_file_path(folder) if folder else ""
        found = [files.file_of(one) for one in self._standing() if files.is_in(files.path_of(one), within)]
        return sorted((one for one in found if not one.quarantined), key=lambda one: one.path.split("/"))

    def write(self, path: str, text: str, *, version: int | File | None) -> File:
        checked, said = files.check_file_path(path), files.check_file_text(text)
        held: Record | None = None

        def make(old: Record | None) -> Content:
            nonlocal held
            held = self._held(checked, old)
            files.check_version(version, held, said)
            # An edit is no release of what a policy set apart.
            made = files.file_content(checked, said, self._now(), self._actor)
            return replace(made, quarantined=held.quarantined, marks=held.marks if held.quarantined else ())

        return files.file_of(self._aside.change(Kind.FILE, checked, make, lambda kept: _check(kept, checked, held)))

    def history(self, path: str) -> list[File]:
        """Every version, oldest first."""
        checked = files.check_file_path(path)
        self._held(checked, self._aside.find(Kind.FILE, checked))
        return [files.file_of(one) for one in self._aside.versions(Kind.FILE, checked)]

    def move(self, path: str, to: str) -> list[File]:
        """Give a file, or every file in a folder, another path in one durable write; its versions go with it."""
        old, new = files.check_file_path(path), files.check_file_path(to)
        moving = self._under(old)
        self._check_room(new, moving)
        paths = {files.path_of(one): new + files.path_of(one).removeprefix(old) for one in moving}
        if files.is_in(new, old):
            raise AlreadyThere(f"{new!r} lies in {old!r}, which cannot be moved into itself. Nothing was moved.")
        for target in paths.values():
            # Its texts were judged when they came; where they lie from now on was not.
            named = files.file_content(files.check_file_path(target), "", self._now(), self._actor)
            _check(self._aside.admitted(named), target, None)
        versions = {one.id: self._aside.versions(Kind.FILE, files.path_of(one)) for one in moving}

        def drafts(view: View, secret: bytes) -> Sequence[Draft]:
            made = list[Draft]()
            for one in moving:
                target = paths[files.path_of(one)]
                self._check_held(view, one)
                record, version = generation(view, self._aside.ids(Kind.FILE, target))
                if version:
                    raise AlreadyThere(f"There is a file {target!r} already. Nothing was moved.")
                for number, then in enumerate(versions[one.id], 1):
                    content = _at(then, target)
                    kind = EventType.REMEMBERED if number == 1 else EventType.REVISED
                    made.append(Draft(kind, record, number, encode_content(content), content=content))
            return made

        self._aside.replace([one.id for one in moving], drafts, MOVED)
        return [self.get(target) for target in sorted(paths.values())]

    def remove(self, path: str) -> list[str]:
        """Erase a file, or every file in a folder, with all versions; gives their paths."""
        gone = self._under(files.check_file_path(path))
        self._aside.replace([one.id for one in gone], lambda view, secret: (), REMOVED)
        return sorted(files.path_of(one) for one in gone)

    def _standing(self) -> list[Record]:
        return [record for record in self._aside.all(Kind.FILE) if not self._is_over(record)]

    def _under(self, path: str) -> list[Record]:
        """The file of that path, or those in the folder."""
        found = [one for one in self._standing() if path == files.path_of(one) or files.is_in(files.path_of(one), path)]
        if not found:
            raise NotFound(f"There is no file or folder {path!r} in this space. Nothing was changed.")
        return found

    def _check_room(self, path: str, leaving: Sequence[Record] = ()) -> None:
        """Refuse a path that is a folder, lies in a file, or is one too many."""
        away = {one.id for one in leaving}
        standing = self._standing()
        paths = {files.path_of(one) for one in standing if one.id not in away}
        inside = next((one for one in files.folders_of(path) if one in paths), None)
        if inside is not None:
            raise AlreadyThere(f"{inside!r} is a file, and nothing lies in it. Nothing was written.")
        if any(files.is_in(one, path) for one in paths):
            raise AlreadyThere(f"There is a folder {path!r} already. Nothing was written.")
        if not leaving and len(standing) >= files.MOST_FILES:
            raise QuotaExceeded(
                f"The space holds {files.MOST_FILES:,} files already. Nothing was written; remove some."
            )

    def _check_held(self, view: View, one: Record) -> None:
        """Refuse to move what somebody else edited since it was read."""
        record, version = generation(view, self._aside.ids(Kind.FILE, files.path_of(one)))
        if (id_text(record), version) != (one.id, one.version):
            raise EditConflict(f"The file {files.path_of(one)!r} was edited meanwhile. Nothing was moved; try again.")

    def _held(self, path: str, record: Record | None) -> Record:
        if record is None or self._is_over(record):
            raise NotFound(f"There is no file {path!r} in this space. Nothing was written; create it first.")
        return record

    def _is_over(self, record: Record) -> bool:
        return record.expires_at is not None and record.expires_at <= self._now()


def _check(kept: Content, path: str, held: Record | None) -> None:
    """Refuse what a policy would set apart, unless it stood apart before: an agent reads its files as they are.

    Refused is a path, too, of which the policy would strike something: nobody would find the file under what is left.
    """
    if files.path_of(kept) != path:
        raise Refused("The policy would change the path of the file. Nothing was written; take another path.")
    if kept.quarantined and not (held and held.quarantined):
        raise Refused(
            "The policy would set this apart, and an agent reads its files as they are. Nothing was written.",
            tuple(f"{mark} content" for mark in kept.marks),
        )


def _at(record: Record, path: str) -> Content:
    """A version of a file under another path, all else as it was."""
    moved = files.file_content(path, files.text_of(record), record.valid_from, record.actor)
    held = Content(**{field.name: getattr(record, field.name) for field in fields(Content)})
    return replace(held, text=moved.text, body=moved.body)
