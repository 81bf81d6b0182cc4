"""Canaries on every surface of a space, forgotten in ten ways, and looked for everywhere."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from bench.forgetting_faults import plant_fault
from holdfast.adapters.sqlite.connection import blocks
from holdfast.core import lexical
from holdfast.core.lexical import decode_terms, term_hashes
from holdfast.core.secrets import subkey
from holdfast.errors import Gone, NotFound, Rejected
from holdfast.memory import Memory
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.records import Content
from holdfast.model.reports import Turn
from holdfast.model.times import parse_when
from holdfast.testing.embedders import HashEmbedder

WAYS = ("id", "about", "mentions", "session", "time", "category", "source", "query", "tag", "removal")
CATEGORY = "skill"
"""What only the canaries of one way are; the others have none, or another."""
LONG_AGO = "1981-03-{day:02}"
"""When the canaries of one way became true."""
NEAR = 0.97
"""Cosine from which a stored vector is that of the text: 8-bit integers keep 0.9999 of it."""

PLANTED = frozenset(
    [
        "text",
        "author",
        "session",
        "caption",
        "subject",
        "predicate",
        "object",
        "category",
        "tags",
        "attributes",
        "source",
        "arguments",
        "valid_from",
        "body",
    ]
)
"""Fields of a memory that hold a canary, or what tells some of them from all others."""
NOT_WORDS = frozenset(
    "kind role sources origin trust actor confidence importance marks quarantined expires_at replaces valid_to".split()  # noqa: SIM905
)
"""Fields that can only hold numbers, names of classes, ids of memories, and the name of a principal."""

ACCOUNTED = {
    "meta": "key value",
    "node": "ref id node_seq hlc chain",
    "event": "seq node node_seq hlc type n record version other commitment chain salt payload",
    "memory": "n id state version seq close_seq closed_by tomb_seq receipt kind role origin said_ms session author "
    "category subject source terms",
    "tag": "n tag",
    "mark": "n mark",
    "expiry": "at_ms n",
    "derivation": "source n",
    "bar": "digest reason seq",
    "model": "only_row fingerprint dimensions seq",
    "backlog": "n",
    "vector": "revision n entry data",
    "visitor": "ref principal",
    "access": "visitor node reads listed writes first_ms last_ms",
    "touch": "n visitor node count first_ms last_ms",
    "snapshot": "seq hlc at_ms anchors kept digest is_horizon seal",
    "scratch": "session key value expires_ms",
    "recent": "place session id at_ms line expires_ms episode_ms",
    "sqlite_sequence": "name seq",
}
"""Every column of a space, so that a new one cannot be overlooked. Whatever may hold words is looked through, as
bytes of the files; beside that `terms` and `vector.data` are decoded, and these hold rows of a memory alone:"""
OF_A_MEMORY = ("tag", "mark", "expiry", "derivation", "backlog", "vector", "touch")


@dataclass
class Canary:
    """One made-up word, and where it is.

    Attributes:
        ids: The memories that hold it.
        turn: It was said in a session, and is no fact.
    """

    word: str
    way: str
    turn: bool
    ids: list[str] = field(default_factory=list[str])

    def on(self, surface: str) -> str:
        """The canary as it stands on one surface: so that what is found says where it was."""
        return f"{self.word}{surface}"


@dataclass
class Findings:
    """What was left of canaries, in words."""

    found: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])

    def note(self, where: str, what: object, canaries: list[Canary]) -> None:
        """Look for canaries in what somebody can see."""
        text = what if isinstance(what, str) else repr(what)
        self.found += [f"{where}: {one}" for one in words_in(text.encode(), canaries)]


def words_in(data: bytes, canaries: list[Canary]) -> set[str]:
    """Canaries in bytes, each with the surface it stood on, however they are capitalised."""
    known = {one.word for one in canaries}
    seen = (match[0].decode() for match in re.finditer(rb"zq[a-z]{10}[a-z]*", data.lower()))
    return {word for word in seen if word[:12] in known}


def schema_gaps(memory: Memory) -> list[str]:
    """Columns of the space, and fields of a memory, that nobody has accounted for here."""
    with memory._space.store.reading() as reader:
        tables = [row[0] for row in reader.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        held = {
            (table, row[0])
            for table in tables
            for row in reader.rows("SELECT name FROM pragma_table_info(?)", (table,))
        }
    told = {(table, column) for table, columns in ACCOUNTED.items() for column in columns.split()}
    gaps = [f"column {'.'.join(one)} is not accounted for" for one in sorted(held - told)]
    gaps += [f"column {'.'.join(one)} is not there any more" for one in sorted(told - held)]
    known = {one.name for one in fields(Content)}
    gaps += [f"field {name} of a memory is not accounted for" for name in sorted(known ^ (PLANTED | NOT_WORDS))]
    return gaps + [
        f"rows of {table} are not erased with their memory"
        for table, column in sorted(held)
        if column == "n" and table not in (*OF_A_MEMORY, "event", "memory")
    ]


# Planting


class Nest:
    """Plants canaries into a space, and takes them out."""

    def __init__(self, folder: Path, seed: int, count: int, embedder: HashEmbedder) -> None:
        chance = random.Random(seed)
        self.folder, self.embedder = folder, embedder
        self.space = folder / "space"
        self.space.mkdir()
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.canaries = [
            Canary("zq" + "".join(chance.choices("abcdefghijklmnop", k=10)), WAYS[place % len(WAYS)], place % 20 >= 10)
            for place in range(count)
        ]
        self.entries: list[str] = []
        self.said: list[dict[str, str]] = []

    def open(self) -> Memory:
        """The space."""
        return Memory.open(self.space / "canaries.db", embedder=self.embedder)

    def of(self, way: str) -> list[Canary]:
        """Those that are forgotten in one way."""
        return [one for one in self.canaries if one.way == way]

    def plant(self, memory: Memory) -> None:
        """Put canaries on every surface, among bystanders."""
        for number in range(len(self.canaries)):
            memory.session(f"talk {number % 7}").add("user", f"Bystander {number} counts clouds.", when="2024-05-01")
            memory.remember(f"Bystander {number} keeps bees.", subject=f"bystander {number}", tags=["bees"])
        for place, one in enumerate(self.canaries):
            if one.way == "removal":
                (self.notes / f"{one.word}.md").write_text(f"# {one.on('text')}\n\nA {one.on('object')} in a note.\n")
            elif one.turn and one.way not in ("category", "source"):
                self._say(memory, one, place)
            else:
                self._state(memory, one, place)
        memory.import_(self.notes)
        memory.import_([self.conversation()])
        for record in memory.records():
            for word in words_in(repr(record).encode(), self.canaries):
                one = next(one for one in self.canaries if one.word == word[:12])
                if record.id not in one.ids:
                    one.ids.append(record.id)
        for one in self.canaries:
            made = memory.remember(
                f"So it was {one.on('derived')}.", subject="bystander 1", sources=one.ids[:1], origin="inferred"
            )
            if one.way == "id":
                one.ids.append(memory.expect(f"What is {one.on('question')}?", contains=one.on("expected")).id)
            self._set_aside(memory, one)
            below = memory.remember(f"And so {one.on('below')}.", sources=[made.id], origin="inferred")
            memory.recall(one.on("text"))
            one.ids += [made.id, below.id]
        memory.settle()
        self.entries = [record.entry for record in memory.records() if words_in(record.entry.encode(), self.canaries)]

    def _set_aside(self, memory: Memory, one: Canary) -> None:
        """Blocks and intentions, of those that are forgotten in a way that reaches them."""
        if one.way in ("id", "mentions"):
            block = memory.blocks.create(
                one.on("label"), f"It says {one.on('block')} {one.on('text')}.", description=one.on("described")
            )
            memory.blocks.write(block.label, "It says nothing any more.")
            one.ids.append(block.id)
        if one.way in ("id", "about", "session"):
            intention = memory.intentions.add(
                f"Ask about {one.on('intended')}.", event=one.on("event"),
                about=one.on("author" if one.turn else "subject"),
                session=one.on("session") if one.way == "session" else None,
            )  # fmt: skip
            memory.intentions.fire(one.on("event"))
            memory.intentions.take(session=one.on("taker"))
            one.ids.append(intention.id)

    def conversation(self) -> str:
        """A line of a file with what some of the canaries said, to be imported, and imported again."""
        entries = [
            {"author": one.on("author") if one.way == "about" else "Ada", "text": f"Imported {one.on('text')}."}
            for one in self.canaries
            if one.turn and one.way in ("about", "mentions", "query", "id")
        ]
        return json.dumps({"conversation": "old talk", "entries": entries})

    def _say(self, memory: Memory, one: Canary, place: int) -> None:
        when = LONG_AGO.format(day=1 + place % 28) if one.way == "time" else "2024-06-01"
        turn = Turn(
            speaker="user",
            when_ms=parse_when(when),
            text=f"I told them {one.on('text')} {one.word} and left.",
            author=one.on("author") if one.way in ("about", "id", "time") else None,
            caption=f"a picture of {one.on('caption')}",
            source=one.on("source"),
            key=one.on("key"),
            tags=(one.on("tag"), *(("canaries",) if one.way == "tag" else ())),
            attributes={one.on("name"): one.on("value")},
        )
        chat = memory.session(one.on("session"))
        one.ids.append(chat.add_many([turn])[0].id)
        if one.way == "session":  # a value makes the session itself a record, which goes with the session alone
            chat.scratch.put("note", one.on("noted"))

    def _state(self, memory: Memory, one: Canary, place: int) -> None:
        record = memory.remember(
            f"It is {one.on('text')} {one.word} at last.",
            category=CATEGORY if one.way == "category" else "other",
            subject=one.on("subject"),
            predicate=one.on("predicate"),
            object=one.on("object"),
            source="canaries" if one.way == "source" else one.on("source"),
            key=one.on("key"),
            when=LONG_AGO.format(day=1 + place % 28) if one.way == "time" else "2024-06-02",
            tags=(one.on("tag"), *(("canaries",) if one.way == "tag" else ())),
            attributes={one.on("name"): one.on("value")},
        )
        memory.revise(record.id, importance=0.9, attributes={one.on("revised"): one.on("value")})
        one.ids.append(record.id)
        self.said.append({"text": record.text, "word": one.word})
        if one.way in ("id", "category", "source", "tag"):
            better = memory.correct(record.id, f"It was {one.on('corrected')}.", reason=f"{one.on('reason')} says so")
            one.ids.append(better.id)

    # Forgetting

    def forget(self, memory: Memory) -> Iterator[ForgetReceipt]:
        """Forget them in ten ways."""

        def go(*ids: str, **conditions: object) -> ForgetReceipt:
            preview = memory.preview_forget(*ids, **conditions)  # type: ignore[arg-type]
            return memory.forget(*ids, **conditions, confirm=preview.token)  # type: ignore[arg-type]

        for one in self.of("id"):
            yield go(*one.ids[:-2])
        for one in self.of("about"):
            yield go(about=one.on("author" if one.turn else "subject"))
        for one in self.of("mentions"):
            for surface in ("text", "subject"):
                yield go(about=one.on(surface).upper(), mentions=True)
        for one in self.of("session"):
            yield go(session=one.on("session")) if one.turn else go(where={"subject": one.on("subject")})
        yield go(since="1981-03-01", until="1981-04-01")
        yield go(where={"category": CATEGORY})
        yield go(where={"source": "canaries"})
        for one in self.of("query"):
            # What the first hit says decides, as it would for a person who looks at the preview.
            while one.word in repr(memory.preview_forget(query=one.on("text"), limit=1).selected):
                yield go(query=one.on("text"), limit=1)
        yield go(where={"tag": "canaries"})
        for file in self.notes.iterdir():
            file.unlink()
        (self.notes / "kept.md").write_text("# Kept\n\nA note about bees.\n")
        memory.import_(self.notes)
        removed = [receipt for receipt in memory.receipts() if receipt.reason == "removed at its source"]
        yield from removed


# Looking


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a space, whole, read without disturbing its locks."""
    for path in sorted(folder.iterdir()):
        yield path.name, b"".join(blocks(path, 1 << 20)) if path.stat().st_size else b""


