"""Calibration: whether predictions with a confidence of 90 % are correct nine times out of ten."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions with a confidence in (lower, upper], and their means (None in an empty bin)."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability_bins(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """The reliability curve in 15 bins of equal width (Guo et al., 2017, "On calibration of modern neural networks").

    confidence: float (N,), the probability of the predicted digit. correct: bool (N,), whether that is the true one.
    """
    confidence = confidence.astype(np.float64)
    edges = np.arange(BINS + 1) / BINS
    # side="left" puts a confidence that is exactly an upper edge into the bin below it.
    bins = np.minimum(np.searchsorted(edges[1:], confidence, side="left"), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    confidences = np.bincount(bins, weights=confidence, minlength=BINS)
    hits = np.bincount(bins, weights=correct, minlength=BINS)
    return [
        ReliabilityBin(
            lower=float(edges[i]),
            upper=float(edges[i + 1]),
            count=int(counts[i]),
            confidence=float(confidences[i] / counts[i]) if counts[i] else None,
            accuracy=float(hits[i] / counts[i]) if counts[i] else None,
        )
        for i in range(BINS)
    ]


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature by which to divide logits (N, 10) to maximize the likelihood of labels (N,) (Guo et al., 2017).

    Between 1/8 and 8: without any errors, the optimum would be 0.
    """
    logits = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    true_logits = logits[np.arange(len(logits)), labels]  # (N,)

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float(np.mean(np.log(np.exp(scale * logits).sum(axis=1)) - scale * true_logits))

    low, high = -np.log(8), np.log(8)
    for _ in range(60):  # ternary search: the loss has a single minimum
        third = (high - low) / 3
        low, high = (low, high - third) if loss(low + third) < loss(high - third) else (low + third, high)
    return float(np.exp((low + high) / 2))


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: the mean difference between confidence and accuracy, weighted by predictions."""
    differences = sum(
        part.count * abs(part.confidence - part.accuracy)
        for part in bins
        if part.confidence is not None and part.accuracy is not None
    )
    return differences / sum(part.count for part in bins)
