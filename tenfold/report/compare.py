"""The page of `tenfold compare`: recipes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import log10

from tenfold.evaluation import Leaderboard, LeaderboardRow
from tenfold.report.page import (
    ABSENT,
    NARROW,
    Section,
    count,
    page,
    paragraph,
    percent,
    plural,
    seconds,
    table,
    tiles,
)


def render(board: Leaderboard, data: str, notes: Sequence[str] = ()) -> str:
    """HTML of `board`. data: what the models were compared on, in words. notes: sentences to tell beside the table."""
    best = board.rows[0]
    head = tiles(
        [
            ("Best accuracy", percent(best.accuracy), best.recipe),
            ("Recipes", count(len(board.rows)), plural(sum(len(row.seeds) for row in board.rows), "training run")),
            ("Common rows", count(board.n), "the same for every run"),
        ]
    ) + "".join(paragraph(note) for note in notes)
    sections = [
        Section("leaderboard", "Leaderboard", _leaderboard(board)),
        Section("intervals", "Accuracy with its interval", _intervals(board)),
        Section("paired", f"Paired against {best.recipe}", _paired(board)),
    ]
    return page("comparison", f"{plural(len(board.rows), 'recipe')} compared", f"On {data}.", head, sections)


def _leaderboard(board: Leaderboard) -> str:
    rows = [
        [
            _name(row.recipe),
            percent(row.accuracy),
            ABSENT if row.accuracy_sd is None else f"±{NARROW}{100 * row.accuracy_sd:.2f}",
            f"{count(row.errors)} of {count(row.predictions)}",
            count(len(row.seeds)),
            count(row.parameters),
            f"{row.epochs:g}",
            seconds(row.train_seconds),
        ]
        for row in board.rows
    ]
    columns = ["Recipe", "Accuracy", "Spread", "Errors", "Seeds", "Parameters", "Epochs", "Training"]
    return table(
        "The highest mean accuracy first. Spread: standard deviation over the seeds, in points; "
        "errors: of all seeds together; epochs and training time: means.",
        columns,
        rows,
        wide=True,
        mark=0,
    )


def _intervals(board: Leaderboard) -> str:
    low = min(row.accuracy_interval[0] for row in board.rows)
    high = max(row.accuracy_interval[1] for row in board.rows)
    # A perfect score would lie at infinity: it is drawn at a fifth of an error.
    smallest = 0.2 / board.n

    def place(accuracy: float) -> float:
        stretched = [log10(max(1 - share, smallest)) for share in (accuracy, low, high)]
        return 100 * (stretched[1] - stretched[0]) / (stretched[1] - stretched[2])

    rows = [
        [
            _name(row.recipe),
            _track(row, place),
            f"{100 * row.accuracy_interval[0]:.2f} to {percent(row.accuracy_interval[1])}",
        ]
        for row in board.rows
    ]
    return table(
        f"95{NARROW}% intervals for {count(board.n)} rows, around the mean over each recipe's seeds. "
        f"The scale runs from {percent(low)} to {percent(high)} and stretches towards 100{NARROW}%.",
        ["Recipe", "", "Interval"],
        rows,
        left=[1],
        wide=True,
    )


def _track(row: LeaderboardRow, place: Callable[[float], float]) -> str:
    lower, upper = row.accuracy_interval
    return (
        '<span class="track" aria-hidden="true">'
        f'<i class="reach" style="left: {place(lower):.2f}%; width: {place(upper) - place(lower):.2f}%"></i>'
        f'<i class="dot" style="left: {place(row.accuracy):.2f}%"></i></span>'
    )


def _paired(board: Leaderboard) -> str:
    best = board.rows[0].recipe
    tests = [(row.recipe, row.against_best) for row in board.rows if row.against_best is not None]
    if not tests:
        return paragraph("There is no other recipe to compare it with.")
    rows = [
        [_name(name), count(test.only_a), count(test.only_b), _p_value(test.p_value), _verdict(test.p_value)]
        for name, test in tests
    ]
    return paragraph(
        "On the same rows, only those on which two models differ say which is better (McNemar's exact test, two-sided, "
        "first seeds). A small p value speaks against luck; it is not corrected for the number of recipes."
    ) + table(
        "Rows that only one of the two read right",
        ["Recipe", f"Only {best}", "Only this one", "p value", f"At the 5{NARROW}% level"],
        rows,
        left=[4],
    )


def _name(recipe: str) -> str:
    return f'<span class="name">{escape(recipe)}</span>'


def _p_value(p: float) -> str:
    return "&lt; 0.0001" if p < 0.0001 else f"{p:.4f}"


def _verdict(p: float) -> str:
    return "different" if p < 0.05 else "could be luck"
