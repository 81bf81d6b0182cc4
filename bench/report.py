"""One run of every measure of recall: ``holdfast bench recall DATA...``.

Gives a result of plain values for JSON; `bench.tables` turns it into Markdown and `bench.plot` into a picture. The
same data, model, version and seed give the same result, times aside.
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench import evidence, links, weigh
from bench.closer import Looks
from bench.conversations import Conversation, read_conversations
from bench.measures import (
    BUDGETS,
    MEASURES,
    Floats,
    bootstrap,
    collapsed,
    judge,
    mempalace_recall,
    sessions_of,
    share,
    shifted,
)
from bench.public import Answer, answers, has_thorough
from bench.recall import SYSTEMS, UNANSWERABLE, Asked, System, ask_all, words_alone
from bench.systems import ablations, engine_signals
from bench.vectors import CachedEmbedder
from holdfast.core.budget import estimate_tokens
from holdfast.ports.embedder import Embedder

Progress = Callable[[str, int, int], None]
"""Called with the stage, what is done of it and what there is to do."""

SHIFTS = (3, 30, 100)
"""Places by which the control moves the evidence; the last one must make the score collapse."""
MEMPALACE_CUTS = (5, 10)
OURS, BASELINE = "holdfast", "dense"


class NotReady(RuntimeError):
    """This version of Holdfast cannot do what was asked to be measured. Nothing was measured."""


@dataclass(slots=True)
class Judged:
    """One question with what each system got for it."""

    asked: Asked
    cluster: str
    rows: dict[str, Floats]
    """By system, one share for each of `MEASURES`."""
    best: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By system, ids of the ranked entries."""

    @property
    def category(self) -> str:
        return self.asked.question.category


