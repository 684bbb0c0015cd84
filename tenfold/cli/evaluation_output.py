"""Tables of measured models: evaluation, robustness, comparison, feedback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from tenfold.cli.output import number_table, print_findings, say

if TYPE_CHECKING:
    from tenfold.evaluation.evaluate import ModelEvaluation
    from tenfold.evaluation.leaderboard import Leaderboard
    from tenfold.evaluation.robustness import Robustness
    from tenfold.serving.feedback_report import FeedbackReport


def print_evaluation(evaluated: ModelEvaluation) -> None:
    result = evaluated.evaluation
    say(evaluated.headline)
    digits = number_table(None, "digit", "samples", "precision", "recall")
    for digit in range(10):
        ratios = (result.precision[digit], result.recall[digit])
        cells = ["" if ratio is None else f"{100 * ratio:.2f} %" for ratio in ratios]
        digits.add_row(str(digit), f"{result.support[digit]:,}", *cells)
    say(digits)
    say(confusion_table(result.confusion))
    print_findings(evaluated.findings)


def confusion_table(counts: list[list[int]]) -> Table:
    """counts: 10x10, rows are true digits."""
    table = Table(
        title="true digit (rows) by predicted digit (columns)", title_justify="left", title_style="bold", box=None
    )
    for name in ("", *range(10)):
        table.add_column(str(name), justify="right", no_wrap=True)
    for digit, row in enumerate(counts):
        table.add_row(str(digit), *(str(count) if count else "·" for count in row))
    return table


def print_robustness(robustness: Robustness) -> None:
    say(
        f"corrupted copies of {robustness.n:,} images: mean accuracy {100 * robustness.mean_accuracy:.2f} % over all "
        f"corruptions and severities; {100 * robustness.clean_accuracy:.2f} % without corruption"
    )
    severities = [f"{number}" for number in range(1, len(robustness.corruptions[0].accuracy) + 1)]
    table = number_table(None, "corruption", *severities, "mean")
    for result in robustness.corruptions:
        accuracies = [f"{100 * accuracy:.1f}" for accuracy in (*result.accuracy, result.mean_accuracy)]
        table.add_row(result.name.replace("_", " "), *accuracies)
    say(table)


def print_leaderboard(board: Leaderboard, note: str) -> None:
    table = number_table(None, "recipe", "accuracy", "errors", "parameters", "seconds")
    for row in board.rows:
        spread = "" if row.accuracy_sd is None else f" ± {100 * row.accuracy_sd:.2f}"
        cost = (f"{row.parameters or 0:,}", f"{row.train_seconds or 0:,.1f}")
        table.add_row(row.recipe, f"{100 * row.accuracy:.2f}{spread} %", f"{row.errors:,}", *cost)
    say(table)
    best = board.rows[0]
    seeds = len(best.seeds)
    say(note if seeds == 1 else f"{note} Means over {seeds} seeds ± standard deviation; errors of all seeds together.")
    first = "" if seeds == 1 else ", of the first seeds alone"
    for row in board.rows:
        if test := row.against_best:
            say(
                f"{row.recipe} against {best.recipe}: {test.only_b:,} rows that only it reads right, {test.only_a:,} "
                f"that only {best.recipe} does, p = {test.p_value:.2g} (exact McNemar test{first})"
            )


def print_feedback(report: FeedbackReport) -> None:
    say(f"{report.corrections:,} corrections, {report.no_digit:,} of them not a digit")
    table = number_table(None, "model", "digits", "correct", "95 % interval", "p")
    for title, scores in (("stored predictions", report.stored), ("now", report.models)):
        for score in scores:
            lower, upper = score.interval
            correct = f"{score.correct:,} ({100 * score.correct / score.n:.1f} %)"
            p_value = "" if score.p_value is None else f"{score.p_value:.2g}"
            interval = f"{100 * lower:.1f} to {100 * upper:.1f} %"
            table.add_row(f"{score.model}, {title}", f"{score.n:,}", correct, interval, p_value)
    say(table)
    if report.models:
        say("p: against the stored predictions (exact McNemar test)")
    say("note: mistakes are corrected more often than right predictions are confirmed, so stored ones look worse.")
