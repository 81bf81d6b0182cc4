"""What `holdfast doctor` looks at, and what it says of it: facts that were gathered, and findings.

Every fact is a plain value, so that a point of the checklist is decided without looking at the machine again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from holdfast.model.encryption import Encryption
from holdfast.model.insight import Summary
from holdfast.model.policy import Policy


class State(StrEnum):
    """How a point of the checklist stands, best first."""

    OK = "ok"
    NOT_APPLICABLE = "not applicable"
    NOTE = "note"
    """Nothing is wrong; somebody should know."""
    WARNING = "warning"
    """It works, and something may be lost, seen or slow."""
    PROBLEM = "problem"
    """It does not work, or not as promised."""


class Area(StrEnum):
    """What a point is about."""

    MACHINE = "machine"
    CONFIGURATION = "configuration"
    MODEL = "model"
    STORAGE = "storage"
    SPACE = "space"
    POLICY = "policy"
    BACKUPS = "backups"
    RETENTION = "retention"
    GROWTH = "growth"


@dataclass(frozen=True, slots=True)
class Told:
    """What a point says: its state, what was seen, and what to do where that is not as it should be."""

    state: State
    seen: str
    do: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist."""

    area: Area
    name: str
    state: State
    seen: str
    do: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """The computer and what runs on it.

    Attributes:
        sqlite: Version of the SQLite that is used; None where apsw cannot be imported, ``sqlite_error`` says why.
        threadsafe: What SQLite was built with; 0 for a build that is not safe to use from threads.
        open_files: The most files this process may open; None for no bound or unknown.
        memory_bytes: Of the whole machine; None where it is unknown.
        indexes_vectors: usearch is installed, with which large spaces have an index of vectors.
        preloaded: Libraries that are put in front of all others (LD_PRELOAD).
    """

    python: tuple[int, int] = (3, 12)
    system: str = "Linux"
    words: str = "Python"
    sqlite: tuple[int, ...] | None = None
    apsw: str = ""
    sqlite_error: str | None = None
    threadsafe: int = 1
    open_files: int | None = None
    memory_bytes: int | None = None
    preloaded: str = ""
    indexes_vectors: bool = False


@dataclass(frozen=True, slots=True)
class KeyringSeen:
    """The keyring that settings name.

    Attributes:
        wrong: Why it cannot be used; None where it can.
        beside: It lies in the folder of the space, or of the house.
        keys: How many keys it holds.
    """

    path: str
    wrong: str | None = None
    beside: bool = False
    keys: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """What settings say, and who says it.

    Attributes:
        values: By name of the setting: its value and who set it.
        broken: Why the files cannot be read; the values are those without files then.
        from_folder: The configuration file of the working folder, which may have come with it.
        loose: Configuration files that others on this machine may write.
        unknown: Variables that begin with HOLDFAST_ and mean nothing.
        key_in_variable: An encryption key stands in the environment.
        sends_to: The host that texts are sent to for embedding; None where they stay here.
        sends_openly: They go there unencrypted, and it is another machine.
        keep_days: Days of history that are to be kept; None for all.
    """

    values: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    files: tuple[str, ...] = ()
    broken: str | None = None
    from_folder: str | None = None
    loose: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    key_in_variable: bool = False
    keyring: KeyringSeen | None = None
    sends_to: str | None = None
    sends_openly: bool = False
    touches: bool = True
    keep_days: float | None = None


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """The embedding model.

    Attributes:
        wanted: As the settings name it.
        missing: Why there is none; None where one was found.
        failed: Why it does not work; None where it does.
        took_ms: Loading it and asking it for a first vector, and for a second one.
        tokens: It gives vectors of single tokens, which thorough recalls look at.
    """

    wanted: str = "auto"
    missing: str | None = None
    failed: str | None = None
    fingerprint: str | None = None
    dimensions: int = 0
    took_ms: tuple[float, float] = (0.0, 0.0)
    tokens: bool = True


