"""`submission.csv`: write it, find the first wrong line in it, hand it to Kaggle."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tenfold.errors import CheckFailedError, TenfoldError, UnavailableError
from tenfold.files import write_text
from tenfold.images import CLASSES, Labels

COMPETITION = "digit-recognizer"
TEST_ROWS = 28_000
HEADER = ["ImageId", "Label"]

# No right line is longer; reading no further keeps a wrong file of any size out of memory.
LONGEST_LINE = 200
DIGITS = {str(digit): digit for digit in range(CLASSES)}


@dataclass(frozen=True)
class SubmissionSummary:
    """A valid submission: how many rows, and how often each digit was predicted (ten counts)."""

    rows: int
    label_counts: list[int]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def write_submission(path: str | os.PathLike[str], labels: Labels) -> None:
    """Write predictions, uint8 (N,) in the order of the test rows, as `ImageId,Label` with ids 1 to N.

    The file appears whole or not at all. Raises TenfoldError where it can't be written, ValueError for other labels.
    """
    if labels.dtype != np.uint8 or labels.ndim != 1 or not len(labels) or labels.max() >= CLASSES:
        raise ValueError(f"a submission takes uint8 (N,) of 0 to 9, not {labels.dtype} {labels.shape}")
    lines = [",".join(HEADER), *(f"{number},{label}" for number, label in enumerate(labels.tolist(), start=1))]
    try:
        write_text(Path(path), "\n".join(lines) + "\n")
    except OSError as error:
        raise TenfoldError(f"{path}: can't be written: {error.strerror}") from error


def validate_submission(path: str | os.PathLike[str], rows: int | None = None) -> SubmissionSummary:
    """Check a submission as `read_submission` does and count what is in it."""
    labels = read_submission(path, rows)
    return SubmissionSummary(rows=len(labels), label_counts=np.bincount(labels, minlength=CLASSES).tolist())


def read_submission(path: str | os.PathLike[str], rows: int | None = None) -> Labels:
    """The labels of a submission, uint8 (N,); with `rows`, exactly so many are expected.

    Raises CheckFailedError that names the first wrong line, UnavailableError where there is no such file.
    """
    try:
        with Path(path).open("rb") as file:
            return np.fromiter(_labels(file, Path(path), rows), np.uint8)
    except OSError as error:
        raise UnavailableError(f"{path}: can't be read: {error.strerror}") from error


def kaggle_command(path: str | os.PathLike[str], message: str) -> list[str]:
    """The command that uploads the submission."""
    return ["kaggle", "competitions", "submit", "-c", COMPETITION, "-f", os.fspath(path), "-m", message]


def upload(path: str | os.PathLike[str], message: str) -> str:
    """Validate the submission and upload it with the `kaggle` command; returns the output of that command.

    Raises CheckFailedError for an invalid submission, UnavailableError without the `kaggle` command (the message is the
    command to run), TenfoldError if Kaggle rejects it.
    """
    validate_submission(path, rows=TEST_ROWS)
    command = kaggle_command(path, message)
    program = shutil.which("kaggle")
    if program is None:
        raise UnavailableError(
            f"the kaggle command is not installed; to upload, run: pip install kaggle && {shlex.join(command)}"
        )
    done = subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    said = done.stdout.strip()
    # Kaggle's command exits with 0 after some failures and says so in words only.
    if done.returncode or "Could not submit" in said or "Could not find" in said:
        last = said.splitlines()[-1] if said else f"exit code {done.returncode}"
        raise TenfoldError(f"Kaggle did not take {path}: {last}")
    return said


def _labels(file: BinaryIO, path: Path, rows: int | None) -> Iterator[int]:
    """The label of each row; raises at the first wrong line."""

    def wrong(line: int, problem: str) -> CheckFailedError:
        return CheckFailedError(f"{path}, line {line:,}: {problem}")

    lines = _lines(file)
    header = next(lines, None)
    if header is None:
        raise wrong(1, "the file is empty; expected the header ImageId,Label")
    if _fields(header) != HEADER:
        raise wrong(1, _header_problem(header))
    number = 0
    for number, line in enumerate(lines, start=1):
        if rows is not None and number > rows:
            raise wrong(number + 1, f"a row too many; expected {rows:,} rows")
        fields = _fields(line)
        problem = _row_problem(line, fields, number)
        if problem:
            raise wrong(number + 1, problem)
        yield DIGITS[fields[1]]
    if number < (rows or 1):
        expected = "at least one" if rows is None else f"{rows:,}"
        raise wrong(number + 1, f"the file ends here with {number:,} rows; expected {expected}")


def _lines(file: BinaryIO) -> Iterator[str]:
    for line in iter(partial(file.readline, LONGEST_LINE), b""):
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors="replace")


def _fields(line: str) -> list[str]:
    # Quotes are right too: R's write.csv puts them.
    return [field[1:-1] if len(field) > 1 and field[0] == field[-1] == '"' else field for field in line.split(",")]


def _header_problem(line: str) -> str:
    fields = _fields(line)
    if line.startswith("\ufeff"):
        return "the file begins with a byte order mark; expected plain UTF-8 (not “UTF-8 with BOM”)"
    if "\0" in line:
        return "the file holds NUL bytes, as UTF-16 does; expected plain UTF-8"
    if fields[0] == "" and fields[1:] == HEADER:
        return "an index column stands before ImageId (pandas: to_csv(..., index=False)); expected ImageId,Label"
    if all(field.replace(".", "").isdigit() for field in fields):
        return f"the header is missing: expected ImageId,Label, found {_shown(line)}"
    return f"the header must be ImageId,Label, not {_shown(line)}"


def _row_problem(line: str, fields: list[str], number: int) -> str | None:
    if not line.strip():
        return "the line is blank"
    if len(fields) != 2:
        return f"{len(fields)} {'value' if len(fields) == 1 else 'values'}, expected 2 (ImageId,Label)"
    image_id, label = fields
    if image_id != str(number):
        return f"ImageId is {_shown(image_id)}, expected {number} (ids count 1, 2, 3 ... in order)"
    if label in DIGITS:
        return None
    fraction = label.count(".") == 1 and label.replace(".", "").isdigit()
    hint = " without a fraction" if fraction else ""
    return f"Label is {_shown(label)}, expected a whole number 0 to 9{hint}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
