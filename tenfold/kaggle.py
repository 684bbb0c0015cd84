"""What Kaggle makes of a submission: its score, asked for with the `kaggle` command."""

from __future__ import annotations

import csv
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import TenfoldError, UnavailableError
from tenfold.files import write_json
from tenfold.run import Run
from tenfold.submission import COMPETITION

MAX_WAIT = 600  # seconds; Kaggle usually takes less than one minute
INTERVAL = 10  # seconds between questions
COMMAND_TIMEOUT = 60  # seconds for one answer


@dataclass(frozen=True)
class KaggleSubmission:
    """A row of Kaggle's list. status: pending, complete or error. public_score: None until it is complete."""

    file: str
    date: str
    message: str
    status: str
    public_score: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_submissions() -> list[KaggleSubmission]:
    """The user's submissions to Digit Recognizer, the latest first.

    Raises UnavailableError without the `kaggle` command or an answer, TenfoldError for an answer that is not a list.
    """
    program = shutil.which("kaggle")
    if program is None:
        raise UnavailableError("the kaggle command is not installed; install it with: pip install kaggle")
    command = [program, "competitions", "submissions", "-c", COMPETITION, "--csv"]
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "replace", "stdin": subprocess.DEVNULL}
    try:
        result = subprocess.run(command, capture_output=True, timeout=COMMAND_TIMEOUT, check=False, **options)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"Kaggle gave no list of submissions within {COMMAND_TIMEOUT} seconds") from None
    lines = result.stdout.splitlines()
    if result.returncode:
        reason = (result.stdout + result.stderr).strip().splitlines()
        raise TenfoldError(f"Kaggle gave no list of submissions: {reason[-1] if reason else result.returncode}")
    # A warning about an old version, or that there are no submissions, may come first.
    header = next((number for number, line in enumerate(lines) if "fileName" in line.split(",")), None)
    return [] if header is None else [_parse(row) for row in csv.DictReader(lines[header:])]


def wait_for_score(
    file: Path, message: str, known: Sequence[KaggleSubmission], sleep: Callable[[float], None] = time.sleep
) -> KaggleSubmission:
    """Ask for the submission of `file` with `message` that is not among `known`, until Kaggle has scored it.

    Raises UnavailableError after 10 minutes, TenfoldError if Kaggle can't score it, and as `list_submissions`.
    """
    before = {(each.file, each.date) for each in known}
    for _ in range(MAX_WAIT // INTERVAL):
        for each in list_submissions():
            is_it = (each.file, each.message) == (file.name, message) and (each.file, each.date) not in before
            if is_it and each.status == "error":
                raise TenfoldError(f"Kaggle could not score {file}; see https://www.kaggle.com/c/{COMPETITION}")
            if is_it and each.public_score is not None:
                return each
        sleep(INTERVAL)
    raise UnavailableError(
        f"{file} is uploaded, but has no score after {MAX_WAIT // 60} minutes; ask later with: "
        f"kaggle competitions submissions -c {COMPETITION}"
    )


def record_score(run: Run, submission: KaggleSubmission) -> None:
    """Add a scored submission to the run's kaggle.json, which the manifest does not seal."""
    earlier = run.read_json(run.kaggle)["submissions"] if run.kaggle.exists() else []
    write_json(run.kaggle, {"submissions": [*earlier, submission.to_dict()]})


def _parse(row: dict[str, str]) -> KaggleSubmission:
    status = (row.get("status") or "").rpartition(".")[2].lower()  # some versions print SubmissionStatus.COMPLETE
    try:
        score = float(row.get("publicScore") or "")
    except ValueError:
        score = None
    return KaggleSubmission(
        row.get("fileName") or "", row.get("date") or "", row.get("description") or "", status, score
    )
