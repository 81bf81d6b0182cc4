"""Posts JSON to a model service and reads JSON back, trying again while that may help.

What is tried again: no connection, a timeout, a broken or unreadable answer, 408, 425, 429 and 5xx. Waits grow
twofold with jitter, follow ``Retry-After`` where the service sends one, and never add up to more than the caller's
patience. The key appears in no message.
"""

from __future__ import annotations

import email.utils
import json
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from holdfast.errors import EmbedderError, EmbedderRefused, EmbedderUnavailable, InvalidField, NoEmbedder

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 64 * 1024 * 1024
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
RETRYABLE = frozenset({408, 425, 429})


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
class Failed:
    """One attempt that did not bring an answer, and whether another may."""

    error: EmbedderError
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

    def post(self, path: str, payload: dict[str, object], *, patience_s: float) -> object:
        """Post to ``base_url + path`` and return the decoded answer.

        Args:
            path: begins with a slash.
            payload: what to send as JSON.
            patience_s: longest time spent waiting between attempts, all together.

        Raises:
            EmbedderUnavailable: every attempt failed in a way that may pass.
            EmbedderRefused: the service answered that it will not, or not in JSON.
            NoEmbedder: httpx is not installed.
        """
        client = self._open()
        waited_s = 0.0
        for attempt in range(self.retries + 1):
            outcome = self._attempt(client, path, payload)
            if not isinstance(outcome, Failed):
                return outcome.content
            wait_s = self._wait_after(attempt, outcome)
            if not outcome.again or attempt == self.retries or waited_s + wait_s > patience_s:
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
                    raise NoEmbedder(
                        'An embedding service needs httpx: pip install "holdfast[http]". '
                        "Or install a local model: pip install holdfast-minilm."
                    ) from error
                headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
                # A proxy for the outside world cannot reach a service on this machine.
                self._client = httpx.Client(headers=headers, timeout=self.timeout_s, trust_env=not self._is_local)
                weakref.finalize(self, self._client.close)
            return self._client

    def _attempt(self, client: httpx.Client, path: str, payload: dict[str, object]) -> Answer | Failed:
        import httpx

        try:
            return self._exchange(client, path, payload)
        except httpx.TimeoutException:
            return self._unavailable(f"did not answer within {self.timeout_s:g} s")
        except httpx.RequestError as error:
            return self._unavailable(f"cannot be reached ({type(error).__name__})")

    def _exchange(self, client: httpx.Client, path: str, payload: dict[str, object]) -> Answer | Failed:
        deadline = self.pace.monotonic() + self.timeout_s
        body = bytearray()
        with client.stream("POST", self.base_url + path, json=payload) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    return self._refused(f"sent an answer above {MAX_ANSWER_BYTES} bytes")
                if self.pace.monotonic() > deadline:
                    return self._unavailable(f"did not finish its answer within {self.timeout_s:g} s")
            status, retry_after = response.status_code, response.headers.get("Retry-After")
        if status in RETRYABLE or status >= 500:
            wait_s = seconds_to_wait(retry_after, self.pace.wall())
            return self._unavailable(f"answered {status}{self._reason(bytes(body))}", wait_s)
        if status != 200:
            return self._refused(self._refusal(status, path, bytes(body)))
        try:
            return Answer(json.loads(body))
        except (ValueError, RecursionError):
            # May be a proxy's passing page, so it is worth another attempt; if it stays, the address is wrong.
            return self._refused("answered with something that is not JSON; check the address", again=True)

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
        if not isinstance(stated, str):
            return ""
        if self.api_key:
            stated = stated.replace(self.api_key, "***")
        printable = "".join(character if character.isprintable() else " " for character in stated)
        return f": {printable[:200]}"

    def _unavailable(self, what: str, retry_after_s: float | None = None) -> Failed:
        return Failed(EmbedderUnavailable(f"The embedding service at {self._host} {what}."), True, retry_after_s)

    def _refused(self, what: str, *, again: bool = False) -> Failed:
        return Failed(EmbedderRefused(f"The embedding service at {self._host} {what}."), again)


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
