"""A result of `bench.report` as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from typing import Any

from bench.measures import BUDGETS, CUTS
from bench.recall import UNANSWERABLE

_MAIN = (*(f"R@{cut}" for cut in CUTS), "all@10", *(f"{budget} tok" for budget in BUDGETS))
_OURS = ("holdfast", "holdfast, thorough")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; all columns but the first are right-aligned."""
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def number(value: float | None) -> str:
    """One digit behind the point, a dash where there is none."""
    return "-" if value is None or isnan(value) else f"{value:.1f}"


def interval(found: dict[str, float], digits: int = 1) -> str:
    """``+3.2 (1.0 to 5.4)``; a dash stands for bounds where there was nothing to draw from."""
    if isnan(found["low"]):
        return f"{found['mean']:+.{digits}f} (-)"
    return f"{found['mean']:+.{digits}f} ({found['low']:+.{digits}f} to {found['high']:+.{digits}f})"


def markdown(result: dict[str, Any]) -> str:
    """Return the whole report."""
    lines = [
        "# Recall of evidence",
        "",
        f"Holdfast {result['version']}, model {result['model']}, seed {result['seed']}, {result['machine']}; "
        f"{result['took_s']:.0f} s. Shares in percent, greater is better. Intervals are 95%, paired by question, from "
        "drawing whole conversations with replacement (questions, where a data set is one pool).",
        "",
    ]
    for name, described in result["data"].items():
        lines += [f"## {name}", "", *_of_file(result, name, described)]
    lines += ["## Weights, chosen without each fifth", "", *_folds(result["folds"])]
    lines += ["## Confidence", "", *_confidence(result["confidence"])]
    return "\n".join(lines).rstrip() + "\n"


def _of_file(result: dict[str, Any], name: str, described: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{described['conversations']} conversations, {described['entries']:,} entries, {described['answerable']} of "
        f"{described['questions']} questions can be answered and count; resampled by {described['resampled'][:-1]}."
    )
    yield ""
    for trouble in described["degraded"]:
        yield f"**Degraded: {trouble}**"
        yield ""
    recall = result["recall"][name]
    if "all" not in recall:
        yield "No question here has evidence."
        yield ""
        return
    gain = result["gain"][name]
    yield from table(
        ("system", *_MAIN, "R@10 over dense"),
        (
            (system, *(number(means.get(key)) for key in _MAIN), _gain_of(gain["all"], system))
            for system, means in recall["all"].items()
        ),
    )
    yield "`tok`: entries in list order while they fit, passing over what is too long for what is left."
    yield ""
    yield from _packed(result["packed"][name])
    ours = [system for system in _OURS if system in recall["all"]]
    for system in ours:
        yield from table(
            (f"category ({system})", "questions", *_MAIN, "R@10 over dense"),
            (
                (category, str(by_system[system]["questions"]), *(number(by_system[system].get(key)) for key in _MAIN),
                 _gain_of(gain[category], system))
                for category, by_system in recall.items()
                if category != "all"
            ),
        )  # fmt: skip
    ranges = {one["name"]: f"{one['low']} to {one['high']}" if one["low"] else "" for one in result["signals"]}
    yield from table(
        ("signals", "range", "R@10", "change"),
        (
            (label, ranges.get(label[2:], ""), number(row["R@10"]), interval(row["change"]))
            for label, row in result["ablation"][name].items()
        ),
    )
    yield "`+` adds one signal to dense alone; `-` removes one from all, and `dense alone` removes all others."
    yield ""
    yield from _mempalace(result["mempalace"][name])
    yield from _control(result["control"][name])
    yield from table(
        ("time, vectors known", "p50 ms", "p95 ms"),
        (
            (what, f"{took['p50_ms']:.2f}", f"{took['p95_ms']:.2f}")
            for what, took in result["latency"][name].items()
            if took
        ),
    )


def _gain_of(gains: dict[str, Any], system: str) -> str:
    return interval(gains[system]["R@10"]) if system in gains else ""


def _packed(packed: dict[str, Any]) -> Iterator[str]:
    yield from table(
        ("`recall(budget_tokens=)`", *(str(budget) for budget in BUDGETS)),
        (
            row
            for system, by_budget in packed.items()
            for row in (
                (system, *(number(by_budget[str(budget)]["mean"]) for budget in BUDGETS)),
                ("over dense, list order", *(interval(by_budget[str(budget)]["gain"]) for budget in BUDGETS)),
            )
        ),
    )
    yield "The library's own packing: the budget also pays for the fence, numbers, dates and ids of the text."
    yield ""


