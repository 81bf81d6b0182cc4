"""Working memory in Redis: lifetimes are Redis's own, each call is one round trip, and no call looks through all keys.

Keys begin with ``holdfast:{SPACE.SESSION}:``, both as digests, so that one session's are in one slot of a cluster:
``v:KEY`` holds a value and ends with it, ``s`` orders the keys by when they end, ``l`` has what was said by the id of
its memory, ``r`` the order of what was said last, ``e`` the episodes by when they end, ``n`` a counter.

What Redis loses when it is restarted is lost here, and nothing else: what was said is in the journal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from holdfast.errors import InvalidField, QuotaExceeded, WorkingStoreUnavailable
from holdfast.model.working import Working, WorkingEntry

R = TypeVar("R")
TIMEOUT_S = 1.0
"""How long a call waits for Redis."""
_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
_LONGER = (
    "local function keep(k, ms) if redis.call('PTTL', k) < tonumber(ms) then redis.call('PEXPIRE', k, ms) end end "
)
_PUT = (
    _NOW
    + _LONGER
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
keep(KEYS[1], ARGV[3])
return 1
"""
)
_KEYS = _NOW + "return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')"
_PUSH = (
    _NOW
    + _LONGER
    + """
local p = ARGV[1]
for i = 5, #ARGV, 2 do
  redis.call('HSET', p .. 'l', ARGV[i], ARGV[i + 1])
  redis.call('ZADD', p .. 'r', redis.call('INCR', p .. 'n'), ARGV[i])
  redis.call('ZADD', p .. 'e', now + ARGV[4], ARGV[i])
end
local old = redis.call('ZRANGE', p .. 'r', 0, -(ARGV[2] + 1))
redis.call('ZREMRANGEBYRANK', p .. 'r', 0, -(ARGV[2] + 1))
for _, id in ipairs(redis.call('ZRANGEBYSCORE', p .. 'e', '-inf', now)) do table.insert(old, id) end
redis.call('ZREMRANGEBYSCORE', p .. 'e', '-inf', now)
for _, id in ipairs(old) do
  if not redis.call('ZSCORE', p .. 'r', id) and not redis.call('ZSCORE', p .. 'e', id) then
    redis.call('HDEL', p .. 'l', id)
  end
end
redis.call('PEXPIRE', p .. 'r', ARGV[3])
keep(p .. 'e', ARGV[4])
for _, k in ipairs({'l', 'n'}) do keep(p .. k, ARGV[3]) keep(p .. k, ARGV[4]) end
return 1
"""
)
_READ = (
    _NOW
    + """
local p = ARGV[1]
local function told(ids)
  if #ids == 0 then return {} end
  local found, out = redis.call('HMGET', p .. 'l', unpack(ids)), {}
  for i, id in ipairs(ids) do if found[i] then table.insert(out, id) table.insert(out, found[i]) end end
  return out
end
local recent, values, since = {}, {}, {}
if tonumber(ARGV[2]) > 0 then recent = told(redis.call('ZREVRANGE', p .. 'r', 0, ARGV[2] - 1)) end
local keys, names = redis.call('ZRANGEBYSCORE', p .. 's', '(' .. now, '+inf'), {}
for i, key in ipairs(keys) do names[i] = p .. 'v:' .. key end
if #keys > 0 then
  for i, value in ipairs(redis.call('MGET', unpack(names))) do
    if value then table.insert(values, keys[i]) table.insert(values, value) end
  end
end
if ARGV[3] == '1' then since = told(redis.call('ZRANGEBYSCORE', p .. 'e', '(' .. now, '+inf', 'LIMIT', 0, 4000)) end
return cjson.encode({recent, values, since})
"""
)
"""One text comes back: a client takes longer to read a list of many."""
_DROP = """
local gone = 0
for _, p in ipairs(ARGV) do
  for _, key in ipairs(redis.call('ZRANGE', p .. 's', 0, -1)) do
    gone = gone + redis.call('UNLINK', p .. 'v:' .. key)
  end
  gone = gone + redis.call('HLEN', p .. 'l')
  redis.call('UNLINK', p .. 's', p .. 'r', p .. 'e', p .. 'l', p .. 'n')
end
return gone
"""


class _Script(Protocol):
    def __call__(self, keys: Sequence[str] = (), args: Sequence[object] = ()) -> Any: ...


class _Redis(Protocol):
    """What is used of redis-py's client, whose own types leave open whether a call is awaited."""

    def register_script(self, script: str) -> _Script: ...
    def get(self, name: str) -> bytes | None: ...
    def pipeline(self) -> Any: ...
    def close(self) -> None: ...


