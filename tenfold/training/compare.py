"""`compare`: several recipes and seeds on the same data, measured on the same rows that none of them saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tenfold.data import Dataset
from tenfold.errors import Interrupted, RecipeError, RunError
from tenfold.evaluation.leaderboard import Leaderboard, RunResult, rank_runs
from tenfold.files import write_json, write_text
from tenfold.model import load_model
from tenfold.recipes import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.report.pages import render_comparison
from tenfold.run import Run
from tenfold.training.callbacks import Watch
from tenfold.training.train import split, train


@dataclass(frozen=True)
class Contest:
    """What all recipes are trained on and measured on."""

    labeled: Dataset
    test: Dataset
    note: str


def compare(
    contest: Contest,
    recipes: Sequence[Recipe],
    seeds: int,
    folder: Path,
    console: Console,
) -> Leaderboard:
    """Train each recipe with `seeds` seeds from its own on, below `folder`, and rank them.

    An ensemble's members take seeds one after the other, so that of the next one begins behind them.

    Leaves leaderboard.json and compare.html. Runs that are there and finished are used as they are, unfinished ones go
    on. Raises RecipeError for two recipes of one name and for one that reads rows or needs a teacher, RunError for a
    run of another recipe or other data, Interrupted when stopped.
    """
    assert contest.test.labels is not None
    if twice := [recipe.name for recipe in recipes if [other.name for other in recipes].count(recipe.name) > 1]:
        raise RecipeError(f"two recipes are named '{twice[0]}'; each needs a name of its own to be compared")
    for recipe in recipes:
        if recipe.net.kind == "ctc":
            raise RecipeError(
                f"'{recipe.name}' reads whole rows, so it can't be compared with what reads single digits"
            )
        if recipe.distillation_weight:
            raise RecipeError(
                f"'{recipe.name}' learns from another model, which `compare` does not have; "
                "train it with `train --teacher` and measure it with `evaluate`"
            )
    seeded = [
        recipe.model_copy(update={"seed": seed})
        for recipe in recipes
        for seed in range(recipe.seed, recipe.seed + seeds * recipe.ensemble_size, recipe.ensemble_size)
    ]
    runs = [Run(folder / f"{recipe.name}-seed{recipe.seed}") for recipe in seeded]
    for recipe, run in zip(seeded, runs, strict=True):  # what can't be done is said before hours of training
        split(recipe, contest.labeled)
        finished(run, recipe, contest.labeled)
    entries = []
    for recipe, run in zip(seeded, runs, strict=True):
        metrics = finished(run, recipe, contest.labeled)
        if metrics is None:
            with Watch(console, run.folder.name, recipe.epochs, None).watching() as watch:
                trained = train(recipe, contest.labeled, None, run, watch)
            if not trained.finished:
                raise Interrupted(f"stopped in {run.folder}; the same command goes on from there")
            metrics = trained.metrics
            console.print(f"{run.folder}: trained in {metrics['seconds']:,.1f} s")
        else:
            console.print(f"{run.folder}: finished before, used as it is")
        probabilities = load_model(run.folder).predict_proba(contest.test.images)
        entries.append(
            RunResult(
                recipe.name, recipe.seed, metrics["parameters"], metrics["seconds"], metrics["epochs"], probabilities
            )
        )
    board = rank_runs(entries, contest.test.labels)
    write_json(folder / "leaderboard.json", board.to_dict() | {"measured_on": contest.note})
    write_text(folder / "compare.html", render_comparison(board, contest.test.source, [contest.note]))
    return board


def finished(run: Run, recipe: Recipe, labeled: Dataset) -> dict[str, Any] | None:
    """The metrics of a run that has reached its end, None where there is none yet.

    Raises RunError where the folder holds a run of another recipe or of other data.
    """
    if not run.exists:
        return None
    if from_dict(run.read_json(run.recipe), str(run.recipe)) != recipe:
        raise RunError(f"{run.folder}: this run was begun with another recipe; choose another --out")
    if run.read_json(run.data).get("digest") != labeled.digest:
        raise RunError(f"{run.folder}: this run was begun on other rows; choose another --out")
    return run.read_json(run.metrics) if run.is_finished else None
