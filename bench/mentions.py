"""How often "it" is resolved, and how often rightly, on a small hand-written sample.

python -m bench.mentions
"""

from __future__ import annotations

import argparse

from bench.mentions_sample import PAIRS, PEOPLE
from holdfast.core.mentions import referent


def main() -> None:
    """Print the counts and what was resolved wrongly."""
    argparse.ArgumentParser("mentions", description=__doc__).parse_args()
    right = wrong = missed = 0
    for before, text, thing in PAIRS:
        found = referent(text, before, PEOPLE)
        right += found is not None and found == thing
        missed += found is None and thing is not None
        if found is not None and found != thing:
            wrong += 1
            print(f"wrong: {before!r} {text!r}: {found!r}, not {thing!r}")
    sure = sum(thing is not None for *_, thing in PAIRS)
    print(f"{len(PAIRS)} pairs, {sure} of them with one thing that it stands for")
    share = right / max(1, right + wrong)
    print(f"resolved: {right + wrong}; rightly: {right} ({share:.0%}); left alone though sure: {missed}")


if __name__ == "__main__":
    main()
