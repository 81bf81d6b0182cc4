"""Many threads and tasks at once: everything acknowledged is there, once, and the space is whole."""

from __future__ import annotations

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast import AsyncMemory, Turn
from holdfast.errors import Gone, InvalidField, Rejected, VersionConflict
from holdfast.testing.embedders import FaultyEmbedder
from tests.services.scenes import found


def test_threads_that_do_everything_at_once_lose_nothing(opened, path, model):
    memories = [opened(path, embedder=model), opened(path, embedder=FaultyEmbedder())]
    kept: dict[str, str] = {}
    gone: set[str] = set()
    lock = threading.Lock()

    def work(worker: int) -> None:
        chance = random.Random(worker)
        memory = memories[worker % 2]
        chat = memory.session(f"chat-{worker % 4}", user=f"User{worker}")
        mine: dict[str, str] = {}
        lost: set[str] = set()
        for step in range(12):
            text = f"Worker {worker} says {step}."
            match chance.choice(("add", "remember", "many", "correct", "forget", "revise", "recall", "read")):
                case "add":
                    mine[chat.add("user", text, key=f"{worker}-{step}").id] = text
                case "many":
                    for turn in chat.add_many([Turn(speaker="user", text=f"{text} {n}") for n in range(3)]):
                        mine[turn.id] = turn.text
                case "correct" if mine:
                    old = chance.choice(sorted(mine))
                    new = memory.correct(old, text)
                    del mine[old]
                    mine[new.id] = text
                case "forget" if mine:
                    old = chance.choice(sorted(mine))
                    memory.forget(old)
                    del mine[old]
                    lost.add(old)
                case "revise" if mine:
                    memory.revise(chance.choice(sorted(mine)), tags=[f"t{step}"])
                case "recall":
                    for hit in memory.recall(f"What did worker {worker} say?", limit=5):
                        assert hit.id not in lost
                case "read" if mine:
                    assert memory.get(chance.choice(sorted(mine))).text in mine.values()
                case _:
                    mine[memory.remember(text).id] = text
        with lock:
            kept.update(mine)
            gone.update(lost)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    for memory in memories:
        assert {record.id: record.text for record in memory.records()} == kept
        for one in gone:
            with pytest.raises(Gone):
                memory.get(one)
    assert memories[0].settle() == 0
    assert memories[0].check() == []
    assert memories[0].storage.digest() == memories[1].storage.rebuild()


def test_threads_with_one_key_have_one_effect(opened, path):
    memories = [opened(path), opened(path)]
    together = threading.Barrier(16)

    def remember(number: int) -> str:
        together.wait()
        return memories[number % 2].remember("Ada runs.", key="k").id

    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(remember, range(16)))
    assert len(made) == memories[0].summary().live == 1


def test_of_many_corrections_at_once_one_holds(memory):
    fact = memory.remember("Ada lives in Lisbon.")
    together = threading.Barrier(8)

    def correct(number: int) -> str | None:
        together.wait()
        try:
            return memory.correct(fact.id, f"Ada lives in city {number}.").text
        except VersionConflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        held = [text for text in pool.map(correct, range(8)) if text]
    assert found(memory, "Where does Ada live?") == held
    assert len(held) == 1


def test_forgetting_beats_whoever_writes_the_same_words_meanwhile(memory):
    fact = memory.remember("The code is 7306.")
    together = threading.Barrier(5)

    def again(number: int) -> object:
        together.wait()
        if number == 0:
            return memory.forget(fact.id)
        try:
            return memory.correct(fact.id, f"The code is {number}.")
        except (Gone, VersionConflict, Rejected):
            return None

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(again, range(5)))
    with pytest.raises(Gone):
        memory.get(fact.id)
    with pytest.raises(Gone):
        memory.remember("The code is 7306.")


