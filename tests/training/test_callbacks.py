import io
import os
import re
import signal
import time
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.text import Text

from tenfold.training import callbacks
from tenfold.training.callbacks import Callback, ProgressCallback, StopOnSignal, TimeLimit

METRICS = {"train_loss": 0.25, "train_accuracy": 0.5, "val_accuracy": 0.75}


def stop_on_signal():
    return StopOnSignal(Console(file=io.StringIO()))


def state(**values):
    defaults = {
        "name": "fast",
        "epoch": 0,
        "step": 0,
        "steps_per_epoch": 5,
        "samples": 0,
        "seconds": 0.0,
        "history": [],
    }
    return SimpleNamespace(**defaults | {"recipe": SimpleNamespace(epochs=3)} | values)


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=160, _environ={})


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_callback_does_nothing():
    callback = Callback()
    for method in (callback.on_train_begin, callback.on_step, callback.on_epoch, callback.on_train_end):
        assert method(state()) is None
    assert not callback.should_stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_on_first_signal_restores_handlers(number):
    before = handlers()
    with stop_on_signal() as stop:
        assert not stop.should_stop()
        os.kill(os.getpid(), number)
        assert stop.should_stop()
        assert stop.interrupted
        assert handlers() == before
    assert handlers() == before


def test_second_ctrl_c_raises_keyboard_interrupt():
    def press_twice():
        with stop_on_signal():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # interrupted

    before = handlers()
    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert handlers() == before


def test_time_limit(monkeypatch):
    now = 100.0
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now)
    limit = TimeLimit(5)
    now = 104.9
    assert not limit.should_stop()
    now = 105.0
    assert limit.should_stop()


def log(monkeypatch, seconds):
    """The lines of three epochs, of which each ends after so many seconds."""
    now = 0.0
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now)
    console = Console(file=io.StringIO(), width=160)
    progress = ProgressCallback(console)
    progress.on_train_begin(state())
    for epoch in range(1, 4):
        now += seconds
        progress.on_step(state(epoch=epoch - 1, step=5, samples=160, seconds=now))
        progress.on_epoch(state(epoch=epoch, seconds=now, history=[METRICS] * epoch))
    progress.on_train_end(state(epoch=3, seconds=now, history=[METRICS] * 3))
    return console.file.getvalue().splitlines()


def test_progress_without_terminal_logs_first_and_last_epoch(monkeypatch):
    first, last = log(monkeypatch, seconds=1)
    assert first == "fast: epoch 1/3, 1 s, loss 0.2500, accuracy 50.00 %, validation 75.00 %"
    assert last.startswith("fast: epoch 3/3, 3 s, ")


def test_progress_without_terminal_logs_every_30_seconds(monkeypatch):
    assert [line.split(",")[0] for line in log(monkeypatch, seconds=40)] == [
        "fast: epoch 1/3",
        "fast: epoch 2/3",
        "fast: epoch 3/3",
    ]


def test_progress_without_terminal_logs_nothing_for_a_finished_training():
    console = Console(file=io.StringIO())
    progress = ProgressCallback(console)
    progress.on_train_begin(state(epoch=3))
    progress.on_train_end(state(epoch=3))
    assert console.file.getvalue() == ""


def test_progress_bar_shows_epoch_rate_and_metrics():
    console = terminal()
    progress = ProgressCallback(console)
    progress.on_train_begin(state())
    progress.on_step(state(step=1, samples=32, seconds=0.1))
    progress.on_step(state(step=3, samples=96, seconds=0.2))
    progress.on_epoch(state(epoch=1, history=[METRICS]))
    progress.on_step(state(epoch=1, step=1, samples=32, seconds=0.3))
    progress.on_train_end(state(epoch=1))
    text = Text.from_ansi(console.file.getvalue()).plain
    assert re.search(r"fast.* 2/3", text)
    assert "800 images/s" in text  # five steps of 32 samples since the first one, in 0.2 s
    assert "loss 0.2500, accuracy 50.00 %, validation 75.00 %" in text


def test_progress_bar_with_a_coarse_clock():
    progress = ProgressCallback(terminal())
    progress.on_train_begin(state())
    progress.on_step(state(step=1, samples=32, seconds=0.1))
    progress.on_step(state(step=2, samples=64, seconds=0.1))
    progress.on_train_end(state())
