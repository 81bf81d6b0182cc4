"""Posts JSON to a model service and reads JSON back, trying again while that may help.

What is tried again: no connection, a timeout, a broken or unreadable answer, 408, 425, 429 and 5xx. Waits grow
twofold with jitter, follow ``Retry-After`` where the service sends one, and never add up to more than the caller's
patience. The key appears in no message.
"""

from __future__ import annotations

import email.utils
import json
import math
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit

from holdfast.errors import HoldfastError, InvalidField

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_REFUSAL_BYTES = 64 * 1024
"""What is read of the body of a refusal."""
LEAST_TIMEOUT_S = 0.001
_LINE_END = re.compile(rb"\r\n?|\n")
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
RETRYABLE = frozenset({408, 425, 429})
BEARER: Mapping[str, str] = {"Authorization": "Bearer {key}"}

Got = TypeVar("Got", "Answer", Iterator[str])


@dataclass(frozen=True)
class Pace:
    """Where waiting gets its time and chance; tests replace them."""

    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    """A number from 0 up to 1."""
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    """Seconds since 1970, to read ``Retry-After`` dates."""


@dataclass(frozen=True)
class Failures:
    """How a service of one sort is called, and its errors.

    Attributes:
        service: Such as ``The embedding service``.
        unavailable: May pass.
        refused: Will not pass by itself.
        absent: There is nothing here to ask with.
    """

    service: str
    unavailable: Callable[[str], HoldfastError]
    refused: Callable[[str], HoldfastError]
    absent: Callable[[], HoldfastError]


@dataclass(frozen=True)
class Failed:
    """One attempt that did not bring an answer, and whether another may."""

    error: HoldfastError
    again: bool
    retry_after_s: float | None = None


