"""Credentials: known key formats, private keys, tokens, passwords in addresses, headers and phrases.

Known formats are in `key_formats`, passwords and codes that are told in words in `phrases`; here are the
formats that need a walk: PEM (RFC 7468), JSON Web Tokens (RFC 7519), user information in a URI (RFC 3986,
3.2.1), HTTP authorization (RFC 7617, RFC 6750), and long random values that stand beside a word for a key.

Git hashes, UUIDs, digests, embedded images and the placeholders of documentation are not credentials. A
value that a word for a secret is directly set to is one, whatever it looks like, if it looks random.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from holdfast.core.policy.detectors import phrases
from holdfast.core.policy.detectors.guards import UUID, is_code, is_placeholder, is_random, mentions, one_of
from holdfast.core.policy.detectors.key_formats import KEY, NAMES, REST, RUN
from holdfast.model.policy import Finding, Sensitive

_PEM_BEGIN, _PEM_END = "-----BEGIN ", "-----END "
_PEM_MOST = 20_000
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=\s\\]*+")
_PEM_LABEL = re.compile(r"[A-Z0-9 ]{0,60}+-----")
_WEB_RUN = re.compile(r"[A-Za-z0-9_.-]*+")
_DATA_RUN = re.compile(r"[A-Za-z0-9+/=_-]*+")
_USERINFO = re.compile(
    r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}+://[^\s:/@\"'<>\[\]]{0,100}+:([^\s/@\"'<>\[\]]{3,200}+)@[A-Za-z0-9\[]"
)
_HEADER = re.compile(
    r"\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:(?:bearer|token|basic|apikey"
    r"|key)\s{1,3})?([A-Za-z0-9+/=_.~:-]{12,2000}+)"
    r"|\bbearer\s{1,3}([A-Za-z0-9+/=_.~-]{20,2000}+)"
    r"|(?<=\s)(?:-u|--user)[ =]{1,2}[\"']?[^\s:\"']{1,60}+:([^\s\"'@]{4,100}+)",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[A-Za-z0-9](?<![A-Za-z0-9+/_.~-]{2})[A-Za-z0-9+/_.~-]{15,500}+={0,2}(?![(\[])")
_NAME = re.compile(
    r"(?:"
    + one_of(
        "api, access, secret, private, auth, client, signing, encryption, master, session, refresh, webhook, "
        "app, account,"
        "shared[ _-]?access, deploy, service, bot, admin, jwt, hmac, license, subscription, storage, rest"
    )
    + r"[ _-]?(?:key|token|secret)|apikey|(?<![A-Za-z])(?:secret|token|credentials?|bearer|sig)"
    r"|secret[ _-]?access[ _-]?key"
    r"|clave (?:de )?api|cl[ée] api|api[ -]?schl[üu]ssel|chave (?:de )?api|chiave api)"
    r"(?:[ _-]?(?:value|base64|hex|string))?(?: (?:for|to|of|on|in|at)(?: [\w.-]{1,20}+){1,3}?)?[\"'`*\]]{0,3}\s{0,4}"
    r"(?:=>|:=|->|==?|:|\b(?:is|es|est|ist)\b(?:\s{0,2}:)?|\b[èé]\b)?\s{0,4}[\"'`*(]{0,3}$",
    re.IGNORECASE,
)
_NAME_MOST = 80
_NOT_SECRET = re.compile(
    r"(?:public|publishable|primary|foreign|partition|sort|cache|idempotency|page|next|id)[ _-]?$", re.IGNORECASE
)


def find(text: str) -> list[Finding]:
    """Credentials in folded text."""
    found = [*_keys(text), *_tokens(text), *_private_keys(text), *_addresses(text), *_headers(text), *_named(text)]
    found += phrases.find(text)
    embedded = _embedded(text) if found and ";base64," in text else []
    return [one for one in found if not _inside(embedded, one.start)]


def _found(label: str, start: int, end: int, score: float) -> Finding:
    return Finding(Sensitive.CREDENTIAL, label, start, end, score)


def _keys(text: str) -> list[Finding]:
    found: list[Finding] = []
    for run in RUN.finditer(text):
        place = run.start()
        while match := KEY.search(text, place, run.end()):
            rest = REST.match(text, match.end())
            place = rest.end() if rest else match.end()
            if not is_placeholder(match[0]) and len(set(match[0])) >= 8:
                found.append(_found(NAMES[match.lastgroup or "f0"], match.start(), place, 1.0))
    return found


def _tokens(text: str) -> list[Finding]:
    """JSON Web Tokens: three or five parts, of which the first is a JSON object in base64url."""
    found: list[Finding] = []
    place = text.find("eyJ")
    while place >= 0:
        run = _WEB_RUN.match(text, place)
        end = run.end() if run else place + 3
        parts = text[place:end].rstrip(".").split(".")
        preceded = place > 0 and (text[place - 1].isalnum() or text[place - 1] in "+/_-")
        if len(parts) in (3, 5) and len(parts[0]) >= 10 and len(parts[-1]) >= 8 and not preceded:
            found.append(_found("JSON web token", place, place + len(".".join(parts)), 1.0))
        place = text.find("eyJ", end)
    return found


def _private_keys(text: str) -> list[Finding]:
    found: list[Finding] = []
    place, last_end = text.find(_PEM_BEGIN), text.rfind(_PEM_END)
    while place >= 0:
        body = place + len(_PEM_BEGIN)
        named = _PEM_LABEL.match(text, body)
        end = body
        if named and "PRIVATE KEY" in named[0]:
            closed = text.find(_PEM_END, named.end(), named.end() + _PEM_MOST) if last_end > place else -1
            if closed >= 0:
                dashes = text.find("-----", closed + len(_PEM_END), closed + 80)
                end = dashes + 5 if dashes >= 0 else closed + len(_PEM_END)
            else:
                run = _PEM_BODY.match(text, named.end())
                end = run.end() if run else named.end()
            inner = text[named.end() : closed if closed >= 0 else end]
            if len(re.findall(r"[A-Za-z0-9+/=]", inner)) >= 40 and not re.search(r"\.{3}|<|\byour\b", inner):
                found.append(_found("private key", place, place + len(text[place:end].rstrip()), 1.0))
        place = text.find(_PEM_BEGIN, end)
    return found


def _addresses(text: str) -> list[Finding]:
    """Passwords in URIs and connection strings: ``postgresql://app:PASSWORD@db``."""
    if "://" not in text:
        return []
    return [
        _found("password in an address", *match.span(1), 1.0)
        for match in _USERINFO.finditer(text)
        if not is_placeholder(match[1]) and match[1].lower() not in phrases.STAND_INS
    ]


