"""Financial content: account numbers beside a word for one, and income, debt or wealth in figures.

Account and routing numbers move money, so they are of the class payment; an amount someone earns or
owes is of the class financial. US routing numbers have a check digit (ABA, weights 3 7 1 modulo 10), UK sort
codes three pairs of digits; a BIC has the shape of ISO 9362.
"""

from __future__ import annotations

import re

from holdfast.core.policy.detectors.guards import mentions, one_of, words_of
from holdfast.model.policy import Finding, Sensitive

_ACCOUNT = re.compile(
    r"\b(?:bank |checking |savings |giro)?(?:account|acct|a/c|konto|kontonummer|cuenta|compte|conto|conta|rekening)"
    r"(?: ?(?:number|numbers|no\.?|num|nummer|nr\.?|#|n[úu]mero))?"
    r"(?:\s{1,2}(?:is|ist|es|est)\b)?[:#]?\s{0,3}(?:is\s)?((?=(?:[ -]?\d){6})\d[\d -]{4,20}\d)(?![\w.,]\d|\w)",
    re.IGNORECASE,
)
_ROUTING = re.compile(
    r"\b(?:routing|aba|rtn|transit)(?: (?:number|no\.?|code|#))?(?: is)?[:#]?\s{0,3}(\d{9})(?!\w)", re.IGNORECASE
)
_SORT = re.compile(r"\bsort[ -]?code(?: is)?[:#]?\s{0,3}(\d{2}[- ]?\d{2}[- ]?\d{2})(?!\w)", re.IGNORECASE)
_BIC = re.compile(
    r"\b(?:bic|swift)(?:[ /-]?(?:bic"
    r"|swift))?(?: ?code)?(?: is)?[:#]?\s{0,3}([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)(?!\w)",
    re.IGNORECASE,
)
_AMOUNT = (
    r"(?>(?:[$€£¥₹]|\b(?:usd|eur|gbp|chf|inr|cad|aud|us\$)) ?\d[\d,.' ]{0,14}+(?: ?(?:k|m|bn|thousand|million|lakh"
    r"|crore)\b)?"
    r"|\b\d[\d,.']{0,14}+ ?(?:k|thousand|million|lakh|crore)?(?:\b ?(?:dollars?|euros?|pounds?|rupees|francs|usd"
    r"|eur|gbp|chf|€|\$|£)"
    r"|(?<=k)\b))"
)
_ABOUT = one_of(
    "salary, salaries, income, wages?, earns?, earning, earned, i make, makes? about, paid me, net worth, "
    "debts?, owes?, owed,"
    "owing, mortgage, loans?, overdraft, bonus, pension, inheritance, inherited, savings, alimony, child support,"
    "bankruptcy, 401k, portfolio, tax refund, credit limit, gehalt, verdien(?:e|t), schulden, sueldo, salario, "
    "deuda, salaire,"
    "dettes?, stipendio, debito, hipoteca, salário, dívida"
)
_MONEY = words_of(
    """
    salar income wage earn make paid worth debt owe owing mortgage loan overdraft bonus pension inherit saving alimony
    support bankrupt 401 portfolio refund credit gehalt verdien schuld sueldo deuda dette stipend debito hipoteca
    salár dívida
    """
)
_FIGURE = re.compile(rf"\b{_ABOUT}\b(?:\W{{1,3}}+\w{{1,16}}+){{0,6}}?\W{{0,3}}({_AMOUNT})", re.IGNORECASE)
_FIGURE_FIRST = re.compile(
    rf"({_AMOUNT})(?: ?(?:/|a|per|an)? ?(?:year|yr|month|annum|hour|annually|monthly))?\s{{1,3}}(?:of |in |as |for )?"
    rf"(?:my |his |her |their |a |the |student |credit card |monthly |annual ){{0,2}}{_ABOUT}\b",
    re.IGNORECASE,
)
_SCORE = re.compile(r"\bcredit (?:score|rating)(?:\s{1,2}\w{1,8}){0,3}?\s{1,2}([3-8]\d{2})(?!\w)", re.IGNORECASE)

_SHAPES = (
    ("income, debt or wealth", _FIGURE),
    ("income, debt or wealth", _FIGURE_FIRST),
    ("credit score", _SCORE),
)
_ACCOUNTS = ("account", "acct", "a/c", "konto", "cuenta", "compte", "conto", "conta", "rekening")


def find(text: str) -> list[Finding]:
    """Account numbers (payment) and figures of income, debt and wealth (financial) in folded text."""
    if not re.search(r"\d", text):
        return []
    found: list[Finding] = []
    if mentions(text, _ACCOUNTS):
        found += [_payment("account number", match) for match in _ACCOUNT.finditer(text)]
    if mentions(text, ("routing", "aba", "rtn", "transit", "sort", "bic", "swift")):
        found += [_payment("routing number", match) for match in _ROUTING.finditer(text) if _aba(match[1])]
        found += [_payment("sort code", match) for match in _SORT.finditer(text)]
        found += [_payment("BIC", match) for match in _BIC.finditer(text)]
    if mentions(text, _MONEY):
        for label, shape in _SHAPES:
            for match in shape.finditer(text):
                end = match.start(1) + len(match[1].rstrip(" ,.'"))
                found.append(Finding(Sensitive.FINANCIAL, label, match.start(1), end, 0.7))
    return found


def _payment(label: str, match: re.Match[str]) -> Finding:
    return Finding(Sensitive.PAYMENT, label, *match.span(1), 0.8)


def _aba(digits: str) -> bool:
    """The check digit of a routing number (American Bankers Association)."""
    return sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True)) % 10 == 0
