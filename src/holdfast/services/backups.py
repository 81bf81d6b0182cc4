"""Backing a space up while it is written to: a copy as it was at one moment, looked through before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Protocol

from holdfast.core import border
from holdfast.errors import AlreadyThere, Damaged, InvalidField
from holdfast.model.ids import id_text
from holdfast.model.moving import BackupReport
from holdfast.ports.clock import Clock
from holdfast.ports.spacefiles import Place, SpaceFiles, Tell
from holdfast.ports.store import Reader, SpaceStore

IN_MEMORY = ":memory:"
_BESIDE = ("", "-wal", "-shm", "-lock", "-turn", "-journal", "-vectors", "-vectors.new")


class OpenStore(Protocol):
    """Opens the store in a file that is there, with the keys that the caller has."""

    def __call__(self, path: Path, *, read_only: bool) -> SpaceStore: ...


Examine = Callable[[SpaceStore], list[str]]
"""What is wrong with a space, in words."""


class Backups:
    """Copies of one space.

    Args:
        path: The file of the space, or ``:memory:``.
        is_sealed_whole: SQLite encrypts the file page by page.
    """

    def __init__(
        self,
        path: str,
        files: SpaceFiles,
        open_store: OpenStore,
        examine: Examine,
        clock: Clock,
        *,
        is_sealed_whole: bool,
    ) -> None:
        self._path = path
        self._is_sealed_whole = is_sealed_whole
        self._files = files
        self._open_store = open_store
        self._examine = examine
        self._clock = clock

    def write(self, path: str | Path, *, replace: bool, progress: Tell | None) -> BackupReport:
        """See `Storage.backup`."""
        began_s = self._clock.monotonic_s()
        target = Path(border.check_path(path)).expanduser()
        if self._path == IN_MEMORY:
            raise InvalidField(
                "A space in memory has no file to back up. Nothing was written; memory.storage.journal() gives it all."
            )
        if self._is_sealed_whole:
            raise InvalidField(
                "A file that is encrypted as a whole is not backed up by this call. Nothing was written; close the "
                "space and copy its file, or use memory.storage.journal()."
            )
        source = Path(self._path)
        refuse_own_files(source, target)
        self._refuse_taken(target, replace=replace)
        with self._files.part(target) as part:
            place = self._files.copy(source, part, as_backup=True, tell=progress)
            with closing(self._open_store(part, read_only=True)) as copy:
                at_ms, digest = self._verified(copy, place, target)
                space = id_text(copy.identity.space)
            size = self._files.put(part, target, replace=replace)
        heads = sorted((id_text(node), number, chain.hex()) for node, (number, chain) in place.heads.items())
        return BackupReport(
            path=str(target), space=space, seq=place.seq, at_ms=at_ms, heads=tuple(heads), digest=digest, bytes=size,
            duration_s=self._clock.monotonic_s() - began_s,
        )  # fmt: skip

    def _refuse_taken(self, target: Path, *, replace: bool) -> None:
        if not target.exists():
            return
        if not target.is_file():
            raise InvalidField(f"{target} is not a file. Nothing was written; name the file the backup is to be in.")
        if not replace:
            raise AlreadyThere(
                f"{target} is there already. Nothing was written; give another name, or replace=True to replace it."
            )
        if not self._files.is_backup(target):
            raise AlreadyThere(f"{target} is a space, not a backup of one. It was not changed; give another name.")

    def _verified(self, copy: SpaceStore, place: Place, target: Path) -> tuple[int | None, str]:
        """When the last event of a copy was written, and its digest.

        Raises:
            Damaged: the copy is not what the journal says, or ends elsewhere.
        """
        problems = self._examine(copy)
        with copy.reading() as reader:
            if (reader.head().seq, dict(reader.node_heads())) != (place.seq, place.heads):
                problems.append(f"the copy does not end at event {place.seq}, where the space did")
            at_ms, digest = newest_ms(reader), reader.digest().hex()
        if problems:
            raise Damaged(
                f"What was copied is not sound, so {target} was not written: {'; '.join(problems[:3])}. "
                "Run `holdfast check` on the space itself."
            )
        return at_ms, digest


def refuse_own_files(source: Path, target: Path) -> None:
    """Raise `InvalidField` where a target is one of the files of the space that is copied."""
    own = {Path(f"{source.resolve()}{ending}") for ending in _BESIDE}
    if target.resolve() in own:
        raise InvalidField(f"{target} belongs to the space itself. Nothing was written; give another name.")


def newest_ms(reader: Reader) -> int | None:
    """When the newest event of a journal was written; None in an empty one."""
    seq = reader.head().seq
    return reader.event(seq).header.at_ms if seq else None
