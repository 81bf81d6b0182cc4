"""Procedures: kept with versions and trials, matched, filled in, learned, and gone with what they came from."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast import AsyncMemory, Memory
from holdfast.core.procedure_rank import folded, has_words, lower_bound, ranked
from holdfast.core.procedure_trials import trial_of
from holdfast.core.procedures import plain, procedure_from
from holdfast.errors import (
    Gone,
    InvalidField,
    InvalidInput,
    InvalidText,
    KeyReused,
    NotFound,
    Refused,
    VersionConflict,
)
from holdfast.model.policy import Action, Policy, Sensitive
from holdfast.model.procedures import CallStep, Procedure, ProcedureState, PromptStep, Success, Triggers
from holdfast.testing.embedders import Fault
from tests.conftest import NIGHTLY
from tests.services.scenes import bytes_of, found, refused, state_of

TOKEN = "ghp_" + "a1B2" * 9


def how(name: str = "explain", prompt: str = "Explain {{ topic }}.", **more) -> dict:
    form = {"name": name, "description": f"How to {name}.", "steps": [{"prompt": prompt}], **more}
    if "{{ topic }}" in prompt:
        form["inputs"] = [{"name": "topic"}]
    return form


def names(memory: Memory, text: str, **options) -> list[str]:
    return [one.procedure.name for one in memory.procedures.match(text, **options)]


def tries(memory: Memory, name: str, good: int, bad: int = 0) -> None:
    for went in [True] * good + [False] * bad:
        memory.procedures.record_outcome(name, went)


def test_the_shipped_example_is_added_matched_and_gives_three_prompts(opened):
    memory = opened()
    memory.procedures.add(memory.procedures.example())
    (match,) = memory.procedures.match("Please EXPLAIN recursion.")
    assert (match.procedure.name, match.why) == ("explain", ("the phrase 'explain'",))
    prompts = memory.procedures.render("explain", {"topic": "recursion"}).prompts
    assert len(prompts) == 3
    assert all("recursion" in prompt and "{{" not in prompt for prompt in prompts)
    assert names(memory, "That was explained before, inexplainably.") == []
    with refused(memory, NotFound, "there are: explain"):
        memory.procedures.example("nothing")


def test_a_further_add_is_a_further_version_and_the_same_again_is_none(memory, clock):
    first = memory.procedures.add(how())
    before = state_of(memory)
    assert memory.procedures.add(how()) == first == memory.procedures["explain"]
    assert memory.procedures.add(memory.procedures.to_yaml("explain")) == first
    assert state_of(memory) == before
    clock.advance(1_000)
    second = memory.procedures.add(how(prompt="Say it: {{ topic }}."))
    assert (first.version, second.version, second.id, second.at_ms - first.at_ms) == (1, 2, first.id, 1_000)
    assert memory.procedures.versions("explain") == [first, second]
    assert memory.procedures.get("explain", 1) == first
    assert memory.procedures.get("explain", 2) == second
    with refused(memory, NotFound, "has no version 3; it has 1 to 2"):
        memory.procedures.get("explain", 3)
    assert memory.check() == []


def test_an_add_to_a_version_that_holds_no_more_is_a_conflict(memory):
    first = memory.procedures.add(how(), version=0)
    with refused(memory, VersionConflict, "at version 1, not 0"):
        memory.procedures.add(how(prompt="x"), version=0)
    memory.procedures.add(how(prompt="x"), version=first)
    with refused(memory, VersionConflict, "at version 2, not 1"):
        memory.procedures.add(how(prompt="y"), version=first)
    for wrong in (-1, True, "1", 1.5):
        with refused(memory, InvalidField):
            memory.procedures.add(how(prompt="y"), version=wrong)


def test_of_several_that_add_at_once_one_wins_each_version(opened, path):
    one, two = opened(path), opened(path)
    won = list[int]()

    def add(memory: Memory, number: int) -> None:
        with contextlib.suppress(VersionConflict):
            won.append(memory.procedures.add(how(prompt=f"Try {number}."), version=0).version)

    threads = [threading.Thread(target=add, args=((one, two)[number % 2], number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [1]
    assert [made.version for made in two.procedures.versions("explain")] == [1]


def test_a_rollback_is_a_further_version_whose_trials_count_with_those_of_then(opened):
    memory = opened()
    memory.procedures.add(how())
    tries(memory, "explain", 2, 1)
    memory.procedures.add(how(prompt="Worse: {{ topic }}."))
    tries(memory, "explain", 0, 4)
    compared = memory.procedures.compare("explain", 1)
    assert [(one.where, one.before, one.after) for one in compared.differences] == [
        ("steps[1].prompt", "Explain {{ topic }}.", "Worse: {{ topic }}.")
    ]
    counts = [(one.successes, one.trials) for one in (compared.before_success, compared.after_success)]
    assert counts == [(2, 3), (0, 4)]
    back = memory.procedures.rollback("explain", 1)
    assert (back.version, back.same_as, back.steps) == (3, 1, memory.procedures.get("explain", 1).steps)
    tries(memory, "explain", 1)
    assert memory.procedures.success("explain").trials == memory.procedures.success("explain", 1).trials == 4
    assert memory.procedures.rollback("explain", 3).version == 3
    memory.procedures.add(how(prompt="z"))
    assert memory.procedures.rollback("explain", 3).same_as == 1
    assert [one.version for one in memory.procedures.trials("explain")] == [1, 1, 1, 2, 2, 2, 2, 3]
    assert len(memory.procedures.trials("explain", 2)) == 4
    with refused(memory, NotFound):
        memory.procedures.rollback("explain", 9)


def test_one_success_of_one_does_not_beat_95_of_100_and_what_is_untried_is_found(opened):
    memory = opened()
    for name in ("lucky", "proven", "untried", "failed"):
        memory.procedures.add(how(name, prompt="x", when={"phrases": ["deploy"]}))
    tries(memory, "lucky", 1)
    tries(memory, "proven", 95, 5)
    tries(memory, "failed", 0, 1)
    assert names(memory, "deploy it", limit=4) == ["proven", "lucky", "untried", "failed"]
    assert names(memory, "deploy it") == ["proven", "lucky", "untried"]
    best = memory.procedures.match("deploy it")[0].success
    assert (best.successes, best.trials) == (95, 100)


def test_the_lower_bound_is_wilsons():
    # Wilson 95% of 95 of 100, 1 of 1, 0 of 10 and 50 of 100, from R's binom::binom.wilson.
    for good, trials, expected in ((95, 100, 0.888250), (1, 1, 0.206549), (0, 10, 0.0), (50, 100, 0.403832)):
        assert lower_bound(good, trials) == pytest.approx(expected, abs=1e-6)
    assert lower_bound(0, 1) < lower_bound(0, 0) < lower_bound(1, 1)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_the_lower_bound_grows_with_successes_and_falls_with_failures(good, bad):
    bound = lower_bound(good, good + bad)
    assert 0 <= bound < 1
    if good + bad:
        rounding = 1e-12
        assert bound <= lower_bound(good + 1, good + bad + 1) + rounding
        assert bound >= lower_bound(good, good + bad + 1) - rounding
        assert bound <= good / (good + bad)
    success = Success(good, good + bad, bound)
    assert 0.25 <= ranked(0.5, success) < 0.5


def test_trials_stay_with_the_steps_when_only_the_description_changes(opened):
    memory = opened()
    memory.procedures.add(how())
    tries(memory, "explain", 2)
    memory.procedures.add(how(description="Otherwise.", when={"phrases": ["go"]}))
    assert memory.procedures.success("explain").trials == 2
    memory.procedures.add(how(prompt="Anew: {{ topic }}."))
    assert memory.procedures.success("explain").trials == 0
    memory.procedures.add(how())
    assert memory.procedures.success("explain").trials == 2


def test_what_triggers_a_procedure_is_told_and_ranked(opened):
    memory = opened()
    memory.procedures.add(how("named", prompt="x"))
    memory.procedures.add(how("said", prompt="x", when={"phrases": ["book a flight"]}))
    memory.procedures.add(how("asked", prompt="x", when={"examples": ["What is my name?"]}))
    memory.procedures.add(how("hinted", prompt="x", when={"keywords": ["flight", "hotel", "book"]}))
    memory.procedures.add(how("used", prompt="x", when={"tools": ["book"]}))
    hits = memory.procedures.match("Please book  a FLIGHT", tools=["book", "pay"], limit=9)
    assert [(one.procedure.name, one.matched, one.why) for one in hits] == [
        ("said", 0.9, ("the phrase 'book a flight'",)),
        ("hinted", 0.6, ("the keywords flight, book",)),
        ("used", 0.5, ("the tool book",)),
    ]
    assert names(memory, " Named ") == ["named"]
    assert names(memory, "so, what is my name? hm") == ["asked"]
    assert hits.degraded is not None
    assert "words only" in hits.degraded
    assert names(memory, "booked a flighty thing") == []
    assert memory.procedures.match("Please book a flight", limit=1)[0] == hits[0]


def test_phrases_end_where_words_do_in_any_script():
    for text, words, expected in (
        ("explain", "explain", True), ("explained", "explain", False), ("unexplain", "explain", False),
        ("(explain)", "explain", True), ("x explainx explain", "explain", True), ("请解释递归", "解释", True),
        ("c++ and c", "c", True), ("naïve", "na", False), ("a_b", "a", False), ("ขอคำอธิบาย", "คำอธิบาย", True),
    ):  # fmt: skip
        assert has_words(folded(text), folded(words)) is expected, (text, words)


def test_meaning_counts_where_there_is_a_model_and_is_said_to_miss_where_it_fails(embedded, model):
    embedded.procedures.add(how("greet", prompt="x", when={"examples": ["say hello to the customers warmly"]}))
    embedded.procedures.add(how("other", prompt="x", when={"examples": ["quarterly revenue spreadsheets"]}))
    hits = embedded.procedures.match("say hello to our customers warmly")
    assert [one.procedure.name for one in hits] == ["greet"]
    assert (hits.degraded, "meaning is near" in hits[0].why[0]) == (None, True)
    assert embedded.procedures.match("say hello to our customers warmly") == hits
    model.fault = Fault.DOWN
    failed = embedded.procedures.match("say hello to our customers warmly")
    assert (len(failed), "the embedding model failed" in (failed.degraded or "")) == (0, True)
    assert names(embedded, "greet") == ["greet"]


def test_inputs_are_checked_and_named(opened):
    memory = opened()
    memory.procedures.add({
        "name": "plan", "description": "Plan it.",
        "inputs": [
            {"name": "goal", "description": "what for"}, {"name": "days", "type": "integer", "default": 3},
            {"name": "tags", "type": "list", "required": False}, {"name": "raw", "type": "any", "required": False},
        ],
        "steps": [
            {"prompt": "{{ goal|upper }} in {{ days }}{% for tag in tags or [] %} #{{ tag }}{% endfor %}"},
            {"name": "go", "call": "search", "arguments": {"q": "{{ goal }}!", "n": "{{ days }}", "x": [1, "{{raw}}"]}},
        ],
    })  # fmt: skip
    one = memory.procedures.render("plan", {"goal": "a trip", "tags": ["x", "y"], "raw": {"a": [None]}})
    assert one.steps[0].prompt == "A TRIP in 3 #x #y"
    assert (one.steps[1].name, one.steps[1].tool) == ("go", "search")
    assert one.steps[1].arguments == {"q": "a trip!", "n": 3, "x": [1, {"a": [None]}]}
    for inputs, words in (
        ({}, "needs the input 'goal' (text): what for"), ({"goal": 5}, "'goal' is 5; expected a value of"),
        ({"goal": "x", "days": True}, "'days' is True"), ({"goal": "x", "dys": 1}, "no input 'dys'; it has goal, days"),
        ({"goal": "x", "tags": "x"}, "'tags'"), ({"goal": "x", "raw": float("nan")}, "nan"), ("x", "expected names"),
        ({"goal": "x" * 300_000}, "at most 200,000"), ({"goal": "x", "raw": {1: 2}}, "the key 1"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            memory.procedures.render("plan", inputs)
        assert words in str(caught.value)
        assert str(caught.value).isprintable()


def test_what_no_procedure_can_be_is_refused_with_its_place(opened):
    memory = opened()
    step = [{"prompt": "x"}]
    before = state_of(memory)
    for wrong, words in (
        (how(colour="red"), "unknown key 'colour'; known are name, version"),
        (how(when={"phrase": ["x"]}), "unknown key 'phrase'; known are phrases"),
        (how(steps=[{"prompt": "x", "model": "y"}]), "unknown key 'model'; known are name, prompt, call"),
        (how(steps=[{"prompt": "x", "call": "y"}]), "needs 'prompt' or 'call'"),
        (how(steps=[{"prompt": "x", "arguments": {}}]), "only a call has them"), (how(steps=[]), "no steps"),
        (how(steps=[{"call": "t", "arguments": {"a": "{{ b }}"}}]), "arguments of step 1 the procedure 'explain' uses"),
        (how(prompt="{{ topc }}"), "uses 'topc', which is none of its inputs (it has none)"),
        ({"name": "x", "steps": step}, "lacks 'description'"), (how("../x"), "slash"), (how("a b"), "U+0020"),
        (how(version=1.1), "in quotes"), (how(steps=step * 51), "at most 50"), (how(when=["x"]), "expected names"),
        (how(when={"phrases": "x"}), "expected a list"), (how(steps="x"), "expected a list"), ("words", "expected"),
        (how(prompt="x", inputs=[{"name": "if"}]), "cannot be the name of an input"),
        (how(prompt="x", inputs=[{"name": "a"}, {"name": "a"}]), "two inputs 'a'"),
        (how(prompt="x", inputs=[{"name": "a", "type": "date"}]), "expected one of: text"),
        (how(prompt="x", inputs=[{"name": "a", "default": 5}]), "'a' is 5; expected a value of the type text"),
        (how(prompt="x", inputs=[{"name": "a", "default": "5", "required": True}]), "leave one of the two out"),
        (how(prompt="x" * 20_001), "at most 20,000"), (how(description=" "), "empty"), (5, "expected names"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            memory.procedures.add(wrong)
        assert words in str(caught.value), str(caught.value)
        assert str(caught.value).isprintable()
    assert state_of(memory) == before


def test_a_procedure_made_in_python_is_what_its_yaml_says(opened):
    memory = opened()
    made = Procedure(
        name="mail", description="Write a mail.", when=Triggers(phrases=("write a mail",)), edition="2",
        steps=[PromptStep("Write."), CallStep("send", {"to": ("a", 1)}, name="send")],
    )  # fmt: skip
    held = memory.procedures.add(made)
    assert (held.steps[0], held.edition) == (PromptStep("Write."), "2")
    assert held.steps[1] == CallStep("send", {"to": ["a", 1]}, "send")
    assert memory.procedures.add(memory.procedures.to_yaml("mail")).version == 1


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
LINES = WORDS.map(lambda text: " ".join(text.split())).filter(
    lambda text: text.strip() and text == text.strip() and text.isprintable()
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS | st.sampled_from(["no", "1e5", "~", "", "0x1", "12:30", "a: b", "- x", "#", "'", "\n", " x\n", "<<", "="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6,
)  # fmt: skip
FORMS = st.fixed_dictionaries(
    {
        "name": st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True),
        "description": WORDS.filter(str.strip),
        "steps": st.lists(
            st.fixed_dictionaries({"prompt": WORDS.filter(str.strip)}, optional={"name": LINES})
            | st.fixed_dictionaries(
                {"call": LINES}, optional={"arguments": st.dictionaries(WORDS, VALUES, max_size=3), "name": LINES}
            ),
            min_size=1, max_size=4,
        ),
    },
    optional={
        "version": LINES,
        "when": st.fixed_dictionaries(
            {}, optional={what: st.lists(LINES, max_size=3) for what in ("phrases", "examples", "keywords", "tools")}
        ),
        "inputs": st.lists(
            st.fixed_dictionaries(
                {"name": st.from_regex(r"in[a-z0-9_]{0,9}x", fullmatch=True)},
                optional={"default": WORDS.filter(str.strip), "description": WORDS.filter(str.strip)},
            ),
            max_size=3, unique_by=lambda one: one["name"],
        ),
    },
)  # fmt: skip


@settings(max_examples=600 if NIGHTLY else 25, deadline=None)
@example({"name": "a", "description": "0\x85", "steps": [{"prompt": "x\u2028y\r\nz\ufeff"}]})
@given(FORMS)
def test_every_procedure_comes_back_from_its_yaml_as_it_is(form):
    from holdfast.adapters.procedure_files import YamlProcedures

    one, files = procedure_from(form), YamlProcedures()
    text = files.write(plain(one))
    again = files.parse(text)
    assert json.dumps(again) == json.dumps(plain(one))
    assert procedure_from(again) == one


def test_trials_are_recorded_once_under_a_key_and_say_what_they_took(memory):
    memory.procedures.add(how())
    trial = memory.procedures.record_outcome("explain", True, seconds=2, cost=0.5, note="quick", key="k")
    assert (trial.version, trial.seconds, trial.cost, trial.note, trial.success) == (1, 2.0, 0.5, "quick", True)
    memory.procedures.add(how(prompt="y"))
    before = state_of(memory)
    again = memory.procedures.record_outcome("explain", True, seconds=2, cost=0.5, note="quick", key="k")
    assert (again, state_of(memory)) == (trial, before)
    with refused(memory, KeyReused, "already recorded the trial"):
        memory.procedures.record_outcome("explain", False, key="k")
    memory.procedures.record_outcome("explain", False, seconds=4, version=1)
    went = memory.procedures.success("explain", 1)
    assert (went.successes, went.trials, went.seconds, went.cost) == (1, 2, 3.0, 0.5)
    assert memory.procedures.success("explain").trials == 0
    for wrong in (
        {"success": "yes"}, {"success": True, "seconds": -1}, {"success": True, "cost": float("nan")},
        {"success": True, "note": ""}, {"success": True, "version": 0}, {"success": True, "seconds": True},
        {"success": True, "sources": ["x"]},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            memory.procedures.record_outcome("explain", **wrong)
    with refused(memory, NotFound, "no procedure 'other'"):
        memory.procedures.record_outcome("other", True)


def test_one_more_trial_does_not_read_all_others_again(opened, monkeypatch):
    from holdfast.services import procedure_table

    memory, read = opened(), []
    memory.procedures.add(how())
    monkeypatch.setattr(procedure_table, "trial_of", lambda record: read.append(record.id) or trial_of(record))
    tries(memory, "explain", 20)
    for _ in range(3):
        tries(memory, "explain", 1)
        assert memory.procedures.match("explain")[0].success.trials == memory.procedures.success("explain").trials
    assert len(read) == len(set(read)) == 23


def test_a_procedure_is_forgotten_with_its_versions_and_trials_and_leaves_no_words(opened, path):
    memory = opened(path)
    memory.procedures.add(how(prompt="the canary one"))
    memory.procedures.record_outcome("explain", True, note="the canary two")
    memory.procedures.add(how(prompt="nothing"))
    old = memory.procedures["explain"].id
    assert memory.procedures.match("explain")
    memory.procedures.remove("explain")
    assert len(memory.receipts()[-1].forgotten) == 2
    assert b"canary" not in bytes_of(path)
    assert (memory.procedures.list(), names(memory, "explain")) == ([], [])
    anew = memory.procedures.add(how())
    assert (anew.version, anew.id != old, memory.procedures.success("explain").trials) == (1, True, 0)
    tries(memory, "explain", 1)
    receipt = memory.forget(anew.id)
    assert (len(receipt.forgotten), len(receipt.derived)) == (1, 1)
    assert memory.procedures.add(how()).version == 1
    assert memory.procedures.success("explain").trials == 0
    assert memory.check() == []


def test_a_trial_goes_with_its_session_and_with_what_tells_of_it(memory):
    memory.procedures.add(how())
    turn = memory.session("s").add("user", "That worked.")
    memory.procedures.record_outcome("explain", True, sources=[turn.id])
    memory.procedures.record_outcome("explain", True, session="t")
    memory.forget(turn.id)
    assert memory.procedures.success("explain").trials == 1
    memory.forget(session="t")
    assert memory.procedures.success("explain").trials == 0
    with pytest.raises((Gone, NotFound)):
        memory.procedures.record_outcome("explain", True, sources=[turn.id])


def test_a_procedure_is_never_recalled_or_listed_and_stands_in_its_tier(memory):
    memory.procedures.add(how())
    tries(memory, "explain", 1)
    assert found(memory, "How to explain") == []
    assert (list(memory.records()), memory.summary().live) == ([], 0)
    held = {one.spec.name: one.memories for one in memory.tiers.list()}
    assert held["procedural"] == 1
    assert [record.text for record in memory.tiers.read("procedural", "explain")] == ["How to explain."]


def test_a_policy_judges_every_text_and_what_it_sets_apart_is_not_matched(opened, path):
    memory = opened(path, policy=Policy())
    held = memory.procedures.add(how(prompt=f"Use {TOKEN}.", when={"phrases": ["go"]}))
    assert TOKEN not in held.steps[0].prompt
    assert TOKEN.encode() not in bytes_of(path)
    apart = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}))
    with refused(apart, Refused, "followed as it is"):
        apart.procedures.add(how(prompt=f"Use {TOKEN}."))
    plain_memory = opened()
    plain_memory.procedures.add(how(prompt=f"Use {TOKEN}.", when={"phrases": ["go"]}))
    assert names(plain_memory, "go") == ["explain"]
    strict = Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE})
    plain_memory.admission.audit(strict, dry_run=False)
    assert (names(plain_memory, "go"), plain_memory.procedures.list()) == ([], [])
    for version in (None, 1):
        with refused(plain_memory, Refused, "set the procedure 'explain' apart"):
            plain_memory.procedures.render("explain", version=version)
    assert plain_memory.procedures.add(how(prompt="Harmless.")).quarantined
    apart.procedures.add(how())
    noted = apart.procedures.record_outcome("explain", True, note=f"with {TOKEN}")
    assert (noted.note, apart.procedures.trials("explain")) == (None, [noted])


def test_no_place_of_a_procedure_keeps_a_secret_from_a_policy(opened, path):
    memory = opened(path, policy=Policy())
    for form in (
        how(description=TOKEN), how(version=TOKEN), how(TOKEN), how(steps=[{"prompt": "x", "name": TOKEN}]),
        how(steps=[{"call": TOKEN}]), how(steps=[{"call": "t", "arguments": {"a": [{TOKEN: 1, "b": 2}]}}]),
        how(prompt="x", inputs=[{"name": "a", "default": TOKEN, "description": TOKEN}]),
        how(prompt="x", inputs=[{"name": TOKEN}]),
        *(how(when={what: [TOKEN]}) for what in ("phrases", "examples", "keywords", "tools")),
    ):  # fmt: skip
        with contextlib.suppress(Refused, InvalidInput):
            assert TOKEN not in str(memory.procedures.add(form))
    assert TOKEN.encode() not in bytes_of(path)


def test_procedures_move_with_an_export_a_journal_and_the_past(opened, tmp_path):
    memory = opened(tmp_path / "a.db")
    memory.procedures.add(how())
    tries(memory, "explain", 3, 1)
    seq = memory.summary().events
    memory.procedures.add(how(prompt="Later: {{ topic }}."))
    assert memory.at(seq=seq).procedures["explain"].version == 1
    assert memory.at(seq=seq).procedures.success("explain").trials == 4
    other = opened(tmp_path / "b.db")
    other.import_(list(memory.export()))
    assert plain(other.procedures["explain"]) == plain(memory.procedures["explain"])
    assert other.procedures.success("explain").trials == 0
    assert len(other.procedures.trials("explain")) == 4
    assert other.import_(list(memory.export())).added == 0
    assert len(other.forget(other.procedures["explain"].id).derived) == 4
    assert other.procedures.add(how()).version == 1
    assert other.procedures.success("explain").trials == 0
    assert other.check() == []
    third = opened(tmp_path / "c.db")
    third.storage.merge(list(memory.storage.journal()))
    assert third.procedures.versions("explain") == memory.procedures.versions("explain")
    assert third.procedures.success("explain", 1) == memory.procedures.success("explain", 1)


def test_async_has_the_same_verbs(tmp_path):
    async def run() -> None:
        async with await AsyncMemory.open(tmp_path / "a.db", embedder=None) as memory:
            await memory.procedures.add(await memory.procedures.example())
            assert [one.procedure.name for one in await memory.procedures.match("explain it")] == ["explain"]
            await memory.procedures.record_outcome("explain", True)
            assert (await memory.procedures.success("explain")).trials == 1

    asyncio.run(run())


def test_without_the_extra_what_needs_it_says_so_and_the_rest_works(memory, monkeypatch):
    import sys

    memory.procedures.add(how(when={"phrases": ["go"]}))
    with Memory.open(":memory:", embedder=None) as bare:
        monkeypatch.setitem(sys.modules, "yaml", None)
        monkeypatch.setitem(sys.modules, "holdfast.adapters.jinja_sandbox", None)
        with refused(bare, InvalidField, "pip install 'holdfast[procedures]'"):
            bare.procedures.add("name: x")
        with refused(bare, InvalidField, "pip install 'holdfast[procedures]'"):
            bare.procedures.add(how())
        assert names(memory, "go") == ["explain"]
        assert memory.procedures.record_outcome("explain", True).version == 1
        assert memory.procedures["explain"].name == "explain"


@pytest.mark.parametrize("seed", range(40 if NIGHTLY else 2))
def test_random_use_agrees_with_a_plain_model(opened, path, seed):
    """Adds, rollbacks, removals and trials, told by a list per name."""
    print(f"seed {seed}")  # noqa: T201
    chance, (one, two) = random.Random(seed), (opened(path), opened(path))
    held: dict[str, list[str]] = {}  # the prompt of each version
    trials: dict[str, list[tuple[str, bool]]] = {}  # of which prompt
    for _ in range(200 if NIGHTLY else 40):
        memory, name = chance.choice((one, two)), chance.choice("ab")
        versions = held.get(name, [])
        match chance.choice(("add", "add", "outcome", "outcome", "rollback", "remove", "look")):
            case "add":
                prompt = chance.choice(("x", "y", "z"))
                memory.procedures.add(how(name, prompt=prompt))
                if versions[-1:] != [prompt]:
                    held.setdefault(name, []).append(prompt)
            case "outcome" if versions:
                version, went = chance.randint(1, len(versions)), chance.random() < 0.5
                memory.procedures.record_outcome(name, went, version=version)
                trials.setdefault(name, []).append((versions[version - 1], went))
            case "rollback" if versions:
                version = chance.randint(1, len(versions))
                memory.procedures.rollback(name, version)
                if versions[-1] != versions[version - 1]:
                    held[name].append(versions[version - 1])
            case "remove" if versions:
                memory.procedures.remove(name)
                held.pop(name, None)
                trials.pop(name, None)
            case _:
                pass
        for asked in (one, two):
            assert [made.name for made in asked.procedures.list()] == sorted(held)
            for known, expected in held.items():
                assert [made.steps[0].prompt for made in asked.procedures.versions(known)] == expected
                went = [good for of, good in trials.get(known, []) if of == expected[-1]]
                success = asked.procedures.success(known)
                assert (success.successes, success.trials) == (sum(went), len(went))
                (match,) = [hit for hit in asked.procedures.match(known) if hit.procedure.name == known]
                assert match.success == success
    assert one.check() == []


def test_states_are_checked(opened):
    memory = opened()
    memory.procedures.add(how())
    assert memory.procedures.list("proposed") == []
    assert [one.name for one in memory.procedures.list(ProcedureState.ACTIVE)] == ["explain"]
    with refused(memory, InvalidField, "expected one of: active, proposed"):
        memory.procedures.list("gone")
    with refused(memory, InvalidText):
        memory.procedures.match(" ")
    with refused(memory, InvalidField):
        memory.procedures.match("x", limit=0)
