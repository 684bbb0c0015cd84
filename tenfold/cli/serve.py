"""Serving a model, and what its users corrected."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Database, Json, OptionalModel, Token, existing_paths, keep_inputs, output_file


def serve(
    model: OptionalModel = None,
    host: Annotated[str, typer.Option(help="The address to listen on; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; as many as cores serve the most.", min=1, metavar="N")] = 1,
    token: Token = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host", help="A name under which the server is reached, such as digits.example.org; repeatable."
        ),
    ] = None,
    database: Database = None,
    no_feedback: Annotated[bool, typer.Option("--no-feedback", help="Keep no corrections.")] = False,
) -> None:
    """Serve the page and the API: draw or drop a picture and see what is read and why.

    Without MODEL, the bundled model reads. On SIGTERM or Ctrl-C it answers what it has accepted, for some
    20 s at most, and ends.
    """
    from tenfold.cli import output as console
    from tenfold.serving.feedback import default_database
    from tenfold.serving.server import serve as run_server
    from tenfold.serving.settings import Settings, is_loopback

    if not token and not is_loopback(host):
        raise typer.BadParameter(
            f"{host} can be reached by others; give a --token (or TENFOLD_TOKEN) that they must know",
            param_hint="--host",
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise typer.BadParameter(
            "expected ASCII letters, digits and signs, and no spaces: anything else is not the same in every client",
            param_hint="--token",
        )
    if no_feedback and database:
        raise typer.BadParameter(f"with --no-feedback nothing is kept in {database}; leave out one of the two")
    feedback = None if no_feedback else database or default_database()
    settings = Settings(model, host, port, workers, token, tuple(names or ()), feedback)
    run_server(settings, lambda address: console.ERR.print(f"tenfold serves at {address} (Ctrl-C ends it)"))


def export(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write.", metavar="FILE", callback=output_file)
    ] = Path("more.csv"),
    database: Database = None,
    json: Json = False,
) -> None:
    """Write the corrected digits in Kaggle's format: train with them by `tenfold train DATA --extra-data more.csv`."""
    from tenfold.cli import output as console
    from tenfold.files import write_bytes
    from tenfold.serving.feedback import Feedback, as_dataset, as_kaggle_csv, default_database, latest

    keep_inputs(out, database)
    kept = latest(Feedback(database or default_database()).all())
    digits = as_dataset(kept, "feedback")
    write_bytes(out, as_kaggle_csv(digits))
    if not json:
        left = len(kept) - len(digits)
        console.say(f"{out}: {len(digits):,} digits" + (f" ({left:,} that are no digits left out)" if left else ""))
    finish({"file": str(out), "rows": len(digits), "no_digit": len(kept) - len(digits)}, json)


def report(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, .onnx files or `bundled`.", metavar="[MODEL]...", callback=existing_paths),
    ] = None,
    database: Database = None,
    json: Json = False,
) -> None:
    """Count the corrected digits that each model reads right.

    The models that read them when they were corrected, and MODELs now.
    """
    from tenfold.cli import output as console
    from tenfold.serving.feedback import Feedback, default_database, latest
    from tenfold.serving.feedback_report import compare_models

    compared = compare_models(latest(Feedback(database or default_database()).all()), models or [])
    if not json:
        console.print_feedback(compared)
    finish(compared.to_dict(), json)
