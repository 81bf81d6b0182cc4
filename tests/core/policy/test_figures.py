"""The figures the detectors promise, on generated credentials and, where it is at hand, on labelled text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import detectors as bench
from bench.credentials import false_samples, true_samples
from holdfast.core.policy.judge import judge
from holdfast.model.policy import Policy, Verdict
from holdfast.model.records import Origin


def labelled(name: str) -> Path:
    path = bench.data_folder(None) / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the data folder; name it with HOLDFAST_DATA")
    return path


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_generated_credentials_are_told_from_what_looks_like_them(seed: int):
    true, false = list(true_samples(seed)), list(false_samples(seed))
    assert min(len(true), len(false)) >= 300
    _, total = bench.count_credentials([*true, *false])
    assert total.precision >= bench.CREDENTIAL_PRECISION
    assert total.recall >= bench.CREDENTIAL_RECALL


def test_labelled_personal_data_is_found():
    counts = bench.count_pii(bench.read(labelled(bench.PII)))
    short = {
        label: count
        for label, count in counts.items()
        if count.precision < bench.PRECISION or count.recall < bench.RECALL
    }
    assert not short


def test_no_harmless_prompt_of_a_user_is_refused_or_changed():
    harmless = [one["text"] for one in bench.read(labelled(bench.INJECTION)) if one["label"] == "benign"]
    assert len(harmless) == 170
    for text in harmless:
        judgement = judge(text, origin=Origin.USER, policy=Policy())
        assert (judgement.verdict, judgement.text) == (Verdict.STORED, text)


def test_the_bench_ends_with_success_and_says_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert bench.main(["--data", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "pii-dev.jsonl is left out" in said
    assert "bounds missed: none" in said
