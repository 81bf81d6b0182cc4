"""YAML as procedures are written in it: plain values only, each text read as it stands; needs pyyaml.

Read is what JSON can say: no anchors or aliases, no tags, no second document, no key twice, bounded in size and depth.
Words are words: only ``true``, ``false``, ``null`` and numbers are something else, so ``no``, ``12:30`` and dates stay
text (YAML 1.2's core schema, https://yaml.org/spec/1.2.2/#103-core-schema, without its octals and infinities).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from holdfast.adapters.templates import JinjaTemplates
from holdfast.errors import InvalidField, NotFound

FILE_BYTES: Final = 400_000
EVENTS: Final = 20_000
"""Values and brackets in one file."""
DEPTH: Final = 20
_TAG: Final = "tag:yaml.org,2002:"
_WORDS: Final = (
    ("bool", r"true|false|True|False|TRUE|FALSE", "tTfF"),
    ("null", r"null|Null|NULL|~|", ("n", "N", "~", "")),
    ("int", r"[-+]?[0-9]{1,19}", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,4})?", "-+.0123456789"),
)


class YamlProcedures:
    """A `holdfast.ports.templates.ProcedureFiles`.

    Raises:
        InvalidField: pyyaml is not installed.
    """

    def __init__(self) -> None:
        try:
            import yaml
        except ImportError:
            raise InvalidField(
                "Procedures in YAML need pyyaml. Nothing was written; install it with: "
                "pip install 'holdfast[procedures]', or give the procedure in Python."
            ) from None
        self._yaml: Any = yaml

    def parse(self, text: str) -> object:
        """See `ProcedureFiles.parse`."""
        yaml = self._yaml
        try:
            if len(text) > FILE_BYTES or len(text.encode()) > FILE_BYTES:
                raise InvalidField(f"The YAML has more than {FILE_BYTES:,} bytes; shorten it. Nothing was written.")
            loader = _loader(yaml)(text)
            try:
                self._look_through(text)
                return cast("object", loader.get_single_data())
            finally:
                loader.dispose()
        except yaml.YAMLError as error:
            raise InvalidField(f"This is no YAML that is taken: {_said(error)}. Nothing was written.") from None
        except (ValueError, OverflowError, RecursionError) as error:
            if isinstance(error, InvalidField):
                raise
            raise InvalidField(f"This is no YAML that is taken: {_said(error)}. Nothing was written.") from None

    def write(self, value: Mapping[str, Any]) -> str:
        """See `ProcedureFiles.write`."""
        return str(self._yaml.dump(value, Dumper=_dumper(self._yaml), sort_keys=False, allow_unicode=True, width=2**30))

    def _look_through(self, text: str) -> None:
        """Refuse what would grow, or be more than plain values, before any of it is made.

        Raises:
            InvalidField.
        """
        yaml = self._yaml
        depth, documents = 0, 0
        for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if number > EVENTS:
                raise InvalidField(f"The YAML has more than {EVENTS:,} values. Nothing was written.")
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise _refused(line, "has an anchor or alias (& or *), which is not taken; write the value out")
            if getattr(event, "tag", None) is not None:
                raise _refused(line, f"has the tag {event.tag!r:.40}, which is not taken; write a plain value")
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise _refused(line, "begins a second document (---); give one procedure at a time")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEPTH:
                raise _refused(line, f"is nested more than {DEPTH} deep")


READERS: Final = (JinjaTemplates, YamlProcedures)
"""What reads the templates of procedures, and what reads their YAML."""


def read_file(path: Path) -> str:
    """The text of a file of a procedure.

    Raises:
        NotFound: there is none.
        InvalidField: it cannot be read, is too long, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            found = file.read(FILE_BYTES + 1)
        if len(found) > FILE_BYTES:
            raise InvalidField(f"{path!s:.200} has more than {FILE_BYTES:,} bytes. Nothing was written.")
        return found.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"There is no file {path!s:.200}. Nothing was written.") from None
    except OSError as error:
        raise InvalidField(f"{path!s:.200} cannot be read ({error.strerror}). Nothing was written.") from None
    except UnicodeDecodeError as error:
        raise InvalidField(f"{path!s:.200} is not UTF-8 (byte {error.start:,}). Nothing was written.") from None


def example(name: str) -> str:
    """The YAML of a procedure that comes with Holdfast.

    Raises:
        NotFound: none of that name does.
    """
    folder = files("holdfast").joinpath("examples")
    known = sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))
    if name not in known:
        raise NotFound(f"No procedure {name!r:.60} comes with Holdfast; there are: {', '.join(known)}.")
    return folder.joinpath(f"{name}.yaml").read_text("utf-8")


def _refused(line: int, why: str) -> InvalidField:
    return InvalidField(f"Line {line} of the YAML {why}. Nothing was written.")


def _said(error: Exception) -> str:
    said = str(error).replace(' in "<unicode string>",', "")
    return "".join(char if char.isprintable() else " " for char in " ".join(said.split())[:200])


def _loader(yaml: Any) -> Any:
    """A loader of plain values."""

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: ClassVar[Any] = {}

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen = set[Any]()
            for key, _ in node.value:
                name = self.construct_object(key, deep=True)
                if not isinstance(name, str):
                    raise _refused(key.start_mark.line + 1, f"has the key {name!r:.40}; expected a word")
                if name in seen:
                    raise _refused(key.start_mark.line + 1, f"has the key {name!r:.40} a second time")
                seen.add(name)
            parent: Any = super()
            return cast("dict[Any, Any]", parent.construct_mapping(node, deep=deep))

        def flatten_mapping(self, node: Any) -> None:
            """Nothing is merged: ``<<`` is a key like another."""

    _resolve(Loader)
    Loader.add_constructor(f"{_TAG}int", _whole)
    Loader.add_constructor(f"{_TAG}float", _number)
    return Loader


def _whole(loader: Any, node: Any) -> int:
    return int(node.value)


def _number(loader: Any, node: Any) -> float:
    return float(node.value)


def _dumper(yaml: Any) -> Any:
    """What writes values so that `_loader` reads them as they were."""

    class Dumper(yaml.SafeDumper):
        yaml_implicit_resolvers: ClassVar[Any] = {}

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            parent: Any = super()
            return parent.increase_indent(flow, False)

    def text(dumper: Any, value: str) -> Any:
        # A line break of another kind would be read as the usual one, so it is written by its escape.
        is_plain = all(char in "\n\t" or char.isprintable() for char in value)
        style = '"' if not is_plain else "|" if "\n" in value else None
        return dumper.represent_scalar(f"{_TAG}str", value, style=style)

    def number(dumper: Any, value: float) -> Any:
        return dumper.represent_scalar(f"{_TAG}float", repr(value))

    _resolve(Dumper)
    Dumper.add_representer(str, text)
    Dumper.add_representer(float, number)
    return Dumper


def _resolve(kind: Any) -> None:
    for name, pattern, first in _WORDS:
        kind.add_implicit_resolver(f"{_TAG}{name}", re.compile(rf"(?:{pattern})\Z"), list(first))
