"""Spaces of a house, who may use them, and what is left when one is dropped."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from holdfast.core import border
from holdfast.core.access import HOUSE_VERBS, allows, link, quota_text, right_of
from holdfast.core.names import check_name, check_principal, name_key
from holdfast.core.policy.stored import check_policy, policy_of, policy_text
from holdfast.errors import AlreadyThere, Damaged, InvalidField, NotAllowed
from holdfast.model import limits
from holdfast.model.access import AuditEntry, Grant, HeldSpace, Quota, Right, SpaceEntry, Standing
from holdfast.model.house import DropReceipt
from holdfast.model.ids import id_text, parse_id, time_ordered_id
from holdfast.model.policy import Policy
from holdfast.ports.clock import Clock
from holdfast.ports.registry import Registry, RegistryDesk, RegistryView

_LARGEST = 2**62


class Sharing:
    """Reads and changes the registry of a house; nothing is changed or shown before `_permit` has allowed it."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    # The one place where rights are checked

    def check(self, verb: str, principal: str, name: str, space: bytes | None = None) -> HeldSpace:
        """The space, if a principal may do that verb there now.

        Args:
            principal: A checked name.
            name: The space, by its checked name; or only how the caller calls it, where ``space`` is its id.

        Raises:
            NotAllowed: it may not, or there is no such space; which of the two is not told.
        """
        with self._registry.viewing() as view:
            return self._permit(view, verb, principal, name, space)

    def _permit(
        self, view: RegistryView, verb: str, principal: str, name: str, space: bytes | None = None
    ) -> HeldSpace:
        standing = view.standing(name_key(name) if space is None else space, principal)
        if not allows(verb, standing):
            if verb in HOUSE_VERBS:
                raise NotAllowed(f"{principal!r} does not administer this house. Nothing was done.")
            raise _absent(principal, name)
        if standing.space is None:
            raise _absent(principal, name)
        return standing.space

    def _permit_house(self, view: RegistryView, verb: str, principal: str) -> None:
        if not allows(verb, view.standing("", principal)):
            raise NotAllowed(f"{principal!r} does not administer this house. Nothing was done.")

    # Spaces

    def create(self, name: str, principal: str, policy: Policy | None) -> SpaceEntry:
        name, principal = check_name(name, "space"), check_principal(principal)
        kept = _stored(policy)
        with self._change() as (desk, now):
            self._permit_house(desk, "Holdfast.create", principal)
            self._refuse_twin(desk, name, principal)
            space = HeldSpace(self._clock.entropy(16), name, now, made=False, quota=Quota(), policy=kept)
            desk.add_space(space, name_key(name))
            self._note(desk, now, principal, "created", space.id)
            if kept is not None:
                self._note(desk, now, principal, "restricted", space.id, detail=kept)
        return _entry(Standing(space, None, administers=True))

    def rename(self, name: str, to: str, principal: str) -> SpaceEntry:
        name, to, principal = check_name(name, "space"), check_name(to, "space"), check_principal(principal)
        with self._change() as (desk, now):
            space = self._permit(desk, "Holdfast.rename", principal, name)
            self._refuse_twin(desk, to, principal, besides=space.id)
            desk.rename_space(space.id, to, name_key(to))
            self._note(desk, now, principal, "renamed", space.id)
        self._registry.truncate_log()
        return _entry(Standing(replace(space, name=to), None, administers=True))

    def limit(self, name: str, quota: Quota, principal: str) -> SpaceEntry:
        name, principal, quota = check_name(name, "space"), check_principal(principal), _checked_quota(quota)
        with self._change() as (desk, now):
            space = self._permit(desk, "Holdfast.limit", principal, name)
            desk.set_quota(space.id, quota)
            self._note(desk, now, principal, "limited", space.id, detail=quota_text(quota))
        return _entry(Standing(replace(space, quota=quota), None, administers=True))

    def restrict(self, name: str, policy: Policy | None, principal: str) -> SpaceEntry:
        name, principal, kept = check_name(name, "space"), check_principal(principal), _stored(policy)
        with self._change() as (desk, now):
            space = self._permit(desk, "Holdfast.restrict", principal, name)
            desk.set_policy(space.id, kept)
            self._note(desk, now, principal, "restricted", space.id, detail=kept or "none")
        return _entry(Standing(replace(space, policy=kept), None, administers=True))

    def spaces(self, principal: str) -> list[SpaceEntry]:
        with self._registry.viewing() as view:
            standings = view.standings(check_principal(principal))
        return [_entry(standing) for standing in standings if allows("Holdfast.spaces", standing)]

    def held(self) -> Sequence[HeldSpace]:
        """Every space, for the house's own housekeeping."""
        with self._registry.viewing() as view:
            return view.spaces()

    def is_there(self, space: bytes) -> bool:
        """Whether a space was not dropped yet."""
        with self._registry.viewing() as view:
            return view.standing(space, "").space is not None

    def quota_of(self, space: bytes) -> Quota:
        """The quota of a space now; none for one that is gone."""
        with self._registry.viewing() as view:
            held = view.standing(space, "").space
        return held.quota if held else Quota()

    @contextmanager
    def making(self, space: bytes) -> Generator[bool]:
        """Make the file of a space in the body of a ``with``, alone among all processes; noted at its end.

        Gives whether there is something to make: not where another process was faster, or has dropped the space.
        """
        with self._change() as (desk, _):
            held = desk.standing(space, "").space
            is_missing = held is not None and not held.made
            yield is_missing
            if is_missing:
                desk.mark_made(space)

    # Grants

    def grant(self, principal: str, name: str, right: Right | str, by: str) -> Grant:
        name, by = check_name(name, "space"), check_principal(by)
        principal, right = check_principal(principal), check_right(right)
        with self._change() as (desk, now):
            space = self._permit(desk, f"Holdfast.grant {right.name.lower()}", by, name)
            held = desk.standing(space.id, principal).right
            if held is None or held < right:
                desk.put_grant(space.id, principal, right, by, now)
                self._note(desk, now, by, "granted", space.id, principal, right.name.lower())
            return next(one for one in desk.grants(space.id) if one.principal == principal)

    def revoke(self, principal: str, name: str, right: Right | str, by: str) -> Right | None:
        name, by = check_name(name, "space"), check_principal(by)
        principal, right = check_principal(principal), check_right(right)
        with self._change() as (desk, now):
            space = self._permit(desk, f"Holdfast.revoke {right.name.lower()}", by, name)
            held = desk.standing(space.id, principal).right
            if held is None or held < right:
                return held
            self._permit(desk, f"Holdfast.revoke {held.name.lower()}", by, name)
            left = Right(right - 1) if right > Right.READ else None
            desk.put_grant(space.id, principal, left, by, now)
            self._note(desk, now, by, "revoked", space.id, principal, right.name.lower())
            return left

    def grants(self, name: str, principal: str) -> list[Grant]:
        name, principal = check_name(name, "space"), check_principal(principal)
        with self._registry.viewing() as view:
            return list(view.grants(self._permit(view, "Holdfast.grants", principal, name).id))

    def grants_on(self, space: bytes) -> Sequence[Grant]:
        """The grants on a space, for who was permitted to know."""
        with self._registry.viewing() as view:
            return view.grants(space)

    # Dropping

    def bury(self, name: str, principal: str, reason: str | None) -> DropReceipt:
        """Take a space out of the registry, with its name and grants; its files are still to be erased."""
        name, principal = check_name(name, "space"), check_principal(principal)
        reason = None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS)
        with self._change() as (desk, now):
            space = self._permit(desk, "Holdfast.drop", principal, name)
            receipt = DropReceipt(
                id=id_text(time_ordered_id(now, self._clock.entropy(10))), space=id_text(space.id), at_ms=now,
                actor=principal, reason=reason, files=0, bytes=0, chain="", pending="its files are still there",
            )  # fmt: skip
            desk.bury(space.id, receipt)
            self._note(desk, now, principal, "dropped", space.id)
        return receipt

    def finish(self, receipt: DropReceipt, files: int, size_bytes: int) -> DropReceipt:
        """Record that the files of a buried space are erased."""
        with self._change() as (desk, now):
            recorded = _find(desk, receipt.id)
            if recorded is None or recorded.pending is None:
                return recorded or receipt  # another process was faster
            detail = f"receipt={receipt.id} files={files} bytes={size_bytes}"
            chain = self._note(desk, now, receipt.actor, "erased", parse_id(receipt.space), detail=detail)
            done = replace(receipt, files=files, bytes=size_bytes, chain=chain.hex(), pending=None)
            desk.finish(done)
        if not self._registry.truncate_log():
            return replace(done, pending="another reader still holds the registry's log, which may have the name")
        return done

    def unfinished(self) -> list[DropReceipt]:
        """Dropped spaces whose files may still be there."""
        with self._registry.viewing() as view:
            return [receipt for receipt in view.receipts() if receipt.pending]

    def receipts(self, principal: str) -> list[DropReceipt]:
        with self._registry.viewing() as view:
            self._permit_house(view, "Holdfast.receipts", check_principal(principal))
            return list(view.receipts())

    def buried(self) -> list[bytes]:
        """Ids of every space that was dropped."""
        with self._registry.viewing() as view:
            return [parse_id(receipt.space) for receipt in view.receipts()]

    def differences(self, receipt: DropReceipt) -> Iterator[str]:
        """In what a receipt is not borne out by the registry, in words."""
        with self._registry.viewing() as view:
            recorded, there = _find(view, receipt.id), view.standing(parse_id(receipt.space), "").space
            audit = view.audit()
        if there is not None:
            yield "the registry still has a space with that id"
        if recorded is None:
            yield f"the registry records no receipt {receipt.id}"
        elif replace(recorded, pending=None) != replace(receipt, pending=None):
            yield "the receipt is not what the registry records"
        if receipt.chain not in [entry.chain for entry in audit if entry.what == "erased"]:
            yield "the audit does not pass through the receipt's chain value"
        yield from _audit_problems(audit)

    # The audit

    def audit(self, principal: str) -> list[AuditEntry]:
        with self._registry.viewing() as view:
            self._permit_house(view, "Holdfast.audit", check_principal(principal))
            return list(view.audit())

    def problems(self, principal: str) -> list[str]:
        with self._registry.viewing() as view:
            self._permit_house(view, "Holdfast.check", check_principal(principal))
            audit = view.audit()
            found = [*_audit_problems(audit), *_policy_problems(view.spaces(), audit)]
        damage = [
            f"the registry is damaged ({one}); restore house.db from a backup" for one in self._registry.problems()
        ]
        return damage + found

    def audit_length(self) -> int:
        """How many changes were recorded."""
        with self._registry.viewing() as view:
            return view.audit_head()[0]

    def truncate_log(self) -> bool:
        """See `Registry.truncate_log`."""
        return self._registry.truncate_log()

    def close(self) -> None:
        """Release the registry."""
        self._registry.close()

    @contextmanager
    def _change(self) -> Generator[tuple[RegistryDesk, int]]:
        with self._registry.changing() as desk:
            yield desk, self._clock.now_ms()

    def _note(
        self, desk: RegistryDesk, at_ms: int, by: str, what: str, space: bytes, principal: str | None = None,
        detail: str = "",
    ) -> bytes:  # fmt: skip
        seq, chain = desk.audit_head()
        entry = AuditEntry(seq + 1, at_ms, by, what, id_text(space), principal, detail, chain="")
        chain = _linked(chain, entry)
        desk.append(replace(entry, chain=chain.hex()))
        return chain

    def _refuse_twin(self, view: RegistryView, name: str, principal: str, besides: bytes | None = None) -> None:
        twin = view.standing(name_key(name), principal).space
        if twin is not None and twin.id != besides:
            alike = "" if twin.name == name else f", which cannot be told from {name!r}"
            raise AlreadyThere(f"There is a space {twin.name!r} already{alike}. Nothing was changed.")


