"""How many of the corrected digits each model reads correctly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import DataError
from tenfold.evaluation.statistics import mcnemar, wilson_interval
from tenfold.model import load_model
from tenfold.serving.feedback import Correction


@dataclass(frozen=True)
class ModelScore:
    """One model on the corrected digits that it read.

    p_value: of the exact McNemar test against the stored predictions of the same digits; None for those themselves.
    """

    model: str
    n: int
    correct: int
    p_value: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.correct, self.n)

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "n": self.n,
            "correct": self.correct,
            "accuracy": self.correct / self.n,
            "accuracy_interval": list(self.interval),
            "p_value": self.p_value,
        }


@dataclass(frozen=True)
class FeedbackReport:
    """stored: the models that made the corrected predictions. models: the given models on all of the digits."""

    corrections: int
    no_digit: int
    stored: list[ModelScore]
    models: list[ModelScore]

    def to_dict(self) -> dict[str, Any]:
        return {
            "corrections": self.corrections,
            "no_digit": self.no_digit,
            "stored": [score.to_dict() for score in self.stored],
            "models": [score.to_dict() for score in self.models],
        }


def score_models(corrections: Sequence[Correction], models: Sequence[Path]) -> FeedbackReport:
    """Raises DataError if no correction is a digit, RunError for a bad model.

    People correct mistakes more often than they confirm right predictions, so the stored ones look worse than they
    were.
    """
    digits = [one for one in corrections if one.label is not None]
    if not digits:
        raise DataError("there are no corrections with a digit")
    labels = np.array([one.label for one in digits])
    stored_correct = np.array([one.prediction for one in digits]) == labels
    readers = np.array([one.model for one in digits])
    stored = [_score(name[:12], stored_correct[readers == name]) for name in dict.fromkeys(readers.tolist())]
    images = np.stack([one.image for one in digits])
    scores = []
    for path in models:
        correct = load_model(path).predict(images) == labels
        scores.append(_score(str(path), correct, mcnemar(correct, stored_correct).p_value))
    return FeedbackReport(len(corrections), len(corrections) - len(digits), stored, scores)


def _score(name: str, correct: NDArray[np.bool_], p_value: float | None = None) -> ModelScore:
    return ModelScore(name, len(correct), int(correct.sum()), p_value)
