"""How many of the corrected digits each model reads right."""

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
class Row:
    """One model on the corrected digits that it read.

    n, right: how many it read, how many of them right. p_value: of the exact McNemar test against what was read when
    they were corrected, on the same digits; None for that itself.
    """

    model: str
    n: int
    right: int
    p_value: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.right, self.n)

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "n": self.n,
            "right": self.right,
            "accuracy": self.right / self.n,
            "accuracy_interval": list(self.interval),
            "p_value": self.p_value,
        }


@dataclass(frozen=True)
class Compared:
    """then: what each model had read when it was corrected. now: the given models on all of the digits."""

    corrections: int
    no_digit: int
    then: list[Row]
    now: list[Row]

    def to_dict(self) -> dict[str, Any]:
        return {
            "corrections": self.corrections,
            "no_digit": self.no_digit,
            "then": [row.to_dict() for row in self.then],
            "now": [row.to_dict() for row in self.now],
        }


def compare_models(corrections: Sequence[Correction], models: Sequence[Path]) -> Compared:
    """Raises DataError where no correction says a digit, RunError for a bad model.

    People correct mistakes sooner than they confirm what is right: what was read then looks worse than it was.
    """
    digits = [one for one in corrections if one.truth is not None]
    if not digits:
        raise DataError("there are no corrections that say a digit")
    truth = np.array([one.truth for one in digits])
    right_then = np.array([one.read for one in digits]) == truth
    by = np.array([one.model for one in digits])
    then = [_row(name[:12], right_then[by == name]) for name in dict.fromkeys(by.tolist())]
    frames = np.stack([one.frame for one in digits])
    now = []
    for path in models:
        right = load_model(path).predict(frames) == truth
        now.append(_row(str(path), right, mcnemar(right, right_then).p_value))
    return Compared(len(corrections), len(corrections) - len(digits), then, now)


def _row(name: str, right: NDArray[np.bool_], p_value: float | None = None) -> Row:
    return Row(name, len(right), int(right.sum()), p_value)
