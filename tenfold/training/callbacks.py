"""Who looks on while a training runs: a progress bar on a terminal, and what ends a run before its time."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from tenfold.training.state import State


class Display(Progress):
    """A line with bar and time left, and a line of figures below it: one line for all is too long for most windows."""

    rate = figures = ""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield Text(f"{self.rate}  {self.figures}", no_wrap=False, overflow="fold")


class Watch:
    """Shows a run's progress and ends it on Ctrl-C, SIGTERM or when its time is up; each after the present step."""

    def __init__(self, console: Console, name: str, epochs: int, time_limit: float | None) -> None:
        self.interrupted = self.time_is_up = self._has_said = False
        self._end = None if time_limit is None else time.monotonic() + time_limit
        self._epochs = epochs
        self._console = console
        self._display = Display(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._name = name
        self._task: TaskID = self._display.add_task(name, total=None)
        self._begun: tuple[int, float] | None = None  # (steps, seconds) at the first step of this sitting

    def step(self, state: State, steps: int) -> None:
        if self._display.disable:
            return
        completed = state.epoch * steps + state.step
        begun_at, begun_seconds = self._begun = self._begun or (completed, state.seconds)
        if state.seconds > begun_seconds:
            per_step = state.images / state.step
            rate = (completed - begun_at) * per_step / (state.seconds - begun_seconds)
            self._display.rate = f"{rate:,.0f} images/s"  # of this sitting
        description = f"{self._name} {min(state.epoch + 1, self._epochs)}/{self._epochs}"
        self._display.update(self._task, description=description, total=self._epochs * steps, completed=completed)

    def epoch(self, state: State) -> None:
        row = state.history[-1]
        figures = f"loss {row['train_loss']:.4f}  accuracy {100 * row['train_accuracy']:.2f} %"
        if "val_accuracy" in row:
            figures += f"  held out {100 * row['val_accuracy']:.2f} %"
        self._display.figures = figures

    def stop(self) -> bool:
        self.time_is_up = self._end is not None and time.monotonic() >= self._end
        if self.interrupted and not self._has_said:
            self._has_said = True
            self._console.print("stopping: the model and the report are being written (once more ends at once)")
        return self.interrupted or self.time_is_up

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watch]:
        """While inside, the first Ctrl-C or SIGTERM asks the run to stop; a second one ends the program at once."""

        def ask(number: int, frame: FrameType | None) -> None:
            self.interrupted = True
            for each, handler in before.items():
                signal.signal(each, handler)

        # A signal that is ignored, as Ctrl-C is for jobs in a shell's background, stays so.
        heard = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) != signal.SIG_IGN]
        before = {each: signal.signal(each, ask) for each in heard}
        try:
            with self._display:
                yield self
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
