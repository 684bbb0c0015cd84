"""A saved model on labeled digits, and how many of them it had seen before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.evaluation.metrics import Evaluation, Probabilities, evaluate
from tenfold.model import load_model
from tenfold.run import Run


@dataclass(frozen=True, eq=False)
class Examined:
    """`evaluation` on all rows; `unseen` on those that were no labeled rows of the run, None where all or none were.

    seen: which rows those were, bool (N,); None where that is not known (an .onnx file alone).
    """

    model: str
    data: Dataset
    probabilities: Probabilities
    evaluation: Evaluation
    seen: NDArray[np.bool_] | None
    unseen: Evaluation | None

    @property
    def known(self) -> int | None:
        """How many rows the run had seen."""
        return None if self.seen is None else int(self.seen.sum())

    @property
    def new(self) -> Dataset:
        """The rows that it had not seen; all, where that would leave none, or is not known."""
        return self.data if self.seen is None or self.seen.all() else self.data.subset(np.flatnonzero(~self.seen))

    @property
    def notes(self) -> list[str]:
        if not self.known:
            return []
        note = f"{self.known:,} of the {len(self.data):,} images stood in the rows that this model was made with"
        if self.unseen is None:
            return [f"{note}, all of them: these figures say nothing about new digits."]
        return [f"{note}. On the other {self.unseen.n:,}: {self.unseen.summary()}."]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "data": self.data.source,
            "evaluation": self.evaluation.to_dict(),
            "known_rows": self.known,
            "unseen": self.unseen.to_dict() if self.unseen else None,
        }


def examine(path: Path, data: Dataset) -> Examined:
    """Evaluate a run's model, by its folder or its file, or another .onnx file on labeled `data`. Raises RunError."""
    assert data.labels is not None
    probabilities = load_model(path).predict_proba(data.images)
    evaluation = evaluate(probabilities, data.labels)
    folder = path if path.is_dir() else path.parent if path.name == Run(path.parent).model.name else None
    seen = Run(folder).known(data.images) if folder else None
    unseen = None
    if seen is not None and seen.any() and not seen.all():
        unseen = evaluate(probabilities[~seen], np.asarray(data.labels[~seen]))
    return Examined(str(path), data, probabilities, evaluation, seen, unseen)
