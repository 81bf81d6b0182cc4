"""What the tests of the importers share: reading all of a file, and what every item must be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.adapters.importers import IMPORTERS
from holdfast.adapters.importers.markdown import Markdown
from holdfast.core import border
from holdfast.model.imports import Batch, Item, Note
from holdfast.model.reports import Skipped, Turn
from holdfast.model.times import format_when
from holdfast.ports.importer import Importer
from tests.adapters.importers.making import SAID

GOLDEN = Path(__file__).parent / "golden"


class Whole(NamedTuple):
    """Everything one import gives."""

    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...]
    batches: tuple[Batch, ...]

    @property
    def keys(self) -> list[str | None]:
        return [item.key for item in self.items]

    @property
    def texts(self) -> list[str]:
        return [item.text for item in self.items]

    @property
    def reasons(self) -> str:
        return "\n".join(f"{skipped.place}: {skipped.why}" for skipped in self.skipped)


def importer_named(name: str) -> Importer:
    if name == "markdown":
        return Markdown(root="vault")
    return next(importer for importer in IMPORTERS if importer.name == name)


def read_whole(importer: Importer | str, path: Path, zone: tzinfo = UTC, *, skip_errors: bool = False) -> Whole:
    """All of a file; a document with a flaw is left out, as an import does, unless errors are to be skipped."""
    chosen = importer_named(importer) if isinstance(importer, str) else importer
    batches = tuple(chosen.read(path, zone=zone))
    flaws = [flaw for batch in batches for flaw in batch.flaws]
    out = set() if skip_errors else {flaw.source for flaw in flaws}
    return Whole(
        tuple(item for batch in batches for item in batch.items if item.source not in out),
        tuple(skipped for batch in batches for skipped in batch.skipped)
        + tuple(Skipped(flaw.place, flaw.why) for flaw in flaws),
        batches,
    )


def said(whole: Whole) -> list[str]:
    """Which of the words of `SAID` were taken, in order."""
    return [word for item in whole.items for word in SAID if word in item.text]


def by_source(items: Iterable[Item]) -> dict[str | None, list[Item]]:
    found: dict[str | None, list[Item]] = {}
    for item in items:
        found.setdefault(item.source, []).append(item)
    return found


def check_storable(item: Item) -> None:
    """Every check a memory passes at the border, so that an import never fails there."""
    border.check_text(item.text)
    border.check_label(item.key, "key")
    border.check_label(item.source, "source")
    border.check_moment(item.when_ms)
    assert border.check_tags(item.tags) == item.tags
    border.check_attributes(item.attributes)
    if isinstance(item, Turn):
        border.check_label(item.speaker, "speaker")
        border.check_label(item.session, "session")
        border.optional_label(item.author, "author")
        if item.caption is not None:
            border.check_text(item.caption, "caption")
    else:
        for name in ("subject", "predicate", "object"):
            border.optional_label(getattr(item, name), name)
        border.check_category(item.category)


def shown(item: Item) -> dict[str, Any]:
    """An item as JSON, without what is not set."""
    values: dict[str, Any] = {"is": type(item).__name__}
    for name in item.__dataclass_fields__:
        value = getattr(item, name)
        if value is not None and value != ():
            values[name] = list(value) if isinstance(value, tuple) else value
    if item.when_ms is not None:
        values["when_ms"] = format_when(item.when_ms)
    if isinstance(item, Note):
        values["origin"] = item.origin.name.lower()
    return values


def shown_whole(whole: Whole) -> dict[str, Any]:
    present = {document: sorted(keys) for batch in whole.batches for document, keys in batch.present.items()}
    inventory = whole.batches[-1].inventory
    return {
        "items": [shown(item) for item in whole.items],
        "skipped": [f"{skipped.place}: {skipped.why}" for skipped in whole.skipped],
        **({"present": present} if present else {}),
        **({"inventory": [inventory.root, *sorted(inventory.documents)]} if inventory else {}),
    }
