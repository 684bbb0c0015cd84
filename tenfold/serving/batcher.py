"""Micro-batching: requests that wait are computed together, and none waits for others to come."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from tenfold.serving.errors import QueueFull, RequestTimeout

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Job(Generic[Item, Result]):
    item: Item
    size: int
    future: asyncio.Future[Result]


class Batcher(Generic[Item, Result]):
    """Passes what waits to `compute`, in threads, at most `max_batch` at a time.

    A thread takes all that waits as soon as it is free: a single request is computed at once, and under load batches
    grow by themselves. Batches of at most `inline` that arrive while the threads are idle are computed in the event
    loop: for small ones that takes less time than waking a thread. All bookkeeping is the event loop's; only `compute`
    runs in threads.

    compute: gets the items, oldest first, and returns as many results; a result may be an exception.
    capacity: the total size that may be waiting or computed; beyond it QueueFull is raised.
    max_batch: the total size of a batch; a single larger item is a batch of its own.
    timeout: seconds after which RequestTimeout is raised; items that time out before their turn are never computed.
    on_batch: called with the size of each batch.
    """

    def __init__(
        self,
        compute: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        capacity: int,
        max_batch: int,
        timeout: float,
        threads: int = 1,
        inline: int = 0,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._compute, self._capacity, self._max_batch, self._timeout = compute, capacity, max_batch, timeout
        self._inline, self._on_batch = inline, on_batch
        self._executor = ThreadPoolExecutor(threads)
        self._threads = self._idle = threads
        self._waiting: deque[Job[Item, Result]] = deque()
        self._is_scheduled = False
        self.load = 0  # total size of the items that were accepted and have no result yet

    @property
    def is_full(self) -> bool:
        return self.load >= self._capacity

    async def __call__(self, item: Item, size: int = 1) -> Result:
        """The result of an item. Raises QueueFull, RequestTimeout, or what `compute` raised or returned for it."""
        if self.is_full:
            raise QueueFull
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(Job(item, size, future))
        self.load += size
        if not self._is_scheduled:
            # In the next turn of the loop, so that requests that arrived together are computed together.
            self._is_scheduled = True
            loop.call_soon(self._dispatch, loop)
        timer = loop.call_later(self._timeout, _expire, future, self._timeout)
        try:
            return await future
        finally:
            timer.cancel()
            self.load -= size

    def close(self) -> None:
        """Finish the batches in the threads and drop what waits."""
        self._executor.shutdown(cancel_futures=True)

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled = False
        while self._idle and (batch := self._next_batch()):
            size = sum(job.size for job in batch)
            self._on_batch(size)
            items = [job.item for job in batch]
            if size <= self._inline and self._idle == self._threads:
                _resolve(batch, self._results(items))
                continue
            self._idle -= 1
            computed = self._executor.submit(self._results, items)
            computed.add_done_callback(lambda done, batch=batch: self._from_thread(loop, batch, done))  # type: ignore[misc]

    def _next_batch(self) -> list[Job[Item, Result]]:
        """The oldest jobs whose callers still wait, as many as fit into a batch."""
        batch: list[Job[Item, Result]] = []
        size = 0
        while self._waiting and (not batch or size + self._waiting[0].size <= self._max_batch):
            job = self._waiting.popleft()
            if not job.future.done():
                batch.append(job)
                size += job.size
        return batch

    def _results(self, items: list[Item]) -> Sequence[Result | Exception]:
        try:
            return self._compute(items)
        except Exception as error:
            return [error] * len(items)

    def _from_thread(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[Job[Item, Result]],
        done: Future[Sequence[Result | Exception]],
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(self._finish, loop, batch, done.result())

    def _finish(
        self, loop: asyncio.AbstractEventLoop, batch: list[Job[Item, Result]], results: Sequence[Result | Exception]
    ) -> None:
        self._idle += 1
        _resolve(batch, results)
        self._dispatch(loop)


def _resolve(batch: list[Job[Item, Result]], results: Sequence[Result | Exception]) -> None:
    for job, result in zip(batch, results, strict=True):
        if job.future.done():  # it timed out, or its client disconnected
            continue
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)


def _expire(future: asyncio.Future[Result], seconds: float) -> None:
    if not future.done():
        future.set_exception(RequestTimeout(seconds))
