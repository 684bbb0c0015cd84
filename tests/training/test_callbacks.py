import io
import os
import re
import signal
import time

import pytest
from rich.console import Console
from rich.text import Text

from tenfold.training.callbacks import Watch
from tenfold.training.state import State


def watch(console=None, time_limit=None):
    return Watch(console or Console(file=io.StringIO()), "fast", 3, time_limit)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_handlers_are_put_back(number):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with watch().watching() as looking:
        assert not looking.stop()
        os.kill(os.getpid(), number)
        assert looking.stop()
        assert looking.interrupted
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_ctrl_c_ends_at_once():
    def press_twice():
        with watch().watching():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # never slept to its end

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert signal.getsignal(signal.SIGINT) == before


def test_time_runs_out():
    looking = watch(time_limit=0.05)
    assert not looking.stop()
    time.sleep(0.06)
    assert looking.stop()
    assert looking.time_is_up
    assert not looking.interrupted
    assert not watch(time_limit=None).stop()


def state(**values):
    return State(rate=0.1, **values)


def test_nothing_is_written_off_a_terminal():
    out = io.StringIO()
    with watch(Console(file=out)).watching() as looking:
        looking.step(state(step=1, images=32, seconds=0.1), 5)
        looking.epoch(state(history=[{"train_loss": 1.0, "train_accuracy": 0.5}]))
    assert out.getvalue().strip() == ""


def test_a_terminal_sees_epoch_rate_loss_and_accuracy():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=160, _environ={})
    with watch(console).watching() as looking:
        looking.step(state(step=1, images=32, seconds=0.1), 5)
        looking.step(state(step=3, images=96, seconds=0.2), 5)
        looking.epoch(state(epoch=1, history=[{"train_loss": 0.25, "train_accuracy": 0.5, "val_accuracy": 0.75}]))
        looking.step(state(epoch=1, step=1, images=32, seconds=0.3), 5)
    text = Text.from_ansi(out.getvalue()).plain
    assert re.search(r"fast.* 2/3", text)
    assert "800 images/s" in text  # five steps of 32 since the first one, in 0.2 s
    assert "loss 0.2500  accuracy 50.00 %  held out 75.00 %" in text


def test_steps_that_take_no_measurable_time():
    console = Console(file=io.StringIO(), force_terminal=True, width=160, _environ={})
    looking = watch(console)
    looking.step(state(step=1, images=32, seconds=0.1), 5)
    looking.step(state(step=2, images=64, seconds=0.1), 5)  # a coarse clock
