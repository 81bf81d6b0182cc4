"""``memory.blocks``: bounded texts that stand in the prompt, edited by agents and people, with their history."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from holdfast.model.blocks import Block
from holdfast.space import Space


class Blocks:
    """The blocks of a memory, by label. ``blocks["persona"]`` is one to read, and to write to what was read."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def __getitem__(self, label: str) -> HeldBlock:
        return HeldBlock(self, self.get(label))

    def create(
        self,
        label: str,
        text: str = "",
        *,
        description: str = "",
        limit_chars: int | None = None,
        limit_tokens: int | None = None,
        writers: Sequence[str] | None = None,
    ) -> Block:
        """Make a block; durable when this returns.

        Args:
            label: A plain name of up to 64 letters, digits and ``.`` ``-`` ``_``.
            text: What stands in it; may be empty.
            description: What it is for, in words for whoever edits it.
            limit_chars, limit_tokens: The most that it may hold, 1 to 100,000, in characters or in tokens as the space
                counts them; 2,000 characters where neither is given.
            writers: The principals that may edit it, beside ``owner``; others only read. Everybody where None.

        Raises:
            AlreadyThere: there is one of that label.
            InvalidField, InvalidText: the label cannot be one, or a value is not acceptable.
            OverLimit: the text is too long for it, by how much.
            NotAllowed: you are not among the writers that you name.
            Refused: the policy does not let it be kept as it is, or would set it apart.
        """
        return self._space.blocks.create(
            label, text, description=description, limit_chars=limit_chars, limit_tokens=limit_tokens, writers=writers
        )

    def get(self, label: str) -> Block:
        """One block, as it is now.

        Raises:
            NotFound: there is none of that label.
        """
        return self._space.blocks.get(label)

    def list(self) -> builtins.list[Block]:
        """Every block, by label; without those that a later policy set apart."""
        return self._space.blocks.all()

    def write(self, label: str, text: str, *, version: int | Block | None = None) -> Block:
        """Put another text in the place of what stands in a block; the old one stays in its history.

        Args:
            version: What you have read: where another version holds by now, nothing is written. The `Block` itself
                is also told from one that has its number, made anew under the label or on another device.

        Raises:
            NotFound, NotAllowed, InvalidText, Refused.
            OverLimit: too long, by how much.
            EditConflict: another version holds; it has both texts, ``held`` and ``given``.
        """
        return self._space.blocks.write(label, text, version=version)

    def append(self, label: str, text: str, *, version: int | Block | None = None) -> Block:
        """Add a line at the end of a block, whatever was written there meanwhile; see `write`."""
        return self._space.blocks.append(label, text, version=version)

    def replace(self, label: str, old: str, new: str, *, version: int | Block | None = None) -> Block:
        """Replace a part of a block by another text, or by nothing; see `write`.

        Args:
            old: Must stand in it exactly once, to the letter.

        Raises:
            InvalidText: it does not; the message says how often it does.
        """
        return self._space.blocks.replace(label, old, new, version=version)

    def history(self, label: str) -> builtins.list[Block]:
        """Every version of a block, oldest first, as far back as the history of the space goes.

        Raises:
            NotFound.
        """
        return self._space.blocks.history(label)

    def revert(self, label: str, version: int) -> Block:
        """Write again what stood in an earlier version, as a further one. Its limit and writers stay as they are.

        Raises:
            NotFound: there is no such block or version.
            OverLimit: it is too long for the limit of now.
            NotAllowed, Refused.
        """
        return self._space.blocks.revert(label, version)

    def revise(
        self,
        label: str,
        *,
        description: str | None = None,
        limit_chars: int | None = None,
        limit_tokens: int | None = None,
        writers: Sequence[str] | None = None,
        everyone: bool = False,
    ) -> Block:
        """Change what is noted about a block, never what it says; what is None stays as it is.

        Args:
            everyone: From now on everybody may edit it.

        Raises:
            OverLimit: it holds more than the new limit.
            NotFound, NotAllowed, InvalidField.
        """
        return self._space.blocks.revise(
            label, description=description, limit_chars=limit_chars, limit_tokens=limit_tokens, writers=writers,
            everyone=everyone,
        )  # fmt: skip

    def remove(self, label: str) -> None:
        """Forget a block with all its versions, for good; its label can be used again. So does `Memory.forget`.

        Raises:
            NotFound, NotAllowed.
        """
        self._space.blocks.remove(label)


class HeldBlock:
    """A block as it was read, to write to: `write` is a conflict where somebody else edited it since.

    Attributes:
        value: The version that was read, or last written through this.
    """

    def __init__(self, blocks: Blocks, value: Block) -> None:
        self._blocks = blocks
        self.value = value

    @property
    def label(self) -> str:
        return self.value.label

    @property
    def text(self) -> str:
        return self.value.text

    @property
    def description(self) -> str:
        return self.value.description

    @property
    def version(self) -> int:
        return self.value.version

    @property
    def limit(self) -> int:
        """The most that it may hold, in characters or tokens: see ``value.unit``."""
        return self.value.limit

    def write(self, text: str) -> Block:
        """See `Blocks.write`, with what was read."""
        self.value = self._blocks.write(self.label, text, version=self.value)
        return self.value

    def append(self, text: str) -> Block:
        """See `Blocks.append`; to what holds now."""
        self.value = self._blocks.append(self.label, text)
        return self.value

    def replace(self, old: str, new: str) -> Block:
        """See `Blocks.replace`; in what holds now."""
        self.value = self._blocks.replace(self.label, old, new)
        return self.value
