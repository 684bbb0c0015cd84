"""The command line: a command a verb, each a few lines that call the library.

Nothing heavy is imported before a command runs, so that `tenfold --help` answers at once.
"""

import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tenfold.errors import CheckFailed, Interrupted, TenfoldError, Unavailable
from tenfold.files import makeable
from tenfold.threads import choose_waiting

EXIT_CODES = """
Exit codes: 0 done; 1 a fault of tenfold itself; 2 wrong usage; 3 input that can't be used; 4 a check failed;
5 a file, a download or an optional package is missing; 130 interrupted; 141 nobody read the output to its end.
"""

app = typer.Typer(
    help="tenfold reads handwritten digits: from Kaggle's files to a measured model, a report and a submission; and "
    "out of photos, scans and drawings, also behind a page and an API.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
recipes_app = typer.Typer(help="List the recipes, or show one.", invoke_without_command=True, rich_markup_mode=None)
data_app = typer.Typer(help="Get data.", no_args_is_help=True, rich_markup_mode=None)
feedback_app = typer.Typer(help="What users of `tenfold serve` corrected.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(recipes_app, name="recipes")
app.add_typer(data_app, name="data")
app.add_typer(feedback_app, name="feedback")


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


DATA_HELP = (
    "Kaggle's zip or folder, a .csv, .csv.gz, IDX or mnist.npz file, a folder of images in 0..9, "
    "`digits` or `mnist`; add :train or :test for that part alone."
)
MODEL_HELP = "A run folder, an .onnx file, or `bundled`: the model that tenfold brings."
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
        help="The token of the API; better in TENFOLD_TOKEN, where others don't see it.",
        envvar="TENFOLD_TOKEN",
        show_envvar=False,
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--page", help="Write an HTML page with pictures too.", metavar="FILE", callback=replaceable),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override a value that `recipes show` prints, such as optimiser.lr=0.002 or 'net.filters=[16,32]'; "
        "repeatable.",
        metavar="KEY=VALUE",
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Epochs instead of the recipe's.", min=1, metavar="N")]
Limit = Annotated[
    int | None, typer.Option(help="Use only N of the labelled rows, each digit in proportion.", min=1, metavar="N")
]


@app.command()
def check(data: Data, page: Page = None, json: Json = False) -> None:
    """Look at the data before training.

    Counts, ranges, duplicates, polarity, and test rows that stand in the training rows. Exit code 4 where the data
    can't be trained on.
    """
    from tenfold import console
    from tenfold.data import load_data
    from tenfold.data.checks import check as check_data
    from tenfold.data.mnist import public_mnist
    from tenfold.files import write_text

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


@app.command()
def train(
    data: MaybeData = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe's name, or a .toml file. [default: fast]", autocompletion=recipe_names),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run folder. [default: runs/RECIPE]", file_okay=False, metavar="FOLDER"),
    ] = None,
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Annotated[int | None, typer.Option(help="Seed instead of the recipe's.", min=0, metavar="N")] = None,
    limit: Limit = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            help="Stop in good order after 90, 90s, 15m or 2h (90 is seconds).", parser=seconds, metavar="TIME"
        ),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            help="More labelled digits to train on, such as corrections; none is held out. Repeatable.", metavar="DATA"
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="For a recipe that distils: the model to learn from, a run folder or an .onnx file.",
            metavar="MODEL",
            callback=existing,
        ),
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(help="Of a recipe with several members, train N at a time, side by side.", min=1, metavar="N"),
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out; DATA is remembered.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    json: Json = False,
) -> None:
    """Train a recipe and leave a run folder: model, metrics, report.

    Ctrl-C finishes the present step, saves everything and says how to go on with --resume; so does SIGTERM. A second
    one ends at once.
    """
    choose_waiting()
    if resume:
        if recipe is not None or settings or epochs or seed is not None or limit or overwrite or teacher or extra:
            raise typer.BadParameter(
                "a resumed run goes on as it was begun; give no more than DATA, --time-limit and --at-once"
            )
        if out is None:
            raise typer.BadParameter("say which run with --out", param_hint="--resume")
        from tenfold import console, jobs

        job = jobs.begun(out, data)
    else:
        if data is None:
            raise typer.BadParameter("say what to train on, or --resume a run", param_hint="DATA")
        from tenfold import console, jobs

        chosen = jobs.recipe("fast" if recipe is None else recipe, settings or [], epochs, seed)
        job = jobs.new(data, chosen, out, limit, overwrite, teacher, extra or ())
    trained = jobs.train(job, console.ERR, time_limit, at_once)
    if not json:
        console.print_trained(trained)
    document = {"run": str(job.run.folder)} | trained.metrics
    if not trained.finished and not trained.interrupted:  # the time was up, as it was asked for
        console.ERR.print(console.how_to_go_on(trained))
    finish(document, json, Interrupted(console.how_to_go_on(trained)) if trained.interrupted else None)


