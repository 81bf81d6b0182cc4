"""Random contents and records, for the tests of everything that writes and reads them."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import strategies as st

from holdfast.core.border import check_label
from holdfast.errors import InvalidInput
from holdfast.model.ids import id_text
from holdfast.model.records import CATEGORIES, TRUST_OF_ORIGIN, Content, Kind, Origin, Record, Role, Trust
from holdfast.model.times import EARLIEST_MS, LATEST_MS


def is_label(text: str) -> bool:
    try:
        check_label(text, "label")
    except InvalidInput:
        return False
    return True


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80).filter(str.strip)
letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp"))
labels = st.one_of(
    st.text(letters, min_size=1, max_size=20),
    st.tuples(st.text(letters, min_size=1, max_size=9), st.text(letters, min_size=1, max_size=9)).map(" ".join),
).filter(is_label)
ids = st.integers(1, 2**128 - 1).map(lambda number: id_text(number.to_bytes(16, "big")))
units = st.floats(0, 1)
scalars = st.one_of(
    texts, st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans()
)
moments = st.integers(EARLIEST_MS, LATEST_MS - 1)


def some(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(st.none(), strategy)


ASKED = {
    Kind.RECALL: '{"budget_tokens":null,"degraded":null,"engine":"0.1.0","hits":[["a",1.5]],"limit":3,"model":null,'
    '"node":"n","now_ms":5,"seq":2,"since_ms":null,"space":"s","thorough":false,"until_ms":null,"where":{}}',
    Kind.EXPECTATION: '{"contains":["x"],"limit":3,"memory":null,"not_contains":[],"where":{"author":{"eq":"Ada"}}}',
    Kind.SESSION: '{"agent":null,"closed_ms":5,"id":"s","idle_ttl_s":1800.0,"summaries":[],"through":null,'
    '"user":"Ada","why":"idle"}',
    Kind.BLOCK: '{"blank":null,"description":"who","label":"persona","limit":2000,"unit":"characters","writers":["a"]}',
    Kind.PROCEDURE: '{"procedure":{"description":"Explain it.","name":"explain","steps":[{"prompt":"Say it."}]},'
    '"same_as":null,"state":"active"}',
    Kind.TRIAL: '{"cost":null,"noted":true,"of":"00112233445566778899aabbccddeeff","procedure":"explain",'
    '"seconds":1.5,"success":true,"version":1}',
    Kind.WINDOW: '{"by":null,"first":"0190a1b2-0000-7000-8000-000000000001","index":0,"kept":[],"level":0,"messages":4,'
    '"series":"summary","session":"s","since_ms":5,"system":[],"system_tokens":0,'
    '"through":"0190a1b2-0000-7000-8000-000000000004","tokens":40,"until_ms":9}',
    Kind.FILE: '{"blank":null,"path":"notes/ada.md"}',
    Kind.ITEM: '{"created_ms":5,"key":"prefs","namespace":["users","ada"],"ttl_s":null,"value":{"text":"likes tea"}}',
    Kind.CHECKPOINT: '{"data":"{}","name":["c1"],"namespace":"","part":0,"parts":1,"thread":"t"}',
    Kind.CHANNEL: '{"data":"[]","name":["messages","1"],"namespace":"","part":0,"parts":2,"thread":"t"}',
    Kind.TASK_WRITES: '{"data":"[]","name":["c1","task"],"namespace":"sub","part":1,"parts":2,"thread":"t"}',
    Kind.INTENTION: '{"condition":{"open_tickets":{"gt":3}},"event":null,"fired_ms":null,"met_ms":null,"said":null,'
    '"snoozed_until_ms":null,"state":"pending","taken_by":null,"until_ms":5,"when_ms":null}',
}


@st.composite
def contents(draw: st.DrawFn) -> Content:
    start, origin, kind = draw(moments), draw(st.sampled_from(Origin)), draw(st.sampled_from(Kind))
    return Content(
        kind=kind, body=ASKED.get(kind), text=draw(texts), valid_from=start,
        valid_to=draw(some(st.integers(start + 1, LATEST_MS))), role=draw(st.sampled_from(Role)),
        author=draw(some(labels)), session=draw(some(labels)), caption=draw(some(texts)), subject=draw(some(labels)),
        predicate=draw(some(labels)), object=draw(some(labels)), category=draw(some(st.sampled_from(CATEGORIES))),
        tags=draw(st.lists(labels, max_size=3, unique=True).map(tuple)),
        attributes=draw(st.dictionaries(labels, scalars, max_size=3)), source=draw(some(labels)),
        sources=draw(st.lists(ids, max_size=2, unique=True).map(tuple)), origin=origin,
        trust=draw(st.sampled_from([trust for trust in Trust if trust <= TRUST_OF_ORIGIN[origin]])),
        actor=draw(labels), confidence=draw(units), importance=draw(units), arguments=draw(some(labels)),
    )  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> Record:
    content = draw(contents())
    return Record(
        **{field.name: getattr(content, field.name) for field in fields(Content)},
        id=draw(ids), version=draw(st.integers(1, 99)), recorded_at=draw(moments), superseded_by=draw(some(ids)),
    )  # fmt: skip
