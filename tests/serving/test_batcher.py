import asyncio
import concurrent.futures
import threading
import time

import pytest

from tenfold.serving import batcher as batcher_module
from tenfold.serving.batcher import Batcher
from tenfold.serving.errors import Busy, Late

WAIT = {"capacity": 100, "largest": 8, "seconds": 30}


class Gate:
    """Work that notes its batches and waits, while `open` is not set, once it has begun."""

    def __init__(self):
        self.open, self.begun, self.batches = threading.Event(), threading.Event(), []

    def __call__(self, batch):
        self.batches.append(batch)
        self.begun.set()
        assert self.open.wait(30)
        return [10 * given for given in batch]


def run(scenario):
    """In a thread of its own: Playwright, which other tests use, occupies this one's event loop."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(scenario(), 30)).result()


async def begun(gate):
    await asyncio.to_thread(gate.begun.wait, 30)


def test_what_waits_is_taken_together_and_each_gets_its_own():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **WAIT)
        first = asyncio.create_task(batcher(0))
        await begun(gate)
        rest = [asyncio.create_task(batcher(number)) for number in range(1, 12)]
        await asyncio.sleep(0)
        assert batcher.load == 12
        gate.open.set()
        answers = await asyncio.gather(first, *rest)
        assert batcher.load == 0
        batcher.close()
        return answers

    assert run(scenario) == [10 * number for number in range(12)]
    assert gate.batches == [[0], list(range(1, 9)), [9, 10, 11]]


def test_what_arrives_in_one_turn_of_the_loop_is_one_batch():
    gate = Gate()
    gate.open.set()

    async def scenario():
        batcher = Batcher(gate, **WAIT)

        async def held_up():  # in the same turn, for long enough that the thread would begin
            time.sleep(0.02)

        *answers, _ = await asyncio.gather(batcher(0), held_up(), *map(batcher, range(1, 5)), held_up())
        batcher.close()
        return [answer for answer in answers if answer is not None]

    assert run(scenario) == [0, 10, 20, 30, 40]
    assert gate.batches == [[0, 1, 2, 3, 4]], "and not the first of them alone"


def test_little_is_worked_on_in_the_loop_while_the_threads_have_nothing():
    batches = []

    def work(batch):
        batches.append((batch, threading.current_thread() is loop_thread))
        if batch == [2]:
            begun.set()
            assert go_on.wait(30)
        if batch == [3]:
            raise ValueError("no threes")
        return batch

    begun, go_on, loop_thread = threading.Event(), threading.Event(), None

    async def scenario():
        nonlocal loop_thread
        loop_thread = threading.current_thread()
        batcher = Batcher(work, inline=2, **WAIT)
        assert await asyncio.gather(batcher(0), batcher(1)) == [0, 1]
        with pytest.raises(ValueError, match="no threes"):
            await batcher(3)
        busy = asyncio.create_task(batcher(2, size=3))  # too much for the loop
        await asyncio.to_thread(begun.wait, 30)
        behind = asyncio.create_task(batcher(4))  # little, but a thread is at work
        await asyncio.sleep(0.05)
        assert not behind.done()
        go_on.set()
        assert [await busy, await behind] == [2, 4]
        assert await batcher(5) == 5
        batcher.close()

    run(scenario)
    assert batches == [([0, 1], True), ([3], True), ([2], False), ([4], False), ([5], True)]


def test_alone_the_loop_works_on_all_but_the_large_a_few_in_each_turn():
    batches = []

    def work(batch):
        batches.append((batch, threading.current_thread() is loop_thread))
        if batch == [9]:
            begun.set()
            assert go_on.wait(30)
        if batch == [0, 1]:
            gone.cancel()
        return batch

    begun, go_on, loop_thread, gone = threading.Event(), threading.Event(), None, None

    async def scenario():
        nonlocal loop_thread, gone
        loop_thread = threading.current_thread()
        batcher = Batcher(work, inline=2, single_core=True, **WAIT)
        large = asyncio.create_task(batcher(9, size=3))
        await asyncio.to_thread(begun.wait, 30)
        first = [asyncio.create_task(batcher(number)) for number in range(2)]
        gone = asyncio.create_task(batcher(2))
        rest = [asyncio.create_task(batcher(number)) for number in range(3, 6)]
        assert await asyncio.gather(*first, *rest) == [0, 1, 3, 4, 5]  # though a thread is at work
        with pytest.raises(asyncio.CancelledError):
            await gone
        go_on.set()
        assert await large == 9
        assert batcher.load == 0
        batcher.close()

    run(scenario)
    assert batches == [([9], False), ([0, 1], True), ([3], True), ([4, 5], True)]


def test_alone_with_work_that_is_never_small_batches_as_ever():
    gate = Gate()
    gate.open.set()

    async def scenario():
        batcher = Batcher(gate, inline=0, single_core=True, **WAIT)
        answers = await asyncio.gather(*map(batcher, range(3)))
        batcher.close()
        return answers

    assert run(scenario) == [0, 10, 20]
    assert gate.batches == [[0, 1, 2]]


def test_closing_alone_forgets_nothing_either():
    gate = Gate()
    gate.open.set()

    async def scenario():
        batcher = Batcher(gate, inline=1, single_core=True, **WAIT)
        answers = [asyncio.create_task(batcher(number)) for number in range(4)]
        await asyncio.sleep(0)
        batcher.close()
        return await asyncio.gather(*answers)

    assert run(scenario) == [0, 10, 20, 30]


def test_what_became_late_on_its_way_to_a_thread_is_not_counted_for_ever():
    gate, threads = Gate(), []

    def work(batch):
        threads.append(threading.current_thread())
        return gate(batch)

    async def scenario():
        batcher = Batcher(work, inline=1, capacity=100, largest=8, seconds=0.2)
        jobs = [asyncio.create_task(batcher(0, size=2)), asyncio.create_task(batcher(1, size=8))]
        for job in jobs:
            with pytest.raises(Late):
                await job
        gate.open.set()
        while batcher._in_threads:
            await asyncio.sleep(0.01)
        assert await batcher(2) == 20
        batcher.close()
        return threading.current_thread()

    loop_thread = run(scenario)
    assert gate.batches == [[0], [2]], "the second was late before its turn"
    assert [thread is loop_thread for thread in threads] == [False, True]


def test_closing_forgets_nothing_that_arrived_in_this_turn():
    gate = Gate()
    gate.open.set()

    async def scenario():
        batcher = Batcher(gate, **WAIT)
        answer = asyncio.create_task(batcher(7))
        await asyncio.sleep(0)
        batcher.close()
        return await answer

    assert run(scenario) == 70


def test_sizes_count_and_a_large_one_goes_alone():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **WAIT)
        first = asyncio.create_task(batcher(0))
        await begun(gate)
        rest = [asyncio.create_task(batcher(number, size)) for number, size in enumerate((5, 4, 20, 3, 5), 1)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, *rest)
        batcher.close()

    run(scenario)
    assert gate.batches == [[0], [1], [2], [3], [4, 5]]


def test_a_full_queue_refuses_and_takes_again_once_there_is_room():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=3, largest=8, seconds=30)
        accepted = [asyncio.create_task(batcher(number)) for number in range(3)]
        await begun(gate)
        await asyncio.sleep(0)
        assert batcher.is_full
        with pytest.raises(Busy) as refused:
            await batcher(3)
        assert refused.value.headers == {"Retry-After": "1"}
        gate.open.set()
        await asyncio.gather(*accepted)
        assert not batcher.is_full
        assert await batcher(4) == 40
        batcher.close()

    run(scenario)


def test_the_late_are_told_in_time_and_never_worked_on():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=100, largest=1, seconds=0.2)
        begun_at = time.monotonic()
        late = [asyncio.create_task(batcher(number)) for number in range(3)]
        for task in late:  # the one in work, too, though it can't be stopped
            with pytest.raises(Late):
                await task
        assert time.monotonic() - begun_at >= 0.2
        assert batcher.load == 0
        gate.open.set()
        assert await batcher(7) == 70
        batcher.close()

    run(scenario)
    assert gate.batches == [[0], [7]]


def test_an_error_of_one_is_not_an_error_of_others():
    def work(batch):
        return [ValueError("three") if given == 3 else given for given in batch]

    async def scenario():
        batcher = Batcher(work, **WAIT)
        answers = await asyncio.gather(*(batcher(number) for number in range(5)), return_exceptions=True)
        batcher.close()
        return answers

    zero, one, two, three, four = run(scenario)
    assert (zero, one, two, four) == (0, 1, 2, 4)
    assert isinstance(three, ValueError)


def test_work_that_fails_is_told_to_all_of_its_batch_and_the_next_goes_on():
    calls = []

    def work(batch):
        calls.append(batch)
        if len(calls) == 1:
            raise RuntimeError("out of order")
        return batch

    async def scenario():
        batcher = Batcher(work, **WAIT)
        with pytest.raises(RuntimeError, match="out of order"):
            await batcher(1)
        assert await batcher(2) == 2
        batcher.close()

    run(scenario)


def test_whoever_hears_of_an_answer_may_ask_again_at_once():
    """Also of one that came too late, and the next is then given up when its own time has come."""

    class Asking:
        """Asks again when it is told."""

        def __init__(self, batcher, times):
            self.batcher, self.times, self.told, self.over = batcher, times, [], asyncio.Event()

        def ask(self):
            self.batcher.submit(self.times, 1, Once(self))

        def hear(self, said):
            self.told.append(said)
            self.times -= 1
            self.ask() if self.times else self.over.set()

    class Once:
        def __init__(self, asking):
            self.asking, self.is_told = asking, False

        def done(self):
            return self.is_told

        def set_result(self, said):
            self.is_told = True
            self.asking.hear(said)

        set_exception = set_result

    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=9, largest=1, seconds=0.05)
        late = Asking(batcher, 3)
        late.ask()
        await late.over.wait()
        assert [type(error) for error in late.told] == [Late] * 3
        assert batcher.load == 0
        gate.open.set()
        quick = Asking(batcher, 3)
        quick.ask()
        await quick.over.wait()
        assert quick.told == [30, 20, 10]
        assert batcher.load == 0
        batcher.close()

    run(scenario)


def test_an_answer_that_can_not_be_given_costs_nobody_else_theirs(caplog):
    class Broken:
        told = False

        def done(self):
            return self.told

        def set_result(self, said):
            self.told = True
            raise RuntimeError(f"can't say {said}")

        set_exception = set_result

    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=9, largest=9, seconds=0.1)
        batcher.submit(1, 1, Broken())
        waiting = asyncio.create_task(batcher(2))
        with pytest.raises(Late):
            await waiting
        gate.open.set()
        batcher.submit(3, 1, Broken())
        assert await batcher(4) == 40
        assert batcher.load == 0
        batcher.close()

    run(scenario)
    assert "can't say 30" in caplog.text


def test_who_goes_away_leaves_room():
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, **WAIT)
        first = asyncio.create_task(batcher(0))
        await begun(gate)
        gone = asyncio.create_task(batcher(1))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert batcher.load == 1
        gate.open.set()
        await first
        batcher.close()

    run(scenario)
    assert gate.batches == [[0]]


def test_closing_ends_what_was_accepted_first():
    gate = Gate()
    gate.open.set()

    async def scenario():
        batcher = Batcher(gate, **WAIT, threads=3)
        accepted = [asyncio.create_task(batcher(number)) for number in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(batcher.close)
        return await asyncio.gather(*accepted)

    assert run(scenario) == [10 * number for number in range(20)]


def test_closing_does_not_wait_for_work_that_does_not_end(monkeypatch):
    monkeypatch.setattr(batcher_module, "PATIENCE", 0.2)
    gate = Gate()

    async def scenario():
        batcher = Batcher(gate, capacity=9, largest=1, seconds=0.1, threads=3)
        with pytest.raises(Late):
            await batcher(1)
        begun_at = time.monotonic()
        batcher.close()
        assert time.monotonic() - begun_at < 5
        return batcher

    threads = run(scenario)._threads
    gate.open.set()  # and what it makes finds no loop any more
    for thread in threads:
        thread.join(30)
