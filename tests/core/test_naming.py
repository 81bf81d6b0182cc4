"""Names of records aside: which record a name means after it was forgotten, however often that was."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from holdfast.core import naming
from holdfast.errors import VersionConflict


class ForgottenTimes:
    """A view in which the first generations of a name are forgotten, and perhaps the next one is held."""

    def __init__(self, forgotten: int, version: int = 0) -> None:
        self.forgotten, self.version, self.looks = forgotten, version, 0

    def find(self, number):
        self.looks += 1
        if number < self.forgotten:
            return SimpleNamespace(receipt=b"receipt", version=1, seq=0)
        if number == self.forgotten and self.version:
            return SimpleNamespace(receipt=None, version=self.version, seq=9)
        return None


@pytest.mark.parametrize("version", [0, 3])
@pytest.mark.parametrize("forgotten", [*range(20), 999, 1_000, 1_001, 65_535, 999_999])
def test_a_name_means_its_first_generation_that_is_not_forgotten(forgotten, version):
    view = ForgottenTimes(forgotten, version)
    assert naming.generation(view, lambda number: number) == (forgotten, version)
    assert view.looks <= 45


def test_a_name_that_was_forgotten_too_often_is_refused():
    with pytest.raises(VersionConflict, match="1,000,000"):
        naming.generation(ForgottenTimes(naming.GENERATIONS), lambda number: number)
