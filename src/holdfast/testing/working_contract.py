"""What every store of working memory promises, as tests that anybody's store can run with pytest.

    from holdfast.testing.working_contract import WorkingStoreContract

    class TestMine(WorkingStoreContract):
        @pytest.fixture
        def working(self):
            return MyWorkingStore()

        def pass_time(self, ms):
            ...  # let so much time pass for the store

Each test takes the ``working`` fixture, an empty store.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.errors import QuotaExceeded
from holdfast.model.working import WorkingEntry
from holdfast.ports.working import WorkingStore

HOUR_MS = 3_600_000
ODD = ("plain", "with space", "ключ", "a:b{c}*?[", "x" * 400, "new\nline", "🧠")


def entry(number: int, at_ms: int = 1_000) -> WorkingEntry:
    """Something that was said, with the number in its id and its words."""
    return WorkingEntry(f"00000000-0000-7000-8000-{number:012x}", at_ms + number, f"said {number}")


class WorkingStoreContract:
    """Inherit, override the `working` fixture and `pass_time`, and run with pytest."""

    @pytest.fixture
    def working(self) -> WorkingStore:
        """An empty store; override this."""
        raise NotImplementedError("Override the `working` fixture.")

    def pass_time(self, ms: int) -> None:
        """Let so much time pass for the store; override this."""
        raise NotImplementedError("Override `pass_time`.")

    @pytest.mark.parametrize("key", ODD)
    def test_a_value_is_given_back_to_the_character(self, working: WorkingStore, key: str) -> None:
        for value in ("1", "", "line\nline", '{"a": "é🧠"}', "\0", "v" * 100_000):
            working.put("s", key, value, HOUR_MS, 10)
            assert working.get("s", key) == value
        assert working.keys("s") == [key]
        assert working.read("s", 5).scratch == {key: "v" * 100_000}

    def test_a_session_has_its_own_values(self, working: WorkingStore) -> None:
        for session in ODD:
            working.put(session, "k", session, HOUR_MS, 10)
        assert [working.get(session, "k") for session in ODD] == list(ODD)
        assert working.get("other", "k") is None
        assert working.keys("other") == []
        assert working.read("other", 5).scratch == {}

    def test_a_value_replaces_the_one_before_and_its_lifetime(self, working: WorkingStore) -> None:
        working.put("s", "k", "old", 1_000, 10)
        working.put("s", "k", "new", 2_500, 10)
        self.pass_time(1_500)
        assert working.get("s", "k") == "new"

    def test_a_value_is_gone_when_its_time_is_up_and_not_before(self, working: WorkingStore) -> None:
        working.put("s", "short", "1", 1_500, 10)
        working.put("s", "long", "2", HOUR_MS, 10)
        self.pass_time(700)
        assert working.keys("s") == ["long", "short"]
        self.pass_time(900)
        assert working.get("s", "short") is None
        assert working.keys("s") == ["long"]
        assert working.read("s", 5).scratch == {"long": "2"}

    def test_what_is_deleted_is_gone(self, working: WorkingStore) -> None:
        for key in "abc":
            working.put("s", key, key, HOUR_MS, 10)
        assert working.delete("s", "a", "b", "never") == 2
        assert working.keys("s") == ["c"]
        assert working.delete("s", "a") == 0

    def test_a_session_holds_no_more_keys_than_it_may(self, working: WorkingStore) -> None:
        working.put("s", "a", "1", HOUR_MS, 2)
        working.put("s", "b", "1", 1_000, 2)
        with pytest.raises(QuotaExceeded, match="2 values"):
            working.put("s", "c", "1", HOUR_MS, 2)
        working.put("s", "a", "2", HOUR_MS, 2)
        working.put("t", "c", "1", HOUR_MS, 2)
        self.pass_time(1_100)
        working.put("s", "c", "1", HOUR_MS, 2)
        assert working.keys("s") == ["a", "c"]

    def test_the_newest_stay_at_hand_in_order(self, working: WorkingStore) -> None:
        said = [entry(number) for number in range(7)]
        working.push("s", said[:4], 3, HOUR_MS, HOUR_MS)
        working.push("s", said[4:], 3, HOUR_MS, HOUR_MS)
        assert working.read("s", 10).recent == tuple(said[4:])
        assert working.read("s", 2).recent == tuple(said[5:])
        assert working.read("other", 10).recent == ()

    def test_episodes_are_given_on_request_and_as_long_as_they_live(self, working: WorkingStore) -> None:
        said = [entry(number) for number in range(5)]
        working.push("s", said[:3], 2, 1_000, 2_500)
        assert working.read("s", 10).episodes == ()
        assert working.read("s", 10, 0).episodes == tuple(said[:3])
        assert working.read("s", 10, said[1].at_ms).episodes == tuple(said[1:3])
        self.pass_time(1_200)
        assert working.read("s", 10, 0).recent == ()
        assert working.read("s", 10, 0).episodes == tuple(said[:3])
        self.pass_time(1_500)
        assert working.read("s", 10, 0).episodes == ()

    def test_more_that_is_said_keeps_what_is_at_hand(self, working: WorkingStore) -> None:
        working.push("s", [entry(1)], 5, 1_500, HOUR_MS)
        self.pass_time(1_000)
        working.push("s", [entry(2)], 5, 1_500, HOUR_MS)
        self.pass_time(1_000)
        assert working.read("s", 5).recent == (entry(1), entry(2))

    def test_what_is_pushed_again_is_there_once(self, working: WorkingStore) -> None:
        working.push("s", [entry(1), entry(2)], 5, HOUR_MS, HOUR_MS)
        working.push("s", [entry(2)], 5, HOUR_MS, HOUR_MS)
        assert working.read("s", 5, 0).recent == (entry(1), entry(2))
        assert working.read("s", 5, 0).episodes == (entry(1), entry(2))

    def test_dropping_sessions_erases_all_they_have_and_no_more(self, working: WorkingStore) -> None:
        for session in "abc":
            working.put(session, "k", "v", HOUR_MS, 10)
            working.push(session, [entry(1), entry(2)], 5, HOUR_MS, HOUR_MS)
        assert working.drop(["a", "b", "never"]) == 6
        assert working.read("a", 5, 0) == working.read("never", 5, 0)
        assert working.get("b", "k") is None
        assert working.get("c", "k") == "v"
        assert len(working.read("c", 5, 0).recent) == 2
        assert working.drop(["a"]) == 0

    def test_threads_lose_nothing(self, working: WorkingStore) -> None:
        def put(number: int) -> None:
            working.put("s", f"k{number}", str(number), HOUR_MS, 100)
            working.push("s", [entry(number)], 50, HOUR_MS, HOUR_MS)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(24)))
        found = working.read("s", 50)
        assert found.scratch == {f"k{number}": str(number) for number in range(24)}
        assert {one.id for one in found.recent} == {entry(number).id for number in range(24)}

    def test_it_says_what_it_is(self, working: WorkingStore) -> None:
        assert working.name
        assert "@" not in working.name
