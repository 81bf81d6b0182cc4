"""Medical content: conditions, treatments and medicines, named in the text.

Words that are medical wherever they stand are found alone: names of conditions and procedures (chapters of
ICD-10), and medicines by name or by the stem of their international nonproprietary name (WHO, "The use of
stems in the selection of INN", 2018). Words with other uses ("depression", "migraine of a project") count only
near a word for having, treating or being examined for something. Lists are in `medical_words`.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from holdfast.core.policy.detectors.guards import words_of
from holdfast.core.policy.detectors.medical_words import CLEAR, CONTEXT, MEDICINES, PHRASES, UNCLEAR
from holdfast.model.policy import Finding, Sensitive

_WORDS = re.compile(r"[^\W\d_](?:[^\W_]|['-](?=[^\W_])){2,40}+")
_STEM = re.compile(
    r"[a-z]{3,16}?(?:cillin|mycin|floxacin|cycline|azepam|azolam|barbital|oxetine|prazole|sartan|statin|glitazone"
    r"|gliptin"
    r"|gliflozin|glutide|triptan|tidine|conazole|vir(?:ine|dine)?|mab|tinib|olol|dipine|pril|oxaban|parin|setron"
    r"|caine"
    r"|metacin|profen|coxib|thiazide|semide|lukast|terol|sone|solone|trexate|platin|taxel|rubicin)s?"
)
_NOT_STEMS = words_of(
    "elvir vir tamir samir vladimir april appril casimir person sone arsone statin astatin caine cocaine "
    "reservoir souvenir "
    "memoir boudoir noir gliptin protocol symbol fullerol abril amanil doril petrol control patrol stool school"
)
_NEAR = 60


def find(text: str) -> list[Finding]:
    """Medical terms in folded text."""
    words = [(match.start(), match.end(), match[0].lower()) for match in _WORDS.finditer(text)]
    contexts = [start for start, _, word in words if word in CONTEXT]
    found: list[Finding] = []
    for place, (start, end, word) in enumerate(words):
        label = _alone(word)
        score = 0.8
        phrase = PHRASES.get(word)
        if not label and phrase and place + 1 < len(words) and words[place + 1][2] in phrase:
            label, end = "medical term", words[place + 1][1]
        if not label and word in UNCLEAR and any(abs(start - other) <= _NEAR for other in _close(contexts, start)):
            label, score = "medical term", 0.6
        if label:
            found.append(Finding(Sensitive.MEDICAL, label, start, end, score))
    return found


def _alone(word: str) -> str | None:
    if word in CLEAR or word.removesuffix("s") in CLEAR:
        return "medical term"
    if word in MEDICINES or (len(word) >= 7 and word not in _NOT_STEMS and _STEM.fullmatch(word) and _is_stem(word)):
        return "medicine"
    return None


def _is_stem(word: str) -> bool:
    """Whether a word that ends as a medicine does is long enough not to be an ordinary one."""
    short = ("vir", "mab", "pril", "olol", "caine", "terol", "sone", "parin")
    return not word.endswith(short) or len(word) >= 8


def _close(places: list[int], start: int) -> list[int]:
    """The place before and the place after, of ascending places."""
    at = bisect_left(places, start)
    return places[max(0, at - 1) : at + 1]
