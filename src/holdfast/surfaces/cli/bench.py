"""`holdfast bench`: the benchmarks of the source tree, where there is one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.failure import FileExists, WrongUsage
from holdfast.surfaces.cli.options import end, json_option, settings_of

Stages = Callable[[str, int, int], None]


@click.command("bench", short_help="Measure recall on conversations with questions.")
@click.argument("what", type=click.Choice(["recall", "peers", "sample"]))
@click.argument("data", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Also write JSON, Markdown, SVG there.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder for vectors and environments.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap, and of the sample.")
@click.option("--thorough", is_flag=True, help="Measure thorough recall too.")
@click.option("--peer", "only", multiple=True, metavar="NAME", help="Compare with this peer only; may be repeated.")
@click.option("--embedder", metavar="MODEL", help="Model: auto, a folder, openai:MODEL[@URL], ollama:MODEL[@URL].")
@json_option
def bench_command(
    what: str,
    data: tuple[Path, ...],
    out: Path | None,
    cache: Path | None,
    seed: int,
    thorough: bool,
    only: tuple[str, ...],
    embedder: str | None,
    as_json: bool,
) -> None:
    """Measure how much of the evidence recall brings back, from a checkout of the source.

    `recall` measures Holdfast beside simpler searches on the files DATA, `peers` beside other stores, which it
    installs from the package index. `sample` writes an invented data set to the file DATA. Without DATA the usual
    files are taken. The format of the files, and what each figure means, is in docs/how-to/measure-recall.md.
    """
    for option, given, where in (("--peer", only, "peers"), ("--thorough", thorough, "recall")):
        if given and what != where:
            raise WrongUsage(f"{option} goes with `holdfast bench {where}` only. Nothing was measured.")
    if what == "sample":
        _write_sample(data, seed, as_json=as_json)
        return
    report = _benchmarks("peers" if what == "peers" else "report")
    paths = _files(data)
    folder = cache or _benchmarks("vectors").DEFAULT_CACHE
    model = _embedder(embedder)
    try:
        with _progress() as stages:
            if what == "peers":
                result = report.compare(paths, model, folder, only=_known(report, only), progress=stages)
            else:
                result = report.measure(paths, model, folder, seed=seed, thorough=thorough, progress=stages)
    except (_benchmarks("conversations").BadData, _benchmarks("report").NotReady) as error:
        raise WrongUsage(str(error)) from error
    text = _benchmarks("peer_tables" if what == "peers" else "tables").markdown(result)
    # JSON has no NaN: a bound that could not be drawn is null.
    written = json.dumps(_plain(result), indent=1, ensure_ascii=False)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{what}.json").write_text(written + "\n", "utf-8")
        (out / f"{what}.md").write_text(text, "utf-8")
        if what == "recall":
            (out / "recall.svg").write_text(_benchmarks("plot").picture(result), "utf-8")
    click.echo(written if as_json else text, nl=as_json)
    if what == "recall" and not all(found["collapsed"] for found in result["control"].values()):
        end(failure.PROBLEMS)
    if what == "peers" and any("failed" in row for row in result["peers"].values()):
        end(failure.PROBLEMS)


def _benchmarks(name: str) -> ModuleType:
    """A module of ``bench/``, which lies beside ``src/`` in the source and is in no wheel.

    Raises:
        WrongUsage: this is not a checkout of the source.
    """
    import holdfast

    root = Path(holdfast.__file__).resolve().parents[2]
    if not (root / "bench" / "report.py").is_file():
        raise WrongUsage(
            f"The benchmarks are in the source of Holdfast, not in the installed package; {root} has no bench/. Run "
            "this in a checkout of the source that `make setup` prepared: uv run holdfast bench. Nothing was measured."
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    return import_module(f"bench.{name}")


def _files(data: tuple[Path, ...]) -> list[Path]:
    files = _benchmarks("data")
    paths = list(data) or [found for name in files.CONVERSATIONS if (found := files.data_file(name))]
    if not paths:
        raise WrongUsage(
            "There is no data to measure. Name files of conversations with questions; `holdfast bench sample FILE` "
            f"writes an invented one; for the usual ones, {files.HOW}. Nothing was measured."
        )
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise WrongUsage(f"{missing[0]} is not a file. Nothing was measured.")
    return paths


def _embedder(named: str | None) -> Any:
    from holdfast.adapters.embed.resolve import find_embedder

    # Where nothing is configured the setting is "auto", for which `find_embedder` wants no name.
    setting = settings_of(None, named).embedder
    return find_embedder(None if setting == "auto" else setting)


def _known(report: ModuleType, only: tuple[str, ...]) -> tuple[str, ...]:
    names = [peer.name for peer in report.peers()]
    for name in only:
        if name not in names:
            raise WrongUsage(f"{name!r:.80} is not a peer; there are {', '.join(names)}. Nothing was measured.")
    return only


def _write_sample(data: tuple[Path, ...], seed: int, *, as_json: bool) -> None:
    if len(data) != 1:
        raise WrongUsage("Name one file to write the sample to: holdfast bench sample FILE. Nothing was written.")
    text = _benchmarks("sample").lines(seed=seed)
    path = data[0]
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise FileExists(f"{path} is there already. It was not changed; name a file that does not exist.") from error
    rows = [json.loads(line) for line in text.splitlines()]
    counts = {key: sum(len(row[key]) for row in rows) for key in ("entries", "questions")}
    if as_json:
        click.echo(json.dumps({"file": str(path), "conversations": len(rows), **counts}))
        return
    click.echo(f"{path}: {len(rows)} conversations, {counts['entries']} entries, {counts['questions']} questions")


@contextmanager
def _progress() -> Generator[Stages]:
    """A bar on a terminal's standard error, one after the other for each stage."""
    from holdfast.surfaces.cli.screen import progress

    with ExitStack() as stack:
        shown: list[str] = []
        bars: list[Callable[[int, int], None]] = []

        def tell(stage: str, done: int, total: int) -> None:
            if shown != [stage]:
                stack.close()
                shown[:] = [stage]
                bars[:] = [stack.enter_context(progress(stage))]
            bars[0](done, total)

        yield tell


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and value != value else value
