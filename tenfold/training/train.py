"""From a dataset and a recipe to a complete run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tenfold.data.checks import inspect
from tenfold.data.dataset import Dataset, concatenate
from tenfold.data.findings import Finding, by_level
from tenfold.data.split import stratified_folds
from tenfold.errors import DataError, RecipeError, RunError
from tenfold.evaluation.seen import KNOWS_BUNDLED, run_of, was_made_with_bundled
from tenfold.files import write_json
from tenfold.images import hash_images
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training.callbacks import Callback
from tenfold.training.custom import check_network, with_network
from tenfold.training.device import AUTO, check_precision, select_device
from tenfold.training.digits import DigitTask
from tenfold.training.ensemble import EnsembleTask
from tenfold.training.folds import FoldsTask, split_for_validation
from tenfold.training.held_out import duplicates_in_validation, teacher_findings, without_validation
from tenfold.training.lines import LineTask, check_all_digits
from tenfold.training.task import Task, reads_lines
from tenfold.training.teacher import Teacher


@dataclass(frozen=True)
class TrainResult:
    """metrics: as in metrics.json. finished: whether the recipe's end was reached; else the run can be resumed."""

    run: Run
    metrics: dict[str, Any]
    finished: bool


def train(
    recipe: Recipe,
    data: Dataset,
    run: Run,
    callbacks: Sequence[Callback] = (),
    *,
    extra: Dataset | None = None,
    unlabeled: Dataset | None = None,
    teacher: Teacher | None = None,
    network: nn.Module | str | None = None,
    jobs: int = 1,
    device: str = AUTO,
    precision: str = AUTO,
    record: Mapping[str, Any] | None = None,
    notes: Sequence[Finding] = (),
) -> TrainResult:
    """Train `recipe` on labeled `data` and leave everything in `run`; an unfinished run is resumed.

    extra: more labeled samples to train on, none of which joins the validation set. unlabeled: samples whose
    predictions the report shows. teacher: for a recipe with a distillation_weight. network: a module of your own in
    place of the recipe's network, from normalized images float (B, 1, 28, 28) to logits (B, 10), of which a copy is
    trained; or "package.module:factory", the name of what returns one when called without arguments. A run with a
    module is resumed only if it is given again; a name is part of the recipe. jobs: how many networks of an ensemble or
    a cross-validation to train in parallel. device, precision: "auto" takes the fastest; the run records the choice,
    and a resumed run keeps it. record: more entries for data.json. notes: findings that are already
    known, such as what the reader of the data changed; `warnings` in metrics.json has them and what `inspect` finds.

    Raises DataError for data that can't be trained on, RunError for a run of another recipe or other data, RecipeError
    for a missing or needless teacher and for a network that can't be trained or exported, UnavailableError for a
    device that is not there.
    """
    recipe, module = with_network(recipe, network)
    check_teacher(recipe, teacher is not None)
    check_precision(precision)
    train_set, val_set = split(recipe, data)  # before anything is written
    teacher_name = (record or {}).get("teacher")
    findings = [*notes, *inspect(data, unlabeled), *duplicates_in_validation(train_set, val_set)]
    findings += teacher_findings(teacher_name, recipe, data, val_set)
    if extra is not None:
        extra, left_out = without_validation(extra, data if recipe.folds else val_set)  # each fold is held out once
        findings += left_out
    if extra is not None:
        data, train_set = concatenate(data, extra), concatenate(train_set, extra)
    saved = check_resumable(run, recipe, data)
    if run.is_finished:
        return TrainResult(run, run.read_json(run.metrics), finished=True)
    check_network(recipe, module)
    torch_device = select_device(saved_choice(run, saved, "device", device))
    saved = {key: saved[key] for key in ("device", "precision") if key in saved} | dict(record or {})
    saved = create_or_reopen(run, recipe, data, saved)

    task = make_task(recipe, train_set, val_set, torch_device, teacher, jobs, module, len(extra or ()))
    precisions = choose_precisions(task, run, saved, precision)
    write_json(run.data, saved | {"device": torch_device.type, "precision": summarize(precisions)})
    result = task.fit(run, precisions, callbacks)
    task.export(result.network, run)
    return TrainResult(run, task.write_artifacts(run, result, unlabeled, by_level(findings)), result.finished)


