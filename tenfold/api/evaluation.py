"""`evaluate` and `compare`: models that exist, measured on labeled samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.api.inputs import Data, as_model, labeled, model_path
from tenfold.api.run import Run
from tenfold.data import Dataset
from tenfold.errors import DataError
from tenfold.evaluation import Leaderboard, RunResult, rank_runs
from tenfold.evaluation.evaluate import evaluate_model
from tenfold.evaluation.metrics import Evaluation as Metrics
from tenfold.evaluation.metrics import Probabilities, evaluate_predictions, mistakes
from tenfold.html import paragraph, table
from tenfold.model import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AnyModel = Model | Run | str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model measured on labeled samples.

    model: its name. data: the samples. probabilities: float32 (N, 10). metrics: all figures, see `to_dict`. notes: what
    limits them, such as that the model was trained with some of the samples.
    """

    model: str
    data: Dataset = field(repr=False)
    probabilities: Probabilities = field(repr=False)
    metrics: Metrics = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return self.metrics.n

    @property
    def errors(self) -> int:
        return self.metrics.errors

    @property
    def accuracy(self) -> float:
        return self.metrics.accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return self.metrics.accuracy_interval

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts, int64 (10, 10): rows are true digits, columns predicted ones."""
        return np.array(self.metrics.confusion)

    @property
    def mistakes(self) -> NDArray[np.intp]:
        """Indices in `data` of the samples that are predicted wrongly, the most confident first."""
        assert self.data.labels is not None
        return mistakes(self.probabilities, self.data.labels)

    def summary(self) -> str:
        return f"{self.model} on {self.data.source}: {self.metrics.summary()}"

    def plot_confusion(self) -> Figure:
        """The confusion matrix, with the errors shaded."""
        from tenfold.report.charts import plot_confusion_matrix

        return plot_confusion_matrix(self.metrics)

    def plot_calibration(self) -> Figure:
        """Accuracy against confidence: on the diagonal, the confidence can be believed."""
        from tenfold.report.charts import plot_reliability

        return plot_reliability(self.metrics.reliability)

    def plot_mistakes(self, count: int = 24) -> Figure:
        """The most confident mistakes, each with its label, the prediction and the confidence."""
        from tenfold.report.galleries import plot_mistakes

        return plot_mistakes(self.data, self.probabilities, count)

    def to_dict(self) -> dict[str, Any]:
        """All figures as plain JSON values."""
        figures = self.metrics.to_dict()
        return {"model": self.model, "data": self.data.source, "notes": list(self.notes), "evaluation": figures}

    def __repr__(self) -> str:
        return f"Evaluation({self.summary()})"

    def _repr_html_(self) -> str:
        """For notebooks: the figures, and precision and recall of each digit."""
        columns = zip(self.metrics.support, self.metrics.precision, self.metrics.recall, strict=True)
        rows = [
            [str(digit), f"{support:,}", _percent(precision), _percent(recall)]
            for digit, (support, precision, recall) in enumerate(columns)
        ]
        notes = "".join(paragraph(f"note: {note}") for note in self.notes)
        return paragraph(self.summary()) + notes + table(["digit", "samples", "precision", "recall"], rows)


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2%}"


def evaluate(model: AnyModel, data: Data) -> Evaluation:
    """Measure a model on labeled samples.

    model: a Model, a Run, or a path as `load_model` takes it. data: a data set, or anything that `load_data` reads, of
    which the test split is taken if it has labels, else the training split. Samples that the model was trained with
    are found by their pixels, and a note says so.

    Raises DataError for data without labels, RunError for a model that can't be used.

    >>> evaluation = evaluate("bundled", "digits:test")
    >>> evaluation.n
    360
    """
    loaded, samples = as_model(model), _measurable(data)
    path = model_path(loaded)
    if path is not None:
        found = evaluate_model(path, samples)
        return Evaluation(loaded.name, samples, found.probabilities, found.evaluation, tuple(found.notes))
    assert samples.labels is not None
    probabilities = loaded.predict_proba(samples.images)
    return Evaluation(loaded.name, samples, probabilities, evaluate_predictions(probabilities, samples.labels))


def compare(models: Mapping[str, AnyModel], data: Data) -> Leaderboard:
    """Rank models on the same labeled samples, with intervals and a paired test of each against the best.

    models: by the names that the table shows, as for `evaluate`. data: as for `evaluate`; use samples that none of the
    models has seen. Raises as `evaluate` does, ValueError without models.
    """
    samples = _measurable(data)
    assert samples.labels is not None
    entries = []
    for name, model in models.items():
        cost = model.metrics if isinstance(model, Run) else {}
        entries.append(
            RunResult(
                recipe=name,
                seed=0,
                parameters=cost.get("parameters"),
                train_seconds=cost.get("seconds"),
                epochs=cost.get("epochs"),
                probabilities=as_model(model).predict_proba(samples.images),
            )
        )
    return rank_runs(entries, samples.labels)


def _measurable(data: Data) -> Dataset:
    samples = labeled(data)
    if not len(samples):
        raise DataError("there are no samples to measure on", file=samples.source)
    return samples