def look(nest: Nest, memory: Memory, findings: Findings, when: str) -> None:
    """Everything that can be seen of a space."""
    canaries = nest.canaries
    for name, data in files_of(nest.space):
        findings.found += [f"{when}, file {name}: {word}" for word in words_in(data, canaries)]
    findings.note(f"{when}, records", list(memory.records(quarantined=True)), canaries)
    findings.note(f"{when}, export", list(memory.export(superseded=True)), canaries)
    findings.note(f"{when}, summary", memory.summary(), canaries)
    findings.note(f"{when}, receipts", memory.receipts(), canaries)
    with memory._space.store.reading() as reader:
        findings.note(f"{when}, names", reader.names(), canaries)
    for one in canaries:
        found = memory.recall(one.on("text"), limit=20)
        findings.note(f"{when}, recall", [(hit.text, hit.record) for hit in found], canaries)
        for record in one.ids:
            with suppress(NotFound):
                findings.note(f"{when}, history", memory.history(record), canaries)
    findings.found += [f"{when}, terms: {word}" for word in words_in_terms(nest, memory)]
    findings.found += [f"{when}, vector: {entry}" for entry in near_vectors(nest, memory)]
    findings.found += [f"{when}, {row}" for row in rows_left(nest, memory)]


def words_in_terms(nest: Nest, memory: Memory) -> set[str]:
    """Words of canaries whose keyed hash is among the stored terms."""
    space = memory._space
    key = subkey(space.ledger.secret, "terms")
    wanted = {
        term: word
        for one in nest.canaries
        for word in words_in(" ".join(nest.entries).encode(), [one])
        for term in term_hashes(word, key)
    }
    with space.store.reading() as reader:
        # Behind the terms stands their check, of four bytes.
        blobs = [row[0][:-4] for row in reader.rows("SELECT terms FROM memory WHERE terms IS NOT NULL")]
    stored = set(decode_terms(blobs).hashes.tolist()) if blobs else set[int]()
    return {word for term, word in wanted.items() if term in stored}


