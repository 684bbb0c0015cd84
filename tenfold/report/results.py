"""A model's predictions on labeled images, as the training page and the evaluation page show them."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.images import CLASSES
from tenfold.report.formats import count, number, percent
from tenfold.report.pages import Section

SECTIONS = [
    Section("digits", "Digit by digit"),
    Section("calibration", "Calibration"),
    Section("mistakes", "The most confident mistakes"),
    Section("least-confident", "The least confident predictions"),
]

Tile = tuple[str, str, str]


def has_matplotlib() -> bool:
    """Without it the pages show tables only."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def headline(evaluation: Evaluation) -> list[Tile]:
    lower, upper = evaluation.accuracy_interval
    return [
        ("Accuracy", percent(evaluation.accuracy), f"95 % interval {percent(lower)} to {percent(upper)}"),
        ("Errors", count(evaluation.errors), f"of {count(evaluation.n)}"),
        ("Log loss", number(evaluation.log_loss), "nats, 0 is perfect"),
        ("Calibration error", percent(evaluation.calibration_error), "gap between confidence and accuracy"),
    ]


def results_context(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> dict[str, Any]:
    """What the sections of `SECTIONS` need."""
    return {
        "evaluation": evaluation,
        "source": dataset.source,
        "confusion": _confusion(evaluation),
        "by_digit": _by_digit(evaluation),
        "bins": _bins(evaluation),
        "reliability_chart": _reliability_chart(evaluation),
        "mistakes": _mistakes(dataset, probabilities, evaluation),
        "least_confident": _least_confident(dataset, probabilities, evaluation),
    }


def _confusion(evaluation: Evaluation) -> list[list[tuple[int, str, float]]]:
    """(count, class, heat) of each cell."""
    matrix = evaluation.confusion
    most = max((n for label, row in enumerate(matrix) for digit, n in enumerate(row) if label != digit), default=0)

    def cell(label: int, digit: int) -> tuple[int, str, float]:
        n = matrix[label][digit]
        if not n:
            return 0, "none", 0.0
        if label == digit:
            return n, "right", 0.0
        return n, "wrong", sqrt(n / most)  # the root makes a single mistake visible beside fifty

    return [[cell(label, digit) for digit in range(CLASSES)] for label in range(CLASSES)]


def _by_digit(evaluation: Evaluation) -> list[list[str]]:
    return [
        [
            str(digit),
            count(support),
            count(support - evaluation.confusion[digit][digit]),
            percent(evaluation.recall[digit]),
            percent(evaluation.precision[digit]),
        ]
        for digit, support in enumerate(evaluation.support)
    ]


def _bins(evaluation: Evaluation) -> list[list[str]]:
    return [
        [
            f"{100 * part.lower:.0f} to {percent(part.upper, 0)}",
            count(part.count),
            percent(part.confidence),
            percent(part.accuracy),
        ]
        for part in evaluation.reliability
        if part.count
    ]


def _reliability_chart(evaluation: Evaluation) -> Any:
    if not has_matplotlib():
        return None
    from tenfold.report.charts import plot_reliability

    return plot_reliability(evaluation.reliability)


def _mistakes(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> list[tuple[Any, ...]]:
    """(image, row, label, prediction, confidence), the most confident first."""
    assert dataset.labels is not None  # an evaluation needs them
    mistakes = []
    for index in evaluation.most_confident_mistakes:
        digit = int(probabilities[index].argmax())
        row, label = dataset.source_index(index) + 1, int(dataset.labels[index])
        mistakes.append((dataset.images[index], row, label, digit, float(probabilities[index, digit])))
    return mistakes


def _least_confident(dataset: Dataset, probabilities: Probabilities, evaluation: Evaluation) -> list[tuple[Any, ...]]:
    """(image, row, label, most probable digit, the next one, their probabilities)."""
    assert dataset.labels is not None  # an evaluation needs them
    samples = []
    for index in evaluation.least_confident:
        first, second = (int(digit) for digit in np.argsort(-probabilities[index], kind="stable")[:2])
        p_first, p_second = float(probabilities[index, first]), float(probabilities[index, second])
        row, label = dataset.source_index(index) + 1, int(dataset.labels[index])
        samples.append((dataset.images[index], row, label, first, second, p_first, p_second))
    return samples
