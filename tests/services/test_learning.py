"""Procedures learned from what went well: what is proposed, what never is, and that nothing rejected comes back."""

from __future__ import annotations

import json

import pytest

from holdfast import Memory
from holdfast.core.procedure_learning import Run, Used, name_for, proposals
from holdfast.errors import InvalidField
from holdfast.model.policy import Action, Policy, Sensitive
from holdfast.model.procedures import CallStep, ProcedureState
from tests.services.scenes import bytes_of, refused, state_of


def booked(memory: Memory, session: str, city: str = "Rome", tools=("search", "book", "mail"), outcome="success"):
    chat = memory.session(session)
    asked = chat.add("user", f"Get me to {city}.")
    calls = [
        chat.record("tool_call", f"called {tool}", input={"tool": tool, "city": city, "class": "second"})
        for tool in tools
    ]
    ended = chat.record("outcome", "It ended.", outcome=outcome) if outcome else None
    return asked, calls, ended


def said(memory: Memory, session: str, city: str, failed: bool = False) -> None:
    """The same, as an agent's messages have it."""
    chat = memory.session(session)
    for number, tool in enumerate(("search", "book")):
        arguments = json.dumps({"city": city})
        chat.add_message(
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": f"{session}{number}", "name": tool, "input": json.loads(arguments)}
                ],
            }
        )
        chat.add_message(
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": f"{session}{number}", "content": "ok", "is_error": failed}
                ],
            }
        )
    chat.record("outcome", "Done.", outcome="success")  # fmt: skip


def test_what_went_well_three_times_is_proposed_and_matched_once_approved(memory):
    for number, city in enumerate(("Rome", "Oslo")):
        booked(memory, f"s{number}", city)
        assert memory.procedures.learn() == []
    booked(memory, "s2", "Bonn")
    (one,) = memory.procedures.learn()
    assert (one.state, one.version, len(one.sources)) == (ProcedureState.PROPOSED, 1, 15)
    assert one.steps == tuple(
        CallStep(tool, {"city": "{{ city }}", "class": "second"}) for tool in ("search", "book", "mail")
    )
    assert one.description == "Calls search, then book, then mail; learned from 3 runs that went well."
    assert one.when.examples == ("Get me to Bonn.", "Get me to Oslo.", "Get me to Rome.")
    assert list(memory.procedures.match("Get me to Rome.")) == []
    with refused(memory, InvalidField, "proposed"):
        memory.procedures.record_outcome(one.name, True)
    assert memory.procedures.learn() == []
    approved = memory.procedures.approve(one.name)
    assert (approved.state, approved.version, approved.sources) == (ProcedureState.ACTIVE, 2, one.sources)
    assert memory.procedures.approve(one.name).version == 2
    assert [hit.procedure.name for hit in memory.procedures.match("Get me to Rome.")] == [one.name]
    rendered = memory.procedures.render(one.name, {"city": "Ulm"})
    assert rendered.steps[1].arguments == {"city": "Ulm", "class": "second"}
    assert memory.procedures.learn() == []
    assert memory.check() == []


def test_calls_in_messages_count_and_those_that_failed_do_not(memory):
    for number in range(3):
        said(memory, f"s{number}", f"City {number}")
        said(memory, f"f{number}", f"City {number}", failed=True)
    (one,) = memory.procedures.learn()
    assert [step.tool for step in one.steps] == ["search", "book"]
    assert "3 runs" in one.description


@pytest.mark.parametrize("outcome", ["failure", "partial", "abandoned", None])
def test_what_did_not_go_well_is_never_learned(memory, outcome):
    for number in range(4):
        booked(memory, f"s{number}", outcome=outcome)
    assert memory.procedures.learn() == []


def test_calls_that_each_went_well_need_no_other_outcome(memory):
    for number in range(3):
        chat = memory.session(f"s{number}")
        for tool in ("fetch", "parse(x=1)"):
            chat.record("tool_call", tool, outcome="success")
    (one,) = memory.procedures.learn()
    assert [step.tool for step in one.steps] == ["fetch", "parse"]


def test_a_rejected_proposal_does_not_come_back_by_itself(memory):
    for number in range(3):
        booked(memory, f"s{number}")
    (one,) = memory.procedures.learn()
    memory.procedures.remove(one.name)
    booked(memory, "s9")
    before = state_of(memory)
    assert memory.procedures.learn() == []
    assert state_of(memory) == before
    for number in range(3):
        booked(memory, f"t{number}", tools=("a", "b"))
    (other,) = memory.procedures.learn()
    memory.forget(other.id)
    assert memory.procedures.learn() == []


