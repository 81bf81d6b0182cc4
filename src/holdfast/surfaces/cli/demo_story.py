"""The conversation a demo runs on: who said what, the questions beside it, what to correct and to forget."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from holdfast.errors import InvalidField, InvalidInput, UnknownFormat

STORY = Path(__file__).with_name("story.jsonl")
"""The story that comes with Holdfast."""
_FILE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said: its id in the file, and what finds it in the space."""

    id: str
    session: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the entries that hold its answer (none where nobody said), and when it is asked."""

    text: str
    evidence: tuple[Entry, ...]
    answer: str | None
    when: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """Say ``text`` instead of what ``entry`` says; asked ``ask``, expect one value and not the other."""

    entry: Entry
    text: str
    ask: str
    expect: str
    reject: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """Forget ``entry``; afterwards ``canary`` is nowhere, whoever asks ``ask``."""

    entry: Entry
    ask: str
    canary: str


@dataclass(frozen=True, slots=True)
class Story:
    """A file of conversations, read."""

    path: Path
    names: tuple[str, ...]
    entries: tuple[Entry, ...]
    questions: tuple[Question, ...]
    correction: Correction | None
    erasure: Erasure | None

    @property
    def sessions(self) -> int:
        return len({entry.session for entry in self.entries})

    @property
    def own(self) -> bool:
        """Whether it is the user's file."""
        return self.path != STORY


def read_story(path: Path) -> Story:
    """Read conversations with their questions; what is not about the demo is checked by the import.

    Raises:
        InvalidInput: no such file, or a line that is no conversation, named by its number.
    """
    names, entries, questions = list[str](), list[Entry](), list[Question]()
    correction, erasure = None, None
    for number, line in _lines(path):
        try:
            said = _entries(line)
            names.append(str(line.get("conversation", "conversation")))
            entries += said.values()
            questions += _questions(line, said)
            correction = correction or _correction(line, said)
            erasure = erasure or _erasure(line, said)
        except InvalidInput as error:
            raise type(error)(f"Line {number} of {path}: {error}") from None
    if not entries:
        raise UnknownFormat(f"{path} holds no conversation: expected JSON objects with 'entries', one a line.")
    return Story(path, tuple(names), tuple(entries), tuple(questions), correction, erasure)


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.")
    if path.stat().st_size > _FILE_BYTES:
        raise InvalidInput(f"{path} is larger than {_FILE_BYTES:,} bytes; import it with holdfast import.")
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                value: object = json.loads(raw)
            except (ValueError, RecursionError) as error:
                raise UnknownFormat(f"Line {number} of {path} is not JSON: {error}.") from None
            if not isinstance(value, dict) or not isinstance(cast("dict[str, object]", value).get("entries"), list):
                raise UnknownFormat(f"Line {number} of {path} is no conversation: expected an object with 'entries'.")
            yield number, cast("dict[str, object]", value)


def _entries(line: Mapping[str, object]) -> dict[str, Entry]:
    name, said = line.get("conversation", "conversation"), dict[str, Entry]()
    for number, raw in enumerate(cast("list[object]", line["entries"]), 1):
        entry = _object(raw, f"entry {number}")
        given = str(entry.get("id", number))
        said[given] = Entry(given, f"{name}/{entry.get('session', 1)}", _text(entry, "text", f"entry {number}"))
    return said


def _questions(line: Mapping[str, object], said: Mapping[str, Entry]) -> Iterator[Question]:
    for number, raw in enumerate(_list(line, "questions", "it"), 1):
        where = f"question {number}"
        question = _object(raw, where)
        answer, when = question.get("answer"), question.get("when")
        yield Question(
            _text(question, "question", where),
            tuple(_entry(said, one, where) for one in _list(question, "evidence", where)),
            None if answer is None else str(answer),
            None if when is None else str(when),
        )


def _correction(line: Mapping[str, object], said: Mapping[str, Entry]) -> Correction | None:
    if line.get("correct") is None:
        return None
    given = _object(line["correct"], "correct")
    text, ask, expect, reject = (_text(given, key, "correct") for key in ("text", "ask", "expect", "reject"))
    return Correction(_entry(said, given.get("entry"), "correct"), text, ask, expect, reject)


def _erasure(line: Mapping[str, object], said: Mapping[str, Entry]) -> Erasure | None:
    if line.get("forget") is None:
        return None
    given = _object(line["forget"], "forget")
    ask, canary = (_text(given, key, "forget") for key in ("ask", "canary"))
    return Erasure(_entry(said, given.get("entry"), "forget"), ask, canary)


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidField(f"{where} is {value!r:.60}; expected an object.")
    return cast("Mapping[str, object]", value)


def _list(given: Mapping[str, object], key: str, where: str) -> list[object]:
    value = given.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidField(f"{where}: {key!r} is {value!r:.60}; expected a list.")
    return cast("list[object]", value)


def _text(given: Mapping[str, object], key: str, where: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InvalidField(f"{where}: {key!r} is {value!r:.60}; expected a text.")
    return value


def _entry(said: Mapping[str, Entry], given: object, where: str) -> Entry:
    if str(given) not in said:
        raise InvalidField(f"{where} names entry {given!r:.60}, which is not in the conversation.")
    return said[str(given)]
