"""What is printed of submissions and of pictures that were read."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.cli.output import ERR, printable, say

if TYPE_CHECKING:
    from tenfold.ocr.batch import FileResult
    from tenfold.ocr.reading import Reading
    from tenfold.submission import SubmissionSummary


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


def print_read(answer: FileResult, alone: bool) -> None:
    """A line a file: its name, the text and how sure it is; of several models, a line each."""
    if answer.error is not None:
        if not alone:
            ERR.print(printable(f"tenfold: {answer.error}"))
        return
    if len(answer.readings) == 1:
        (reading,) = answer.readings.values()
        say(f"{answer.title}: {reading.summary()}")
        return
    say(answer.title)
    for name, reading in answer.readings.items():
        say(f"  {name}: {reading.summary()}  {_choices(reading)}")


def _choices(reading: Reading) -> str:
    """The likeliest values of each digit with their probabilities in percent."""
    each = [[(digit.value, digit.confidence), *digit.alternatives[:2]] for digit in reading.digits]
    return "; ".join(" ".join(f"{value}:{100 * fraction:.1f}" for value, fraction in choices) for choices in each)
