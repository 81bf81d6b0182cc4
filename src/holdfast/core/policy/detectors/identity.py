"""Numbers that states give to persons: social security, tax, identity card, passport, driving licence.

A scheme is a shape, a check (`national_ids`) and, where the shape is too plain to stand alone, words
of which one must stand near it. A check digit modulo 10 lets one number in ten pass by chance, so bare
digits always need such a word; letters in fixed places, or a modulus of 23 and more, do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.core.policy.detectors import national_ids as ids
from holdfast.model.policy import Finding, Sensitive

_BEFORE, _AFTER = 60, 25
_SEPARATORS = re.compile(r"[ ./-]")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """One identifier.

    Attributes:
        near: Words of which one must stand near it, or None where it stands alone.
        gate: The beginnings of those words, for a quick look.
    """

    label: str
    shape: re.Pattern[str]
    check: Callable[[str], bool]
    near: re.Pattern[str] | None
    gate: tuple[str, ...] = ()


def _scheme(label: str, shape: str, check: Callable[[str], bool], near: str | None = None) -> _Scheme:
    words = re.compile(rf"(?<![A-Za-z])(?:{near})(?![A-Za-z])", re.IGNORECASE) if near else None
    gate = tuple(re.split(r"[^\w ]", word)[0] for word in near.split("|")) if near else ()
    shaped = re.compile(rf"(?<![\w.-])(?:{shape})(?![\w-])(?!\.\d)", re.IGNORECASE)
    return _Scheme(label, shaped, check, words, gate)


_SSN_WORDS = r"ssn|social[ -]?security(?: number| no\.?| #)?|soc sec|itin|tax(?:payer)? (?:id|number|no\.?)"
_SCHEMES: tuple[_Scheme, ...] = (
    _scheme("US social security number", r"\d{3}-\d{2}-\d{4}", ids.ssn),
    _scheme("US social security number", r"\d{3}([ .]?)\d{2}\1\d{4}", ids.ssn, _SSN_WORDS),
    _scheme("US taxpayer number", r"9\d{2}-\d{2}-\d{4}", ids.itin),
    _scheme("UK national insurance number", r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]", ids.nino),
    _scheme("UK NHS number", r"\d{3}([ -]?)\d{3}\1\d{4}", ids.nhs, r"nhs(?: number| no\.?)?"),
    _scheme("Spanish DNI or NIE", r"(?:\d{8}|[XYZ][ -]?\d{7})[ -]?[A-HJ-NP-TV-Z]", ids.dni),
    _scheme(
        "Italian codice fiscale",
        r"[A-Z]{6}\d[\dLMNP-V][A-EHLMPR-T]\d[\dLMNP-V][A-Z]\d[\dLMNP-V]{2}[A-Z]",
        ids.codice_fiscale,
    ),
    _scheme(
        "German tax number",
        r"\d{2} ?\d{3} ?\d{3} ?\d{3}",
        ids.steuer_id,
        r"steuer[ -]?(?:id|identifikationsnummer|nummer|nr\.?)|idnr\.?|tax (?:id|number)|tin",
    ),
    _scheme("French NIR", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", ids.nir),
    _scheme("Brazilian CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", ids.cpf),
    _scheme("Brazilian CPF", r"\d{11}", ids.cpf, r"cpf"),
    _scheme("Indian Aadhaar", r"\d{4}([ -])\d{4}\1\d{4}", ids.aadhaar),
    _scheme("Indian Aadhaar", r"\d{12}", ids.aadhaar, r"aadhaar|aadhar|uid(?:ai)?"),
    _scheme("Indian PAN", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", ids.always, r"pan|permanent account|income tax"),
    _scheme("Dutch BSN", r"\d{4}[. ]?\d{2}[. ]?\d{3}", ids.bsn, r"bsn|burgerservicenummer|sofinummer"),
    _scheme("Belgian national number", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", ids.rijksregister),
    _scheme("Polish PESEL", r"\d{11}", ids.pesel, r"pesel"),
    _scheme("Portuguese NIF", r"\d{3} ?\d{3} ?\d{3}", ids.nif_pt, r"nif|contribuinte|número fiscal"),
    _scheme("Swedish personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}", ids.personnummer),
    _scheme("Finnish identity code", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", ids.hetu),
    _scheme("Canadian social insurance number", r"\d{3}([ -]?)\d{3}\1\d{3}", ids.sin, r"sin"
        r"|social insurance(?: number)?"),
    _scheme("Australian tax file number", r"\d{3} ?\d{3} ?\d{3}", ids.tfn, r"tfn|tax file(?: number)?"),
    _scheme("Chinese resident number", r"[1-9]\d{16}[\dX]", ids.resident_id),
    _scheme("South African identity number", r"\d{13}", ids.rsa_id, r"id(?:entity)?(?: number| no\.?)|rsa id"),
    _scheme("Mexican CURP", r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z0-9]\d", ids.curp),
    _scheme(
        "Japanese individual number",
        r"\d{4}([ -]?)\d{4}\1\d{4}",
        ids.my_number,
        r"my number|マイナンバー|個人番号",
    ),
    _scheme(
        "passport number",
        r"(?=[A-Z]{0,3}\d)[A-Z]{0,3}\d{6,9}[A-Z]?|[A-Z]\d{2}[A-Z]{2}\d{4}",
        ids.always,
        r"passport(?: (?:number|no\.?|#|is))?|passeport|pasaporte|reisepass(?:nummer)?|passaporto|passaporte"
        r"|paspoort",
    ),
    _scheme(
        "driving licence number",
        r"(?=[A-Z0-9-]{0,20}\d{2})[A-Z0-9]{1,16}(?:[ -][A-Z0-9]{1,8}){0,3}",
        ids.always,
        r"driv(?:er'?s?|ing) licen[sc]e(?: (?:number|no\.?|#))?(?: is)?:?|dl (?:number|no\.?|#):?"
        r"|führerschein(?:nummer)?|permis de conduire|carnet de conducir|patente di guida",
    ),
)  # fmt: skip
_DENSE = re.compile(r"\d(?:[ ./-]{0,2}\d){5}(?:[ ./-]{0,2}\d){0,20}+")
_MARGIN = 40
_LICENCE = "driving licence number"
_NEAR_LICENCE = 12
_FEW_DIGITS = frozenset({_LICENCE, "Indian PAN"})
"""Schemes that may have fewer than six digits together."""


def find(text: str) -> list[Finding]:
    """National identifiers in folded text."""
    if not re.search(r"\d", text):
        return []
    found: list[Finding] = []
    lower, regions = text.lower(), _regions(text)
    for scheme in _SCHEMES:
        if not scheme.near:
            found += _alone(text, scheme, regions)
        elif any(word in lower for word in scheme.gate):
            found += _worded(text, scheme, regions)
    return found


def _regions(text: str) -> list[tuple[int, int]]:
    """Where six digits stand close together: no identifier but the codice fiscale is elsewhere."""
    regions: list[tuple[int, int]] = []
    for match in _DENSE.finditer(text):
        start, end = max(0, match.start() - _MARGIN), min(len(text), match.end() + _MARGIN)
        if regions and start <= regions[-1][1]:
            regions[-1] = (regions[-1][0], end)
        else:
            regions.append((start, end))
    return regions


def _alone(text: str, scheme: _Scheme, regions: list[tuple[int, int]]) -> list[Finding]:
    places = [(0, len(text))] if scheme.check is ids.codice_fiscale else regions
    return [
        _found(scheme, match, 0.95)
        for start, end in places
        for match in scheme.shape.finditer(text, start, end)
        # A match at the end of a region may be cut short; the margin is wider than any identifier.
        if (match.end() < end or end == len(text)) and _agrees(scheme, match)
    ]


def _worded(text: str, scheme: _Scheme, regions: list[tuple[int, int]]) -> list[Finding]:
    """Numbers near a word, looked for from the word on."""
    assert scheme.near is not None
    few_digits = scheme.label in _FEW_DIGITS
    before, after = (_NEAR_LICENCE, 0) if scheme.label == _LICENCE else (_BEFORE, _AFTER)
    found: dict[int, Finding] = {}
    for first, last in [(0, len(text))] if few_digits else regions:
        for word in scheme.near.finditer(text, max(0, first - before), last):
            for match in scheme.shape.finditer(text, word.end(), min(len(text), word.end() + before + _MARGIN)):
                if match.start() <= word.end() + before and _agrees(scheme, match):
                    found.setdefault(match.start(), _found(scheme, match, 0.9))
            for match in (
                scheme.shape.finditer(text, max(0, word.start() - after - _MARGIN), word.start()) if after else ()
            ):
                if match.end() >= word.start() - after and _agrees(scheme, match):
                    found.setdefault(match.start(), _found(scheme, match, 0.8))
    return list(found.values())


def _agrees(scheme: _Scheme, match: re.Match[str]) -> bool:
    bare = match[0] if scheme.check is ids.hetu else _SEPARATORS.sub("", match[0].replace("+", ""))
    return scheme.check(bare)


def _found(scheme: _Scheme, match: re.Match[str], score: float) -> Finding:
    return Finding(Sensitive.IDENTITY, scheme.label, *match.span(), score)
