"""Hand-written turns in pairs, with what "it" stands for: None where a person would not be sure, or nothing is meant.

Written before the rule was run over them; the rule was not changed for them afterwards.
"""

from __future__ import annotations

PEOPLE = ("Ada", "Marcus")
PAIRS: tuple[tuple[str, str, str | None], ...] = (
    ("I just finished setting up Docker on my laptop.", "Great, does it start on boot?", "Docker"),
    ("We went to Kyoto last spring.", "What did you like about it?", "Kyoto"),
    ("My sister got a Labrador.", "How old is it?", "Labrador"),
    ("I have been reading Dune.", "Is it as good as they say?", "Dune"),
    ("The report is in summary.pdf on the drive.", "Can you send it to me?", "summary.pdf"),
    ("Have you heard of Obsidian?", "Yes, I use it daily.", "Obsidian"),
    ("Our team moved from Jira to Linear.", "Do you like it?", None),
    ("I'm thinking of buying a Honda Civic.", "How much does it cost?", "Honda Civic"),
    ("Marcus told me about the concert.", "Was it fun?", None),
    ("I need to renew my passport.", "When does it expire?", None),
    ("The function parse_args fails on empty input.", "What should it do instead?", "parse_args"),
    ("We use PostgreSQL for the orders.", "Which version is it?", "PostgreSQL"),
    ("I moved to Berlin in March.", "How is it there?", "Berlin"),
    ("Ada joined Contoso as a designer.", "Is it a big company?", "Contoso"),
    ("We visited Rome and Naples.", "Where did it rain?", None),
    ("I started a podcast.", "What is it about?", None),
    ("My phone is an old Pixel.", "Does it still get updates?", "Pixel"),
    ("Let's meet at the Ritz.", "It is going to rain, take a coat.", None),
    ("I ordered it from Amazon.", "It takes two days, usually.", None),
    ("I signed up for Netflix.", "How much is it per month?", "Netflix"),
    ("The new office is near Union Square.", "Is it quiet?", None),
    ("Try `pytest -x` first.", "It stops at the first failure, right?", "pytest -x"),
    ("I finally watched The Matrix.", "Did you enjoy it?", "The Matrix"),
    ("He plays for Chelsea.", "It's a good club.", "Chelsea"),
    ("We adopted a cat called Miso.", "What does it eat?", "Miso"),
    ("I got a job offer from Stripe.", "Will you take it?", None),
    ("Marcus lent me his copy of Middlemarch.", "When do you have to return it?", "Middlemarch"),
    ("The server runs Ubuntu.", "Update it tonight, please.", None),
    ("I deleted the old config.yaml by mistake.", "Can you restore it from the backup?", "config.yaml"),
    ("She speaks Portuguese.", "Where did she learn it?", "Portuguese"),
    ("I was at the dentist.", "Did it hurt?", None),
    ("We are building the app with Flutter.", "Does it work on iOS?", "Flutter"),
    ("Ada wants to climb Kilimanjaro.", "How high is it?", "Kilimanjaro"),
    ("My favourite pizza is the Margherita.", "I like it too.", "Margherita"),
    ("I can't decide.", "It depends on the price.", None),
    ("They closed the Lisbon office.", "Why was it closed?", None),
    ("I sold my bike.", "Got it.", None),
    ("We signed with Acme Corp yesterday.", "How long did it take?", None),
    ("I use Vim for everything.", "I never understood it.", "Vim"),
    ("My flight is with Lufthansa.", "When does it leave?", None),
)
"""What was said, what was said next, and what "it" is."""
