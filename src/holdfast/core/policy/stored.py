"""A policy as the registry of a house keeps it: its settings as JSON, equal texts for equal policies."""

from __future__ import annotations

import json
from functools import lru_cache

from holdfast.core.policy.settings import policy_from, settings_of, stricter
from holdfast.errors import Damaged, InvalidField
from holdfast.model.policy import Policy

MINUTE_MS = 60_000


def check_policy(policy: object) -> Policy | None:
    """The policy, or None.

    Raises:
        InvalidField: it is something else.
    """
    if policy is None or isinstance(policy, Policy):
        return policy
    raise InvalidField(f"The policy is {type(policy).__name__}; expected a holdfast.Policy or None. Nothing was done.")


def policy_text(policy: Policy) -> str:
    """The text that stands for a policy.

    Raises:
        InvalidField: a lifetime in it is not in whole minutes, which settings cannot say.
    """
    for retention in (policy.otherwise, *policy.retentions.values()):
        if retention.ttl_ms is not None and retention.ttl_ms % MINUTE_MS:
            raise InvalidField(
                f"A policy that is kept in a house has lifetimes in whole minutes; one here is {retention.ttl_ms:,} "
                "ms. Nothing was changed."
            )
    return json.dumps(settings_of(policy), sort_keys=True, ensure_ascii=True)


@lru_cache(maxsize=256)
def policy_of(text: str, space: str) -> Policy:
    """The policy that a text stands for, in the space of that name.

    Raises:
        Damaged: it stands for none, or for one of a later version.
    """
    try:
        return policy_from(json.loads(text))
    except (ValueError, TypeError) as error:  # an altered row may hold a number in place of the text
        raise Damaged(
            f"The policy of the space {space!r} cannot be read: {error} Nothing was done. Use the version that set it, "
            "or have who administers the house set it again with restrict()."
        ) from None


def together(one: Policy | None, other: Policy | None) -> Policy | None:
    """What holds where two policies do: of each setting the stricter one."""
    if one is None or other is None:
        return one or other
    return stricter(one, other)
