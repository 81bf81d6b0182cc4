"""Blocks: labels, limits, edits that conflict, history, who may write, and that a forget reaches every version."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from holdfast import AsyncMemory, Memory
from holdfast.core.blocks import replaced
from holdfast.errors import (
    AlreadyThere,
    EditConflict,
    InvalidField,
    InvalidText,
    NotAllowed,
    NotFound,
    OverLimit,
    Refused,
)
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.model.records import Kind
from tests.services.scenes import bytes_of, found, refused, state_of

DAY_MS = 86_400_000
TOKEN = "ghp_" + "a1B2" * 9
"""Looks like a GitHub token."""


def words(text: str) -> int:
    return len(text.split())


def texts(memory: Memory, label: str = "persona") -> list[str]:
    return [one.text for one in memory.blocks.history(label)]


def test_a_block_is_made_read_and_edited_and_every_version_stays(memory, clock):
    made = memory.blocks.create("persona", "Brief.", description="who the agent is", limit_chars=100)
    assert (made.label, made.text, made.description, made.version) == ("persona", "Brief.", "who the agent is", 1)
    assert (made.limit, made.unit, made.size, made.left, made.writers) == (100, "characters", 6, 94, None)
    clock.advance(1_000)
    assert memory.blocks.write("persona", "Brief, kind.").version == 2
    assert memory.blocks.append("persona", "Knows Lisbon.").text == "Brief, kind.\nKnows Lisbon."
    assert memory.blocks.replace("persona", "Lisbon", "Porto").text == "Brief, kind.\nKnows Porto."
    assert memory.blocks.replace("persona", "\nKnows Porto.", "").text == "Brief, kind."
    assert memory.blocks.get("persona") == memory.blocks.list()[0]
    history = memory.blocks.history("persona")
    assert [one.version for one in history] == [1, 2, 3, 4, 5]
    assert [one.text for one in history[:2]] == ["Brief.", "Brief, kind."]
    assert history[1].at_ms - history[0].at_ms == 1_000
    assert memory.check() == []


def test_the_same_text_again_is_no_further_version(memory):
    memory.blocks.create("persona", "Brief.")
    before = state_of(memory)
    assert memory.blocks.write("persona", "Brief.").version == 1
    assert state_of(memory) == before


def test_a_label_that_is_no_plain_name_is_refused(opened):
    memory = opened()
    before = state_of(memory)
    for label, why in (
        ("../x", "slash"), ("a/b", "slash"), ("a\\b", "slash"), ("/etc/passwd", "slash"), ("..", "dot"),
        (".hidden", "dot"), ("a..b", "dots"), ("-x", "dash"), ("a b", "U\\+0020"), ("a:b", "U\\+003A"),
        ("a\nb", "U\\+000A"), ("x" * 65, "65 characters"), ("\ufb01le", "forms of others"), ("a\u202eb", "U\\+202E"),
    ):  # fmt: skip
        for call in (
            lambda label: memory.blocks.create(label, "x"),
            memory.blocks.get,
            lambda label: memory.blocks.write(label, "x"),
            memory.blocks.remove,
        ):
            with pytest.raises(InvalidField, match=why) as caught:
                call(label)
            assert str(caught.value).isprintable()
    assert state_of(memory) == before


def test_a_label_takes_any_script_and_its_forms_are_one(memory):
    memory.blocks.create("Zoe\u0308-notes", "x")
    assert memory.blocks.get("Zo\u00eb-notes").label == "Zo\u00eb-notes"
    for label in ("\u306a\u307e\u3048", "project_x.2", "a"):
        assert memory.blocks.create(label).label == label


def test_over_the_limit_says_by_how_much_and_writes_nothing(memory):
    memory.blocks.create("persona", "0123456789", limit_chars=12)
    for edit in (
        lambda: memory.blocks.write("persona", "x" * 15),
        lambda: memory.blocks.append("persona", "four"),
        lambda: memory.blocks.replace("persona", "9", "nine+1"),
    ):
        with refused(memory, OverLimit, "may hold 12 characters, and this would be 15: 3 too many"):
            edit()
    with pytest.raises(OverLimit) as caught:
        memory.blocks.write("persona", "x" * 2_013)
    assert (caught.value.over, caught.value.limit, caught.value.unit) == (2_001, 12, "characters")
    with refused(memory, OverLimit, "1 too many"):
        memory.blocks.create("other", "ab", limit_chars=1)
    assert memory.blocks.write("persona", "x" * 12).left == 0


def test_a_limit_in_tokens_is_counted_as_the_space_counts(opened):
    memory = opened(tokenizer=words)
    assert memory.blocks.create("persona", "one two", limit_tokens=3).size == 2
    assert memory.blocks.append("persona", "x" * 500).left == 0
    with refused(memory, OverLimit, "may hold 3 tokens, and this would be 5: 2 too many"):
        memory.blocks.write("persona", "a b c d e")


def test_a_limit_that_is_none_is_refused(opened):
    memory = opened()
    for limits in (
        {"limit_chars": 0}, {"limit_chars": -1}, {"limit_tokens": 100_001}, {"limit_chars": True},
        {"limit_chars": 1, "limit_tokens": 1}, {"limit_tokens": "many"},
    ):  # fmt: skip
        with refused(memory, InvalidField):
            memory.blocks.create("persona", "x", **limits)


def test_what_is_replaced_must_be_there_exactly_once(memory):
    memory.blocks.create("persona", "aaa, b, b")
    with refused(memory, InvalidText, "'c' does not stand in the block 'persona'"):
        memory.blocks.replace("persona", "c", "x")
    with refused(memory, InvalidText, "'b' stands 2 times"):
        memory.blocks.replace("persona", "b", "x")
    with refused(memory, InvalidText, "'aa' stands 2 times"):
        memory.blocks.replace("persona", "aa", "x")
    with refused(memory, InvalidText, "expected a part of the block"):
        memory.blocks.replace("persona", "", "x")
    assert memory.blocks.replace("persona", "aaa", "").text == ", b, b"


def test_an_edit_of_a_version_that_holds_no_more_is_a_conflict_with_both_texts(memory):
    read = memory.blocks.create("persona", "Brief.")
    memory.blocks.write("persona", "Brief, kind.")
    for edit in (memory.blocks.write, memory.blocks.append):
        with pytest.raises(EditConflict, match="at version 2, not 1") as caught:
            edit("persona", "Long.", version=read.version)
        assert (caught.value.held, caught.value.given) == ("Brief, kind.", "Long.")
        assert "'Brief, kind.'" in str(caught.value)
        assert "'Long.'" in str(caught.value)
    with refused(memory, EditConflict):
        memory.blocks.replace("persona", "Brief", "x", version=1)
    with refused(memory, InvalidField):
        memory.blocks.write("persona", "x", version=0)
    assert memory.blocks.write("persona", "Brief.", version=2).version == 3


def test_a_block_that_was_read_is_written_to_what_was_read(memory):
    memory.blocks.create("persona", "Brief.", description="who", limit_chars=50)
    mine, theirs = memory.blocks["persona"], memory.blocks["persona"]
    assert (mine.label, mine.text, mine.description, mine.version, mine.limit) == ("persona", "Brief.", "who", 1, 50)
    mine.write("Mine.")
    mine.append("More.")
    mine.replace("More", "Less")
    assert mine.text == "Mine.\nLess."
    with pytest.raises(EditConflict):
        theirs.write("Theirs.")
    theirs.append("Theirs.")
    theirs.write("Theirs.")
    with pytest.raises(EditConflict) as caught:
        mine.write("Mine again.")
    assert caught.value.held == "Theirs."
    with pytest.raises(LookupError, match="no block 'human'"):
        memory.blocks["human"]


@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_a_block_may_be_empty(memory, blank):
    memory.blocks.create("persona")
    memory.blocks.write("persona", "x")
    held = memory.blocks.write("persona", blank)
    assert (held.text, held.size, held.version) == (blank, len(blank), 3)
    assert texts(memory) == ["", "x", blank]
    assert memory.blocks.write("persona", "").text == ""
    assert memory.blocks.append("persona", "y").text == "y"
    assert memory.check() == []


def test_a_text_that_cannot_be_stored_is_refused(memory):
    memory.blocks.create("persona", "x")
    for text in ("a\0b", "\ud800", None, 5):
        with refused(memory, InvalidText):
            memory.blocks.write("persona", text)
        with refused(memory, InvalidText):
            memory.blocks.replace("persona", "x", text)
    with refused(memory, InvalidText):
        memory.blocks.append("persona", "")


def test_a_version_is_reverted_to_as_a_further_one_under_the_limit_of_now(memory):
    memory.blocks.create("persona", "A long beginning.", limit_chars=50)
    memory.blocks.write("persona", "Short.")
    memory.blocks.revise("persona", description="new", limit_chars=20)
    back = memory.blocks.revert("persona", 1)
    assert (back.text, back.version, back.limit, back.description) == ("A long beginning.", 4, 20, "new")
    memory.blocks.write("persona", "Short.")
    memory.blocks.revise("persona", limit_chars=10)
    with refused(memory, OverLimit, "7 too many"):
        memory.blocks.revert("persona", 1)
    with refused(memory, NotFound, "has no version 9; it has 1 to 6"):
        memory.blocks.revert("persona", 9)


def test_what_is_noted_about_a_block_is_revised_without_its_text(memory):
    memory.blocks.create("persona", "Brief.", writers=("planner",))
    with refused(memory, OverLimit, "2 too many"):
        memory.blocks.revise("persona", limit_chars=4)
    revised = memory.blocks.revise("persona", limit_tokens=30, everyone=True)
    assert (revised.text, revised.unit, revised.limit, revised.writers) == ("Brief.", "tokens", 30, None)
    assert memory.blocks.revise("persona", description="").version == 2


def test_there_is_one_block_of_a_label(memory):
    memory.blocks.create("persona", "x")
    with refused(memory, AlreadyThere, "at version 1"):
        memory.blocks.create("persona", "y")
    for edit in (
        lambda: memory.blocks.write("human", "x"),
        lambda: memory.blocks.append("human", "x"),
        lambda: memory.blocks.replace("human", "x", "y"),
        lambda: memory.blocks.revert("human", 1),
        lambda: memory.blocks.revise("human", description="x"),
        lambda: memory.blocks.remove("human"),
        lambda: memory.blocks.history("human"),
    ):
        with refused(memory, NotFound, "human"):
            edit()


def test_who_is_not_among_the_writers_only_reads(opened, path):
    planner, critic, owner = (opened(path, as_=name) for name in ("Planner", "critic", "owner"))
    planner.blocks.create("plan", "Step one.", writers=("PLANNER",))
    assert critic.blocks["plan"].text == "Step one."
    assert len(critic.blocks.history("plan")) == 1
    for edit in (
        lambda: critic.blocks.write("plan", "x"),
        lambda: critic.blocks["plan"].append("x"),
        lambda: critic.blocks.replace("plan", "one", "x"),
        lambda: critic.blocks.revert("plan", 1),
        lambda: critic.blocks.revise("plan", writers=("critic",)),
        lambda: critic.blocks.revise("plan", everyone=True),
        lambda: critic.blocks.remove("plan"),
    ):
        with refused(critic, NotAllowed, "written by PLANNER; 'critic' may read it"):
            edit()
    assert planner.blocks.append("plan", "Step two.").actor == "Planner"
    assert owner.blocks.revise("plan", everyone=True).writers is None
    assert critic.blocks.append("plan", "Step three.").text.count("Step") == 3
    with refused(critic, NotAllowed):
        critic.blocks.create("mine", writers=("planner",))
    for writers in ("planner", [5], [""], {"planner": 1}):
        with pytest.raises((InvalidField, InvalidText)):
            owner.blocks.create("other", writers=writers)


def test_edits_of_several_at_once_lose_nothing(opened, path):
    one, two = opened(path), opened(path)
    one.blocks.create("log", limit_chars=10_000)
    lines = [f"line {number}" for number in range(40)]
    threads = [
        threading.Thread(target=(one, two)[number % 2].blocks.append, args=("log", line))
        for number, line in enumerate(lines)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.blocks.get("log").text.splitlines()) == sorted(lines)
    assert two.blocks.get("log").version == 41


def test_a_forget_reaches_every_version_and_the_label_starts_anew(opened, path):
    memory = opened(path)
    memory.blocks.create("persona", "the canary one", description="the canary two")
    memory.blocks.write("persona", "nothing")
    old = memory.blocks.get("persona").id
    memory.blocks.remove("persona")
    assert memory.receipts()[-1].forgotten == (old,)
    assert b"canary" not in bytes_of(path)
    assert memory.blocks.list() == []
    with pytest.raises(NotFound):
        memory.blocks.history("persona")
    assert memory.blocks.create("persona", "anew").version == 1
    assert texts(memory) == ["anew"]
    assert memory.verify(memory.receipts()[-1]).problems == ()
    assert memory.check() == []


def test_a_block_is_forgotten_by_kind_and_by_a_name_in_an_earlier_version(memory):
    memory.blocks.create("persona", "Ada is in charge.")
    memory.blocks.write("persona", "Nobody is in charge.")
    preview = memory.preview_forget(about="Ada", mentions=True)
    assert [record.text for record in preview.selected] == ["Nobody is in charge."]
    memory.remember("A fact.")
    assert memory.forget(where="kind = block").forgotten == (preview.selected[0].id,)
    assert memory.blocks.list() == []


def test_a_block_is_never_recalled_or_listed(memory):
    memory.blocks.create("persona", "Ada lives in Lisbon.")
    assert found(memory, "where does Ada live?") == []
    assert list(memory.records()) == []
    assert memory.summary().live == 0


def test_a_policy_applies_to_text_and_description_and_leaves_the_rest_as_it_is(opened, path):
    memory = opened(path, policy=Policy())
    made = memory.blocks.create("persona", f"Use {TOKEN}.", description=f"Holds {TOKEN}.", limit_chars=100_000)
    assert TOKEN not in made.text + made.description
    assert (made.label, made.limit) == ("persona", 100_000)
    assert memory.blocks.append("persona", TOKEN).text.count("[") == 2
    assert TOKEN.encode() not in bytes_of(path)
    apart = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}))
    with refused(apart, Refused, "stands in the prompt"):
        apart.blocks.create("persona", f"Use {TOKEN}.")
    never = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE}))
    never.blocks.create("persona", "Nothing.")
    with refused(never, Refused):
        never.blocks.append("persona", TOKEN)


def test_words_beside_the_text_are_judged_as_they_were_said(opened):
    """In one text with what surrounds them, a quote would hide the first and a line break be torn from the second."""
    memory = opened(policy=Policy(actions=dict.fromkeys(Sensitive, Action.REDACT)))
    made = memory.blocks.create("persona", "x", description='the password is "hunter2x", mail\nada@example.org')
    assert made.description == 'the password is "[credential]", mail\n[contact]'
    assert memory.blocks.get("persona") == made


def test_what_a_redaction_makes_too_long_is_refused(opened):
    memory = opened(policy=Policy(actions={Sensitive.CONTACT: Action.REDACT}))
    with refused(memory, OverLimit):
        memory.blocks.create("persona", "a@b.io", limit_chars=6)


def test_an_audit_redacts_a_block_under_its_label(opened, path):
    memory = opened(path)
    memory.blocks.create("persona", f"Use {TOKEN}.", description=f"about {TOKEN}")
    memory.blocks.create("human", f"Is {TOKEN}.")
    memory.blocks.write("human", "Is kind.")
    memory.admission.audit(Policy(), dry_run=False)
    held = memory.blocks.get("persona")
    assert TOKEN not in held.text + held.description
    assert [one.label for one in memory.blocks.list()] == ["human", "persona"]
    assert memory.blocks.write("persona", "Brief.").version == 2
    memory.admission.audit(Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}), dry_run=False)
    assert memory.check() == []


def test_what_a_later_policy_sets_apart_is_not_for_the_prompt(opened):
    memory = opened()
    memory.blocks.create("persona", f"Use {TOKEN}.")
    memory.admission.audit(Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE}), dry_run=False)
    assert memory.blocks.list() == []
    assert memory.blocks.get("persona").quarantined
    memory.admission.release(memory.blocks.get("persona").id)
    assert [one.label for one in memory.blocks.list()] == ["persona"]


def test_a_block_that_is_kept_for_a_while_ends(opened, clock):
    memory = opened(policy=Policy(otherwise=Retention(Keep.FOR_A_WHILE, DAY_MS)))
    memory.blocks.create("persona", "Brief.")
    clock.advance(DAY_MS + 1)
    assert memory.blocks.list() == []
    with pytest.raises(NotFound):
        memory.blocks.write("persona", "x")
    assert memory.blocks.create("persona", "Anew.").version == 1
    assert texts(memory) == ["Anew."]


def test_blocks_go_along_with_exports_and_journals(opened, path, tmp_path):
    memory = opened(path)
    memory.blocks.create("persona", "Brief.", description="who", limit_tokens=50, writers=("a",))
    memory.blocks.create("empty")
    memory.blocks.write("persona", "Brief, kind.")
    lines = list(memory.export())
    other = opened()
    assert other.import_(lines).added == 2
    assert other.blocks["persona"].text == "Brief, kind."
    assert other.blocks.get("persona").writers == ("a",)
    assert other.blocks["empty"].text == ""
    assert other.import_(lines).added == 0
    assert other.blocks.write("persona", "Edited.").version == 2
    assert memory.import_(lines).added == 0
    whole = opened()
    whole.storage.merge(list(memory.storage.journal()))
    assert [one.text for one in whole.blocks.history("persona")] == ["Brief.", "Brief, kind."]
    assert whole.storage.digest() == memory.storage.digest() == memory.storage.rebuild()


def test_an_import_leaves_a_block_that_was_forgotten_here_forgotten(opened):
    source, memory = opened(), opened()
    source.blocks.create("persona", "theirs")
    memory.blocks.create("persona", "mine")
    memory.blocks.remove("persona")
    assert memory.import_(list(source.export())).forgotten == 1
    assert memory.blocks.list() == []


@pytest.mark.parametrize(
    "body",
    ['{}', 'no JSON', None,
     '{"blank":null,"description":"","label":"../x","limit":5,"unit":"characters","writers":null}',
     '{"blank":"x","description":"","label":"a","limit":5,"unit":"characters","writers":null}',
     '{"blank":null,"description":"","label":"a","limit":5,"unit":"miles","writers":null}',
     '{"blank":null,"description":"","label":"a","limit":0,"unit":"tokens","writers":null}'],
)  # fmt: skip
def test_a_block_that_no_call_would_have_written_is_not_imported(opened, body):
    content = {"kind": "block", "text": "x", "valid_from": "2024-05-03", "body": body}
    line = json.dumps(
        {"id": "0192f3c4-5a6b-7c8d-9e0f-112233445566", "content": {k: v for k, v in content.items() if v}}
    )
    memory = opened()
    before = state_of(memory)
    report = memory.import_([line], skip_errors=True, format="records")
    assert (report.added, len(report.skipped)) == (0, 1)
    assert state_of(memory) == before


def test_edits_of_two_devices_meet_and_the_later_holds(opened, clock):
    one, two = opened(), opened()
    one.blocks.create("persona", "Brief.")
    two.storage.merge(list(one.storage.journal()))
    for device, text in ((one, "From one."), (two, "From two.")):
        clock.advance(1_000)
        device.blocks.write("persona", text)
        device.blocks.create("made-apart", text)
    one.storage.merge(list(two.storage.journal()))
    two.storage.merge(list(one.storage.journal()))
    assert one.storage.digest() == two.storage.digest()
    for device in (one, two):
        assert [(block.label, block.text) for block in device.blocks.list()] == [
            ("made-apart", "From two."), ("persona", "From two."),
        ]  # fmt: skip
        assert sorted(texts(device)) == ["Brief.", "From one.", "From two."]
        assert device.check() == []
    assert two.blocks.append("persona", "More.").version == 3


def test_a_block_is_seen_as_it_was(opened, clock):
    memory = opened()
    memory.blocks.create("persona", "Brief.")
    memory.blocks.write("persona", "Long.")
    with memory.at(seq=1) as then:
        assert then.blocks["persona"].text == "Brief."
        assert len(then.blocks.history("persona")) == 1
    assert memory.blocks["persona"].text == "Long."


def test_nobody_reads_a_block_out_of_an_encrypted_space(opened, path):
    memory = opened(path, key=b"k" * 32)
    memory.blocks.create("canarylabel", "canary text", description="canary description")
    memory.blocks.write("canarylabel", "canary again")
    memory.close()
    assert b"canary" not in bytes_of(path)
    assert opened(path, key=b"k" * 32).blocks["canarylabel"].text == "canary again"


def test_a_block_is_of_its_own_kind(memory):
    made = memory.blocks.create("persona", "Brief.")
    assert memory.get(made.id).kind is Kind.BLOCK
    assert [entry.what for entry in memory.history(made.id).entries] == ["remembered"]
    why = memory.why(made.id)
    assert why.state == "aside"
    assert str(why).startswith("It stands beside the memories")
    assert "It is a block of 2025-06-15T15:06:40Z." in str(why)


def test_blocks_with_await_are_the_same_blocks(path):
    async def edit() -> list[str]:
        async with await AsyncMemory.open(path, embedder=None) as memory:
            await memory.blocks.create("persona", "Brief.")
            held = await memory.blocks["persona"].write("Brief, kind.")
            await memory.blocks["persona"].append("More.")
            await memory.blocks["persona"].replace("More", "Less")
            with pytest.raises(EditConflict):
                await memory.blocks.write("persona", "x", version=held.version)
            await memory.blocks.revise("persona", description="who")
            await memory.blocks.revert("persona", 1)
            read = await memory.blocks["persona"].read()
            assert (read, [read]) == (await memory.blocks.get("persona"), await memory.blocks.list())
            texts = [one.text for one in await memory.blocks.history("persona")]
            await memory.blocks.remove("persona")
            assert await memory.blocks.list() == []
            return texts

    less = "Brief, kind.\nLess."
    assert asyncio.run(edit()) == ["Brief.", "Brief, kind.", "Brief, kind.\nMore.", less, less, "Brief."]


APART = Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE})


def test_an_edit_is_no_release_of_what_a_policy_set_apart(opened, path):
    memory, other = opened(path), opened(path)
    made = memory.blocks.create("persona", f"Use {TOKEN}.")
    memory.blocks.write("persona", f"Use {TOKEN}!")
    memory.admission.audit(APART, dry_run=False)
    before = state_of(other)
    assert other.blocks.write("persona", f"Use {TOKEN}!").quarantined
    assert state_of(other) == before, "the same text again is no further version"
    edits = (
        lambda: other.blocks.append("persona", "More."),
        lambda: other.blocks.revise("persona", description="who"),
        lambda: other.blocks.revert("persona", 1),
        lambda: other.blocks["persona"].write("Brief."),
        lambda: opened(path, policy=Policy()).blocks.append("persona", "Kind."),
        lambda: opened(path, policy=APART).blocks.append("persona", "Kind."),
    )
    for edit in edits:
        assert edit().quarantined
        assert memory.blocks.list() == []
    assert "credential" in memory.get(made.id).marks
    memory.admission.release(made.id)
    assert [one.text for one in memory.blocks.list()] == ["Brief.\nKind.\nKind."]
    assert not memory.blocks.append("persona", "More.").quarantined


def test_what_was_released_is_released_as_it_was_and_not_what_it_becomes(opened):
    memory = opened()
    made = memory.blocks.create("persona", f"Use {TOKEN}.")
    memory.admission.audit(APART, dry_run=False)
    memory.admission.release(made.id)
    before = state_of(memory)
    memory.blocks.write("persona", f"Use {TOKEN}.")
    assert state_of(memory) == before
    memory.blocks.append("persona", f"Or ghp_{'c3D4' * 9}.")
    memory.admission.audit(APART, dry_run=False)
    assert memory.blocks.list() == []


def test_a_block_made_anew_under_its_label_is_not_the_one_that_was_read(opened, path):
    planner, critic = opened(path, as_="planner"), opened(path, as_="critic")
    planner.blocks.create("plan", "One.")
    held = critic.blocks["plan"]
    planner.blocks.remove("plan")
    planner.blocks.create("plan", "Two.")
    with pytest.raises(EditConflict, match="another one than the version 1 that you read") as caught:
        held.write("Mine.")
    assert (caught.value.held, caught.value.given) == ("Two.", "Mine.")
    with refused(critic, EditConflict):
        critic.blocks.append("plan", "Mine.", version=held.value)
    assert critic.blocks.write("plan", "Mine.", version=critic.blocks.get("plan")).version == 2


def test_a_version_of_the_same_number_from_another_device_is_not_the_one_that_was_read(opened, clock):
    one, two = opened(), opened()
    one.blocks.create("persona", "Brief.")
    two.storage.merge(list(one.storage.journal()))
    one.blocks.write("persona", "From one.")
    held = one.blocks["persona"]
    clock.advance(1_000)
    two.blocks.write("persona", "From two.")
    one.storage.merge(list(two.storage.journal()))
    assert (held.version, one.blocks.get("persona").version) == (2, 2)
    with pytest.raises(EditConflict) as caught:
        held.write("From one, plus.")
    assert caught.value.held == one.blocks["persona"].text == "From two."


def test_a_block_read_with_await_is_written_to_what_was_read(path):
    async def edit() -> None:
        async with await AsyncMemory.open(path, embedder=None) as memory:
            await memory.blocks.create("persona", "Brief.")
            held = memory.blocks["persona"]
            read = await held.read()
            await memory.blocks.write("persona", "Meanwhile.")
            with pytest.raises(EditConflict) as caught:
                await held.write(read.text + " Mine.")
            assert caught.value.held == "Meanwhile."
            await held.append("More.")
            assert (await held.write("Mine.")).version == 4
            assert (await memory.blocks["persona"].write("Unread.")).version == 5

    asyncio.run(edit())


def test_a_block_is_forgotten_by_its_writers_and_the_owner_alone(opened, path):
    planner, critic, owner = (opened(path, as_=name) for name in ("Planner", "critic", "owner"))
    made = planner.blocks.create("plan", "Ada's plan.", writers=("planner",))
    free = planner.blocks.create("notes", "Ada's notes.")
    fact = critic.remember("A fact about Ada.")
    for forget in (
        lambda: critic.forget(made.id),
        lambda: critic.forget(fact.id, made.id, free.id),
        lambda: critic.forget(where="kind = block"),
        lambda: critic.forget(about="Ada", mentions=True),
    ):
        with refused(critic, NotAllowed, "'plan' is written by planner; 'critic' may read it"):
            forget()
    assert critic.forget(free.id, fact.id).forgotten
    owner.remember("Another fact.")
    assert planner.forget(made.id).forgotten == (made.id,)
    assert owner.blocks.create("plan", "x", writers=("planner",)).version == 1
    assert owner.forget(where="kind = block").forgotten
    assert critic.blocks.list() == []


def test_a_later_export_brings_the_later_block(opened, clock):
    source, memory = opened(), opened()
    source.blocks.create("persona", "Brief.", writers=("planner",))
    source.blocks.create("plan", "Pack.")
    source.remember("A first fact.")
    early = list(source.export())
    assert memory.import_(early).added == 3
    clock.advance(1_000)
    source.blocks.write("persona", "Brief, kind.")
    source.remember("A later fact.")
    late = list(source.export())
    dry = memory.import_(late, dry_run=True)
    assert (dry.added, dry.corrected, dry.unchanged) == (1, 1, 2)
    assert memory.blocks["persona"].text == "Brief."
    report = memory.import_(late)
    assert (report.added, report.corrected, report.unchanged, report.skipped) == (1, 1, 2, ())
    assert texts(memory) == ["Brief.", "Brief, kind."]
    before = state_of(memory)
    for lines in (early, late):
        assert memory.import_(lines).corrected == 0
    assert state_of(memory) == before
    clock.advance(1_000)
    memory.blocks.write("persona", "Edited here.")
    assert memory.import_(late).corrected == 0
    assert memory.blocks["persona"].text == "Edited here."
    assert opened().import_([*early, *late]).corrected == 1
    assert memory.check() == []


def test_an_import_edits_no_block_for_whom_may_not_or_into_quarantine(opened, path, clock):
    source, owner = opened(), opened(path)
    source.blocks.create("persona", "Brief.", writers=("planner",))
    owner.import_(list(source.export()))
    clock.advance(1_000)
    source.blocks.write("persona", f"Use {TOKEN}.")
    late = list(source.export())
    critic = opened(path, as_="critic")
    report = critic.import_(late)
    assert (report.corrected, report.unchanged, len(report.skipped)) == (0, 0, 1)
    assert "written by planner" in report.skipped[0].why
    apart = opened(path, policy=APART)
    assert "stands in the prompt" in apart.import_(late).skipped[0].why
    assert owner.blocks["persona"].text == "Brief."
    renamed = json.loads(late[0])
    renamed["id"] = owner.blocks.get("persona").id
    renamed["content"]["body"] = renamed["content"]["body"].replace('"persona"', '"other"')
    assert len(owner.import_([json.dumps(renamed)], skip_errors=True, format="records").skipped) == 1
    assert [one.label for one in owner.blocks.list()] == ["persona"]
    owner.admission.audit(Policy(), dry_run=False)
    assert owner.import_(late).corrected == 1
    assert owner.blocks["persona"].text == f"Use {TOKEN}."


def test_the_later_state_of_a_session_comes_with_a_later_export(opened, clock):
    source, memory = opened(), opened()
    chat = source.session("chat-1", user="Ada")
    chat.add("Ada", "hello")
    chat.close()
    memory.import_(list(source.export()))
    clock.advance(1_000)
    chat.add("Ada", "again")
    chat.close()
    memory.import_(list(source.export()))
    assert memory.sessions.get("chat-1").closed_ms == source.sessions.get("chat-1").closed_ms == clock.now


def test_a_part_that_stands_in_a_block_very_often_is_counted_no_further(memory):
    memory.blocks.create("persona", "a" * 2_000)
    with refused(memory, InvalidText, "stands more than 100 times"):
        memory.blocks.replace("persona", "a" * 1_000, "x")

    class Text(str):
        looked = 0

        def find(self, *part: object) -> int:
            Text.looked += 1
            return super().find(*part)

    with pytest.raises(InvalidText):
        replaced(Text("a" * 2_000), "a" * 1_000, "x", "persona")
    assert Text.looked <= 102


def test_a_read_that_fails_loses_no_change_of_what_stands_aside(opened):
    memory = opened()
    memory.blocks.create("one", "x")
    assert [one.label for one in memory.blocks.list()] == ["one"]
    memory.blocks.create("two", "x")
    aside = memory._space.aside

    class Failing:
        def __init__(self, reader) -> None:
            self._reader = reader

        def __getattr__(self, name: str):
            return getattr(self._reader, name)

        def current(self, ns):
            raise OSError("the disk")

    with aside._ledger.store.reading() as reader, pytest.raises(OSError, match="the disk"):
        aside._leveled(Failing(reader))
    assert [one.label for one in memory.blocks.list()] == ["one", "two"]


def test_what_was_forgotten_leaves_the_process_too(opened):
    memory = opened()
    made, noted = memory.blocks.create("persona", "the canary"), memory.intend("the canary too", when="now")
    assert memory.blocks.list()
    assert memory.intentions.due()
    memory.forget(made.id, noted.id)
    kept = [*(memory._space.aside._held or {}).values(), *memory._space.intentions._known.values()]
    assert [one.text for one in kept] == []
