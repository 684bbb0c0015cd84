"""Cross-validation: a network for each fold, trained on the other folds and measured on its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tenfold.data.dataset import Dataset
from tenfold.data.split import stratified_folds, stratified_split
from tenfold.errors import DataError
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.images import CLASSES
from tenfold.model import Model
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training.artifacts import OUT_OF_FOLD, DigitEvaluation
from tenfold.training.callbacks import Callback
from tenfold.training.digits import DigitTask
from tenfold.training.ensemble import EnsembleTask
from tenfold.training.task import FitResult
from tenfold.training.teacher import Teacher


class FoldTask(DigitTask):
    """The network of one fold; a finished one is exported at once, because its own model predicts its fold."""

    def fit(self, run: Run, precisions: Sequence[str], callbacks: Sequence[Callback] = ()) -> FitResult:
        result = super().fit(run, precisions, callbacks)
        if result.finished:
            self.export(result.network, run)
        return result


class FoldsTask(EnsembleTask):
    """An ensemble whose networks have each not seen one fold of the samples: members/01 not the first, and so on.

    extra_samples: how many at the end of `train_set` every network trains on; they are in no fold. The samples of a
    fold choose nothing: what a recipe chooses on a validation set, it chooses on one split off the other folds.

    Raises DataError for samples that can't be split so.
    """

    def __init__(
        self,
        recipe: Recipe,
        train_set: Dataset,
        device: torch.device,
        teacher: Teacher | None = None,
        jobs: int = 1,
        extra_samples: int = 0,
    ) -> None:
        super().__init__(recipe, train_set, None, device, teacher, jobs)
        self.data = train_set.subset(slice(len(train_set) - extra_samples))  # what is split into folds
        assert self.data.labels is not None
        self.fold_indices = stratified_folds(self.data.labels, recipe.folds, recipe.seed)  # (N,)

    def member_task(self, index: int) -> FoldTask:
        recipe = self.recipe.member(index)
        held_out = np.flatnonzero(self.fold_indices == index)
        train_set = self.train_set.subset(np.delete(np.arange(len(self.train_set)), held_out))
        val_set: Dataset | None = self.data.subset(held_out)  # measured after each epoch, decides nothing
        if recipe.uses_validation:
            train_set, val_set = split_for_validation(recipe, train_set)
        name = f"{recipe.name} fold {index + 1}/{self.recipe.folds}"
        return FoldTask(recipe, train_set, val_set, self.device, self.teacher, name)

    def evaluate(self, run: Run, result: FitResult) -> DigitEvaluation | None:
        """Each sample by the network that has not seen it; None as long as one of the networks is missing."""
        return self.evaluate_out_of_fold(run) if result.finished else None

    def evaluate_out_of_fold(self, run: Run) -> DigitEvaluation:
        """Write oof.npy: the probabilities of each sample by the one model that was trained without its fold."""
        assert self.data.labels is not None
        probabilities = np.empty((len(self.data), CLASSES), np.float32)
        for index, member_run in enumerate(self.member_runs(run)):
            held_out = self.fold_indices == index
            model = Model(member_run.model.read_bytes(), str(member_run.folder))
            probabilities[held_out] = model.predict_proba(self.data.images[held_out])
        run.write_oof(probabilities)
        evaluation = evaluate_predictions(probabilities, self.data.labels)
        return DigitEvaluation(self.data, probabilities, evaluation, OUT_OF_FOLD)


def split_for_validation(recipe: Recipe, data: Dataset) -> tuple[Dataset, Dataset | None]:
    """Labeled data as training and validation set, by the recipe's validation_split and seed. Raises DataError."""
    if not recipe.validation_split:
        return data, None
    assert data.labels is not None
    train_indices, val_indices = stratified_split(data.labels, validation_size(recipe, data), recipe.seed)
    return data.subset(train_indices), data.subset(val_indices)


def validation_size(recipe: Recipe, data: Dataset) -> float | int:
    """The fraction or number of samples for validation. Raises DataError if one of the two sets would be empty."""
    size = recipe.validation_split if recipe.validation_split < 1 else int(recipe.validation_split)
    if size < 1 and not 0 < round(size * len(data)) < len(data):
        raise DataError(
            f"{data.source}: {len(data):,} samples can't be split into training and {size:g} validation; "
            "use more samples, or --set validation_split=0 for no validation"
        )
    if size >= len(data):
        raise DataError(
            f"{data.source}: {recipe.name} needs {size:,} samples for validation alone, and there are {len(data):,}; "
            "--set validation_split=0.2 takes a fifth"
        )
    return size
