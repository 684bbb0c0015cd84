"""The commands that check and download data."""

from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Data, Json, LabelColumn, Page, PixelColumns, keep_inputs
from tenfold.errors import CheckFailedError

DOWNLOADS = ("mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "qmnist", "usps")
COMPETITION = "digit-recognizer"  # Kaggle's own files, by kagglehub


def check(
    data: Data,
    page: Page = None,
    label_column: LabelColumn = None,
    pixel_columns: PixelColumns = None,
    json: Json = False,
) -> None:
    """Check data before training.

    Counts, pixel ranges, duplicates, polarity, and test images that are also training images. Exit code 4 if the data
    can't be used for training.
    """
    from tenfold.cli import output as console
    from tenfold.cli.check_output import print_check
    from tenfold.data import load_data
    from tenfold.data.builtin import find_public_mnist
    from tenfold.data.checks import check_data
    from tenfold.files import write_text

    keep_inputs(page, data)
    splits = load_data(data, label_column=label_column, pixel_columns=pixel_columns)
    result = check_data(splits.train, splits.test, find_public_mnist())
    if page:
        from tenfold.report.pages import render_check

        write_text(page, render_check(result, splits.name, splits.notes, splits.train, splits.test))
    if not json:
        print_check(result, splits)
        console.say_where("report", page)
    document = result.to_dict() | {"source": splits.name, "notes": list(splits.notes)}
    error = None if result.trainable else CheckFailedError(f"{data}: this data can't be used for training")
    finish(document, json, error)


def download(
    name: Annotated[
        str,
        typer.Argument(
            help=f"{', '.join(DOWNLOADS)}; or {COMPETITION}, with credentials for Kaggle and the extra `kaggle`.",
            metavar="NAME",
            autocompletion=lambda: [*DOWNLOADS, COMPETITION],
        ),
    ],
    json: Json = False,
) -> None:
    """Download a public data set once, verify it, and print where it is and its license."""
    if name not in (*DOWNLOADS, COMPETITION):
        problem = f"{name!r} is not a data set to download; expected {', '.join((*DOWNLOADS, COMPETITION))}"
        raise typer.BadParameter(problem, param_hint="NAME")
    from tenfold.cli import output as console
    from tenfold.data.builtin import download_mnist
    from tenfold.data.competition import RULES, download_competition
    from tenfold.data.downloads import SOURCES, download

    if name == COMPETITION:
        folder, license_name = download_competition(), f"Kaggle's rules of the competition ({RULES})"
    else:
        folder = download_mnist() if name == "mnist" else download(name)
        license_name = SOURCES[name].license
    if not json:
        console.say_where(name, folder)
        console.say(f"license: {license_name}")
    finish({"name": name, "folder": str(folder), "license": license_name}, json)
