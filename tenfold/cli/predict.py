"""Using a model: on test rows and on labeled digits."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Data, Json, Model, OptionalData, OptionalModel, Page, keep_inputs, output_file


def submit(
    model: OptionalModel = None,
    data: OptionalData = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file to write. [default: submission.csv]",
            metavar="FILE",
            callback=output_file,
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
