"""What `holdfast doctor` looks at, gathered: settings, machine, model, disk, and the space, which is only read."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from holdfast.model.diagnosis import (
    Configuration,
    Facts,
    HooksSeen,
    HouseSeen,
    KeyringSeen,
    Machine,
    ModelSeen,
    SpaceSeen,
)

if TYPE_CHECKING:
    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.access import SpaceEntry, Usage
    from holdfast.model.policy import Policy
    from holdfast.ports.embedder import Embedder

VARIABLES = frozenset(
    ("HOLDFAST_DB", "HOLDFAST_EMBEDDER", "HOLDFAST_PRINCIPAL", "HOLDFAST_HOUSE", "HOLDFAST_KEYRING", "HOLDFAST_KEY",
     "HOLDFAST_ALLOW_DOWNLOAD", "HOLDFAST_DEBUG", "HOLDFAST_EMBEDDER_KEY", "HOLDFAST_HUB_URL", "HOLDFAST_HUB_MODEL",
     "HOLDFAST_HUB_SHA256", "HOLDFAST_HUB_TOKENIZER_SHA256", "HOLDFAST_HOOKS", "HOLDFAST_HOOKS_FOLDER",
     "HOLDFAST_MODEL", "HOLDFAST_MODEL_KEY", "HOLDFAST_MCP_TOKEN")
)  # fmt: skip
"""Every variable that is read; a test compares it with the sources."""
_MAY_NOT = "Check who owns the folder, and the folders above it."
_HERE = ("localhost", "127.0.0.1", "::1")
_ASKED = ("Is the model well?", "And now?")


def gathered(settings: Settings, broken: str | None, backups: tuple[Path, ...]) -> Facts:
    """Every fact, as it is now.

    Args:
        broken: What is wrong with the configuration files, if something is.
        backups: Folders where backups are looked for too.
    """
    from holdfast.adapters.sqlite.backup import left_parts
    from holdfast.adapters.surroundings import file_seen, place_of

    folder = settings.db.parent
    left = tuple(map(str, left_parts(folder))) if os.access(folder, os.R_OK | os.X_OK) else ()
    facts = Facts(
        now_ms=time.time_ns() // 1_000_000,
        machine=machine(),
        configuration=configuration(settings, broken),
        model=model(settings.embedder),
        place=place_of(folder, left),
        file=None if settings.spaces is not None else file_seen(settings.db),
        policy=settings.policy,
        hooks=hooks(),
    )
    return _in_house(settings, facts, backups) if settings.spaces is not None else _in_file(settings, facts, backups)


def hooks() -> HooksSeen | None:
    """What the hooks of coding agents noted beside their spaces."""
    from holdfast.errors import InvalidField
    from holdfast.integrations.coding_agents.places import places_in
    from holdfast.integrations.coding_agents.problems import problems_in

    try:
        found = problems_in(places_in(os.environ))
    except InvalidField:
        return None
    if found is None:
        return None
    ok_ms, failing = found
    latest = sorted(failing.items(), key=lambda one: -one[1].at_ms)
    return HooksSeen(ok_ms, tuple((where, one.event, one.why, one.times) for where, one in latest))


def machine() -> Machine:
    """The computer and what runs on it."""
    from holdfast.adapters.surroundings import memory_bytes, open_files
    from holdfast.adapters.vectors.usearch import is_installed

    words = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    seen = Machine(
        python=sys.version_info[:2],
        system=platform.system(),
        words=f"{words} {platform.machine()}",
        open_files=open_files(),
        memory_bytes=memory_bytes(),
        preloaded=os.environ.get("LD_PRELOAD", "") or os.environ.get("DYLD_INSERT_LIBRARIES", ""),
        indexes_vectors=is_installed(),
    )
    try:
        import apsw
    except ImportError as error:
        return replace(seen, sqlite_error=str(error))
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    safe = next((int(one[-1]) for one in apsw.compile_options if one.startswith("THREADSAFE=")), 1)
    return replace(seen, sqlite=version, apsw=apsw.apsw_version(), threadsafe=safe)


def configuration(
    settings: Settings, broken: str | None, environment: Mapping[str, str] | None = None
) -> Configuration:
    """What settings say, and who says it."""
    from holdfast.adapters.embed.resolve import shown
    from holdfast.adapters.surroundings import others_may_write
    from holdfast.config import FILE, KEY_VARIABLE

    environment = os.environ if environment is None else environment
    values = {"db": str(settings.db), "embedder": shown(settings.embedder), "principal": settings.principal}
    here = Path.cwd() / FILE
    host, openly = _sent_to(settings.embedder)
    return Configuration(
        values={key: (value, settings.told_by[key]) for key, value in values.items()},
        files=tuple(map(str, settings.files)),
        broken=broken,
        from_folder=str(here) if here in settings.files else None,
        loose=tuple(str(file) for file in settings.files if others_may_write(file)),
        unknown=tuple(sorted(set(filter(lambda name: name.startswith("HOLDFAST_"), environment)) - VARIABLES)),
        key_in_variable=bool(environment.get(KEY_VARIABLE)),
        keyring=_keyring(settings),
        sends_to=host,
        sends_openly=openly,
        touches=settings.touches,
        keep_days=None if settings.retention is None else settings.retention.keep_days,
    )


def model(wanted: str) -> ModelSeen:
    """Whether the model is found, and whether it really embeds."""
    from holdfast.adapters.embed.resolve import find_embedder, shown
    from holdfast.errors import HoldfastError, NoEmbedder
    from holdfast.ports.embedder import TokenEmbedder

    seen = ModelSeen(wanted=shown(wanted), tokens=False)
    try:
        found = find_embedder(None if wanted == "auto" else wanted)
        first, second = (_took_ms(found, question) for question in _ASKED)
        dimensions = found.dimensions
        tokens = isinstance(found, TokenEmbedder) and found.token_dimensions is not None
    except NoEmbedder as error:
        return replace(seen, missing=str(error).replace(wanted, shown(wanted)))
    except HoldfastError as error:
        return replace(seen, failed=str(error).replace(wanted, shown(wanted)))
    except (ImportError, OSError) as error:
        return replace(seen, failed=f"{type(error).__name__}: {error}. Install Holdfast again: pip install holdfast")
    return replace(seen, fingerprint=found.fingerprint, dimensions=dimensions, took_ms=(first, second), tokens=tokens)


def _took_ms(embedder: Embedder, question: str) -> float:
    start = time.perf_counter()
    embedder.embed_query(question)
    return (time.perf_counter() - start) * 1000


def _sent_to(embedder: str) -> tuple[str | None, bool]:
    """The host that a model is asked at, and whether in the open; nobody, where it is this machine."""
    from holdfast.adapters.embed.resolve import OLLAMA_URL, OPENAI_URL, SERVICE

    found = SERVICE.fullmatch(embedder)
    if found is None:
        return None, False
    url = urlsplit(found["url"] or (OLLAMA_URL if found["kind"].lower() == "ollama" else OPENAI_URL))
    if url.hostname is None or url.hostname in _HERE:
        return None, False
    return url.hostname, url.scheme != "https"


def _keyring(settings: Settings) -> KeyringSeen | None:
    from holdfast.errors import HoldfastError

    if settings.keyring is None:
        return None
    folder = settings.db.parent.absolute()
    beside = (
        settings.keyring.absolute().is_relative_to(folder.resolve()) or settings.keyring.parent.absolute() == folder
    )
    try:
        from holdfast.adapters.keyring import Keyring

        keys = len(Keyring.open(settings.keyring, create=False).entries())
    except HoldfastError as error:
        return KeyringSeen(str(settings.keyring), wrong=str(error), beside=beside)
    return KeyringSeen(str(settings.keyring), beside=beside, keys=keys)


def _in_file(settings: Settings, facts: Facts, backups: tuple[Path, ...]) -> Facts:
    """The facts of a space in a file of its own."""
    from holdfast.adapters.sqlite.looking import leaving_nothing
    from holdfast.errors import HoldfastError
    from holdfast.surfaces.cli.options import must_be_a_file, reading

    try:
        if not settings.db.exists():
            return facts
    except OSError as error:
        return replace(facts, refused=f"{settings.db} cannot be looked at ({error.strerror})", remedy=_MAY_NOT)
    try:
        must_be_a_file(settings.db)
        # By words only: whether the model fits is a point of its own.
        with leaving_nothing(settings.db), reading(replace(settings, embedder="none")) as memory:
            return _opened(facts, memory, settings.db, (settings.db.parent, settings.db.parent / "backups", *backups))
    except HoldfastError as error:
        return replace(facts, refused=str(error), remedy=remedy(error))


def _in_house(settings: Settings, facts: Facts, backups: tuple[Path, ...]) -> Facts:
    """The facts of a house, and of the space of it that was named."""
    from holdfast.adapters.surroundings import file_seen
    from holdfast.errors import HoldfastError, NotAllowed
    from holdfast.surfaces.cli.failure import NoSpace
    from holdfast.surfaces.cli.place import opened_house

    assert settings.house is not None
    facts = replace(facts, house=HouseSeen(str(settings.house)))
    try:
        with opened_house(replace(settings, embedder="none"), embed=False) as house:
            entries = {entry.name: entry for entry in house.spaces()}
            seen = HouseSeen(str(settings.house), spaces=len(entries))
            with suppress(NotAllowed):  # for who administers the house alone
                seen = replace(seen, problems=tuple(house.check()))
            facts = replace(facts, house=seen)
            for name in settings.spaces or ():
                memory = house.space(name)
                entry = entries.get(name)
                if entry is None:  # the name is written otherwise; the house knows it all the same
                    entry = next(one for one in entries.values() if one.id == memory.summary().space)
                path = settings.house / f"{entry.id.replace('-', '')}.db"
                used = _used(entry, house.usage(name))
                facts = replace(facts, house=replace(seen, used=used), file=file_seen(path))
                facts = _opened(facts, memory, path, (settings.house / "backups", settings.house.parent, *backups))
                if entry.policy is not None:
                    facts = replace(facts, policy=_policy(facts, entry))
    except NoSpace:
        return replace(facts, refused=f"there is no house at {settings.house}", remedy="holdfast house create NAME")
    except HoldfastError as error:
        return replace(facts, refused=str(error), remedy=remedy(error))
    return facts


def _opened(facts: Facts, memory: Memory, path: Path, folders: tuple[Path, ...]) -> Facts:
    from holdfast.adapters.sqlite.looking import backups_in, inside
    from holdfast.adapters.surroundings import is_there
    from holdfast.core.diagnosis.held import LATE_DAYS
    from holdfast.errors import NotAllowed

    within = inside(path, facts.now_ms)
    found = backups_in(folders, within.space, path, facts.now_ms)
    looked = tuple(dict.fromkeys(str(folder) for folder in folders if is_there(folder) and folder.is_dir()))
    prunable = None
    if facts.configuration.keep_days is not None:
        with suppress(NotAllowed):
            prunable = memory.storage.prune(keep_days=facts.configuration.keep_days + LATE_DAYS).pruned
    space = SpaceSeen(memory.summary(), within, memory.storage.encryption(), prunable)
    return replace(facts, space=space, backups=found, looked_in=looked)


def _used(entry: SpaceEntry, usage: Usage) -> float | None:
    """The largest share of a bound that is used."""
    bounds = (
        (usage.memories, entry.quota.memories),
        (usage.bytes, entry.quota.bytes),
        (usage.writes, entry.quota.writes_a_minute),
    )
    shares = [held / most if most else 1.0 for held, most in bounds if most is not None]
    return max(shares, default=None)


def _policy(facts: Facts, entry: SpaceEntry) -> Policy | None:
    from holdfast.core.policy.stored import policy_of, together

    return together(policy_of(entry.policy or "", entry.name), facts.policy)


def remedy(error: Exception) -> str:
    """What to do about a space that does not open."""
    from holdfast import errors

    known: tuple[tuple[type[Exception], str], ...] = (
        (errors.NotAllowed, "holdfast house list shows the spaces you may see; its owner grants more."),
        (errors.NotASpace, "Name the file of a space with --db; this one is something else."),
        (errors.NewerSchema, "Upgrade Holdfast: pip install --upgrade holdfast"),
        (errors.Damaged, "Copy the file first, run holdfast check on the copy, and restore a backup or an export."),
        (errors.KeyNeeded, "Name the keyring it was made with by --keyring; without its key nothing can open it."),
        (errors.WrongKey, "Name the keyring it was made with by --keyring; without its key nothing can open it."),
        (errors.NotEncrypted, "holdfast key encrypt encrypts it; --keyring none opens it as it is."),
        (errors.StoreReadOnly, "Check who owns the file and its folder, or copy the file to one you may write to."),
    )
    return next((words for kind, words in known if isinstance(error, kind)), "Try again; if it stays, report it.")
