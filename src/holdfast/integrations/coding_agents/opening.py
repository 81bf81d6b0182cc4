"""Opening spaces for hooks: by whose settings, and what tells whether a space that is open still is the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.config import Settings, load_settings
from holdfast.model.policy import Action, Policy, Sensitive

if TYPE_CHECKING:
    from holdfast.memory import Memory


def settings_for(environment: Mapping[str, str], root: Path, nowhere: Path) -> Settings:
    """The user's settings, with the policy of the project's file where that is stricter; nothing else of that file.

    Whatever the policy says, credentials are refused: nobody chooses what stands in a transcript.

    Args:
        nowhere: A folder without a configuration file.

    Raises:
        InvalidField: a file cannot be used.
    """
    settings = load_settings(environment=environment, folder=nowhere)
    policy = load_settings(environment=environment, folder=root).policy or settings.policy or Policy()
    return replace(settings, policy=replace(policy, actions={**policy.actions, Sensitive.CREDENTIAL: Action.REFUSE}))


def open_space(path: Path, settings: Settings, *, create: bool) -> Memory:
    """The space in a file, under the settings of hooks.

    Raises:
        HoldfastError: it cannot be opened.
    """
    from holdfast.memory import Memory

    key = settings.key
    if settings.keyring is not None:
        from holdfast.adapters.keyring import Keyring

        key = Keyring.open(settings.keyring, create=False)
    if create:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Memory.open(
        path,
        embedder=None if settings.embedder.lower() == "none" else settings.embedder,
        as_=settings.principal,
        create=create,
        policy=settings.policy,
        touches=settings.touches,
        key=key,
        tiers=settings.tiers or None,
    )


def ways_of(settings: Settings) -> tuple[object, ...]:
    """What `open_space` heeds of the settings."""
    return (
        settings.embedder, settings.principal, settings.policy, settings.touches, settings.key, settings.keyring,
        settings.tiers,
    )  # fmt: skip


def signature_of(path: Path) -> tuple[int, ...] | None:
    """What tells a file from what it was."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
