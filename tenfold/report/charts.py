"""Charts as matplotlib figures: a page embeds them as SVG, a notebook displays them, `savefig` writes a PNG.

Every `plot_*` function returns a `matplotlib.figure.Figure` and raises UnavailableError if matplotlib is not installed.
Figures are made without pyplot, whose backend could need a display.
"""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.evaluation import Evaluation, Leaderboard, ReliabilityBin, wilson_interval
from tenfold.images import CLASSES
from tenfold.report.figure import figure_class
from tenfold.report.formats import NARROW_SPACE, compact, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, FigureBase

History = Sequence[Mapping[str, float]]  # rows of history.csv; what was not measured is missing or NaN

INK, MUTED, GRID, TRAIN, HELD_OUT = "#1c1d20", "#5d6068", "#e2e0da", "#a9711b", "#2f66ad"
WIDTH, HEIGHT = 5.6, 3.7  # inches of 72 CSS pixels: about as wide as a phone, so that text keeps its size there
# An accuracy of 1 lies at infinity on a scale that is logarithmic in the error: it is drawn at one error in 20,000.
MAX_ACCURACY = 1 - 5e-5
ACCURACY_TICKS = (0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, MAX_ACCURACY)
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 72,
    "font.family": "sans-serif",
    "font.sans-serif": ["Segoe UI", "Roboto", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 11,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "savefig.dpi": 200,
    "svg.fonttype": "none",
    "svg.hashsalt": "tenfold",  # ids, and so the bytes, are the same each time
    "text.color": INK,
    "xtick.color": GRID,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 10,
    "xtick.major.size": 3,
    "ytick.color": GRID,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 10,
    "ytick.left": False,
    "ytick.minor.left": False,
}


def svg_uri(figure: Figure) -> str:
    """The figure as an SVG data URI; inside an image its ids can't collide with those of others on the page."""
    file = io.BytesIO()
    with style():
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + b64encode(file.getvalue()).decode()


def plot_history(history: History) -> Figure:
    """`plot_loss` and `plot_accuracy` side by side."""
    with style():
        figure = figure_class()(figsize=(2 * WIDTH, HEIGHT))
        halves = figure.subfigures(1, 2, squeeze=False)
        _draw_loss(halves[0, 0], history)
        _draw_accuracy(halves[0, 1], history)
    return figure


def plot_loss(history: History) -> Figure:
    """Training and held-out loss by epoch, on a log scale."""
    with style():
        figure = figure_class()(figsize=(WIDTH, HEIGHT))
        _draw_loss(figure, history)
    return figure


def _draw_loss(figure: FigureBase, history: History) -> None:
    axes = figure.add_subplot()
    axes.set_yscale("log")
    _plot_splits(axes, history, "loss")
    _use_plain_numbers(axes)
    _finish_epochs(figure, axes, history, "loss")


def plot_accuracy(history: History) -> Figure:
    """Training and held-out accuracy by epoch, on a scale that is logarithmic in the error."""
    with style():
        figure = figure_class()(figsize=(WIDTH, HEIGHT))
        _draw_accuracy(figure, history)
    return figure


def _draw_accuracy(figure: FigureBase, history: History) -> None:
    axes = figure.add_subplot()
    axes.set_yscale("function", functions=(_log_error, _from_log_error))
    _plot_splits(axes, history, "accuracy")
    ticks, labels = _accuracy_ticks(column(history, "train_accuracy") + column(history, "val_accuracy"))
    axes.set_yticks(ticks, labels)
    axes.set_ylim(ticks[0], ticks[-1])
    _finish_epochs(figure, axes, history, "accuracy")


def plot_learning_rate(history: History) -> Figure:
    """The learning rate at the end of each epoch."""
    rates = column(history, "learning_rate")
    with style():
        figure, axes = new_figure()
        if min(rates) > 0 and max(rates) / min(rates) > 20:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.08 * (max(rates) or 1))
        axes.plot(column(history, "epoch"), rates, color=INK, linewidth=1.4, marker="o", markersize=3)
        _use_plain_numbers(axes)
        _finish_epochs(figure, axes, history, "learning rate")
    return figure


