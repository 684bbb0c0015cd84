"""What each page shows. A page is made in two steps:

1. A `render_*` function collects what the page shows in a typed context: data, results, pixels and figures, but no text
   and no HTML.
2. `rendering.render` fills the page's template with it. For each of the page's sections, the template includes
   `templates/sections/` + anchor + ".html".

Text is changed in the templates; a new section is a template and an entry in the page's `sections`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.checks import CheckResult
from tenfold.data.counts import SplitCheck
from tenfold.data.dataset import Dataset
from tenfold.errors import UnavailableError
from tenfold.evaluation import Evaluation, Leaderboard
from tenfold.evaluation.metrics import Probabilities
from tenfold.images import SIDE, Images
from tenfold.report import charts, galleries
from tenfold.report.formats import plural
from tenfold.report.images import samples_by_digit
from tenfold.report.label_errors import LABEL_ERRORS, LabelErrors
from tenfold.report.rendering import Page, Section, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tenfold.evaluation.robustness import Robustness  # imports PyTorch, which pages don't need
    from tenfold.nets import Layer

HIGHLIGHT_BELOW = 0.9  # confidence under which a prediction is highlighted
TEST_IMAGES = 32
NETWORK = Section("network", "Network")
RECIPE = Section("recipe", "Recipe")
HISTORY = Section("history", "Training history")
RESULTS = (
    Section("per-digit", "Results per digit"),
    Section("calibration", "Calibration"),
    Section("mistakes", "Most confident mistakes"),
    Section("least-confident", "Least confident predictions"),
)


@dataclass(frozen=True, eq=False)
class Prediction:
    """One image of a gallery. number: its position in the source, from 1. digits: the most probable ones, in order."""

    image: NDArray[np.uint8]
    number: int
    label: int | None
    digits: Sequence[int]
    probabilities: Sequence[float]


@dataclass(frozen=True, eq=False)
class CheckedSplit:
    """constant_pixels: (row, column) of each pixel that never changes. mean: uint8 (28, 28), None without images."""

    name: str
    check: SplitCheck
    samples: list[tuple[int, Images]]
    constant_pixels: list[tuple[int, int]]
    mean: NDArray[np.uint8] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class CheckPage(Page):
    result: CheckResult
    notes: Sequence[str]
    splits: list[CheckedSplit]
    test_images: Images


@dataclass(frozen=True, eq=False)
class Results:
    """A model's predictions on labeled images.

    max_confusion: the highest count off the diagonal of the confusion matrix. reliability_figure: None without
    matplotlib.
    """

    evaluation: Evaluation
    source: str
    max_confusion: int
    mistakes: list[Prediction]
    least_confident: list[Prediction]
    reliability_figure: Figure | None


@dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationPage(Page):
    results: Results
    notes: Sequence[str]
    robustness: Robustness | None
    robustness_figure: Figure | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ComparisonPage(Page):
    board: Leaderboard
    source: str
    notes: Sequence[str]
    figure: Figure | None


@dataclass(frozen=True, eq=False)
class History:
    """epochs: rows of history.csv. best: index of the best one on held-out images. figures: {} without matplotlib."""

    epochs: charts.History
    best: int | None
    rate_changes: list[tuple[float, float]]
    figures: dict[str, Figure]


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What the report on a run is made of.

    recipe: as in recipe.json. description: where the recipe comes from, may be "". data: the source in words.
    history: as in history.csv; what was not measured is missing or NaN. train: the images trained on. augmented: uint8
    (k, m, 28, 28), k digits, each first without and then m - 1 times with augmentation; None without augmentation.
    held_out, probabilities (N, 10), evaluation: the held-out images as the exported model predicts them, or None.
    unlabeled, unlabeled_probabilities: a few dozen images without labels, or None. details: names and texts (time,
    device, seed, versions). note: which images chose the weights. measured_on: validation or
    out-of-fold. label_errors: of a cross-validation.
    """

    title: str
    recipe: dict[str, Any]
    description: str
    layers: list[Layer]
    history: list[dict[str, float]]
    data: str
    train: Dataset
    augmented: Images | None
    held_out: Dataset | None
    probabilities: Probabilities | None
    evaluation: Evaluation | None
    unlabeled: Dataset | None
    unlabeled_probabilities: Probabilities | None
    details: dict[str, str]
    note: str
    measured_on: str = "validation"
    label_errors: LabelErrors | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingPage(Page):
    report: TrainingReport
    samples: list[tuple[int, Images]]
    history: History | None
    results: Results | None
    predictions: list[Prediction]
    highlight_below: float = HIGHLIGHT_BELOW


@dataclass(frozen=True, eq=False)
class LineReport:
    """What the report on a line model's run is made of; fields as in TrainingReport.

    lines: held-out lines as ((strip uint8 (32, W), text), prediction). held_out: as in metrics.json, or None.
    """

    title: str
    recipe: dict[str, Any]
    description: str
    layers: list[Layer]
    history: list[dict[str, float]]
    train: Dataset
    lines: list[tuple[tuple[NDArray[np.uint8], str], str]]
    held_out: dict[str, Any] | None
    details: dict[str, str]
    note: str


@dataclass(frozen=True, eq=False, kw_only=True)
class LineTrainingPage(Page):
    report: LineReport
    history: History | None


