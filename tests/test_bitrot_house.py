"""The short form of `python -m bench.bitrot_house`, and the faults that it must notice."""

from __future__ import annotations

import pytest

from bench import bitrot_house

SEED = 20261120


def test_no_altered_byte_of_a_registry_gives_a_right_or_a_name(tmp_path):
    broken, tally = bitrot_house.flips(tmp_path, 40, SEED)
    assert broken == []
    assert tally["told"] > 20


def test_a_killed_upgrade_of_a_registry_loses_no_grant(tmp_path):
    broken, kills = bitrot_house.kills(tmp_path, SEED, None, every=9)
    assert broken == []
    assert kills > 4


@pytest.mark.parametrize("plant", bitrot_house.PLANTS)
def test_the_campaign_notices_a_broken_promise(plant, tmp_path):
    with bitrot_house.planted(plant):
        if plant == "no-transaction":
            assert bitrot_house.kills(tmp_path, SEED, plant, every=4)[0]
        else:
            assert bitrot_house.flips(tmp_path, 60 if plant == "no-sums" else 0, SEED)[0]
