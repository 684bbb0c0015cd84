"""Training curves, drawn by matplotlib as SVG that takes its colors from the page's theme.

matplotlib draws with stand-in colors; each is then replaced by a CSS variable. Charts are drawn small (as wide as a
phone) so that their text keeps its size: a page sets two side by side where there is room.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tenfold.report.page import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[dict[str, float]]  # as in history.csv; what was not measured is absent or NaN

INK, MUTED, LINE, TRAIN, HELD = "#010203", "#010204", "#010205", "#010206", "#010207"
_VARIABLES = {
    INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", TRAIN: "var(--train)", HELD: "var(--held)",
}  # fmt: skip
_SIZE = (5.6, 3.6)  # inches of 72 CSS pixels
# An accuracy of 1 has no place on a scale that stretches towards 1: it is drawn where one error in 20,000 would be.
_TOP = 1 - 5e-5
_ACCURACY_TICKS = (0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, _TOP)


def loss(history: Rows) -> str:
    """SVG: the loss of both splits over the epochs, logarithmic."""

    def draw(axes: Axes) -> None:
        axes.set_yscale("log")
        _splits(axes, history, "loss")
        _plain_numbers(axes)
        _marks(axes, history)

    return _chart("loss", "Loss by epoch, training and held-out rows", draw)


def accuracy(history: Rows) -> str:
    """SVG: the accuracy of both splits over the epochs, on a scale that stretches towards 100 %."""

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import FixedLocator, NullLocator

        axes.set_yscale("function", functions=(_stretch, _unstretch))
        _splits(axes, history, "accuracy")
        low, high = _accuracy_range(column(history, "train_accuracy") + column(history, "val_accuracy"))
        axes.set_ylim(low, high)
        ticks = [tick for tick in _ACCURACY_TICKS if low <= tick <= high]
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_yticklabels(["100 %" if tick == _TOP else f"{100 * tick:.4g} %" for tick in ticks])
        _marks(axes, history)

    return _chart("accuracy", "Accuracy by epoch, training and held-out rows", draw)


def learning_rate(history: Rows) -> str:
    """SVG: the learning rate at the end of each epoch."""

    def draw(axes: Axes) -> None:
        rates = column(history, "learning_rate")
        if min(rates) > 0 and max(rates) / min(rates) > 20:
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, 1.08 * (max(rates) or 1))
        axes.plot(column(history, "epoch"), rates, color=INK, linewidth=1.4, marker="o", markersize=3, gid="rate-line")
        _plain_numbers(axes)
        _marks(axes, history)

    return _chart("rate", "Learning rate by epoch", draw)


def rate_changes(history: Rows) -> list[tuple[float, float]]:
    """(epoch, factor) of the learning rate's steps; none for a schedule that moves in most epochs (OneCycle)."""
    rates = column(history, "learning_rate")
    epochs = column(history, "epoch")
    steps = [
        (epochs[place], now / before)
        for place, (before, now) in enumerate(pairwise(rates))
        if before > 0 and not math.isclose(before, now, rel_tol=1e-6)
    ]
    return steps if 2 * len(steps) <= len(rates) else []


def best_epochs(history: Rows) -> list[int]:
    """Rows whose held-out result was the best so far; the last of them is the checkpoint that was kept."""
    return [place for place, row in enumerate(history) if row.get("best")]


def column(history: Rows, name: str) -> list[float]:
    return [float(row.get(name, math.nan)) for row in history]