def render_check(
    result: CheckResult, source: str, notes: Sequence[str], train: Dataset | None, test: Dataset | None
) -> str:
    """The page of `tenfold check`. train, test: the data that was checked. notes: what loading it reported."""
    splits = [
        _checked_split(name, check, data)
        for name, check, data in (("Training", result.train, train), ("Test", result.test, test))
        if check is not None and data is not None
    ]
    labeled = any(split.check.label_counts for split in splits)
    sections = [
        Section("findings", "Findings"),
        Section("statistics", "Statistics"),
        *([Section("labels", "Labels"), Section("mean-images", "Mean images")] if labeled else []),
        *([Section("test-images", "First test images")] if test else []),
        *([Section("constant-pixels", "Constant pixels")] if any(split.mean is not None for split in splits) else []),
    ]
    test_images = test.images[:TEST_IMAGES] if test else np.empty((0, SIDE, SIDE), np.uint8)
    page = CheckPage(
        title=source, sections=sections, result=result, notes=notes, splits=splits, test_images=test_images
    )
    return render("check.html", page)


def render_training(report: TrainingReport) -> str:
    """The report on a run."""
    results, predictions = None, []
    if report.held_out is not None and report.probabilities is not None and report.evaluation is not None:
        results = _results(report.held_out, report.probabilities, report.evaluation)
    if report.unlabeled is not None and report.unlabeled_probabilities is not None:
        every = range(len(report.unlabeled))
        predictions = [_prediction(report.unlabeled, report.unlabeled_probabilities, index) for index in every]
    sections = [
        Section("data", "Data"),
        NETWORK,
        *([Section("augmentation", "Augmentation")] if report.augmented is not None else []),
        *([HISTORY] if report.history else []),
        *(RESULTS if results else []),
        *([LABEL_ERRORS] if report.label_errors else []),
        *([Section("predictions", "Predictions")] if predictions else []),
        RECIPE,
    ]
    page = TrainingPage(
        title=report.title,
        sections=sections,
        report=report,
        samples=samples_by_digit(report.train),
        history=_history(report.history),
        results=results,
        predictions=predictions,
    )
    return render("training.html", page)


def render_line_training(report: LineReport) -> str:
    """The report on a line model's run."""
    sections = [
        *([Section("lines", "Held-out lines")] if report.lines else []),
        NETWORK,
        *([HISTORY] if report.history else []),
        RECIPE,
    ]
    page = LineTrainingPage(title=report.title, sections=sections, report=report, history=_history(report.history))
    return render("line_training.html", page)


def render_evaluation(
    evaluation: Evaluation,
    dataset: Dataset,
    probabilities: Probabilities,
    model: str,
    notes: Sequence[str] = (),
    robustness: Robustness | None = None,
) -> str:
    """The page of `tenfold evaluate`. probabilities: float32 (N, 10), on `dataset`. notes: sentences for the head."""
    page = EvaluationPage(
        title=model,
        sections=[*RESULTS, *([Section("robustness", "Robustness to corruptions")] if robustness else [])],
        results=_results(dataset, probabilities, evaluation),
        notes=notes,
        robustness=robustness,
        robustness_figure=_draw(galleries.plot_robustness, robustness) if robustness else None,
    )
    return render("evaluation.html", page)


def render_comparison(board: Leaderboard, source: str, notes: Sequence[str] = ()) -> str:
    """The page of `tenfold compare`. source: the data evaluated on. notes: sentences for the head."""
    sections = [
        Section("leaderboard", "Leaderboard"),
        Section("accuracy-intervals", "Accuracy with 95 % intervals"),
        Section("paired-tests", "Paired tests"),
    ]
    page = ComparisonPage(
        title=f"{plural(len(board.rows), 'recipe')} compared",
        sections=sections,
        board=board,
        source=source,
        notes=notes,
        figure=_draw(charts.plot_leaderboard, board),
    )
    return render("comparison.html", page)


def _checked_split(name: str, check: SplitCheck, data: Dataset) -> CheckedSplit:
    constant_pixels = [divmod(int(pixel.removeprefix("pixel")), SIDE) for pixel in check.constant_pixels]
    mean = data.images.mean(axis=0).astype(np.uint8) if len(data) else None
    samples = samples_by_digit(data) if data.labels is not None else []
    return CheckedSplit(name, check, samples, constant_pixels, mean)


def _results(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> Results:
    confusion = np.array(evaluation.confusion)  # (10, 10)
    return Results(
        evaluation=evaluation,
        source=dataset.source,
        max_confusion=int((confusion - np.diag(confusion.diagonal())).max()),
        mistakes=[_prediction(dataset, probabilities, index) for index in evaluation.most_confident_mistakes],
        least_confident=[_prediction(dataset, probabilities, index) for index in evaluation.least_confident],
        reliability_figure=_draw(charts.plot_reliability, evaluation.reliability),
    )


def _prediction(dataset: Dataset, probabilities: Probabilities, index: int) -> Prediction:
    digits = np.argsort(-probabilities[index], kind="stable")[:2]
    return Prediction(
        image=dataset.images[index],
        number=dataset.source_index(index) + 1,
        label=None if dataset.labels is None else int(dataset.labels[index]),
        digits=digits.tolist(),
        probabilities=probabilities[index, digits].tolist(),
    )


def _history(epochs: charts.History) -> History | None:
    if not epochs:
        return None
    plots: dict[str, Callable[[charts.History], Figure]] = {"Loss": charts.plot_loss, "Accuracy": charts.plot_accuracy}
    if len(epochs) > 1:
        plots["Learning rate"] = charts.plot_learning_rate
    figures = {name: figure for name, plot in plots.items() if (figure := _draw(plot, epochs))}
    best = charts.best_epochs(epochs)
    return History(epochs, best[-1] if best else None, charts.rate_changes(epochs), figures)


def _draw(plot: Callable[..., Figure], values: Any) -> Figure | None:
    """The figure, or None without matplotlib: pages then say that the chart is missing."""
    try:
        return plot(values)
    except UnavailableError:
        return None
