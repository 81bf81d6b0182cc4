"""Taking in what was said in coding agents: transcripts from where they were left, or single turns that an agent hands.

What was said in a project goes into the project's space. What the user says of themselves and their ways in plain
words, such as "I prefer tabs", goes into the user's space as well, as a fact.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import Conflict, Gone, InvalidInput, Refused, Rejected
from holdfast.integrations.coding_agents.marks import unmarked
from holdfast.integrations.coding_agents.transcripts import Offsets, pieces

if TYPE_CHECKING:
    from holdfast.memory import Memory

_LONGEST_WAY_CHARS = 240
_TEMPORARY = "reading-"


@dataclass(slots=True)
class Captured:
    """What came of a capture.

    Attributes:
        added, unchanged, forgotten: Turns; see `holdfast.ImportReport`.
        refused: Turns that the policy let nothing be kept of.
        redacted: Turns kept otherwise than as said.
        left: What is left out on purpose, and how much of it.
        problems: What could not be taken, in words.
        ways: What was noted in the user's space.
    """

    added: int = 0
    unchanged: int = 0
    forgotten: int = 0
    refused: int = 0
    redacted: int = 0
    left: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])
    ways: int = 0

    def add(self, other: Captured) -> None:
        """Count another capture in."""
        for name in ("added", "unchanged", "forgotten", "refused", "redacted", "ways"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.left += other.left
        self.problems += other.problems


def capture_transcript(
    memory: Memory,
    transcript: Path,
    *,
    format: str,  # noqa: A002 the word users know
    state: Path,
    user: Callable[[], Memory] | None = None,
    dry_run: bool = False,
) -> Captured:
    """Take in what is new in a transcript. How far it is taken in is noted after each durable piece.

    Args:
        format: Of its importer: ``claude-code`` or ``codex``.
        state: The folder that offsets are kept in.
        user: Opens the user's space, should there be something for it.

    Raises:
        HoldfastError, OSError: the space cannot be written, or the transcript not read; what came before it is kept.
    """
    offsets, captured = Offsets(state / "offsets"), Captured()
    for piece in pieces(transcript, offsets.of(transcript)):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=state, prefix=_TEMPORARY) as folder:
            part = Path(folder) / transcript.name
            part.write_bytes(piece.data)
            report = memory.import_(part, format=format, dry_run=dry_run)
        captured.added += report.added
        captured.unchanged += report.unchanged
        captured.forgotten += report.forgotten
        captured.redacted += sum(report.verdicts.values())
        for skipped in report.skipped:
            if skipped.intended:
                count, _, what = skipped.why.partition(" left out: ")
                captured.left[what] += int(count.replace(",", ""))
            elif "policy" in skipped.why:
                captured.refused += 1
            else:
                captured.problems.append(f"{skipped.place}: {skipped.why}")
        captured.ways += keep_ways(piece.said, user, dry_run=dry_run)
        if not dry_run:
            offsets.keep(transcript, piece.end)
    return captured


def capture_turns(
    memory: Memory,
    agent: str,
    session: str,
    turns: Sequence[Mapping[str, Any]],
    user: Callable[[], Memory] | None = None,
) -> Captured:
    """Take in turns that an agent hands: mappings with ``role``, ``text`` and ``id``.

    The same turn again has no effect; its id may be missing, then its words stand for it.
    """
    captured = Captured()
    chat = memory.session(f"{agent}/{session}")
    for turn in turns:
        role, text = turn.get("role"), turn.get("text")
        if role not in ("user", "assistant") or not isinstance(text, str):
            continue
        text = unmarked(text)
        if not text.strip():
            continue
        name = turn.get("id") or sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        try:
            chat.add(role, text, source=f"{agent}/{session}", key=f"{agent}/{session}/{role}/{name}"[:300])
        except Refused:
            captured.refused += 1
        except Gone:
            captured.forgotten += 1
        except (Conflict, InvalidInput) as error:
            captured.problems.append(str(error))
        else:
            captured.added += 1
            if role == "user":
                captured.ways += keep_ways([text], user)
    return captured


def keep_ways(said: Sequence[str], user: Callable[[], Memory] | None, *, dry_run: bool = False) -> int:
    """Note in the user's space what a person says of themselves; gives how much that was."""
    found = list(dict.fromkeys(way for text in said for way in ways_in(text)))
    if not found or user is None or dry_run:
        return len(found)
    kept, memory = 0, user()
    for way in found:
        key = "way/" + sha256(" ".join(way.lower().split()).encode()).hexdigest()[:32]
        try:
            memory.remember(way, category="preference", source="said to a coding agent", key=key)
        except (Gone, Rejected, Refused, Conflict, InvalidInput):
            continue
        kept += 1
    return kept


def ways_in(text: str) -> list[str]:
    """Sentences in which a person says how they want things everywhere; English, and rather none than a wrong one."""
    if len(text) > 20_000:
        return []  # pasted, not said
    return [found[0].strip() for found in _ways().finditer(text) if len(found[0]) <= _LONGEST_WAY_CHARS]


@cache
def _ways() -> re.Pattern[str]:
    return re.compile(
        r"(?:(?<=[.!?\n] )|(?<=\n)|^)"
        r"(?:(?:i|we) (?:always|never|usually|generally) (?:use|want|write|like|prefer|work|name)\b"
        r"|i (?:strongly )?prefer\b|my name is\b|call me\b|in (?:all|every)(?: my)? projects?\b"
        r"|remember (?:everywhere|for (?:all|every) projects?)\b)[^\n.!?]*[.!]?(?=\s|$)",
        re.IGNORECASE | re.MULTILINE,
    )


def sweep(state: Path) -> None:
    """Remove what a process that died left of transcripts it was reading."""
    from shutil import rmtree

    for folder in state.glob(f"{_TEMPORARY}*"):
        rmtree(folder, ignore_errors=True)
