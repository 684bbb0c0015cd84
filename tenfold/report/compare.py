"""The page of `tenfold compare`: recipes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log10
from typing import Any

from tenfold.evaluation import Leaderboard
from tenfold.report.formats import MISSING, NARROW_SPACE, count, percent, plural, seconds
from tenfold.report.pages import Section, render_page

SIGNIFICANCE = 0.05


def render(board: Leaderboard, data: str, notes: Sequence[str] = ()) -> str:
    """The page as HTML. data: what the models were compared on. notes: sentences beside the figures."""
    best = board.rows[0]
    runs = plural(sum(len(row.seeds) for row in board.rows), "training run")
    tiles = [
        ("Best accuracy", percent(best.accuracy), best.recipe),
        ("Recipes", count(len(board.rows)), runs),
        ("Images", count(board.n), "the same for every run"),
    ]
    context: dict[str, Any] = {
        "tiles": tiles,
        "notes": notes,
        "facts": {},
        "board": board,
        "best": best,
        "leaderboard": _leaderboard(board),
        "paired": _paired(board),
    }
    sections = [
        Section("leaderboard", "Leaderboard"),
        Section("intervals", "Accuracy with its interval"),
        Section("paired", f"Paired against {best.recipe}"),
    ]
    title = f"{plural(len(board.rows), 'recipe')} compared"
    return render_page("comparison", title, "figures", sections, context | _intervals(board), f"On {data}.")


def _leaderboard(board: Leaderboard) -> list[list[str]]:
    return [
        [
            row.recipe,
            percent(row.accuracy),
            MISSING if row.accuracy_sd is None else f"±{NARROW_SPACE}{100 * row.accuracy_sd:.2f}",
            f"{count(row.errors)} of {count(row.predictions)}",
            count(len(row.seeds)),
            count(row.parameters),
            f"{row.epochs:g}",
            seconds(row.train_seconds),
        ]
        for row in board.rows
    ]


def _intervals(board: Leaderboard) -> dict[str, Any]:
    """Positions of the intervals in percent of a scale that stretches towards 100 % accuracy."""
    low = min(row.accuracy_interval[0] for row in board.rows)
    high = max(row.accuracy_interval[1] for row in board.rows)
    position = _scale(low, high, smallest_error=0.2 / board.n)
    intervals = []
    for row in board.rows:
        lower, upper = row.accuracy_interval
        text = f"{100 * lower:.2f} to {percent(upper)}"
        left, right = position(lower), position(upper)
        intervals.append((row.recipe, left, right - left, position(row.accuracy), text))
    return {"low": low, "high": high, "intervals": intervals}


def _scale(low: float, high: float, smallest_error: float) -> Callable[[float], float]:
    """Percent of the way from `low` to `high`, in logarithms of the error; a perfect score is drawn near `high`."""

    def logarithm(accuracy: float) -> float:
        return log10(max(1 - accuracy, smallest_error))

    def position(accuracy: float) -> float:
        return 100 * (logarithm(low) - logarithm(accuracy)) / (logarithm(low) - logarithm(high))

    return position


def _paired(board: Leaderboard) -> list[list[str]]:
    tests = [(row.recipe, row.against_best) for row in board.rows if row.against_best is not None]
    return [
        [
            recipe,
            count(test.only_a),
            count(test.only_b),
            "< 0.0001" if test.p_value < 0.0001 else f"{test.p_value:.4f}",
            "different" if test.p_value < SIGNIFICANCE else "could be chance",
        ]
        for recipe, test in tests
    ]
