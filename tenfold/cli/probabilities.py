"""`tenfold predict`: the digit of each image, with its probabilities, as a file."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Data, Json, Model, keep_inputs, output_file


def predict(
    model: Model,
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The file to write: .csv and .parquet have the columns index (from 0), digit, confidence and p0 to "
            "p9; .npy has the probabilities, float32 (N, 10).",
            metavar="FILE",
            callback=output_file,
        ),
    ] = Path("probabilities.csv"),
    json: Json = False,
) -> None:
    """Predict images and write the probabilities of their digits.

    Of the test split if there is one, else of the training split; DATA:train predicts the training split. Labels are
    ignored: `tenfold evaluate` compares with them, and `tenfold submit` writes Kaggle's format.
    """
    from tenfold.cli import output as console
    from tenfold.data import load_data
    from tenfold.data.checks import inspect
    from tenfold.data.findings import by_level, from_notes
    from tenfold.data.split import without_labels
    from tenfold.errors import DataError
    from tenfold.evaluation.seen import seen_in_test
    from tenfold.model import load_model
    from tenfold.predictions import validate_predictions_path, write_predictions

    validate_predictions_path(out)
    keep_inputs(out, model, data)
    splits = load_data(data)
    images = splits.test or splits.train
    if images is None or not len(images):
        raise DataError(f"{splits.name}: has no digits to predict")
    loaded = load_model(model)
    probabilities = loaded.predict_proba(images.images)
    write_predictions(out, probabilities, images.source_indices)
    confidence = float(probabilities.max(axis=1).mean())
    findings = [*from_notes(splits.notes), *inspect(test=without_labels(images)), *seen_in_test(model, images.images)]
    findings = list(by_level(findings))
    if not json:
        console.print_findings(findings)
        console.say(
            f"{images.source}: {len(images):,} {'image' if len(images) == 1 else 'images'}, mean confidence "
            f"{100 * confidence:.2f} %"
        )
        console.say_where("predictions", out)
    document = {"model": loaded.name, "data": images.source, "images": len(images), "mean_confidence": confidence}
    finish(document | {"file": str(out), "warnings": [finding.to_dict() for finding in findings]}, json)