def _mempalace(found: dict[str, Any]) -> Iterator[str]:
    columns = ("entries@5", "entries@10", "sessions@5", "sessions@10")
    systems = [name for name in found if name not in ("questions", "sessions a conversation")]
    yield from table(
        ("MemPalace's metric", *columns), ((name, *(number(found[name][key]) for key in columns)) for name in systems)
    )
    yield (
        f"It differs from ours in three ways: all {found['questions']} questions count, also those that cannot be "
        "answered; evidence is taken as published, uncorrected; a question without evidence counts as found. By "
        "session it asks only whether the right session is among k of "
        f"{found['sessions a conversation']:.0f}; a session here ranks as its best entry does. Not comparable with R@k "
        "above."
    )
    yield ""


def _control(found: dict[str, Any]) -> Iterator[str]:
    yield from table(
        ("evidence moved by", *(found["R@10"])),
        ((name, *(number(means[name]) for means in found["R@10"].values())) for name in ("holdfast", "dense")),
    )
    verdict = "collapsed, as it must" if found["collapsed"] else "**DID NOT COLLAPSE: the figures above mean nothing**"
    yield f"Control: R@10 when entries some places later count as evidence. Chance {found['chance']:.1f}; {verdict}."
    yield ""


def _folds(result: dict[str, Any]) -> Iterator[str]:
    if not result:
        yield "No question here has evidence."
        yield ""
    for mode, found in result.items():
        yield from _of_folds(mode, found)


def _of_folds(mode: str, found: dict[str, Any]) -> Iterator[str]:
    rows = [(f"without fold {place + 1}", weights) for place, weights in enumerate(found["by fold"])]
    rows += [("mean", found["mean"]), ("deviation", found["deviation"]), ("shipped", found["shipped"])]
    yield from table((f"{mode} weights", *found["names"]), ((label, *(f"{w:.2f}" for w in row)) for label, row in rows))
    yield from table(
        ("R@10", "held out", "by fold", "shipped", "gain over dense that is kept"),
        (
            (
                name,
                number(row["R@10 held out"]),
                " / ".join(map(number, row["by fold"])),
                number(row["R@10 shipped"]),
                f"{100 * row['gain kept']:.0f}%",
            )
            for name, row in found["files"].items()
        ),
    )
    yield "Held out: each question by weights chosen on the conversations of the other four fifths, all files at once."
    yield ""


def _confidence(found: dict[str, Any]) -> Iterator[str]:
    rows = [
        (f"{name}: {test}", kind, f"{told['positives']}/{told['negatives']}", _area(told["ours"]),
         _area(told["other"]), interval(told["gain"], 3))
        for name, by in found.items()
        for test, kinds in by["tests"].items()
        for kind, told in kinds.items()
    ]  # fmt: skip
    yield from table(("AUROC", "coefficients", "with/without evidence", "confidence", "max cosine", "gain"), rows)
    yield (
        "Positives are answers whose ten best hold evidence. `names masked`: questions with proper names masked, asked "
        "of their own conversation and of another. `evidence removed`: the same questions with their evidence taken "
        f"out. `unanswerable`: questions of the categories {', '.join(sorted(UNANSWERABLE))}. The shipped coefficients "
        "were fitted to the development data; the others to the conversations left."
    )
    yield ""
    for name, by in found.items():
        for kind, reliable in by["reliability"].items():
            yield f"### Reliability: {name}, {kind}"
            yield ""
            yield from table(
                ("said", "answers", "mean said", "evidence found"),
                (
                    (f"{one['low']:.1f} to {one['high']:.1f}", str(one["count"]), f"{one['said']:.2f}",
                     f"{one['true']:.2f}")
                    for one in reliable["bins"]
                ),
            )  # fmt: skip
            yield f"Mean gap {reliable['mean gap']:.3f}. Each answerable question once with its evidence, once without."
            yield ""


def _area(found: dict[str, float]) -> str:
    if isnan(found["low"]):
        return f"{found['mean']:.3f}"
    return f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