@pytest.mark.parametrize("approve", [False, True])
def test_a_proposal_is_forgotten_with_its_sources_and_learned_again_from_what_remains(opened, path, approve):
    memory = opened(path)
    for number in range(3):
        booked(memory, f"s{number}", f"Canary{number}")
    (one,) = memory.procedures.learn()
    if approve:
        memory.procedures.approve(one.name)
        edited = memory.procedures.to_yaml(one.name).replace("learned from", "seen in")
        assert memory.procedures.add(edited).sources == one.sources
    memory.forget(session="s1")
    assert memory.procedures.list() == []
    assert b"Canary1" not in bytes_of(path)
    assert memory.procedures.learn() == []
    booked(memory, "s3")
    (again,) = memory.procedures.learn()
    assert (again.name, again.version, again.id != one.id) == (one.name, 1, True)
    assert "Canary1" not in str(again)


def test_what_fell_here_because_another_device_forgot_its_source_may_be_learned_again(opened):
    here, there = opened(), opened()
    for number in range(3):
        booked(here, f"s{number}")
    there.storage.merge(list(here.storage.journal()))
    (one,) = there.procedures.learn()
    here.forget(session="s1")
    there.storage.merge(list(here.storage.journal()))
    assert there.procedures.list() == []
    booked(there, "s3")
    (again,) = there.procedures.learn()
    assert (again.name, again.id != one.id) == (one.name, True)


def test_what_is_set_apart_is_not_learned_from(opened):
    token = "ghp_" + "a1B2" * 9
    memory = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}))
    for number in range(3):
        chat = memory.session(f"s{number}")
        for tool in ("search", "book"):
            chat.record("tool_call", f"called {tool}", input={"tool": tool, "key": token})
        chat.record("outcome", "It ended.", outcome="success")
    assert memory.procedures.learn() == []
    for number in range(3):
        booked(memory, f"t{number}", tools=("search", "book"))
    (one,) = memory.procedures.learn()
    assert "from 3 runs" in one.description
    for number in range(3):
        chat = memory.session(f"u{number}")
        for tool, key in (("fetch", token), ("parse", "x"), ("store", "x")):
            chat.record("tool_call", f"called {tool}", input={"tool": tool, "key": key})
        chat.record("outcome", "It ended.", outcome="success")
    (other,) = memory.procedures.learn()
    assert [step.tool for step in other.steps] == ["parse", "store"]


def test_a_part_is_proposed_only_where_it_went_well_more_often(memory):
    for number in range(3):
        booked(memory, f"s{number}")
    booked(memory, "t", tools=("book", "mail"))
    found = {tuple(step.tool for step in one.steps) for one in memory.procedures.learn(limit=5)}
    assert found == {("search", "book", "mail"), ("book", "mail")}


def test_what_is_no_number_of_runs_is_refused(memory):
    for wrong in (0, 1, True, "3", 1_001):
        with refused(memory, InvalidField):
            memory.procedures.learn(min_runs=wrong)
    with refused(memory, InvalidField):
        memory.procedures.learn(limit=0)


def run(*calls: tuple[str, dict]) -> Run:
    ids = (f"00000000-0000-0000-0000-{n:012d}" for n in range(1, 99))
    return Run(tuple(Used(tool, arguments, next(ids)) for tool, arguments in calls), None, ())


def test_inputs_stand_where_arguments_differed_and_templates_in_arguments_are_no_templates():
    runs = [
        run(("find", {"q": f"x{n}", "same": {"a": [1]}, "odd": "{{ x }}", **({"extra": 1} if n else {})}),
            ("send", {"to-whom": n, "q": f"x{n}", "1st": [n]}), ("log", {"q": n}))
        for n in range(3)
    ]  # fmt: skip
    (one,) = proposals(runs, 3, 9)
    assert [(field.name, field.type.value) for field in one.inputs] == [
        ("q", "text"), ("odd", "text"), ("to_whom", "integer"), ("input_1st", "list"), ("q_2", "integer"),
    ]  # fmt: skip
    assert one.steps[0].arguments == {"q": "{{ q }}", "same": {"a": [1]}, "odd": "{{ odd }}"}
    assert one.steps[1].arguments == {"to-whom": "{{ to_whom }}", "q": "{{ q }}", "1st": "{{ input_1st }}"}
    assert one.steps[2].arguments == {"q": "{{ q_2 }}"}


def test_the_name_follows_from_the_tools_alone():
    assert name_for(["a", "b"]) == name_for(("a", "b")) != name_for(["a-b"])
    assert name_for(["../x", "ü"]).startswith("learned-x-tool-")
