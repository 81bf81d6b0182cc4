"""``memory.files``: what an agent writes down for itself, by path, with its history."""

from __future__ import annotations

import builtins

from holdfast.model.files import File
from holdfast.services.files import Files as Filing
from holdfast.space import Space


class Files:
    """The files of a memory. They stand beside what is remembered: recall does not find them, `Memory.forget` does."""

    def __init__(self, space: Space) -> None:
        then, clock = space.as_of_ms, space.ledger.clock
        self._files = Filing(space.aside, space.actor, clock.now_ms if then is None else lambda: then)

    def create(self, path: str, text: str = "") -> File:
        """Make a file; durable when this returns.

        Args:
            path: Relative, by ``/``: up to 32 parts of up to 255 characters, none of them ``.`` or ``..``.
            text: What stands in it, up to 1,000,000 characters; may be empty.

        Raises:
            AlreadyThere: there is a file or folder of that path, or one of its folders is a file.
            InvalidField, InvalidText: the path cannot be one, or the text is not acceptable.
            QuotaExceeded: the space holds 10,000 files.
            Refused: the policy does not let it be kept, would set it apart, or would strike something of the path.
        """
        return self._files.create(path, text)

    def get(self, path: str) -> File:
        """One file, as it is now.

        Raises:
            NotFound: there is none of that path; a folder is none.
        """
        return self._files.get(path)

    def list(self, folder: str = "") -> builtins.list[File]:
        """Every file in a folder, at any depth, by path; without those that a later policy set apart."""
        return self._files.all(folder)

    def write(self, path: str, text: str, *, version: int | File | None = None) -> File:
        """Put another text in the place of what stands in a file; the old one stays in its history.

        Args:
            version: What you have read: where another version holds by now, nothing is written.

        Raises:
            NotFound, InvalidText, Refused.
            EditConflict: another version holds; it has both texts, ``held`` and ``given``.
        """
        return self._files.write(path, text, version=version)

    def history(self, path: str) -> builtins.list[File]:
        """Every version of a file, oldest first, those before a move too, as far back as the history of the space goes.

        Raises:
            NotFound.
        """
        return self._files.history(path)

    def move(self, path: str, to: str) -> builtins.list[File]:
        """Give a file, or a folder with all that is in it, another path, in one durable write.

        Raises:
            NotFound, InvalidField.
            AlreadyThere: ``to`` is there already, or lies in what is to be moved.
            EditConflict: somebody edited one of them meanwhile; nothing was moved.
            Refused: the policy lets no file have that path.
        """
        return self._files.move(path, to)

    def remove(self, path: str) -> builtins.list[str]:
        """Forget a file, or a folder with all that is in it, with all versions, for good; gives the paths.

        The path and the words may be used again.

        Raises:
            NotFound.
        """
        return self._files.remove(path)
