"""`submission.csv`: write it, find its first invalid line, upload it to Kaggle."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tenfold.data.findings import Finding
from tenfold.errors import CheckFailedError, TenfoldError, UnavailableError
from tenfold.files import write_text
from tenfold.images import CLASSES, Labels

COMPETITION = "digit-recognizer"
TEST_ROWS = 28_000
HEADER = ["ImageId", "Label"]
BLANK = "the line is blank; expected ImageId,Label"
ZIP_SIGNATURE = b"PK\3\4"

MAX_LINE_BYTES = 200  # valid lines are shorter; reading no more keeps the memory small for any file
IMAGE_ID = re.compile("[1-9][0-9]{0,8}")
DIGITS = {str(digit): digit for digit in range(CLASSES)}


@dataclass(frozen=True)
class SubmissionSummary:
    """The number of rows of a valid submission, how often each digit is predicted (ten counts), and what is unusual."""

    rows: int
    label_counts: list[int]
    warnings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"warnings": [finding.to_dict() for finding in self.warnings]}


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
    read = _read(Path(path), rows)
    counts = np.bincount(read.labels, minlength=CLASSES).tolist()
    return SubmissionSummary(len(read.labels), counts, (*_warnings(read.labels), *read.notes))


def is_submission(path: str | os.PathLike[str]) -> bool:
    """Whether this is a file, or a zip with only that file, whose header is ImageId,Label in either order."""
    try:
        with Path(path).open("rb") as file, _unpacked(file, Path(path)) as (content, _):
            return sorted(_fields(next(_lines(content), ""))) == HEADER
    except (OSError, CheckFailedError):
        return False


def read_submission(path: str | os.PathLike[str], rows: int | None = None) -> Labels:
    """The labels of a submission in the order of ImageId, uint8 (N,). rows: the expected number of rows, if known.

    As Kaggle does, it takes the rows in any order, the columns in either, a zip with the file, and blank lines at the
    end. Raises CheckFailedError with the first invalid line, UnavailableError if there is no such file.
    """
    return _read(Path(path), rows).labels


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


@dataclass(frozen=True)
class _Rows:
    """The labels of a submission by ImageId, and how the file differs from the usual one."""

    labels: Labels
    notes: tuple[Finding, ...]


def _read(path: Path, rows: int | None) -> _Rows:
    try:
        with path.open("rb") as file, _unpacked(file, path) as (content, is_zip):
            read = _parse(content, path, rows)
    except OSError as error:
        raise UnavailableError(f"{path}: can't be read: {error.strerror}") from error
    zipped = (Finding("note", "zip", "the file is a zip; Kaggle takes it so"),) if is_zip else ()
    return _Rows(read.labels, (*zipped, *read.notes))


@contextlib.contextmanager
def _unpacked(file: BinaryIO, path: Path) -> Iterator[tuple[IO[bytes], bool]]:
    """The file itself, or the only file in a zip; and whether it is a zip."""
    if file.read(4) != ZIP_SIGNATURE:
        file.seek(0)
        yield file, False
        return
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
            if len(names) != 1:
                raise CheckFailedError(f"{path}, line 1: the zip has {len(names)} files; expected one submission.csv")
            with archive.open(names[0]) as member:
                yield member, True
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise CheckFailedError(f"{path}, line 1: the zip can't be read ({error})") from None


def _parse(file: IO[bytes], path: Path, rows: int | None) -> _Rows:
    """Every row, the ids in any order and the columns in either; raises at the first invalid line."""
    lines = _lines(file)
    header = next(lines, None)
    if header is None:
        raise _invalid(path, 1, "the file is empty; expected the header ImageId,Label")
    is_swapped = _fields(header) == HEADER[::-1]
    if _fields(header) != HEADER and not is_swapped:
        raise _invalid(path, 1, _header_problem(header))
    line_of: dict[int, int] = {}
    labels: list[int] = []
    blank = 0  # number of the first blank line, 0 without any
    for number, line in enumerate(lines, start=2):
        if not line:
            blank = blank or number
            continue
        fields = _fields(line)[::-1] if is_swapped else _fields(line)
        if problem := BLANK if blank else _row_problem(line, fields, line_of, rows):
            raise _invalid(path, blank or number, problem)
        line_of[int(fields[0])] = number
        labels.append(DIGITS[fields[1]])
    _check_ids(path, line_of, rows)
    order = np.argsort(np.fromiter(line_of, np.int64))
    return _Rows(np.array(labels, np.uint8)[order], tuple(_notes(order, is_swapped, bool(blank))))


def _invalid(path: Path, line: int, problem: str) -> CheckFailedError:
    return CheckFailedError(f"{path}, line {line:,}: {problem}")


def _check_ids(path: Path, line_of: dict[int, int], rows: int | None) -> None:
    """line_of: the line of each id. Raises CheckFailedError unless the ids are 1 to N, and N what was expected."""
    count = len(line_of)
    if count < (rows or 1):
        expected = "at least one" if rows is None else f"{rows:,}"
        raise _invalid(path, count + 1, f"the file ends after {count:,} rows; expected {expected}")
    for image_id, number in line_of.items():
        if image_id > count:
            raise _invalid(path, number, f"ImageId is '{image_id}'; expected each of 1 to {count:,} once")


def _notes(order: NDArray[np.intp], is_swapped: bool, ends_blank: bool) -> Iterator[Finding]:
    if (np.diff(order) < 0).any():
        yield Finding("note", "shuffled", "the rows are not in the order of ImageId; Kaggle matches them by id")
    if is_swapped:
        yield Finding("note", "swapped_columns", "the columns are Label,ImageId; Kaggle matches them by name")
    if ends_blank:
        yield Finding("note", "blank_end", "the file ends with a blank line, which Kaggle ignores")


def _warnings(labels: Labels) -> Iterator[Finding]:
    if len(labels) > 1 and (labels == labels[0]).all():
        sample = ", as in Kaggle's sample file" if labels[0] == 0 else ""
        yield Finding("warning", "one_digit", f"every row says {labels[0]}{sample}: about one in ten is right")


def _lines(file: IO[bytes]) -> Iterator[str]:
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


def _row_problem(line: str, fields: list[str], line_of: dict[int, int], rows: int | None) -> str | None:
    """line_of: the line of each id before this one."""
    if rows is not None and len(line_of) >= rows:
        return f"there are too many rows; expected {rows:,}"
    if not line.strip():
        return BLANK
    if len(fields) != 2:
        return f"found {len(fields)} {'value' if len(fields) == 1 else 'values'}; expected 2 (ImageId,Label)"
    image_id, label = fields
    if not IMAGE_ID.fullmatch(image_id):
        return f"ImageId is {_shortened(image_id)}; expected an integer from 1"
    if before := line_of.get(int(image_id)):
        return f"ImageId is '{image_id}', as in line {before:,}; expected each id once"
    if label in DIGITS:
        return None
    is_fraction = label.count(".") == 1 and label.replace(".", "").isdigit()
    hint = ", without a decimal point" if is_fraction else ""
    return f"Label is {_shortened(label)}; expected an integer from 0 to 9{hint}"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