def check_right(value: object) -> Right:
    """The right of that name.

    Raises:
        InvalidField.
    """
    if isinstance(value, Right):
        return value
    if isinstance(value, str) and value.upper() in Right.__members__ and value.islower():
        return Right[value.upper()]
    names = ", ".join(right.name.lower() for right in Right)
    raise InvalidField(f"{value!r:.60} is not a right; expected one of: {names}. Nothing was changed.")


def _checked_quota(quota: object) -> Quota:
    if not isinstance(quota, Quota):
        raise InvalidField(f"The quota is {type(quota).__name__}; expected a holdfast.Quota. Nothing was changed.")
    for name in ("memories", "bytes", "writes_a_minute"):
        bound = getattr(quota, name)
        if bound is not None and (type(bound) is not int or not 0 <= bound <= _LARGEST):
            raise InvalidField(
                f"The quota's {name} is {bound!r:.60}; expected 0 or more, or None. Nothing was changed."
            )
    return quota


def _entry(standing: Standing) -> SpaceEntry:
    space = standing.space
    assert space is not None
    return SpaceEntry(space.name, id_text(space.id), right_of(standing), space.quota, space.created_ms, space.policy)


def _stored(policy: object) -> str | None:
    checked = check_policy(policy)
    return None if checked is None else policy_text(checked)


