"""Arguments and options that several commands share, and what is looked at before a command runs."""

import contextlib
import os
import re
from pathlib import Path
from typing import Annotated

import typer

from tenfold.errors import Unavailable
from tenfold.files import makeable


def existing(path: Path | None) -> Path | None:
    if path is not None and not path.exists() and str(path) != "bundled":
        raise Unavailable(
            f"{path}: there is no such file or folder; expected a run folder, an .onnx file, or `bundled`"
        )
    return path


def all_existing(paths: list[Path] | None) -> list[Path] | None:
    for path in paths or []:
        existing(path)
    return paths


def replaceable(path: Path | None) -> Path | None:
    """Results take their place by renaming: that would remove a device, a pipe or a link, not write to it."""
    if path is None:
        return None
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"{path} is no regular file")
    return makeable(path.resolve() if path.is_symlink() else path)


def keep_inputs(out: Path | None, *inputs: str | Path | None) -> None:
    """Raises BadParameter where a result would take the place of something that it is made from."""
    if out is None or not out.exists():
        return
    for given in filter(None, inputs):
        place = Path(os.path.expanduser(re.sub(":(train|test)$", "", str(given))))  # noqa: PTH111  # ~name may be a file
        if place.exists() and _is_of(out, place):
            raise typer.BadParameter(f"{out} is an input of this command and would be lost; name another file")


def _is_of(file: Path, place: Path) -> bool:
    """Whether a file is what `place` names, or in the folder that it names a part of a run or of data."""
    from tenfold.run import Run

    if place.is_file():
        return file.samefile(place)
    run = Run(place)
    inner = [path for path in vars(run).values() if path.is_file()] if run.exists else []
    with contextlib.suppress(OSError):  # whoever reads the data says that they can't be read
        inner += [path for path in place.iterdir() if DATA_FILE.search(path.name) and path.is_file()]
    return any(map(file.samefile, inner))


def seconds(text: str) -> float:
    """90, 90s, 15m or 2h."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is no time such as 90s, 15m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def recipe_names(incomplete: str) -> list[str]:
    """Completions of the last of several names with commas between."""
    with contextlib.suppress(ImportError):  # without the extra `train` there are none
        from tenfold.recipes import RECIPES

        before, comma, begun = incomplete.rpartition(",")
        return [before + comma + name for name in RECIPES if name.startswith(begun)]
    return []


DATA_FILE = re.compile(r"^(?:train|test)\.csv(?:\.gz)?$|-ubyte(?:\.gz)?$")  # as readers of folders know them
DATA_HELP = (
    "Kaggle's zip or folder, a .csv, .csv.gz, IDX or mnist.npz file, a folder of images in 0..9, "
    "`digits` or `mnist`; add :train or :test for that part alone."
)
MODEL_HELP = "A run folder, an .onnx file, or `bundled`: tenfold's own model."
Data = Annotated[str, typer.Argument(help=DATA_HELP, metavar="DATA")]
MaybeData = Annotated[str | None, typer.Argument(help=DATA_HELP, metavar="DATA")]
Model = Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL", callback=existing)]
MaybeModel = Annotated[Path | None, typer.Argument(help=MODEL_HELP, metavar="MODEL", callback=existing)]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON document on stdout, with `error` in it on failure; all else on stderr."),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--feedback",
        help="The database of corrections. [default: in the user's data folder]",
        metavar="FILE",
        dir_okay=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="The API's token; safer in TENFOLD_TOKEN, where others can't see it.",
        envvar="TENFOLD_TOKEN",
        show_envvar=False,
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--report", help="Write an HTML report with pictures.", metavar="FILE", callback=replaceable),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override a value that `recipes show` prints, such as optimizer.lr=0.002 or 'net.filters=[16,32]'; "
        "repeatable.",
        metavar="KEY=VALUE",
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Epochs instead of the recipe's.", min=1, metavar="N")]
Limit = Annotated[
    int | None, typer.Option(help="Use only N of the labeled rows, each digit in proportion.", min=1, metavar="N")
]
