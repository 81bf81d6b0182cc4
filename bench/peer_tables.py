"""A result of `bench.peers` as a Markdown table."""

from __future__ import annotations

from typing import Any

from bench.peer_runner import BATCH, SINGLE, TOP
from bench.peers import CUTS, OURS, ROUNDS

_ROWS = (
    *((f"R@{cut}", f"evidence recall@{cut}, %", "more") for cut in CUTS),
    ("search_p50_ms", "search p50, ms", "less"),
    ("search_p95_ms", "search p95, ms", "less"),
    ("search_cpu_ms", "CPU time of a search, ms", "less"),
    ("whole_p50_ms", "with the query's embedding p50, ms", "less"),
    ("whole_p95_ms", "with the query's embedding p95, ms", "less"),
    ("single_per_s", f"writes a second, one by one (first {SINGLE})", "more"),
    ("batch_per_s", f"writes a second, up to {BATCH} at once", "more"),
    ("disk_mb", "disk after close, MB", "less"),
    ("rss_mb", "RSS after all searches, the given vectors among it, MB", "less"),
    ("cold_ms", "fresh process to first answer, ms", "less"),
    ("cold_rss_mb", "RSS after it, MB", "less"),
    ("installed_mb", "installed, MB", "less"),
    ("packages", "packages", "less"),
)


def markdown(result: dict[str, Any]) -> str:
    """Return the table. ``×2.0`` says that Holdfast is twice as good there, ``×0.5`` half as good."""
    ran = {name: row for name, row in result["peers"].items() if "failed" not in row}
    ours = ran.get(OURS)
    lines = [
        "# Peers on the same data and vectors",
        "",
        f"Holdfast {result['version']}, vectors of {result['model']}, {result['machine']}; "
        f"{', '.join(result['data'])}: {result['conversations']} conversations, {result['entries']:,} entries, "
        f"{result['questions']:,} questions, the best {TOP} asked for; {result['took_s']:.0f} s. "
        "×2.0 after a figure: Holdfast is twice as good; ×0.5: "
        "half as good. Milliseconds are of this machine (load average at the end "
        f"{result['load'] or 0:.1f}), medians of {ROUNDS} rounds, the stores turn about.",
        "",
        f"| | {' | '.join(ran)} |",
        f"|---|{'---:|' * len(ran)}",
    ]
    for key, label, better in _ROWS:
        cells = [
            _cell(row.get(key), None if name == OURS or ours is None else ours.get(key), better)
            for name, row in ran.items()
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += ["", *(f"- {name}{_of_version(row)}: {row['note']}." for name, row in result["peers"].items())]
    lines += [f"- **{name} failed**: {row['failed']}" for name, row in result["peers"].items() if "failed" in row]
    reached = {name: row["network_attempts"] for name, row in ran.items() if row["network_attempts"]}
    lines += [
        f"- Query vectors are known while a search is timed; the rows with embedding add what this model took for the "
        f"same question (p50 {result['embed_query_ms']['p50']:.2f} ms).",
        f"- Switched off: {', '.join(result['opted_out'])}. "
        + ("The processes had no network. " if result["isolated"] else "Connections were refused in the process. ")
        + (
            "Tried to reach: " + "; ".join(f"{name}: {', '.join(to)}" for name, to in reached.items())
            if reached
            else "None tried to reach any."
        ),
    ]
    return "\n".join(lines) + "\n"


def _cell(value: float | None, ours: float | None, better: str) -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    if ours is None or not value or not ours:
        return text
    return f"{text} ×{(value / ours if better == 'less' else ours / value):.1f}"


def _of_version(row: dict[str, Any]) -> str:
    return f" ({row['version']})" if "version" in row else ""
