"""Arguments and options that several commands share, and the checks of their values."""

import contextlib
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from tenfold.errors import UnavailableError
from tenfold.files import validate_output_path

PART_SUFFIX = re.compile(":(train|test)$")
DATA_FILE = re.compile(r"^(?:train|test)\.csv(?:\.gz)?$|-ubyte(?:\.gz)?$")  # what makes a folder a data set
SECONDS_PER_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600}


def existing_path(path: Path | None) -> Path | None:
    """The path, if it exists or is `bundled`. Raises UnavailableError."""
    if path is not None and not path.exists() and str(path) != "bundled":
        raise UnavailableError(f"{path}: no such file or folder; expected a run folder, an .onnx file, or `bundled`")
    return path


def existing_paths(paths: list[Path] | None) -> list[Path] | None:
    for path in paths or []:
        existing_path(path)
    return paths


def output_file(path: Path | None) -> Path | None:
    """The path of a file to write, symbolic links resolved.

    Files are written beside their destination and renamed, which would remove a device, a pipe or a link instead of
    writing to it. Raises BadParameter, TenfoldError.
    """
    if path is None:
        return None
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"{path} is not a regular file")
    path = validate_output_path(path.resolve() if path.is_symlink() else path)
    if not path.parent.exists():
        from tenfold.cli.output import ERR, printable

        ERR.print(printable(f"note: the folder {path.parent} does not exist, and is made for {path.name}"))
    return path


def keep_inputs(out: Path | None, *inputs: str | Path | None) -> None:
    """Raise BadParameter if the output file would replace one of the inputs or a file inside one."""
    if out is None or not out.exists():
        return
    for name in filter(None, inputs):
        path = Path(os.path.expanduser(PART_SUFFIX.sub("", str(name))))  # noqa: PTH111  # Path raises for unknown ~user
        if path.exists() and _contains(path, out):
            raise typer.BadParameter(f"{out} is an input of this command and would be overwritten; name another file")


def _contains(path: Path, file: Path) -> bool:
    """Whether `path` is the file, or a run or data folder with that file in it."""
    from tenfold.run import Run

    if path.is_file():
        return file.samefile(path)
    run = Run(path)
    files = [inner for inner in vars(run).values() if inner.is_file()] if run.exists else []
    with contextlib.suppress(OSError):  # reading the data reports it
        files += [inner for inner in path.iterdir() if DATA_FILE.search(inner.name) and inner.is_file()]
    return any(file.samefile(inner) for inner in files)


def duration(text: str) -> float:
    """Seconds from text such as 90, 90s, 15m or 2h. Raises BadParameter."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is not a duration; expected for example 90s, 15m or 2h")
    return float(match[1]) * SECONDS_PER_UNIT[match[2]]


def complete_recipes(incomplete: str) -> list[str]:
    """Shell completions for the last of several comma-separated names."""
    with contextlib.suppress(ImportError):  # without the `train` extra there are none
        from tenfold.recipes import RECIPES

        before, comma, prefix = incomplete.rpartition(",")
        return [before + comma + name for name in RECIPES if name.startswith(prefix)]
    return []


DATA_HELP = (
    "Kaggle's zip or folder; a table, IDX, NumPy, MATLAB, HDF5 or Parquet file; images in folders 0 to 9; a folder, "
    "zip or tar of these (docs/formats.md); or a name such as `digits` or `mnist`. Append :train or :test to use only "
    "that split."
)
LabelColumn = Annotated[
    str | None,
    typer.Option(help="For a table: the label's column, by name or by number from 1.", metavar="COLUMN"),
]
PixelColumns = Annotated[
    str | None,
    typer.Option(
        help="For a table: the pixels' columns, by a pattern such as 'px*' or a range FIRST:LAST of names or numbers.",
        metavar="COLUMNS",
    ),
]
MODEL_HELP = "A run folder, an .onnx file, or `bundled`: tenfold's own model."
Data = Annotated[str, typer.Argument(help=DATA_HELP, metavar="DATA")]
OptionalData = Annotated[str | None, typer.Argument(help=DATA_HELP, metavar="DATA")]
Model = Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL", callback=existing_path)]
OptionalModel = Annotated[Path | None, typer.Argument(help=MODEL_HELP, metavar="MODEL", callback=existing_path)]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document on stdout, with `error` if it fails; everything else on stderr."
    ),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--feedback",
        help="Database of corrections. [default: in the user data folder]",
        metavar="FILE",
        dir_okay=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="Token for the API. TENFOLD_TOKEN is safer: other users can see command lines.",
        envvar="TENFOLD_TOKEN",
        show_envvar=False,
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--report", help="Write an HTML report.", metavar="FILE", callback=output_file),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override a setting of the recipe, such as optimizer.lr=0.002 or 'net.filters=[16,32]'; repeatable. "
        "`tenfold recipes show NAME` lists them.",
        metavar="KEY=VALUE",
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Train for N epochs instead of the recipe's.", min=1, metavar="N")]
Limit = Annotated[int | None, typer.Option(help="Use only N labeled samples, stratified by digit.", min=1, metavar="N")]
