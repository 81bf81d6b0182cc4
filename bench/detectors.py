"""What the detectors of the admission policy find: ``python -m bench.detectors [--data DIR]``.

Prints, with counts:

- precision and recall for each label of ``pii-dev.jsonl`` that a detector covers. A labelled span is found if
  findings of its kind cover nine tenths of its letters and digits (for street addresses, whose labels cut
  one address into pieces or take in the town, if they touch it); a finding is right if it touches a label
  of its kind.
- the same on generated credentials (`bench.credentials`), where a sample is found if the whole secret is
  covered, and a finding in a text without one is wrong.
- how many harmless prompts of ``injection-dev.jsonl`` a user would have refused (none may), how many would be
  quarantined coming from a document, and how many attack strings are, by family.
- the time a judgement takes on short texts.

The data lies in ``shared/data`` beside the repository, or where --data or ``HOLDFAST_DATA`` says; what is
not there is left out, and said so. The process ends with 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.credentials import Sample, false_samples, true_samples
from bench.data import HOW, data_folder
from holdfast.core.policy.judge import judge
from holdfast.core.policy.scan import scan
from holdfast.model.policy import Policy, Sensitive, Verdict
from holdfast.model.records import Origin

PII, INJECTION = "pii-dev.jsonl", "injection-dev.jsonl"
PRECISION, RECALL = 0.95, 0.80
CREDENTIAL_PRECISION, CREDENTIAL_RECALL = 0.97, 0.95

COVERED: dict[str, tuple[str, ...]] = {
    "CREDIT_CARD": ("card number",),
    "IBAN_CODE": ("IBAN",),
    "US_SSN": ("US social security number",),
    "US_DRIVER_LICENSE": ("driving licence number",),
    "EMAIL_ADDRESS": ("e-mail address",),
    "PHONE_NUMBER": ("phone number",),
    "IP_ADDRESS": ("IP address",),
    "STREET_ADDRESS": ("street address",),
}
CLASS_OF = {
    "CREDIT_CARD": Sensitive.PAYMENT,
    "IBAN_CODE": Sensitive.PAYMENT,
    "US_SSN": Sensitive.IDENTITY,
    "US_DRIVER_LICENSE": Sensitive.IDENTITY,
    "EMAIL_ADDRESS": Sensitive.CONTACT,
    "PHONE_NUMBER": Sensitive.CONTACT,
    "IP_ADDRESS": Sensitive.CONTACT,
    "STREET_ADDRESS": Sensitive.CONTACT,
}
NOT_COVERED = {
    "PERSON": "names are who a memory is about; they are forgotten by subject, not kept out",
    "ORGANIZATION": "not a person's",
    "GPE": "places are ordinary content",
    "NRP": "nationality, religion and politics are told by meaning, not by form",
    "TITLE": "says nothing alone",
    "AGE": "says nothing alone",
    "DATE_TIME": "ordinary content",
    "ZIP_CODE": "five digits cannot be told from any others; found only as part of an address",
    "DOMAIN_NAME": "public",
}
TOUCH = frozenset({"STREET_ADDRESS"})
NINE_TENTHS = 0.9


@dataclass(slots=True)
class Count:
    """What was found of what there is, and how much of what was found is right."""

    there: int = 0
    met: int = 0
    found: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        """Share of what is there that was found; 1 where nothing is."""
        return self.met / self.there if self.there else 1.0

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 1 where nothing was."""
        return self.right / self.found if self.found else 1.0

    def plus(self, other: Count) -> Count:
        """The two together."""
        return Count(self.there + other.there, self.met + other.met, self.found + other.found, self.right + other.right)


Span = tuple[int, int]


def covered(text: str, span: Span, findings: Iterable[Span]) -> float:
    """Share of the letters and digits of a span that lie in findings."""
    places = [place for place in range(*span) if text[place].isalnum()]
    inside = set[int]()
    for start, end in findings:
        inside.update(range(max(start, span[0]), min(end, span[1])))
    return sum(place in inside for place in places) / max(1, len(places))


