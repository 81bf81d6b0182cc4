"""The checklist: every point in one table. A new one is a function and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from holdfast.core.diagnosis import around, held, place
from holdfast.model.diagnosis import Area, Facts, Finding, State, Told


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist; ``name`` is unique in its area."""

    area: Area
    name: str
    look: Callable[[Facts], Told]


POINTS: Final = (
    Point(Area.MACHINE, "python", around.python),
    Point(Area.MACHINE, "sqlite", around.sqlite),
    Point(Area.MACHINE, "sqlite build", around.sqlite_build),
    Point(Area.MACHINE, "libraries in front", around.preloaded),
    Point(Area.MACHINE, "open files", around.open_files),
    Point(Area.MACHINE, "clock", around.clock),
    Point(Area.CONFIGURATION, "settings", around.settings),
    Point(Area.CONFIGURATION, "settings of the folder", around.folder_settings),
    Point(Area.CONFIGURATION, "who may change settings", around.loose_settings),
    Point(Area.CONFIGURATION, "variables", around.variables),
    Point(Area.CONFIGURATION, "key in the environment", around.key_variable),
    Point(Area.CONFIGURATION, "keyring", around.keyring),
    Point(Area.CONFIGURATION, "place of the keyring", around.keyring_place),
    Point(Area.CONFIGURATION, "counting of reads", around.counting),
    Point(Area.CONFIGURATION, "where texts go", around.leaves),
    Point(Area.CONFIGURATION, "connection", around.connection),
    Point(Area.CONFIGURATION, "hooks of coding agents", around.hooks),
    Point(Area.MODEL, "model", around.model),
    Point(Area.MODEL, "model works", around.model_works),
    Point(Area.MODEL, "model speed", around.model_speed),
    Point(Area.MODEL, "closer look", around.closer_look),
    Point(Area.MODEL, "model of the space", around.model_of_space),
    Point(Area.MODEL, "backlog", around.backlog),
    Point(Area.STORAGE, "folder", place.folder),
    Point(Area.STORAGE, "who may change the folder", place.folder_rights),
    Point(Area.STORAGE, "disk", place.disk),
    Point(Area.STORAGE, "room for a copy", place.room),
    Point(Area.STORAGE, "names left", place.file_names),
    Point(Area.STORAGE, "file system", place.network),
    Point(Area.STORAGE, "kept on a disk", place.memory),
    Point(Area.STORAGE, "container", place.layers),
    Point(Area.STORAGE, "file system program", place.user_space),
    Point(Area.STORAGE, "mount", place.mounted),
    Point(Area.STORAGE, "barriers", place.barriers),
    Point(Area.STORAGE, "syncs are kept", place.sync_kept),
    Point(Area.STORAGE, "speed of syncs", place.sync_speed),
    Point(Area.STORAGE, "synchronised folder", place.synchronised),
    Point(Area.STORAGE, "left over", place.left_over),
    Point(Area.STORAGE, "names of the file", place.names),
    Point(Area.STORAGE, "permissions", place.permissions),
    Point(Area.STORAGE, "owner", place.owner),
    Point(Area.STORAGE, "writing", place.may_write),
    Point(Area.STORAGE, "log", place.log),
    Point(Area.STORAGE, "free pages", place.free_pages),
    Point(Area.SPACE, "space", held.space),
    Point(Area.SPACE, "schema", held.schema),
    Point(Area.SPACE, "encryption", held.encryption),
    Point(Area.SPACE, "data key", held.data_key),
    Point(Area.SPACE, "times", held.ahead),
    Point(Area.SPACE, "copies", held.nodes),
    Point(Area.SPACE, "house", held.house),
    Point(Area.POLICY, "policy", held.policy),
    Point(Area.POLICY, "secrets", held.secrets),
    Point(Area.POLICY, "orders in documents", held.injection),
    Point(Area.POLICY, "quarantine", held.quarantine),
    Point(Area.BACKUPS, "backup", held.backup),
    Point(Area.BACKUPS, "age of the backup", held.backup_age),
    Point(Area.BACKUPS, "place of the backups", held.backup_place),
    Point(Area.BACKUPS, "who may read the backups", held.backup_rights),
    Point(Area.BACKUPS, "forgotten words in backups", held.backup_words),
    Point(Area.RETENTION, "due", held.due),
    Point(Area.RETENTION, "long due", held.long_due),
    Point(Area.RETENTION, "lifetimes", held.lifetimes),
    Point(Area.RETENTION, "history", held.history),
    Point(Area.RETENTION, "history kept", held.history_kept),
    Point(Area.RETENTION, "erased events", held.erased),
    Point(Area.GROWTH, "memories", held.amount),
    Point(Area.GROWTH, "memory of the machine", held.memory_share),
    Point(Area.GROWTH, "pace", held.pace),
    Point(Area.GROWTH, "long texts", held.long_texts),
    Point(Area.GROWTH, "quota", held.quota),
)
"""In the order in which they are shown."""


def examined(facts: Facts) -> tuple[Finding, ...]:
    """What every point says of the facts, in order."""
    findings = list[Finding]()
    for point in POINTS:
        told = point.look(facts)
        findings.append(Finding(point.area, point.name, told.state, told.seen, told.do))
    return tuple(findings)


def counted(findings: tuple[Finding, ...]) -> dict[State, int]:
    """How many findings there are of each state, best state first."""
    return {state: sum(finding.state is state for finding in findings) for state in State}
