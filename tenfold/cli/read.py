"""Reading pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Json, Token, keep_inputs, output_file
from tenfold.errors import TenfoldError, UnavailableError

if TYPE_CHECKING:
    from tenfold.ocr.batch import FileResult
    from tenfold.ocr.reading import Rotate


def read(
    files: Annotated[list[str], typer.Argument(help="Pictures, folders or glob patterns.", metavar="FILE...")],
    expect: Annotated[
        Literal["auto", "digit", "line", "page"],
        typer.Option(help="digit: one; line: one line; page: several lines; auto: detected."),
    ] = "auto",
    rotate: Annotated[
        Literal["0", "90", "180", "270", "auto"],
        typer.Option(help="Turn pictures clockwise by so many degrees; auto: as they are read most confidently."),
    ] = "0",
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            "--model",
            help="Read with these run folders, .onnx files or `bundled`, side by side. [default: bundled]",
            metavar="MODEL...",
        ),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            "--annotate",
            help="Write the picture with boxes, values and what the network saw (with several --models, the first). "
            "For several pictures OUT is a folder; files of the same name are numbered.",
            metavar="OUT",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write all readings as .csv or .json.", metavar="FILE", callback=output_file),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(help="Read with a running `tenfold serve`, such as http://127.0.0.1:8000.", metavar="URL"),
    ] = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Read the digits in pictures: photos, scans, drawings; one digit, a line, a page.

    Prints text and confidence, one line per file. A file that can't be read is reported and skipped.
    """
    _check_options(out, server, models, rotate)
    from tenfold.cli import output as console
    from tenfold.cli.prediction_output import print_read
    from tenfold.ocr import batch
    from tenfold.ocr.visualize import output_paths, write_annotated

    files, models = _separate_models(files, models or [])
    pictures = batch.picture_files(files)
    annotated = output_paths(pictures, annotate) if annotate is not None else {}
    paths = batch.model_paths(models)
    keep_inputs(out, *pictures, *paths)
    if server is not None:
        from tenfold.client import Client

        read_by = batch.read_files_with(Client(server, token).read, server, pictures, expect)
    else:
        degrees: Rotate = "auto" if rotate == "auto" else cast("Rotate", int(rotate))
        read_by = batch.read_files(pictures, expect, batch.load_readers(paths), degrees)
    results = []
    for answer in console.tracked(read_by, len(pictures), "reading"):
        results.append(answer)
        if not json:
            print_read(answer, alone=len(pictures) == len(results) == 1)
        if answer.error is None and answer.file in annotated:
            write_annotated(answer, _page_path(annotated[answer.file], answer.page))
    if out is not None:
        batch.write_table(out, results)
    finish({"readings": [answer.to_dict() for answer in results]}, json, _combine_errors(results))


def _check_options(out: Path | None, server: str | None, models: list[str] | None, rotate: str) -> None:
    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise typer.BadParameter(f"{out} ends neither in .csv nor in .json", param_hint="--out")
    if server is not None and rotate != "0":
        raise typer.BadParameter("a server does not turn pictures; leave out one of the two", param_hint="--rotate")
    if server is not None and models:
        raise typer.BadParameter("a server reads with its own model; leave out one of the two", param_hint="--models")


def _separate_models(files: list[str], models: list[str]) -> tuple[list[str], list[str]]:
    """Pictures and models: the shell makes several words of runs/*, and the first alone belongs to the option."""
    from tenfold.ocr.batch import is_model

    if not models:
        return files, []
    models = models + [name for name in files if is_model(Path(name))]
    files = [name for name in files if not is_model(Path(name))]
    if not files:
        raise typer.BadParameter("say which pictures to read, before --models", param_hint="FILE...")
    return files, models


def _page_path(path: Path, page: int | None) -> Path:
    return path if page in (None, 1) else path.with_stem(f"{path.stem}-page{page}")


def _combine_errors(results: "list[FileResult]") -> TenfoldError | None:
    """What the command fails with: the error of a single file, or how many of several failed."""
    failed = [answer.error for answer in results if answer.error is not None]
    if not failed or len(results) == 1:
        return failed[0] if failed else None
    kind = UnavailableError if all(isinstance(error, UnavailableError) for error in failed) else TenfoldError
    return kind(f"{len(failed):,} of {len(results):,} files couldn't be read")
