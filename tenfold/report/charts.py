"""Charts as matplotlib Figures: a page embeds them as SVG, a notebook shows them, a file takes PNG.

Figures are made by the object API, never by pyplot: no backend and no global state is involved.
"""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.evaluation import ReliabilityBin, wilson_interval
from tenfold.report.formats import NARROW_SPACE, seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Sequence[dict[str, float]]  # as in history.csv; what was not measured is missing or NaN

INK, MUTED, GRID, TRAIN, HELD_OUT = "#1c1d20", "#5d6068", "#e2e0da", "#a9711b", "#2f66ad"
SIZE = (5.6, 3.6)  # inches of 72 CSS pixels
# An accuracy of 1 lies at infinity on a scale that stretches towards 1: it is drawn at one error in 20,000.
MAX_ACCURACY = 1 - 5e-5
ACCURACY_TICKS = (0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, MAX_ACCURACY)
STYLE: dict[Any, Any] = {
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "xtick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.color": GRID,
    "ytick.labelcolor": MUTED,
    "ytick.left": False,
    "ytick.minor.left": False,
    "xtick.major.size": 3,
    # The same input gives the same bytes.
    "svg.hashsalt": "tenfold",
    "svg.fonttype": "path",
}


def svg_uri(figure: Figure) -> str:
    """The figure as an SVG data URI; inside an image its ids can't collide with those of others on the page."""
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + b64encode(file.getvalue()).decode()


def plot_loss(history: History) -> Figure:
    """Training and held-out loss by epoch, logarithmic."""
    with _axes() as axes:
        axes.set_yscale("log")
        _plot_splits(axes, history, "loss")
        _use_plain_numbers(axes)
        _plot_epochs(axes, history)
    return axes.get_figure()  # type: ignore[return-value]


def plot_accuracy(history: History) -> Figure:
    """Training and held-out accuracy by epoch, on a scale that stretches towards 100 %."""
    from matplotlib.ticker import FixedLocator, NullLocator

    with _axes() as axes:
        axes.set_yscale("function", functions=(_stretch, _unstretch))
        _plot_splits(axes, history, "accuracy")
        low, high = _accuracy_range(column(history, "train_accuracy") + column(history, "val_accuracy"))
        axes.set_ylim(low, high)
        ticks = [tick for tick in ACCURACY_TICKS if low <= tick <= high]
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_yticklabels(["100 %" if tick == MAX_ACCURACY else f"{100 * tick:.4g} %" for tick in ticks])
        _plot_epochs(axes, history)
    return axes.get_figure()  # type: ignore[return-value]


def plot_learning_rate(history: History) -> Figure:
    """The learning rate at the end of each epoch."""
    with _axes() as axes:
        rates = column(history, "learning_rate")
        if min(rates) > 0 and max(rates) / min(rates) > 20:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.08 * (max(rates) or 1))
        axes.plot(column(history, "epoch"), rates, color=INK, linewidth=1.4, marker="o", markersize=3)
        _use_plain_numbers(axes)
        _plot_epochs(axes, history)
    return axes.get_figure()  # type: ignore[return-value]


def plot_reliability(bins: Sequence[ReliabilityBin]) -> Figure:
    """Accuracy against confidence with 95 % intervals, a point for each bin with images, and the bins' counts."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    occupied = [part for part in bins if part.count]
    confidence = [part.confidence or 0.0 for part in occupied]
    accuracy = [part.accuracy or 0.0 for part in occupied]
    intervals = [wilson_interval(round(a * part.count), part.count) for a, part in zip(accuracy, occupied, strict=True)]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(SIZE[0], 4.9), dpi=72)
        axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        below = [a - low for a, (low, _) in zip(accuracy, intervals, strict=True)]
        above = [high - a for a, (_, high) in zip(accuracy, intervals, strict=True)]
        errors = np.maximum([below, above], 0)
        axes.errorbar(confidence, accuracy, yerr=errors, fmt="o", color=HELD_OUT, markersize=6, linewidth=1)
        axes.set_ylabel("accuracy")
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        centers, width = [(part.lower + part.upper) / 2 for part in occupied], 0.9 * (bins[0].upper - bins[0].lower)
        counts.bar(centers, [part.count for part in occupied], width, color=HELD_OUT, alpha=0.5, log=True)
        counts.set_ylabel("images")
        counts.set_xlim(0, 1)
        counts.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        counts.set_xlabel("confidence")
        figure.tight_layout()
    return figure


def plot_severities(accuracy: Sequence[float], lowest: float) -> Figure:
    """Accuracy by severity of one corruption, small; all charts of a page go down to `lowest`."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.3, 1.5), dpi=72)
        axes = figure.add_axes((0.16, 0.2, 0.82, 0.74))
        axes.plot(range(1, len(accuracy) + 1), accuracy, color=HELD_OUT, linewidth=2)
        axes.set_ylim(lowest, 1)
        axes.set_yticks([lowest, 1], [f"{100 * lowest:.0f} %", "100 %"])
        axes.set_xticks(range(1, len(accuracy) + 1))
    return figure


