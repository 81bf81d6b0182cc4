"""Every store of working memory of ours keeps the contract that we ship."""

from __future__ import annotations

import pytest
import redis

from holdfast.adapters.keyring import GivenKey
from holdfast.adapters.redis.working import RedisWorking
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.adapters.sqlite.working import SqliteWorking
from holdfast.core.proof import genesis
from holdfast.errors import InvalidField, WorkingStoreUnavailable
from holdfast.model.ids import Id
from holdfast.ports.store import Identity
from holdfast.testing.faults import SteppedClock
from holdfast.testing.working_contract import HOUR_MS, WorkingStoreContract, entry
from tests.working.redis_server import RedisServer

SPACE = Identity(Id(b"s" * 16), Id(b"n" * 16), b"x" * 32)


class OfSqlite(WorkingStoreContract):
    where = ":memory:"
    keys = None

    @pytest.fixture
    def working(self, tmp_path):
        self.clock = SteppedClock(1_750_000_000_000)
        path = self.where if self.where == ":memory:" else str(tmp_path / self.where)
        store = SqliteStore(path, SPACE, genesis(SPACE.space, SPACE.node), keys=self.keys)
        yield SqliteWorking(store, self.clock.now_ms)
        store.close()

    def pass_time(self, ms):
        self.clock.advance(ms)


class TestSqliteInMemory(OfSqlite):
    pass


class TestSqliteInAFile(OfSqlite):
    where = "space.db"

    def test_a_clock_that_goes_back_ends_nothing_early(self, working):
        working.put("s", "k", "v", 1_000, 10)
        self.pass_time(-HOUR_MS)
        assert working.get("s", "k") == "v"
        self.pass_time(HOUR_MS + 1_001)
        assert working.get("s", "k") is None


class TestSqliteEncrypted(OfSqlite):
    where = "space.db"
    keys = GivenKey(b"k" * 32)

    def test_nothing_stands_in_the_file_in_the_open(self, working, tmp_path):
        working.put("the-session", "the-key", "the-value", HOUR_MS, 10)
        working.push("the-session", [entry(1)], 5, HOUR_MS, HOUR_MS)
        working._store.close()
        found = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert [one for one in (b"the-session", b"the-key", b"the-value", b"said 1") if one in found] == []


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = RedisServer(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


class TestRedis(WorkingStoreContract):
    number = 0

    @pytest.fixture
    def working(self, server):
        TestRedis.number += 1
        store = RedisWorking(server.url, TestRedis.number.to_bytes(16, "big"))
        yield store
        store.close()

    @pytest.fixture(autouse=True)
    def _client(self, server):
        self.client = redis.Redis.from_url(server.url)
        yield
        self.client.close()

    def pass_time(self, ms):
        """Redis's clock is its own: every lifetime is shortened by so much instead, and Redis ends what is over."""
        for key in self.client.scan_iter(f"holdfast:{{{TestRedis.number.to_bytes(16, 'big').hex()}.*"):
            if key.endswith((b":s", b":e")):
                for member in self.client.zrange(key, 0, -1):
                    self.client.zincrby(key, -ms, member)
            self.client.pexpire(key, max(0, self.client.pttl(key) - ms))

    def test_redis_itself_ends_what_is_over(self, working):
        working.put("s", "k", "v", 60_000, 10)
        working.push("s", [entry(1)], 5, 30_000, 90_000)
        prefix = working.prefix("s")
        left = {name: self.client.pttl(f"{prefix}{name}") for name in ("v:k", "s", "r", "e", "l", "n")}
        assert all(59_000 < left[name] <= 60_000 for name in ("v:k", "s")), left
        assert 29_000 < left["r"] <= 30_000
        assert all(89_000 < left[name] <= 90_000 for name in ("e", "l", "n")), left

    def test_each_call_is_one_command_sent_once(self, working):
        working.put("s", "k", "v", HOUR_MS, 10)
        working.push("s", [entry(1)], 5, HOUR_MS, HOUR_MS)
        for ask in (
            lambda: working.read("s", 5, 0), lambda: working.get("s", "k"), lambda: working.keys("s"),
            lambda: working.put("s", "k", "w", HOUR_MS, 10), lambda: working.push("s", [entry(2)], 5, HOUR_MS, HOUR_MS),
        ):  # fmt: skip
            ask()  # the script may have to be sent the first time
            sent = []
            connection = working._client.connection_pool.get_connection()
            working._client.connection_pool.release(connection)
            send = connection.send_packed_command
            connection.send_packed_command = lambda command, *a, send=send, sent=sent, **k: (
                sent.append(command),
                send(command, *a, **k),
            )
            ask()
            connection.send_packed_command = send
            assert len(sent) == 1

    def test_no_call_looks_through_all_keys(self, working):
        working.put("s", "k", "v", HOUR_MS, 10)
        working.push("s", [entry(1)], 5, HOUR_MS, HOUR_MS)
        working.read("s", 5, 0)
        working.drop(["s"])
        used = self.client.info("commandstats")
        assert not {"cmdstat_keys"} & set(used)

    def test_spaces_do_not_see_each_other(self, server, working):
        other = RedisWorking(server.url, b"another space...")
        working.put("s", "k", "mine", HOUR_MS, 10)
        assert other.get("s", "k") is None
        assert other.drop(["s"]) == 0
        assert working.get("s", "k") == "mine"
        other.close()


def test_a_restarted_redis_has_lost_what_redis_loses_and_nothing_else(tmp_path):
    for keeps in (False, True):
        folder = tmp_path / str(keeps)
        folder.mkdir()
        running = RedisServer(folder, keeps=keeps)
        try:
            store = RedisWorking(running.url, b"k" * 16)
            store.put("s", "k", "v", HOUR_MS, 10)
            store.push("s", [entry(1)], 5, HOUR_MS, HOUR_MS)
            running.stop()
            with pytest.raises(WorkingStoreUnavailable, match="may be lost") as raised:
                store.get("s", "k")
            assert raised.value.retryable
            running.start()
            assert store.get("s", "k") == ("v" if keeps else None)
            assert store.read("s", 5, 0).recent == ((entry(1),) if keeps else ())
            store.put("s", "k", "again", HOUR_MS, 10)
            assert store.read("s", 5).scratch == {"k": "again"}
            store.close()
        finally:
            running.stop()


def test_an_address_is_checked_and_its_password_never_told():
    with pytest.raises(InvalidField, match="address of Redis"):
        RedisWorking("http://localhost", b"k" * 16)
    store = RedisWorking("redis://ada:secret@127.0.0.1:1/0", b"k" * 16)
    with pytest.raises(WorkingStoreUnavailable) as raised:
        store.get("s", "k")
    assert "secret" not in f"{raised.value} {store.name}"
