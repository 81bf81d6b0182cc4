"""The port of templates: texts with places that inputs are filled into, which can do nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Templates(Protocol):
    """What fills inputs into templates; a template reads no file, calls nothing and ends soon, whoever wrote it."""

    def names(self, template: str) -> frozenset[str]:
        """The inputs that a template uses.

        Raises:
            InvalidField: it cannot be read, or does what a template may not.
        """
        ...

    def fill(self, template: str, values: Mapping[str, Any]) -> str:
        """The template with values in the places of its inputs.

        Raises:
            InvalidField: a value cannot be used so, or it comes to too much text or work.
        """
        ...


class ProcedureFiles(Protocol):
    """What reads and writes procedures as YAML."""

    def parse(self, text: str) -> object:
        """The value that a text stands for.

        Raises:
            InvalidField: it is no YAML, or holds what is not taken from a stranger.
        """
        ...

    def write(self, value: Mapping[str, Any]) -> str:
        """The text that stands for a value of JSON."""
        ...
