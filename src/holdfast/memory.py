"""`Memory`: one space, the way a program uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from holdfast.core.border import check_path
from holdfast.grouped import Grouped
from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.filters import Where
from holdfast.model.insight import History, Summary, Why
from holdfast.model.policy import Policy
from holdfast.model.recollection import Recollection
from holdfast.model.records import Origin, Record, Scalar
from holdfast.model.reports import ImportReport
from holdfast.model.times import When
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.session import Session
from holdfast.space import Space
from holdfast.wiring import open_space

if TYPE_CHECKING:
    from holdfast.adapters.keyring import Keyring
    from holdfast.model.asked import Expectation
    from holdfast.model.encryption import FileKey
    from holdfast.model.intentions import Intention
    from holdfast.model.tiers import TierSpec
    from holdfast.ports.language_model import LanguageModel
    from holdfast.ports.metrics import Metrics


class Memory(Grouped):
    """The memory in one space. Safe to use from several threads; close it when done, or use ``with``.

    Every call that writes returns after the write is durable. Vectors follow in the background.
    """

    def __init__(self, space: Space) -> None:
        self._space = space

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        embedder: Embedder | str | None = "auto",
        as_: str = "owner",
        read_only: bool = False,
        create: bool = True,
        clock: Clock | None = None,
        policy: Policy | None = None,
        touches: bool = True,
        key: bytes | Keyring | FileKey | None = None,
        tokenizer: Count | str | Path | None = None,
        metrics: Metrics | None = None,
        tiers: Iterable[TierSpec] | None = None,
        model: LanguageModel | str | None = None,
    ) -> Self:
        """Open the space in a file, making it first where there is none.

        Args:
            path: A file, or ``:memory:`` for a space that ends with the process.
            embedder: A model; ``"auto"`` finds one (see `holdfast.adapters.embed.resolve`) and goes
                on without where there is none; a folder or address of one; or None to recall by words only.
            as_: Name of the principal who acts, noted with what is written. The caller's own word.
            read_only, create: Never write, the file must be there; or make the file where it is missing.
            policy: What may be kept, see `holdfast.Policy`; None keeps everything as it is said.
            clock: Where times and randomness come from; the machine's own by default.
            touches: Count who reads what, for `summary`, `history` and `why`; never counted when read-only.
            key: Of an encrypted space, also one made here: 32 random bytes, a `Keyring`, or a `FileKey`.
            tokenizer: Counts the tokens of a budget: a function of a text, or a ``tokenizer.json``; else estimated.
            metrics: Is told how long calls take, what recalls come to and how the space grows; nothing is where None.
            tiers: In place of the default ones of their names, or beside them; see `holdfast.TierSpec`.
            model: Sums up sessions, such as ``"ollama:qwen3"`` (`holdfast.adapters.llm.resolve`); extracts where None.

        Raises:
            KeyNeeded, WrongKey, NotEncrypted: the key does not fit; the file was not changed.
            NotASpace, NewerSchema, Damaged, StoreReadOnly, StoreError: the file cannot be used.
            ModelMismatch: the space holds vectors of another model.
        """
        space = open_space(
            check_path(path), embedder, as_, read_only=read_only, create=create, clock=clock, policy=policy,
            touches=touches, key=key, tokenizer=tokenizer, metrics=metrics, tiers=tiers, model=model,
        )  # fmt: skip
        return cls(space)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop background work and release the file. What has no vector yet gets it at the next open."""
        self._space.close()

    def session(
        self, id: str, *, user: str | None = None, agent: str | None = None, idle_ttl_s: float | None = None  # noqa: A002
    ) -> Session:  # fmt: skip
        """The session with that id, new or resumed; see `Session`."""
        return Session(self._space, id, user=user, agent=agent, idle_ttl_s=idle_ttl_s)

    def remember(
        self,
        text: str,
        *,
        category: str | None = None,
        subject: str | None = None,
        predicate: str | None = None,
        object: str | None = None,  # noqa: A002
        source: str | None = None,
        sources: Sequence[str] = (),
        key: str | None = None,
        when: When | None = None,
        until: When | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
        confidence: float = 1.0,
        importance: float = 0.5,
        origin: Origin | str = Origin.USER,
        readmit: bool = False,
    ) -> Record:
        """Remember a fact.

        Args:
            category: One of `holdfast.CATEGORIES`.
            source: Where it came from, in your words.
            sources: Ids of the memories it was derived from; it is forgotten with any of them.
            key: Idempotency key: the same call again gives the same memory, another body is a conflict.
            when, until: When it became true and when it stops being true; now and never by default.
            confidence, importance: 0 to 1.
            readmit: Take it in although these words were forgotten or corrected before.

        Raises:
            InvalidInput: a value is not acceptable.
            Gone: these words, or the memory made with this key, were forgotten.
            Rejected: these words were corrected.
            Refused: the policy keeps nothing of it.
            KeyReused: the key was used with other arguments.
            NotFound: one of ``sources`` is not here.
        """
        return self._space.remembering.remember(
            text, category=category, subject=subject, predicate=predicate, object_=object, source=source,
            sources=sources, key=key, when=when, until=until, tags=tags, attributes=attributes,
            confidence=confidence, importance=importance, origin=origin, readmit=readmit,
        )  # fmt: skip

    def correct(
        self,
        id: str,  # noqa: A002
        text: str,
        *,
        when: When | None = None,
        version: int | None = None,
        reason: str | None = None,
        origin: Origin | str = Origin.USER,
    ) -> Record:
        """Replace what a memory says by what is right; gives the new memory.

        The old one is superseded: kept in history, not recalled any more, and its words do not come
        back by themselves. A turn stays in its session as it was said.

        Args:
            when: Since when the correction is true; now by default.
            version: The version you have seen; a later one is a conflict.

        Raises:
            NotFound, Gone, VersionConflict, InvalidInput.
        """
        return self._space.remembering.correct(id, text, when=when, version=version, reason=reason, origin=origin)

    def revise(
        self,
        id: str,  # noqa: A002
        *,
        version: int | None = None,
        category: str | None = None,
        tags: Sequence[str] | None = None,
        attributes: Mapping[str, Scalar] | None = None,
        confidence: float | None = None,
        importance: float | None = None,
        until: When | None = None,
    ) -> Record:
        """Change what is noted about a memory, never what it says; what is None stays as it is.

        Args:
            version: Compare and set: the version you have seen; a later one is a conflict.
            attributes: Replace all attributes.

        Raises:
            NotFound, Gone, VersionConflict, InvalidInput.
        """
        return self._space.remembering.revise(
            id, version=version, category=category, tags=tags, attributes=attributes, confidence=confidence,
            importance=importance, until=until,
        )  # fmt: skip

    def forget(
        self, *ids: str, about: str | None = None, mentions: bool = False, session: str | None = None,
        since: When | None = None, until: When | None = None, where: Where | None = None, query: str | None = None,
        limit: int = 10, confirm: str | None = None, reason: str | None = None,
    ) -> ForgetReceipt:  # fmt: skip
        """Erase memories and everything derived from them, everywhere in the space, for good.

        What meets every condition given is erased, superseded memories too. The receipt is recorded in
        the journal's chain, with the reason, which stays.

        Args:
            about: Said by, or noted about, the person or thing of that name.
            mentions: With ``about``, also what only names it, in the text or another field.
            session, where, since, until: See `recall`.
            query: What a recall of this finds, ``limit`` memories at most.
            confirm: The token of a `preview_forget`: needed for more than 100 memories, and where the
                selection is a guess (``mentions``, ``query``).

        Raises:
            NotFound: one of the ids is unknown; then nothing is forgotten.
            ConfirmationNeeded, InvalidInput: a token is needed, or is of other memories; no condition that can be one.
        """
        selection = self._space.forgetting.selection(
            ids, about=about, mentions=mentions, session=session, since=since, until=until, where=where, query=query,
            limit=limit,
        )  # fmt: skip
        return self._space.forgetting.forget(selection, reason=reason, confirm=confirm)

    def preview_forget(
        self, *ids: str, about: str | None = None, mentions: bool = False, session: str | None = None,
        since: When | None = None, until: When | None = None, where: Where | None = None, query: str | None = None,
        limit: int = 10,
    ) -> ForgetPreview:  # fmt: skip
        """What `forget` would erase under these conditions, what would fall with it, and what only names it."""
        selection = self._space.forgetting.selection(
            ids, about=about, mentions=mentions, session=session, since=since, until=until, where=where, query=query,
            limit=limit,
        )  # fmt: skip
        return self._space.forgetting.preview(selection)

    def receipts(self) -> list[ForgetReceipt]:
        """Every receipt that is recorded, oldest first."""
        return self._space.forgetting.receipts()

    def proof(self) -> Proof:
        """The heads of the journal's chains: kept elsewhere, they show any later change of the past."""
        return self._space.forgetting.proof()

    def verify(self, kept: ForgetReceipt | Proof | str) -> Verification:
        """Whether a receipt (or the one of that id) still holds, or the journal still passes through a proof.

        Raises:
            NotFound: there is no receipt of that id.
        """
        return self._space.forgetting.verify(kept)

    def recall(
        self, query: str, *, budget_tokens: int | None = None, limit: int | None = None, where: Where | None = None,
        since: When | None = None, until: When | None = None, now: When | None = None, thorough: bool = False,
        min_confidence: float = 0.0, at: When | None = None,
    ) -> Recollection:  # fmt: skip
        """What is remembered about a question, best first, with reasons.

        Args:
            query: A question or topic in any words, 1 to 100,000 characters.
            budget_tokens: Take the best set of hits whose text stays within so many; see `holdfast.core.packing`.
            limit: The most hits, 1 to 1,000; where None, 10, and with a budget as many as it holds.
            where: Only memories for which this filter is true, a mapping or a text such as
                ``"category = health and not tag in (a, b)"``; see `holdfast.core.filters`.
            since, until: Only what was said, or became true, from and before these times.
            now: The moment the question is asked, for "last week"; the clock's by default.
            thorough: Look closer at the best candidates, token by token; the first look at a text takes longest.
            min_confidence: Give no hits where the confidence is below this, 0 to 1; it is still told.
            at: Answer as then; takes what `Memory.at` takes, which is the better one for several questions.

        Raises:
            InvalidText, InvalidFilter, InvalidTime, InvalidField.
        """
        with self._space.then(at) as space:
            return space.recalling.recall(
                query, budget_tokens=budget_tokens, limit=limit, where=where, since=since, until=until, now=now,
                thorough=thorough, min_confidence=min_confidence,
            )  # fmt: skip

    def expect(
        self, query: str, *, contains: str | Sequence[str] = (), not_contains: str | Sequence[str] = (),
        id: str | None = None, limit: int = 10, where: Where | None = None,  # noqa: A002
    ) -> Expectation:  # fmt: skip
        """See `holdfast.groups.Expectations.add`."""
        return self.expectations.add(
            query, contains=contains, not_contains=not_contains, id=id, limit=limit, where=where
        )

    def intend(
        self, text: str, *, when: When | None = None, event: str | None = None, condition: Where | None = None,
        until: When | None = None, about: str | None = None, session: str | None = None, key: str | None = None,
    ) -> Intention:  # fmt: skip
        """See `holdfast.intentions.Intentions.add`."""
        of = {"about": about, "session": session, "key": key}
        return self.intentions.add(text, when=when, event=event, condition=condition, until=until, **of)

    def get(self, id: str) -> Record:  # noqa: A002
        """One memory, live or superseded.

        Raises:
            NotFound, Gone, Damaged.
        """
        return self._space.inspecting.get(id)

    def history(self, id: str) -> History:  # noqa: A002
        """Everything that happened to a memory, oldest first, and who read it; works for forgotten ones too."""
        return self._space.inspecting.history(id)

    def why(self, id: str) -> Why:  # noqa: A002
        """Why a memory is held, in words: where it came from, what it rests on, who used it; forgotten ones too."""
        return self._space.explaining.why(id)

    def records(self, *, where: Where | None = None, quarantined: bool = False) -> Iterator[Record]:
        """Every live memory that matches, in order of arrival, quarantined ones on request; see `recall`."""
        return self._space.inspecting.records(where, quarantined=quarantined)

    def at(self, moment: When | None = None, *, seq: int | None = None) -> Memory:
        """The memory as it was at a time, or after event ``seq``, read-only, without what was erased since.

        Takes about a second for 50,000 events. Close it when done. It is closed when this process forgets of it.

        Raises:
            InvalidInput: neither or both were given, or one is out of range.
        """
        return Memory(self._space.at(moment, seq))

    def summary(self) -> Summary:
        """What is kept, where it came from, who used it, and how much room it takes."""
        return self._space.embedding.noted_in(self._space.inspecting.summary())

    def import_(
        self,
        source: str | Path | Iterable[str],
        *,
        format: str = "auto",  # noqa: A002
        skip_errors: bool = False,
        zone: str = "UTC",
        dry_run: bool = False,
        confirm_removal: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """Take in conversations, what `export` wrote, or what another program keeps; again adds nothing twice.

        Facts from documents that are followed (Markdown, Mem0, blocks of Letta) and are gone there are
        forgotten, with the reason "removed at its source"; should they come back there, they come back here.

        Args:
            source: A file, a folder, or the lines of a file in one of Holdfast's own formats.
            format: ``auto``, ``conversation``, ``records``, or the name of another program's format.
            skip_errors: Go on after a line that cannot be taken and report it; otherwise an import stops there. What
                other programs keep is read to the end: reported is the whole conversation, or the entry with this.
            zone: Offset for times that have none: ``UTC`` or such as ``+01:00``.
            dry_run: Write nothing; the report says what an import would do.
            confirm_removal: Needed where more than 100 facts beyond the new ones are gone at their source; and where
                more than 100 memories, all, or whole pages are gone from exported pages.
            progress: Called with bytes done and bytes in all, or, for lines, entries done and entries known so far.

        Raises:
            UnknownFormat: nothing in it is a format Holdfast reads.
            ImportStopped: a line could not be taken; what came before it is kept.
            ConfirmationNeeded: much is gone at its source; all else was imported.
        """
        return self._space.transfer.import_(
            source, format_=format, skip_errors=skip_errors, zone=zone, dry_run=dry_run,
            confirm_removal=confirm_removal, progress=progress,
        )  # fmt: skip

    def export(self, *, superseded: bool = False, about: str | None = None, mentions: bool = False) -> Iterator[str]:
        """Every live memory as one JSON object a line, in order of arrival; `Storage.journal` gives the whole space.

        Args:
            superseded: Superseded ones too.
            about: All that was said by or noted about that name, earlier versions too, each with where it came from.
            mentions: With ``about``, also what only names it.

        Raises:
            Damaged: a memory is not what was written; what came before it has been given.
        """
        return self._space.transfer.export(superseded=superseded, about=about, mentions=mentions)

    def settle(self, timeout_s: float | None = None, *, progress: Callable[[int, int], None] | None = None) -> int:
        """Wait until every memory has its vector; gives how many still have none when time is up.

        Raises:
            EmbedderError, InvalidVector: the model fails; what has no vector stays searchable by its words.
        """
        return self._space.embedding.settle(timeout_s, progress=progress)

    def check(self) -> list[str]:
        """What is wrong with the space, in words; empty when all is well."""
        return self._space.inspecting.check()
