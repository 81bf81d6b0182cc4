"""A question's kind is told by its wording."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.kinds import QuestionKind, kinds_of

FACT, WHEN, MANY, LATEST = QuestionKind.FACT, QuestionKind.WHEN, QuestionKind.MANY, QuestionKind.LATEST
ORDER, ADVICE, SUMMARY, LINKED = QuestionKind.ORDER, QuestionKind.ADVICE, QuestionKind.SUMMARY, QuestionKind.LINKED

CASES = [
    ("Where does Ada work?", FACT),
    ("What is the name of my dog?", FACT),
    ("Who gave me the necklace?", FACT),
    ("Was ist das?", FACT),
    ("", FACT),
    ("When did we go to the lake?", WHEN),
    ("Which day is the meeting?", WHEN),
    ("How long have I been a member?", WHEN),
    ("How many weeks did the trip take?", WHEN | MANY),
    ("How many children do I have?", MANY),
    ("How much did I pay?", MANY),
    ("What books have I read?", MANY),
    ("Which cities did he visit?", MANY),
    ("What kind of art does she make?", MANY),
    ("In what ways does she help?", MANY),
    ("List my appointments", MANY),
    ("What does she do?", FACT),
    ("Where do I live now?", LATEST),
    ("What is my current job?", LATEST),
    ("Do I still have the car?", LATEST),
    ("What is the latest score?", LATEST),
    ("In which order did I visit them?", ORDER),
    ("Which came first, the trip or the move?", ORDER),
    ("Give the timeline of the project", ORDER),
    ("What should I cook tonight?", ADVICE),
    ("Can you recommend a book?", ADVICE),
    ("How do I bake bread?", ADVICE),
    ("Any tips for my garden?", ADVICE),
    ("Could you show me a login page?", ADVICE),
    ("What did you recommend for my garden?", FACT),
    ("Which tips have you suggested?", MANY),
    ("Summarise my trip", SUMMARY),
    ("Give me an overview of the project", SUMMARY),
    ("Tell me about the garden", SUMMARY),
    ("What do they have in common?", LINKED),
    ("What did Ada say when Ben called?", FACT),
    ("Did Ada cry when Bob left?", FACT),
    ("Do you know when Bob left?", WHEN),
    ("So when did they leave?", WHEN),
    ("What did she buy, and when?", WHEN),
    ('She asked: "when was it?"', WHEN),
    ("Who came? When was that?", WHEN),
    ("Is the red bike lighter compared to the blue one?", LINKED),
]


@pytest.mark.parametrize(("text", "kind"), CASES)
def test_the_kind_of_a_question(text: str, kind: QuestionKind) -> None:
    assert kinds_of(text) == kind


def test_a_question_that_names_two_people_links() -> None:
    assert kinds_of("Do Ada and Bo agree?", names=2) == LINKED


@given(st.text(max_size=300))
def test_any_text_has_a_kind(text: str) -> None:
    assert kinds_of(text) in QuestionKind(127)


@pytest.mark.parametrize(
    "piece", ["what first ", "how did ", "between a", "which who that a b c d e ", "order of ", "a" * 50]
)
def test_a_pasted_text_is_read_in_bounded_steps(piece: str) -> None:
    # A pattern that backtracks without bound would not come back.
    assert kinds_of((piece * 4_000)[:4_000]) in QuestionKind(127)
