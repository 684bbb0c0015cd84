"""The score of a submission whose labels are known."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tenfold.data import load_data
from tenfold.data.findings import Finding, by_level, from_notes
from tenfold.errors import DataError
from tenfold.evaluation.statistics import wilson_interval
from tenfold.images import CLASSES, Labels
from tenfold.submission import is_submission, read_submission, validate_submission


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """True labels, uint8 (N,), in the order of ImageId; where they are from, and what was found on the way."""

    labels: Labels
    source: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Score:
    """A submission against the truth. interval: 95 % Wilson. confusion: 10x10 counts, rows are true digits.

    wrong_ids: the ImageId of every wrong row. findings: what is unusual about the submission.
    """

    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]
    confusion: list[list[int]]
    wrong_ids: list[int]
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    def summary(self) -> str:
        """One line for users."""
        lower, upper = self.interval
        return (
            f"accuracy {self.accuracy:.5f} (95 % interval {lower:.5f} to {upper:.5f}), {self.errors:,} "
            f"{'error' if self.errors == 1 else 'errors'} of {self.n:,}"
        )

    def to_dict(self) -> dict[str, Any]:
        figures = asdict(self) | {"interval": list(self.interval)}
        del figures["findings"]
        return figures


def read_labels(source: str) -> KnownLabels:
    """Labels from a file with ImageId and Label, else from data: the test split if there is one, else the other.

    Raises DataError for data without labels or with rows left out, and what `read_submission` and `load_data` raise.
    """
    if is_submission(source):
        findings = tuple(each for each in validate_submission(source).warnings if each.level == "warning")
        return KnownLabels(read_submission(source), source, findings)
    splits = load_data(source)
    data = splits.test or splits.train
    if data is None or data.labels is None:
        hint = f"; {source}:train names the training split" if splits.train else ""
        raise DataError(f"{splits.name}: the test split has no labels to score against{hint}")
    if not np.array_equal(data.source_indices, np.arange(len(data))):
        raise DataError(f"{data.source}: some samples were left out, so the labels have no ImageId; give ImageId,Label")
    return KnownLabels(data.labels, data.source, from_notes(splits.notes))


def score_submission(path: str | os.PathLike[str], labels: Labels) -> Score:
    """Score the submission at `path` against labels, uint8 (N,), in the order of ImageId.

    Raises CheckFailedError for an invalid submission or one of another number of rows, UnavailableError if it is
    missing.
    """
    predicted = read_submission(Path(path), len(labels))
    wrong = np.flatnonzero(predicted != labels)
    pairs = CLASSES * labels.astype(np.int64) + predicted
    n, errors = len(labels), len(wrong)
    return Score(
        n=n,
        errors=errors,
        accuracy=(n - errors) / n,
        interval=wilson_interval(n - errors, n),
        confusion=np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES).tolist(),
        wrong_ids=(wrong + 1).tolist(),
        findings=by_level(validate_submission(path).warnings),
    )
