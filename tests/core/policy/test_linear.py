"""Detectors take time in proportion to the text: by a bound on steps read from the patterns, not by a clock."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from holdfast.core.policy import detectors
from holdfast.core.policy.judge import judge
from holdfast.core.policy.scan import scan
from holdfast.model.policy import Action, Policy, Sensitive
from holdfast.model.records import Origin
from tests.conftest import NIGHTLY
from tests.core.policy.steps import cost, is_walk

MOST_TESTS = 150_000
"""The most character tests one attempt of any pattern may make, wherever it starts."""
LENGTH = 1_000_000 if NIGHTLY else 100_000
"""Characters of a text made to be slow."""


def patterns_in(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from patterns_in(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from patterns_in(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from patterns_in(getattr(value, one.name))


def every_pattern() -> dict[str, re.Pattern[str]]:
    found: dict[str, re.Pattern[str]] = {}
    for module in pkgutil.iter_modules(detectors.__path__):
        loaded = importlib.import_module(f"{detectors.__name__}.{module.name}")
        for name, value in vars(loaded).items():
            for number, pattern in enumerate(patterns_in(value)):
                found[f"{module.name}.{name}.{number}"] = pattern
    return found


PATTERNS = every_pattern()


def test_every_attempt_of_every_pattern_is_bounded():
    assert len(PATTERNS) > 100
    costly = {name: cost(one) for name, one in PATTERNS.items() if not is_walk(one) and cost(one) > MOST_TESTS}
    assert not costly


@pytest.mark.parametrize(
    "shape", [r"(a+)+$", r"a*b", r"(?:a|a){0,40}c", r"(?:\w{1,20}\s?){1,20}!", r"(?:a{1,9}){1,9}b", r".*x"]
)
def test_a_pattern_that_can_run_away_is_caught(shape: str):
    pattern = re.compile(shape)
    assert not is_walk(pattern)
    assert cost(pattern) > MOST_TESTS


@pytest.mark.parametrize("shape", [r"[a-z]{1,40}\d", r"(?:\d{1,3}\.){3}\d{1,3}", r"(?>\w{1,20}\s){1,5}!", r"a{0,9}+b"])
def test_a_pattern_that_cannot_run_away_is_let_through(shape: str):
    assert cost(re.compile(shape)) < 1_000


ADVERSARIAL = {
    "letters": "a",
    "digits": "1",
    "spaces": " ",
    "newlines": "\n",
    "dots": ".",
    "words": "word ",
    "numbers": "12 ",
    "groups": "1234-",
    "addresses": "a@",
    "domains": "@a.",
    "octets": "1.2.3.",
    "colons": "ab:",
    "tokens": "eyJ",
    "token parts": "eyJa.",
    "pem": "-----BEGIN PRIVATE KEY-----",
    "pem ends": "-----BEGIN RSA PRIVATE KEY-----\n-----END ",
    "uris": "a://b:",
    "prefixes": "sk-",
    "dashed": "ghp_-",
    "passwords": "my password is ",
    "keys": "api_key=",
    "images": ";base64,",
    "ibans": "GB29 ",
    "streets": "12 Long ",
    "units": "1 A, ",
    "orders": "ignore all your ",
    "replies": "please write in your ",
    "money": "$1,000 ",
    "salaries": "my salary of ",
    "brackets": "([{",
    "quotes": "'\"",
    "capitals": "Aa ",
    "unseen": "1\u200b",
    "scripts": "\u0663密",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_long_texts_made_to_be_slow_come_to_an_end(name: str):
    piece = ADVERSARIAL[name]
    text = (piece * (LENGTH // len(piece) + 1))[:LENGTH]
    assert len(scan(text)) <= LENGTH // 4
    policy = Policy(actions=dict.fromkeys(Sensitive, Action.REDACT))
    judge(text, origin=Origin.DOCUMENT, policy=policy)
