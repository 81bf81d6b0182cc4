"""What happens with an event: find the project, open its space, recall or capture, answer in the agent's own format.

Nothing here raises to its caller: what goes wrong is noted for `holdfast doctor`, and the answer is empty.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.config import Settings
from holdfast.errors import HoldfastError, StoreBusy
from holdfast.integrations.coding_agents import capturing, recalling
from holdfast.integrations.coding_agents.hook import CAPTURES
from holdfast.integrations.coding_agents.opening import open_space, settings_for, signature_of, ways_of
from holdfast.integrations.coding_agents.payloads import (
    FORMATS,
    answer_in_format,
    folder_of,
    said_of,
    session_of,
    transcript_of,
    turns_in,
)
from holdfast.integrations.coding_agents.places import Places, Project, places_in
from holdfast.integrations.coding_agents.problems import Ledger

if TYPE_CHECKING:
    from types import TracebackType

    from holdfast.memory import Memory

_SETTINGS_S = 2.0
"""Configuration files are read again after so long."""
_MOST_CONVERSATIONS = 200
_MOST_OPEN = 8
AGAIN_S = 5.0
"""A space that could not be opened, and has not changed, is tried again after so long: trying loads the model."""
OPEN_S = 300.0
"""A space that was not used for so long is closed."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it came.

    Attributes:
        agent: ``claude``, ``codex``, ``cursor`` or ``opencode``.
        name: ``session-start``, ``prompt``, ``stop``, ``pre-compact``, ``session-end``, ``said`` or ``messages``.
        payload: What the agent wrote to standard input, as JSON.
    """

    agent: str
    name: str
    cwd: str
    environment: Mapping[str, str]
    payload: bytes


@dataclass(slots=True)
class _Open:
    memory: Memory
    file: tuple[int, int]
    ways: tuple[object, ...]
    used: float
    users: int = 0
    is_stale: bool = False


class Handling:
    """Answers events; keeps spaces open between them. Safe to use from several threads."""

    def __init__(self, environment: Mapping[str, str], places: Places | None = None) -> None:
        self._places = places or places_in(environment)
        self.ledger = Ledger(self._places)
        self._lock = threading.Lock()
        self._opening = dict[Path, threading.Lock]()
        self._spaces = dict[Path, _Open]()
        self._conversations = OrderedDict[tuple[str, str, Path], recalling.Conversation]()
        self._settings = dict[tuple[object, ...], tuple[float, Settings]]()
        self._failed = dict[Path, tuple[object, float, HoldfastError]]()
        self._cap_ms: int | None = None

    def __enter__(self) -> Handling:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self, unused_s: float | None = None) -> None:
        """Close the spaces, or only those that were not used for so long."""
        now = time.monotonic()
        with self._lock:
            due = [
                path
                for path, one in self._spaces.items()
                if unused_s is None or (not one.users and now - one.used >= unused_s)
            ]
            closed = [self._spaces.pop(path) for path in due]
        for one in closed:
            one.memory.close()

    def answer(self, event: Event) -> bytes:
        """What the agent is told; empty where there is nothing to tell, or something went wrong."""
        told, done = self.answered(event)
        done()
        return told

    def taken(self, event: Event) -> bool:
        """Take in what an event brings; False where that may go well later."""
        _, _, error = self._tried(event)
        return not (isinstance(error, HoldfastError) and error.retryable)

    def answered(self, event: Event) -> tuple[bytes, Any]:
        """What the agent is told, and what to call when it was told that."""
        told, done, _ = self._tried(event)
        return told, done

    def _tried(self, event: Event) -> tuple[bytes, Any, Exception | None]:
        where, began = str(self._places.folder), time.monotonic()
        try:
            payload = said_of(event.agent, event.payload)
            project = self._places.project(Path(folder_of(payload, event.environment, event.cwd)))
            where = str(project.space)
            settings = self._settings_for(event, project)
            if event.name in CAPTURES:
                self._capture(event, payload, project, settings)
                told, done = b"", _nothing
            else:
                told, done = self._recalled(event, payload, project, settings)
        except (HoldfastError, OSError, ValueError, RecursionError) as error:
            self.ledger.failed(where, event.name, f"{type(error).__name__}: {error}")
            return b"", _nothing, error
        except Exception as error:  # noqa: BLE001 the edge: an agent must not feel a defect of ours
            self.ledger.failed(where, event.name, f"a defect in Holdfast, {type(error).__name__}: {error}")
            return b"", _nothing, error
        took_ms = (time.monotonic() - began) * 1_000
        if took_ms > settings.hooks.ms and event.name not in CAPTURES:
            self.ledger.failed(where, event.name, f"it took {took_ms:,.0f} ms, longer than the cap; a first one may")
        else:
            self.ledger.went_well(where, str(self._places.folder))
        return told, done, None

    # Recall

    def _recalled(
        self, event: Event, payload: Mapping[str, Any], project: Project, settings: Settings
    ) -> tuple[bytes, Any]:
        conversation = self._conversation(event, payload, project)
        if event.name == "session-start":
            conversation.has_begun = False
            if payload.get("source") != "resume":
                conversation.shown.clear()  # a new or compacted conversation does not hold them any more
        prompt = payload.get("prompt") if event.name == "prompt" else None
        if event.agent == "cursor" and isinstance(prompt, str):
            self._keep_prompt(event, payload, project, settings, prompt)
        told = recalling.Told()
        with self._recallable(project, settings) as spaces:
            tokens, least = settings.hooks.tokens, settings.hooks.min_confidence
            if spaces and isinstance(prompt, str) and prompt.strip():
                told = recalling.told_for(prompt, conversation, spaces, tokens=tokens, min_confidence=least)
            if spaces and not told.text and not conversation.has_begun:
                told = recalling.told_for(None, conversation, spaces, tokens=tokens)

        def done() -> None:
            conversation.has_begun = True
            conversation.shown.update((record.id, record) for record in told.shown)

        return answer_in_format(event.agent, event.name, told.text), done

    def _conversation(self, event: Event, payload: Mapping[str, Any], project: Project) -> recalling.Conversation:
        session = session_of(payload)
        key = (event.agent, session, project.root)
        with self._lock:
            known = self._conversations.pop(key, None)
            if known is None:
                prefix = FORMATS.get(event.agent, event.agent)
                known = recalling.Conversation((f"{prefix}/{session}",))
            self._conversations[key] = known
            while len(self._conversations) > _MOST_CONVERSATIONS:
                self._conversations.popitem(last=False)
        return known

    @contextmanager
    def _recallable(self, project: Project, settings: Settings) -> Generator[list[tuple[str, Memory]]]:
        """The spaces that are there, the user's first."""
        some = [
            (heading, path)
            for heading, path in (
                ("About the user, from all projects:", self._places.user_space),
                (f"From earlier work on {project.name}:", project.space),
            )
            if path.exists()
        ]
        with _all(self._space(path, settings, create=False) for _, path in some) as memories:
            yield [(heading, memory) for (heading, _), memory in zip(some, memories, strict=True)]

    # Capture

    def _capture(self, event: Event, payload: Mapping[str, Any], project: Project, settings: Settings) -> None:
        if not settings.hooks.capture:
            return
        transcript = None
        if event.agent in FORMATS:
            transcript = transcript_of(event.agent, payload, event.environment)
            if transcript is None:
                return
        with self._space(project.space, settings, create=True) as memory, self._user(settings) as user:
            if transcript is not None:
                format_, state = FORMATS[event.agent], self._places.state
                capturing.capture_transcript(memory, transcript, format=format_, state=state, user=user)
            else:
                turns = turns_in(event.name, payload)
                capturing.capture_turns(memory, event.agent, session_of(payload), turns, user)
            if event.name == "pre-compact":
                self._conversation(event, payload, project).shown.clear()

    def _keep_prompt(
        self, event: Event, payload: Mapping[str, Any], project: Project, settings: Settings, prompt: str
    ) -> None:
        """Take in what the user said in an agent that writes no transcript that can be read."""
        if not settings.hooks.capture:
            return
        turn = {"role": "user", "text": prompt, "id": payload.get("generation_id")}
        with self._space(project.space, settings, create=True) as memory, self._user(settings) as user:
            capturing.capture_turns(memory, event.agent, session_of(payload), [turn], user)

    # Spaces and settings

    @contextmanager
    def _user(self, settings: Settings) -> Generator[Any]:
        """What opens the user's space, should it be needed."""
        held = list[Any]()

        def user() -> Memory:
            if not held:
                entered = self._space(self._places.user_space, settings, create=True)
                held.extend((entered, entered.__enter__()))
            return held[1]

        try:
            yield user
        finally:
            if held:
                held[0].__exit__(None, None, None)

    @contextmanager
    def _space(self, path: Path, settings: Settings, *, create: bool) -> Generator[Memory]:
        one = self._opened(path, settings, create=create)
        try:
            yield one.memory
        finally:
            with self._lock:
                one.users -= 1
                one.used = time.monotonic()
                is_done = one.is_stale and not one.users
            if is_done:
                one.memory.close()

    def _opened(self, path: Path, settings: Settings, *, create: bool) -> _Open:
        """The space in a file, opened once for all; opened anew where another file took its place."""
        with self._lock:
            opening = self._opening.setdefault(path, threading.Lock())
        # Whoever waits for a space that somebody else is opening waits no longer than an agent does.
        if not opening.acquire(timeout=settings.hooks.ms / 1_000):
            raise StoreBusy(f"{path} takes long to open; somebody may hold it locked.")
        try:
            # The user's space is one for all projects, whatever each of them says.
            self._let_go_of(path, None if path == self._places.user_space else ways_of(settings))
            with self._lock:
                known = self._spaces.get(path)
                if known is not None:
                    known.users += 1
                    return known
            memory = self._newly_opened(path, settings, create=create)
            state = path.stat()
            one = _Open(memory, (state.st_dev, state.st_ino), ways_of(settings), time.monotonic(), users=1)
            with self._lock:
                self._spaces[path] = one
                idle = sorted((other for other in self._spaces.items() if not other[1].users), key=lambda o: o[1].used)
                surplus = [self._spaces.pop(key) for key, _ in idle[: max(len(self._spaces) - _MOST_OPEN, 0)]]
        finally:
            opening.release()
        for other in surplus:
            other.memory.close()
        return one

    def _newly_opened(self, path: Path, settings: Settings, *, create: bool) -> Memory:
        """The space in a file, opened; where that failed just now and nothing changed, it fails again at once."""
        key = (path, signature_of(path), settings, create)
        known = self._failed.get(path)
        if known is not None and known[0] == key and time.monotonic() < known[1]:
            raise known[2].with_traceback(None)
        try:
            memory = open_space(path, settings, create=create)
        except HoldfastError as error:
            self._failed[path] = (key, time.monotonic() + AGAIN_S, error)
            raise
        self._failed.pop(path, None)
        return memory

    def _let_go_of(self, path: Path, ways: tuple[object, ...] | None) -> None:
        """Close a space whose file is gone or is another one now, or that is to be opened in other ways."""
        with self._lock:
            known = self._spaces.get(path)
            if known is None:
                return
            try:
                state = path.stat()
                is_same = (state.st_dev, state.st_ino) == known.file and ways in (None, known.ways)
            except OSError:
                is_same = False
            if is_same:
                return
            del self._spaces[path]
            known.is_stale = True
            is_free = not known.users
        if is_free:
            known.memory.close()

    def _settings_for(self, event: Event, project: Project) -> Settings:
        now, key = time.monotonic(), (tuple(sorted(event.environment.items())), project.root)
        with self._lock:
            known = self._settings.get(key)
        if known is not None and now - known[0] < _SETTINGS_S:
            return known[1]
        settings = settings_for(event.environment, project.root, self._places.folder)
        with self._lock:
            self._settings.clear()
            self._settings[key] = (now, settings)
        if settings.hooks.ms != self._cap_ms:
            self._cap_ms = settings.hooks.ms
            self._places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._places.state / "cap-ms").write_text(str(settings.hooks.ms))
        return settings


@contextmanager
def _all(some: Any) -> Generator[list[Memory]]:
    """Enter several at once, leaving all of them again."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield [stack.enter_context(one) for one in some]


def _nothing() -> None:
    return