@app.command()
def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs.", metavar="RUN...", callback=all_existing)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the model.", file_okay=False, metavar="FOLDER")
    ] = Path("runs/ensemble"),
    json: Json = False,
) -> None:
    """Make one model that averages the probabilities of several runs."""
    from tenfold import console
    from tenfold.training.combine import combine

    facts = combine(runs, makeable(out))
    if not json:
        console.say_where("model", out)
    finish(facts, json)


@app.command()
def submit(
    model: MaybeModel = None,
    data: MaybeData = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write.", metavar="FILE", callback=replaceable)
    ] = Path("submission.csv"),
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Write nothing, only check FILE; names the first wrong line.", metavar="FILE"),
    ] = None,
    upload: Annotated[
        str | None,
        typer.Option("--upload", help="Send it to Kaggle with the `kaggle` command.", metavar="MESSAGE"),
    ] = None,
    json: Json = False,
) -> None:
    """Predict the test rows and write a submission, as Kaggle wants it.

    With --check, only look at a submission that is there: exit code 4 where it is not valid.
    """
    if (check is None) != (model is not None and data is not None) or (check is not None and model is not None):
        raise typer.BadParameter("expected MODEL and DATA, or --check FILE alone")
    from tenfold import console, submission

    if model is not None and data is not None:
        from tenfold.data import load_data
        from tenfold.data.select import rows_to_predict
        from tenfold.model import load_model

        submission.write_submission(out, load_model(model).predict(rows_to_predict(load_data(data)).images))
    file = check or out
    summary = submission.validate_submission(file)
    if not json:
        console.print_submission(file, summary)
    document = {"file": str(file), "kaggle_rows": summary.rows == submission.TEST_ROWS} | summary.to_dict()
    if upload is not None:
        document["kaggle"] = submission.upload(file, upload)
        console.ERR.print(document["kaggle"])
    elif not json:
        console.print_upload_hint(file, summary)
    finish(document, json)


