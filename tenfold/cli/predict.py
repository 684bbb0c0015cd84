"""Using a model: on test rows, on labeled digits, on pictures."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Data, Json, MaybeData, MaybeModel, Model, Page, Token, keep_inputs, replaceable
from tenfold.errors import TenfoldError, Unavailable


def submit(
    model: MaybeModel = None,
    data: MaybeData = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file to write. [default: submission.csv]",
            metavar="FILE",
            callback=replaceable,
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Only check FILE, and name its first wrong line.", metavar="FILE"),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            help="With --check: the rows it must have. [default: Kaggle's 28,000 if it has over half of them]",
            min=1,
            metavar="N",
        ),
    ] = None,
    upload: Annotated[
        str | None,
        typer.Option("--upload", help="Send it to Kaggle with the `kaggle` command.", metavar="MESSAGE"),
    ] = None,
    json: Json = False,
) -> None:
    """Predict the test rows and write a submission in Kaggle's format.

    With --check, only validate an existing submission: exit code 4 where it is invalid.
    """
    if (check is None) != (model is not None and data is not None) or (check is not None and (model or out)):
        raise typer.BadParameter("expected MODEL and DATA, or --check FILE alone")
    if rows is not None and check is None:
        raise typer.BadParameter("what is written has as many rows as DATA", param_hint="--rows")
    from tenfold import submission
    from tenfold.cli import output as console

    out = out or Path("submission.csv")
    if model is not None and data is not None:
        from tenfold.data import load_data
        from tenfold.data.select import rows_to_predict
        from tenfold.model import load_model

        keep_inputs(out, model, data)
        submission.write_submission(out, load_model(model).predict(rows_to_predict(load_data(data)).images))
    file = check or out
    summary = submission.validate_submission(file, rows)
    if check and rows is None and summary.rows > submission.TEST_ROWS // 2:  # a smaller one is for another set
        submission.validate_submission(file, submission.TEST_ROWS)
    if not json:
        console.print_submission(file, summary)
    document = {"file": str(file), "kaggle_rows": summary.rows == submission.TEST_ROWS} | summary.to_dict()
    if upload is not None:
        document["kaggle"] = submission.upload(file, upload)
        console.ERR.print(document["kaggle"])
    elif not json:
        console.print_upload_hint(file, summary)
    finish(document, json)


def evaluate(
    model: Model,
    data: Data,
    page: Page = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Measure damaged copies too: 29 kinds in five severities; needs the extra `train`.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Measure a model on labeled digits.

    Accuracy with its interval, confusions and calibration; the page also shows the mistakes. A run folder knows which
    rows it was trained on; the others are measured separately.
    """
    from tenfold.cli import output as console
    from tenfold.data import load_data
    from tenfold.data.select import rows_to_evaluate
    from tenfold.evaluation.evaluate import examine
    from tenfold.files import write_text

    keep_inputs(page, model, data)
    examined = examine(model, rows_to_evaluate(load_data(data)))
    damaged = None
    if robustness:
        from tenfold.evaluation.robustness import measure

        damaged = measure(model, examined.new, console.ERR)  # of rows that it learned from nothing could be told
    if page:
        from tenfold.report.evaluation import render

        known = (examined.evaluation, examined.data, examined.probabilities, str(model), examined.notes)
        write_text(page, render(*known, damaged))
    if not json:
        console.print_evaluation(examined)
        if damaged:
            console.print_robustness(damaged)
        console.say_where("page", page)
    finish(examined.to_dict() | ({"robustness": damaged.to_dict()} if damaged else {}), json)


def read(
    files: Annotated[list[str], typer.Argument(help="Pictures, folders or glob patterns.", metavar="FILE...")],
    expect: Annotated[
        Literal["auto", "digit", "line", "page"],
        typer.Option(help="digit: one; line: one row; page: several rows; auto: detected."),
    ] = "auto",
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            "--model",
            help="Read with these run folders, .onnx files or `bundled`, side by side. [default: bundled]",
            metavar="MODEL...",
        ),
    ] = None,
    show: Annotated[
        Path | None,
        typer.Option(
            "--show",
            help="Write the picture with boxes, values and what the network saw (of several --models, the first saw). "
            "For several pictures OUT is a folder; files of the same name are numbered.",
            metavar="OUT",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write all readings as .csv or .json.", metavar="FILE", callback=replaceable),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(help="Read by a running `tenfold serve`, as at http://127.0.0.1:8000.", metavar="URL"),
    ] = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Read the digits in pictures: photos, scans, drawings; one digit, a row, a page.

    Prints text and confidence, a line a file. A file that can't be read is reported, and the rest are read.
    """
    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise typer.BadParameter(f"{out} ends neither in .csv nor in .json", param_hint="--out")
    if server is not None and models:
        raise typer.BadParameter("a server reads with its own model; leave out one of the two", param_hint="--models")
    from tenfold.cli import output as console
    from tenfold.ocr import batch
    from tenfold.ocr.visualize import places, write_shown

    if models:  # the shell makes several words of runs/*, and the first alone belongs to the option
        models = models + [name for name in files if batch.is_model(Path(name))]
        files = [name for name in files if not batch.is_model(Path(name))]
        if not files:
            raise typer.BadParameter("say which pictures to read, before --models", param_hint="FILE...")
    pictures = batch.picture_files(files)
    shown = places(pictures, show) if show is not None else {}
    paths = batch.model_paths(models or [])
    keep_inputs(out, *pictures, *paths)
    if server is not None:
        from tenfold.client import Client

        read_by = batch.read_files_with(Client(server, token).read, server, pictures, expect)
    else:
        read_by = batch.read_files(pictures, expect, batch.load_models(paths))
    answers = []
    for answer in console.tracked(read_by, len(pictures), "reading"):
        answers.append(answer)
        if not json:
            console.print_read(answer, alone=len(pictures) == 1)
        if answer.error is None and answer.file in shown:
            write_shown(answer, shown[answer.file])
    if out is not None:
        batch.write_table(out, answers)
    failed = [answer.error for answer in answers if answer.error is not None]
    error = failed[0] if failed else None
    if failed and len(answers) > 1:
        kind = Unavailable if all(isinstance(one, Unavailable) for one in failed) else TenfoldError
        error = kind(f"{len(failed):,} of {len(answers):,} files couldn't be read")
    finish({"readings": [answer.to_dict() for answer in answers]}, json, error)
