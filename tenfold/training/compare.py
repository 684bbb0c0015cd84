"""`compare`: several recipes and seeds on the same data, measured on the same test samples that none of them saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tenfold.data import Dataset
from tenfold.errors import Interrupted, RecipeError
from tenfold.evaluation.leaderboard import Leaderboard, RunResult, rank_runs
from tenfold.files import write_json, write_text
from tenfold.model import load_model
from tenfold.recipes import Recipe
from tenfold.report.pages import render_comparison
from tenfold.run import Run
from tenfold.training.callbacks import ProgressCallback, StopOnSignal
from tenfold.training.device import AUTO
from tenfold.training.task import reads_lines
from tenfold.training.train import check_resumable, split, train


@dataclass(frozen=True)
class ComparisonData:
    """What all recipes are trained and measured on. note: how the test samples were chosen, in a sentence."""

    labeled: Dataset
    test: Dataset
    note: str


def compare(
    data: ComparisonData,
    recipes: Sequence[Recipe],
    seeds: int,
    folder: Path,
    console: Console,
    device: str = AUTO,
    precision: str = AUTO,
) -> Leaderboard:
    """Train each recipe with `seeds` seeds, starting from its own, in folders below `folder`, and rank them.

    The networks of an ensemble take consecutive seeds, so the next ensemble starts after them. Writes leaderboard.json
    and compare.html. Finished runs are reused, unfinished ones resumed.

    Raises RecipeError for two recipes of the same name and for one that reads lines or needs a teacher, RunError for a
    run of another recipe or other data, Interrupted when stopped.
    """
    assert data.test.labels is not None
    check_recipes(recipes)
    seeded = [variant for recipe in recipes for variant in with_seeds(recipe, seeds)]
    runs = [Run(folder / f"{recipe.name}-seed{recipe.seed}") for recipe in seeded]
    for recipe, run in zip(seeded, runs, strict=True):  # raises before hours of training
        split(recipe, data.labeled)
        check_resumable(run, recipe, data.labeled)
    entries = []
    for recipe, run in zip(seeded, runs, strict=True):
        metrics = finished_metrics(run, console)
        if metrics is None:
            metrics = train_run(recipe, data.labeled, run, console, device, precision)
        probabilities = load_model(run.folder).predict_proba(data.test.images)
        entries.append(
            RunResult(
                recipe.name, recipe.seed, metrics["parameters"], metrics["seconds"], metrics["epochs"], probabilities
            )
        )
    board = rank_runs(entries, data.test.labels)
    write_json(folder / "leaderboard.json", board.to_dict() | {"measured_on": data.note})
    write_text(folder / "compare.html", render_comparison(board, data.test.source, [data.note]))
    return board


def check_recipes(recipes: Sequence[Recipe]) -> None:
    """Raise RecipeError for recipes that can't be compared."""
    names = [recipe.name for recipe in recipes]
    for recipe in recipes:
        if names.count(recipe.name) > 1:
            raise RecipeError(f"two recipes have the name '{recipe.name}'; each needs its own to be compared")
        if reads_lines(recipe):
            raise RecipeError(f"'{recipe.name}' reads lines and can't be compared with recipes for single digits")
        if recipe.distillation_weight:
            raise RecipeError(
                f"'{recipe.name}' learns from a teacher, which `compare` does not have; "
                "train it with `train --teacher` and measure it with `evaluate`"
            )


def with_seeds(recipe: Recipe, count: int) -> list[Recipe]:
    """The recipe with `count` seeds, such that no two ensembles share a network."""
    step = recipe.network_count
    return [recipe.model_copy(update={"seed": seed}) for seed in range(recipe.seed, recipe.seed + count * step, step)]


def finished_metrics(run: Run, console: Console) -> dict[str, Any] | None:
    """The metrics of a finished run, None for any other."""
    if not run.exists or not run.is_finished:
        return None
    console.print(f"{run.folder}: already finished, reused")
    return run.read_json(run.metrics)


def train_run(
    recipe: Recipe, labeled: Dataset, run: Run, console: Console, device: str, precision: str
) -> dict[str, Any]:
    """Train or resume a run to its end; returns its metrics. Raises Interrupted."""
    with StopOnSignal(console) as stop:
        callbacks = [ProgressCallback(console), stop]
        result = train(recipe, labeled, run, callbacks, device=device, precision=precision)
    if not result.finished:
        raise Interrupted(f"stopped in {run.folder}; the same command resumes from there")
    console.print(f"{run.folder}: trained in {result.metrics['seconds']:,.1f} s")
    return result.metrics
