"""Whether two calls under one idempotency key are the same."""

from __future__ import annotations

from holdfast.core.codec import content_dict
from holdfast.core.decide import Take
from holdfast.core.secrets import arguments_digest
from holdfast.model.records import Content


def same_call(held: Content, command: Take) -> bool:
    """Whether two calls for one id are the same; words under an id never change, all else may be revised.

    What was stored before there was a policy is as it was said then.
    """
    given = (command.content, command.said) if command.said else (command.content,)
    return any(held.arguments == one.arguments and held.text == one.text for one in given)


def arguments_of(secret: bytes, content: Content, timeless: bool) -> str:
    """The digest of what a caller passed; who acts and what a policy noted are no part of that."""
    arguments = content_dict(content)
    for name in ("actor", "marks", "quarantined", "expires_at", *(("valid_from",) if timeless else ())):
        arguments.pop(name, None)
    if "body" in arguments and content.kind.is_episode:
        from holdfast.core.episodes import as_passed

        arguments["body"] = as_passed(arguments["body"])
        if arguments["body"] is None:
            del arguments["body"]
    return arguments_digest(secret, arguments)
