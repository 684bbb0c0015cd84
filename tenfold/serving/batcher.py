"""Micro-batching: what waits is taken together, and nothing ever waits for company."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from tenfold.serving.errors import Busy, Late

Given = TypeVar("Given")
Made = TypeVar("Made")
Told = TypeVar("Told", contravariant=True)

log = logging.getLogger("tenfold.serving")

PATIENCE = 2.0  # seconds that `close` waits for the threads


class Answer(Protocol[Told]):
    """What a job's result is told to, in the loop: an asyncio.Future, or what does as much in less time."""

    def done(self) -> bool:
        """Whether it was told, or nobody waits for it any more."""

    def set_result(self, result: Told, /) -> None: ...

    def set_exception(self, error: Exception, /) -> None: ...


@dataclass(slots=True, eq=False)
class Job(Generic[Given, Made]):
    given: Given
    size: int
    deadline: float  # of the loop's clock
    answer: Answer[Made]


class Batcher(Generic[Given, Made]):
    """Hands what waits to `work`, in threads, `largest` at a time; belongs to the event loop that made it.

    What arrives while the threads have nothing, `inline` at most, is worked on in the loop itself: work that takes less
    time than waking a thread, and being woken by it, makes nobody wait longer than that would. Where there is no second
    core (`single_core`), a thread could only take turns with the loop, so all is worked on there, `inline` in each
    turn, except single jobs that are larger.

    work: gets what was given, oldest first, and returns as many results; a result may be an exception.
    capacity: how much may be accepted and unanswered; beyond it Busy is raised, at once and cheaply.
    largest: how much is taken together; a single job may be larger.
    seconds: how long a caller waits before Late is raised; what is late before its turn is never worked on.
    watch: told the size of each batch.
    """

    def __init__(
        self,
        work: Callable[[list[Given]], Sequence[Made | Exception]],
        *,
        capacity: int,
        largest: int,
        seconds: float,
        threads: int = 1,
        inline: int = 0,
        single_core: bool = False,
        watch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._work, self._capacity, self._largest, self._seconds, self._watch = work, capacity, largest, seconds, watch
        self._inline, self._single_core = inline, single_core and inline > 0
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Job[Given, Made] | None] = SimpleQueue()
        self._arrived: list[Job[Given, Made]] = []  # and not yet handed over
        self._open: deque[Job[Given, Made]] = deque()  # oldest first, so also by deadline
        self._sweep: asyncio.TimerHandle | None = None
        self._in_threads = 0  # jobs that the threads have; changed by the loop's thread alone
        self.load = 0  # accepted and unanswered; changed by the loop's thread alone
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    @property
    def is_full(self) -> bool:
        return self.load >= self._capacity

    async def __call__(self, given: Given, size: int = 1) -> Made:
        """What `work` makes of `given`. Raises Busy, Late, or what `work` did."""
        answer: asyncio.Future[Made] = self._loop.create_future()
        self.submit(given, size, answer)
        try:
            return await answer
        finally:
            if answer.cancelled():  # else it was told, and is off the load
                self.load -= size

    def submit(self, given: Given, size: int, answer: Answer[Made]) -> None:
        """Have `answer` told, in a later turn of the loop, what `work` makes of `given`, or Late. Raises Busy."""
        if self.is_full:
            raise Busy
        job: Job[Given, Made] = Job(given, size, self._loop.time() + self._seconds, answer)
        self._open.append(job)
        self._arrived.append(job)
        if len(self._arrived) == 1:
            # A turn later than soon: what the system has meanwhile received then comes along.
            self._loop.call_soon(self._loop.call_soon, self._hand_over)
        if self._sweep is None:
            self._sweep = self._loop.call_at(job.deadline, self._end_late)
        self.load += size

    def close(self) -> None:
        """End the threads once all that was accepted is worked on. One that takes long is left to the process' end."""
        self._to_threads(self._arrived)
        self._arrived = []
        for _ in self._threads:
            self._queue.put(None)
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._sweep is not None:
            self._sweep.cancel()

    # In the threads

    def _run(self) -> None:
        left: Job[Given, Made] | None = None
        while job := left or self._queue.get():
            batch, left = self._with_what_waits(job)
            due = _due(batch)
            results = self._worked_on(due)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and whoever waited for this has gone
                self._loop.call_soon_threadsafe(self._from_thread, len(batch), due, results)

    def _with_what_waits(self, first: Job[Given, Made]) -> tuple[list[Job[Given, Made]], Job[Given, Made] | None]:
        """A batch that begins with `first`, and the job that was next but did not fit."""
        batch, size = [first], first.size
        while size < self._largest:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:  # the sign to end, which comes after all jobs
                self._queue.put(None)
                break
            if size + job.size > self._largest:
                return batch, job
            batch.append(job)
            size += job.size
        return batch, None

    # In both

    def _worked_on(self, batch: list[Job[Given, Made]]) -> Sequence[Made | Exception]:
        if not batch:
            return []
        self._watch(sum(job.size for job in batch))
        try:
            return self._work([job.given for job in batch])
        except Exception as error:
            return [error] * len(batch)

    # In the loop

    def _hand_over(self) -> None:
        """See to what arrived in two turns of the loop, all together: else the first of many would be a batch alone."""
        inline, arrived = self._inline_count(), self._arrived
        taken = max(inline, 1) if self._single_core else len(arrived)
        batch, self._arrived = arrived[:taken], arrived[taken:]
        if self._arrived:
            self._loop.call_soon(self._hand_over)
        if inline == taken and (self._single_core or not self._in_threads):
            due = _due(batch)
            self._answer(due, self._worked_on(due))
        else:
            self._to_threads(batch)

    def _inline_count(self) -> int:
        """How many of the jobs that arrived, the first of them, the loop may work on in one turn."""
        sizes = accumulate(job.size for job in self._arrived)
        return sum(1 for _ in takewhile(lambda size: size <= self._inline, sizes))

    def _to_threads(self, jobs: list[Job[Given, Made]]) -> None:
        self._in_threads += len(jobs)
        for job in jobs:
            self._queue.put(job)

    def _from_thread(self, taken: int, batch: list[Job[Given, Made]], results: Sequence[Made | Exception]) -> None:
        """From a thread, which had taken so many jobs; the batch is without those that had become late."""
        self._in_threads -= taken
        self._answer(batch, results)

    def _answer(self, batch: list[Job[Given, Made]], results: Sequence[Made | Exception]) -> None:
        for job, result in zip(batch, results, strict=True):
            self._end(job, result)
        while self._open and self._open[0].answer.done():
            self._open.popleft()

    def _end_late(self) -> None:
        now, late = self._loop.time(), []
        while self._open and (self._open[0].answer.done() or self._open[0].deadline <= now):
            late.append(self._open.popleft())
        self._sweep = self._loop.call_at(self._open[0].deadline, self._end_late) if self._open else None
        for job in late:  # whoever hears of it may have the next job at once
            self._end(job, Late(self._seconds))

    def _end(self, job: Job[Given, Made], result: Made | Exception) -> None:
        if job.answer.done():  # it was late, or its caller has gone
            return
        self.load -= job.size
        try:
            if isinstance(result, Exception):
                job.answer.set_exception(result)
            else:
                job.answer.set_result(result)
        except Exception:  # the others that wait are still to be told
            log.exception("an answer could not be given")


def _due(batch: list[Job[Given, Made]]) -> list[Job[Given, Made]]:
    """Without those that have become late, or whose caller has gone."""
    return [job for job in batch if not job.answer.done()]