@app.command()
def evaluate(
    model: Model,
    data: Data,
    page: Page = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also on damaged copies: 29 kinds of damage in five severities.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure a model on labelled digits.

    Accuracy with its interval, confusions and calibration; the page also shows the mistakes. Of a run folder it is
    known which rows it was made with, and the others are measured apart.
    """
    from tenfold import console
    from tenfold.data import load_data
    from tenfold.data.select import rows_to_evaluate
    from tenfold.evaluation.examine import examine
    from tenfold.files import write_text

    examined = examine(model, rows_to_evaluate(load_data(data)))
    damaged = None
    if robustness:
        from tenfold.evaluation.robustness import measure

        damaged = measure(model, examined.data, console.ERR)
    if page:
        from tenfold.report.evaluation import render

        known = (examined.evaluation, examined.data, examined.probabilities, str(model), examined.notes)
        write_text(page, render(*known, damaged))
    if not json:
        console.print_evaluation(examined)
        if damaged:
            console.print_robustness(damaged)
        console.say_where("page", page)
    finish(examined.to_dict() | ({"robustness": damaged.to_dict()} if damaged else {}), json)


@app.command()
def compare(
    data: Data,
    recipes: Annotated[
        str,
        typer.Option(help="Names or .toml files, with commas between.", metavar="A,B,...", autocompletion=recipe_names),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the runs and the comparison.", file_okay=False, metavar="FOLDER"),
    ] = Path("runs/compare"),
    seeds: Annotated[int, typer.Option(help="Train each recipe with N seeds.", min=1, metavar="N")] = 1,
    settings: Settings = None,
    epochs: Epochs = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """Train several recipes and rank them on rows that none of them saw.

    Finished runs are used again and unfinished ones go on, so the same command continues after Ctrl-C.
    """
    choose_waiting()
    from tenfold import console, jobs
    from tenfold.compare import compare as compare_recipes

    chosen = [jobs.recipe(name.strip(), settings or [], epochs, None) for name in recipes.split(",")]
    contest = jobs.contest(data, limit)
    board = compare_recipes(contest, chosen, seeds, makeable(out), console.ERR)
    if not json:
        console.print_leaderboard(board, contest.note)
        console.say_where("page", out / "compare.html")
    finish(board.to_dict() | {"measured_on": contest.note, "folder": str(out)}, json)


@app.command()
def read(
    files: Annotated[list[str], typer.Argument(help="Pictures, folders or glob patterns.", metavar="FILE...")],
    expect: Annotated[
        Literal["auto", "digit", "line", "page"],
        typer.Option(help="digit: one; line: one row; page: several rows; auto: found out."),
    ] = "auto",
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            "--model",
            help="Read with these run folders or .onnx files, side by side. [default: the bundled model]",
            metavar="MODEL...",
        ),
    ] = None,
    show: Annotated[
        Path | None,
        typer.Option(
            "--show",
            help="Write the picture with boxes, values and what the network saw, of several --models the first; of "
            "several pictures, into a folder, by their names, numbered where two are called alike.",
            metavar="OUT",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write all readings as .csv or .json.", metavar="FILE", callback=replaceable),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(help="Let a running `tenfold serve` read, such as http://127.0.0.1:8000.", metavar="URL"),
    ] = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Read the digits in pictures: photos, scans, drawings; one digit, a row, a page.

    Prints a line a file: text and confidence. A file that can't be read gets one sentence, and the others go on.
    """
    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise typer.BadParameter(f"{out} ends neither in .csv nor in .json", param_hint="--out")
    if server and models:
        raise typer.BadParameter("a server reads with its own model; leave out one of the two", param_hint="--models")
    from tenfold import console
    from tenfold.vision import batch
    from tenfold.vision.show import places, write_shown

    if models:  # the shell makes several words of runs/*, and the first alone belongs to the option
        models = models + [name for name in files if batch.is_model(Path(name))]
        files = [name for name in files if not batch.is_model(Path(name))]
    pictures = batch.picture_files(files)
    shown = places(pictures, show) if show is not None else {}
    if server:
        from tenfold.serving.client import Client

        read_by = batch.read_files_with(Client(server, token).read, server, pictures, expect)
    else:
        read_by = batch.read_files(pictures, expect, batch.load_models(batch.model_paths(models or [])))
    answers = []
    for answer in console.tracked(read_by, len(pictures), "reading"):
        answers.append(answer)
        if not json:
            console.print_read(answer, alone=len(pictures) == 1)
        if answer.error is None and answer.file in shown:
            write_shown(answer, shown[answer.file])
    if out is not None:
        batch.write_table(out, answers)
    failed = [answer.error for answer in answers if answer.error is not None]
    error = failed[0] if failed else None
    if failed and len(answers) > 1:
        error = TenfoldError(f"{len(failed):,} of {len(answers):,} files couldn't be read")
    finish({"readings": [answer.to_dict() for answer in answers]}, json, error)


@app.command()
def serve(
    model: MaybeModel = None,
    host: Annotated[
        str, typer.Option(help="The address to serve at; other than loopback only with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; as many as cores serve the most.", min=1, metavar="N")] = 1,
    token: Token = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name", help="A name under which the server is reached, such as digits.example.org; repeatable."
        ),
    ] = None,
    database: Database = None,
    no_feedback: Annotated[bool, typer.Option("--no-feedback", help="Keep no corrections.")] = False,
) -> None:
    """Serve the page and the API: draw or drop a picture and see what is read and why.

    Without MODEL, the bundled model reads. SIGTERM and Ctrl-C end it once all that was accepted is answered,
    15 s later at the latest.
    """
    from tenfold import console
    from tenfold.serving.feedback import default_database
    from tenfold.serving.server import serve as run_server
    from tenfold.serving.settings import Settings, is_loopback

    if not token and not is_loopback(host):
        raise typer.BadParameter(
            f"{host} can be reached by others; give a --token (or TENFOLD_TOKEN) that they must know",
            param_hint="--host",
        )
    feedback = None if no_feedback else database or default_database()
    settings = Settings(model, host, port, workers, token, tuple(names or ()), feedback)
    run_server(settings, lambda address: console.ERR.print(f"tenfold serves at {address} (Ctrl-C ends it)"))


