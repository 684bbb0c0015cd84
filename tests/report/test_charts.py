import base64
import math

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from tenfold.evaluation import reliability_bins, wilson_interval
from tenfold.report import charts

PLOTS = [charts.plot_loss, charts.plot_accuracy, charts.plot_learning_rate]


def lines(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """The points of each line by its label."""
    (axes,) = figure.axes
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


@pytest.mark.parametrize(("plot", "name"), [(charts.plot_loss, "loss"), (charts.plot_accuracy, "accuracy")])
def test_history_charts_draw_both_splits_and_the_best_epochs(plot, name, history):
    drawn = lines(plot(history))
    epochs = [row["epoch"] for row in history]
    assert drawn["training"] == (epochs, [row[f"train_{name}"] for row in history])
    assert drawn["held out"] == (epochs, [row[f"val_{name}"] for row in history])
    assert drawn["better than before"][0] == [1, 2, 3, 7]
    assert list(np.ravel(drawn["best: epoch 7"][0])) == [7]


def test_loss_is_logarithmic(history):
    assert charts.plot_loss(history).axes[0].get_yscale() == "log"


def test_accuracy_scale_stretches_towards_1(history):
    rows = [row | {"train_accuracy": a} for row, a in zip(history, (0.9, 0.99, 0.999, 1.0), strict=False)]
    axes = charts.plot_accuracy(rows).axes[0]
    heights = [axes.transData.transform((1, min(row["train_accuracy"], charts.MAX_ACCURACY)))[1] for row in rows]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=1e-4)
    assert "100 %" in [label.get_text() for label in axes.get_yticklabels()]


def test_accuracy_of_1_from_the_first_epoch(history):
    rows = [row | {"train_accuracy": 1.0, "val_accuracy": 1.0} for row in history]
    labels = [label.get_text() for label in charts.plot_accuracy(rows).axes[0].get_yticklabels()]
    assert "100 %" in labels


def changes(figure: Figure) -> list[float]:
    return [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_gid() == "learning rate changed"]


def test_rate_changes_are_marked(history):
    assert charts.rate_changes(history) == [(4, 0.5), (8, 0.5)]
    assert changes(charts.plot_loss(history)) == [4, 8]


def test_rate_that_always_moves_has_no_changes(history):
    moving = [row | {"learning_rate": 0.01 / row["epoch"]} for row in history]
    assert charts.rate_changes(moving) == []
    assert changes(charts.plot_loss(moving)) == []


@pytest.mark.parametrize("missing", ["absent", "nan"])
def test_history_without_held_out_has_one_line(history, missing):
    rows = [
        {name: value for name, value in row.items() if not name.startswith("val_")} | {"best": 0.0} for row in history
    ]
    if missing == "nan":
        rows = [row | {"val_loss": math.nan, "val_accuracy": math.nan} for row in rows]
    for plot in (charts.plot_loss, charts.plot_accuracy):
        drawn = lines(plot(rows))
        assert "training" in drawn
        assert not {"held out", "better than before"} & set(drawn)


@pytest.mark.parametrize("plot", PLOTS)
def test_single_epoch_can_be_drawn(history, plot):
    assert charts.svg_uri(plot(history[:1])).startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize("plot", PLOTS)
def test_svg_is_reproducible(history, plot):
    first, second = (charts.svg_uri(plot(history)) for _ in range(2))
    assert first == second
    assert b"<svg" in base64.b64decode(first.partition(",")[2])


def test_charts_ignore_the_backend(history, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://nowhere")
    before = dict(matplotlib.rcParams)
    assert isinstance(charts.plot_loss(history), Figure)
    assert dict(matplotlib.rcParams) == before, "the style stays inside"


CONFIDENCE = np.array([0.55, 0.58, 0.95, 0.97, 0.99, 0.99])
CORRECT = np.array([True, False, True, True, True, True])


def test_reliability_draws_bins_with_intervals_and_counts():
    axes, counts = charts.plot_reliability(reliability_bins(CONFIDENCE, CORRECT)).axes
    (container,) = axes.containers
    points, _, (bars,) = container
    assert points.get_xdata() == pytest.approx([0.565, 0.975])
    assert points.get_ydata() == pytest.approx([0.5, 1.0])
    low, high = wilson_interval(1, 2)
    assert bars.get_segments()[0][:, 1] == pytest.approx([low, high])
    assert [patch.get_height() for patch in counts.patches] == [2, 4]


def test_severities_draw_the_accuracies():
    (axes,) = charts.plot_severities((0.9, 0.8, 0.5), 0.45).axes
    assert list(axes.lines[0].get_ydata()) == [0.9, 0.8, 0.5]
    assert axes.get_ylim() == (0.45, 1)
