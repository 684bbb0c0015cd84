"""`evaluate`: everything that is said about a model, from its probabilities on labeled rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import RunError
from tenfold.evaluation.calibration import ReliabilityBin, calibration_error, reliability_bins
from tenfold.evaluation.statistics import wilson_interval
from tenfold.images import CLASSES, Labels

Probabilities = NDArray[np.float32]  # (N, 10), each row sums to 1

SHOWN = 24
# What log loss takes for a probability of 0, as scikit-learn does for float32: a sure mistake costs 15.9, not infinity.
SMALLEST = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Evaluation:
    """A model's figures on `n` labeled rows. Lists by digit have ten places; shares lie between 0 and 1.

    accuracy_interval: 95 % Wilson interval. log_loss: mean, in nats.
    precision: None for a digit never predicted; recall: None for a digit that does not occur.
    confusion: 10x10 counts, rows true digits, columns predicted ones.
    calibration_error: expected calibration error over the `reliability` bins.
    most_confident_mistakes, least_confident: indices of up to 24 samples each: mistakes with the highest confidence
    first; samples, right or wrong, with the lowest confidence first.
    """

    n: int
    errors: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    log_loss: float
    precision: list[float | None]
    recall: list[float | None]
    support: list[int]
    confusion: list[list[int]]
    calibration_error: float
    reliability: list[ReliabilityBin]
    most_confident_mistakes: list[int]
    least_confident: list[int]

    def to_dict(self) -> dict[str, Any]:
        """The same names with plain JSON values; what is undefined is null, never NaN."""
        return asdict(self) | {"accuracy_interval": list(self.accuracy_interval)}

    def summary(self) -> str:
        """One line for people."""
        lower, upper = self.accuracy_interval
        return (
            f"accuracy {100 * self.accuracy:.2f} % (95 % interval {100 * lower:.2f} to {100 * upper:.2f}), "
            f"{self.errors:,} {'error' if self.errors == 1 else 'errors'} of {self.n:,}, "
            f"log loss {self.log_loss:.4f}, calibration error {100 * self.calibration_error:.2f} %"
        )


def evaluate_predictions(probabilities: Probabilities, labels: Labels) -> Evaluation:
    """Score probabilities, float32 (N, 10), against labels, uint8 (N,).

    The prediction is the most probable digit, the lower one of equals; its probability is the confidence.

    Raises RunError for probabilities that are not finite (a training that diverged), ValueError for other shapes,
    no rows, or rows that are not probabilities.
    """
    _require_probabilities(probabilities, labels)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    correct = predicted == labels
    mistakes = np.flatnonzero(~correct)
    n, errors = len(labels), len(mistakes)

    confusion = np.bincount(CLASSES * labels.astype(np.int64) + predicted, minlength=CLASSES**2)
    confusion = confusion.reshape(CLASSES, CLASSES)
    hits, support = confusion.diagonal().tolist(), confusion.sum(axis=1).tolist()
    bins = reliability_bins(confidence, correct)
    return Evaluation(
        n=n,
        errors=errors,
        accuracy=(n - errors) / n,
        accuracy_interval=wilson_interval(n - errors, n),
        log_loss=_log_loss(probabilities, labels),
        precision=_ratios(hits, confusion.sum(axis=0).tolist()),
        recall=_ratios(hits, support),
        support=support,
        confusion=confusion.tolist(),
        calibration_error=calibration_error(bins),
        reliability=bins,
        most_confident_mistakes=mistakes[np.argsort(-confidence[mistakes], kind="stable")][:SHOWN].tolist(),
        least_confident=np.argsort(confidence, kind="stable")[:SHOWN].tolist(),
    )


def _log_loss(probabilities: Probabilities, labels: Labels) -> float:
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    # Rounding can lift a probability a hair above 1, where the logarithm would turn positive.
    return float(-np.log(of_truth.clip(SMALLEST, 1)).mean())


def _ratios(parts: list[int], wholes: list[int]) -> list[float | None]:
    return [part / whole if whole else None for part, whole in zip(parts, wholes, strict=True)]


def _require_probabilities(probabilities: Probabilities, labels: Labels) -> None:
    if labels.ndim != 1 or not len(labels) or probabilities.shape != (len(labels), CLASSES):
        raise ValueError(f"expected probabilities (N, 10) and labels (N,), not {probabilities.shape}, {labels.shape}")
    lost = int(np.count_nonzero(~np.isfinite(probabilities).all(axis=1)))
    if lost:
        raise RunError(
            f"the model's probabilities of {lost:,} of {len(labels):,} rows are not finite numbers: its training "
            "diverged; a lower learning rate helps"
        )
    if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("rows of probabilities must not be negative and must sum to 1")
