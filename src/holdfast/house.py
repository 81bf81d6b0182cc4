"""`Holdfast`: a house of many spaces, with the principals who may use them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from holdfast.adapters.clock import SystemClock
from holdfast.adapters.keyring import Keyring
from holdfast.core import border
from holdfast.core.names import check_name, check_principal
from holdfast.core.packing import recall_limit
from holdfast.core.policy.stored import check_policy
from holdfast.errors import HoldfastError, InvalidField
from holdfast.guard import guarded_memory
from holdfast.house_wiring import OpenSpaces, check_keyring, open_registry
from holdfast.memory import Memory
from holdfast.model import limits
from holdfast.model.access import OWNER, AuditEntry, Grant, HeldSpace, Quota, Right, SpaceEntry, Usage
from holdfast.model.erasure import LIMITS, Verification
from holdfast.model.filters import Where
from holdfast.model.house import DropPreview, DropReceipt, HouseRecollection
from holdfast.model.ids import id_text, parse_id
from holdfast.model.policy import Policy
from holdfast.model.tiers import TierSpec
from holdfast.model.times import When
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.language_model import LanguageModel
from holdfast.ports.metrics import Metrics
from holdfast.services.across import joined
from holdfast.services.sharing import Sharing
from holdfast.wiring import count_of, language_model, meter_of, tier_specs

SPACES_AT_ONCE = 1_000
"""The most spaces of one recall."""


class Holdfast:
    """Many spaces in one folder, and who may do what in them. Safe to use from several threads and processes.

    Every call is made as a principal: the one named in the call (``as_``, or ``by`` for changes), else the one named
    when the house was opened. That is the caller's own word: a house keeps agents of one program apart, it does
    not keep out who can read the folder. Everything is refused that was not granted; a space that is not there and
    one that is not yours are answered alike, by `NotAllowed`. ``owner`` administers the house: it may do everything.
    """

    def __init__(self, sharing: Sharing, spaces: OpenSpaces, clock: Clock, principal: str) -> None:
        self._sharing = sharing
        self._spaces = spaces
        self._clock = clock
        self._principal = principal

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        as_: str = OWNER,
        embedder: Embedder | str | None = "auto",
        create: bool = True,
        clock: Clock | None = None,
        policy: Policy | None = None,
        keyring: Keyring | None = None,
        touches: bool = True,
        tokenizer: Count | str | Path | None = None,
        metrics: Metrics | None = None,
        tiers: Iterable[TierSpec] | None = None,
        model: LanguageModel | str | None = None,
    ) -> Self:
        """Open the house in a folder, making both first where there are none; finishes what a crash left undone.

        Args:
            as_: Who acts where a call does not say.
            embedder, clock, touches, tokenizer, metrics, tiers, model: As for `Memory.open`, for all spaces.
            create: Make a house where there is none.
            policy: What may be kept in every space, through this opening of the house. A space may have a policy of
                its own (see `restrict`): of each setting the stricter one holds.
            keyring: Encrypts every space that is made from now on, under a key of its own, and opens those that are;
                a file outside the folder. Names of spaces and principals stay readable in the registry.

        Raises:
            InvalidField: the principal's name is not a name, the policy is none, or the keyring is in the folder.
            NotASpace, NewerSchema, Damaged, StoreReadOnly, StoreError: the house cannot be used.
        """
        principal, policy = check_principal(as_), check_policy(policy)
        path, clock = Path(border.check_path(folder)).expanduser(), clock or SystemClock()
        check_keyring(path, keyring)
        count, _ = count_of(tokenizer), meter_of(metrics, clock)  # these raise before anything is made
        checked, llm = tier_specs(tiers), language_model(model)
        registry = open_registry(path, create=create)
        try:
            sharing = Sharing(registry, clock)
            spaces = OpenSpaces(path, sharing, embedder, clock, policy, keyring, touches, count, metrics, checked, llm)
            house = cls(sharing, spaces, clock, principal)
            house._repair()
        except BaseException:
            registry.close()
            raise
        return house

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every space and the registry."""
        self._spaces.close()
        self._sharing.close()

    # Spaces

    def create(self, name: str, *, policy: Policy | None = None, by: str | None = None) -> SpaceEntry:
        """Make a space; durable when this returns. Only who administers the house may.

        Args:
            name: Segments with slashes between them, such as ``acme/ada``; see `holdfast.core.names`.
            policy: What may be kept in it, for everyone; see `restrict`.

        Raises:
            InvalidField: the name cannot be one, or the policy cannot be kept.
            NotAllowed.
            AlreadyThere: a space of that name is there, or of one that looks the same.
        """
        entry = self._sharing.create(name, self._who(by), policy)
        self._spaces.make(self._sharing.check("Holdfast.space", self._who(by), entry.name, parse_id(entry.id)))
        return entry

    def spaces(self, *, as_: str | None = None) -> list[SpaceEntry]:
        """The spaces that a principal may see, by name, with what it may do there."""
        return self._sharing.spaces(self._who(as_))

    def space(self, name: str, *, as_: str | None = None) -> Memory:
        """The memory in a space, for one principal.

        It has the calls of `Memory`, and each is checked against the grants of that moment: a grant that is
        taken away, by any process, ends what it allowed at once, in sessions and iterators too. Closing it
        leaves the space open for others.

        Raises:
            InvalidField: the name cannot be one.
            NotAllowed: there is no such space, or the principal may not read it.
            Damaged: the space's file is missing or broken.
        """
        who = check_principal(self._who(as_))
        held = self._sharing.check("Holdfast.space", who, check_name(name, "space"))
        return guarded_memory(self._sharing, self._spaces, held, who)

    def rename(self, name: str, to: str, *, by: str | None = None) -> SpaceEntry:
        """Give a space another name; its memories, grants and quota stay. Only who administers the house may.

        Raises:
            InvalidField, NotAllowed, AlreadyThere: nothing was changed.
        """
        return self._sharing.rename(name, to, self._who(by))

    def limit(self, name: str, quota: Quota, *, by: str | None = None) -> SpaceEntry:
        """Set the quota of a space, in place of the one it has. Only who administers the house may.

        A write that would exceed it raises `QuotaExceeded` and stores nothing; forgetting is never refused.

        Raises:
            InvalidField, NotAllowed.
        """
        return self._sharing.limit(name, quota, self._who(by))

    def usage(self, name: str, *, as_: str | None = None) -> Usage:
        """What a space holds and took in, as its quota counts it. Needs the right ``read`` there.

        Raises:
            InvalidField, NotAllowed, Damaged.
        """
        return self._measured("Holdfast.usage", name, as_)[1]

    def restrict(self, name: str, policy: Policy | None, *, by: str | None = None) -> SpaceEntry:
        """Set what may be kept in a space, for everyone who writes there. Only who administers the house may.

        It is kept in the registry, stands in the audit, and holds in every process from the next call on. Together
        with the policy the house was opened with, of each setting the stricter one holds; so neither loosens the
        other. What is held already stays until ``admission.audit`` is called.

        Args:
            policy: In place of the one the space has; None for none of its own. Lifetimes in whole minutes.

        Raises:
            InvalidField, NotAllowed.
        """
        return self._sharing.restrict(name, policy, self._who(by))

    def preview_drop(self, name: str, *, as_: str | None = None) -> DropPreview:
        """What dropping a space would erase, and the token that confirms it. Needs the right ``admin`` there.

        Raises:
            InvalidField, NotAllowed, Damaged.
        """
        held, usage, state = self._measured("Holdfast.preview_drop", name, as_)
        return DropPreview(
            space=held.name, id=id_text(held.id), memories=usage.memories, bytes=usage.bytes,
            grants=len(self._sharing.grants_on(held.id)), token=sha256(held.id + state).hexdigest()[:16],
        )  # fmt: skip

    def drop(self, name: str, *, confirm: str, as_: str | None = None, reason: str | None = None) -> DropReceipt:
        """Erase a space with everything in it, for good. Needs the right ``admin`` there.

        It is refused to everyone from the first moment on, closed in this process, its files overwritten and
        removed, its name taken out of the registry. A crash in between is made good when the house is opened again.

        Args:
            confirm: The name once more; or the token of `preview_drop`, where nothing may have been written since.
            reason: Kept in the receipt: write nothing into it that should go.

        Raises:
            InvalidField: ``confirm`` is neither; nothing was erased.
            NotAllowed.
            StoreError: a file cannot be erased; the space is gone from the house all the same.
        """
        confirms = check_name(confirm, "space") == check_name(name, "space")
        if not confirms and confirm != self.preview_drop(name, as_=as_).token:
            raise InvalidField(
                f"{confirm!r:.80} does not confirm the space {name!r:.80}: it is not its name, nor the token of a look "
                "at it as it is now. Nothing was erased."
            )
        return self._erase(self._sharing.bury(name, self._who(as_), reason))

    def receipts(self, *, as_: str | None = None) -> list[DropReceipt]:
        """The receipts of all dropped spaces, oldest first. Only who administers the house may."""
        return self._sharing.receipts(self._who(as_))

    def verify(self, receipt: DropReceipt) -> Verification:
        """Whether what a receipt says is so: the space is gone from registry and folder, the audit unbroken."""
        space = parse_id(receipt.space)
        left = self._spaces.files().get(space, [])
        problems = [*self._sharing.differences(receipt), *(f"{path.name} is still there" for path in left)]
        checked = {"files": receipt.files, "audit entries": self._sharing.audit_length()}
        pending = None if self._sharing.truncate_log() else "another reader still holds the registry's log"
        return Verification(tuple(problems), pending, checked, LIMITS)

    # Grants

    def grant(self, principal: str, space: str, right: Right | str, *, by: str | None = None) -> Grant:
        """Let a principal do something in a space: ``read``, ``write``, ``share`` or ``admin``.

        Each right includes those before it. A grant only ever adds: where the principal may do that already,
        nothing changes. Who has ``share`` there may grant ``read`` and ``write``; who has ``admin``, all.

        Raises:
            InvalidField, NotAllowed.
        """
        return self._sharing.grant(principal, space, right, self._who(by))

    def revoke(
        self, principal: str, space: str, right: Right | str = Right.READ, *, by: str | None = None
    ) -> Right | None:
        """Take a right away, with those that include it; gives the right that is left, if any.

        Works at once in every process. What the principal granted to others stays; see `grants` and `audit`.

        Args:
            right: ``read``, the default, takes everything.

        Raises:
            InvalidField, NotAllowed: who has ``share`` may not take ``share`` or ``admin`` from anyone.
        """
        return self._sharing.revoke(principal, space, right, self._who(by))

    def grants(self, space: str, *, as_: str | None = None) -> list[Grant]:
        """The grants on a space, by principal. Needs the right ``share``.

        Raises:
            InvalidField, NotAllowed.
        """
        return self._sharing.grants(space, self._who(as_))

    # Across spaces

    def recall(
        self,
        query: str,
        *,
        spaces: Sequence[str] | None = None,
        as_: str | None = None,
        budget_tokens: int | None = None,
        limit: int | None = None,
        where: Where | None = None,
        since: When | None = None,
        until: When | None = None,
        now: When | None = None,
        min_confidence: float = 0.0,
    ) -> HouseRecollection:
        """What several spaces hold about a question, best first, each hit with its space.

        Scores of different spaces do not compare, so each space's calibrated confidence is dealt out over its
        ranks, and that orders the hits; see `holdfast.core.joining`.

        Args:
            spaces: Where to look, 1 to 1,000 names; everywhere the principal may read where None.
            limit: The most hits in all, 1 to 1,000; as in `Memory.recall` where None.
            min_confidence: A space that is less sure than this, 0 to 1, gives nothing.
            query, budget_tokens, where, since, until, now: See `Memory.recall`.

        Raises:
            NotAllowed: one of the spaces is not there or not the principal's to read; nothing was looked up.
            InvalidText, InvalidFilter, InvalidTime, InvalidField.
        """
        start = self._clock.monotonic_s()
        if budget_tokens is not None:
            border.check_count(budget_tokens, "budget", 10_000_000)
        limit = border.check_count(recall_limit(limit, budget_tokens), "limit", limits.LIMIT_HITS)
        border.check_text(query, "query", limits.QUERY_CHARS)
        border.check_unit(min_confidence, "least confidence")
        who = check_principal(self._who(as_))
        names = [entry.name for entry in self.spaces(as_=who)] if spaces is None else _checked_spaces(spaces)
        # All of them are checked before the first is asked; two spellings of a name are one space.
        held = {space.id: space for space in (self._sharing.check("Memory.recall", who, name) for name in names)}
        found = {
            space.name: guarded_memory(self._sharing, self._spaces, space, who).recall(
                query, limit=limit, where=where, since=since, until=until, now=now, min_confidence=min_confidence
            )
            for space in held.values()
        }
        hits, text = joined(found, query, limit, budget_tokens, self._spaces.count)
        return HouseRecollection(
            query=query, hits=tuple(hits), text=text, tokens=self._spaces.count(text) if text else 0,
            confidence=max((one.confidence for one in found.values()), default=0.0),
            by_space={name: one.confidence for name, one in found.items()},
            degraded="; ".join(dict.fromkeys(one.degraded for one in found.values() if one.degraded)) or None,
            pending=sum(one.pending for one in found.values()), took_ms=(self._clock.monotonic_s() - start) * 1000,
        )  # fmt: skip

    # Keeping

    def audit(self, *, as_: str | None = None) -> list[AuditEntry]:
        """Every change of spaces, grants and quotas, oldest first. Only who administers the house may."""
        return self._sharing.audit(self._who(as_))

    def check(self, *, as_: str | None = None) -> list[str]:
        """What is wrong with the house, in words; empty when all is well. Only who administers the house may.

        Looks at the registry, the chain of its audit, and whether spaces and files belong together, not into spaces.
        """
        problems = self._sharing.problems(self._who(as_))
        held = {space.id: space for space in self._sharing.held()}
        problems += [
            f"the file of the space {space.name!r} is missing ({space.id.hex()}.db); restore it from a backup, or "
            "drop the space"
            for space in held.values()
            if space.made and not self._spaces.has_file(space.id)
        ]
        problems += [
            f"{paths[0].name} belongs to no space of this house; it was left alone: look into it as a space of its own "
            "(holdfast stats --db), then move it out of the folder"
            for space, paths in self._spaces.files().items()
            if space not in held
        ]
        problems += [
            f"{part} holds memories that a stopped backup, restore or export left; remove it"
            for part in self._spaces.left_over()
        ]
        return problems

    def _measured(self, verb: str, name: str, as_: str | None) -> tuple[HeldSpace, Usage, bytes]:
        who, name = check_principal(self._who(as_)), check_name(name, "space")
        held = self._sharing.check(verb, who, name)
        try:
            return held, *self._spaces.usage(held)
        except HoldfastError:
            self._sharing.check(verb, who, name, held.id)  # dropped meanwhile: answered as if it had never been
            raise

    def _who(self, named: str | None) -> str:
        return self._principal if named is None else named

    def _erase(self, receipt: DropReceipt) -> DropReceipt:
        space = parse_id(receipt.space)
        self._spaces.close_space(space)
        return self._sharing.finish(receipt, *self._spaces.erase(space))

    def _repair(self) -> None:
        """Finish the drops that a crash interrupted, and erase what came back of dropped spaces."""
        for receipt in self._sharing.unfinished():
            self._erase(receipt)
        there = self._spaces.files()
        for space in there.keys() & set(self._sharing.buried()):
            self._spaces.erase(space)


def _checked_spaces(spaces: object) -> list[str]:
    is_list = isinstance(spaces, Sequence) and not isinstance(spaces, str)
    listed: Sequence[object] = cast("Sequence[object]", spaces) if is_list else ()
    if not 0 < len(listed) <= SPACES_AT_ONCE:
        raise InvalidField(f"The spaces are {spaces!r:.60}; expected a list of 1 to {SPACES_AT_ONCE:,} names.")
    return [check_name(name, "space") for name in listed]
