"""Serving a model, and using the corrections that its users made."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Database, Json, OptionalModel, Token, existing_paths, keep_inputs, output_file


def serve(
    model: OptionalModel = None,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Worker processes, at most one per core.", min=1, metavar="N")] = 1,
    token: Token = None,
    hosts: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", help="A host name of the server, such as digits.example.org; repeatable."),
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-origin",
            help="A site whose pages may use the API, such as http://localhost:3000; repeatable.",
            metavar="URL",
        ),
    ] = None,
    database: Database = None,
    no_feedback: Annotated[bool, typer.Option("--no-feedback", help="Store no corrections.")] = False,
) -> None:
    """Serve a web page and an API that read digits.

    Without MODEL, the bundled model is served. On SIGTERM or Ctrl-C the server finishes the requests that it has
    accepted, within about 20 s, and exits.
    """
    from tenfold.cli import output as console
    from tenfold.serving.server import serve as run_server
    from tenfold.serving.settings import Settings

    _check_access(host, token)
    settings = Settings(
        model=model,
        host=host,
        port=port,
        workers=workers,
        token=token,
        hosts=tuple(hosts or ()),
        origins=tuple(_origin(url) for url in origins or ()),
        feedback=_feedback_database(database, no_feedback),
    )
    run_server(settings, lambda url: console.ERR.print(f"serving at {url} (press Ctrl-C to stop)"))


def _check_access(host: str, token: str | None) -> None:
    from tenfold.serving.settings import is_loopback

    if not token and not is_loopback(host):
        raise typer.BadParameter(
            f"{host} can be reached by others; set a --token (or TENFOLD_TOKEN) that they need", param_hint="--host"
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise typer.BadParameter(
            "expected ASCII letters, digits and punctuation without spaces; clients send anything else differently",
            param_hint="--token",
        )


def _origin(url: str) -> str:
    """Scheme, host and port of a URL, as browsers send them."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise typer.BadParameter(
            f"{url} is not an origin; expected for example https://example.org", param_hint="--allowed-origin"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _feedback_database(database: Path | None, no_feedback: bool) -> Path | None:
    """Where to store corrections; None, with a note, if the default place can't be written to."""
    from tenfold.cli import output as console
    from tenfold.errors import TenfoldError
    from tenfold.serving.feedback import Feedback, default_database

    if no_feedback and database:
        raise typer.BadParameter(f"--no-feedback stores nothing in {database}; leave out one of the two")
    if no_feedback or database:
        return database
    try:
        Feedback(default_database()).create()
    except TenfoldError as error:
        console.ERR.print(f"note: corrections are not stored: {error}")
        return None
    return default_database()


def export(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write.", metavar="FILE", callback=output_file)
    ] = Path("more.csv"),
    database: Database = None,
    json: Json = False,
) -> None:
    """Write the corrected digits in Kaggle's format, to train with `tenfold train DATA --extra-data more.csv`."""
    from tenfold.cli import output as console
    from tenfold.files import write_bytes
    from tenfold.serving.feedback import Feedback, default_database, latest, to_dataset, to_kaggle_csv

    keep_inputs(out, database)
    corrections = latest(Feedback(database or default_database()).list())
    digits = to_dataset(corrections, "feedback")
    write_bytes(out, to_kaggle_csv(digits))
    skipped = len(corrections) - len(digits)
    if not json:
        console.say(
            f"{out}: {len(digits):,} digits" + (f" (without {skipped:,} that are not digits)" if skipped else "")
        )
    finish({"file": str(out), "rows": len(digits), "no_digit": skipped}, json)


def report(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, .onnx files or `bundled`.", metavar="[MODEL]...", callback=existing_paths),
    ] = None,
    database: Database = None,
    json: Json = False,
) -> None:
    """Count how many of the corrected digits each model reads correctly.

    Lists the models that made the corrected predictions, and MODELs on the same digits.
    """
    from tenfold.cli.evaluation_output import print_feedback
    from tenfold.serving.feedback import Feedback, default_database, latest
    from tenfold.serving.feedback_report import score_models

    scores = score_models(latest(Feedback(database or default_database()).list()), models or [])
    if not json:
        print_feedback(scores)
    finish(scores.to_dict(), json)
