"""Recipes side by side: means with their spread, and a paired test against the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.evaluation.metrics import Probabilities
from tenfold.evaluation.statistics import McNemar, mcnemar, wilson_interval
from tenfold.images import Labels


@dataclass(frozen=True, eq=False)
class RunResult:
    """One training run: its recipe and seed, what it cost, its probabilities, float32 (N, 10), on the common rows."""

    recipe: str
    seed: int
    parameters: int
    train_seconds: float
    epochs: float
    probabilities: Probabilities


@dataclass(frozen=True)
class LeaderboardRow:
    """One recipe over its seeds.

    accuracy: mean over the seeds; accuracy_sd: its sample standard deviation, None for one seed.
    errors of predictions: pooled over the seeds. accuracy_interval: 95 % Wilson interval of the mean on the `n` rows
    (the runs of a recipe share their test rows, so pooling them would pretend to more rows than there are).
    train_seconds, epochs: means. against_best: the first seeds of the best recipe (a) and this one (b), paired; None
    for the best. Its p value is not corrected for the number of recipes.
    """

    recipe: str
    seeds: list[int]
    accuracy: float
    accuracy_sd: float | None
    errors: int
    predictions: int
    accuracy_interval: tuple[float, float]
    parameters: int
    train_seconds: float
    epochs: float
    against_best: McNemar | None


@dataclass(frozen=True)
class Leaderboard:
    """Recipes, the highest mean accuracy first (of equals, the one with fewer parameters), on `n` common rows."""

    n: int
    rows: list[LeaderboardRow]

    def to_dict(self) -> dict[str, Any]:
        """The same names with plain JSON values."""
        rows = [asdict(row) | {"accuracy_interval": list(row.accuracy_interval)} for row in self.rows]
        return {"n": self.n, "rows": rows}


def rank_runs(entries: Sequence[RunResult], labels: Labels) -> Leaderboard:
    """Rank the recipes of `entries` by their mean accuracy on labels, uint8 (N,).

    A recipe's first seed is the first of its entries. Raises ValueError for no entries, a seed that occurs twice,
    parameters that differ within a recipe, or probabilities that don't fit the labels.
    """
    if not entries or not len(labels):
        raise ValueError("a leaderboard needs entries and labeled rows")
    recipes: dict[str, list[RunResult]] = {}
    for entry in entries:
        recipes.setdefault(entry.recipe, []).append(entry)
    correct = {recipe: [_correct(run, labels) for run in runs] for recipe, runs in recipes.items()}

    def rank(recipe: str) -> tuple[int | float, int]:
        return -fmean(int(hits.sum()) for hits in correct[recipe]), recipes[recipe][0].parameters

    best, *others = sorted(recipes, key=rank)
    rows = [_row(recipes[best], correct[best], against_best=None)]
    for recipe in others:
        paired = mcnemar(correct[best][0], correct[recipe][0])
        rows.append(_row(recipes[recipe], correct[recipe], against_best=paired))
    return Leaderboard(n=len(labels), rows=rows)


def _row(runs: list[RunResult], correct: list[NDArray[np.bool_]], against_best: McNemar | None) -> LeaderboardRow:
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds) or len({run.parameters for run in runs}) > 1:
        raise ValueError(f"entries of {runs[0].recipe} must differ in their seed and not in their parameters")
    hits = [int(run.sum()) for run in correct]
    n = len(correct[0])
    accuracies = [run / n for run in hits]
    return LeaderboardRow(
        recipe=runs[0].recipe,
        seeds=seeds,
        accuracy=fmean(accuracies),
        accuracy_sd=stdev(accuracies) if len(accuracies) > 1 else None,
        errors=n * len(runs) - sum(hits),
        predictions=n * len(runs),
        accuracy_interval=wilson_interval(fmean(hits), n),
        parameters=runs[0].parameters,
        train_seconds=fmean(run.train_seconds for run in runs),
        epochs=fmean(run.epochs for run in runs),
        against_best=against_best,
    )


def _correct(run: RunResult, labels: Labels) -> NDArray[np.bool_]:
    if run.probabilities.shape != (len(labels), 10):
        raise ValueError(f"{run.recipe}: expected probabilities ({len(labels)}, 10), not {run.probabilities.shape}")
    correct: NDArray[np.bool_] = run.probabilities.argmax(axis=1) == labels
    return correct
