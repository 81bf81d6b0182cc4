"""Settings of the command line and of servers: options over variables over files over what is built in.

A file is TOML, named ``holdfast.toml``, in the working folder or in the user's configuration folder
(``$XDG_CONFIG_HOME/holdfast``); where both set a key, the working folder's wins. Keys: ``db`` (a path, relative to the
file it stands in), ``embedder``, ``principal``, ``house`` (a folder, relative likewise), ``keyring`` (a file with keys,
relative likewise; only in the user's own file), ``model`` (the language model that sums up, see
`holdfast.adapters.llm.resolve`; only in the user's own file, and its key only in the variable ``HOLDFAST_MODEL_KEY``),
``touches`` (true or false: whether who reads what is counted; a file only), and the tables ``[policy]``: what may be
kept, see ``holdfast.core.policy.settings``, and ``[retention]``: how much history `holdfast prune` leaves
(``keep_days``, ``superseded``), ``[hooks]``: what the hooks of coding agents may do, see `Hooks` (the user's own file
only), and a table ``[tiers.NAME]`` for each tier, see ``holdfast.core.tiers``. Variables: ``HOLDFAST_DB``,
``HOLDFAST_EMBEDDER``, ``HOLDFAST_PRINCIPAL``, ``HOLDFAST_HOUSE``, ``HOLDFAST_KEYRING``, ``HOLDFAST_MODEL``, and
``HOLDFAST_KEY`` for one key itself. A library call reads none of these.

A file in the working folder may have come with the folder, so where both have a policy, of each setting the
stricter one holds.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from holdfast.errors import InvalidField

if TYPE_CHECKING:
    from holdfast.model.policy import Policy
    from holdfast.model.retention import Retention
    from holdfast.model.tiers import TierSpec

FILE = "holdfast.toml"
KEYS: tuple[str, ...] = ("db", "embedder", "principal", "house", "keyring", "model")
VARIABLES: Mapping[str, str] = {key: f"HOLDFAST_{key.upper()}" for key in KEYS}
_OPTIONS: Mapping[str, str] = {key: "--as" if key == "principal" else f"--{key}" for key in KEYS}
KEY_VARIABLE = "HOLDFAST_KEY"
"""The key of one space itself; other programs of the user can read it, so a keyring is better."""
_FILE_BYTES = 1_000_000
_BUILT_IN = "built in"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the hooks of coding agents may do; see `holdfast.integrations.coding_agents`.

    Attributes:
        tokens: The most that is put into a conversation at once; 0 puts nothing there.
        ms: The most that an agent waits for a hook.
        idle_minutes: After so long without an event the resident process ends.
        capture: Transcripts are taken in.
        min_confidence: Put in nothing where a recall is less sure than this, 0 to 1.
    """

    tokens: int = 600
    ms: int = 500
    idle_minutes: int = 30
    capture: bool = True
    min_confidence: float = 0.0


_HOOK_RANGES = {"tokens": (0, 10_000), "ms": (100, 10_000), "idle_minutes": (1, 1_440), "min_confidence": (0, 1)}


@dataclass(frozen=True, slots=True)
class Settings:
    """What to work with, and where each of it was said.

    Attributes:
        db: The file that is used: that of the space, or of the registry where it is in a house.
        embedder: ``auto``, ``none``, a folder, ``openai:MODEL[@URL]`` or ``ollama:MODEL[@URL]``.
        principal: Name of who acts.
        told_by: For each key what set it: an option, a variable, a file, or ``built in``.
        files: Configuration files that were read, the strongest first.
        policy: What may be kept; None keeps everything as it is said.
        touches: Whether who reads what is counted; true unless a file says otherwise.
        tiers: What files say of tiers, the strongest last.
        retention: How much history `holdfast prune` leaves, if a file says so.
        hooks: What the hooks of coding agents may do.
        model: The language model that sums up: ``none``, or such as ``anthropic:MODEL`` or ``ollama:MODEL[@URL]``.
        house: The folder of the house, if one was named.
        spaces: Names of spaces of the house that were asked for, empty for all; None where a file is used.
        keyring: The file with the keys of encrypted spaces, if one was named.
        key: The key of an encrypted space itself, where no keyring was named.
    """

    db: Path
    embedder: str
    principal: str
    told_by: Mapping[str, str]
    files: tuple[Path, ...]
    policy: Policy | None = None
    house: Path | None = None
    spaces: tuple[str, ...] | None = None
    keyring: Path | None = None
    key: bytes | None = field(default=None, repr=False)
    touches: bool = True
    retention: Retention | None = None
    tiers: tuple[TierSpec, ...] = ()
    hooks: Hooks = Hooks()
    model: str = "none"