class RedisWorking:
    """A `WorkingStore` in Redis 6 or later.

    Args:
        url: ``redis://``, ``rediss://`` (with TLS) or ``unix://``.
        space: The id of the space, which no other space's keys have.

    Raises:
        InvalidField: the address cannot be one of Redis.
        WorkingStoreUnavailable: redis-py is not installed.
    """

    is_elsewhere = True

    def __init__(self, url: str, space: bytes) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise InvalidField(
                f"{parts.scheme or url!r:.40} is no address of Redis; expected redis://HOST:PORT/NUMBER."
            )
        try:
            import redis
            from redis.exceptions import RedisError
        except ImportError:
            raise WorkingStoreUnavailable(
                "A working tier in Redis needs redis-py; install it with: pip install 'holdfast[redis]'."
            ) from None
        self._name = f"Redis at {parts.hostname or parts.path or 'localhost'}{f':{parts.port}' if parts.port else ''}"
        self._failures: tuple[type[Exception], ...] = (RedisError, OSError)
        client = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)  # pyright: ignore[reportUnknownMemberType]
        self._client = cast("_Redis", client)
        self._space = space
        self._put, self._keys, self._push, self._read, self._drop = (
            self._client.register_script(script) for script in (_PUT, _KEYS, _PUSH, _READ, _DROP)
        )

    @property
    def name(self) -> str:
        return self._name

    def put(self, session: str, key: str, value: str, ttl_ms: int, limit: int) -> None:
        prefix = self.prefix(session)
        names, given = [f"{prefix}s", f"{prefix}v:{key}"], [key, value, ttl_ms, limit]
        if not self._asked(lambda: self._put(names, given)):
            raise QuotaExceeded(
                f"The session {session!r:.80} holds {limit:,} values already, which is as many as it may. Nothing was "
                "changed; delete some, or let them expire."
            )

    def get(self, session: str, key: str) -> str | None:
        found = self._asked(lambda: self._client.get(f"{self.prefix(session)}v:{key}"))
        return None if found is None else found.decode()

    def delete(self, session: str, *keys: str) -> int:
        if not keys:
            return 0
        prefix = self.prefix(session)

        def ask() -> int:
            with self._client.pipeline() as pipe:
                pipe.unlink(*(f"{prefix}v:{key}" for key in keys))
                pipe.zrem(f"{prefix}s", *keys)
                return int(pipe.execute()[0])

        return self._asked(ask)

    def keys(self, session: str) -> list[str]:
        found: list[bytes] = self._asked(lambda: self._keys([f"{self.prefix(session)}s"]))
        return sorted(key.decode() for key in found)

    def push(self, session: str, entries: Sequence[WorkingEntry], keep: int, ttl_ms: int, episodes_ms: int) -> None:
        prefix = self.prefix(session)
        said = [part for one in entries for part in (one.id, json.dumps([one.at_ms, one.line], ensure_ascii=False))]
        self._asked(lambda: self._push([f"{prefix}r"], [prefix, keep, ttl_ms, episodes_ms, *said]))

    def read(self, session: str, recent: int, since_ms: int | None = None) -> Working:
        prefix = self.prefix(session)
        asked = [prefix, recent, 0 if since_ms is None else 1]
        answer: bytes = self._asked(lambda: self._read([f"{prefix}r"], asked))
        # An empty list of Lua's is written as an empty object.
        last, values, since = (list(part) for part in json.loads(answer))
        episodes = sorted(_entries(since), key=lambda one: one.at_ms)
        return Working(
            tuple(_entries(last)[::-1]),
            dict(sorted(zip(values[::2], values[1::2], strict=True))),
            tuple(one for one in episodes if since_ms is not None and one.at_ms >= since_ms),
        )

    def drop(self, sessions: Sequence[str]) -> int:
        gone = 0
        for session in sessions:  # one script each: they may be in different slots
            prefix = self.prefix(session)
            gone += int(self._asked(lambda prefix=prefix: self._drop([f"{prefix}s"], [prefix])))
        return gone

    def close(self) -> None:
        self._client.close()

    def prefix(self, session: str) -> str:
        """What the keys of a session begin with."""
        digest = hashlib.blake2b(session.encode(), digest_size=12, key=self._space).hexdigest()
        return f"holdfast:{{{self._space.hex()}.{digest}}}:"

    def _asked(self, ask: Callable[[], R]) -> R:
        try:
            return ask()
        except self._failures as error:
            raise WorkingStoreUnavailable(
                f"{self._name} does not answer as it should ({type(error).__name__}: {error!s:.200}). What was said is "
                "durable in the space; what is kept for a while in Redis may be lost. Start Redis, and try again."
            ) from error


def _entries(told: Sequence[str]) -> list[WorkingEntry]:
    """Entries from ids and what is stored under them, by turns."""
    return [
        WorkingEntry(id_, *json.loads(stored)) for id_, stored in zip(told[::2], told[1::2], strict=True)
    ]  # fmt: skip