def plot_confusion_matrix(evaluation: Evaluation) -> Figure:
    """Counts of true digits (rows) and predicted digits (columns), with the errors shaded."""
    counts = np.array(evaluation.confusion)  # (10, 10)
    errors = np.where(np.eye(CLASSES, dtype=bool), 0, counts)
    with style():
        figure, axes = new_figure(height=WIDTH)
        # The square root keeps a single error visible beside fifty.
        axes.imshow(np.sqrt(errors), cmap="Reds", vmin=0, vmax=1.6 * math.sqrt(errors.max() or 1))
        for true, predicted in np.argwhere(counts):
            weight = "normal" if true == predicted else "bold"
            text = f"{counts[true, predicted]:,}"
            axes.text(predicted, true, text, ha="center", va="center", fontsize=9, fontweight=weight)
        axes.set_xticks(range(CLASSES))
        axes.set_yticks(range(CLASSES))
        axes.grid(False)
        axes.set_xlabel("predicted digit")
        axes.set_ylabel("true digit")
    return figure


def plot_reliability(bins: Sequence[ReliabilityBin]) -> Figure:
    """Accuracy against confidence with 95 % intervals, above a histogram of the confidence on a log scale."""
    occupied = [(b.lower, b.upper, b.confidence, b.accuracy, b.count) for b in bins if b.count]
    lower, upper, confidence, accuracy, counts = np.array(occupied, np.float64).T
    hits = (accuracy * counts).round()
    intervals = [wilson_interval(k, int(n)) for k, n in zip(hits, counts, strict=True)]
    lengths = np.abs(np.transpose(intervals) - accuracy)  # (2, bins), below and above the point
    with style():
        figure = figure_class()(figsize=(WIDTH, 4.9))
        axes, histogram = figure.subplots(2, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)), label="perfect calibration")
        axes.errorbar(confidence, accuracy, lengths, fmt="o", color=HELD_OUT, linewidth=1.2, label="bin, 95 % interval")
        axes.set_ylabel("accuracy")
        figure.legend(loc="outside upper left", ncols=2)
        bars = histogram.bar((lower + upper) / 2, counts, 0.85 * (upper - lower), color=HELD_OUT, alpha=0.5)
        histogram.bar_label(bars, [compact(int(n)) for n in counts], fontsize=8.5, color=MUTED, padding=2)
        histogram.set_yscale("log")
        histogram.set_ylim(0.7, 8 * counts.max())
        histogram.yaxis.set_visible(False)
        histogram.set_xlim(0, 1.02)
        histogram.set_xlabel("confidence")
        use_percent(axes.yaxis)
        use_percent(histogram.xaxis)
    return figure


def plot_leaderboard(leaderboard: Leaderboard) -> Figure:
    """Mean accuracy of each recipe with its 95 % interval, the best at the top, logarithmic in the error."""
    rows = leaderboard.rows[::-1]
    with style():
        figure, axes = new_figure(height=0.9 + 0.32 * len(rows))
        axes.set_xscale("function", functions=(_log_error, _from_log_error))
        for index, row in enumerate(rows):
            interval = np.minimum(row.accuracy_interval, MAX_ACCURACY)
            axes.plot(interval, (index, index), color=HELD_OUT, linewidth=2.5, alpha=0.45)
            axes.plot(min(row.accuracy, MAX_ACCURACY), index, "o", color=HELD_OUT, markersize=7)
        ticks, labels = _accuracy_ticks([bound for row in rows for bound in row.accuracy_interval])
        axes.set_xticks(ticks, labels)
        axes.set_xlim(ticks[0], ticks[-1])
        axes.set_yticks(range(len(rows)), [row.recipe for row in rows], parse_math=False)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x")
        axes.set_xlabel("accuracy")
    return figure


def rate_changes(history: History) -> list[tuple[float, float]]:
    """(epoch, factor) of the learning rate's steps; empty for a schedule that moves in most epochs (OneCycle)."""
    rates, epochs = column(history, "learning_rate"), column(history, "epoch")
    steps = [
        (epoch, after / before)
        for epoch, (before, after) in zip(epochs, pairwise(rates), strict=False)
        if before > 0 and not math.isclose(before, after, rel_tol=1e-6)
    ]
    return steps if 2 * len(steps) <= len(rates) else []


