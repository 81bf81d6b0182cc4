"""The campaign over random contexts notices one that is over its budget."""

from __future__ import annotations

import pytest

from bench import context as bench
from holdfast.core import context as core


def test_a_short_campaign_finds_none_over_its_budget():
    assert bench.cases(50, 1) == (50, [])


@pytest.mark.parametrize("plant", bench.PLANTS)
def test_it_notices_what_is_planted(plant: str, monkeypatch: pytest.MonkeyPatch):
    for name in ("_tokens", "least", "allot"):
        monkeypatch.setattr(core, name, getattr(core, name))
    bench.planted(plant)
    assert bench.cases(50, 6)[1]
