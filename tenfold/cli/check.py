"""Looking at data before training, and getting them."""

from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Data, Json, Page, keep_inputs
from tenfold.errors import CheckFailed


def check(data: Data, page: Page = None, json: Json = False) -> None:
    """Look at the data before training.

    Counts, ranges, duplicates, polarity, and test rows that stand in the training rows. Exit code 4 where the data
    can't be trained on.
    """
    from tenfold.cli import output as console
    from tenfold.data import load_data
    from tenfold.data.builtin import public_mnist
    from tenfold.data.checks import check as check_data
    from tenfold.files import write_text

    keep_inputs(page, data)
    source = load_data(data)
    result = check_data(source.train, source.test, public_mnist())
    if page:
        from tenfold.report.check import render

        write_text(page, render(result, source.name, source.notes, source.train, source.test))
    if not json:
        console.print_check(result, source)
        console.say_where("page", page)
    document = result.to_dict() | {"source": source.name, "notes": list(source.notes)}
    finish(document, json, None if result.trainable else CheckFailed(f"{data}: these data can't be trained on"))


def download(
    name: Annotated[str, typer.Argument(help="mnist", metavar="NAME", autocompletion=lambda: ["mnist"])],
    json: Json = False,
) -> None:
    """Download public MNIST once, check it, and say where it is."""
    if name != "mnist":
        raise typer.BadParameter(f"there is no data set {name!r} to download; the only one is mnist", param_hint="NAME")
    from tenfold.cli import output as console
    from tenfold.data.builtin import get_mnist

    folder = get_mnist(progress=True)
    if not json:
        console.say_where(name, folder)
    finish({"name": name, "folder": str(folder)}, json)
