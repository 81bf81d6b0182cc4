"""Payment: card numbers, their security codes, IBANs.

Cards: length and leading digits of the issuers (ISO/IEC 7812-1; ranges as the networks publish them) and
the Luhn check digit (ISO/IEC 7812-1 annex B). One number in ten passes Luhn by chance, so the lengths
that other numbers often have count only near a word for a card.

IBANs: length by country (SWIFT IBAN Registry, ISO 13616-1) and the check digits of ISO/IEC 7064 MOD 97-10.
"""

from __future__ import annotations

import re

from holdfast.model.policy import Finding, Sensitive

_CARD = re.compile(
    r"\d(?<!\d\d)(?<!\d[.,]\d)(?:"
    r"\d{11,18}+"
    r"|\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?"
    r"|\d{3}([ -])\d{6}\2\d{4,5}"
    r")(?!\d)(?![.,]\d)"
)
_CARD_WORD = re.compile(
    r"\b(?:cards?|cc|visa|master ?card|maestro|amex|american express|discover|diners|jcb|unionpay|credit|debit"
    r"|tarjetas?|carte|karte|kreditkarte|carta|cart[ãa]o|kaart|kort|karta)\b|карт|カード|卡",
    re.IGNORECASE,
)
_BEFORE, _AFTER = 80, 30
_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|card (?:security|verification) (?:code|number|value))\b[\"']?"
    r"\s{0,3}(?:code\s{0,3})?(?:is|was|[:=#-])?\s{0,3}[\"']?(\d{3,4})(?!\w)",
    re.IGNORECASE,
)

_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (34, 34, frozenset({15})),  # American Express
    (37, 37, frozenset({15})),
    (300, 305, frozenset({14})),  # Diners Club
    (36, 36, frozenset({14})),
    (38, 39, frozenset({14})),
    (1800, 1800, frozenset({15})),  # JCB
    (2131, 2131, frozenset({15})),
    (3528, 3589, frozenset({16})),
    (4, 4, frozenset({13, 16, 19})),  # Visa
    (51, 55, frozenset({16})),  # Mastercard
    (2221, 2720, frozenset({16})),
    (50, 50, frozenset(range(12, 20))),  # Maestro
    (56, 58, frozenset(range(12, 20))),
    (6011, 6011, frozenset({16, 19})),  # Discover
    (644, 649, frozenset({16, 19})),
    (65, 65, frozenset({16, 19})),
    (62, 62, frozenset(range(16, 20))),  # UnionPay
    (60, 60, frozenset({16})),  # RuPay
    (81, 82, frozenset({16})),
    (2200, 2204, frozenset({16})),  # Mir
    (63, 63, frozenset(range(12, 20))),  # Maestro
    (67, 67, frozenset(range(12, 20))),
)
_INDUSTRIES = "3456"
"""Leading digits of travel, banking and merchandising (ISO/IEC 7812-1): beside a word for a card they are enough."""
_ALONE = frozenset({14, 15, 16})
"""Lengths that count without a word for a card near them."""

_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ -]?[A-Za-z0-9])")
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        pair.split(":")
        for pair in [
            "15:NO",
            "16:BE",
            "18:DK,FK,FO,FI,GL,NL,SD",
            "19:MK,SI",
            "20:AT,BA,EE,KZ,LT,LU,MN,XK",
            "21:CH,HR,LI,LV",
            "22:BG,BH,CR,DE,GB,GE,IE,ME,RS,VA",
            "23:AE,GI,IL,IQ,OM,SO,TL",
            "24:AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG",
            "25:LY,PT,ST",
            "26:IS,TR",
            "27:BI,DJ,FR,GR,IT,MC,MR,SM",
            "28:AL,AZ,BY,CY,DO,GT,HN,HU,LB,NI,PL,SV",
            "29:BR,EG,PS,QA,UA",
            "30:JO,KW,MU,YE",
            "31:MT,SC",
            "32:LC",
            "33:RU",
        ]
    )
    for country in countries.split(",")
}


def find(text: str) -> list[Finding]:
    """Card numbers, security codes and IBANs in folded text."""
    if not re.search(r"\d{2}", text):
        return []
    return [*_cards(text), *_codes(text), *_ibans(text)]


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban_check(iban: str) -> bool:
    """Whether an IBAN without spaces has its country's length and the right check digits."""
    if _IBAN_LENGTHS.get(iban[:2].upper()) != len(iban):
        return False
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _cards(text: str) -> list[Finding]:
    found: list[Finding] = []
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if len(set(digits)) < 2 or not luhn(digits):
            continue
        named = digits[0] in _INDUSTRIES and _near_card_word(text, match.start(), match.end())
        if named or (len(digits) in _ALONE and _issued(digits)):
            found.append(Finding(Sensitive.PAYMENT, "card number", *match.span(), 1.0 if named else 0.9))
    return found


def _issued(digits: str) -> bool:
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high for low, high, lengths in _ISSUERS
    )


def _near_card_word(text: str, start: int, end: int) -> bool:
    return bool(_CARD_WORD.search(text[max(0, start - _BEFORE) : start] + "\n" + text[end : end + _AFTER]))


def _codes(text: str) -> list[Finding]:
    return [Finding(Sensitive.PAYMENT, "card security code", *match.span(1), 0.9) for match in _CODE.finditer(text)]


def _ibans(text: str) -> list[Finding]:
    found: list[Finding] = []
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        end = _walk(text, match.start(), length) if length else None
        if end is not None and iban_check(re.sub(r"[ -]", "", text[match.start() : end])):
            found.append(Finding(Sensitive.PAYMENT, "IBAN", match.start(), end, 1.0))
    return found


def _walk(text: str, start: int, length: int) -> int | None:
    """Where that many letters and digits end, with at most one space or hyphen between two; None if they do not."""
    place, taken, gap = start, 0, False
    while place < len(text) and taken < length:
        char = text[place]
        if char.isascii() and char.isalnum():
            taken, gap = taken + 1, False
        elif gap or char not in " -":
            return None
        else:
            gap = True
        place += 1
    ends = taken == length and not (place < len(text) and text[place].isascii() and text[place].isalnum())
    return place if ends else None