def make_task(
    recipe: Recipe,
    train_set: Dataset,
    val_set: Dataset | None,
    device: torch.device,
    teacher: Teacher | None = None,
    jobs: int = 1,
    module: nn.Module | None = None,
    extra_samples: int = 0,
) -> Task:
    """extra_samples: how many at the end of `train_set` are in no fold of a cross-validation."""
    if reads_lines(recipe):
        return LineTask(recipe, train_set, val_set, device)
    if recipe.folds:
        return FoldsTask(recipe, train_set, device, teacher, jobs, extra_samples)
    if recipe.ensemble_size > 1:
        return EnsembleTask(recipe, train_set, val_set, device, teacher, jobs)
    return DigitTask(recipe, train_set, val_set, device, teacher, module=module)


def check_teacher(recipe: Recipe, has_teacher: bool) -> None:
    """Raise RecipeError for a recipe that needs a teacher and has none, or the other way round."""
    needs_teacher = recipe.distillation_weight > 0
    if needs_teacher and not has_teacher:
        raise RecipeError(f"{recipe.name} learns from another model; name a run folder or an .onnx file with --teacher")
    if has_teacher and not needs_teacher:
        raise RecipeError(f"{recipe.name} learns from labels alone (distillation_weight is 0); drop --teacher")


def check_resumable(run: Run, recipe: Recipe, data: Dataset) -> dict[str, Any]:
    """The run's data.json, {} for a new run.

    Raises RunError if the folder holds a run of another recipe or of other data, or a complete run that is damaged.
    """
    if not run.exists:
        return {}
    if from_dict(run.read_json(run.recipe), str(run.recipe)) != recipe:
        raise RunError(f"{run.folder}: this run was started with another recipe; choose another --out")
    saved = run.read_json(run.data)
    if saved.get("digest") != data.digest:
        raise RunError(f"{run.folder}: this run was started on other data than {data.source}; choose another --out")
    if run.manifest.exists():
        run.verify_files()
    return saved


def create_or_reopen(run: Run, recipe: Recipe, data: Dataset, record: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a run holds before its first step; returns its data.json."""
    run.manifest.unlink(missing_ok=True)
    run.remove_partial_files()
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    saved = {"source": data.source, "samples": len(data), "digest": data.digest} | dict(record)
    if "teacher" in record and was_made_with_bundled(record["teacher"]):
        saved[KNOWS_BUNDLED] = True
    write_json(run.data, saved)
    write_json(run.recipe, recipe.model_dump(mode="json"))
    run.write_image_hashes(np.union1d(hash_images(data.images), _teacher_hashes(record)))
    return saved


def _teacher_hashes(record: Mapping[str, Any]) -> NDArray[np.uint64]:
    """Hashes of the images that the teacher was trained on, if it is a run that has them, or the model in one."""
    run = run_of(record["teacher"]) if "teacher" in record else None
    hashes = run.read_image_hashes() if run else None
    return np.empty(0, np.uint64) if hashes is None else hashes


def saved_choice(run: Run, saved: Mapping[str, Any], name: str, requested: str) -> str:
    """What the run has recorded for --device or --precision, else `requested`. Raises RunError if they differ."""
    choice = saved.get(name, requested)
    if requested not in (AUTO, choice):
        raise RunError(f"{run.folder}: this run was started with --{name} {choice}, not {requested}")
    return str(choice)


def choose_precisions(task: Task, run: Run, saved: Mapping[str, Any], requested: str) -> list[str]:
    """The precision of each variant of the recipe: that of the run's record, else the requested or fastest one."""
    recorded = saved.get("precision")
    if isinstance(recorded, list):
        return recorded
    return task.select_precisions(saved_choice(run, saved, "precision", requested))


def summarize(precisions: Sequence[str]) -> str | list[str]:
    """One name if all are the same."""
    return precisions[0] if len(set(precisions)) == 1 else list(precisions)


def split(recipe: Recipe, data: Dataset) -> tuple[Dataset, Dataset | None]:
    """Training and validation set, by the recipe's validation_split and seed. Raises DataError.

    A cross-validation trains on all of the data, and splits them itself.
    """
    if data.labels is None:
        raise DataError(f"{data.source}: there are no labels to train on")
    if len(data) > 1 and (data.labels == data.labels[0]).all():
        raise DataError(f"{data.source}: every sample has the label {data.labels[0]}; training needs at least two")
    if recipe.folds:
        stratified_folds(data.labels, recipe.folds, recipe.seed)  # raises
        return data, None
    train_set, val_set = split_for_validation(recipe, data)
    if reads_lines(recipe):
        check_all_digits(train_set, "training")
        if val_set:
            check_all_digits(val_set, "validation")
    return train_set, val_set
