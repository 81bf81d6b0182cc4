"""Contact details: e-mail addresses, phone numbers, public IP addresses, street addresses.

E-mail: a dot-atom at a domain name (RFC 5322 3.2.3, RFC 1035). IP: public addresses only (RFC 1918, RFC
4193, RFC 5735 name the others), since a private one leads to nobody. Phones and streets are in `phones` and
`streets`.
"""

from __future__ import annotations

import re

from holdfast.core.policy.detectors import phones, streets
from holdfast.core.policy.detectors.guards import words_of
from holdfast.model.policy import Finding, Sensitive

_LOCAL_MOST = 64
_AT = re.compile(
    r"@((?:[^\W_][\w-]{0,62}+\.){1,8}[^\W\d_]{2,24}|(?:[^\W_][\w-]{0,62}+\.){1,8}xn--[a-z0-9-]{2,59})(?![\w-])"
)
_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.%+_-'")
_FILES = words_of(
    """
    png jpg jpeg gif svg webp css js mjs ts html json md txt py min
    """
)
_NOBODY = frozenset({"git", "noreply", "no-reply", "donotreply", "do-not-reply", "hg", "svn"})
_IPV4 = re.compile(r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?!\w|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:]|\.\d)")
_VERSION = re.compile(r"(?:version|release|build|firmware|\bv|\bver)\W{0,3}$", re.IGNORECASE)


def find(text: str) -> list[Finding]:
    """Contact details in folded text."""
    found = _emails(text) if "@" in text else []
    if re.search(r"\d", text):
        found += [*phones.find(text), *_addresses(text)]
    return [*found, *streets.find(text)]


def _found(label: str, start: int, end: int, score: float) -> Finding:
    return Finding(Sensitive.CONTACT, label, start, end, score)


def _emails(text: str) -> list[Finding]:
    found: list[Finding] = []
    for match in _AT.finditer(text):
        start, least = match.start(), max(0, match.start() - _LOCAL_MOST)
        while start > least and _is_local(text[start - 1]):
            start -= 1
        local = text[start : match.start()]
        # What only opens a sentence or a list is no part of the address.
        stripped = local.lstrip("'.%+-")
        if match[1].rpartition(".")[2].lower() in _FILES:
            continue
        if not stripped or local.endswith(".") or stripped.lower() in _NOBODY:
            continue
        found.append(_found("e-mail address", match.start() - len(stripped), match.end(), 0.95))
    return found


def _is_local(char: str) -> bool:
    return char in _LOCAL or (not char.isascii() and char.isalnum())


def _addresses(text: str) -> list[Finding]:
    found: list[Finding] = []
    for match in _IPV4.finditer(text):
        octets = [int(part) for part in match[0].split(".")]
        near = text[max(0, match.start() - 12) : match.start()]
        if _public(octets) and not _VERSION.search(near):
            found.append(_found("IP address", *match.span(), 0.9))
    found += [_found("IP address", *match.span(), 0.9) for match in _IPV6.finditer(text) if _is_ipv6(match[0])]
    return found


def _public(octets: list[int]) -> bool:
    """Whether an IPv4 address can be reached from outside (RFC 5735)."""
    first, second = octets[0], octets[1]
    return (
        max(octets) <= 255
        and first not in (0, 10, 127)
        and first < 224
        and (first, second) not in ((169, 254), (192, 168))
        and not (first == 172 and 16 <= second <= 31)
        and octets[1:] != [0, 0, 0]
    )


def _is_ipv6(value: str) -> bool:
    """Whether it is a global IPv6 address (RFC 4291): eight groups, or fewer around one ``::``."""
    groups = value.split(":")
    short = value.count("::")
    if short > 1 or ":::" in value or (short == 0 and len(groups) != 8):
        return False
    given = [group for group in groups if group]
    if len(given) < 3 or not any(char.isdigit() for char in value):
        return False
    return not value.lower().startswith(("fe8", "fe9", "fea", "feb", "fc", "fd", "::", "2001:db8", "ff"))