def near_vectors(nest: Nest, memory: Memory) -> set[str]:
    """Entries of canaries to which a stored vector is as near as their own was."""
    with memory._space.store.reading() as reader:
        stored = reader.vectors(0)
    if not len(stored.ns):
        return set()
    matrix = stored.values.astype(np.float32) * stored.scales[:, None]
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    nearest = (nest.embedder.embed(nest.entries) @ matrix.T).max(axis=1)
    return {entry for entry, cosine in zip(nest.entries, nearest.tolist(), strict=True) if cosine >= NEAR}


def rows_left(nest: Nest, memory: Memory) -> list[str]:
    """Rows of canaries' memories in tables that hold nothing of what is forgotten."""
    ids = {bytes.fromhex(record.replace("-", "")) for one in nest.canaries for record in one.ids}
    with memory._space.store.reading() as reader:
        ns = {n for n, record in reader.rows("SELECT n, id FROM memory") if record in ids}
        return [
            f"a row of {table}" for table in OF_A_MEMORY for (n,) in reader.rows(f"SELECT n FROM {table}") if n in ns
        ]


def cached(nest: Nest, memory: Memory) -> set[str]:
    """Words of canaries in what this process keeps of them."""
    index = memory._space.index
    kept: list[object] = [list(words) for words in lexical._caches.values()]
    kept.append([] if index._corpus is None else [index._corpus._authors, index._corpus._sessions])
    return words_in(repr(kept).encode(), nest.canaries)


