"""Which parts make a space: the only place that knows both the services and the adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.adapters.clock import SystemClock
from holdfast.adapters.sqlite.connection import followed
from holdfast.adapters.sqlite.envelope import sealed_under
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.border import check_embedder, check_label
from holdfast.core.budget import estimate_tokens
from holdfast.core.proof import genesis
from holdfast.errors import InvalidField, NoEmbedder, StoreError
from holdfast.model.ids import Id, time_ordered_id
from holdfast.model.policy import Policy
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.store import Identity
from holdfast.space import Space, assemble, entry_of, examine, opening

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.adapters.keyring import Keyring
    from holdfast.model.encryption import FileKey
    from holdfast.model.tiers import Tiers, TierSpec
    from holdfast.ports.language_model import LanguageModel
    from holdfast.ports.metrics import Metrics
    from holdfast.ports.working import WorkingStore
    from holdfast.services.metrics import Meter
    from holdfast.services.restoring import Restoring


def open_space(
    path: str,
    embedder: Embedder | str | None,
    actor: str,
    *,
    read_only: bool,
    create: bool,
    clock: Clock | None,
    policy: Policy | None = None,
    touches: bool = True,
    key: bytes | Keyring | FileKey | None = None,
    as_id: Id | None = None,
    tokenizer: Count | str | Path | None = None,
    house_keys: Callable[[SpaceKeys], None] | None = None,
    metrics: Metrics | None = None,
    tiers: Iterable[TierSpec] | None = None,
    model: LanguageModel | str | None = None,
) -> Space:
    """Open the space in a file; see `holdfast.Memory.open`.

    Args:
        as_id: The id of a space that is made here; a new one by default.
        house_keys: See `Space`.
    """
    check_label(actor, "principal")
    keys, file_key = _keys_of(path, key)
    check_embedder(embedder)
    count = count_of(tokenizer)
    clock = clock or SystemClock()
    meter = meter_of(metrics, clock)
    checked, named = tier_specs(tiers), language_model(model)
    space, node = (time_ordered_id(clock.now_ms(), clock.entropy(10)) for _ in range(2))
    space = as_id or space
    fresh = Identity(space, node, clock.entropy(32))
    try:
        name = path if path == ":memory:" else str(followed(Path(path).expanduser()))
        store = SqliteStore(
            name, fresh, genesis(space, node), read_only=read_only, create=create, keys=keys, file_key=file_key
        )
    except OSError as error:
        raise StoreError(f"{path:.200} cannot be opened ({error.strerror}). Nothing was changed.") from error
    except RuntimeError as error:  # from expanduser alone
        raise InvalidField(f"{path:.200} names a home folder that is not known ({error}). Nothing was made.") from error
    try:
        found, why_none = _find_embedder(embedder)
        space = assemble(
            store, clock, found, why_none, actor, policy=policy, touched=touches, count=count, house_keys=house_keys,
            meter=meter, tiers=checked, working=_working_of(checked, store), model=named,
        )  # fmt: skip
        if keys is not None:
            space.sealing.settle_keys()
        space.ledger.refresh_terms()
        if space.meter is not None:
            space.meter.join(space.ledger.store)
    except BaseException:
        store.close()
        raise
    return space


def language_model(model: LanguageModel | str | None) -> LanguageModel | None:
    """The language model that is given or named; see `holdfast.adapters.llm.resolve`.

    Raises:
        InvalidField, InvalidText: it is none, or its name is no name.
    """
    if isinstance(model, str):
        from holdfast.adapters.llm.resolve import find_model

        model = find_model(model)
    if model is not None and not callable(getattr(model, "complete", None)):
        raise InvalidField(
            f"The language model is {type(model).__name__}; expected one with the verbs of "
            "holdfast.ports.language_model.LanguageModel, its name, or None. Nothing was made."
        )
    if model is not None:
        check_label(getattr(model, "name", None), "name of the language model")
    return model


def tier_specs(tiers: Iterable[TierSpec] | None) -> Tiers | None:
    """The tiers that are given, checked; None for the default ones.

    Raises:
        InvalidField, InvalidFilter: one of them says what no tier can.
    """
    if tiers is None:
        return None
    from holdfast.core.tiers import tiers_of

    return tiers_of(tiers)


def _working_of(tiers: Tiers | None, store: SqliteStore) -> WorkingStore | None:
    """Where the working tier is, if not in the space's own file.

    Raises:
        InvalidField: the space is encrypted, and would be in the open there.
    """
    if tiers is None or tiers.working.backend == "space":
        return None
    if store.border.is_sealed or store.file_key is not None:
        raise InvalidField(
            f"{store.path} is encrypted, and Redis would hold what is said in the open. Keep the working tier of an "
            "encrypted space in the space (backend='space')."
        )
    from holdfast.adapters.redis.working import RedisWorking

    return RedisWorking(tiers.working.backend, store.identity.space)


def meter_of(metrics: Metrics | None, clock: Clock) -> Meter | None:
    """What tells a `Metrics`; None where nothing is to be told.

    Raises:
        InvalidField: it is no `Metrics`.
    """
    if metrics is None:
        return None
    if not all(callable(getattr(metrics, verb, None)) for verb in ("count", "observe", "state", "span")):
        raise InvalidField(
            f"metrics is {type(metrics).__name__}; expected what has the verbs of holdfast.ports.metrics.Metrics, such "
            "as holdfast.PrometheusMetrics(). Nothing was made."
        )
    from holdfast.services.metrics import Meter

    return Meter(metrics, clock)


def count_of(tokenizer: Count | str | Path | None) -> Count:
    """What counts tokens; the estimate where no tokenizer is given.

    Raises:
        InvalidField: it is none.
    """
    if tokenizer is None:
        return estimate_tokens
    from holdfast.adapters.tokens import token_count

    return token_count(tokenizer)


def _keys_of(path: str, key: bytes | Keyring | FileKey | None) -> tuple[SpaceKeys | None, FileKey | None]:
    if key is None:
        return None, None
    if path == ":memory:":
        raise InvalidField("A space in memory is never written, so it takes no key. Nothing was made.")
    from holdfast.adapters.keyring import keys_of
    from holdfast.adapters.sqlite.whole_file import checked_file_key
    from holdfast.model.encryption import FileKey

    return (None, checked_file_key(key)) if isinstance(key, FileKey) else (keys_of(key), None)


def restoring(
    clock: Clock | None, actor: str, key: bytes | Keyring | None = None, there_key: bytes | Keyring | None = None
) -> Restoring:
    """What restores spaces; see `holdfast.restore`.

    Args:
        key: What opens an encrypted backup, and the space it replaces where there is no other key for that.
        there_key: What opens the space in place.
    """
    from holdfast.adapters.keyring import keys_of
    from holdfast.adapters.sqlite.backup import SqliteFiles
    from holdfast.adapters.vectors.usearch import UsearchIndexes
    from holdfast.services.restoring import Restoring

    check_label(actor, "principal")
    keys, of_there = keys_of(key), keys_of(key if there_key is None else there_key)

    def open_there(path: Path, *, read_only: bool) -> SqliteStore:
        # It may be plain, and the backup from before or after that; there_key says that it is not.
        found = of_there if there_key is not None or sealed_under(path) is not None else None
        return opening(lambda: (found, None))(path, read_only=read_only)

    return Restoring(
        SqliteFiles(), opening(lambda: (keys, None)), open_there, partial(_create_file, keys=keys), examine,
        entry_of, clock or SystemClock(), actor, lambda target: UsearchIndexes(target).drop(),
    )  # fmt: skip


def _create_file(path: Path, identity: Identity, *, keys: SpaceKeys | None) -> SqliteStore:
    return SqliteStore(str(path), identity, genesis(identity.space, identity.node), keys=keys)


def _find_embedder(wanted: Embedder | str | None) -> tuple[Embedder | None, str | None]:
    if wanted is None or wanted == "none":
        return None, "no embedding model was asked for: found by words only"
    if not isinstance(wanted, str):
        return wanted, None
    from holdfast.adapters.embed.resolve import find_embedder

    if wanted != "auto":
        return find_embedder(wanted), None
    try:
        return find_embedder(), None
    except NoEmbedder as error:
        return None, f"no embedding model: found by words only ({error})"
