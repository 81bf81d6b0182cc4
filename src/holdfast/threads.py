"""Threads on which the asynchronous facades run the synchronous ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import ParamSpec, TypeVar

from holdfast.memory import Memory

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
"""Calls that run at the same time; further ones wait their turn."""
_PAGE = 256


class Threads:
    """Runs calls of the synchronous facade off the event loop."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=name)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(call, *args, **kwargs))

    async def stream(self, items: Iterator[T]) -> AsyncIterator[T]:
        while page := await self.run(lambda: list(islice(items, _PAGE))):
            for item in page:
                yield item

    async def opened(self, opening: Callable[[], Memory]) -> Memory:
        """Open a memory; one that nobody waits for any more is closed again."""
        future = self._pool.submit(opening)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            future.add_done_callback(_close_unwanted)
            raise
        finally:
            if not future.done() or future.exception() is not None:
                self.shutdown()

    def shutdown(self) -> None:
        self._pool.shutdown(wait=False)


def _close_unwanted(future: Future[Memory]) -> None:
    if future.exception() is None:
        future.result().close()