def touches(span: Span, others: Iterable[Span]) -> bool:
    """Whether a span shares a character with one of the others."""
    return any(span[0] < end and start < span[1] for start, end in others)


def count_pii(texts: Sequence[dict[str, Any]], show: Callable[[str], None] | None = None) -> dict[str, Count]:
    """Count for each covered label."""
    counts = {label: Count() for label in COVERED}
    for one in texts:
        text = one["text"]
        findings = scan(text)
        for label, names in COVERED.items():
            gold = [(s["start_position"], s["end_position"]) for s in one["spans"] if s["entity_type"] == label]
            own = [(finding.start, finding.end) for finding in findings if finding.label in names]
            count, least = counts[label], 1e-9 if label in TOUCH else NINE_TENTHS
            for span in gold:
                hit = covered(text, span, own) >= least
                count.there, count.met = count.there + 1, count.met + hit
                if show and not hit:
                    show(f"missed {label}: {text[max(0, span[0] - 40) : span[1] + 20]!r}")
            for span in own:
                hit = touches(span, gold)
                count.found, count.right = count.found + 1, count.right + hit
                if show and not hit:
                    show(f"wrong {label}: {text[span[0] : span[1]]!r} in {text[max(0, span[0] - 40) : span[1] + 20]!r}")
    return counts


def count_credentials(
    samples: Iterable[Sample], show: Callable[[str], None] | None = None
) -> tuple[dict[str, Count], Count]:
    """Count for each family, and all together."""
    families: dict[str, Count] = {}
    for sample in samples:
        found = [(one.start, one.end) for one in scan(sample.text, (Sensitive.CREDENTIAL,))]
        count = families.setdefault(sample.family, Count())
        if sample.secret is not None:
            start = sample.text.index(sample.secret)
            span = (start, start + len(sample.secret))
            hit = covered(sample.text, span, found) == 1.0
            count.there, count.met = count.there + 1, count.met + hit
            count.right += any(touches(one, [span]) for one in found)
        else:
            hit = not found
        count.found += bool(found)
        if show and not hit:
            show(f"{'missed' if sample.secret else 'wrong'} {sample.family}: {sample.text!r:.200}")
    total = Count()
    for count in families.values():
        total = total.plus(count)
    return families, total


