"""What the exports of chat programs share: lists of conversations, in a file, a folder, or the zip they came in.

A conversation that is broken, or contradicts itself, is left out as a whole; a message that cannot be
read is a flaw of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from holdfast.adapters.importers.archives import chat_members, is_chats, is_zip
from holdfast.adapters.importers.fields import is_mapping, label
from holdfast.adapters.importers.files import Source, files_at, files_below, head_of
from holdfast.adapters.importers.gathering import Gathering, read_documents, why_of
from holdfast.adapters.importers.shapes import shapes
from holdfast.adapters.importers.talk import dated, time_of
from holdfast.errors import HoldfastError, InvalidField
from holdfast.model.imports import Batch
from holdfast.model.reports import Turn


class Chat(NamedTuple):
    """A conversation of an export.

    Attributes:
        id: Its own, or one made of what it begins with.
        messages: Those on the screen, by id, in order.
        is_settled: The id stays as it is when the first message is mended.
        edited_away: How many more there are, on branches that are not on the screen.
        remarks: What is to be said about it, though it is taken.
    """

    id: str
    messages: Sequence[tuple[str, object]]
    is_settled: bool = True
    edited_away: int = 0
    remarks: Sequence[str] = ()


class Spot(NamedTuple):
    """Where a message is read.

    Attributes:
        chat: The id of its conversation.
        session: The session and source of its turns.
        message: Its own id.
        place: Where it stands, for a person.
    """

    chat: str
    session: str
    message: str
    place: str
    gathering: Gathering
    zone: tzinfo


class ChatExport(ABC):
    """Reads the conversations of an export, each once.

    Attributes:
        field: What every conversation has, and nothing else does.
        title, began: Where its name and the time it began stand.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    field: ClassVar[str]
    title: ClassVar[str]
    began: ClassVar[str]

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            files = list(files_below(path, is_chats))[:1]
            return any(self.recognises(file, head_of(file)) for file in files)
        return any(self.field in shape for shape in shapes(head))

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        seen = set[str]()

        def take(value: Mapping[str, Any], place: str, gathering: Gathering) -> None:
            self._take(value, place, gathering, zone, seen)

        return read_documents(_chat_files(path), "conversation", take)

    @abstractmethod
    def chat_in(self, value: Mapping[str, Any]) -> Chat:
        """The conversation an object holds.

        Raises:
            InvalidField: it is none, or contradicts itself.
        """

    @abstractmethod
    def turns_of(self, message: Mapping[str, Any], spot: Spot) -> list[Turn]:
        """What a message says.

        Raises:
            InvalidField: it cannot be read.
        """

    def _take(self, value: Mapping[str, Any], place: str, gathering: Gathering, zone: tzinfo, seen: set[str]) -> None:
        chat = self.chat_in(value)
        title = label(value.get(self.title), 80)
        where = f"{place} ({title})" if title else place
        if chat.id in seen:
            gathering.skip(where, f"a conversation with the id {chat.id} stands before it in the export")
            return
        for remark in chat.remarks:
            gathering.skip(where, remark)
        if chat.edited_away:
            gathering.leave_out("messages on branches that were edited away", chat.edited_away)
        session, made = f"{self.name}/{chat.id}", list[Turn]()
        for number, (name, message) in enumerate(chat.messages):
            spot = Spot(chat.id, session, name, f"{where}, message {name:.40}", gathering, zone)
            try:
                if not is_mapping(message):
                    raise InvalidField(f"it is {type(message).__name__}, not a JSON object")
                made += self.turns_of(message, spot)
            except (HoldfastError, RecursionError) as error:
                if not number and not chat.is_settled:
                    # Mended, it would make another id, and the rest would be taken a second time under that.
                    raise InvalidField(f"its first message: {why_of(error)}") from None
                gathering.flaw(session, spot.place, why_of(error))
        start, _ = time_of(value.get(self.began), zone)
        seen.add(chat.id)
        gathering.take(session, dated(made, start if not made or made[0].when_ms is None else None))


def _chat_files(path: Path) -> list[Source]:
    """The file itself, or the files with conversations in a folder or an archive.

    Raises:
        UnknownFormat: the folder, or the archive, has none.
        InvalidField: it cannot be read.
    """
    return list[Source](chat_members(path) if is_zip(path) else files_at(path, is_chats, "conversations*.json"))