def _headers(text: str) -> list[Finding]:
    found: list[Finding] = []
    if not mentions(text, ("bearer", "authorization", "curl", "wget", "http ")):
        return found
    for match in _HEADER.finditer(text):
        group = match.lastindex or 1
        value = match[group]
        encoded = group == 3 or "basic" in match[0].lower() or value.endswith("=")
        mixed = encoded or (re.search(r"\d", value) and re.search(r"[A-Za-z]", value))
        if mixed and not is_placeholder(value) and not is_code(value) and value.lower() not in phrases.STAND_INS:
            found.append(_found("authorization", *match.span(group), 0.9))
    return found


def _named(text: str) -> list[Finding]:
    """Random values that a word for a key or a secret is set to."""
    found: list[Finding] = []
    for match in _VALUE.finditer(text):
        value = match[0].rstrip(".:-~")
        if not (UUID.fullmatch(value) or is_random(value)) or is_code(value):
            continue
        named = _NAME.search(text, max(0, match.start() - _NAME_MOST), match.start())
        if named and not _NOT_SECRET.search(text, max(0, named.start() - 14), named.start()):
            found.append(_found("secret value", match.start(), match.start() + len(value), 0.8))
    return found


def _inside(spans: list[tuple[int, int]], place: int) -> bool:
    at = bisect_right(spans, place, key=lambda span: span[0])
    return at > 0 and place < spans[at - 1][1]


def _embedded(text: str) -> list[tuple[int, int]]:
    """Spans of data URIs (RFC 2397): what looks like a key in an image is none."""
    spans: list[tuple[int, int]] = []
    place = text.find(";base64,")
    while place >= 0:
        start = place + len(";base64,")
        run = _DATA_RUN.match(text, start)
        end = run.end() if run else start
        if text.rfind("data:", max(0, place - 80), place) >= 0:
            spans.append((start, end))
        place = text.find(";base64,", end)
    return spans
