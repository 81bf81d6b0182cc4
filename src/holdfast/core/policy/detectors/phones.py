"""Phone numbers, in international and national forms.

International: ``+`` or ``00``, a country code, at most 15 digits (ITU-T E.164; codes from its list of
assigned codes). North America: 3-3-4 digits with marks between them, area and exchange as NANPA gives them
out. Elsewhere: a trunk 0 and 9 to 11 digits in groups (ITU-T E.123). Any other group of digits is a phone
number only beside a word that says so.
"""

from __future__ import annotations

import re

from holdfast.core.policy.detectors.guards import words_of
from holdfast.model.policy import Finding, Sensitive

_CANDIDATE = re.compile(
    r"(?<![\w+/.-])(?<!\d[,:])(?:\+|00)?\(?\d(?:[ ().\-/]{0,3}\d){5,16}+"
    r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,6}+)?(?!\w)(?![.,:/]\d)",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?<![A-Za-z])(?:(?:tele)?phones?|tel(?:efono?|éfono|efoon|efone)?|téléphone|mobiles?|cell(?:phone|ulare?)?"
    r"|fax|desk|direct"
    r"|handy|m[óo]vil|portable|celular|telemóvel|kontakt|call(?: (?:me|us|him|her|them))?|text(?: me)?|dial|ring"
    r"|reach(?: me)?"
    r"|sms|whats ?app|signal|contact|answering|messages?|hotline|(?:my|his|her|their|your|new|our) number|телефон"
    r"|电话|電話|手机|office|home|work|landline)"
    r"(?![A-Za-z])\W{0,6}(?:\w{1,12}\W{1,3}){0,5}?$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s(-]{0,3}(?:office|fax|mobile|cell|home|work|desk|direct|tel|handy|landline)(?![A-Za-z])", re.IGNORECASE
)
_DATE = re.compile(
    r"(?:19|20)\d{2}[-/. ](?:0?[1-9]|1[0-2])[-/. ](?:0?[1-9]|[12]\d|3[01])(?![0-9]).{0,20}"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/. ](?:0?[1-9]|[12]\d|3[01])[-/. ](?:19|20)?\d{2}|(?:19|20)\d{2} ?[-/] ?(?:19"
    r"|20)\d{2}"
)
_NANP = re.compile(r"(?:\(?1\)?[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])\d{3}[-. ]\d{4}")
_NOT_PHONE = re.compile(
    r"(?:order|invoice|account|acct|card|ticket|case|ref(?:erence)?|tracking|serial|model|isbn|issn|version"
    r"|licen[sc]e|policy"
    r"|zip|postal|security|ssn|passport|id|sku|part|claim|routing|iban|\bpo|fiscal|year|price|\$|€"
    r"|£)\W{0,4}(?:number|no\.?|num|#|is|was)?"
    r"[\s:#.]{0,4}$",
    re.IGNORECASE,
)
_NEAR = 48
_CODES_1_2 = words_of(
    "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 "
    "82 84 86 90 "
    "91 92 93 94 95 98"
)
_CODES_3 = words_of(
    """
    21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99
    """
)
"""First two digits of the assigned codes with three."""


def find(text: str) -> list[Finding]:
    """Phone numbers in folded text."""
    found: list[Finding] = []
    for match in _CANDIDATE.finditer(text):
        score = _score(text, match)
        if score:
            found.append(Finding(Sensitive.CONTACT, "phone number", *_span(match), score))
    return found


def _span(match: re.Match[str]) -> tuple[int, int]:
    """The span without a bracket that is opened and never closed."""
    start = match.start()
    return (start + 1 if match[0].startswith("(") and ")" not in match[0] else start), match.end()


def _score(text: str, match: re.Match[str]) -> float:
    number = re.split(r"\s?[xXeE]", match[0], maxsplit=1)[0].strip()
    digits = re.sub(r"\D", "", number)
    bare = number.strip("()")
    if (
        _DATE.fullmatch(bare)
        or re.fullmatch(r"\d{3}-\d{2}-\d{4}", bare)
        or len(set(digits)) < 2
        or not 6 <= len(digits) <= 17
    ):
        return 0.0
    near = text[max(0, match.start() - _NEAR) : match.start()]
    if _NOT_PHONE.search(near):
        return 0.0
    if number.startswith("+"):
        return 0.95 if _international(digits) else 0.0
    named = bool(_BEFORE.search(near) or _AFTER.match(text, match.end()))
    marks = re.findall(r"[ ().\-/]+", bare)
    if number.startswith("00") and _international(digits[2:]) and (marks or named):
        return 0.9
    if _NANP.fullmatch(number):
        return 0.9
    if digits[0] == "0" and 9 <= len(digits) <= 11 and len(marks) >= 2 and "/" not in bare and not _is_list(bare):
        return 0.8
    if named and len(digits) <= 13 and (marks or len(digits) >= 7) and not _is_list(bare):
        return 0.7
    return 0.0


def _is_list(number: str) -> bool:
    """Whether the groups are more like several numbers, an amount or a range than one phone number."""
    groups = re.split(r"[ ().\-/]+", number.strip("()"))
    return len(groups) > 6 or max(len(group) for group in groups) > 11 or re.fullmatch(r"\d+\.\d+", number) is not None


def _international(digits: str) -> bool:
    """Whether a country code that is assigned comes first and 8 to 15 digits follow in all."""
    if not 8 <= len(digits) <= 15:
        return False
    return digits[0] in "17" or digits[:2] in _CODES_1_2 or digits[:2] in _CODES_3
