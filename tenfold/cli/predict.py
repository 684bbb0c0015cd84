"""The commands that use a model: `submit` and `evaluate`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import (
    Data,
    Json,
    LabelColumn,
    Model,
    OptionalData,
    OptionalModel,
    Page,
    PixelColumns,
    keep_inputs,
    output_file,
)

if TYPE_CHECKING:
    from tenfold.data.findings import Finding


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
        typer.Option("--check", help="Only check FILE and report its first invalid line.", metavar="FILE"),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            help="With --check: the expected number of rows. [default: Kaggle's 28,000 if it has over half of them]",
            min=1,
            metavar="N",
        ),
    ] = None,
    label_column: LabelColumn = None,
    pixel_columns: PixelColumns = None,
    upload: Annotated[
        str | None,
        typer.Option("--upload", help="Upload it with the `kaggle` command.", metavar="MESSAGE"),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="With --upload: wait up to 10 minutes for Kaggle's score, and record it in the run."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Predict the test images and write a submission in Kaggle's format.

    With --check, only validate an existing submission: exit code 4 if it is invalid.
    """
    from tenfold import submission
    from tenfold.cli import output as console
    from tenfold.cli.prediction_output import print_submission, print_upload_hint
    from tenfold.data.findings import by_level

    _check_arguments(model, data, out, check, rows)
    _check_wait(wait, upload)
    file = check or out or Path("submission.csv")
    findings: tuple[Finding, ...] = ()
    if model is not None and data is not None:
        findings = _write_predictions(file, model, data, label_column, pixel_columns)
    summary = submission.validate_submission(file, rows)
    if check and rows is None:
        _check_number_of_rows(file, summary.rows)
    summary = replace(summary, warnings=by_level([*findings, *summary.warnings]))
    if not json:
        print_submission(file, summary)
        console.print_findings(summary.warnings)
    document = {"file": str(file), "kaggle_rows": summary.rows == submission.TEST_ROWS} | summary.to_dict()
    error = None
    if upload is not None:
        from tenfold.cli.upload import upload_submission

        error = upload_submission(file, upload, model, wait, document)
    elif not json:
        print_upload_hint(file, summary)
    finish(document, json, error)


def _check_arguments(
    model: Path | None, data: str | None, out: Path | None, check: Path | None, rows: int | None
) -> None:
    predicts = model is not None and data is not None
    if predicts == (check is not None) or (check is not None and (model or data or out)):
        raise typer.BadParameter("expected either MODEL and DATA, or --check FILE")
    if rows is not None and check is None:
        raise typer.BadParameter("only --check takes this option", param_hint="--rows")


def _check_wait(wait: bool, upload: str | None) -> None:
    if wait and upload is None:
        raise typer.BadParameter("only --upload takes this option", param_hint="--wait")


def _check_number_of_rows(file: Path, rows: int) -> None:
    """Raise CheckFailedError for a file that seems to be for Kaggle; a smaller one is for another test set."""
    from tenfold.submission import TEST_ROWS, validate_submission

    if rows > TEST_ROWS // 2:
        validate_submission(file, TEST_ROWS)


def _write_predictions(
    out: Path, model: Path, data: str, label_column: str | None, pixel_columns: str | None
) -> "tuple[Finding, ...]":
    """Returns what was found in the test images, and how many of them the model knows."""
    from tenfold.data import load_data
    from tenfold.data.checks import inspect
    from tenfold.data.findings import from_notes
    from tenfold.data.split import prediction_data
    from tenfold.evaluation.seen import seen_in_test
    from tenfold.model import load_model
    from tenfold.submission import write_submission

    keep_inputs(out, model, data)
    splits = load_data(data, label_column=label_column, pixel_columns=pixel_columns)
    test = prediction_data(splits)
    write_submission(out, load_model(model).predict(test.images))
    return (*from_notes(splits.notes), *inspect(splits.train, test), *seen_in_test(model, test.images))


def evaluate(
    model: Model,
    data: Data,
    page: Page = None,
    label_column: LabelColumn = None,
    pixel_columns: PixelColumns = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Also evaluate on corrupted copies: 29 corruptions in five severities; needs the extra `train`.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Evaluate a model on labeled digits.

    Accuracy with its confidence interval, confusion matrix and calibration; the report also shows the mistakes. Images
    that a run or the bundled model was made with are recognized: the figures are those on the other images.
    """
    from tenfold.cli import output as console
    from tenfold.cli.evaluation_output import print_evaluation, print_robustness
    from tenfold.data import load_data
    from tenfold.data.findings import from_notes
    from tenfold.data.split import evaluation_data
    from tenfold.evaluation.evaluate import evaluate_model
    from tenfold.files import write_text

    keep_inputs(page, model, data)
    splits = load_data(data, label_column=label_column, pixel_columns=pixel_columns)
    evaluated = evaluate_model(model, evaluation_data(splits), from_notes(splits.notes))
    corrupted: Any = None
    if robustness:
        from tenfold.evaluation.robustness import evaluate_robustness

        corrupted = evaluate_robustness(model, evaluated.data, console.ERR)
    if page:
        from tenfold.report.pages import render_evaluation

        figures = (evaluated.evaluation, evaluated.data, evaluated.probabilities, str(model), evaluated.notes)
        write_text(page, render_evaluation(*figures, corrupted))
    if not json:
        print_evaluation(evaluated)
        if corrupted:
            print_robustness(corrupted)
        console.say_where("report", page)
    finish(evaluated.to_dict() | ({"robustness": corrupted.to_dict()} if corrupted else {}), json)
