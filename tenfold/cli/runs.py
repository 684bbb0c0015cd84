"""`tenfold runs`: the runs in a folder as a table."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Json
from tenfold.errors import UnavailableError

if TYPE_CHECKING:
    from rich.table import Table

    from tenfold.run_list import RunSummary


class SortKey(StrEnum):
    NAME = "name"
    RECIPE = "recipe"
    SAMPLES = "samples"
    EPOCHS = "epochs"
    ACCURACY = "accuracy"
    SECONDS = "seconds"


def runs(
    folder: Annotated[Path, typer.Argument(help="Where the run folders are.", metavar="FOLDER")] = Path("runs"),
    sort: Annotated[
        SortKey, typer.Option("--sort", help="Names and recipes from A, all else from the highest.")
    ] = SortKey.NAME,
    json: Json = False,
) -> None:
    """List the runs in a folder and the folders in it: recipe, samples, epochs, accuracy, seconds."""
    from tenfold.cli import output as console
    from tenfold.run_list import list_runs, sort_runs

    if not folder.is_dir():
        raise UnavailableError(f"{folder}: no such folder; expected one with run folders, such as runs")
    rows = sort_runs(list_runs(folder), sort.value)
    if not json and rows:
        console.say(_table(rows))
        if any(row.accuracy is not None for row in rows):
            console.say("accuracy: on each run's own validation or out-of-fold samples, so compare with care")
    elif not json:
        console.say(f"{folder}: no runs")
    finish({"folder": str(folder), "runs": [row.to_dict() for row in rows]}, json)


def _table(rows: list["RunSummary"]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table("run", "recipe", box=SIMPLE_HEAD, show_edge=False)
    for name in ("samples", "epochs", "accuracy", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state")
    for row in rows:
        accuracy = "" if row.accuracy is None else f"{100 * row.accuracy:.2f} %"
        numbers = [_number(row.samples), _number(row.epochs), accuracy, _number(row.seconds, ",.1f")]
        table.add_row(
            row.name, row.recipe or "", *numbers, row.problem or ("finished" if row.finished else "unfinished")
        )
    return table


def _number(value: float | None, format_spec: str = ",") -> str:
    return "" if value is None else format(value, format_spec)
