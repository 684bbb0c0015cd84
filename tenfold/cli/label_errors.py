"""`tenfold label-errors`: samples of a cross-validation whose given label is probably wrong."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Json, OptionalData, Page, existing_path, keep_inputs, output_file

SHOWN = 20  # suspects in the terminal


def label_errors(
    run: Annotated[
        Path, typer.Argument(help="A run of `tenfold train --folds`.", metavar="RUN", callback=existing_path)
    ],
    data: OptionalData = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write all suspects as a CSV table.", metavar="FILE", callback=output_file),
    ] = None,
    page: Page = None,
    json: Json = False,
) -> None:
    """List the samples whose given label is probably wrong, by a cross-validation's out-of-fold probabilities.

    DATA is the run's data, if it isn't where the run recorded it. Look at the suspects before you change a label: some
    are only hard to read.
    """
    from tenfold.cli import output as console
    from tenfold.evaluation.label_errors import find_label_errors, to_csv
    from tenfold.files import write_text
    from tenfold.run import Run
    from tenfold.training.prepare import load_out_of_fold

    keep_inputs(out, run, data)
    keep_inputs(page, run, data)
    dataset, probabilities = load_out_of_fold(Run(run), data)
    assert dataset.labels is not None
    errors = find_label_errors(probabilities, dataset.labels)
    if out:
        write_text(out, to_csv(errors, [dataset.source_index(error.index) for error in errors]))
    if page:
        from tenfold.report.label_errors import render_label_errors

        write_text(page, render_label_errors(errors, dataset, str(run)))
    if not json:
        console.say(f"{dataset.source}: {len(errors):,} of {len(dataset):,} labels are probably wrong")
        for error in errors[:SHOWN]:
            console.say(
                f"sample {dataset.source_index(error.index) + 1:,}: labeled {error.label}, predicted {error.predicted} "
                f"({100 * error.confidence:.1f} %)"
            )
        if len(errors) > SHOWN:
            console.say(f"and {len(errors) - SHOWN:,} more; write them all with -o FILE")
        console.say_where("table", out)
        console.say_where("report", page)
    suspects = [error.to_dict() | {"source_index": dataset.source_index(error.index)} for error in errors]
    finish({"run": str(run), "samples": len(dataset), "label_errors": suspects}, json)
