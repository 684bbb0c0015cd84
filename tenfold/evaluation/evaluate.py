"""A saved model evaluated on labeled digits: on those that it was not made with, if that is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data.checks import inspect
from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding, by_level
from tenfold.evaluation.metrics import Evaluation, Probabilities, evaluate_predictions
from tenfold.evaluation.seen import find_seen
from tenfold.model import load_model


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """A model's figures on the samples that were not used to make it, and on all samples.

    data, probabilities, evaluation: of the samples that the model has not seen; of all samples if it has seen all or
    none of them, or if that is unknown.
    samples: how many there were in all. seen_count: how many of them the model was trained or validated with; None if
    unknown (an .onnx file alone). overall: the figures on all samples, None if `evaluation` has them.
    findings: what is to be known about the samples.
    """

    model: str
    data: Dataset
    probabilities: Probabilities
    evaluation: Evaluation
    samples: int
    seen_count: int | None
    overall: Evaluation | None
    findings: tuple[Finding, ...]

    @property
    def headline(self) -> str:
        """The figures, and what they were measured on."""
        unseen = "" if self.overall is None else f", {self.evaluation.n:,} samples that it has not seen"
        return f"{self.model} on {self.data.source}{unseen}: {self.evaluation.summary()}"

    @property
    def notes(self) -> list[str]:
        return [str(finding) for finding in self.findings]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "data": self.data.source,
            "evaluation": self.evaluation.to_dict(),
            "measured_on": "all samples" if self.overall is None else "unseen samples",
            "samples": self.samples,
            "seen_samples": self.seen_count,
            "all_samples": (self.overall or self.evaluation).to_dict(),
            "warnings": [finding.to_dict() for finding in self.findings],
        }


def evaluate_model(path: Path, data: Dataset, notes: Iterable[Finding] = ()) -> ModelEvaluation:
    """Evaluate the model at `path`, a run folder or an .onnx file, on labeled `data`. Raises RunError.

    notes: findings that are already known, such as what the reader of `data` changed.
    """
    assert data.labels is not None
    probabilities = load_model(path).predict_proba(data.images)
    evaluation, overall, measured = evaluate_predictions(probabilities, data.labels), None, data
    seen = find_seen(path, data.images)
    seen_count = None if seen is None else int(seen.sum())
    findings = [*notes, *inspect(test=data)]
    if seen is not None and seen_count:
        if not seen.all():
            unseen = np.flatnonzero(~seen)
            overall, measured, probabilities = evaluation, data.subset(unseen), probabilities[unseen]
            evaluation = evaluate_predictions(probabilities, np.asarray(measured.labels))
        findings.append(seen_finding(seen_count, len(data), overall))
    return ModelEvaluation(
        str(path), measured, probabilities, evaluation, len(data), seen_count, overall, by_level(findings)
    )


def seen_finding(seen: int, samples: int, overall: Evaluation | None) -> Finding:
    """overall: the figures on all samples, if those on the unseen ones are given before them."""
    note = f"{seen:,} of the {samples:,} images were used to make this model"
    if overall is None:
        return Finding("warning", "all_seen", f"{note}, all of them: these figures say nothing about new digits")
    return Finding("warning", "seen", f"{note} and are left out above; on all {samples:,}: {overall.summary()}")