def best_epochs(history: History) -> list[int]:
    """Indices of the epochs with the best held-out result so far; the last one is the best of all."""
    return [index for index, epoch in enumerate(history) if epoch.get("best")]


def column(history: History, name: str) -> list[float]:
    return [float(epoch.get(name, math.nan)) for epoch in history]


@contextmanager
def style() -> Iterator[None]:
    """Our style over matplotlib's defaults, so that a user's matplotlibrc changes nothing."""
    figure_class()
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE]):
        yield


def new_figure(height: float = HEIGHT) -> tuple[Figure, Axes]:
    figure = figure_class()(figsize=(WIDTH, height))
    return figure, figure.add_subplot()


def _plot_splits(axes: Axes, history: History, name: str) -> None:
    epochs = column(history, "epoch")
    train, held_out = column(history, f"train_{name}"), column(history, f"val_{name}")
    if name == "accuracy":
        train, held_out = ([min(value, MAX_ACCURACY) for value in values] for values in (train, held_out))
    marker = "o" if len(history) < 4 else ""
    axes.plot(epochs, train, color=TRAIN, linewidth=1.6, linestyle=(0, (4, 1.6)), marker=marker, label="training")
    if all(math.isnan(value) for value in held_out):
        return
    axes.plot(epochs, held_out, color=HELD_OUT, linewidth=1.8, marker=marker, label="held-out")
    if best := best_epochs(history):
        points = [epochs[index] for index in best], [held_out[index] for index in best]
        axes.plot(*points, "o", color=HELD_OUT, markersize=3.6, clip_on=False, label="best so far")
        epoch, value = points[0][-1], points[1][-1]
        axes.plot(epoch, value, "o", color=HELD_OUT, mfc="none", ms=10, clip_on=False, label=f"best: epoch {epoch:g}")


def _finish_epochs(figure: FigureBase, axes: Axes, history: History, name: str) -> None:
    """Epochs along the bottom, elapsed time along the top, a line where the learning rate changed, and a legend."""
    from matplotlib.ticker import MaxNLocator

    epochs = column(history, "epoch")
    margin = 0.03 * max(epochs[-1] - epochs[0], 1)
    axes.set_xlim(epochs[0] - min(margin, 0.6), epochs[-1] + margin)  # there is no epoch 0
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    for epoch, _ in rate_changes(history):
        axes.axvline(epoch, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0, gid="learning rate changed")
    elapsed = dict(zip(epochs, column(history, "seconds"), strict=True))
    step = max(1, round(len(epochs) / 4))
    marked = [epoch for epoch in epochs[::-1][::step][::-1] if not math.isnan(elapsed[epoch])]
    above = axes.secondary_xaxis("top")
    above.set_xticks(marked, [duration(elapsed[epoch]).replace(NARROW_SPACE, " ") for epoch in marked])
    above.tick_params(length=0, pad=3, labelsize=9)
    above.spines["top"].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper left", ncols=4)


def use_percent(axis: Axis) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _use_plain_numbers(axes: Axes) -> None:
    """0.05 rather than 5 × 10⁻², and a label for 1, 2 and 5 of each decade if there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        subs = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _accuracy_ticks(values: Sequence[float]) -> tuple[list[float], list[str]]:
    """From the tick next below all values to the tick next above them, with labels; the highest tick stands for 1."""
    low = max((tick for tick in ACCURACY_TICKS if tick < min(np.nanmin(values), MAX_ACCURACY)), default=0.0)
    high = min((tick for tick in ACCURACY_TICKS if tick > np.nanmax(values)), default=MAX_ACCURACY)
    ticks = [tick for tick in ACCURACY_TICKS if low <= tick <= high]
    return ticks, ["100 %" if tick == MAX_ACCURACY else f"{100 * tick:.4g} %" for tick in ticks]


def _log_error(accuracy: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(-np.log10(np.maximum(1 - np.asarray(accuracy, np.float64), 1 - MAX_ACCURACY)))


def _from_log_error(value: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(1 - 10.0 ** -np.asarray(value, np.float64))
