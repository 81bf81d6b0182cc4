"""Checkpoints, the values of channels and what tasks wrote: as contents of records aside, and back.

Each is known by its thread, its namespace and a name of its own. What is too long for one record is cut into parts.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.errors import InvalidField, OverLimit
from holdfast.model.checkpoints import Blob, Checkpoint, TaskWrite
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin

PART_CHARS: Final = 480_000
"""Characters of one part: even if JSON doubles them, less than a record may hold."""
PARTS: Final = 64
NAME_CHARS: Final = 2_000
"""Characters of a namespace, an id, a channel or a version."""
_FIELDS: Final = frozenset({"thread", "namespace", "name", "part", "parts", "data"})
_NAMES: Final = {Kind.CHECKPOINT: 1, Kind.CHANNEL: 2, Kind.TASK_WRITES: 2}
"""How many texts name one: its id; channel and version; checkpoint and task."""


@dataclass(frozen=True, slots=True)
class State:
    """One part of what is kept of a thread.

    Attributes:
        names: What it is known by among its kind in its thread and namespace.
        data: JSON, or a part of it.
    """

    kind: Kind
    thread: str
    namespace: str
    names: tuple[str, ...]
    part: int
    parts: int
    data: str

    @property
    def name(self) -> str:
        return state_name(self.thread, self.namespace, self.names, self.part)


def state_name(thread: str, namespace: str, names: Sequence[str], part: int = 0) -> str:
    """What a record of a thread is known by among those of its kind."""
    return canonical([thread, namespace, *names, part]).decode()


def check_thread(value: object) -> str:
    """The id of a thread.

    Raises:
        InvalidField, InvalidText.
    """
    return border.check_label(value, "thread")


def check_name(value: object, what: str, *, empty: bool = False) -> str:
    """A namespace, an id, a channel or a version.

    Raises:
        InvalidField.
    """
    if not isinstance(value, str) or len(value) > NAME_CHARS or not (value or empty) or "\0" in value:
        raise InvalidField(
            f"The {what} is {value!r:.80}; expected a text of up to {NAME_CHARS:,} characters. Nothing was written."
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidField(f"The {what} {value!r:.80} has half a character in it. Nothing was written.") from None
    return value


def states(kind: Kind, thread: str, namespace: str, names: Sequence[str], value: object) -> list[State]:
    """What is to be kept, in as many parts as it takes.

    Raises:
        OverLimit: it is too long.
    """
    text = canonical(value).decode()
    parts = max(1, -(-len(text) // PART_CHARS))
    if parts > PARTS:
        limit = PARTS * PART_CHARS
        raise OverLimit(
            f"What is to be kept of the thread {thread!r:.60} under {' '.join(names)!r:.80} has {len(text):,} "
            f"characters as JSON; at most {limit:,} are taken. Nothing was written; keep large things elsewhere, and "
            "their address in the state.",
            over=len(text) - limit, limit=limit,
        )  # fmt: skip
    cut = [text[at * PART_CHARS : (at + 1) * PART_CHARS] for at in range(parts)]
    return [State(kind, thread, namespace, tuple(names), at, parts, one) for at, one in enumerate(cut)]


def state_content(state: State, at_ms: int, actor: str) -> Content:
    """A part as what is stored."""
    fields = {
        "thread": state.thread, "namespace": state.namespace, "name": list(state.names), "part": state.part,
        "parts": state.parts, "data": state.data,
    }  # fmt: skip
    return Content(
        kind=state.kind, text=state.thread, session=state.thread, valid_from=at_ms, origin=Origin.AGENT,
        trust=TRUST_OF_ORIGIN[Origin.AGENT], actor=actor, body=canonical(fields).decode(),
    )  # fmt: skip


def state_of(content: Content) -> State:
    """A part from a record that is here."""
    values = json.loads(content.body or "{}")
    names = ("thread", "namespace", "part", "parts", "data")
    return State(content.kind, names=tuple(values["name"]), **{name: values[name] for name in names})


def moved(state: State, thread: str) -> State:
    """The same of another thread."""
    return replace(state, thread=thread)


def read_state(kind: Kind, body: str | None) -> State:
    """One part, from a body.

    Raises:
        InvalidInput: it is not what `state_content` writes.
    """
    values = body_fields(kind.name.lower(), body)
    what = f"What belongs to the {kind.name.lower()}"
    if values.keys() != _FIELDS:
        raise InvalidField(f"{what} has other fields than {', '.join(sorted(_FIELDS))}.")
    thread = check_thread(values["thread"])
    namespace = check_name(values["namespace"], "namespace", empty=True)
    names: object = values["name"]
    if not isinstance(names, list) or len(cast("list[object]", names)) != _NAMES[kind]:
        raise InvalidField(f"{what} is named {names!r:.80}; expected {_NAMES[kind]} texts.")
    named = tuple(check_name(one, "name") for one in cast("list[object]", names))
    parts = border.check_count(values["parts"], "number of parts", PARTS)
    part = values["part"]
    if isinstance(part, bool) or not isinstance(part, int) or not 0 <= part < parts:
        raise InvalidField(f"{what} is part {part!r:.60} of {parts}; expected 0 to {parts - 1}.")
    data = border.check_text(values["data"], "data")
    return State(kind, thread, namespace, named, part, parts, data)


def joined(parts: Iterable[State]) -> Any:
    """What was cut into these parts; None where one is missing.

    Raises:
        ValueError: it is not what was cut.
    """
    ordered = sorted(parts, key=lambda one: one.part)
    if not ordered or len(ordered) < ordered[0].parts:
        return None
    return json.loads("".join(one.data for one in ordered[: ordered[0].parts]))


# What the parts say


def blob_value(blob: Blob) -> list[str]:
    """A blob as JSON."""
    if not isinstance(blob, Blob) or not isinstance(blob.data, bytes | bytearray):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"{blob!r:.80} was given; expected a Blob of a type and bytes. Nothing was written.")
    return [check_name(blob.type, "type of a value"), b64encode(blob.data).decode()]


def read_blob(value: Any) -> Blob:
    """A blob from JSON.

    Raises:
        ValueError, TypeError: it is none.
    """
    type_, data = value
    try:
        return Blob(str(type_), b64decode(data, validate=True))
    except NoBase64 as error:
        raise ValueError(str(error)) from None


def checkpoint_value(one: Checkpoint) -> dict[str, Any]:
    """What is stored of a checkpoint, checked.

    Raises:
        InvalidInput.
    """
    return {
        "parent": None if one.parent is None else check_name(one.parent, "id of the parent"),
        "run": None if one.run is None else check_name(one.run, "id of the run"),
        "state": blob_value(one.state),
        "metadata": blob_value(one.metadata),
        "versions": {
            check_name(channel, "channel"): check_name(version, "version")
            for channel, version in one.versions.items()
        },
        "deltas": [check_name(channel, "channel") for channel in one.deltas],
    }  # fmt: skip


def checkpoint_of(state: State, value: Any) -> Checkpoint:
    """A checkpoint from what is stored of it."""
    return Checkpoint(
        state.thread, state.namespace, state.names[0], read_blob(value["state"]), read_blob(value["metadata"]),
        value["parent"], value["run"], value["versions"], tuple(value["deltas"]),
    )  # fmt: skip


def writes_value(writes: Iterable[TaskWrite]) -> list[list[Any]]:
    """What is stored of the writes of one task, checked.

    Raises:
        InvalidInput.
    """
    return [
        [
            _whole(one.index),
            check_name(one.channel, "channel"),
            *blob_value(one.value),
            check_name(one.path, "path of a task", empty=True),
        ]
        for one in writes
    ]


def _whole(index: object) -> int:
    if isinstance(index, bool) or not isinstance(index, int):
        raise InvalidField(f"The index of a write is {index!r:.60}; expected a whole number. Nothing was written.")
    return index


def writes_of(task: str, value: Iterable[Any]) -> list[TaskWrite]:
    """The writes of one task from what is stored of them."""
    return [
        TaskWrite(task, path, index, channel, read_blob((type_, data))) for index, channel, type_, data, path in value
    ]


def with_writes(held: Iterable[TaskWrite], given: Iterable[TaskWrite]) -> list[TaskWrite]:
    """What a task wrote, with what it writes now: what has its place stays, what is kept once is replaced."""
    by_index = {one.index: one for one in held}
    for one in given:
        if one.index < 0 or one.index not in by_index:
            by_index[one.index] = one
    return list(by_index.values())


def in_order(writes: Iterable[TaskWrite]) -> tuple[TaskWrite, ...]:
    """Writes in the order in which a step applies them."""
    return tuple(sorted(writes, key=lambda one: (one.path, one.task, one.index)))
