"""`tenfold submit --upload`: Kaggle's answer and, with --wait, its score."""

from pathlib import Path
from typing import Any

from tenfold.cli import output as console
from tenfold.errors import TenfoldError
from tenfold.evaluation.seen import run_of
from tenfold.kaggle import list_submissions, record_score, wait_for_score
from tenfold.submission import upload


def upload_submission(
    file: Path, message: str, model: Path | None, wait: bool, document: dict[str, Any]
) -> TenfoldError | None:
    """Upload `file`, and put what Kaggle answers into `document`.

    Returns the error if it is uploaded but has no score. Raises TenfoldError as `upload` does.
    """
    known = list_submissions() if wait else []
    document["kaggle"] = upload(file, message)
    for line in document["kaggle"].splitlines():
        console.ERR.print(console.printable(line))
    if not wait:
        return None
    try:
        scored = wait_for_score(file, message, known)
    except TenfoldError as error:
        return error
    document["public_score"] = scored.public_score
    console.ERR.print(f"public score: {scored.public_score:.5f}")
    run = run_of(model) if model is not None else None
    if run is not None and run.exists:
        record_score(run, scored)
        document["recorded"] = str(run.kaggle)
        console.ERR.print(console.printable(f"recorded in {run.kaggle}"))
    return None