def read(path: Path) -> list[dict[str, Any]]:
    """One object a line."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def report_pii(path: Path, show: Callable[[str], None] | None) -> list[str]:
    """Print the figures of the labelled texts; gives the bounds that were missed."""
    texts = read(path)
    counts = count_pii(texts, show)
    missed: list[str] = []
    print(f"\n{path.name}: {len(texts)} texts; bounds: precision {PRECISION}, recall {RECALL}")
    print(f"{'label':<20}{'there':>7}{'met':>6}{'recall':>8}{'found':>7}{'right':>7}{'precision':>11}")
    rows: list[tuple[str, Count]] = list(counts.items())
    for sensitive in dict.fromkeys(CLASS_OF.values()):
        total = Count()
        for label, count in counts.items():
            total = total.plus(count) if CLASS_OF[label] is sensitive else total
        rows.append((f"class {sensitive}", total))
    for name, count in rows:
        ok = count.precision >= PRECISION and count.recall >= RECALL
        print(
            f"{name:<20}{count.there:>7}{count.met:>6}{count.recall:>8.3f}{count.found:>7}{count.right:>7}"
            f"{count.precision:>11.3f}{'' if ok else '  MISSED'}"
        )
        missed += [] if ok else [name]
    labels = Counter(span["entity_type"] for one in texts for span in one["spans"])
    print("not covered: " + "; ".join(f"{label} ({labels[label]}): {why}" for label, why in NOT_COVERED.items()))
    return missed


def report_credentials(show: Callable[[str], None] | None) -> list[str]:
    """Print the figures of the generated credentials; gives the bounds that were missed."""
    families, total = count_credentials([*true_samples(), *false_samples()], show)
    wrong = total.found - total.right
    false = sum(1 for _ in false_samples())
    print(f"\ngenerated credentials: {total.there} true, {false} false")
    for family, count in families.items():
        if count.there:
            print(f"  {family:<26}{count.met:>5} of {count.there:>4} found")
        else:
            print(f"  {family:<26}{count.found:>5} found where there are none")
    ok = total.precision >= CREDENTIAL_PRECISION and total.recall >= CREDENTIAL_RECALL
    print(
        f"precision {total.precision:.3f} ({total.right} of {total.found}, "
        f"{wrong} wrong; bound {CREDENTIAL_PRECISION}), "
        f"recall {total.recall:.3f} ({total.met} of {total.there}; bound {CREDENTIAL_RECALL}){'' if ok else '  MISSED'}"
    )
    return [] if ok else ["generated credentials"]


def report_injection(path: Path, show: Callable[[str], None] | None) -> list[str]:
    """Print what becomes of harmless prompts and of attack strings; gives the bounds that were missed."""
    texts, policy = read(path), Policy()
    harmless = [one["text"] for one in texts if one["label"] == "benign"]
    refused = sum(judge(text, origin=Origin.USER, policy=policy).verdict is Verdict.REFUSED for text in harmless)
    changed = sum(judge(text, origin=Origin.USER, policy=policy).text != text for text in harmless)
    apart = [text for text in harmless if quarantined(text, policy)]
    print(
        f"\n{path.name}: of {len(harmless)} harmless prompts {refused} refused and {changed} changed as a"
        f" user's (bound 0)"
    )
    print(f"{len(apart)} of them quarantined if they came from a document")
    families: dict[str, list[bool]] = {}
    for one in texts:
        if one["label"] != "benign":
            families.setdefault(one.get("family", "?"), []).append(hit := quarantined(one["text"], policy))
            if show and not hit:
                show(f"missed attack: {one['text']!r:.200}")
    if show:
        for text in apart:
            show(f"wrong attack: {text!r:.200}")
    hits = [hit for each in families.values() for hit in each]
    print(f"{sum(hits)} of {len(hits)} attack strings quarantined coming from a document:")
    print("  " + ", ".join(f"{family} {sum(each)}/{len(each)}" for family, each in sorted(families.items())))
    return ["harmless prompts"] if refused or changed else []


def quarantined(text: str, policy: Policy) -> bool:
    """Whether the text is kept apart when it comes from a document."""
    return judge(text, origin=Origin.DOCUMENT, policy=policy).verdict is Verdict.QUARANTINED


def report_time(texts: Sequence[str]) -> None:
    """Print how long a judgement takes, over texts that have few findings."""
    policy = Policy()
    for origin in (Origin.USER, Origin.DOCUMENT):
        start = time.perf_counter()
        for text in texts:
            judge(text, origin=origin, policy=policy)
        took = (time.perf_counter() - start) / max(1, len(texts))
        length = sum(map(len, texts)) / max(1, len(texts))
        print(
            f"a judgement as {origin.name.lower()}: {took * 1e6:.0f} us (mean of {len(texts)} texts of"
            f" {length:.0f} characters)"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every figure; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the labelled data")
    parser.add_argument("--show", action="store_true", help="print what was missed or wrongly found")
    options = parser.parse_args(arguments)
    show = print if options.show else None
    folder = data_folder(options.data)
    missed = report_credentials(show)
    texts = [sample.text for sample in false_samples()]
    for name, report in ((PII, report_pii), (INJECTION, report_injection)):
        path = folder / name
        if not path.is_file():
            print(f"\n{name} is left out, since it is not there: {HOW}.")
            continue
        missed += report(path, show)
        texts = [one["text"] for one in read(path)] if name == PII else texts
    print()
    report_time(texts)
    print("\nbounds missed: " + (", ".join(missed) or "none"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
