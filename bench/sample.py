"""A small invented data set in the format of the benchmark, so that its commands run for anyone.

Friends tell each other where they went, what they bought and whom they met, between talk about nothing; some answers
stand only in the reply to a question, some take two entries, some questions ask for what was never said. It shows
that the commands work. It is far easier than what people say, and its figures prove nothing about recall.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

_PEOPLE = ("Ada", "Ben", "Carla", "Dimitri", "Elif", "Farid", "Greta", "Hugo")
_MADE_OF = {
    "went": (
        ("the old", "my sister's", "the northern", "a tiny"),
        ("mill", "farm", "harbour", "market", "observatory"),
    ),
    "bought": (("a red", "a second-hand", "my own", "a folding"), ("bicycle", "cello", "lamp", "canoe", "typewriter")),
    "cooked": (("a spicy", "a burnt", "grandma's", "a cold"), ("lentil soup", "walnut cake", "trout", "rice", "pie")),
}
_SMALL_TALK = (
    "That sounds lovely, tell me more.", "Work has been busy this week.", "I hardly slept, the neighbours had a party.",
    "How have you been?", "It has been raining for days here.", "I should call you more often.", "Ha, I knew it!",
    "Let us talk again soon.", "My phone keeps dropping calls.", "I am glad to hear that.",
)  # fmt: skip


def conversations(count: int = 4, sessions: int = 30, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield conversations in the format of the benchmark; the same seed gives the same ones.

    Args:
        count: of conversations, 1 or more.
        sessions: of each, 1 to 60; there is not more to tell.
    """
    chance = random.Random(seed)
    for number in range(count):
        yield _conversation(f"sample-{number + 1}", chance, sessions)


def lines(count: int = 4, sessions: int = 30, seed: int = 0) -> str:
    """Return them as JSON Lines."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in conversations(count, sessions, seed))


def _conversation(name: str, chance: random.Random, sessions: int) -> dict[str, Any]:
    pair = chance.sample(_PEOPLE, 2)
    kinds = {
        kind: [f"{which} {thing}" for which in whiches for thing in things]
        for kind, (whiches, things) in _MADE_OF.items()
    }
    for things in kinds.values():
        chance.shuffle(things)
    entries: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    bought: dict[str, list[str]] = {who: [] for who in pair}
    when = datetime(2024, 1, 5, 18)
    for session in range(1, sessions + 1):
        when += timedelta(days=chance.randint(5, 20))

        def say(author: str, text: str, place: int = session, at: datetime = when) -> str:
            known = f"{place}:{sum(entry['session'] == place for entry in entries) + 1}"
            entries.append(
                {"id": known, "session": place, "when": f"{at:%Y-%m-%d %H:%M}", "author": author, "text": text}
            )
            return known

        who, other = chance.sample(pair, 2)
        for _ in range(chance.randint(2, 6)):
            say(chance.choice(pair), chance.choice(_SMALL_TALK))
        kind = list(kinds)[session % len(kinds)]
        thing = kinds[kind].pop()
        asked = {"went": "Where have you been?", "bought": "Did you buy anything?", "cooked": "What was for dinner?"}[
            kind
        ]
        said = {
            "went": f"I went to {thing} with my cousin.",
            "bought": f"I bought {thing}.",
            "cooked": f"I made {thing}.",
        }
        say(other, asked)
        known = say(who, said[kind])
        say(other, chance.choice(_SMALL_TALK))
        month = f"{when:%B %Y}"
        wording = {
            "went": (f"Where did {who} go in {month}?", f"When did {who} go to {thing}?"),
            "bought": (f"What did {who} buy in {month}?", f"When did {who} get {thing}?"),
            "cooked": (f"What did {who} cook in {month}?", f"When did {who} make {thing}?"),
        }[kind]
        questions += [
            {"question": text, "category": category, "answer": answer, "evidence": [known]}
            for text, category, answer in zip(wording, ("single", "when"), (thing, month), strict=True)
        ]
        if kind == "bought":
            bought[who].append(known)
    questions += [
        {"question": f"Which things did {who} buy?", "category": "list", "answer": "", "evidence": ids}
        for who, ids in bought.items()
        if ids
    ]
    questions += [
        {"question": f"What did {who} say about the election?", "category": "abstention", "answer": "", "evidence": []}
        for who in pair
    ]
    for place, question in enumerate(questions, 1):
        question["id"] = f"{name}/{place}"
    return {"conversation": name, "entries": entries, "questions": questions}
