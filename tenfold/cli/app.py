"""The command line: a command a verb, each a few lines that call the library.

Nothing heavy is imported before a command runs, so that `tenfold --help` answers at once.
"""

import io
import sys
from typing import Annotated

import typer

from tenfold.cli.check import check, download
from tenfold.cli.exit import UsageError, finish
from tenfold.cli.predict import evaluate, submit
from tenfold.cli.read import read
from tenfold.cli.serve import export, report, serve
from tenfold.cli.train import compare, ensemble, recipes, show, train
from tenfold.errors import Interrupted, TenfoldError, Unavailable

EXIT_CODES = """
Exit codes: 0 done; 1 a bug in tenfold; 2 wrong usage; 3 input that can't be used; 4 a check failed;
5 a file, a download or an optional package is missing; 130 interrupted; 141 the output's reader closed it early.
"""

app = typer.Typer(
    help="A handwritten digit recognizer: from Kaggle's files to a measured model, a report and a submission; it reads "
    "photos, scans and drawings, also on a page and through an API.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
recipes_app = typer.Typer(help="List the recipes, or show one.", invoke_without_command=True, rich_markup_mode=None)
data_app = typer.Typer(help="Get data.", no_args_is_help=True, rich_markup_mode=None)
feedback_app = typer.Typer(help="Corrections by users of `tenfold serve`.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(recipes_app, name="recipes")
app.add_typer(data_app, name="data")
app.add_typer(feedback_app, name="feedback")

for command in (check, train, ensemble, submit, evaluate, compare, read, serve):
    app.command()(command)
recipes_app.callback()(recipes)
recipes_app.command()(show)
data_app.command()(download)
feedback_app.command()(export)
feedback_app.command()(report)


def show_version(wanted: bool) -> None:
    if wanted:
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


EXTRAS: dict[str, str] = dict.fromkeys(
    ("torch", "pydantic", "tomli_w", "safetensors", "onnx", "onnxscript", "matplotlib", "sklearn"), "train"
) | dict.fromkeys(("fastapi", "uvicorn", "starlette", "orjson", "prometheus_client", "python_multipart"), "serve")
CTRL_C = 130  # what Typer makes of KeyboardInterrupt


def main() -> None:
    """Run the command line; what a person can mend is said in one sentence, with an exit code."""
    json = "--json" in sys.argv[1:]
    if isinstance(sys.stdout, io.TextIOWrapper):  # whoever can't take “ and █ still gets the figures
        sys.stdout.reconfigure(errors="replace")
    try:
        if app(standalone_mode=False) == CTRL_C:
            raise Interrupted("interrupted")
    except (UsageError, TenfoldError) as error:
        finish({}, json, error)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        said = f"this needs the package {error.name}; install it with: pip install 'tenfold[{extra}]'"
        finish({}, json, Unavailable(said))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        finish({}, json, TenfoldError(f"{place}{error.strerror or error}"))
