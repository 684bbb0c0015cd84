"""From a dataset and a recipe to a sealed run folder."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import __version__
from tenfold.data.dataset import Dataset, concatenate
from tenfold.data.split import stratified_split
from tenfold.errors import DataError, RecipeError, RunError
from tenfold.export.onnx import export
from tenfold.export.quantize import quantize
from tenfold.export.temperature import calibrate
from tenfold.files import write_json, write_text
from tenfold.images import hash_images
from tenfold.model import Model
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.artifacts import measured, model_card, report_page, score
from tenfold.training.device import find_device
from tenfold.training.digits import fit
from tenfold.training.ensemble import fit_members
from tenfold.training.line_artifacts import leave_line_reader
from tenfold.training.lines import fit_lines
from tenfold.training.loop import Watcher
from tenfold.training.teacher import Teacher


@dataclass(frozen=True)
class Trained:
    run: Run
    metrics: dict[str, Any]
    finished: bool
    interrupted: bool = False


def train(
    recipe: Recipe,
    labeled: Dataset,
    unlabeled: Dataset | None,
    run: Run,
    watcher: Watcher,
    remembered: dict[str, Any] | None = None,
    teacher: Teacher | None = None,
    jobs: int = 1,
    extra: Dataset | None = None,
) -> Trained:
    """Train `recipe` on `labeled` and leave everything in `run`; goes on where the run's checkpoint stands.

    unlabeled: shown with predictions in the report. remembered: goes into data.json, to find the data again.
    teacher: whom a recipe that distils learns from. jobs: how many members of an ensemble to train at a time. extra:
    labeled rows to train on too; none of them is held out, so that held-out figures can be set against those of a run
    without them.
    Raises DataError for data that can't be trained on, RunError for a run of other data, RecipeError for a recipe that
    needs a teacher and has none, or the other way round.
    """
    check_teacher(recipe, teacher is not None)
    rows, held_rows = split(recipe, labeled)  # before anything is written
    if extra is not None:
        rows = np.concatenate([rows, np.arange(len(labeled), len(labeled) + len(extra))])
        labeled = concatenate(labeled, extra)
    begin(run, recipe, labeled, remembered or {})
    if run.is_finished:
        return Trained(run, run.read_json(run.metrics), finished=True)
    train_part = labeled.subset(rows)
    held_out = labeled.subset(held_rows) if len(held_rows) else None
    device = find_device()

    if recipe.net.kind == "ctc":
        fitted = fit_lines(recipe, train_part, held_out, run, device, watcher)
        metrics = leave_line_reader(recipe, fitted, train_part, held_out, run, device)
        return Trained(run, metrics, fitted.finished)
    if recipe.ensemble_size > 1:
        fitted = fit_members(recipe, train_part, held_out, run, device, watcher, teacher, jobs)
    else:
        fitted = fit(recipe, train_part, held_out, run, device, watcher, teacher)

    if recipe.calibrate and held_out:
        calibrate(fitted.network, held_out)
    checkpoint.save_weights(run.weights, fitted.network.state_dict())
    export(fitted.network, run.model, {"tenfold": __version__, "recipe": recipe.model_dump_json()})
    if recipe.int8:
        quantize(run.model, train_part.images)
    model = Model(run.model.read_bytes(), str(run.folder))
    scored = score(model, held_out) if held_out else None
    reached = scored.evaluation.to_dict() if scored else None
    metrics = measured(recipe, fitted, train_part, len(held_rows), reached, device)
    write_json(run.metrics, metrics)
    write_text(run.report, report_page(recipe, fitted, train_part, scored, unlabeled, model, metrics))
    write_text(run.card, model_card(recipe, metrics, scored))
    run.write_manifest()
    return Trained(run, metrics, fitted.finished)


def check_teacher(recipe: Recipe, has_one: bool) -> None:
    """Raises RecipeError for a recipe that needs a teacher and has none, or the other way round."""
    if has_one != (recipe.distillation_weight > 0):
        raise RecipeError(
            f"{recipe.name} learns from labels alone (its distillation_weight is 0), so it has no use for a teacher"
            if has_one
            else f"{recipe.name} learns from another model: name a run folder or an .onnx file with --teacher"
        )


def begin(run: Run, recipe: Recipe, labeled: Dataset, remembered: dict[str, Any]) -> None:
    """Write what the run is about, or make sure that it is what stands there already; a finished run stays as it is."""
    if run.exists:
        if from_dict(run.read_json(run.recipe), str(run.recipe)) != recipe:
            raise RunError(f"{run.folder}: this run was begun with another recipe")
        if run.read_json(run.data).get("digest") != labeled.digest:
            raise RunError(f"{run.folder}: this run was begun on other data than {labeled.source}")
        if run.manifest.exists():  # it would be sealed again, damage and all
            run.verify_files()
    if run.is_finished:
        return
    run.manifest.unlink(missing_ok=True)
    run.remove_left_overs()
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    about = {"source": labeled.source, "rows": len(labeled), "digest": labeled.digest} | remembered
    write_json(run.data, about)
    write_json(run.recipe, recipe.model_dump(mode="json"))
    run.write_hashes(np.union1d(hash_images(labeled.images), _taught(remembered)))


def _taught(remembered: dict[str, Any]) -> NDArray[np.uint64]:
    """Hashes of the labeled rows that a teacher learned from, as far as it is a run and says so."""
    hashes = Run(Path(remembered["teacher"])).read_hashes() if "teacher" in remembered else None
    return np.empty(0, np.uint64) if hashes is None else hashes


def split(recipe: Recipe, labeled: Dataset) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows to train on and the rows held out, as the recipe's hold-out and seed say. Raises DataError."""
    if labeled.labels is None:
        raise DataError(f"{labeled.source}: these digits have no labels to train on")
    if len(labeled) > 1 and (labeled.labels == labeled.labels[0]).all():
        raise DataError(f"{labeled.source}: every row is labeled {labeled.labels[0]}: there is nothing to tell apart")
    if recipe.validation_split == 0:
        parts = np.arange(len(labeled)), np.arange(0)
    else:
        parts = stratified_split(labeled.labels, _held_out(recipe, labeled), recipe.seed)
    if recipe.net.kind == "ctc":
        _check_every_digit(labeled, *parts)
    return parts