@feedback_app.command()
def export(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write.", metavar="FILE", callback=replaceable)
    ] = Path("more.csv"),
    database: Database = None,
    json: Json = False,
) -> None:
    """Write the corrected digits in Kaggle's format: train with them by `tenfold train DATA --extra more.csv`."""
    from tenfold import console
    from tenfold.files import write_bytes
    from tenfold.serving.feedback import Feedback, as_dataset, as_kaggle_csv, default_database

    kept = Feedback(database or default_database()).all()
    digits = as_dataset(kept, "feedback")
    write_bytes(out, as_kaggle_csv(digits))
    if not json:
        left = len(kept) - len(digits)
        console.say(f"{out}: {len(digits):,} digits" + (f" ({left:,} that are no digits left out)" if left else ""))
    finish({"file": str(out), "rows": len(digits), "no_digit": len(kept) - len(digits)}, json)


@feedback_app.command()
def report(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders or .onnx files.", metavar="[MODEL]...", callback=all_existing),
    ] = None,
    database: Database = None,
    json: Json = False,
) -> None:
    """Say how many corrected digits each model reads right.

    Those that read them when they were corrected, and the given ones now.
    """
    from tenfold import console
    from tenfold.serving.feedback import Feedback, default_database
    from tenfold.serving.feedback_report import compare_models

    compared = compare_models(Feedback(database or default_database()).all(), models or [])
    if not json:
        console.print_feedback(compared)
    finish(compared.to_dict(), json)


@recipes_app.callback()
def recipes(context: typer.Context, json: Json = False) -> None:
    """List the recipes, or show one: source, parameters, published and reproduced figures."""
    context.obj = json
    if context.invoked_subcommand is None:
        from tenfold import console

        known = console.recipes_in_full()
        if not json:
            console.print_recipes(known)
        finish(known, json)


@recipes_app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A recipe's name.", metavar="NAME", autocompletion=recipe_names)],
    json: Json = False,
) -> None:
    """Print a recipe as TOML: edit it and train it with --recipe my.toml."""
    from tenfold import console
    from tenfold.recipes import find
    from tenfold.recipes.edit import to_toml

    entry = find(name)
    json = json or context.obj  # `recipes --json show NAME`
    if not json:
        console.write(f"# {entry.source}. {entry.story}\n{to_toml(entry.recipe)}")
    finish(entry.recipe.model_dump(mode="json"), json)


@data_app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="mnist", metavar="NAME", autocompletion=lambda: ["mnist"])],
    json: Json = False,
) -> None:
    """Download public MNIST once, check it, and say where it is."""
    if name != "mnist":
        raise typer.BadParameter(f"there is no data set {name!r} to get; here exists mnist", param_hint="NAME")
    from tenfold import console
    from tenfold.data.mnist import get_mnist

    folder = get_mnist(progress=True)
    if not json:
        console.say_where(name, folder)
    finish({"name": name, "folder": str(folder)}, json)


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
# Typer has no name of its own for the family of errors that wrong usage raises.
UsageError: Any = typer.BadParameter.__base__
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


def finish(document: Any, json: bool, error: Any = None) -> None:
    """End a command: with `json` by its only document, with `error` by a sentence on stderr and the exit code."""
    if json:
        from tenfold.console import print_json

        if error is not None:
            message = error.format_message() if isinstance(error, UsageError) else str(error)
            document |= {"error": {"message": message, "exit_code": error.exit_code}}
        print_json(document)
    if error is not None:
        if isinstance(error, UsageError):
            error.show()  # with the usage line
        else:
            from tenfold.console import printable

            print(printable(f"tenfold: {error}"), file=sys.stderr)
        raise SystemExit(error.exit_code)


if __name__ == "__main__":
    main()