def campaign(folder: Path, seed: int, count: int, plant: str | None) -> Findings:
    """Plant, forget, look; gives what was left, or was missing before."""
    nest, findings = Nest(folder, seed, count, HashEmbedder(256)), Findings()
    with nest.open() as memory:
        findings.lost += schema_gaps(memory)
        nest.plant(memory)
        _expect_planted(nest, memory, findings)
        before, bystanders = memory.summary(), _bystanders(memory, nest)
        exported = list(memory.export(superseded=True))
        memory.recall("Who counts clouds?")
        undo = plant_fault(plant, memory) if plant else None
        receipts = list(nest.forget(memory))
        # First of all: looking asks for the words, and so puts them into the caches again.
        findings.found += [f"cache: {word}" for word in cached(nest, memory)]
        findings.lost += [f"receipt {one.id} is pending: {one.pending}" for one in receipts if one.pending]
        findings.lost += [f"receipt {one.id}: {one.residue} found" for one in receipts if one.residue[0]]
        look(nest, memory, findings, "forgotten")
        _look_back(nest, memory, findings, before.events)
        _bring_back(nest, memory, findings, exported)
        look(nest, memory, findings, "imported again")
        memory.storage.rebuild()
        if undo:
            undo()
        look(nest, memory, findings, "rebuilt")
        for one in receipts:
            for kept in (one, one.id) if one.chain else (one,):
                verified = memory.verify(kept)
                findings.lost += [f"receipt {one.id} does not verify: {verified}"] if not verified.holds else []
        left = _bystanders(memory, nest)
        findings.lost += [f"{len(bystanders - left)} bystanders were lost"] if bystanders - left else []
        findings.lost += memory.check()
    for name, data in files_of(nest.space):
        findings.found += [f"closed, file {name}: {word}" for word in words_in(data, nest.canaries)]
    return findings


