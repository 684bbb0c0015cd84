"""`Run`: a training that is finished or interrupted, with its model, its figures and its charts."""

from __future__ import annotations

import csv
import math
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data import Dataset, DatasetSplits
from tenfold.data.split import training_data
from tenfold.errors import RunError
from tenfold.evaluation.label_errors import LabelError, find_label_errors
from tenfold.html import paragraph, table
from tenfold.model import Model, load_model
from tenfold.run import Run as RunFolder

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

SHOWN_COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
SHOWN_EPOCHS = 12  # in a notebook: the first and the last ones

HistoryRow = dict[str, float]


class Run:
    """What one training left behind, in the folder `folder`.

    data: what it was trained on, for `plot_mistakes`; `train` sets it. Raises RunError if the folder holds no run.
    """

    def __init__(self, folder: str | os.PathLike[str], data: DatasetSplits | None = None) -> None:
        self._data = data
        self._files = RunFolder(Path(folder))
        if not self._files.exists:
            raise RunError(f"{self._files.folder}: not a tenfold run folder: recipe.json is missing")

    @property
    def folder(self) -> Path:
        return self._files.folder

    @property
    def report(self) -> Path:
        """The report, a single HTML file."""
        return self._files.report

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """All settings, as in recipe.json."""
        return self._files.read_json(self._files.recipe)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """All figures, as in metrics.json: `validation`, `seconds`, `parameters`, `finished` and more."""
        return self._files.read_json(self._files.metrics)

    @property
    def finished(self) -> bool:
        """Whether the recipe's end was reached; else the same call of `train` resumes the run."""
        return self._files.is_finished

    @cached_property
    def history(self) -> list[HistoryRow]:
        """Figures by epoch: `epoch`, `seconds`, `train_loss`, `val_accuracy` and others; missing ones are left out.

        [] for an ensemble and for folds, whose networks have theirs in the folder `members`.
        """
        if not self._files.history.exists():
            return []
        try:
            with self._files.history.open(newline="") as file:
                rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
        except OSError as error:
            raise RunError(f"{self._files.history}: can't be read ({error.strerror})") from None
        return [{name: value for name, value in row.items() if not math.isnan(value)} for row in rows]

    @cached_property
    def model(self) -> Model:
        """The trained model, for prediction. Raises RunError before there is one."""
        return load_model(self.folder)

    @cached_property
    def oof(self) -> NDArray[np.float32]:
        """Out-of-fold probabilities of a run with folds, float32 (N, 10), in the order of the data.

        Raises RunError for other runs.
        """
        return self._files.read_oof()

    def label_errors(self, data: DatasetSplits | None = None) -> list[LabelError]:
        """Labels that the out-of-fold probabilities make doubtful, the most doubtful first; of a run with folds.

        data: what the run was trained on, where `train` did not just return it. Raises RunError.
        """
        labels = self._training_data(data).labels
        assert labels is not None
        return find_label_errors(self.oof, labels)

    def to_frame(self) -> pandas.DataFrame:
        """`history` as a DataFrame. Needs pandas."""
        import pandas

        return pandas.DataFrame(self.history)

    def summary(self) -> str:
        """The layers of the network with their output shapes and parameters. Needs PyTorch."""
        from tenfold.export.summary import summarize_run
        from tenfold.nets.summary import format_layers

        return format_layers(summarize_run(self._files))

    def plot_history(self) -> Figure:
        """Loss and accuracy by epoch, of training and validation."""
        from tenfold.report.charts import plot_history

        if not self.history:
            raise RunError(f"{self.folder}: this run has several networks; open one of the runs in its folder members")
        return plot_history(self.history)

    def validation_set(self, data: DatasetSplits | None = None) -> Dataset:
        """The labeled samples that were held out; needs the data that the run was trained on, and PyTorch.

        Raises RunError without data or for other data, and if nothing was held out.
        """
        from tenfold.recipes.toml import from_dict
        from tenfold.training.train import split

        labeled = self._training_data(data)
        held_out = split(from_dict(self.recipe, str(self._files.recipe)), labeled)[1]
        if held_out is None:
            raise RunError(f"{self.folder}: this run has no validation set")
        return held_out

    def _training_data(self, data: DatasetSplits | None) -> Dataset:
        data = data or self._data
        if data is None:
            raise RunError(f"{self.folder}: give the data that this run was trained on: load_data({self._source!r})")
        labeled = training_data(data)
        if labeled.digest != self._files.read_json(self._files.data).get("digest"):
            raise RunError(f"{self.folder}: this run was trained on other data than {labeled.source}")
        return labeled

    @property
    def _source(self) -> str:
        record = self._files.read_json(self._files.data)
        return str(record.get("data", record.get("source")))

    def plot_mistakes(self, data: DatasetSplits | None = None) -> Figure:
        """The most confident mistakes on the validation set, each with its label and the prediction.

        data: what the run was trained on, where `train` did not just return it.
        """
        from tenfold.report.galleries import plot_mistakes

        held_out = self.validation_set(data)
        return plot_mistakes(held_out, self.model.predict_proba(held_out.images))

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r}, {self.describe()})"

    def describe(self) -> str:
        """Recipe, epochs and validation accuracy in one line."""
        metrics = self.metrics
        text = f"{metrics['recipe']}, {metrics['epochs']:g} epochs in {metrics['seconds']:,.1f} s"
        if values := metrics.get("validation"):
            low, high = values["accuracy_interval"]
            text += f", validation accuracy {values['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})"
        return text if self.finished else f"{text}, not finished"

    def _repr_html_(self) -> str:
        """For notebooks: the figures by epoch, and where the report is."""
        history = self.history
        shown = history if len(history) <= SHOWN_EPOCHS else [*history[:3], *history[3 - SHOWN_EPOCHS :]]
        columns = [name for name in SHOWN_COLUMNS if shown and name in shown[-1]]
        rows = [[f"{row.get(name, math.nan):.5g}" for name in columns] for row in shown]
        figures = table(columns, rows) if rows else ""
        return paragraph(self.describe()) + figures + paragraph(f"report: {self.report}")