@dataclass(eq=False)
class JsonService:
    """One HTTP service taking and giving JSON; safe to call from several threads."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout_s: float
    """For one attempt from connecting to the last byte."""
    retries: int
    pace: Pace = field(repr=False)
    failures: Failures = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Sent with every request; ``{key}`` in a value stands for the key."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            parts.port  # noqa: B018 - reading it is what checks it
        except ValueError as error:
            raise InvalidField("The service's address cannot be read.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidField("The service's address must start with http:// or https:// and name a host.")
        if parts.username is not None or parts.query or parts.fragment:
            raise InvalidField("The service's address must hold no user, query or fragment; give the key as api_key.")
        if not 0 < self.timeout_s <= 3600:
            raise InvalidField(f"timeout_s must be above 0 and at most 3600, not {self.timeout_s}.")
        if not 0 <= self.retries <= 20:
            raise InvalidField(f"retries must be 0 to 20, not {self.retries}.")
        self.api_key = self.api_key.strip() if self.api_key else None
        if self.api_key and not all("!" <= character <= "~" for character in self.api_key):
            raise InvalidField("The API key holds characters that no key has.")
        self.base_url = self.base_url.rstrip("/")
        self._host = parts.netloc
        self._is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    def post(
        self, path: str, payload: dict[str, object], *, patience_s: float, within_s: float | None = None
    ) -> object:
        """Post to ``base_url + path`` and return the decoded answer.

        Args:
            path: begins with a slash.
            payload: what to send as JSON.
            patience_s: longest time spent waiting between attempts, all together.
            within_s: longest time for all of it, attempts and waits; else each attempt has ``timeout_s``.

        Raises:
            `Failures.unavailable`: every attempt failed in a way that may pass.
            `Failures.refused`: the service answered that it will not, or not in JSON.
            `Failures.absent`: httpx is not installed.
        """
        client = self._open()
        last_s = math.inf if within_s is None else self.pace.monotonic() + within_s

        def attempt() -> Answer | Failed:
            timeout_s = max(LEAST_TIMEOUT_S, min(self.timeout_s, last_s - self.pace.monotonic()))
            return self._attempt(lambda: self._exchange(client, path, payload, timeout_s), timeout_s)

        return self._tried(attempt, patience_s, last_s).content

    @contextmanager
    def stream(self, path: str, payload: dict[str, object], *, patience_s: float) -> Generator[Iterator[str]]:
        """Post, and give the lines of the answer as they come, for use inside the ``with``.

        Attempts are repeated until the first line may be read; what breaks later is raised from the iterator.

        Raises:
            As `post`.
        """
        client = self._open()
        with ExitStack() as open_:
            begun = partial(self._begun, client, path, payload, open_)
            yield self._tried(lambda: self._attempt(begun, self.timeout_s), patience_s)

    def _tried(self, attempting: Callable[[], Got | Failed], patience_s: float, last_s: float = math.inf) -> Got:
        waited_s = 0.0
        for attempt in range(self.retries + 1):
            outcome = attempting()
            if not isinstance(outcome, Failed):
                return outcome
            wait_s = self._wait_after(attempt, outcome)
            if not outcome.again or attempt == self.retries or waited_s + wait_s > patience_s:
                raise outcome.error
            if self.pace.monotonic() + wait_s >= last_s:
                raise outcome.error
            waited_s += wait_s
            self.pace.sleep(wait_s)
        raise AssertionError("The last attempt returns or raises.")

    def _wait_after(self, attempt: int, failed: Failed) -> float:
        usual = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * (0.5 + self.pace.chance() / 2)
        return usual if failed.retry_after_s is None else max(usual, failed.retry_after_s)

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                try:
                    import httpx
                except ImportError as error:
                    raise self.failures.absent() from error
                keyed = {name: value for name, value in self.headers.items() if self.api_key or "{key}" not in value}
                headers = {name: value.replace("{key}", self.api_key or "") for name, value in keyed.items()}
                # A proxy for the outside world cannot reach a service on this machine.
                self._client = httpx.Client(headers=headers, timeout=self.timeout_s, trust_env=not self._is_local)
                weakref.finalize(self, self._client.close)
            return self._client

    def _attempt(self, exchange: Callable[[], Got | Failed], timeout_s: float) -> Got | Failed:
        import httpx

        try:
            return exchange()
        except httpx.TimeoutException:
            return self._unavailable(f"did not answer within {timeout_s:.3g} s")
        except httpx.RequestError as error:
            return self._unavailable(f"cannot be reached ({type(error).__name__})")

    def _exchange(
        self, client: httpx.Client, path: str, payload: dict[str, object], timeout_s: float
    ) -> Answer | Failed:
        deadline = self.pace.monotonic() + timeout_s
        body = bytearray()
        with client.stream("POST", self.base_url + path, json=payload, timeout=timeout_s) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    return self._refused(f"sent an answer above {MAX_ANSWER_BYTES} bytes")
                if self.pace.monotonic() > deadline:
                    return self._unavailable(f"did not finish its answer within {timeout_s:.3g} s")
            status, retry_after = response.status_code, response.headers.get("Retry-After")
        if status != 200:
            return self._turned_down(status, retry_after, path, bytes(body))
        try:
            return Answer(json.loads(body))
        except (ValueError, RecursionError):
            # May be a proxy's passing page, so it is worth another attempt; if it stays, the address is wrong.
            return self._refused("answered with something that is not JSON; check the address", again=True)

    def _begun(
        self, client: httpx.Client, path: str, payload: dict[str, object], open_: ExitStack
    ) -> Iterator[str] | Failed:
        response = open_.enter_context(client.stream("POST", self.base_url + path, json=payload))
        if response.status_code != 200:
            body = next(response.iter_bytes(MAX_REFUSAL_BYTES), b"")
            return self._turned_down(response.status_code, response.headers.get("Retry-After"), path, body)
        return self._lines(response)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        import httpx

        rest, read = bytearray(), 0
        try:
            for chunk in response.iter_bytes():
                read += len(chunk)
                if read > MAX_ANSWER_BYTES:
                    raise self._refused(f"sent an answer above {MAX_ANSWER_BYTES} bytes").error
                rest += chunk
                if b"\n" not in chunk and b"\r" not in chunk:
                    continue
                # At these alone: JSON may hold the other characters that end a line somewhere.
                *whole, last = _LINE_END.split(rest)
                rest = bytearray(last)
                yield from (line.decode(errors="replace") for line in whole)
            if rest:
                yield rest.decode(errors="replace")
        except httpx.TimeoutException:
            raise self._unavailable(f"fell silent for {self.timeout_s:g} s").error from None
        except httpx.RequestError as error:
            raise self._unavailable(f"broke off its answer ({type(error).__name__})").error from None

    def _turned_down(self, status: int, retry_after: str | None, path: str, body: bytes) -> Failed:
        if status in RETRYABLE or status >= 500:
            wait_s = seconds_to_wait(retry_after, self.pace.wall())
            return self._unavailable(f"answered {status}{self._reason(body)}", wait_s)
        return self._refused(self._refusal(status, path, body))

    def _refusal(self, status: int, path: str, body: bytes) -> str:
        if status in (401, 403):
            return f"refused the credentials ({status}); check the API key and what it may use"
        if status == 404:
            return f"has no such model or no {path} ({status}){self._reason(body)}"
        return f"refused the request ({status}){self._reason(body)}"

    def _reason(self, body: bytes) -> str:
        """What the service says of its refusal, in at most 200 characters and without the key."""
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            return ""
        error = member(answer, "error")
        stated = error if isinstance(error, str) else member(error, "message")
        return f": {self.cleaned(stated)[:200]}" if isinstance(stated, str) else ""

    def cleaned(self, text: str) -> str:
        """A text of the service without the key and without characters that steer a terminal."""
        if self.api_key:
            text = text.replace(self.api_key, "***")
        return "".join(character if character.isprintable() else " " for character in text)

    def _unavailable(self, what: str, retry_after_s: float | None = None) -> Failed:
        return Failed(
            self.failures.unavailable(f"{self.failures.service} at {self._host} {what}."), True, retry_after_s
        )

    def _refused(self, what: str, *, again: bool = False) -> Failed:
        return Failed(self.failures.refused(f"{self.failures.service} at {self._host} {what}."), again)


@dataclass(frozen=True)
class Answer:
    """A decoded JSON answer."""

    content: object


def member(value: object, key: str) -> object:
    """A JSON object's member, or None."""
    return cast("Mapping[str, object]", value).get(key) if isinstance(value, dict) else None


def seconds_to_wait(retry_after: str | None, now: float) -> float | None:
    """Read a ``Retry-After`` header, seconds or an HTTP date; None when there is none that can be read.

    ``now`` is in seconds since 1970. The result is at least 0.
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
