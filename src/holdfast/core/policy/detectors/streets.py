"""Street addresses by their forms: a number and a street word, a street and a unit, a post office box.

Forms follow the Universal Postal Union's addressing guidelines (S42) for the languages in the word lists.
A street that carries no street word ("Dobrovského 1394") looks like any name with a number; it is found only
with a unit ("Apt. 3") or after words that say an address follows. An address with a unit, a box or a leading
number goes on to its postal code, at most four short lines later.
"""

from __future__ import annotations

import re

from holdfast.core.policy.detectors.guards import mentions, one_of, words_of
from holdfast.model.policy import Finding, Sensitive

_N = (
    r"(?>\d{1,2}(?:st|nd|rd|th)\b|(?-i:[^\W\d_a-zß-ÿ])[\w'.-]{0,24}+"
    r"|(?:de[ils]?|do|di|du|dos|das|dal?|la|les?|los|las|van|von|der|den|of|the|y|e|af|på)\b)"
)
"""A word of a name: it has a capital, or is one of the small words between."""
_ANY = r"[^\W\d_][\w'.-]{0,24}+"
_NUMBER = r"\d{1,5}(?:[/-]\d{1,4})?[A-Za-z]?"
_LEAD = r"(?<![\w.])\d{1,6}[A-Za-z]? (?:\d{1,5} )?"
_UNIT = (
    r"(?:apt|apartment|suite|ste|unit|flat|etage|piso|appt|wohnung"
    r"|whg)\b\.?[ #]{0,2}(?:no\.? ?)?[A-Za-z]{0,2}\d{1,5}+[A-Za-z]?"
)
_GAP = r"(?:[,;]?[ \t]{0,8}+\n?[ \t]{0,8}+(?:[>?|*]{1,3}+ ?+)?+)"
_TAIL = rf"(?:{_GAP}{_UNIT})?"
_ENGLISH = one_of(
    "Street, St, Avenue, Ave, Road, Rd, Lane, Ln, Drive, Dr, Boulevard, Blvd, Court, Ct, Place, Pl, Squares?, "
    "Sq, Terrace,"
    "Way, Close, Crescent, Parkway, Pkwy, Highway, Hwy, Trail, Circle, Row, Mews, Gardens, Grove, Walk, Quay, "
    "Esplanade,"
    "Parade, Alley, Pike, Turnpike"
)
_BEFORE_NAME = (
    one_of(
        "rua, via, rue, avenue, avenida, av, calle, plaza, piazza, place, platz, ulica, strada, boulevard, bd, "
        "chemin, allée,"
        "impasse, largo, travessa, corso, viale, vicolo, paseo, carrer, quai, praça, estrada, ulitsa, улица, "
        "λεωφόρος, οδός"
    )
    + r"\.? "
)
_SHORT_BEFORE = r"(?:c/|ul\.|al\.|os\.|str\.|ул\.) ?"
_CUE = (
    r"\b(?:address(?:es)?(?: (?:of|for|with|to) [^\n:]{1,30}?)?(?: is|:| to| with|,)|(?:"
    + one_of(
        "lives?, lived, living, resides?, located, meet, offices?, moved, arrived, deliver(?:ed)?, ship(?:ped)?,"
        "return(?:ed)?, sent, send"
    )
    + r")\b[^\n.?!]{0,40}? (?:at|on|to|in|is))\s{1,8}(?:it is |the )?"
)
_SOURCES = (
    rf"{_LEAD}(?:{_N} {{1,2}}){{1,4}}?(?-i:{_ENGLISH})\b\.?{_TAIL}",
    rf"{_LEAD}(?:{_ANY} {{1,2}}){{1,3}}?{_ENGLISH}\b\.?{_GAP}{_UNIT}",
    rf"(?<!\w)(?:\d{{1,6}} )?(?:{_BEFORE_NAME}"
    rf"|{_SHORT_BEFORE})(?:{_N} ){{0,4}}?{_N},? {{0,2}}(?:n[.º°o]{{1,2}} ?)?{_NUMBER}(?!\w){_TAIL}",
    r"(?<!\w)(?:\d{1,6} )?\d{1,5}(?: ?(?:bis|ter))?,? "
    rf"(?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|cours)(?: {_N}){{1,5}}{_TAIL}",
    rf"{_LEAD}(?:{_ANY} |\d{{1,5}}+\.? ){{0,6}}?(?:{_ANY}|\d{{1,5}}+)[.,]?{_GAP}{_UNIT}",
    rf"(?<!\w)(?:\d{{1,6}} )?p\.? ?o\.? ?box {{0,2}}#?\d{{1,6}}(?:[ ,]{{1,3}}{_N}){{0,2}}?{_TAIL}",
    r"(?<!\w)(?:psc|unit|cmr) \d{1,5},? {0,2}box \d{1,5}(?:\s{1,4}[adf]po,? a[aep] \d{5})?",
    rf"(?<!\w)(?:us[a-z]{{1,3}} {_ANY}\s{{1,4}})?[adf]po,? a[aep] \d{{5}}(?!\w)",
    r"(?<!\w)(?:postfach|apartado|casella postale|boîte postale|b\.?p\.?) \d{1,6}(?!\w)",
    rf"\bcorner of (?:\d{{1,5}} )?(?:{_ANY} ){{1,5}}?(?:\d{{1,5}}\.? (?:{_ANY} )?)?and (?:{_N} ?){{1,4}}",
)
_SHAPES = tuple(re.compile(source, re.IGNORECASE) for source in _SOURCES)
_CUE_AT = re.compile(_CUE, re.IGNORECASE)
_CUED = re.compile(rf"((?:\d{{1,6}} )?(?:{_N} ){{0,3}}?{_N} \d{{1,5}}[a-z]?(?![\w%:]|\.\d){_TAIL})", re.IGNORECASE)
_STREET_NUMBER = re.compile(rf"(?<=\w|\.) (?!(?:19|20)\d\d(?!\d)){_NUMBER}(?!\w)\.?{_TAIL}", re.IGNORECASE)
_BEFORE = re.compile(rf"(?:(?<!\w)\d{{1,6}} )?(?:(?<!\w){_ANY} ){{0,2}}?(?<!\w)({_ANY})$")
_ENDINGS = (
    *("straße", "strasse", "str.", "gasse", "weg", "platz", "allee", "graben", "straat", "laan", "plein", "gracht"),
    *("kade", "dijk", "singel", "gatan", "gata", "vägen", "gränd", "gade", "vej", "stræde", "veien", "vegen"),
    *("stien", "katu", "kuja", "polku", "straeti", "stræti", "gaten", "vangen", "ntie", "stie"),
)
_STREET_WORDS = words_of("utca u. tér út útja rkp. rkp körút krt. terrasse ulica cesta tänav iela gatvė sok sokak mnt")
_NOT_STREETS = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]{0,6}\b|\b(?:19|20)\d\d$|\b(?:"
    r"am|pm|age|chapter|page|level|version|room|top|day|week|grade|year|about|than|least|over|under|around)\b",
    re.IGNORECASE,
)
_POSTAL = re.compile(
    rf"(?:[\s,>?|*]{{1,14}}+(?:\(?{_ANY}\)?[ ,./-]{{0,2}}){{1,5}}+){{0,3}}[\s,>?"
    rf"|*]{{0,14}}\d{{4,6}}(?:-\d{{4}})?(?![\w-])"
)
_HAS_UNIT = re.compile(_UNIT, re.IGNORECASE)


def find(text: str) -> list[Finding]:
    """Street addresses in folded text."""
    if not re.search(r"\d", text) and not mentions(text, ("corner of",)):
        return []
    spans = [(match.start(), match.end()) for shape in _SHAPES for match in shape.finditer(text)]
    for cue in _CUE_AT.finditer(text):
        match = _CUED.match(text, cue.end())
        if match and not _NOT_STREETS.search(match[0]):
            spans.append(match.span())
    for match in _STREET_NUMBER.finditer(text):
        before = _BEFORE.search(text, max(0, match.start() - 60), match.start())
        if before and before[1][0].isupper() and _is_street(before[1].lower()):
            spans.append((before.start(), match.end()))
    return [_found(text, start, end) for start, end in spans]


def _found(text: str, start: int, end: int) -> Finding:
    if text[start].isdigit() or _HAS_UNIT.search(text, start, end):
        goes_on = _POSTAL.match(text, end)
        end = goes_on.end() if goes_on else end
    return Finding(Sensitive.CONTACT, "street address", start, start + len(text[start:end].rstrip(" ,")), 0.6)


def _is_street(word: str) -> bool:
    return word in _STREET_WORDS or (len(word) >= 6 and word.endswith(_ENDINGS))
