"""The checklist: each point is quiet where all is well, and speaks, with what to do, where something is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from holdfast.core.diagnosis import telling
from holdfast.core.diagnosis.checklist import POINTS, Point, counted, examined
from holdfast.model.diagnosis import (
    Area,
    BackupSeen,
    Configuration,
    Facts,
    FileInside,
    FileSeen,
    HooksSeen,
    HouseSeen,
    KeyringSeen,
    Machine,
    ModelSeen,
    Mount,
    Place,
    SpaceSeen,
    State,
)
from holdfast.model.encryption import Encryption
from holdfast.model.insight import Summary
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
OK, NOTE, WARNING, PROBLEM = State.OK, State.NOTE, State.WARNING, State.PROBLEM

SUMMARY = Summary(
    space="00" * 16, live=900, superseded=10, forgotten=1, by_kind={}, by_category={}, by_author={}, sessions=3,
    oldest_ms=1, newest_ms=2, events=1_000, pending=0, model="minilm/1", size_bytes=5_000_000,
)  # fmt: skip
INSIDE = FileInside(
    space="00" * 16, pages=600, free_pages=3, seq=1_000, newest_ms=NOW_MS - 1_000, month_payload_bytes=60_000,
    month_events=100, most_payload_bytes=900, erased=1, due_ms=NOW_MS + DAY_MS, forgets=(400,),
)  # fmt: skip
WELL = Facts(
    now_ms=NOW_MS,
    machine=Machine(sqlite=(3, 54, 1), apsw="3.54.1.0", open_files=1_024, memory_bytes=8_000_000_000),
    configuration=Configuration(
        values={"db": ("/data/space.db", "--db")},
        files=("/etc/a/holdfast.toml",),
        keyring=KeyringSeen("/etc/a/keys", keys=1),
        sends_to="api.example.com",
        keep_days=30.0,
    ),
    model=ModelSeen(fingerprint="minilm/1", dimensions=384, took_ms=(200.0, 2.0)),
    place=Place(
        folder="/data",
        free_bytes=50_000_000_000,
        free_files=1_000_000,
        mount=Mount("/", "ext4", "/dev/vda", frozenset(("rw", "relatime"))),
        sync_s=(0.002, 0.003, 0.002),
    ),
    file=FileSeen("/data/space.db", size_bytes=5_000_000),
    space=SpaceSeen(SUMMARY, INSIDE, Encryption("00" * 16, "k1", 10, 10, 2**31), prunable=0),
    policy=Policy(retentions={"plan": Retention(Keep.FOR_A_WHILE, 90 * DAY_MS)}),
    backups=(BackupSeen("/other/space.backup", NOW_MS - DAY_MS, 990, same_disk=False),),
    looked_in=("/data",),
    house=HouseSeen("/data", problems=(), spaces=2, used=0.1),
    hooks=HooksSeen(NOW_MS),
)  # fmt: skip


def having(**parts: Any) -> Facts:
    """Facts where all is well but some fields: ``place__free_bytes=1``."""
    found = WELL
    for name, value in parts.items():
        steps = name.split("__")
        found = _set(found, steps, value)
    return found


def _set(value: Any, steps: Sequence[str], new: Any) -> Any:
    first, *rest = steps
    return replace(value, **{first: _set(getattr(value, first), rest, new) if rest else new})


def mounted(kind: str, *options: str) -> Facts:
    return having(place__mount=Mount("/data", kind, "server:/x", frozenset(options or ("rw",))))


def keeping(sensitive: Sensitive, action: Action) -> Facts:
    return having(policy=Policy(actions={sensitive: action}))


FIRING: dict[tuple[Area, str], list[tuple[State, Facts]]] = {
    (Area.MACHINE, "python"): [(NOTE, having(machine__python=(3, 15)))],
    (Area.MACHINE, "sqlite"): [
        (PROBLEM, having(machine__sqlite=(3, 51, 2))),
        (PROBLEM, having(machine__sqlite=None, machine__sqlite_error="no such library")),
    ],
    (Area.MACHINE, "sqlite build"): [(PROBLEM, having(machine__threadsafe=0))],
    (Area.MACHINE, "libraries in front"): [(WARNING, having(machine__preloaded="/usr/lib/libeatmydata.so"))],
    (Area.MACHINE, "open files"): [(NOTE, having(machine__open_files=128))],
    (Area.MACHINE, "clock"): [(PROBLEM, having(now_ms=86_400_000))],
    (Area.CONFIGURATION, "settings"): [(PROBLEM, having(configuration__broken="holdfast.toml is not TOML."))],
    (Area.CONFIGURATION, "settings of the folder"): [(NOTE, having(configuration__from_folder="/x/holdfast.toml"))],
    (Area.CONFIGURATION, "who may change settings"): [(WARNING, having(configuration__loose=("/x/holdfast.toml",)))],
    (Area.CONFIGURATION, "variables"): [(WARNING, having(configuration__unknown=("HOLDFAST_EMBEDER",)))],
    (Area.CONFIGURATION, "key in the environment"): [(NOTE, having(configuration__key_in_variable=True))],
    (Area.CONFIGURATION, "keyring"): [(PROBLEM, having(configuration__keyring__wrong="There is no keyring."))],
    (Area.CONFIGURATION, "place of the keyring"): [(WARNING, having(configuration__keyring__beside=True))],
    (Area.CONFIGURATION, "counting of reads"): [(NOTE, having(configuration__touches=False))],
    (Area.CONFIGURATION, "where texts go"): [(NOTE, WELL)],
    (Area.CONFIGURATION, "connection"): [(WARNING, having(configuration__sends_openly=True))],
    (Area.CONFIGURATION, "hooks of coding agents"): [
        (WARNING, having(hooks=HooksSeen(1, (("/data/p.db", "prompt", "It is locked.", 2),)))),
    ],
    (Area.MODEL, "model"): [
        (NOTE, having(model__wanted="none", model__missing="Embedding is switched off.")),
        (WARNING, having(model__missing="No embedding model was found.")),
        (PROBLEM, having(model__wanted="nowhere", model__missing="nowhere holds no embedding model.")),
    ],
    (Area.MODEL, "model works"): [(PROBLEM, having(model__failed="It does not load."))],
    (Area.MODEL, "model speed"): [(WARNING, having(model__took_ms=(900.0, 400.0)))],
    (Area.MODEL, "closer look"): [(NOTE, having(model__tokens=False))],
    (Area.MODEL, "model of the space"): [
        (PROBLEM, having(model__fingerprint="other/2")),
        (NOTE, having(model__missing="No embedding model was found.")),
    ],
    (Area.MODEL, "backlog"): [
        (WARNING, having(space__summary__pending=3)),
        (NOTE, having(space__summary__pending=3, model__missing="No embedding model was found.")),
    ],
    (Area.STORAGE, "folder"): [(PROBLEM, having(place__writable=False))],
    (Area.STORAGE, "who may change the folder"): [
        (WARNING, having(place__mode=0o777)), (WARNING, having(place__mode=0o770)),
    ],
    (Area.STORAGE, "disk"): [
        (WARNING, having(place__free_bytes=100_000_000)), (PROBLEM, having(place__free_bytes=1_000_000)),
    ],
    (Area.STORAGE, "room for a copy"): [(NOTE, having(file__size_bytes=45_000_000_000))],
    (Area.STORAGE, "names left"): [(WARNING, having(place__free_files=12))],
    (Area.STORAGE, "file system"): [
        (WARNING, mounted(kind)) for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "virtiofs")
    ],
    (Area.STORAGE, "kept on a disk"): [(WARNING, mounted("tmpfs")), (WARNING, mounted("ramfs"))],
    (Area.STORAGE, "container"): [(WARNING, mounted("overlay"))],
    (Area.STORAGE, "file system program"): [(WARNING, mounted("fuse.encfs")), (WARNING, mounted("fuse"))],
    (Area.STORAGE, "mount"): [(PROBLEM, mounted("ext4", "ro", "relatime"))],
    (Area.STORAGE, "barriers"): [(WARNING, mounted("ext4", "rw", "nobarrier")), (WARNING, mounted("xfs", "barrier=0"))],
    (Area.STORAGE, "syncs are kept"): [(WARNING, having(place__sync_s=(0.000_001, 0.000_002, 0.000_001)))],
    (Area.STORAGE, "speed of syncs"): [(WARNING, having(place__sync_s=(0.2, 0.3, 0.2)))],
    (Area.STORAGE, "synchronised folder"): [(WARNING, having(place__synced_by="dropbox"))],
    (Area.STORAGE, "left over"): [(WARNING, having(place__left=("/data/.space.db.0123abcd.part",)))],
    (Area.STORAGE, "names of the file"): [(WARNING, having(file__links=2))],
    (Area.STORAGE, "permissions"): [(WARNING, having(file__mode=0o644))],
    (Area.STORAGE, "owner"): [(NOTE, having(file__mine=False))],
    (Area.STORAGE, "writing"): [(WARNING, having(file__writable=False))],
    (Area.STORAGE, "log"): [(WARNING, having(file__log_bytes=100_000_000))],
    (Area.STORAGE, "free pages"): [(NOTE, having(space__inside__pages=10_000, space__inside__free_pages=4_000))],
    (Area.SPACE, "space"): [(PROBLEM, having(refused="It is damaged.", remedy="Restore it.", space=None))],
    (Area.SPACE, "schema"): [(NOTE, having(space__inside__newest_schema=2))],
    (Area.SPACE, "encryption"): [
        (NOTE, having(space__encryption=None, file__mode=0o644)),
        (NOTE, replace(mounted("nfs"), space=SpaceSeen(SUMMARY, INSIDE))),
        (NOTE, having(space__encryption=None, place__synced_by="dropbox")),
    ],
    (Area.SPACE, "data key"): [(WARNING, having(space__encryption__advice="used often"))],
    (Area.SPACE, "times"): [(WARNING, having(space__inside__newest_ms=NOW_MS + 3_600_000))],
    (Area.SPACE, "copies"): [(NOTE, having(space__inside__nodes=2))],
    (Area.SPACE, "house"): [(PROBLEM, having(house__problems=("the audit is broken",)))],
    (Area.POLICY, "policy"): [(NOTE, having(policy=None))],
    (Area.POLICY, "secrets"): [
        (WARNING, keeping(Sensitive.CREDENTIAL, Action.STORE)),
        (WARNING, keeping(Sensitive.PAYMENT, Action.MARK)),
        (WARNING, keeping(Sensitive.IDENTITY, Action.STORE)),
    ],
    (Area.POLICY, "orders in documents"): [(WARNING, keeping(Sensitive.INJECTION, Action.MARK))],
    (Area.POLICY, "quarantine"): [(NOTE, having(space__summary__quarantined=2))],
    (Area.BACKUPS, "backup"): [(WARNING, having(backups=()))],
    (Area.BACKUPS, "age of the backup"): [(WARNING, having(backups=(BackupSeen("b", NOW_MS - 9 * DAY_MS, 990),)))],
    (Area.BACKUPS, "place of the backups"): [(NOTE, having(backups=(BackupSeen("b", NOW_MS, 990, same_disk=True),)))],
    (Area.BACKUPS, "who may read the backups"): [
        (WARNING, having(backups=(BackupSeen("b", NOW_MS, 990, mode=0o644),))),
    ],
    (Area.BACKUPS, "forgotten words in backups"): [(NOTE, having(space__inside__forgets=(995,)))],
    (Area.RETENTION, "due"): [(WARNING, having(space__summary__expired=4))],
    (Area.RETENTION, "long due"): [(PROBLEM, having(space__inside__due_ms=NOW_MS - 8 * DAY_MS))],
    (Area.RETENTION, "lifetimes"): [(NOTE, having(policy=Policy()))],
    (Area.RETENTION, "history"): [(NOTE, having(space__summary__superseded=2_000))],
    (Area.RETENTION, "history kept"): [(WARNING, having(space__prunable=7))],
    (Area.RETENTION, "erased events"): [(NOTE, having(space__inside__erased=20_000))],
    (Area.GROWTH, "memories"): [
        (NOTE, having(space__summary__live=100_001)),
        (WARNING, having(space__summary__live=11_000_000, machine__indexes_vectors=True)),
    ],
    (Area.GROWTH, "memory of the machine"): [(WARNING, having(machine__memory_bytes=1_000_000))],
    (Area.GROWTH, "pace"): [(WARNING, having(place__free_bytes=400_000))],
    (Area.GROWTH, "long texts"): [(NOTE, having(space__inside__most_payload_bytes=200_000))],
    (Area.GROWTH, "quota"): [(WARNING, having(house__used=0.95)), (PROBLEM, having(house__used=1.0))],
}  # fmt: skip


def silent(points: Sequence[Point]) -> Iterator[str]:
    """Points that say nothing where something is wrong, or not what is wrong."""
    for point in points:
        for state, facts in FIRING.get((point.area, point.name), []):
            told = point.look(facts)
            if told.state is not state or not told.do or not told.seen:
                yield point.name


def test_the_checklist_has_at_least_thirty_five_points_in_every_area_and_each_has_a_scene():
    assert len(POINTS) >= 35
    assert {point.area for point in POINTS} == set(Area)
    assert [(point.area, point.name) for point in POINTS] == list(FIRING)


def test_every_point_speaks_where_something_is_wrong_and_says_what_to_do():
    assert list(silent(POINTS)) == []


@pytest.mark.parametrize("place", range(len(POINTS)), ids=lambda place: POINTS[place].name)
def test_a_point_that_never_speaks_is_noticed(place: int):
    mute = replace(POINTS[place], look=lambda _: telling.ok("all is well"))
    assert mute.name in set(silent([*POINTS[:place], mute, *POINTS[place + 1 :]]))


def test_where_all_is_well_no_point_speaks_but_the_one_that_texts_leave():
    assert [one.name for one in examined(WELL) if one.state is not OK] == ["where texts go"]
    assert counted(examined(WELL)) == {
        OK: len(POINTS) - 1, State.NOT_APPLICABLE: 0, NOTE: 1, WARNING: 0, PROBLEM: 0,
    }  # fmt: skip


def test_where_little_is_known_points_say_that_they_do_not_apply_and_none_is_wrong():
    little = Facts(NOW_MS, Machine(sqlite=(3, 54, 1)), Configuration(), ModelSeen(), Place(folder="/data"))
    found = examined(little)
    assert {one.state for one in found} <= {OK, State.NOT_APPLICABLE, NOTE}
    assert sum(one.state is State.NOT_APPLICABLE for one in found) > 20
    assert all(one.seen for one in found)


def test_a_large_space_that_can_have_an_index_of_vectors_is_well():
    (point,) = [one for one in POINTS if one.name == "memories"]
    told = point.look(having(space__summary__live=100_001, machine__indexes_vectors=True))
    assert (told.state, told.seen) == (OK, "100,001 memories; vectors are found by an index")


def test_a_backup_from_before_a_forget_is_told_and_one_from_after_it_is_not():
    (point,) = [one for one in POINTS if one.name == "forgotten words in backups"]
    assert point.look(having(space__inside__forgets=(991, 400))).state is NOTE
    assert point.look(having(space__inside__forgets=(990, 400))).state is OK


def test_a_sticky_folder_such_as_tmp_is_not_warned_of():
    (point,) = [one for one in POINTS if one.name == "who may change the folder"]
    assert point.look(having(place__mode=0o1777)).state is OK


def test_memory_that_is_synced_at_once_is_no_lying_disk_and_no_quick_one():
    on_tmpfs = replace(mounted("tmpfs").place, sync_s=(1e-6, 1e-6))
    for point in (one for one in POINTS if one.name in ("syncs are kept", "speed of syncs")):
        assert point.look(having(place=on_tmpfs)).state is State.NOT_APPLICABLE
