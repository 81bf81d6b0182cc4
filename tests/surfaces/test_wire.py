"""The wire form: what every ``--json`` and every server says."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from holdfast import errors
from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.insight import Access, History, HistoryEntry, Linked, Reads, Sizes, Summary, Why
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import Kind, Origin, Record, Role, Trust
from holdfast.model.reports import Audited, AuditReport, ImportReport, Skipped
from holdfast.surfaces import wire
from tests.surfaces.shell import GOLDEN, hold

ID = "0192f3c4-5a6b-7c8d-9e0f-112233445566"
OTHER = "0192f3c4-5a6b-7c8d-9e0f-aabbccddeeff"
RECORD = Record(
    id=ID, version=2, recorded_at=1_714_700_000_123, superseded_by=OTHER, superseded_at=1_714_800_000_000,
    kind=Kind.TURN, text="I moved to Lisbon.", valid_from=1_714_600_000_000, valid_to=1_714_900_000_000,
    role=Role.USER, author="Ada", session="chat-1", caption="a photo", subject="Ada", predicate="lives_in",
    object="Lisbon", category="place", tags=("home",), attributes={"floor": 3, "lift": True}, source="chat",
    sources=(OTHER,), origin=Origin.USER, trust=Trust.HIGH, actor="owner", confidence=0.9, importance=0.25,
    arguments="keyed digest",
)  # fmt: skip
HIT = Hit(RECORD, 1.5, {"dense": 1.0, "words": 0.5}, ("similar in meaning",))
RECEIPT = ForgetReceipt(
    id=ID, space=OTHER, node=ID, node_seq=7, at_ms=1_714_700_000_000, actor="owner", reason="asked", forgotten=(OTHER,),
    derived=(), already=(ID,), payloads=1, vectors=2, chain="00ff", residue=(0, 1),
)  # fmt: skip
PROOF = Proof(ID, ((OTHER, 7, "00ff"),))
AUDIT = AuditReport(
    9,
    {"redacted": 1},
    (Audited(RECORD.id, "redacted", ("Redacted payment content: 1 card number (at 0-9).",)),),
    (),
    True,
)
READS = Reads("owner", 3, 1_714_700_000_000, 1_714_800_000_000)
HISTORY = History(
    ID, (HistoryEntry("forgotten", 1_714_700_000_000, 0, None, OTHER, 7, "asked", "owner"),), (READS,), (OTHER,)
)
LINKED = Linked(OTHER, None, 1, ID)
WHY = Why(
    id=ID, state="superseded", record=RECORD, recorded_ms=1_714_700_000_000, sources=(LINKED,), supersedes=(),
    superseded_by=LINKED, falls=(LINKED,), reads=(READS,), receipt=None, words={"state": "It was superseded."},
)  # fmt: skip
VALUES: dict[str, Any] = {
    "record": wire.record_to_wire(RECORD),
    "bare_record": wire.record_to_wire(Record(id=ID, version=1, recorded_at=0, kind=Kind.FACT, text="x", valid_from=0)),
    "recollection": wire.recollection_to_wire(
        Recollection("where?", (HIT,), "text", 12, 0.75, "no model", 3, took_ms=1.23456)
    ),
    "receipt": wire.receipt_to_wire(RECEIPT),
    "preview": wire.preview_to_wire(ForgetPreview((RECORD,), (), (), {"turn": 1}, None, "00ff")),
    "verification": wire.verification_to_wire(Verification(("lost",), None, {"events": 2}, ("copies",))),
    "proof": wire.proof_to_wire(PROOF),
    "history": wire.history_to_wire(HISTORY),
    "why": wire.why_to_wire(WHY),
    "summary": wire.summary_to_wire(
        Summary(
            space=ID,
            live=3,
            superseded=1,
            forgotten=0,
            by_kind={"fact": 1, "turn": 2},
            by_category={"b": 1, "a": 1},
            by_author={},
            sessions=1,
            oldest_ms=0,
            newest_ms=None,
            events=9,
            pending=0,
            model=None,
            size_bytes=4096,
            by_source={"form": 2},
            more_sources=4,
            accesses=(Access("owner", 3, 2, 1, 1_714_700_000_000, 1_714_800_000_000),),
            sizes=Sizes(4096, 1000, 200, 300, 0),
        )
    ),
    "report": wire.report_to_wire(
        ImportReport(3, 2, 1, (Skipped("line 4", "it is not JSON", 4),), ({"question": "where?"},), 5, "conversation")
    ),
    "audit": wire.audit_to_wire(AUDIT),
    "error": wire.error_to_wire(errors.StoreBusy("locked")),
}


def test_the_wire_form_is_the_documented_one():
    hold(GOLDEN / "wire.json", json.dumps(VALUES, indent=2, ensure_ascii=False) + "\n")


@pytest.mark.parametrize(
    ("value", "told", "left_out"),
    [
        (RECORD, VALUES["record"], {"arguments", "body", "verdict", "reasons"}),
        (RECORD, wire.admitted_to_wire(RECORD), {"arguments", "body"}),
        (AUDIT, wire.audit_to_wire(AUDIT), set[str]()),
        (HIT, wire.hit_to_wire(HIT), set[str]()),
        (Recollection("q", (), "", 0, 0.0, None, 0, 1.0), VALUES["recollection"], set[str]()),
        (RECEIPT, VALUES["receipt"], {"at_ms"}),
        (Verification((), None, {}, ()), VALUES["verification"], set[str]()),
        (PROOF, VALUES["proof"], set[str]()),
        (HistoryEntry("", 0, 0, None, None, 0), VALUES["history"]["entries"][0], {"at_ms"}),
        (HISTORY, VALUES["history"], set[str]()),
        (READS, VALUES["history"]["reads"][0], {"first_ms", "last_ms"}),
        (WHY, VALUES["why"], {"recorded_ms"}),
        (LINKED, VALUES["why"]["sources"][0], set[str]()),
        (ImportReport(0, 0, 0), VALUES["report"], set[str]()),
    ],
)
def test_no_field_of_a_value_is_left_out(value: Any, told: dict[str, Any], left_out: set[str]):
    assert {field.name for field in dataclasses.fields(value)} - set(told) == left_out


def test_keys_keep_their_order_whatever_the_value_holds():
    assert list(VALUES["record"]) == list(VALUES["bare_record"])


def test_times_are_iso_in_utc_and_enums_are_names():
    assert VALUES["record"]["recorded_at"] == "2024-05-03T01:33:20.123Z"
    assert (VALUES["record"]["kind"], VALUES["bare_record"]["role"]) == ("turn", "none")


def test_json_reads_back_as_it_was_and_holds_nothing_that_drives_a_terminal():
    text = "a\x1b[31m \x9b \u202eright\u2069 \u200f \x7f \u2028 é 漢 \U0001f600 [bold]"
    shown = wire.to_json({"text": text})
    assert json.loads(shown) == {"text": text}
    assert not set("\x1b\x9b\u202e\u2069\u200f\x7f\u2028") & set(shown)
    assert "é 漢 \U0001f600 [bold]" in shown


def test_a_number_that_is_not_one_is_never_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.to_json({"score": float("nan")})


def test_every_error_has_a_code_of_its_own():
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.HoldfastError)
    ]
    codes = {wire.error_code(kind) for kind in kinds}
    assert len(codes) == len(kinds) > 20
    assert {"store_busy", "not_a_space", "holdfast_error", "key_reused"} <= codes


def test_a_receipt_and_a_proof_come_back_from_the_wire_as_they_were():
    through = json.loads(json.dumps(wire.receipt_to_wire(RECEIPT)))
    assert wire.kept_from_wire(through) == dataclasses.replace(RECEIPT, residue=(0, 0))
    assert wire.kept_from_wire(json.loads(json.dumps(wire.proof_to_wire(PROOF)))) == PROOF


@pytest.mark.parametrize("value", [{}, [], "x", {"heads": 1, "space": ""}, {"id": ID}, None, 7])
def test_what_is_neither_a_receipt_nor_a_proof_is_refused(value: Any):
    with pytest.raises(ValueError, match="lacks or misplaces"):
        wire.kept_from_wire(value)