@dataclass(frozen=True, slots=True)
class Mount:
    """The mount that a folder is on.

    Attributes:
        kind: Type of the file system, such as ``ext4`` or ``fuse.sshfs``.
        options: Of the mount and of the file system.
    """

    point: str
    kind: str
    source: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of the space, and the disk it is on.

    Attributes:
        folder: The folder, or the nearest above it that is there.
        mode: Its permissions.
        free_bytes, free_files: What is left on the file system; None where that is unknown.
        mount: None where the system does not say.
        synced_by: A program that copies the folder to other machines, told by its path.
        sync_s: Seconds that each of some small synced writes took; empty where none could be made.
        left: Copies that a killed backup, restore or export left.
    """

    folder: str = ""
    exists: bool = True
    writable: bool = True
    mode: int = 0o700
    free_bytes: int | None = None
    free_files: int | None = None
    mount: Mount | None = None
    synced_by: str | None = None
    sync_s: tuple[float, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSeen:
    """The file of the space, from outside.

    Attributes:
        links: Names that the file has.
        log_bytes: Size of the write-ahead log beside it.
    """

    path: str
    size_bytes: int = 0
    mode: int = 0o600
    mine: bool = True
    writable: bool = True
    is_link: bool = False
    links: int = 1
    log_bytes: int = 0


@dataclass(frozen=True, slots=True)
class FileInside:
    """What the file of a space, or a backup of one, says of itself without a key.

    Attributes:
        schema, newest_schema: Of the file, and of this library.
        pages, free_pages, page_bytes: Pages in all, of them those that hold nothing.
        seq: The newest event.
        newest_ms: When the newest event was written, by the clock of whoever wrote it; None where there is none.
        month_payload_bytes: Bytes of payloads written in the last 30 days.
        month_events: Events written in the last 30 days.
        most_payload_bytes: The largest payload.
        erased: Events of which the payload was erased.
        nodes: Nodes that wrote events.
        due_ms: When the memory that is due first was due; None where none has a bound.
        forgets: Places of the last forgets among the events, newest first, at most a thousand.
    """

    space: str = ""
    schema: int = 1
    newest_schema: int = 1
    pages: int = 0
    free_pages: int = 0
    page_bytes: int = 8192
    seq: int = 0
    newest_ms: int | None = None
    month_payload_bytes: int = 0
    month_events: int = 0
    most_payload_bytes: int = 0
    erased: int = 0
    nodes: int = 1
    due_ms: int | None = None
    forgets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SpaceSeen:
    """A space that opened.

    Attributes:
        prunable: Events that are older than the settings let them be, by a week and more; None where nothing bounds
            them, or the principal may not prune.
    """

    summary: Summary
    inside: FileInside
    encryption: Encryption | None = None
    prunable: int | None = None


@dataclass(frozen=True, slots=True)
class BackupSeen:
    """A backup of the space that was found.

    Attributes:
        taken_ms: When its file was written last.
        seq: The newest event in it.
        same_disk: It is on the same file system as the space.
    """

    path: str
    taken_ms: int
    seq: int
    mode: int = 0o600
    same_disk: bool = True


@dataclass(frozen=True, slots=True)
class HouseSeen:
    """The house that a space is in, or that was asked about.

    Attributes:
        problems: What its check found; None where the principal may not ask.
        spaces: Spaces that the principal may see.
        used: Of the space: the largest share of a bound of its quota that is used, 0 to 1; None without a quota.
    """

    folder: str
    problems: tuple[str, ...] | None = None
    spaces: int = 0
    used: float | None = None


@dataclass(frozen=True, slots=True)
class HooksSeen:
    """What the hooks of coding agents noted.

    Attributes:
        ok_ms: When one last went well, milliseconds since the epoch; 0 for never.
        failing: Where it went wrong since, on which event, why and how often; the latest first.
    """

    ok_ms: int
    failing: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checklist is decided from.

    Attributes:
        now_ms: Milliseconds since the epoch.
        file: None where there is none.
        space: None where it did not open, or was not asked about; ``refused`` and ``remedy`` say why and what to do.
        policy: What may be kept, as the settings and the house have it; None for everything.
        backups: Backups of the space, newest first; None where it is not known which space it is.
        looked_in: Where backups were looked for.
        house: None where a file is used.
        hooks: None where no coding agent ever called one.
    """

    now_ms: int
    machine: Machine
    configuration: Configuration
    model: ModelSeen
    place: Place
    file: FileSeen | None = None
    space: SpaceSeen | None = None
    refused: str | None = None
    remedy: str | None = None
    policy: Policy | None = None
    backups: tuple[BackupSeen, ...] | None = None
    looked_in: tuple[str, ...] = ()
    house: HouseSeen | None = None
    hooks: HooksSeen | None = None
