"""Several recipes compared: means with standard deviations, and a paired test against the best recipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.evaluation.metrics import Probabilities
from tenfold.evaluation.statistics import McNemar, mcnemar, wilson_interval
from tenfold.html import table
from tenfold.images import Labels


@dataclass(frozen=True, eq=False)
class RunResult:
    """One training run: recipe, seed, cost, and its probabilities, float32 (N, 10), on the test samples of all runs.

    The cost is None for a model whose run is not at hand.
    """

    recipe: str
    seed: int
    parameters: int | None
    train_seconds: float | None
    epochs: float | None
    probabilities: Probabilities


@dataclass(frozen=True)
class LeaderboardRow:
    """One recipe over its seeds.

    accuracy: mean over the seeds; accuracy_sd: sample standard deviation, None for one seed.
    errors, predictions: sums over the seeds. accuracy_interval: 95 % Wilson interval of the mean on `n` samples (the
    runs have the same test samples, so the sum of predictions would give an interval that is too narrow).
    train_seconds, epochs: means. against_best: paired test of the first seeds of the best recipe (a) and this one (b);
    None for the best. Its p value is not corrected for the number of recipes.
    """

    recipe: str
    seeds: list[int]
    accuracy: float
    accuracy_sd: float | None
    errors: int
    predictions: int
    accuracy_interval: tuple[float, float]
    parameters: int | None
    train_seconds: float | None
    epochs: float | None
    against_best: McNemar | None


@dataclass(frozen=True)
class Leaderboard:
    """Recipes by mean accuracy on `n` samples, the best first; with equal accuracy, the one with fewer parameters."""

    n: int
    rows: list[LeaderboardRow]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        rows = [asdict(row) | {"accuracy_interval": list(row.accuracy_interval)} for row in self.rows]
        return {"n": self.n, "rows": rows}

    def __repr__(self) -> str:
        rows = self.rows
        lines = [f"  {row.recipe}: {row.accuracy:.2%}, {row.errors:,} errors of {row.predictions:,}" for row in rows]
        return "\n".join([f"Leaderboard on {self.n:,} samples", *lines])

    def _repr_html_(self) -> str:
        """For notebooks: each with its accuracy, interval and the paired test against the best."""
        header = ["", "accuracy", "95 % interval", "errors", "parameters", "seconds", "p against the best"]
        return table(header, [_html_cells(row) for row in self.rows])


def rank_runs(runs: Sequence[RunResult], labels: Labels) -> Leaderboard:
    """Rank the recipes of `runs` by mean accuracy on labels, uint8 (N,).

    The first seed of a recipe is that of its first run. Raises ValueError without runs, for a repeated seed, for
    different numbers of parameters within a recipe, and for probabilities of another shape.
    """
    if not runs or not len(labels):
        raise ValueError("a leaderboard needs runs and labeled samples")
    recipes: dict[str, list[RunResult]] = {}
    for run in runs:
        recipes.setdefault(run.recipe, []).append(run)
    correct = {recipe: [_is_correct(run, labels) for run in of_recipe] for recipe, of_recipe in recipes.items()}

    def rank(recipe: str) -> tuple[int | float, int]:
        return -fmean(int(hits.sum()) for hits in correct[recipe]), recipes[recipe][0].parameters or 0

    best, *others = sorted(recipes, key=rank)
    rows = [_row(recipes[best], correct[best], against_best=None)]
    for recipe in others:
        paired = mcnemar(correct[best][0], correct[recipe][0])
        rows.append(_row(recipes[recipe], correct[recipe], against_best=paired))
    return Leaderboard(n=len(labels), rows=rows)


def _html_cells(row: LeaderboardRow) -> list[str]:
    low, high = row.accuracy_interval
    return [
        row.recipe,
        f"{row.accuracy:.2%}",
        f"{low:.2%} to {high:.2%}",
        f"{row.errors:,} of {row.predictions:,}",
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.train_seconds is None else f"{row.train_seconds:,.1f}",
        "" if row.against_best is None else f"{row.against_best.p_value:.4f}",
    ]


def _row(runs: list[RunResult], correct: list[NDArray[np.bool_]], against_best: McNemar | None) -> LeaderboardRow:
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds) or len({run.parameters for run in runs}) > 1:
        raise ValueError(f"runs of {runs[0].recipe} must have different seeds and the same number of parameters")
    hits = [int(is_correct.sum()) for is_correct in correct]
    n = len(correct[0])
    accuracies = [count / n for count in hits]
    return LeaderboardRow(
        recipe=runs[0].recipe,
        seeds=seeds,
        accuracy=fmean(accuracies),
        accuracy_sd=stdev(accuracies) if len(accuracies) > 1 else None,
        errors=n * len(runs) - sum(hits),
        predictions=n * len(runs),
        accuracy_interval=wilson_interval(fmean(hits), n),
        parameters=runs[0].parameters,
        train_seconds=_mean(run.train_seconds for run in runs),
        epochs=_mean(run.epochs for run in runs),
        against_best=against_best,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _is_correct(run: RunResult, labels: Labels) -> NDArray[np.bool_]:
    if run.probabilities.shape != (len(labels), 10):
        raise ValueError(f"{run.recipe}: expected probabilities ({len(labels)}, 10), not {run.probabilities.shape}")
    correct: NDArray[np.bool_] = run.probabilities.argmax(axis=1) == labels
    return correct
