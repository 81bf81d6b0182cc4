"""The port through which a house keeps its spaces, principals and grants."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from holdfast.model.access import AuditEntry, Grant, HeldSpace, Quota, Right, Standing
from holdfast.model.house import DropReceipt

SpaceRef = str | bytes
"""A space by the key of its name, or by its id."""


class RegistryView(Protocol):
    """What the registry holds at one moment."""

    def standing(self, space: SpaceRef, principal: str) -> Standing:
        """How a principal stands to a space; one and the same question whether either is known or not."""
        ...

    def standings(self, principal: str) -> Sequence[Standing]:
        """How a principal stands to every space it holds a grant on, or administers; by name."""
        ...

    def spaces(self) -> Sequence[HeldSpace]:
        """Every space, by name."""
        ...

    def grants(self, space: bytes) -> Sequence[Grant]:
        """The grants on a space, by principal."""
        ...

    def receipts(self) -> Sequence[DropReceipt]:
        """The tombstones of dropped spaces, oldest first; pending where files are still to be erased."""
        ...

    def audit(self) -> Sequence[AuditEntry]:
        """Every change, oldest first."""
        ...

    def audit_head(self) -> tuple[int, bytes]:
        """Number and chain value of the newest change; (0, b"") before the first."""
        ...


class RegistryDesk(RegistryView, Protocol):
    """A registry that is being changed, alone. Principals are taken in when they are first named."""

    def add_space(self, space: HeldSpace, key: str) -> None: ...

    def rename_space(self, space: bytes, name: str, key: str) -> None: ...

    def mark_made(self, space: bytes) -> None: ...

    def set_quota(self, space: bytes, quota: Quota) -> None: ...

    def set_policy(self, space: bytes, policy: str | None) -> None: ...

    def put_grant(self, space: bytes, principal: str, right: Right | None, by: str, at_ms: int) -> None:
        """Set what a principal may do in a space; None takes the grant away."""
        ...

    def bury(self, space: bytes, receipt: DropReceipt) -> None:
        """Put a receipt in the place of a space, its name, its quota and its grants."""
        ...

    def finish(self, receipt: DropReceipt) -> None:
        """Record that the files of a buried space are erased."""
        ...

    def append(self, entry: AuditEntry) -> None: ...


class Registry(Protocol):
    """The registry of one house.

    Guarantees: a change is durable and wholly there or not at all; changes are serialised over threads and
    processes; a view sees every change that was made before it was asked for, in any process.
    """

    def viewing(self) -> AbstractContextManager[RegistryView]: ...

    def changing(self) -> AbstractContextManager[RegistryDesk]:
        """Change the registry for the time of a ``with``; an exception undoes all of it.

        Raises:
            StoreBusy, StoreFull, StoreReadOnly, Damaged, Closed.
        """
        ...

    def truncate_log(self) -> bool:
        """Let erased bytes leave the disk; False while another reader still needs them."""
        ...

    def problems(self) -> list[str]:
        """What is wrong with the registry's file, in words."""
        ...

    def close(self) -> None:
        """Release everything; a second call does nothing."""
        ...
