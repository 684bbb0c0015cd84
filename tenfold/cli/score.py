"""`tenfold score`: a submission against labels that are known."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import DATA_HELP, Json


def score(
    submission: Annotated[Path, typer.Argument(help="A file with ImageId and Label.", metavar="SUBMISSION")],
    labels: Annotated[
        str,
        typer.Option(
            help="The true labels: a file with ImageId and Label, or labeled data, of which the test split is used "
            f"if there is one. {DATA_HELP}",
            metavar="FILE",
        ),
    ],
    confusion: Annotated[bool, typer.Option("--confusion", help="Print the confusion matrix too.")] = False,
    json: Json = False,
) -> None:
    """Score a submission offline, where its labels are known.

    Accuracy, which is Kaggle's score for Digit Recognizer, with its 95 % interval.
    """
    from tenfold.cli import output as console
    from tenfold.cli.evaluation_output import confusion_table
    from tenfold.score import read_labels, score_submission

    truth = read_labels(labels)
    result = score_submission(submission, truth.labels)
    if not json:
        console.say(f"{submission}: {result.summary()}")
        if confusion:
            console.say(confusion_table(result.confusion))
        console.print_findings((*truth.findings, *result.findings))
    warnings = [finding.to_dict() for finding in (*truth.findings, *result.findings)]
    finish({"file": str(submission), "labels": truth.source} | result.to_dict() | {"warnings": warnings}, json)
