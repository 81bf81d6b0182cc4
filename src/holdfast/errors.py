"""Every error Holdfast raises on purpose.

The docstring of a class is its default message. ``retryable`` says whether the same call may
succeed later without a change by the caller.

    HoldfastError
    ├── InvalidInput (ValueError)
    │   ├── InvalidText          ├── InvalidTime       ├── InvalidVector
    │   ├── InvalidFilter        ├── InvalidField      ├── OverLimit
    │   └── UnknownFormat
    ├── NotFound (LookupError)
    ├── Conflict
    │   ├── VersionConflict      ├── KeyReused         ├── Rejected
    │   ├── ConfirmationNeeded   ├── AlreadyThere      └── EditConflict
    ├── Gone
    ├── HistoryPruned
    ├── NotAllowed
    ├── Refused
    │   └── Recalled
    ├── StoreError
    │   ├── NotASpace            ├── NewerSchema       ├── Damaged
    │   ├── StoreReadOnly        ├── StoreFull         ├── StoreBusy
    │   ├── KeyNeeded            ├── WrongKey          ├── NotEncrypted
    │   ├── KeySpent             ├── KeyringUnusable
    │   ├── QuotaExceeded        ├── WorkingStoreUnavailable
    │   ├── TooManyMemories      └── Closed
    ├── ModelMismatch
    ├── EmbedderError
    │   ├── NoEmbedder           ├── EmbedderRefused
    │   └── EmbedderUnavailable
    │       └── EmbedderPaused
    ├── ModelError
    │   ├── NoLanguageModel      ├── ModelUnavailable      └── ModelRefused
    └── ImportStopped
"""

from __future__ import annotations

from collections.abc import Sequence


class HoldfastError(Exception):
    """Holdfast could not do what was asked."""

    retryable: bool = False

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").splitlines()[0])


class InvalidInput(HoldfastError, ValueError):
    """A value given to Holdfast is not one it accepts. Nothing was written."""


class InvalidText(InvalidInput):
    """A text is empty, too long, or holds characters that cannot be stored. Nothing was written."""


class InvalidTime(InvalidInput):
    """A time cannot be read or is out of range. Nothing was written."""


class InvalidVector(InvalidInput):
    """A vector has the wrong length or a value that is not finite. Nothing was written."""


class InvalidFilter(InvalidInput):
    """A filter names an unknown field or holds a value it cannot match."""


class InvalidField(InvalidInput):
    """A field is unknown or holds a value outside its range. Nothing was written."""


class OverLimit(InvalidInput):
    """A text is longer than the limit of the block it is for. Nothing was written."""

    def __init__(self, message: str | None = None, *, over: int = 0, limit: int = 0, unit: str = "characters") -> None:
        super().__init__(message)
        self.over = over
        self.limit = limit
        self.unit = unit


class UnknownFormat(InvalidInput):
    """A file is in a format Holdfast does not read. Nothing was written."""


class NotFound(HoldfastError, LookupError):
    """There is no memory with that id in this space."""


class Conflict(HoldfastError):
    """The change contradicts what is stored. Nothing was written."""


class VersionConflict(Conflict):
    """The memory changed since the version you named. Nothing was written; read it again and decide."""


class EditConflict(Conflict):
    """Somebody else edited the text since the version you named. Nothing was written; join the two and write again."""

    def __init__(self, message: str | None = None, *, held: str = "", given: str = "") -> None:
        super().__init__(message)
        self.held = held
        self.given = given


class KeyReused(Conflict):
    """The idempotency key was used before with other arguments. Nothing was written."""


class Rejected(Conflict):
    """These words were corrected and do not come back by themselves. Nothing was written."""


class ConfirmationNeeded(Conflict):
    """This would forget more than may be forgotten without a look at it first. Nothing was forgotten."""


class AlreadyThere(Conflict):
    """There is a space of that name, or of one that looks like it, already. Nothing was changed."""


class Gone(HoldfastError):
    """That memory was forgotten and stays forgotten. Nothing was written."""


class HistoryPruned(HoldfastError):
    """That part of the history was pruned. What is held now is all there; nothing was changed."""


class NotAllowed(HoldfastError):
    """There is no such space, or you may not do that there; which of the two is not told. Nothing was done."""


class Refused(HoldfastError):
    """The policy keeps nothing of this. Nothing was written."""

    def __init__(self, message: str | None = None, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


class Recalled(Refused):
    """These words were recalled from this memory before and are not learned again. Nothing was written."""

    def __init__(
        self, message: str | None = None, reasons: tuple[str, ...] = (), *, memories: Sequence[str] = ()
    ) -> None:
        super().__init__(message, reasons)
        self.memories = tuple(memories)


class StoreError(HoldfastError):
    """The store cannot do what was asked."""


class NotASpace(StoreError):
    """The file is not a Holdfast space. It was not changed."""


class NewerSchema(StoreError):
    """The space was written by a newer Holdfast. It was not changed; upgrade Holdfast to open it."""


class Damaged(StoreError):
    """The space holds bytes that are not the ones that were written. Run `holdfast check`."""


class StoreReadOnly(StoreError):
    """The space cannot be written here. Nothing was written."""


class StoreFull(StoreError):
    """The disk is full. Nothing of this change was written; what was acknowledged before is kept."""

    retryable = True


class StoreBusy(StoreError):
    """Another process kept the space locked for too long. Nothing was written."""

    retryable = True


class KeyNeeded(StoreError):
    """The space is encrypted and there is no key for it. It was not changed."""


class WrongKey(StoreError):
    """The space is encrypted with another key. It was not changed."""


class NotEncrypted(StoreError):
    """A key was given for a space that is not encrypted. It was not changed."""


class KeySpent(StoreError):
    """The space's data key has encrypted as much as it safely may; change it. Nothing was written."""


class KeyringUnusable(StoreError):
    """The keyring cannot be used. No key was changed."""


class TooManyMemories(StoreError):
    """The space holds as many memories as one can. Nothing of this was written; what it holds is kept."""


class QuotaExceeded(StoreError):
    """The space has reached its quota. Nothing of this write was kept; what was acknowledged before is."""


class WorkingStoreUnavailable(StoreError):
    """The store of the working memory cannot be reached. What was said is durable; values for a while may be lost."""

    retryable = True


class Closed(StoreError):
    """The memory was closed; open it again to use it."""


class ModelMismatch(HoldfastError):
    """The space holds vectors of another embedding model. Nothing was written."""


class EmbedderError(HoldfastError):
    """The embedding model failed. Stored memories are kept and will be embedded later."""


class NoEmbedder(EmbedderError):
    """No embedding model was found on this machine."""


class EmbedderUnavailable(EmbedderError):
    """The embedding model cannot be reached now. Stored memories are kept and will be embedded later."""

    retryable = True


class EmbedderPaused(EmbedderUnavailable):
    """The embedding model failed several times in a row and is left alone for a while; it was not asked."""


class EmbedderRefused(EmbedderError):
    """The embedding model refused these texts. They are kept and stay searchable by their words."""


class ModelError(HoldfastError):
    """The language model failed. Nothing that was stored is lost."""


class NoLanguageModel(ModelError):
    """No language model can be asked from here."""


class ModelUnavailable(ModelError):
    """The language model cannot be reached now, or broke off its answer. Nothing that was stored is lost."""

    retryable = True


class ModelRefused(ModelError):
    """The service of the language model refused the request, or its answer cannot be read."""


class ImportStopped(HoldfastError):
    """An import stopped before the end. What was imported before is kept; importing again adds nothing twice."""