def _splits(axes: Axes, history: Rows, what: str) -> None:
    epochs = column(history, "epoch")
    marker = "o" if len(history) < 4 else ""
    train, held = column(history, f"train_{what}"), column(history, f"val_{what}")
    if what == "accuracy":
        train, held = ([min(value, _TOP) for value in values] for values in (train, held))
    axes.plot(epochs, train, color=TRAIN, linewidth=1.6, linestyle=(0, (4, 1.6)), marker=marker, markersize=4,
              gid=f"{what}-train")  # fmt: skip
    if not all(math.isnan(value) for value in held):
        axes.plot(epochs, held, color=HELD, linewidth=1.8, marker=marker, markersize=4, gid=f"{what}-held")
        best = best_epochs(history)
        axes.plot([epochs[row] for row in best], [held[row] for row in best], "o", color=HELD, markersize=3.6,
                  clip_on=False, gid=f"{what}-best")  # fmt: skip
        if best:
            axes.plot(epochs[best[-1]], held[best[-1]], "o", markersize=10, markerfacecolor="none",
                      markeredgecolor=HELD, markeredgewidth=1.4, clip_on=False, gid=f"{what}-kept")  # fmt: skip


def _marks(axes: Axes, history: Rows) -> None:
    """Whole epochs below, elapsed time above, a line where the learning rate changed."""
    from matplotlib.ticker import MaxNLocator

    epochs = column(history, "epoch")
    margin = 0.03 * max(epochs[-1] - epochs[0], 1)
    axes.set_xlim(epochs[0] - min(margin, 0.6), epochs[-1] + margin)  # there is no epoch 0
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    for epoch, _ in rate_changes(history):
        axes.axvline(epoch, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0, gid=f"rate-change-{epoch:g}")
    spent = dict(zip(epochs, column(history, "seconds"), strict=True))
    marked = [epoch for epoch in _few(epochs, 4) if not math.isnan(spent[epoch])]
    above = axes.secondary_xaxis("top")
    above.set_xticks(marked, [seconds(spent[epoch]) for epoch in marked])
    above.tick_params(length=0, pad=3, labelcolor=MUTED, labelsize=9)
    if len(marked) > 1:
        above.get_xticklabels()[-1].set_horizontalalignment("right")  # or it would leave the chart
    above.spines["top"].set_visible(False)


def _few(epochs: list[float], parts: int) -> list[float]:
    """About `parts` of the epochs, evenly spread, the last one always among them."""
    step = max(1, round(len(epochs) / parts))
    return epochs[::-1][::step][::-1]


def _plain_numbers(axes: Axes) -> None:
    """0.05 rather than 5 x 10^-2, and a label for 1, 2 and 5 of each decade where there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        subs = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _stretch(accuracy: ArrayLike) -> NDArray[np.float64]:
    errors = np.maximum(1 - np.asarray(accuracy, np.float64), 1 - _TOP)
    return np.asarray(-np.log10(errors))


def _unstretch(place: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(1 - 10.0 ** -np.asarray(place, np.float64))


def _accuracy_range(values: list[float]) -> tuple[float, float]:
    """The ticks next below and next above all values, of which those above the highest tick count as that."""
    low = max((tick for tick in _ACCURACY_TICKS if tick < min(np.nanmin(values), _TOP)), default=0.0)
    high = min((tick for tick in _ACCURACY_TICKS if tick > np.nanmax(values)), default=_TOP)
    return low, high


def _chart(name: str, alt: str, draw: Callable[[Axes], None]) -> str:
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot: it keeps global state

    # A fixed salt makes the ids, and so the whole file, the same each time.
    style: dict[Any, Any] = {
        "svg.hashsalt": name, "svg.fonttype": "none", "font.size": 11, "text.color": INK, "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED, "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED, "axes.grid": True, "axes.grid.axis": "y", "grid.color": LINE, "grid.linewidth": 0.7,
        "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "ytick.left": False,
        "ytick.minor.left": False, "xtick.major.size": 3, "axes.axisbelow": True,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        figure = Figure(figsize=_SIZE, dpi=72)
        axes = figure.add_axes((0.13, 0.13, 0.845, 0.79))
        draw(axes)
        axes.set_xlabel("epoch", labelpad=2)
        return _svg(figure, name, alt)


def _svg(figure: Figure, name: str, alt: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    # Inside HTML the namespaces go without saying; ids must differ between the charts of one page.
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    opening = rf'<svg class="chart" \1 role="img" aria-label="{escape(alt)}">'
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", opening, svg, count=1)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # it would hold for the whole page
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "inherit", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    return svg
