"""Callbacks: what watches a training, and what stops it before its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from tenfold.training.state import TrainState

LOG_SECONDS = 30.0  # at least between two lines of progress where there is no terminal


class Callback:
    """Called while a network is trained; override what you need. An ensemble trains its networks one by one."""

    def on_train_begin(self, state: TrainState) -> None:
        """Before the first step of a session, which may be in the middle of an epoch."""

    def on_step(self, state: TrainState) -> None:
        """After each step; `state.step` of `state.steps_per_epoch` are finished."""

    def on_epoch(self, state: TrainState) -> None:
        """After each epoch; `state.epoch` are finished, and the last row of `state.history` is of this one."""

    def on_train_end(self, state: TrainState) -> None:
        """After the last step of a session, also if an exception ended it."""

    def should_stop(self) -> bool:
        """Asked after each step; True saves a checkpoint and ends the training."""
        return False


class TimeLimit(Callback):
    """Stops once `seconds` have passed since it was created."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def should_stop(self) -> bool:
        return time.monotonic() >= self._end


class StopOnSignal(Callback):
    """Stops after the current step on Ctrl-C or SIGTERM; a second signal ends the program at once.

    A context manager: the signals are handled while inside.
    """

    def __init__(self, console: Console) -> None:
        self.interrupted = self._announced = False
        self._console = console
        self._handlers: dict[signal.Signals, Callable[..., Any] | int | None] = {}

    def __enter__(self) -> StopOnSignal:
        for number in (signal.SIGINT, signal.SIGTERM):
            # An ignored signal, as Ctrl-C is for background jobs of a shell, stays ignored.
            if signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore_handlers()

    def should_stop(self) -> bool:
        if self.interrupted and not self._announced:
            self._announced = True
            self._console.print("stopping: writing the model and the report (interrupt again to quit at once)")
        return self.interrupted

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


class ProgressCallback(Callback):
    """A progress bar on a terminal; elsewhere a line after the first and the last epoch, and every 30 s between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: ProgressBar | None = None
        self._logged_epoch = 0
        self._logged_at: float | None = None

    def on_train_begin(self, state: TrainState) -> None:
        self._logged_epoch, self._logged_at = state.epoch, None

    def on_step(self, state: TrainState) -> None:
        if not self._console.is_terminal:
            return
        if self._bar is None:
            self._bar = ProgressBar(self._console, state)
            self._bar.start()
        self._bar.show_step(state)

    def on_epoch(self, state: TrainState) -> None:
        if self._bar:
            self._bar.metrics = format_metrics(state.history[-1])
        elif self._logged_at is None or time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._log(state)

    def on_train_end(self, state: TrainState) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
        elif self._logged_epoch < state.epoch:
            self._log(state)

    def _log(self, state: TrainState) -> None:
        self._logged_epoch, self._logged_at = state.epoch, time.monotonic()
        metrics = format_metrics(state.history[-1])
        self._console.print(
            f"{state.name}: epoch {state.epoch}/{state.recipe.epochs}, {state.seconds:,.0f} s, {metrics}"
        )


class ProgressBar(Progress):
    """A line with bar and remaining time, and a line of metrics below it: both together are too long for a window."""

    def __init__(self, console: Console, state: TrainState) -> None:
        self.rate = self.metrics = ""
        self._first_step: tuple[int, float] | None = None  # (finished steps, seconds) after this session's first step
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._bar = self.add_task(state.name, total=None)

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield Text(f"{self.rate}  {self.metrics}", no_wrap=False, overflow="fold")

    def show_step(self, state: TrainState) -> None:
        epochs = state.recipe.epochs
        completed = state.epoch * state.steps_per_epoch + state.step
        if self._first_step is None:
            self._first_step = completed, state.seconds
        first, seconds = self._first_step
        if state.seconds > seconds:
            samples = (completed - first) * state.samples / state.step
            self.rate = f"{samples / (state.seconds - seconds):,.0f} images/s"
        description = f"{state.name} {min(state.epoch + 1, epochs)}/{epochs}"
        self.update(self._bar, description=description, total=epochs * state.steps_per_epoch, completed=completed)


def format_metrics(row: dict[str, float]) -> str:
    text = f"loss {row['train_loss']:.4f}, accuracy {100 * row['train_accuracy']:.2f} %"
    if "val_accuracy" in row:
        text += f", validation {100 * row['val_accuracy']:.2f} %"
    return text
