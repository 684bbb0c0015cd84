"""Label errors: samples whose given label is probably wrong, found from out-of-fold probabilities."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tenfold.evaluation.metrics import Probabilities
from tenfold.images import CLASSES, Labels

TOLERANCE = 1e-6  # a probability this far below its threshold still counts, whatever the rounding of the mean


@dataclass(frozen=True)
class LabelError:
    """A suspect. index: in the data, from 0. confidence: the probability of `predicted`; given: that of `label`."""

    index: int
    label: int
    predicted: int
    confidence: float
    given: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def find_label_errors(probabilities: Probabilities, labels: Labels) -> list[LabelError]:
    """The samples whose given label is probably wrong, the least probable label first: confident learning.

    probabilities: float32 (N, 10), each of a model that was not trained on that sample; labels: uint8 (N,).

    A digit is confidently predicted if its probability reaches that digit's mean over the samples labeled with it. The
    suspects are the samples off the diagonal of the confident joint: for which a digit other than the label is
    confidently predicted, and if several are, the most probable one is not the label (Northcutt, Jiang and Chuang 2021,
    "Confident learning: estimating uncertainty in dataset labels").

    Raises ValueError for other shapes.
    """
    if labels.ndim != 1 or probabilities.shape != (len(labels), CLASSES):
        raise ValueError(f"expected probabilities (N, 10) and labels (N,), not {probabilities.shape}, {labels.shape}")
    values = probabilities.astype(np.float64)
    confident = values >= _thresholds(values, labels) - TOLERANCE  # (N, 10)
    guess = np.where(confident, values, -1).argmax(axis=1)  # (N,): the most probable confident digit
    suspects = np.flatnonzero(confident.any(axis=1) & (guess != labels))
    given = values[suspects, labels[suspects]]
    return [
        LabelError(
            index=int(index),
            label=int(labels[index]),
            predicted=int(guess[index]),
            confidence=float(values[index, guess[index]]),
            given=float(values[index, labels[index]]),
        )
        for index in suspects[np.argsort(given, kind="stable")]
    ]


def _thresholds(values: np.ndarray[Any, np.dtype[np.float64]], labels: Labels) -> np.ndarray[Any, Any]:
    """The mean probability of each digit over the samples labeled with it, float64 (10,); inf for a missing digit."""
    means = [values[labels == digit, digit].mean() if (labels == digit).any() else np.inf for digit in range(CLASSES)]
    return np.array(means)


def to_csv(errors: list[LabelError], sources: list[int]) -> str:
    """A table with a row a suspect. sources: the index in the source file of each, from 0."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", "source_index", "label", "predicted", "confidence", "label_probability"])
    for error, source in zip(errors, sources, strict=True):
        probabilities = (f"{error.confidence:.6f}", f"{error.given:.6g}")
        writer.writerow([error.index, source, error.label, error.predicted, *probabilities])
    return text.getvalue()
