"""`evaluate_predictions`: all metrics of a model, from its probabilities on labeled samples."""

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

MAX_LISTED = 24  # mistakes and least confident samples
# Probabilities are clipped to this for log loss, as in scikit-learn for float32: a certain mistake costs 15.9.
MIN_PROBABILITY = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Evaluation:
    """A model's metrics on `n` labeled samples. Lists by digit have ten elements; ratios are between 0 and 1.

    accuracy_interval: 95 % Wilson interval. log_loss: mean, in nats.
    precision: None for a digit that is never predicted; recall: None for a digit that does not occur.
    confusion: 10x10 counts; rows are true digits, columns predicted ones.
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
        """The fields as plain JSON values; undefined ones are null, never NaN."""
        return asdict(self) | {"accuracy_interval": list(self.accuracy_interval)}

    def summary(self) -> str:
        """One line for users."""
        lower, upper = self.accuracy_interval
        return (
            f"accuracy {100 * self.accuracy:.2f} % (95 % interval {100 * lower:.2f} to {100 * upper:.2f}), "
            f"{self.errors:,} {'error' if self.errors == 1 else 'errors'} of {self.n:,}, "
            f"log loss {self.log_loss:.4f}, calibration error {100 * self.calibration_error:.2f} %"
        )


def evaluate_predictions(probabilities: Probabilities, labels: Labels) -> Evaluation:
    """Score probabilities, float32 (N, 10), against labels, uint8 (N,).

    The prediction is the most probable digit (the lowest of several); its probability is the confidence.

    Raises RunError for probabilities that are not finite (training diverged), ValueError for other shapes, no samples,
    or rows that are not probabilities.
    """
    _validate(probabilities, labels)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    correct = predicted == labels
    ranked_mistakes = mistakes(probabilities, labels)
    n, errors = len(labels), len(ranked_mistakes)

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
        most_confident_mistakes=ranked_mistakes[:MAX_LISTED].tolist(),
        least_confident=np.argsort(confidence, kind="stable")[:MAX_LISTED].tolist(),
    )


def mistakes(probabilities: Probabilities, labels: Labels) -> NDArray[np.intp]:
    """Indices of the samples that are predicted wrongly, the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def _log_loss(probabilities: Probabilities, labels: Labels) -> float:
    true_probabilities = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    # Rounding can make a probability slightly greater than 1, where the logarithm would be positive.
    return float(-np.log(true_probabilities.clip(MIN_PROBABILITY, 1)).mean())


def _ratios(counts: list[int], totals: list[int]) -> list[float | None]:
    return [count / total if total else None for count, total in zip(counts, totals, strict=True)]


def _validate(probabilities: Probabilities, labels: Labels) -> None:
    if labels.ndim != 1 or not len(labels) or probabilities.shape != (len(labels), CLASSES):
        raise ValueError(f"expected probabilities (N, 10) and labels (N,), not {probabilities.shape}, {labels.shape}")
    invalid = int(np.count_nonzero(~np.isfinite(probabilities).all(axis=1)))
    if invalid:
        raise RunError(
            f"the model's probabilities for {invalid:,} of {len(labels):,} samples are not finite, because training "
            "diverged; train with a lower learning rate"
        )
    if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("probabilities must not be negative and must sum to 1")
