"""A result of `bench.report` as one SVG picture, written by hand: it needs no plotting package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any
from xml.sax.saxutils import escape

from bench.measures import BUDGETS, CUTS

_COLOURS = ("#0b6e99", "#d1495b", "#8d6a9f", "#4f9d69", "#e09f3e", "#555555")
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 330, 250, 46, 34, 26
_SYSTEMS = ("holdfast", "dense", "bm25", "rank fusion", "holdfast, thorough")


@dataclass(frozen=True, slots=True)
class Line:
    """Points of one system, as shares from 0 to 100."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str


def picture(result: Mapping[str, Any]) -> str:
    """Return the picture: a row a file with recall at k, recall by tokens, and what confidence said."""
    rows = [_panels(result, name) for name in result["data"] if "all" in result["recall"][name]]
    width, height = 3 * (_WIDTH + _GAP) + _GAP, max(len(rows), 1) * (_HEIGHT + _GAP) + _GAP + 30
    body = [
        part
        for down, panels in enumerate(rows)
        for across, panel in enumerate(panels)
        for part in panel.drawn(_GAP + across * (_WIDTH + _GAP), _GAP + down * (_HEIGHT + _GAP))
    ]
    note = f"Holdfast {result['version']}, {result['model']}, seed {result['seed']}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(body)
        + f'\n<text x="{_GAP}" y="{height - 12}" fill="#555">{escape(note)}</text>\n</svg>\n'
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes. ``ticks`` are the values on the horizontal one; ``steps`` spaces them by their logarithm."""

    title: str
    across: str
    ticks: tuple[float, ...]
    lines: tuple[Line, ...]
    steps: bool
    diagonal: bool = False

    def drawn(self, left: float, top: float) -> Iterator[str]:
        """Yield the elements, the panel's corner at ``left`` and ``top``."""
        yield f'<g transform="translate({left},{top})">'
        yield f'<text x="{_LEFT}" y="14" font-weight="bold">{escape(self.title)}</text>'
        for share in range(0, 101, 20):
            y = self._y(share)
            yield f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{share}</text>'
        for tick in self.ticks:
            yield (
                f'<text x="{self._x(tick):.1f}" y="{_HEIGHT - 18}" text-anchor="middle" fill="#555">{tick:,g}</text>'
            )
        yield f'<text x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(self.across)}</text>'
        if self.diagonal:
            yield (
                f'<line x1="{self._x(self.ticks[0]):.1f}" y1="{self._y(0):.1f}" x2="{self._x(self.ticks[-1]):.1f}" '
                f'y2="{self._y(100):.1f}" stroke="#999" stroke-dasharray="4 3"/>'
            )
        for place, line in enumerate(self.lines):
            points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in line.points)
            yield f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>'
            for x, y in line.points:
                yield (
                    f'<circle cx="{self._x(x):.1f}" cy="{self._y(y):.1f}" r="3" fill="{line.colour}">'
                    f"<title>{escape(line.label)}: {y:.1f} at {x:,g}</title></circle>"
                )
            y = _HEIGHT - 44 - 14 * (len(self.lines) - 1 - place)
            yield f'<text x="{_WIDTH - 6}" y="{y}" text-anchor="end" fill="{line.colour}">{escape(line.label)}</text>'
        yield "</g>"

    def _x(self, value: float) -> float:
        low, high, at = (
            (log(self.ticks[0]), log(self.ticks[-1]), log(value))
            if self.steps
            else (self.ticks[0], self.ticks[-1], value)
        )
        return _LEFT + 12 + (at - low) / (high - low) * (_WIDTH - _LEFT - 24)

    @staticmethod
    def _y(share: float) -> float:
        return _TOP + (100 - share) / 100 * (_HEIGHT - _TOP - 34)


def _panels(result: Mapping[str, Any], name: str) -> tuple[Panel, ...]:
    means = result["recall"][name]["all"]
    present = [system for system in _SYSTEMS if system in means]
    at_k = _lines(means, present, CUTS, "R@{}")
    by_tokens = _lines(means, [one for one in present if f"{BUDGETS[0]} tok" in means[one]], BUDGETS, "{} tok")
    packed = result["packed"][name].get("holdfast, public")
    if packed:
        points = tuple((float(budget), packed[str(budget)]["mean"]) for budget in BUDGETS)
        by_tokens = (*by_tokens, Line("holdfast, packed", points, _COLOURS[4]))
    reliable = result["confidence"][name]["reliability"]
    said = tuple(
        Line(kind, tuple((100 * one["said"], 100 * one["true"]) for one in found["bins"]), _COLOURS[place])
        for place, (kind, found) in enumerate(reliable.items())
    )
    return (
        Panel(f"{name}: evidence recall", "entries", tuple(map(float, CUTS)), at_k, steps=True),
        Panel("evidence recall in a budget", "tokens", tuple(map(float, BUDGETS)), by_tokens, steps=True),
        Panel(
            "confidence: evidence found", "said, %", (0.0, 20.0, 40.0, 60.0, 80.0, 100.0), said, False, diagonal=True
        ),
    )


def _lines(
    means: Mapping[str, Mapping[str, float]], systems: Sequence[str], places: Sequence[int], key: str
) -> tuple[Line, ...]:
    return tuple(
        Line(
            system,
            tuple((float(place), means[system][key.format(place)]) for place in places),
            _COLOURS[_SYSTEMS.index(system) % len(_COLOURS)],
        )
        for system in systems
    )
