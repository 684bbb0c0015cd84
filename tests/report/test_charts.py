import base64
import io
import math
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from tenfold.errors import UnavailableError
from tenfold.evaluation import RunResult, rank_runs, reliability_bins, wilson_interval
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.report import charts, galleries

HISTORY_PLOTS = [charts.plot_loss, charts.plot_accuracy, charts.plot_learning_rate]


def lines(figure: Figure) -> dict[str, tuple[list[float], list[float]]]:
    """The points of each line by its label."""
    return {
        line.get_label(): (np.ravel(line.get_xdata()).tolist(), np.ravel(line.get_ydata()).tolist())
        for line in figure.axes[0].lines
    }


def labels(ticks) -> list[str]:
    return [label.get_text() for label in ticks]


@pytest.mark.parametrize(("plot", "name"), [(charts.plot_loss, "loss"), (charts.plot_accuracy, "accuracy")])
def test_history_charts_draw_both_splits_and_the_best_epochs(plot, name, history):
    drawn = lines(plot(history))
    epochs = [row["epoch"] for row in history]
    assert drawn["training"] == (epochs, [row[f"train_{name}"] for row in history])
    assert drawn["held-out"] == (epochs, [row[f"val_{name}"] for row in history])
    assert drawn["best so far"][0] == [1, 2, 3, 7]
    assert drawn["best: epoch 7"][0] == [7]


def test_loss_scale_is_logarithmic(history):
    assert charts.plot_loss(history).axes[0].get_yscale() == "log"


def test_accuracy_scale_is_logarithmic_in_the_error(history):
    rows = [row | {"train_accuracy": a} for row, a in zip(history, (0.9, 0.99, 0.999, 1.0), strict=False)]
    axes = charts.plot_accuracy(rows).axes[0]
    heights = [axes.transData.transform((1, min(row["train_accuracy"], charts.MAX_ACCURACY)))[1] for row in rows]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=1e-4)
    assert "100 %" in labels(axes.get_yticklabels())


def test_accuracy_of_1_from_the_first_epoch(history):
    rows = [row | {"train_accuracy": 1.0, "val_accuracy": 1.0} for row in history]
    assert "100 %" in labels(charts.plot_accuracy(rows).axes[0].get_yticklabels())


def marked_changes(figure: Figure) -> list[float]:
    return [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_gid() == "learning rate changed"]


def test_rate_changes_are_marked(history):
    assert charts.rate_changes(history) == [(4, 0.5), (8, 0.5)]
    assert marked_changes(charts.plot_loss(history)) == [4, 8]


def test_rate_that_always_moves_has_no_changes(history):
    moving = [row | {"learning_rate": 0.01 / row["epoch"]} for row in history]
    assert charts.rate_changes(moving) == []
    figure = charts.plot_learning_rate(moving)
    assert marked_changes(figure) == []
    assert list(figure.axes[0].lines[0].get_ydata()) == [row["learning_rate"] for row in moving]


def test_last_epoch_has_the_elapsed_time(history):
    (above,) = charts.plot_loss(history).axes[0].child_axes
    assert labels(above.get_xticklabels())[-1] == "1 min 15 s"


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
        assert not {"held-out", "best so far"} & set(drawn)


@pytest.mark.parametrize("plot", HISTORY_PLOTS)
def test_single_epoch(history, plot):
    assert charts.svg_uri(plot(history[:1])).startswith("data:image/svg+xml;base64,")


@pytest.mark.parametrize("plot", HISTORY_PLOTS)
def test_svg_is_reproducible(history, plot):
    first, second = (charts.svg_uri(plot(history)) for _ in range(2))
    assert first == second
    assert b"<svg" in base64.b64decode(first.partition(",")[2])


def test_figures_can_be_saved_as_png(history):
    file = io.BytesIO()
    charts.plot_loss(history).savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_charts_ignore_the_backend_and_the_users_style(history, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://nowhere")
    expected = charts.svg_uri(charts.plot_loss(history))
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        figure = charts.plot_loss(history)
        assert isinstance(figure, Figure)
        assert charts.svg_uri(figure) == expected
        assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_charts_name_the_extra(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnavailableError, match=r"charts need matplotlib; .* pip install 'tenfold\[train\]'"):
        charts.plot_loss(history)


def test_reliability_diagram_draws_bins_with_intervals_and_counts():
    confidence = np.array([0.55, 0.58, 0.95, 0.97, 0.99, 0.99])
    correct = np.array([True, False, True, True, True, True])
    axes, histogram = charts.plot_reliability(reliability_bins(confidence, correct)).axes
    (container,) = axes.containers
    points, _, (bars,) = container
    assert points.get_xdata() == pytest.approx([0.565, 0.975])
    assert points.get_ydata() == pytest.approx([0.5, 1.0])
    assert bars.get_segments()[0][:, 1] == pytest.approx(wilson_interval(1, 2))
    assert [patch.get_height() for patch in histogram.patches] == [2, 4]


def test_reliability_diagram_writes_counts_above_the_bars():
    bins = reliability_bins(np.r_[np.full(12345, 0.99), np.full(7, 0.5)], np.ones(12352, bool))
    assert [text.get_text() for text in charts.plot_reliability(bins).axes[1].texts] == ["7", "12k"]


def test_robustness_chart_draws_a_dot_for_each_severity(robustness):
    figure = galleries.plot_robustness(robustness)
    # The worst corruption is at the top, so it comes last.
    assert labels(figure.axes[0].get_yticklabels()) == ["gaussian blur", "<fog>"]
    drawn = lines(figure)
    assert drawn["1"] == ([0.99, 0.9], [0, 1])
    assert drawn["5"] == ([0.8, 0.5], [0, 1])
    assert drawn["uncorrupted"][0] == [0.9975, 0.9975]


def test_leaderboard_chart_draws_intervals(digits):
    def result(recipe: str, mistakes: int) -> RunResult:
        predicted = digits.labels.copy()
        predicted[:mistakes] = (predicted[:mistakes] + 1) % 10
        return RunResult(recipe, 0, 1000, 30.0, 5, np.eye(10, dtype=np.float32)[predicted])

    board = rank_runs([result("$bad$", 60), result("perfect", 0)], digits.labels)
    axes = charts.plot_leaderboard(board).axes[0]
    assert labels(axes.get_yticklabels()) == ["$bad$", "perfect"]
    interval, dot, _, perfect = (line.get_xdata() for line in axes.lines)
    assert tuple(interval) == board.rows[1].accuracy_interval
    assert dot == [0.8]
    assert perfect == [charts.MAX_ACCURACY]
    low, high = axes.get_xlim()
    assert low < interval[0] < dot[0] < interval[1] < perfect[0] <= high


def test_confusion_matrix_writes_all_counts(digits, probabilities):
    evaluation = evaluate_predictions(probabilities, digits.labels)
    drawn = np.zeros((10, 10), int)
    for text in charts.plot_confusion_matrix(evaluation).axes[0].texts:
        predicted, true = text.get_position()
        drawn[true, predicted] = int(text.get_text())
    assert drawn.tolist() == evaluation.confusion


def test_confusion_matrix_without_errors(digits):
    evaluation = evaluate_predictions(np.eye(10, dtype=np.float32)[digits.labels], digits.labels)
    assert charts.svg_uri(charts.plot_confusion_matrix(evaluation))