def _absent(principal: str, name: str) -> NotAllowed:
    return NotAllowed(f"There is no space {name!r} in which {principal!r} may do that. Nothing was done.")


def _find(view: RegistryView, receipt: str) -> DropReceipt | None:
    return next((one for one in view.receipts() if one.id == receipt), None)


def _linked(previous: bytes, entry: AuditEntry) -> bytes:
    return link(previous, entry.seq, entry.at_ms, entry.by, entry.what, entry.space, entry.principal, entry.detail)


def _audit_problems(audit: Sequence[AuditEntry]) -> Iterator[str]:
    chain = b""
    for place, entry in enumerate(audit, 1):
        chain = _linked(chain, entry)
        if entry.seq != place or entry.chain != chain.hex():
            yield (
                f"entry {place} of the audit is not the one that was written; compare house.db with a backup and find "
                "out who changed it"
            )
            return


def _policy_problems(spaces: Sequence[HeldSpace], audit: Sequence[AuditEntry]) -> Iterator[str]:
    recorded = {entry.space: entry.detail for entry in audit if entry.what == "restricted"}
    for space in spaces:
        if recorded.get(id_text(space.id), "none") != (space.policy or "none"):
            yield (
                f"the policy of the space {space.name!r} is not the one the audit records; set it again with restrict()"
            )
        try:
            if space.policy is not None:
                policy_of(space.policy, space.name)
        except Damaged as error:
            yield f"every use of the space {space.name!r} is refused: {error}"
