"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tenfold.data.findings import from_notes
from tenfold.errors import TenfoldError

if TYPE_CHECKING:
    from tenfold.data import DatasetSplits
    from tenfold.data.checks import CheckResult
    from tenfold.data.counts import SplitCheck
    from tenfold.data.findings import Finding
    from tenfold.evaluation.evaluate import ModelEvaluation
    from tenfold.evaluation.leaderboard import Leaderboard
    from tenfold.evaluation.robustness import Robustness
    from tenfold.ocr.batch import FileResult
    from tenfold.ocr.reading import Reading
    from tenfold.recipes import Entry
    from tenfold.serving.feedback_report import FeedbackReport
    from tenfold.submission import SubmissionSummary
    from tenfold.training.train import TrainResult

T = TypeVar("T")
PIPE_CLOSED = 141  # exit status that a shell reports for a program killed by SIGPIPE
# Control characters, which break lines or steer the terminal, and surrogates for bytes that are not UTF-8: file names
# contain both.
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Output(Console):
    """A console without markup: file names hold brackets and colons."""

    def __init__(self, stderr: bool) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        raise  # Rich would exit here

    def render_str(self, text: str, **options: Any) -> Text:
        """Rich renders every string through this, also the cells and titles of tables."""
        return super().render_str("\n".join(map(printable, text.split("\n"))), **options)


OUT = Output(stderr=False)
ERR = Output(stderr=True)


def printable(text: str) -> str:
    """The text on one line, with control characters escaped."""
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Write to stdout inside; exits quietly if the pipe is closed. Raises TenfoldError if stdout can't be written."""
    if sys.stdout is None:  # closed before the program started; the error document still needs a file
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
        raise TenfoldError("standard output can't be written: it is closed")
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        # Flushing the rest of the buffer would fail again, with a traceback, when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(PIPE_CLOSED) from None
        raise TenfoldError(f"standard output can't be written: {error.strerror}") from None


def write(text: str) -> None:
    with writing():
        sys.stdout.write(text)


def say(thing: RenderableType) -> None:
    with writing():
        OUT.print(printable(thing) if isinstance(thing, str) else thing)


def print_json(content: Any) -> None:
    """One document; not through Rich, which would wrap and color it."""
    write(json.dumps(content, indent=2, allow_nan=False) + "\n")


def say_where(what: str, path: Path | None) -> None:
    if path is not None:
        say(f"{what}: {path}")


