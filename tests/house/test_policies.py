"""What may be kept in the spaces of a house: the house's own policy, a space's own, and the stricter of the two."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import Memory, guard
from holdfast.adapters.sqlite.registry import registry_migrations
from holdfast.core.policy.settings import stricter
from holdfast.core.policy.stored import MINUTE_MS, policy_of, policy_text, together
from holdfast.errors import Damaged, InvalidField, NotAllowed, Refused
from holdfast.house import Holdfast
from holdfast.model.access import OWNER
from holdfast.model.policy import ALWAYS, MOST_TTL_MS, NEVER, Action, Keep, Policy, Retention, Sensitive
from holdfast.model.records import CATEGORIES
from tests.house.scenes import refused

SECRET = "My password is hunter2-Xy91."
MAIL = "Write to ada@example.org today."
DAY_MS = 86_400_000
REFUSING = Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE})
SHY = Policy(actions={Sensitive.CONTACT: Action.REDACT}, retentions={"health": NEVER})
LAX = Policy(actions=dict.fromkeys(Sensitive, Action.STORE))

retentions = st.one_of(
    st.sampled_from([ALWAYS, NEVER]),
    st.integers(1, MOST_TTL_MS // MINUTE_MS).map(lambda minutes: Retention(Keep.FOR_A_WHILE, minutes * MINUTE_MS)),
)
policies = st.builds(
    Policy,
    actions=st.dictionaries(st.sampled_from(list(Sensitive)), st.sampled_from(list(Action))),
    retentions=st.dictionaries(st.sampled_from(CATEGORIES), retentions, max_size=4),
    otherwise=retentions,
)


@settings(max_examples=300)
@given(policies)
def test_a_policy_is_kept_as_it_is(policy: Policy):
    assert policy_of(policy_text(policy), "acme") == policy
    assert policy_text(policy_of(policy_text(policy), "acme")) == policy_text(policy)


@settings(max_examples=300)
@given(policies, policies)
def test_together_two_policies_hold_whichever_is_the_houses(one: Policy, other: Policy):
    assert together(one, other) == together(other, one) == stricter(one, other)
    assert together(together(one, other), one) == together(one, other), "neither loosens the other"
    assert together(one, None) == together(None, one) == one
    assert together(None, None) is None


def test_a_lifetime_that_settings_cannot_say_is_refused(house):
    for ttl_ms in (1, 59_999, MINUTE_MS + 1):
        odd = Policy(otherwise=Retention(Keep.FOR_A_WHILE, ttl_ms))
        with refused(InvalidField, "whole minutes", f"{ttl_ms:,} ms"):
            house.create("acme", policy=odd)
    assert house.spaces() == []
    for bad in ("refuse", {"credential": "refuse"}, 1):
        with refused(InvalidField, "holdfast.Policy"):
            house.create("acme", policy=bad)
    assert house.audit() == []


def test_the_policy_of_the_house_holds_in_every_space_for_every_way_in(opened):
    house = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE, Sensitive.CONTACT: Action.REDACT}))
    for name in ("a", "b"):
        house.create(name)
        house.grant("ann", name, "write")
        for who in (OWNER, "ann"):
            memory = house.space(name, as_=who)
            with pytest.raises(Refused):
                memory.remember(SECRET)
            with pytest.raises(Refused):
                memory.session("s").add("user", SECRET)
            assert "ada@example.org" not in memory.remember(f"{who}: {MAIL}").text
            made = memory.remember(f"{who} likes tea.")
            with pytest.raises(Refused):
                memory.correct(made.id, SECRET)
            line = json.dumps({"conversation": who, "entries": [{"author": who, "text": f"{who} said: {MAIL}"}]})
            assert memory.import_([line]).verdicts
        assert not [record for record in house.space(name).records() if "hunter2" in record.text + record.entry]
        assert not [record for record in house.space(name).records() if "example.org" in record.text]


def test_without_a_policy_everything_is_kept_as_it_is_said(house):
    house.create("acme")
    assert house.space("acme").remember(SECRET).text == SECRET
    with refused(InvalidField, "holdfast.Policy"):
        Holdfast.open("elsewhere", policy="none")


@pytest.mark.parametrize(("own", "wide"), [(REFUSING, LAX), (LAX, REFUSING), (REFUSING, None), (None, REFUSING)])
def test_of_two_policies_the_stricter_holds(opened, own, wide):
    house = opened(policy=wide)
    house.create("acme", policy=own)
    with pytest.raises(Refused):
        house.space("acme").remember(SECRET)


def test_a_policy_of_one_space_holds_there_alone_and_for_every_opening(opened):
    house = opened()
    entry = house.create("strict", policy=REFUSING)
    house.create("free")
    assert entry.policy == policy_text(REFUSING)
    house.close()
    again = opened(policy=LAX)
    with pytest.raises(Refused):
        again.space("strict").remember(SECRET)
    assert again.space("free").remember(SECRET).text == SECRET
    assert {one.name: one.policy for one in again.spaces()} == {"free": None, "strict": policy_text(REFUSING)}


def use_under_a_changed_policy(opened) -> None:
    """Sessions, memories and other openings that were obtained before see a policy that was set after."""
    house, other = opened(), opened()
    house.create("acme")
    house.grant("ann", "acme", "write")
    memory, theirs = house.space("acme", as_="ann"), other.space("acme")
    session, group = memory.session("s"), theirs.admission
    session.add("user", SECRET)
    house.restrict("acme", REFUSING)
    for call in (
        lambda: session.add("user", SECRET + " Again."), lambda: memory.remember(SECRET),
        lambda: theirs.remember(SECRET),
    ):  # fmt: skip
        with pytest.raises(Refused):
            call()
    assert group.audit().verdicts == {"refused": 1}, "what is held already is judged by the audit alone"
    house.restrict("acme", None)
    assert theirs.remember(SECRET).text == SECRET


def test_a_changed_policy_holds_from_the_next_call_on(opened):
    use_under_a_changed_policy(opened)


def test_the_test_of_changed_policies_notices_a_guard_that_looks_only_once(opened, monkeypatch):
    monkeypatch.setattr(guard, "keep_to", lambda space, policy: None)
    with pytest.raises(pytest.fail.Exception):
        use_under_a_changed_policy(opened)


def test_a_policy_set_by_another_process_holds_at_once(house, folder):
    house.create("acme")
    memory = house.space("acme")
    code = (
        "import sys; from holdfast.house import Holdfast; from holdfast import Policy\n"
        "from holdfast.model.policy import Action, Sensitive\n"
        "with Holdfast.open(sys.argv[1], embedder=None) as house:\n"
        "    house.restrict('acme', Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE}))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)
    with pytest.raises(Refused):
        memory.remember(SECRET)


def test_whoever_administers_a_space_cannot_loosen_its_policy_by_an_audit(opened, clock):
    house = opened(policy=Policy(otherwise=Retention(Keep.FOR_A_WHILE, DAY_MS)))
    house.create("acme")
    memory = house.space("acme")
    made = memory.remember("Ada was diagnosed with diabetes and takes insulin.")
    assert memory.admission.audit(LAX, dry_run=False).changes == ()
    kept = memory.get(made.id)
    assert (kept.marks, kept.expires_at) == (("medical",), clock.now_ms() + DAY_MS)


def test_only_who_administers_the_house_sets_policies_and_it_stands_in_the_audit(house):
    house.create("acme", policy=SHY)
    house.grant("ann", "acme", "admin")
    with refused(NotAllowed, "does not administer"):
        house.restrict("acme", None, by="ann")
    with refused(NotAllowed, "does not administer"):
        house.restrict("absent", None, by="ann")
    with refused(NotAllowed, "no space 'absent'"):
        house.restrict("absent", None)
    house.restrict("ACME", REFUSING)
    house.restrict("acme", None)
    told = [(entry.what, entry.detail) for entry in house.audit() if entry.what == "restricted"]
    assert told == [("restricted", policy_text(SHY)), ("restricted", policy_text(REFUSING)), ("restricted", "none")]
    assert house.check() == []
    house.rename("acme", "b")
    assert house.spaces()[0].policy is None


def tampered(folder: Path, sql: str, *values: object) -> None:
    connection = apsw.Connection(str(folder / "house.db"))
    connection.execute(sql, values)
    connection.close()


def test_a_policy_changed_behind_the_house_is_told_by_check(house, opened, folder):
    house.create("acme", policy=REFUSING)
    house.close()
    tampered(folder, "UPDATE space SET policy = NULL")
    (problem,) = opened().check()
    assert "'acme' is not the one the audit records" in problem
    assert "restrict" in problem


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"credential": "whisper"}', '{"telepathy": "refuse"}'])
def test_a_policy_that_cannot_be_read_shuts_its_space_alone_and_can_be_set_again(house, opened, folder, text):
    house.create("acme", policy=REFUSING)
    house.create("other")
    house.space("acme").remember("Kept.")
    house.close()
    tampered(folder, "UPDATE space SET policy = ? WHERE name = 'acme'", text)
    again = opened()
    for call in (lambda: again.space("acme"), lambda: again.recall("kept")):
        with refused(Damaged, "'acme'", "restrict"):
            call()
    assert again.space("other").remember(SECRET).text == SECRET
    assert any("is refused" in problem and "restrict" in problem for problem in again.check())
    again.restrict("acme", REFUSING)
    assert again.check() == []
    assert [record.text for record in again.space("acme").records()] == ["Kept."]


def test_a_registry_of_the_first_version_is_brought_up_to_date(house, opened, folder):
    house.create("acme")
    house.grant("ann", "acme", "write")
    house.space("acme").remember("Kept.")
    house.close()
    as_it_was(folder)
    again = opened()
    assert (again.spaces()[0].name, again.spaces()[0].policy) == ("acme", None)
    assert again.space("acme", as_="ann").remember("More.").text == "More."
    assert again.check() == []


def as_it_was(folder: Path) -> None:
    """Put the registry's content into tables of the first version."""
    old = apsw.Connection(str(folder / "house.db"))
    for table in ("grant", "audit", "tombstone", "space", "principal"):
        old.execute(f'ALTER TABLE "{table}" RENAME TO "new_{table}"')
    old.execute("DROP INDEX grant_principal")
    old.execute(registry_migrations()[0])
    for table in ("principal", "space", "grant", "tombstone", "audit"):
        columns = ", ".join(row[1] for row in old.execute(f'PRAGMA table_info("{table}")'))
        old.execute(f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM "new_{table}"')
        old.execute(f'DROP TABLE "new_{table}"')
    old.execute("PRAGMA user_version=1")
    old.close()


def test_a_file_of_its_own_knows_nothing_of_the_house(house, tmp_path):
    house.create("acme", policy=REFUSING)
    with Memory.open(tmp_path / "own.db", embedder=None) as memory:
        assert memory.remember(SECRET).text == SECRET


@pytest.mark.parametrize("held", [7, 0.5, b"\xff", None])
def test_a_policy_that_is_no_text_any_more_is_damaged(held):
    # What an altered page can make of a text, whatever the column says.
    with pytest.raises(Damaged, match="'acme'"):
        policy_of(held, "acme")
