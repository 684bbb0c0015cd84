"""Does a model that says 90 % get nine of ten right?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions whose confidence lies in (lower, upper]; both means are None in an empty bin."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability_bins(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """The reliability curve in 15 bins of equal width (Guo et al., 2017, "On calibration of modern neural networks").

    confidence: float (N,), the probability of the predicted digit. correct: bool (N,), whether it was right.
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
    """The number to divide logits (N, 10) by, so that the labels (N,) become likeliest (Guo et al., 2017).

    Between 1/8 and 8: rows that are all read right would ask for 0.
    """
    logits = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    right = logits[np.arange(len(logits)), labels]

    def loss(log_temperature: float) -> float:
        share = np.exp(-log_temperature)
        return float(np.mean(np.log(np.exp(share * logits).sum(axis=1)) - share * right))

    low, high = -np.log(8), np.log(8)
    for _ in range(60):  # the loss has one valley: drop the third that can't hold its ground
        third = (high - low) / 3
        low, high = (low, high - third) if loss(low + third) < loss(high - third) else (low + third, high)
    return float(np.exp((low + high) / 2))


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: the gap between confidence and accuracy, averaged over the predictions."""
    gaps = sum(
        one.count * abs(one.confidence - one.accuracy)
        for one in bins
        if one.confidence is not None and one.accuracy is not None
    )
    return gaps / sum(one.count for one in bins)
