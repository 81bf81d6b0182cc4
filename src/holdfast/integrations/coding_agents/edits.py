"""Changes of agents' settings files: our hooks and our MCP server put in and taken out, and nothing else changed.

Each change is made in the text, then the text is read again and compared with what the change means. Where that is not
the same, nothing is written.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from holdfast.errors import InvalidField
from holdfast.integrations.coding_agents import jsonc

NAME = "holdfast"
OURS = ("coding_agents/hook.py", "coding_agents\\hook.py", "holdfast-hook")
"""What every command of a hook of ours holds."""
SERVES = "coding_agents.serving"
"""What the command of an MCP server of ours holds, whichever version put it there."""

_BY_HAND = "it is written in a way that cannot be changed safely; change it by hand"
_TOML_BY_HAND = "mcp_servers is written in a way that cannot be changed safely; change it by hand"
_FOREIGN = f"it has an MCP server named {NAME} that was put there by hand; remove that, or give it another name"


class Edit(Protocol):
    """A change of a file that can be taken back."""

    def put_in(self, text: str | None) -> str:
        """The text with it, made from nothing where there is no file.

        Raises:
            InvalidField: the file cannot be read, or cannot be changed safely; without its name.
        """
        ...

    def taken_out(self, text: str) -> str:
        """The text without it.

        Raises:
            InvalidField: as above.
        """
        ...


@dataclass(frozen=True)
class JsonHooks:
    """Entries in lists below ``hooks``, one for each event.

    Attributes:
        entries: By the agent's name of the event.
        start: What a new file holds beside them.
    """

    entries: Mapping[str, Mapping[str, Any]]
    start: Mapping[str, Any]

    def put_in(self, text: str | None) -> str:
        if text is None:
            hooks = {event: [entry] for event, entry in self.entries.items()}
            return json.dumps({**self.start, "hooks": hooks}, ensure_ascii=False, indent=2) + "\n"
        wanted = _object(text)
        if self._is_there(wanted):
            return text
        text = self.taken_out(text)
        wanted = _object(text)
        made = copy.deepcopy(wanted)
        for key, value in self.start.items():
            if key not in made:
                text, made[key] = jsonc.with_member(text, (), key, value), value
        for event, entry in self.entries.items():
            text = jsonc.with_item(text, ("hooks", event), entry)
            hooks = made.setdefault("hooks", {})
            hooks.setdefault(event, []).append(entry)
        return _same(text, made)

    def taken_out(self, text: str) -> str:
        wanted = _object(text)
        for event in list(_mapping(wanted.get("hooks"))):
            while (place := self._ours(jsonc.parsed(text), event)) is not None:
                at = jsonc.parsed(text).members["hooks"][1].members[event][1]
                if len(at.parts) == 1:
                    text = jsonc.without_key(text, ("hooks",), event)
                else:
                    text = jsonc.without_part(text, at, place)
        if _bare(jsonc.parsed(text).data, ("hooks",)) != _bare(_without_hooks(wanted), ("hooks",)):
            raise InvalidField(_BY_HAND)
        return text

    def _ours(self, root: jsonc.Value, event: str) -> int | None:
        listed = jsonc.at_path(root.data, ("hooks", event))
        some = cast("list[Any]", listed) if isinstance(listed, list) else []
        return next((place for place, entry in enumerate(some) if is_ours(entry)), None)

    def _is_there(self, data: Mapping[str, Any]) -> bool:
        hooks = _mapping(data.get("hooks"))
        known = {event: [one for one in _list(some) if is_ours(one)] for event, some in hooks.items()}
        return {event: some for event, some in known.items() if some} == {
            event: [entry] for event, entry in self.entries.items()
        }


@dataclass(frozen=True)
class JsonServer:
    """Our MCP server among those of a JSON file.

    Attributes:
        path: Where the servers stand.
        entry: How ours is described.
        start: What a new file holds beside them.
    """

    path: tuple[str, ...]
    entry: Mapping[str, Any]
    start: Mapping[str, Any]

    def put_in(self, text: str | None) -> str:
        if text is None:
            made: Any = {NAME: self.entry}
            for name in reversed(self.path):
                made = {name: made}
            return json.dumps({**self.start, **made}, ensure_ascii=False, indent=2) + "\n"
        wanted = _object(text)
        known = jsonc.at_path(wanted, (*self.path, NAME))
        if known == self.entry:
            return text
        if known is not None and not self._is_ours(known):
            raise InvalidField(_FOREIGN)
        made = copy.deepcopy(wanted)
        at: dict[str, Any] = made
        for name in self.path:
            if not isinstance(at.setdefault(name, {}), dict):
                raise InvalidField(f"{name} is no object")
            at = cast("dict[str, Any]", at[name])
        at[NAME] = self.entry
        return _same(jsonc.with_member(text, self.path, NAME, self.entry), made)

    def taken_out(self, text: str) -> str:
        wanted, path = _object(text), (*self.path, NAME)
        if not self._is_ours(jsonc.at_path(wanted, path)):
            return text
        text = jsonc.without_key(text, self.path, NAME)
        if _bare(jsonc.parsed(text).data, self.path) != _bare(_without(wanted, path), self.path):
            raise InvalidField(_BY_HAND)
        return text

    def _is_ours(self, entry: object) -> bool:
        return entry == self.entry or _serves(entry)


@dataclass(frozen=True)
class TomlServer:
    """Our MCP server as a table of its own at the end of a TOML file."""

    command: str
    arguments: Sequence[str]

    def put_in(self, text: str | None) -> str:
        block = self._block()
        if text is None:
            return block
        wanted = _toml(text)
        servers = wanted.get("mcp_servers", {})
        if not isinstance(servers, dict):
            raise InvalidField("mcp_servers is no table")
        known = cast("dict[str, Any]", servers).get(NAME)
        if known == _toml(block)["mcp_servers"][NAME]:
            return text
        if known is not None and not _serves(known):
            raise InvalidField(_FOREIGN)
        rest = self.taken_out(text)
        made = copy.deepcopy(_toml(rest))
        made.setdefault("mcp_servers", {})[NAME] = _toml(block)["mcp_servers"][NAME]
        new_line = "\r\n" if "\r\n" in rest else "\n"
        gap = "" if not rest else new_line if rest.endswith("\n") else new_line * 2
        return _same_toml(rest + gap + block.replace("\n", new_line), made)

    def taken_out(self, text: str) -> str:
        wanted = _toml(text)
        known = _mapping(wanted.get("mcp_servers")).get(NAME)
        if known is None or not (known == _toml(self._block())["mcp_servers"][NAME] or _serves(known)):
            return text
        name = rf"""(?:{NAME}|"{NAME}"|'{NAME}')"""
        heads = list(
            re.finditer(
                rf"(?:\r?\n)?^[ \t]*\[[ \t]*mcp_servers[ \t]*\.[ \t]*{name}[ \t]*\][^\n]*\n?", text, re.MULTILINE
            )
        )
        if not heads:
            raise InvalidField(f"mcp_servers.{NAME} is not written as a table of its own, so it is yours to remove")
        without = _without(wanted, ("mcp_servers", NAME))
        for head in reversed(heads):  # the text of a value may look like our table; ours was put at the end
            rest = _without_table(text, head, name)
            if _means(rest, without):
                return rest
        raise InvalidField(_TOML_BY_HAND)

    def _block(self) -> str:
        # A JSON text in quotes is a TOML one as well, but for DEL, which no path of ours holds.
        listed = ", ".join(json.dumps(one, ensure_ascii=False) for one in self.arguments)
        command = json.dumps(self.command, ensure_ascii=False)
        return f"[mcp_servers.{NAME}]\ncommand = {command}\nargs = [{listed}]\n"


@dataclass(frozen=True)
class WholeFile:
    """A file that is ours alone.

    Attributes:
        mark: What tells it from somebody else's under its name.
    """

    content: str
    mark: str

    def put_in(self, text: str | None) -> str:
        if text is not None and self.mark not in text:
            raise InvalidField("it is not Holdfast's; move it away, or remove it")
        return self.content

    def taken_out(self, text: str) -> str:
        return "" if self.mark in text else text


def is_ours(entry: object) -> bool:
    """Whether an entry of a list of hooks calls Holdfast."""
    told = _mapping(entry)
    commands = [told.get("command"), *(_mapping(one).get("command") for one in _list(told.get("hooks")))]
    return any(isinstance(one, str) and any(mark in one for mark in OURS) for one in commands)


def _serves(entry: object) -> bool:
    """Whether an MCP server is ours."""
    told = _mapping(entry)
    command = told.get("command")
    words = [*(_list(command) or [command]), *_list(told.get("args"))]
    return any(isinstance(one, str) and SERVES in one for one in words)


def _without_table(text: str, head: re.Match[str], name: str) -> str:
    """A TOML text without a table, those below it, and their comments; the next table keeps its own."""
    end = len(text)
    for other in re.finditer(r"^[ \t]*\[(?P<name>[^\n]*)", text[head.end() :], re.MULTILINE):
        if not re.match(rf"\[?[ \t]*mcp_servers[ \t]*\.[ \t]*{name}[ \t]*\.", other["name"]):
            end = head.end() + other.start()
            break
    # Comments right before the next table belong to that one.
    tail = re.search(r"(?:^[ \t]*(?:#[^\n]*)?\r?\n)+\Z", text[head.end() : end], re.MULTILINE)
    if tail is not None and end < len(text):
        end = head.end() + tail.start()
    return text[: head.start()] + text[end:]


def is_empty(text: str, start: Mapping[str, Any]) -> bool:
    """Whether nothing is left in a file that was made for us."""
    try:
        return not text.strip() or jsonc.parsed(text).data in ({}, dict(start))
    except InvalidField:
        return False


def _object(text: str) -> dict[str, Any]:
    data: object = jsonc.parsed(text).data if text.strip() else {}
    if not isinstance(data, dict) or not text.strip():
        raise InvalidField("it is empty" if not text.strip() else "it holds no JSON object")
    return cast("dict[str, Any]", data)


def _same(text: str, wanted: Any) -> str:
    """The text, if it means what is wanted.

    Raises:
        InvalidField: it does not; nothing may be written.
    """
    if jsonc.parsed(text).data != wanted:
        raise InvalidField(_BY_HAND)
    return text


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidField(f"it is not TOML: {error}") from None


def _same_toml(text: str, wanted: Any) -> str:
    if not _means(text, wanted):
        raise InvalidField(_TOML_BY_HAND)
    return text


def _means(text: str, wanted: Any) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _bare(data: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The same without what is empty along a path: that stays where a comment stands in it."""
    made = dict(data)
    if not path:
        return {key: one for key, one in made.items() if one != []}
    name, *below = path
    if isinstance(made.get(name), dict):
        made[name] = _bare(made[name], below)
        if not made[name]:
            del made[name]
    return made


def _without_hooks(data: Mapping[str, Any]) -> dict[str, Any]:
    made = copy.deepcopy(dict(data))
    hooks, had = _mapping(made.get("hooks")), False
    for event, some in list(hooks.items()):
        kept = [one for one in _list(some) if not is_ours(one)]
        if len(kept) < len(_list(some)):
            had, hooks[event] = True, kept
            if not kept:
                del hooks[event]
    if had and not hooks and len(made) > 1:
        del made["hooks"]
    elif had and not hooks:
        made = {}
    return made


def _without(data: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    made = copy.deepcopy(dict(data))
    way = [made]
    for name in path[:-1]:
        way.append(way[-1][name])
    for at, name in zip(reversed(way), reversed(path), strict=True):
        del at[name]
        if at:
            break
    return made


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
