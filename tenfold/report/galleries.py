"""Charts of many pictures or many rows: digits with captions, and accuracy on each corruption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenfold.data.dataset import Dataset
from tenfold.evaluation.metrics import Probabilities, mistakes
from tenfold.images import Images
from tenfold.report.charts import (
    GRID,
    HELD_OUT,
    MUTED,
    WIDTH,
    new_figure,
    style,
    use_percent,
)
from tenfold.report.figure import figure_class

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tenfold.evaluation.robustness import Robustness  # imports PyTorch

COLUMNS = 8  # of a gallery


def plot_digits(images: Images, captions: Sequence[str]) -> Figure:
    """Images, uint8 (N, 28, 28), in rows of eight, each with a caption above it."""
    rows = max(1, -(-len(images) // COLUMNS))
    with style():
        figure = figure_class()(figsize=(1.6 * WIDTH, 1.35 * rows))
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, image, caption in zip(grid.flat, images, captions, strict=False):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
            axes.set_title(caption, fontsize=9)
    return figure


def plot_mistakes(data: Dataset, probabilities: Probabilities, count: int = 24) -> Figure:
    """The most confident mistakes on labeled samples, each with its label, the prediction and the confidence."""
    assert data.labels is not None
    wrong = mistakes(probabilities, data.labels)[:count]
    captions = [
        f"{data.labels[i]} as {probabilities[i].argmax()}, {probabilities[i].max():.0%}" for i in wrong.tolist()
    ]
    return plot_digits(data.images[wrong], captions)


def plot_robustness(robustness: Robustness) -> Figure:
    """Accuracy on each corruption, the worst at the top: one dot for each severity, darker for the stronger ones."""
    corruptions = sorted(robustness.corruptions, key=lambda corruption: -corruption.mean_accuracy)
    rows, severities = range(len(corruptions)), len(corruptions[0].accuracy)
    with style():
        figure, axes = new_figure(height=1.3 + 0.24 * len(corruptions))
        axes.axvline(robustness.clean_accuracy, color=MUTED, linewidth=1, linestyle=(0, (2, 3)), label="uncorrupted")
        for row, corruption in zip(rows, corruptions, strict=True):
            axes.plot(corruption.accuracy, [row] * severities, color=GRID, linewidth=2, zorder=1)
        for severity in range(severities):
            accuracies = [corruption.accuracy[severity] for corruption in corruptions]
            alpha = 0.2 + 0.8 * (severity + 1) / severities
            axes.plot(accuracies, rows, "o", color=HELD_OUT, alpha=alpha, mew=0, label=str(severity + 1))
        names = [corruption.name.replace("_", " ") for corruption in corruptions]
        axes.set_yticks(rows, names, parse_math=False)
        axes.set_ylim(-0.8, len(corruptions) - 0.2)
        axes.grid(axis="x")
        use_percent(axes.xaxis)
        axes.set_xlabel("accuracy")
        legend = figure.legend(loc="outside upper right", ncols=severities + 1, title="severity", title_fontsize=9)
        legend.get_title().set_color(MUTED)
    return figure