def _table(title: str | None, first: str, *numbers: str) -> Table:
    """A table of names and numbers, which are neither wrapped nor truncated."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False)
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_findings(findings: Iterable[Finding]) -> None:
    write("".join(f"{printable(str(finding))}\n" for finding in findings))


def print_check(result: CheckResult, splits: DatasetSplits) -> None:
    checks = {name: split for name, split in (("training", result.train), ("test", result.test)) if split}
    say(_check_table(splits.name, checks, result))
    for name, split in checks.items():
        if split.label_counts:
            say(_bars(f"{name} labels", split.label_counts))
    print_findings((*from_notes(splits.notes), *result.findings))
    if result.trainable:
        say("This data can be used for training.")


def _check_table(title: str, checks: dict[str, SplitCheck], result: CheckResult) -> Table:
    cells: dict[str, Callable[[SplitCheck], str]] = {
        "samples": lambda split: f"{split.samples:,}",
        "missing values": lambda split: f"{split.missing_values:,}",
        "pixel values": lambda split: f"{split.min_pixel} to {split.max_pixel}",
        "duplicate images": lambda split: f"{split.duplicates:,}",
        "constant pixels": lambda split: f"{len(split.constant_pixels)}",
        "blank images": lambda split: f"{split.blank:,}",
        "polarity": lambda split: split.polarity,
    }
    table = _table(title, "", *checks)
    for name, cell in cells.items():
        table.add_row(name, *map(cell, checks.values()))
    table.add_row("also training images", *_overlaps(checks, result.overlap.test_in_train))
    table.add_row("also in public MNIST", *_overlaps(checks, result.overlap.test_in_mnist))
    return table


def _overlaps(checks: dict[str, SplitCheck], count: int | None) -> list[str]:
    """A row of cells that are empty except for the test split."""
    text = "not available" if count is None else f"{count:,}"
    return [text if name == "test" else "" for name in checks]


def _bars(title: str, counts: list[int]) -> Table:
    table = Table("digit", "", "samples", title=title, title_justify="left", box=None)
    for digit, count in enumerate(counts):
        table.add_row(str(digit), "█" * round(40 * count / max(counts)), f"{count:,}")
    return table


def print_trained(trained: TrainResult) -> None:
    metrics = trained.metrics
    epochs = f"{metrics['epochs']} {'epoch' if metrics['epochs'] == 1 else 'epochs'}"
    rate = f"{metrics['images_per_second']:,.0f} images/s"
    say(
        f"{metrics['recipe']}: {epochs} in {metrics['seconds']:,.1f} s ({rate}, {metrics['device']}, "
        f"{metrics['precision']})"
    )
    if values := metrics["validation"]:
        lower, upper = values["accuracy_interval"]
        kind = metrics.get("measured_on", "validation")  # lines are measured on validation digits only
        errors = f"{values['errors']:,} {'error' if values['errors'] == 1 else 'errors'} of {values['n']:,}"
        interval = f"95 % interval {100 * lower:.2f} to {100 * upper:.2f}"
        say(f"{kind} accuracy {100 * values['accuracy']:.2f} % ({interval}), {errors}")
    say_where("run", trained.run.folder)
    say_where("report", trained.run.report)


def how_to_resume(trained: TrainResult) -> str:
    from tenfold.training.describe import describe_progress

    command = shlex.join(["tenfold", "train", "--resume", "--out", str(trained.run.folder)])
    return f"stopped after {describe_progress(trained.metrics)}; resume with: {command}"


def print_evaluation(evaluated: ModelEvaluation) -> None:
    result = evaluated.evaluation
    say(evaluated.headline)
    digits = _table(None, "digit", "samples", "precision", "recall")
    for digit in range(10):
        ratios = (result.precision[digit], result.recall[digit])
        cells = ["" if ratio is None else f"{100 * ratio:.2f} %" for ratio in ratios]
        digits.add_row(str(digit), f"{result.support[digit]:,}", *cells)
    say(digits)
    confusion = Table(
        title="true digit (rows) by predicted digit (columns)", title_justify="left", title_style="bold", box=None
    )
    for name in ("", *range(10)):
        confusion.add_column(str(name), justify="right", no_wrap=True)
    for digit, row in enumerate(result.confusion):
        confusion.add_row(str(digit), *(str(count) if count else "·" for count in row))
    say(confusion)
    print_findings(evaluated.findings)


def print_robustness(robustness: Robustness) -> None:
    say(
        f"corrupted copies of {robustness.n:,} images: mean accuracy {100 * robustness.mean_accuracy:.2f} % over all "
        f"corruptions and severities; {100 * robustness.clean_accuracy:.2f} % without corruption"
    )
    severities = [f"{number}" for number in range(1, len(robustness.corruptions[0].accuracy) + 1)]
    table = _table(None, "corruption", *severities, "mean")
    for result in robustness.corruptions:
        accuracies = [f"{100 * accuracy:.1f}" for accuracy in (*result.accuracy, result.mean_accuracy)]
        table.add_row(result.name.replace("_", " "), *accuracies)
    say(table)


def print_leaderboard(board: Leaderboard, note: str) -> None:
    table = _table(None, "recipe", "accuracy", "errors", "parameters", "seconds")
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


def print_submission(file: Path, summary: SubmissionSummary) -> None:
    counts = ", ".join(f"{digit}: {count:,}" for digit, count in enumerate(summary.label_counts))
    rows = "1 row" if summary.rows == 1 else f"{summary.rows:,} rows"
    say(f"{file}: valid, {rows} ({counts})")


def print_upload_hint(file: Path, summary: SubmissionSummary) -> None:
    from tenfold.submission import TEST_ROWS, kaggle_command

    if summary.rows == TEST_ROWS:
        say(f"to upload it: {shlex.join(kaggle_command(file, 'tenfold'))}")
    else:
        say(f"note: Kaggle's Digit Recognizer takes {TEST_ROWS:,} rows, so this file is not a submission for it")


def describe_recipes() -> list[dict[str, Any]]:
    """All named recipes with their origin and results, ready for JSON."""
    from tenfold.nets import build, parameter_count
    from tenfold.recipes import RECIPES

    return [
        {
            "name": name,
            "source": entry.source,
            "duration": entry.duration,
            "parameters": parameter_count(build(entry.recipe)),
            "published": entry.published,
            "reproduced": entry.reproduced,
            "description": entry.description,
            "recipe": entry.recipe.model_dump(mode="json"),
        }
        for name, entry in RECIPES.items()
    ]


def print_recipes(recipes: list[dict[str, Any]]) -> None:
    table = Table("recipe", "time", "parameters", "source and figures", box=SIMPLE_HEAD, show_edge=False)
    for column in table.columns[:3]:
        column.no_wrap = True
    table.columns[1].justify = table.columns[2].justify = "right"
    for entry in recipes:
        figures = [f"{name}: {entry[name]}" for name in ("published", "reproduced") if entry[name]]
        table.add_row(
            entry["name"], entry["duration"], f"{entry['parameters']:,}", "\n".join([entry["source"], *figures])
        )
    say(table)
    say("Time: a training on Kaggle's 42,000 labeled digits with two CPU cores, roughly.")
    say("Start with fast, the default; strong and best are more accurate and take longer.")
    say("tenfold recipes show NAME prints a recipe as TOML; edit it and train it with --recipe my.toml.")


def print_recipe(entry: Entry) -> None:
    """A recipe as TOML that `--recipe` reads, with where it comes from as comments."""
    from tenfold.recipes.toml import to_toml

    origin = "" if entry.source == "tenfold" else f"From {entry.source}. "
    text = f"{origin}{entry.description} Takes about {entry.duration} on two CPU cores."
    comments = [f"# {line}\n" for line in textwrap.wrap(text, 110)]
    write("".join(comments) + "\n" + to_toml(entry.recipe))


def tracked(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """Yield the items, with a progress bar on stderr if that is a terminal and there are many."""
    if total < 20 or not ERR.is_terminal:
        yield from items
        return
    from rich.progress import track

    yield from track(items, description, total, console=ERR, transient=True)


def print_read(answer: FileResult, alone: bool) -> None:
    """A line a file: its name, the text and how sure it is; of several models, a line each."""
    if answer.error is not None:
        if not alone:
            ERR.print(printable(f"tenfold: {answer.error}"))
        return
    if len(answer.readings) == 1:
        (reading,) = answer.readings.values()
        say(f"{answer.title}: {_read(reading)}")
        return
    say(answer.title)
    for name, reading in answer.readings.items():
        say(f"  {name}: {_read(reading)}  {_choices(reading)}")


def _read(reading: Reading) -> str:
    if not reading.digits:
        return "no digit"
    return f"{reading.text.replace(chr(10), ' / ')} ({100 * reading.confidence:.1f} %)"


def _choices(reading: Reading) -> str:
    """The likeliest values of each digit with their probabilities in percent."""
    each = [[(digit.value, digit.confidence), *digit.alternatives[:2]] for digit in reading.digits]
    return "; ".join(" ".join(f"{value}:{100 * fraction:.1f}" for value, fraction in choices) for choices in each)


def print_feedback(report: FeedbackReport) -> None:
    say(f"{report.corrections:,} corrections, {report.no_digit:,} of them not a digit")
    table = _table(None, "model", "digits", "correct", "95 % interval", "p")
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