def load_settings(
    options: Mapping[str, str | None] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    files: bool = True,
) -> Settings:
    """The settings that hold here.

    Args:
        options: What the command line says, by key; None or missing where it says nothing.
        environment: Variables; the process's by default.
        folder: The working folder; the process's by default.
        files: False reads no configuration file.

    Raises:
        InvalidField: a file is not TOML, sets an unknown key, or holds a value that cannot be used.
    """
    environment = os.environ if environment is None else environment
    folder = Path.cwd() if folder is None else folder
    values: dict[str, str] = {"embedder": "auto", "principal": "owner"}
    told_by = dict.fromkeys(KEYS, _BUILT_IN)
    if (data := data_folder(environment)) is not None:
        values["db"] = str(data / "holdfast.db")
    read: list[Path] = []
    policy: Policy | None = None
    touches = True
    tiers: tuple[TierSpec, ...] = ()
    retention: Retention | None = None
    hooks = Hooks()
    for path, own in ((_user_file(environment), True), (folder / FILE, False)):
        if not files or path is None or not path.is_file():
            continue
        table = _table(path)
        policy = _policy(path, table.pop("policy", None), policy)
        tiers = (*tiers, *_tiers(path, table.pop("tiers", None), own=own))
        touches = _switch(path, table.pop("touches", None), touches)
        retention = _retention(path, table.pop("retention", None), retention)
        hooks = _hooks(path, table.pop("hooks", None), hooks, own=own)
        for key, value in _read(path, table, own=own).items():
            values[key], told_by[key] = value, str(path)
        read.insert(0, path)
    stated = {VARIABLES[key]: (key, environment.get(VARIABLES[key])) for key in KEYS}
    given = {_OPTIONS[key]: (key, (options or {}).get(key)) for key in KEYS}
    for name, (key, value) in (stated | given).items():
        if value is None or (value == "" and name in stated):
            continue
        values[key], told_by[key] = _acceptable(name, value), name
    if "db" not in values:
        raise InvalidField("There is no home folder to keep a space in; name a file with --db or HOLDFAST_DB.")
    if values["db"].strip().lower() == ":memory:":
        raise InvalidField(
            "A space in memory would end with the command, and everything in it; name a file "
            f"(:memory: was said by {told_by['db']})."
        )
    named = values.get("keyring", "none")
    keyring = None if named.lower() == "none" else _absolute(named, folder)
    return Settings(
        _absolute(values["db"], folder), values["embedder"], values["principal"], told_by, tuple(read), policy,
        _absolute(values["house"], folder) if "house" in values else None,
        keyring=keyring, key=None if keyring else _key(environment.get(KEY_VARIABLE, "")), touches=touches,
        tiers=tiers,
        retention=retention, hooks=hooks, model=values.get("model", "none"),
    )  # fmt: skip


def _key(text: str) -> bytes | None:
    """A key written as 64 hexadecimal digits or in base64.

    Raises:
        InvalidField: it is neither; the message does not repeat it.
    """
    if not text:
        return None
    try:
        key = bytes.fromhex(text) if len(text.strip()) == 64 else base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise InvalidField(f"{KEY_VARIABLE} is no key; expected 32 bytes as 64 hexadecimal digits or in base64.")
    return key


def policy_file(path: Path) -> Policy:
    """The policy that stands in a file, in the table ``[policy]``.

    Raises:
        InvalidField: the file cannot be read, is not TOML, or holds no policy.
    """
    policy = _policy(path, _table(path).get("policy"), None)
    if policy is None:
        raise InvalidField(f"{path} has no table [policy]. Nothing was changed.")
    return policy


def data_folder(environment: Mapping[str, str]) -> Path | None:
    """Where this user's spaces are kept; None when the user has no home."""
    return _base(environment, "XDG_DATA_HOME", "LOCALAPPDATA", ".local/share")


def config_folder(environment: Mapping[str, str]) -> Path | None:
    """Where this user's configuration is kept; None when the user has no home."""
    return _base(environment, "XDG_CONFIG_HOME", "APPDATA", ".config")


def _base(environment: Mapping[str, str], stated: str, windows: str, unix: str) -> Path | None:
    # The XDG specification says to ignore relative paths.
    if (named := environment.get(stated)) and Path(named).is_absolute():
        return Path(named) / "holdfast"
    if sys.platform == "win32" and (named := environment.get(windows)):
        return Path(named) / "holdfast"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / ("Library/Application Support" if sys.platform == "darwin" else unix) / "holdfast"


def _user_file(environment: Mapping[str, str]) -> Path | None:
    folder = config_folder(environment)
    return None if folder is None else folder / FILE


def _table(path: Path) -> dict[str, Any]:
    """What a file says."""
    import tomllib

    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES + 1)
        if len(content) > _FILE_BYTES:
            raise InvalidField(f"{path} is larger than {_FILE_BYTES:,} bytes, so it is not a configuration file.")
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidField(f"{path} is not TOML: {error}.") from None
    except OSError as error:
        raise InvalidField(f"{path} cannot be read: {error.strerror}.") from None


def _switch(path: Path, said: object, before: bool) -> bool:
    """What a file says of ``touches``, or what was said before."""
    if said is not None and not isinstance(said, bool):
        raise InvalidField(f"touches in {path} is {said!r:.80}; expected true or false.")
    return before if said is None else said