def rate_changes(history: History) -> list[tuple[float, float]]:
    """(epoch, factor) of the learning rate's steps; none for a schedule that moves in most epochs."""
    rates, epochs = column(history, "learning_rate"), column(history, "epoch")
    steps = [
        (epochs[index], after / before)
        for index, (before, after) in enumerate(pairwise(rates))
        if before > 0 and not math.isclose(before, after, rel_tol=1e-6)
    ]
    return steps if 2 * len(steps) <= len(rates) else []


def best_epochs(history: History) -> list[int]:
    """Indices of the epochs with the best held-out result so far."""
    return [index for index, epoch in enumerate(history) if epoch.get("best")]


def column(history: History, name: str) -> list[float]:
    return [float(epoch.get(name, math.nan)) for epoch in history]


@contextmanager
def _axes() -> Iterator[Axes]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        axes = Figure(figsize=SIZE, dpi=72).add_axes((0.13, 0.13, 0.845, 0.79))
        yield axes
        axes.set_xlabel("epoch", labelpad=2)


def _plot_splits(axes: Axes, history: History, name: str) -> None:
    epochs = column(history, "epoch")
    marker = "o" if len(history) < 4 else ""
    train, held_out = column(history, f"train_{name}"), column(history, f"val_{name}")
    if name == "accuracy":
        train, held_out = ([min(value, MAX_ACCURACY) for value in values] for values in (train, held_out))
    axes.plot(epochs, train, color=TRAIN, linewidth=1.6, linestyle=(0, (4, 1.6)), marker=marker, label="training")
    if not all(math.isnan(value) for value in held_out):
        axes.plot(epochs, held_out, color=HELD_OUT, linewidth=1.8, marker=marker, label="held out")
        if best := best_epochs(history):
            axes.plot(
                [epochs[index] for index in best],
                [held_out[index] for index in best],
                "o",
                color=HELD_OUT,
                markersize=3.6,
                clip_on=False,
                label="better than before",
            )
            axes.plot(
                epochs[best[-1]],
                held_out[best[-1]],
                "o",
                markersize=10,
                markerfacecolor="none",
                markeredgecolor=HELD_OUT,
                markeredgewidth=1.4,
                clip_on=False,
                label=f"best: epoch {epochs[best[-1]]:g}",
            )
    axes.legend(loc="best")


def _plot_epochs(axes: Axes, history: History) -> None:
    """Epochs below, elapsed time above, a line where the learning rate changed."""
    from matplotlib.ticker import MaxNLocator

    epochs = column(history, "epoch")
    margin = 0.03 * max(epochs[-1] - epochs[0], 1)
    axes.set_xlim(epochs[0] - min(margin, 0.6), epochs[-1] + margin)  # there is no epoch 0
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    for epoch, _ in rate_changes(history):
        axes.axvline(epoch, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0, gid="learning rate changed")
    elapsed = dict(zip(epochs, column(history, "seconds"), strict=True))
    step = max(1, round(len(epochs) / 4))
    marked = [epoch for epoch in epochs[::-1][::step][::-1] if not math.isnan(elapsed[epoch])]
    above = axes.secondary_xaxis("top")
    above.set_xticks(marked, [seconds(elapsed[epoch]).replace(NARROW_SPACE, " ") for epoch in marked])
    above.tick_params(length=0, pad=3, labelcolor=MUTED, labelsize=9)
    if len(marked) > 1:
        above.get_xticklabels()[-1].set_horizontalalignment("right")  # or it would leave the chart
    above.spines["top"].set_visible(False)


def _use_plain_numbers(axes: Axes) -> None:
    """0.05 rather than 5 x 10^-2, and a label for 1, 2 and 5 of each decade if there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        subs = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _stretch(accuracy: ArrayLike) -> NDArray[np.float64]:
    errors = np.maximum(1 - np.asarray(accuracy, np.float64), 1 - MAX_ACCURACY)
    return np.asarray(-np.log10(errors))


def _unstretch(position: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(1 - 10.0 ** -np.asarray(position, np.float64))


def _accuracy_range(values: list[float]) -> tuple[float, float]:
    """The ticks next below and next above all values; values above the highest tick count as that."""
    low = max((tick for tick in ACCURACY_TICKS if tick < min(np.nanmin(values), MAX_ACCURACY)), default=0.0)
    high = min((tick for tick in ACCURACY_TICKS if tick > np.nanmax(values)), default=MAX_ACCURACY)
    return low, high
