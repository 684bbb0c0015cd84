"""Batches, capacity, timeouts and shutdown of the batcher."""

import asyncio
import concurrent.futures
import threading

import pytest

from tenfold.serving.batcher import Batcher
from tenfold.serving.errors import QueueFull, RequestTimeout

OPTIONS = {"capacity": 100, "max_batch": 8, "timeout": 30}


class Gate:
    """A computation that records its batches and blocks while `open` is not set."""

    def __init__(self, is_open=False):
        self.open, self.started, self.batches = threading.Event(), threading.Event(), []
        if is_open:
            self.open.set()

    def __call__(self, batch):
        self.batches.append(batch)
        self.started.set()
        assert self.open.wait(30)
        return [10 * item for item in batch]

    async def wait_started(self):
        await asyncio.to_thread(self.started.wait, 30)


def run(scenario):
    """In a thread of its own: Playwright, which other tests use, occupies this one's event loop."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(scenario(), 60)).result()


def test_batcher_batches_what_waits():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **OPTIONS)
        first = asyncio.create_task(batcher(0))
        await gate.wait_started()
        rest = [asyncio.create_task(batcher(number)) for number in range(1, 12)]
        await asyncio.sleep(0)
        assert batcher.load == 12
        gate.open.set()
        results = await asyncio.gather(first, *rest)
        assert batcher.load == 0
        batcher.close()
        return results

    assert run(scenario) == [10 * number for number in range(12)]
    assert gate.batches == [[0], list(range(1, 9)), [9, 10, 11]]


def test_batcher_batches_what_arrives_together():
    gate = Gate(is_open=True)

    async def scenario():
        batcher = Batcher(gate, **OPTIONS)
        results = await asyncio.gather(*map(batcher, range(5)))
        batcher.close()
        return results

    assert run(scenario) == [0, 10, 20, 30, 40]
    assert gate.batches == [[0, 1, 2, 3, 4]]


def test_batcher_never_exceeds_max_batch_but_for_single_items():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **OPTIONS)
        first = asyncio.create_task(batcher(0))
        await gate.wait_started()
        sizes = [5, 3, 1, 20, 8, 1]
        rest = [asyncio.create_task(batcher(number, size)) for number, size in enumerate(sizes, 1)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, *rest)
        batcher.close()

    run(scenario)
    assert gate.batches == [[0], [1, 2], [3], [4], [5], [6]]


def test_batcher_computes_small_batches_inline_while_threads_are_idle():
    batches = []
    started, proceed = threading.Event(), threading.Event()

    async def scenario():
        loop_thread = threading.current_thread()

        def compute(batch):
            batches.append((batch, threading.current_thread() is loop_thread))
            if batch == [2]:
                started.set()
                assert proceed.wait(30)
            if batch == [3]:
                raise ValueError("no threes")
            return batch

        batcher = Batcher(compute, inline=2, **OPTIONS)
        assert await asyncio.gather(batcher(0), batcher(1)) == [0, 1]
        with pytest.raises(ValueError, match="no threes"):
            await batcher(3)
        large = asyncio.create_task(batcher(2, size=3))
        await asyncio.to_thread(started.wait, 30)
        behind = asyncio.create_task(batcher(4))  # small, but a thread is busy
        await asyncio.sleep(0.05)
        assert not behind.done()
        proceed.set()
        assert [await large, await behind] == [2, 4]
        batcher.close()

    run(scenario)
    assert batches == [([0, 1], True), ([3], True), ([2], False), ([4], True)]


def test_batcher_refuses_more_than_its_capacity():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=3, max_batch=8, timeout=30)
        accepted = [asyncio.create_task(batcher(number)) for number in range(3)]
        await gate.wait_started()
        assert batcher.is_full
        with pytest.raises(QueueFull):
            await batcher(9)
        gate.open.set()
        assert await asyncio.gather(*accepted) == [0, 10, 20]
        assert await batcher(4) == 40
        batcher.close()

    run(scenario)


def test_batcher_times_out_and_never_computes_what_is_late():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=9, max_batch=1, timeout=0.2)
        first, late = asyncio.create_task(batcher(0)), asyncio.create_task(batcher(1))
        for task in (first, late):
            with pytest.raises(RequestTimeout, match=r"longer than 0\.2 s"):
                await task
        assert batcher.load == 0
        gate.open.set()
        assert await batcher(2) == 20
        batcher.close()

    run(scenario)
    assert gate.batches == [[0], [2]]


def test_batcher_skips_cancelled_callers():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **OPTIONS)
        first, gone, last = (asyncio.create_task(batcher(number)) for number in range(3))
        await gate.wait_started()
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(batcher(number)) for number in (5, 6)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gone.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        assert [await first, await last, await waiting[1]] == [0, 20, 60]
        assert batcher.load == 0
        batcher.close()

    run(scenario)
    assert gate.batches == [[0, 1, 2], [6]]


def test_batcher_raises_single_errors_for_their_items_only():
    def compute(batch):
        return [KeyError(item) if item == 1 else item for item in batch]

    async def scenario():
        batcher = Batcher(compute, **OPTIONS)
        results = await asyncio.gather(*map(batcher, range(3)), return_exceptions=True)
        batcher.close()
        return results

    zero, error, two = run(scenario)
    assert (zero, type(error), two) == (0, KeyError, 2)


def test_batcher_uses_several_threads():
    both = threading.Barrier(2, timeout=30)

    def compute(batch):
        both.wait()  # passes only if two threads come
        return batch

    async def scenario():
        batcher = Batcher(compute, capacity=9, max_batch=1, timeout=30, threads=2)
        results = await asyncio.gather(batcher(1), batcher(2))
        batcher.close()
        return results

    assert run(scenario) == [1, 2]


def test_batcher_reports_batch_sizes():
    sizes = []

    async def scenario():
        batcher = Batcher(lambda batch: batch, on_batch=sizes.append, **OPTIONS)
        await asyncio.gather(batcher(0, size=2), batcher(1, size=3))
        batcher.close()

    run(scenario)
    assert sizes == [5]


def test_batcher_closes_while_a_thread_computes():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **OPTIONS)
        task = asyncio.create_task(batcher(1))
        await gate.wait_started()
        threading.Timer(0.05, gate.open.set).start()
        await asyncio.to_thread(batcher.close)
        assert await task == 10

    run(scenario)


def test_batcher_survives_a_loop_that_ended():
    """A client's request is abandoned with its loop; the thread's result has nowhere to go."""
    gate = Gate()
    batcher = Batcher(gate, **OPTIONS)

    async def abandon():
        task = asyncio.create_task(batcher(1))
        await gate.wait_started()
        task.cancel()

    run(abandon)
    gate.open.set()
    batcher.close()
