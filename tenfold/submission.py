"""`submission.csv`: write it, find its first invalid line, upload it to Kaggle."""

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

MAX_LINE_BYTES = 200  # valid lines are shorter; reading no more keeps the memory small for any file
DIGITS = {str(digit): digit for digit in range(CLASSES)}


@dataclass(frozen=True)
class SubmissionSummary:
    """The number of rows of a valid submission, and how often each digit is predicted (ten counts)."""

    rows: int
    label_counts: list[int]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def write_submission(path: str | os.PathLike[str], labels: Labels) -> None:
    """Write predictions, uint8 (N,) in the order of the test set, as `ImageId,Label` with ids 1 to N.

    The file appears complete or not at all. Raises TenfoldError if it can't be written, ValueError for other labels.
    """
    if labels.dtype != np.uint8 or labels.ndim != 1 or not len(labels) or labels.max() >= CLASSES:
        raise ValueError(f"labels must be uint8 (N,) from 0 to 9, not {labels.dtype} {labels.shape}")
    lines = [",".join(HEADER), *(f"{image_id},{label}" for image_id, label in enumerate(labels.tolist(), start=1))]
    try:
        write_text(Path(path), "\n".join(lines) + "\n")
    except OSError as error:
        raise TenfoldError(f"{path}: can't be written: {error.strerror}") from error


def validate_submission(path: str | os.PathLike[str], rows: int | None = None) -> SubmissionSummary:
    """Check a submission as `read_submission` does and summarize it."""
    labels = read_submission(path, rows)
    return SubmissionSummary(rows=len(labels), label_counts=np.bincount(labels, minlength=CLASSES).tolist())


def read_submission(path: str | os.PathLike[str], rows: int | None = None) -> Labels:
    """The labels of a submission, uint8 (N,). rows: the expected number of rows, if known.

    Raises CheckFailedError with the first invalid line, UnavailableError if there is no such file.
    """
    try:
        with Path(path).open("rb") as file:
            return np.fromiter(_parse_labels(file, Path(path), rows), np.uint8)
    except OSError as error:
        raise UnavailableError(f"{path}: can't be read: {error.strerror}") from error


def kaggle_command(path: str | os.PathLike[str], message: str) -> list[str]:
    """The command that uploads a submission."""
    return ["kaggle", "competitions", "submit", "-c", COMPETITION, "-f", os.fspath(path), "-m", message]


def upload(path: str | os.PathLike[str], message: str) -> str:
    """Validate a submission and upload it with the `kaggle` command; returns the output of that command.

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
    result = subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    output = result.stdout.strip()
    # After some failures the command exits with 0 and only prints a message.
    if result.returncode or "Could not submit" in output or "Could not find" in output:
        reason = output.splitlines()[-1] if output else f"exit code {result.returncode}"
        raise TenfoldError(f"Kaggle rejected {path}: {reason}")
    return output


def _parse_labels(file: BinaryIO, path: Path, rows: int | None) -> Iterator[int]:
    """The label of each row; raises at the first invalid line."""

    def invalid(line: int, problem: str) -> CheckFailedError:
        return CheckFailedError(f"{path}, line {line:,}: {problem}")

    lines = _lines(file)
    header = next(lines, None)
    if header is None:
        raise invalid(1, "the file is empty; expected the header ImageId,Label")
    if _fields(header) != HEADER:
        raise invalid(1, _header_problem(header))
    row = 0
    for row, line in enumerate(lines, start=1):
        if rows is not None and row > rows:
            raise invalid(row + 1, f"there are too many rows; expected {rows:,}")
        fields = _fields(line)
        problem = _row_problem(line, fields, row)
        if problem:
            raise invalid(row + 1, problem)
        yield DIGITS[fields[1]]
    if row < (rows or 1):
        expected = "at least one" if rows is None else f"{rows:,}"
        raise invalid(row + 1, f"the file ends after {row:,} rows; expected {expected}")


def _lines(file: BinaryIO) -> Iterator[str]:
    for line in iter(partial(file.readline, MAX_LINE_BYTES), b""):
        yield line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors="replace")


def _fields(line: str) -> list[str]:
    # Quotes are valid: R's write.csv writes them.
    return [field[1:-1] if len(field) > 1 and field[0] == field[-1] == '"' else field for field in line.split(",")]


def _header_problem(line: str) -> str:
    fields = _fields(line)
    if line.startswith("\ufeff"):
        return "the file begins with a byte order mark; expected UTF-8 without one"
    if "\0" in line:
        return "the file contains NUL bytes, as UTF-16 does; expected UTF-8"
    if fields[0] == "" and fields[1:] == HEADER:
        return "there is an index column before ImageId; expected ImageId,Label (pandas: to_csv(..., index=False))"
    if all(field.replace(".", "").isdigit() for field in fields):
        return f"the header is missing; expected ImageId,Label, found {_shortened(line)}"
    return f"the header is {_shortened(line)}; expected ImageId,Label"


def _row_problem(line: str, fields: list[str], row: int) -> str | None:
    if not line.strip():
        return "the line is blank; expected ImageId,Label"
    if len(fields) != 2:
        return f"found {len(fields)} {'value' if len(fields) == 1 else 'values'}; expected 2 (ImageId,Label)"
    image_id, label = fields
    if image_id != str(row):
        return f"ImageId is {_shortened(image_id)}; expected {row} (ids are 1, 2, 3 ... in order)"
    if label in DIGITS:
        return None
    is_fraction = label.count(".") == 1 and label.replace(".", "").isdigit()
    hint = ", without a decimal point" if is_fraction else ""
    return f"Label is {_shortened(label)}; expected an integer from 0 to 9{hint}"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
