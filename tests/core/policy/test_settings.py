"""A policy is read from settings, and settings that make no sense are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.policy.settings import policy_from, settings_of
from holdfast.errors import InvalidField
from holdfast.model.policy import ALWAYS, NEVER, Action, Keep, Policy, Retention, Sensitive
from holdfast.model.records import CATEGORIES

DAY_MS = 86_400_000


def test_no_settings_give_the_default_policy():
    assert policy_from({}) == Policy()


def test_settings_say_what_to_do_and_how_long_to_keep():
    policy = policy_from(
        {"payment": "refuse", "keep": {"health": "never", "plan": "90 days", "travel": "always", "otherwise": "1 year"}}
    )
    assert policy.action(Sensitive.PAYMENT) is Action.REFUSE
    assert policy.action(Sensitive.CREDENTIAL) is Action.REDACT
    assert policy.retention("health") is NEVER
    assert policy.retention("plan") == Retention(Keep.FOR_A_WHILE, 90 * DAY_MS)
    assert policy.retention("travel") is ALWAYS
    assert policy.retention(None) == policy.retention("work") == Retention(Keep.FOR_A_WHILE, 365 * DAY_MS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"creditcard": "refuse"}, "unknown key 'creditcard'"),
        ({"credentials": "refuse"}, "did you mean 'credential'"),
        ({"payment": "refused"}, "did you mean 'refuse'"),
        ({"payment": True}, "sets payment to True"),
        ({"payment": ["refuse"]}, "sets payment to"),
        ({"keep": "always"}, "expected a table"),
        ({"keep": {"helth": "never"}}, "did you mean 'health'"),
        ({"keep": {"health": "90"}}, "such as '90 days'"),
        ({"keep": {"health": "0 days"}}, "from 1 minute to 100 years"),
        ({"keep": {"health": "500 years"}}, "from 1 minute to 100 years"),
        ({"keep": {"health": 90}}, "such as '90 days'"),
        ({"keep": {"health": "for a while"}}, "such as '90 days'"),
        ("refuse", "expected a table"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(settings: Any, said: str):
    with pytest.raises(InvalidField, match=said):
        policy_from(settings)


MINUTES = st.integers(1, 100 * 365 * 24 * 60).map(lambda minutes: Retention(Keep.FOR_A_WHILE, minutes * 60_000))
RETENTIONS = st.one_of(st.just(ALWAYS), st.just(NEVER), MINUTES)


@given(
    st.dictionaries(st.sampled_from(list(Sensitive)), st.sampled_from(list(Action))),
    st.dictionaries(st.sampled_from(CATEGORIES), RETENTIONS),
    RETENTIONS,
)
def test_a_policy_survives_being_written_and_read(actions: Any, retentions: Any, otherwise: Retention):
    policy = Policy(actions=actions, retentions=retentions, otherwise=otherwise)
    assert policy_from(settings_of(policy)) == policy