def test_the_async_facade_does_what_the_plain_one_does(path, clock, model, tmp_path):
    async def main() -> None:
        async with await AsyncMemory.open(path, embedder=model, clock=clock) as memory:
            chat = memory.session("chat-1", user="Ada")
            turn = await chat.add("user", "I moved to Lisbon.")
            await chat.add_many([Turn(speaker="user", text=f"Line {number}.") for number in range(600)])
            fact = await memory.remember("Ada lives in Leeds.", key="k")
            corrected = await memory.correct(fact.id, "Ada lives in Lisbon.")
            revised = await memory.revise(corrected.id, importance=0.9)
            assert await memory.get(corrected.id) == revised
            assert await memory.settle() == 0
            answer = await memory.recall("Where does Ada live?")
            assert answer[0].text in ("Ada lives in Lisbon.", "I moved to Lisbon.")
            assert [entry.what for entry in await memory.history(fact.id)] == ["remembered", "superseded"]
            assert len(await chat.turns()) == 601
            assert len([record async for record in memory.records()]) == 602
            lines = [line async for line in memory.export(superseded=True)]
            assert len(lines) == 603
            async with await memory.at(seq=1) as past:
                assert (await past.summary()).live == 1
            receipt = await memory.forget(turn.id, reason="asked")
            assert receipt.forgotten == (turn.id,)
            assert (await memory.summary()).live == 601
            assert await memory.storage.rebuild() == await memory.storage.digest()
            assert await memory.check() == []
            with pytest.raises(InvalidField):
                await memory.get("nonsense")
            async with await AsyncMemory.open(tmp_path / "other.db", embedder=None) as other:
                assert (await other.import_(lines)).added == 603

    asyncio.run(main())


def test_two_hundred_tasks_mixed_lose_nothing(path, clock, model):
    async def work(memory: AsyncMemory, number: int) -> tuple[str, str]:
        fact = await memory.remember(f"Task {number} is here.", key=f"k{number}")
        match number % 5:
            case 0:
                fact = await memory.correct(fact.id, f"Task {number} was here.")
            case 1:
                await memory.forget(fact.id)
                return fact.id, ""
            case 2:
                fact = await memory.session("chat").add("user", f"Task {number} speaks.")
                await memory.forget((await memory.remember(f"Task {number} is here.", key=f"k{number}")).id)
            case 3:
                assert (await memory.recall(f"Is task {number} here?", limit=1)) is not None
            case _:
                assert (await memory.get(fact.id)).text == fact.text
        return fact.id, fact.text

    async def main() -> None:
        async with await AsyncMemory.open(path, embedder=model, clock=clock) as memory:
            done = dict(await asyncio.gather(*(work(memory, number) for number in range(200))))
            expected = {one: text for one, text in done.items() if text}
            assert {record.id: record.text async for record in memory.records()} == expected
            assert await memory.settle() == 0
            assert await memory.check() == []

    asyncio.run(main())


def test_cancelled_calls_with_keys_have_one_effect(path, clock):
    async def main() -> None:
        async with await AsyncMemory.open(path, embedder=None, clock=clock) as memory:
            tasks = [asyncio.create_task(memory.remember(f"Fact {n}.", key=f"k{n}")) for n in range(60)]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
            again = [await memory.remember(f"Fact {n}.", key=f"k{n}") for n in range(60)]
            assert [record.id for record in again[1::2]] == [record.id for record in results[1::2]]
            assert len({record.id for record in again}) == (await memory.summary()).live == 60
            assert (await memory.summary()).events == 60
            assert await memory.check() == []

    asyncio.run(main())


def test_a_call_under_way_when_the_memory_closes_is_whole_or_not_there(path, clock):
    async def main() -> set[str]:
        memory = await AsyncMemory.open(path, embedder=None, clock=clock)
        tasks = [asyncio.create_task(memory.remember(f"Fact {n}.")) for n in range(40)]
        await asyncio.sleep(0)
        await memory.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return {result.id for result in results if not isinstance(result, BaseException)}

    acknowledged = asyncio.run(main())

    async def look() -> None:
        async with await AsyncMemory.open(path, embedder=None, clock=clock) as memory:
            assert acknowledged <= {record.id async for record in memory.records()}
            assert await memory.check() == []

    asyncio.run(look())
