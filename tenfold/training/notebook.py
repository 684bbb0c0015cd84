"""Progress in a notebook: one output that is updated, so that a saved notebook shows how the training ended."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from rich.console import Console

from tenfold.html import table
from tenfold.training.callbacks import Callback, ProgressCallback, format_metrics
from tenfold.training.state import TrainState

UPDATE_SECONDS = 0.25  # at least between two updates, which travel to the browser
SHOWN_EPOCHS = 8  # the last ones


def progress_callback(console: Console) -> Callback:
    """The bar of a notebook where there is one, else a bar on a terminal or lines in a log."""
    return NotebookProgress() if in_notebook() else ProgressCallback(console)


def in_notebook() -> bool:
    """Whether this program is the kernel of a notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


class NotebookProgress(Callback):
    """A bar with the remaining time, and a row of figures for each of the last epochs."""

    def __init__(self) -> None:
        self._output: Any = None
        self._updated_at = 0.0
        self._first_step: tuple[int, float] | None = None

    def on_step(self, state: TrainState) -> None:
        now = time.monotonic()
        if now - self._updated_at >= UPDATE_SECONDS:
            self._updated_at = now
            self._show(state)

    def on_epoch(self, state: TrainState) -> None:
        self._show(state)

    def on_train_end(self, state: TrainState) -> None:
        self._show(state)
        self._output = None  # the next network of an ensemble gets a bar of its own

    def _show(self, state: TrainState) -> None:
        from IPython.display import HTML, display

        content = HTML(self._html(state))
        if self._output is None:
            self._first_step = None
            self._output = display(content, display_id=True)
        else:
            self._output.update(content)

    def _html(self, state: TrainState) -> str:
        epochs, done = state.recipe.epochs, state.epoch * state.steps_per_epoch + state.step
        total = max(epochs * state.steps_per_epoch, 1)
        bar = f'<progress value="{min(done, total)}" max="{total}" style="width:20em"></progress>'
        title = f"{state.name}: epoch {min(state.epoch + 1, epochs)} of {epochs}, {self._time(state, done, total)}"
        rows = [[f"{row['epoch']:g}", format_metrics(row)] for row in state.history[-SHOWN_EPOCHS:]]
        return f"<div>{bar} {escape(title)}</div>{table([], rows) if rows else ''}"

    def _time(self, state: TrainState, done: int, total: int) -> str:
        if self._first_step is None:
            self._first_step = done, state.seconds
        steps, seconds = done - self._first_step[0], state.seconds - self._first_step[1]
        if done >= total or not steps:
            return f"{state.seconds:,.0f} s"
        return f"{state.seconds:,.0f} s, {seconds / steps * (total - done):,.0f} s left"