def _held_out(recipe: Recipe, labeled: Dataset) -> float | int:
    """How many rows to hold out, or what share of them. Raises DataError where that leaves none on one side."""
    size = recipe.validation_split if recipe.validation_split < 1 else int(recipe.validation_split)
    if size < 1 and not 0 < round(size * len(labeled)) < len(labeled):
        raise DataError(
            f"{labeled.source}: a share of {size:g} of {len(labeled):,} rows can't be held out; "
            "take more rows, or --set validation_split=0 to hold out none"
        )
    if size >= len(labeled):
        raise DataError(
            f"{labeled.source}: {recipe.name} holds out {size:,} rows and here are {len(labeled):,}; "
            "--set validation_split=0.2 holds out a fifth"
        )
    return size


def _check_every_digit(labeled: Dataset, *parts: NDArray[np.intp]) -> None:
    """Raises DataError where rows can't be composed of a part, for it lacks a digit."""
    assert labeled.labels is not None
    for rows, of in zip(parts, ("training", "held-out"), strict=True):
        if len(rows) and (missing := sorted(set(range(10)) - set(labeled.labels[rows].tolist()))):
            raise DataError(
                f"{labeled.source}: none of the {len(rows):,} {of} rows shows a {missing[0]}, and rows are composed "
                "of all ten digits; take more rows"
            )


def set_aside(run: Run) -> Path:
    """Move a run folder aside, even one hardly begun, and refuse any other folder.

    Raises RunError.
    """
    if not run.exists and not run.is_hardly_begun:
        raise RunError(f"{run.folder}: this folder is no run of tenfold, so it is not replaced")
    if run.foreign_files:
        raise RunError(f"{run.foreign_files[0]}: this is no part of a run of tenfold, so the folder is not replaced")
    aside = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=f"{run.folder.name}.replaced-", dir=run.folder.parent))
        return run.folder.replace(aside / run.folder.name)
    except OSError as error:
        if aside:
            aside.rmdir()
        raise RunError(f"{run.folder}: this folder can't be replaced ({error.strerror})") from None