def _expect_planted(nest: Nest, memory: Memory, findings: Findings) -> None:
    """Without this a search that finds nothing would say nothing."""
    data = b"".join(data for _, data in files_of(nest.space))
    seen = {word[12:] for word in words_in(data, nest.canaries)}
    surfaces = {"text", "author", "session", "caption", "subject", "predicate", "object", "tag", "name", "value"}
    surfaces |= {"source", "corrected", "reason", "revised", "derived", "below", "question", "expected"}
    surfaces |= {"block", "label", "described", "intended", "event", "taker", "noted"}
    findings.lost += [f"no canary was planted as {surface}" for surface in sorted(surfaces - seen)]
    words = {word[:12] for word in words_in(data, nest.canaries)}
    findings.lost += [f"canary {one.word} was not planted" for one in nest.canaries if one.word not in words]
    if len(words_in_terms(nest, memory)) < len(nest.canaries) or len(near_vectors(nest, memory)) < len(nest.canaries):
        findings.lost.append("terms or vectors of canaries were not there before")


def _bystanders(memory: Memory, nest: Nest) -> set[str]:
    ids = {record for one in nest.canaries for record in one.ids}
    return {record.id for record in memory.records() if record.id not in ids}


def _look_back(nest: Nest, memory: Memory, findings: Findings, last: int) -> None:
    """The past, as it was before anything was forgotten and in the middle of it."""
    for seq in (last // 2, last, last + len(nest.canaries)):
        with memory.at(seq=seq) as past:
            findings.note(f"at {seq}, records", list(past.records()), nest.canaries)
            findings.note(f"at {seq}, export", list(past.export(superseded=True)), nest.canaries)
            for one in nest.canaries[::10]:
                hits = [hit.record for hit in past.recall(one.on("text"))]
                findings.note(f"at {seq}, recall", hits, nest.canaries)


def _bring_back(nest: Nest, memory: Memory, findings: Findings, exported: list[str]) -> None:
    """Everything that would bring them back by itself: their sources once more, and their words."""
    added = memory.import_([nest.conversation()]).added + memory.import_(exported).added
    findings.found += [f"imported again: {added} memories"] if added else []
    memory.import_(nest.notes)
    for said in nest.said:
        with suppress(Gone, Rejected):
            memory.remember(said["text"])
            findings.found.append(f"learned again: {said['word']}")
