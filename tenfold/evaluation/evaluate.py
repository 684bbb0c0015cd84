"""A saved model evaluated on labeled digits, separately on those that it was not trained with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.evaluation.metrics import Evaluation, Probabilities, evaluate_predictions
from tenfold.model import load_model
from tenfold.run import Run


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """A model's figures on all samples of `data`, and on those that were not among the run's labeled samples.

    seen: which samples the run was trained or validated with, bool (N,); None if unknown (an .onnx file alone).
    unseen_evaluation: None if the run has seen all of the samples, none of them, or if that is unknown.
    """

    model: str
    data: Dataset
    probabilities: Probabilities
    evaluation: Evaluation
    seen: NDArray[np.bool_] | None
    unseen_evaluation: Evaluation | None

    @property
    def seen_count(self) -> int | None:
        return None if self.seen is None else int(self.seen.sum())

    @property
    def unseen_data(self) -> Dataset:
        """The samples that the run has not seen; all of them if it has seen all or if that is unknown."""
        return self.data if self.seen is None or self.seen.all() else self.data.subset(np.flatnonzero(~self.seen))

    @property
    def notes(self) -> list[str]:
        if not self.seen_count:
            return []
        note = f"{self.seen_count:,} of the {len(self.data):,} images were used to make this model"
        if self.unseen_evaluation is None:
            return [f"{note}, all of them: these figures say nothing about new digits."]
        return [f"{note}. On the other {self.unseen_evaluation.n:,}: {self.unseen_evaluation.summary()}."]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "data": self.data.source,
            "evaluation": self.evaluation.to_dict(),
            "seen_samples": self.seen_count,
            "unseen": self.unseen_evaluation.to_dict() if self.unseen_evaluation else None,
        }


def evaluate_model(path: Path, data: Dataset) -> ModelEvaluation:
    """Evaluate the model at `path`, a run folder or an .onnx file, on labeled `data`. Raises RunError."""
    assert data.labels is not None
    probabilities = load_model(path).predict_proba(data.images)
    evaluation = evaluate_predictions(probabilities, data.labels)
    seen = _seen_samples(path, data)
    unseen_evaluation = None
    if seen is not None and seen.any() and not seen.all():
        unseen_evaluation = evaluate_predictions(probabilities[~seen], np.asarray(data.labels[~seen]))
    return ModelEvaluation(str(path), data, probabilities, evaluation, seen, unseen_evaluation)


def _seen_samples(path: Path, data: Dataset) -> NDArray[np.bool_] | None:
    """Which samples were among the labeled samples of the run that the model belongs to, bool (N,)."""
    if path.is_dir():
        return Run(path).contains(data.images)
    return Run(path.parent).contains(data.images) if path.name == Run(path.parent).model.name else None