def measure(
    paths: Sequence[Path],
    embedder: Embedder,
    cache: Path,
    *,
    seed: int = 0,
    thorough: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Run every measure over files of conversations.

    Args:
        embedder: gives the vectors of all systems; what it gave is kept in the folder ``cache``.
        seed: of the draws of the bootstrap.
        thorough: measure `Memory.recall` with ``thorough=True``, as a system of its own.

    Raises:
        BadData: a file cannot be read.
        NotReady: ``thorough`` is not in this version.
    """
    if thorough and not has_thorough():
        raise NotReady(f"recall has no thorough=True in Holdfast {version('holdfast')}. Nothing was measured.")
    start = time.perf_counter()
    files = {_name(path, paths): read_conversations(path) for path in paths}
    vectors = CachedEmbedder(embedder, cache, lambda count: progress("embedding", count, 0))
    result: dict[str, Any] = {
        "version": version("holdfast"), "model": embedder.fingerprint, "seed": seed, "thorough": thorough,
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "signals": [asdict(signal) for signal in engine_signals()],
        "data": {name: _described(conversations) for name, conversations in files.items()},
        "recall": {}, "gain": {}, "packed": {}, "ablation": {}, "mempalace": {}, "control": {}, "latency": {},
    }  # fmt: skip
    asked_by_file: dict[str, list[Asked]] = {}
    for name, conversations in files.items():
        asked = list(ask_all(conversations, vectors, every=True))
        asked_by_file[name] = [one for one in asked if _answerable(one)]
        judged, took_ms = _judge_all(asked, len(conversations) == 1, SYSTEMS, lambda d, t, n=name: progress(n, d, t))
        real = [one for one in judged if _answerable(one.asked)]
        public = _through_api(conversations, vectors, thorough, lambda d, t, n=name: progress(f"{n}, public", d, t))
        result["recall"][name] = _by_category(real, public)
        result["gain"][name] = _gains(real, public, seed)
        result["packed"][name] = _packed(real, public, seed)
        result["mempalace"][name] = _mempalace(judged)
        result["control"][name] = _control(real)
        result["latency"][name] = {"rank": _latency(took_ms)} | {
            system: _latency([answer.took_ms for answer in found.values()]) for system, found in public.items()
        }
        result["data"][name]["degraded"] = _troubles(public)
        result["ablation"][name] = _ablation(real, seed, lambda d, t, n=name: progress(f"{n}, signals", d, t))
    looks = Looks(vectors) if thorough and vectors.token_dimensions else None
    result["folds"] = _folds(asked_by_file, result["recall"], looks, progress)
    trials: dict[str, list[evidence.Trial]] = {}
    for name, conversations in files.items():
        total = sum(len(conversation.questions) for conversation in conversations)
        count = _Counter(lambda d, t, n=name: progress(f"{n}, confidence", d, t), total)
        trials[name] = list(evidence.trials(conversations, vectors, count))
    result["confidence"] = evidence.judged(trials, seed=seed)
    vectors.save()
    result["took_s"] = round(time.perf_counter() - start, 1)
    return result


@dataclass(slots=True)
class _Counter:
    tell: Callable[[int, int], None]
    total: int
    done: int = 0

    def __call__(self) -> None:
        self.done += 1
        self.tell(self.done, self.total)


def _name(path: Path, paths: Sequence[Path]) -> str:
    """A file's name, with its folder where two share it."""
    alone = [other.name for other in paths].count(path.name) == 1
    return path.name if alone else path.as_posix()


def _answerable(asked: Asked) -> bool:
    return bool(asked.question.evidence) and asked.question.category not in UNANSWERABLE


def _described(conversations: Sequence[Conversation]) -> dict[str, Any]:
    questions = [question for conversation in conversations for question in conversation.questions]
    real = [one for one in questions if one.evidence and one.category not in UNANSWERABLE]
    return {
        "conversations": len(conversations),
        "entries": sum(len(conversation.turns) for conversation in conversations),
        "questions": len(questions),
        "answerable": len(real),
        "resampled": "questions" if len(conversations) == 1 else "conversations",
    }


def _judge_all(
    asked: Sequence[Asked], alone: bool, systems: dict[str, System], tell: Callable[[int, int], None]
) -> tuple[list[Judged], list[float]]:
    judged: list[Judged] = []
    took_ms: list[float] = []
    lengths: dict[int, list[int]] = {}
    for done, one in enumerate(asked, 1):
        turns = one.conversation.turns
        if id(one.conversation) not in lengths:
            lengths[id(one.conversation)] = [estimate_tokens(turn.text) for turn in turns]
        tokens = lengths[id(one.conversation)]
        row = Judged(one, one.question.id if alone else one.conversation.name, {})
        for name, system in (systems | {"words alone": words_alone}).items():
            start = time.perf_counter()
            ns = system(one)
            if name == OURS:
                took_ms.append((time.perf_counter() - start) * 1000)
            places = (ns - 1).tolist()
            row.best[name] = [turns[place].id for place in places]
            if _answerable(one):
                gold = np.array([turns[place].id in one.question.evidence for place in places], bool)
                row.rows[name] = judge(gold, [tokens[place] for place in places], len(one.question.evidence))
        judged.append(row)
        tell(done, len(asked))
    return judged, took_ms


def _through_api(
    conversations: Sequence[Conversation], vectors: CachedEmbedder, thorough: bool, tell: Callable[[int, int], None]
) -> dict[str, dict[tuple[str, str], Answer]]:
    """Answers by system, conversation and question."""
    modes = {"holdfast, public": False} | ({"holdfast, thorough": True} if thorough else {})
    asked = {
        conversation.name: [q for q in conversation.questions if q.evidence and q.category not in UNANSWERABLE]
        for conversation in conversations
    }
    count = _Counter(tell, len(modes) * sum(map(len, asked.values())))
    found: dict[str, dict[tuple[str, str], Answer]] = {}
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        for mode, deep in modes.items():
            of_mode = found.setdefault(mode, {})
            for place, conversation in enumerate(conversations):
                path = Path(folder) / f"{place}-{int(deep)}.db"
                questions = asked[conversation.name]
                given = answers(conversation, questions, path, vectors, thorough=deep, tell=count)
                of_mode |= {(conversation.name, q.id): a for q, a in zip(questions, given, strict=True)}
    return found


def _public_shares(one: Judged, answer: Answer) -> dict[str, float]:
    wanted = one.asked.question.evidence
    gold = np.array([name in wanted for name in answer.ids], bool)
    found = {f"R@{cut}": share(gold[:cut], len(wanted)) for cut in (5, 10, 20, 50)}
    return found | {"all@10": float(found["R@10"] == 1)}


def _key(one: Judged) -> tuple[str, str]:
    return one.asked.conversation.name, one.asked.question.id


def _by_category(
    real: Sequence[Judged], public: dict[str, dict[tuple[str, str], Answer]]
) -> dict[str, dict[str, dict[str, float]]]:
    results: dict[str, dict[str, dict[str, float]]] = {}
    for category in ["all", *sorted({one.category for one in real})]:
        chosen = [one for one in real if category in ("all", one.category)]
        if not chosen:
            continue
        of_category: dict[str, dict[str, float]] = {}
        for name in chosen[0].rows:
            means = np.mean([one.rows[name] for one in chosen], axis=0)
            of_category[name] = {"questions": len(chosen), **_percents(zip(MEASURES, means, strict=True))}
        for name, given in public.items():
            rows = [_public_shares(one, given[_key(one)]) for one in chosen]
            means = ((key, np.mean([row[key] for row in rows])) for key in rows[0])
            of_category[name] = {"questions": len(chosen), **_percents(means)}
        results[category] = of_category
    return results


def _percents(pairs: Iterable[tuple[str, Any]]) -> dict[str, float]:
    return {key: 100 * float(value) for key, value in pairs}


def _percent_interval(values: Floats, clusters: Sequence[str], seed: int) -> dict[str, float]:
    return {key: 100 * value for key, value in asdict(bootstrap(values, clusters, seed=seed)).items()}


def _gains(real: Sequence[Judged], public: dict[str, dict[tuple[str, str], Answer]], seed: int) -> dict[str, Any]:
    """What each system finds more than the baseline, paired by question, by category and measure."""
    gains: dict[str, Any] = {}
    for category in ["all", *sorted({one.category for one in real})]:
        chosen = [one for one in real if category in ("all", one.category)]
        clusters = [one.cluster for one in chosen]
        for name in chosen[0].rows if chosen else {}:
            if name != BASELINE:
                differences = np.array([one.rows[name] - one.rows[BASELINE] for one in chosen])
                gains.setdefault(category, {})[name] = {
                    measure: _percent_interval(differences[:, place], clusters, seed)
                    for place, measure in enumerate(MEASURES)
                    if category == "all" or measure == "R@10"
                }
        for name, given in public.items():
            place = MEASURES.index("R@10")
            differences = np.array(
                [_public_shares(one, given[_key(one)])["R@10"] - one.rows[BASELINE][place] for one in chosen]
            )
            gains.setdefault(category, {})[name] = {"R@10": _percent_interval(differences, clusters, seed)}
    return gains


def _packed(real: Sequence[Judged], public: dict[str, dict[tuple[str, str], Answer]], seed: int) -> dict[str, Any]:
    """Evidence in what `recall(budget_tokens=)` returns, and its gain over the baseline's list and the same budget."""
    results: dict[str, Any] = {}
    clusters = [one.cluster for one in real]
    for name, given in public.items():
        for budget in BUDGETS:
            place = MEASURES.index(f"{budget} tok")
            shares = np.array(
                [
                    share(
                        np.array([i in one.asked.question.evidence for i in given[_key(one)].by_budget[budget]], bool),
                        len(one.asked.question.evidence),
                    )
                    for one in real
                ]
            )
            listed = np.array([one.rows[BASELINE][place] for one in real])
            categories = np.array([one.category for one in real])
            by_category = {
                category: 100 * float(shares[categories == category].mean())
                for category in sorted(set(categories.tolist()))
            }
            results.setdefault(name, {})[str(budget)] = {
                "mean": 100 * float(shares.mean()),
                "gain": _percent_interval(shares - listed, clusters, seed),
                "by category": by_category,
            }
    return results


def _mempalace(judged: Sequence[Judged]) -> dict[str, Any]:
    """MemPalace's metric: all questions, evidence as published, 1 where there is none; by entry and by session."""
    results: dict[str, Any] = {"questions": len(judged)}
    for name in (OURS, BASELINE, "bm25", "rank fusion"):
        values: dict[str, list[float]] = {}
        for one in judged:
            session_by_id = {turn.id: turn.session for turn in one.asked.conversation.turns}
            published = one.asked.question.published
            best = one.best[name]
            sessions = list(dict.fromkeys(session_by_id[i] for i in best))
            for cut in MEMPALACE_CUTS:
                values.setdefault(f"entries@{cut}", []).append(mempalace_recall(best[:cut], published))
                within = mempalace_recall(sessions[:cut], sessions_of(published, session_by_id))
                values.setdefault(f"sessions@{cut}", []).append(within)
        results[name] = _percents((key, np.mean(row)) for key, row in values.items())
    counts = [len({turn.session for turn in one.asked.conversation.turns}) for one in judged]
    results["sessions a conversation"] = float(np.mean(counts)) if counts else 0.0
    return results


def _control(real: Sequence[Judged]) -> dict[str, Any]:
    """Recall@10 when the entries that stand some places after the evidence count as evidence instead of it."""
    by_shift: dict[str, dict[str, float]] = {}
    for by in (0, *SHIFTS):
        for name in (OURS, BASELINE):
            found: list[float] = []
            for one in real:
                ids = [turn.id for turn in one.asked.conversation.turns]
                moved = shifted(ids, one.asked.question.evidence, by if by < len(ids) else len(ids) // 2)
                gold = np.array([i in moved for i in one.best[name][:10]], bool)
                found.append(share(gold, len(moved)))
            by_shift.setdefault(str(by), {})[name] = 100 * float(np.mean(found)) if found else 0.0
    chance = 100 * float(np.mean([min(1.0, 10 / len(one.asked.conversation.turns)) for one in real])) if real else 0.0
    last = by_shift[str(SHIFTS[-1])][OURS]
    return {"R@10": by_shift, "chance": chance, "collapsed": collapsed(by_shift["0"][OURS], last, chance)}


def _ablation(real: Sequence[Judged], seed: int, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """R@10 with one signal added to the base, or removed from the whole, and what that changes."""
    clusters = [one.cluster for one in real]
    systems = ablations() | links.SYSTEMS
    shares: dict[str, Floats] = {}
    for done, (name, system) in enumerate(systems.items(), 1):
        shares[name] = np.array([_share_at_10(one, system) for one in real])
        tell(done, len(systems))
    whole = np.array([one.rows[OURS][MEASURES.index("R@10")] for one in real])
    base = next(iter(shares))
    added = {name for name in shares if name.startswith("+") and name not in links.SYSTEMS}
    return {
        name: {
            "R@10": 100 * float(values.mean()),
            "change": _percent_interval(values - (shares[base] if name in added else whole), clusters, seed),
        }
        for name, values in shares.items()
    }


def _share_at_10(one: Judged, system: System) -> float:
    turns = one.asked.conversation.turns
    gold = np.array([turns[n - 1].id in one.asked.question.evidence for n in system(one.asked)[:10].tolist()], bool)
    return share(gold, len(one.asked.question.evidence))


def _folds(
    asked_by_file: dict[str, list[Asked]], recall: dict[str, Any], looks: Looks | None, progress: Progress
) -> dict[str, Any]:
    """Weights chosen without each fifth of the conversations, and recall of that fifth by them.

    Args:
        looks: gives closer looks, whose weights are chosen likewise; None leaves them out.
    """
    if not any(asked_by_file.values()):
        return {}
    plain = weigh.cross_validate(asked_by_file, tell=lambda done, total: progress("weights by fold", done, total))
    results = {"plain": _of_folds(plain, recall)}
    if looks is not None:
        closer = weigh.cross_validate(
            asked_by_file, looks, lambda done, total: progress("weights by fold, thorough", done, total), plain
        )
        results["thorough"] = _of_folds(closer, recall)
    return results


def _of_folds(found: weigh.CrossValidated, recall: dict[str, Any]) -> dict[str, Any]:
    place = weigh.CUTS.index(10)
    rows = found.rows()
    by_file: dict[str, Any] = {}
    for name in found.held:
        dense = recall[name]["all"][BASELINE]["R@10"]
        held, shipped = (100 * float(rows[name][:, place].mean()) for rows in (found.held, found.by_shipped))
        kept = (held - dense) / (shipped - dense) if shipped > dense else float("nan")
        folds = np.array(found.folds[name])
        by_fold = [100 * float(found.held[name][folds == fold, place].mean()) for fold in np.unique(folds)]
        by_file[name] = {"R@10 held out": held, "R@10 shipped": shipped, "gain kept": kept, "by fold": by_fold}
    return {
        "names": list(found.names), "by fold": rows.tolist(),
        "shipped": [getattr(found.shipped, name) for name in found.names],
        "mean": rows.mean(axis=0).tolist(), "deviation": rows.std(axis=0).tolist(), "files": by_file,
    }  # fmt: skip


def _troubles(public: dict[str, dict[tuple[str, str], Answer]]) -> list[str]:
    return sorted({answer.degraded for found in public.values() for answer in found.values() if answer.degraded})


def _latency(took_ms: Sequence[float]) -> dict[str, float]:
    if not took_ms:
        return {}
    return {"p50_ms": float(np.percentile(took_ms, 50)), "p95_ms": float(np.percentile(took_ms, 95))}