def _hooks(path: Path, said: Any, before: Hooks, *, own: bool) -> Hooks:
    """What a file says of the hooks of coding agents; only the user's own may."""
    if said is None:
        return before
    if not own:
        raise InvalidField(
            f"{path} has a table [hooks]. A file that comes with a folder may not say what hooks do; put it in "
            f"{_user_file(os.environ) or 'your own configuration'}."
        )
    table = dict(cast("Mapping[str, Any]", said)) if isinstance(said, Mapping) else {"hooks": said}
    for key, value in table.items():
        least, most = _HOOK_RANGES.get(key, (0, -1))
        is_number = isinstance(value, float if key == "min_confidence" else int) and not isinstance(value, bool)
        if not (isinstance(value, bool) if key == "capture" else is_number and least <= value <= most):
            ranges = ", ".join(f"{name} from {least:,} to {most:,}" for name, (least, most) in _HOOK_RANGES.items())
            raise InvalidField(
                f"[hooks] in {path} sets {key} to {value!r:.80}; expected {ranges}, capture = true or false."
            )
    return replace(before, **table)


def _retention(path: Path, said: Any, before: Retention | None) -> Retention | None:
    """What a file says of the history, or what was said before; a folder's file keeps no less than the user's."""
    if said is None:
        return before
    from holdfast.model.retention import MOST_DAYS, Retention

    table = dict(cast("Mapping[str, Any]", said)) if isinstance(said, Mapping) else {"keep_days": None}
    days, superseded = table.pop("keep_days", None), table.pop("superseded", False)
    is_number = isinstance(days, int | float) and not isinstance(days, bool) and 0 <= days <= MOST_DAYS
    if table or days is None or not is_number or not isinstance(superseded, bool):
        raise InvalidField(
            f"[retention] in {path} is {said!r:.80}; expected keep_days = a number of days from 0 to {MOST_DAYS:,}, "
            "and superseded = true or false."
        )
    if before is None:
        return Retention(days, superseded)
    return Retention(max(days, before.keep_days), superseded and before.superseded)


def _tiers(path: Path, said: Any, *, own: bool) -> tuple[TierSpec, ...]:
    """The tiers of a file."""
    if said is None:
        return ()
    from holdfast.core.tiers import tiers_from

    try:
        tiers = tiers_from(said)
    except InvalidField as error:
        raise InvalidField(f"{path}: {error}") from None
    if not own and any(spec.backend != "space" for spec in tiers):
        raise InvalidField(
            f"{path} names a service as backend of a tier. A file that comes with a folder may not choose where your "
            f"memories are sent; put it in {_user_file(os.environ) or 'your own configuration'}."
        )
    return tiers


def _policy(path: Path, said: Any, before: Policy | None) -> Policy | None:
    """The policy of a file, no laxer than the one before."""
    if said is None:
        return before
    from holdfast.core.policy.settings import policy_from, stricter

    try:
        policy = policy_from(said)
    except InvalidField as error:
        raise InvalidField(f"{path}: {error}") from None
    return policy if before is None else stricter(before, policy)


def _read(path: Path, table: Mapping[str, Any], *, own: bool) -> dict[str, str]:
    """The keys a file sets; ``own`` says that it is the user's, not one that came with a folder."""
    if unknown := sorted(set(table) - set(KEYS)):
        raise InvalidField(
            f"{path} sets unknown key {unknown[0]!r}; known are {', '.join(KEYS)}, touches, policy, retention, "
            "hooks and tiers."
        )
    values = {key: _acceptable(f"{key} in {path}", value) for key, value in table.items()}
    embedder = values.get("embedder", "")
    if not own and re.match(r"\w+:", embedder) and not Path(embedder).is_absolute():
        raise InvalidField(
            f"{path} names a service as embedder. A file that comes with a folder may not choose where your "
            f"memories are sent; put it in {_user_file(os.environ) or 'your own configuration'}, "
            "HOLDFAST_EMBEDDER or --embedder."
        )
    if not own and "keyring" in values:
        raise InvalidField(
            f"{path} names a keyring. A file that comes with a folder may not choose who can read your memories; put "
            f"it in {_user_file(os.environ) or 'your own configuration'}, HOLDFAST_KEYRING or --keyring."
        )
    if not own and values.get("model", "none").lower() != "none":
        raise InvalidField(
            f"{path} names a language model. A file that comes with a folder may not choose where your memories are "
            f"sent; put it in {_user_file(os.environ) or 'your own configuration'} or HOLDFAST_MODEL."
        )
    if values.get("keyring", "none").lower() != "none":
        values["keyring"] = str(_absolute(values["keyring"], path.parent))
    for key in ("db", "house"):
        if values.get(key, ":memory:") != ":memory:":
            values[key] = str(_absolute(values[key], path.parent))
    if embedder not in ("", "auto", "none") and not re.match(r"\w+:", embedder):
        values["embedder"] = str(_absolute(embedder, path.parent))
    return values


def _acceptable(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidField(f"{name} is {value!r:.80}; expected a text that is not empty.")
    if "\x00" in value:
        raise InvalidField(f"{name} holds a NUL character.")
    if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidField(f"{name} holds bytes that are not text in UTF-8.")
    return value


def _absolute(text: str, folder: Path) -> Path:
    try:
        return folder / Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidField(f"{text!r:.200} cannot be resolved: {error}") from None
