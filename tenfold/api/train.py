"""`train`, `check` and `write_submission`: the steps from data to a submission, as functions."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.api.evaluation import AnyModel
from tenfold.api.inputs import Data, as_model, as_splits, test_images
from tenfold.api.run import Run
from tenfold.data.builtin import find_public_mnist
from tenfold.data.checks import CheckResult, check_data
from tenfold.data.split import training_data, without_labels
from tenfold.files import validate_output_path
from tenfold.model import Model
from tenfold.run import Run as RunFolder
from tenfold.submission import SubmissionSummary, validate_submission
from tenfold.submission import write_submission as write_labels

if TYPE_CHECKING:
    from torch import nn

    from tenfold.recipes import Recipe
    from tenfold.training.callbacks import Callback
    from tenfold.training.teacher import Teacher

RUNS = Path("runs")


def check(data: Data) -> CheckResult:
    """Check data before training: counts, pixel ranges, duplicates, polarity, and test images in the training set.

    `findings` are sentences with a level; `trainable` is False if one of them is an error.

    >>> check("digits").trainable
    True
    """
    splits = as_splits(data)
    return check_data(splits.train, splits.test, find_public_mnist())


def train(
    data: Data,
    recipe: str | os.PathLike[str] | Recipe = "fast",
    *,
    out: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    callbacks: Sequence[Callback] = (),
    extra_data: Data | None = None,
    teacher: AnyModel | None = None,
    jobs: int = 1,
    device: str = "auto",
    precision: str = "auto",
    network: nn.Module | str | None = None,
    progress: bool = True,
    **settings: Any,
) -> Run:
    """Train a recipe on labeled samples; needs `tenfold[train]`.

    data: a data set, or anything that `load_data` reads; the report shows predictions for an unlabeled test split.
    recipe: a name, a .toml file, or a `Recipe`.
    out: the run folder; by default a new one in `runs`. A run of the same recipe and data in `out` is resumed, or
    returned if it is finished.
    epochs, seed: instead of the recipe's.
    callbacks: objects of `tenfold.training.callbacks.Callback`.
    extra_data: more labeled samples, none of which joins the validation set.
    teacher: for a recipe that distills.
    jobs: networks of an ensemble to train in parallel.
    device, precision: "auto" takes the fastest.
    network: a PyTorch module in place of the recipe's network, from normalized images (B, 1, 28, 28) to logits
    (B, 10); or "package.module:factory", which makes one and lets another program resume the run.
    progress: whether to show it.
    settings: of the recipe, with dots in their names: `**{"optimizer.lr": 0.02}`; `folds=5` cross-validates.

    Interrupting it (Ctrl-C, or the notebook's stop button) saves everything and returns an unfinished run. Raises
    DataError, RecipeError, RunError, UnavailableError.
    """
    from tenfold.training.train import train as train_recipe

    splits, chosen = as_splits(data), resolve_recipe(recipe, settings, epochs, seed)
    folder = RunFolder(validate_output_path(Path(out) if out is not None else unused_folder(chosen.name)))
    with _watching(progress) as watchers:
        train_recipe(
            chosen,
            training_data(splits),
            folder,
            [*callbacks, *watchers],
            extra=None if extra_data is None else training_data(as_splits(extra_data)),
            unlabeled=without_labels(splits.test),
            teacher=None if teacher is None else _as_teacher(teacher),
            network=network,
            jobs=jobs,
            device=device,
            precision=precision,
        )
    return Run(folder.folder, splits)


def _as_teacher(model: AnyModel) -> Teacher:
    """The network of a run, which can learn on a GPU, or a model."""
    from tenfold.training.teacher import load_teacher

    if isinstance(model, Model):
        return model
    return load_teacher(str(model.folder) if isinstance(model, Run) else os.fspath(model))


def load_recipe(recipe: str | os.PathLike[str] | Recipe, **settings: Any) -> Recipe:
    """A named recipe or a .toml file, with other settings; needs `tenfold[train]`.

    Raises RecipeError, UnavailableError.

    >>> load_recipe("fast", batch_size=64).batch_size
    64
    """
    return resolve_recipe(recipe, settings)


def resolve_recipe(
    recipe: str | os.PathLike[str] | Recipe,
    settings: dict[str, Any],
    epochs: int | None = None,
    seed: int | None = None,
) -> Recipe:
    """A named recipe, a file or a recipe, with other settings. Raises RecipeError, UnavailableError."""
    from tenfold.recipes.schema import Recipe
    from tenfold.recipes.toml import with_settings
    from tenfold.training.prepare import find_recipe

    given = {"epochs": epochs, "seed": seed}
    changes = settings | {name: value for name, value in given.items() if value is not None}
    base = recipe if isinstance(recipe, Recipe) else find_recipe(os.fspath(recipe))
    return with_settings(base, [f"{name}={json.dumps(value)}" for name, value in changes.items()])


def unused_folder(name: str) -> Path:
    """runs/NAME, or runs/NAME-2 and so on, whichever doesn't exist."""
    folder, number = RUNS / name, 1
    while folder.exists():
        number += 1
        folder = RUNS / f"{name}-{number}"
    return folder


@contextlib.contextmanager
def _watching(progress: bool) -> Iterator[list[Callback]]:
    """Callbacks that show the progress, and that stop the training on Ctrl-C where signals can be caught."""
    from rich.console import Console

    from tenfold.training.callbacks import StopOnSignal
    from tenfold.training.notebook import progress_callback

    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
    watchers: list[Callback] = [progress_callback(console)] if progress else []
    if threading.current_thread() is not threading.main_thread():
        yield watchers
        return
    with StopOnSignal(console) as stop:
        yield [*watchers, stop]


def write_submission(model: AnyModel, data: Data, path: str | os.PathLike[str] = "submission.csv") -> SubmissionSummary:
    """Predict the test split of `data` and write the digits as Kaggle takes them.

    model: as for `evaluate`. data: a data set, or anything that `load_data` reads.

    Raises TenfoldError if the file can't be written.
    """
    write_labels(path, as_model(model).predict(test_images(data).images))
    return validate_submission(path)
