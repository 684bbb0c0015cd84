"""The command line app: its commands, and how it reports errors.

Commands import what they need when they run, so that `tenfold --help` answers at once.
"""

import atexit
import gc
import io
import sys
from typing import Annotated

import typer

from tenfold.cli.check import check, download
from tenfold.cli.exit import UsageError, finish
from tenfold.cli.label_errors import label_errors
from tenfold.cli.predict import evaluate, submit
from tenfold.cli.probabilities import predict
from tenfold.cli.read import read
from tenfold.cli.runs import runs
from tenfold.cli.score import score
from tenfold.cli.serve import export, report, serve
from tenfold.cli.summary import summary
from tenfold.cli.train import compare, ensemble, recipes, show, train
from tenfold.errors import Interrupted, TenfoldError, UnavailableError

EXIT_CODES = """
Exit codes: 0 success; 1 a bug in tenfold; 2 wrong usage; 3 unusable input; 4 a check failed;
5 a file, a download or an optional package is missing; 130 interrupted; 141 the output pipe was closed.
"""

app = typer.Typer(
    help="Recognize handwritten digits: train and measure models on Kaggle's Digit Recognizer or MNIST files, write "
    "submissions, and read the digits in photos, scans and drawings, also as a web page and an API.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
recipes_app = typer.Typer(help="List the recipes, or show one.", invoke_without_command=True, rich_markup_mode=None)
data_app = typer.Typer(help="Download data sets.", no_args_is_help=True, rich_markup_mode=None)
feedback_app = typer.Typer(
    help="Export and evaluate the corrections of `tenfold serve` users.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(recipes_app, name="recipes")
app.add_typer(data_app, name="data")
app.add_typer(feedback_app, name="feedback")

for command in (
    check,
    train,
    ensemble,
    runs,
    predict,
    submit,
    score,
    evaluate,
    label_errors,
    compare,
    summary,
    read,
    serve,
):
    app.command()(command)
recipes_app.callback()(recipes)
recipes_app.command()(show)
data_app.command()(download)
feedback_app.command()(export)
feedback_app.command()(report)


def show_version(value: bool) -> None:
    if value:
        from tenfold import __version__

        typer.echo(f"tenfold {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


TRAIN_PACKAGES = ("torch", "pydantic", "safetensors", "onnx", "matplotlib")
SERVE_PACKAGES = ("fastapi", "granian", "starlette", "msgspec", "prometheus_client", "python_multipart")
EXTRAS = dict.fromkeys(TRAIN_PACKAGES, "train") | dict.fromkeys(SERVE_PACKAGES, "serve")
INTERRUPTED = 130  # what Typer returns for KeyboardInterrupt


def main() -> None:
    """Run the command line; errors a user can fix become one sentence and an exit code."""
    atexit.register(gc.freeze)  # no last search for garbage, which takes 0.4 s once PyTorch is imported
    json = "--json" in sys.argv[1:]
    if isinstance(sys.stdout, io.TextIOWrapper):  # a console without “ and █ still shows the figures
        sys.stdout.reconfigure(errors="replace")
    try:
        if app(standalone_mode=False) == INTERRUPTED:
            raise Interrupted("interrupted")
    except (UsageError, TenfoldError) as error:
        finish({}, json, error)
    except ModuleNotFoundError as error:
        finish({}, json, missing_package(error))
    except OSError as error:
        path = f"{error.filename}: " if error.filename else ""
        finish({}, json, TenfoldError(f"{path}{error.strerror or error}"))


def missing_package(error: ModuleNotFoundError) -> UnavailableError:
    """The error for a missing optional package; raises the original one if the package is in no extra."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        raise error
    return UnavailableError(f"this needs the package {error.name}; install it with: pip install 'tenfold[{extra}]'")
