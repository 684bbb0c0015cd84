"""Making models: training recipes, comparing them, and combining runs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import (
    Data,
    Epochs,
    Json,
    LabelColumn,
    Limit,
    OptionalData,
    PixelColumns,
    Settings,
    complete_recipes,
    duration,
    existing_path,
    existing_paths,
)
from tenfold.cpu import choose_wait_policy
from tenfold.errors import Interrupted
from tenfold.files import validate_output_path

if TYPE_CHECKING:
    from tenfold.training.prepare import Job
    from tenfold.training.train import TrainResult

DEFAULT_RECIPE = "fast"
NOT_GIVEN: tuple[object, ...] = (None, False, [], "auto")  # values of options that are not on the command line


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Precision(StrEnum):
    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where to train. auto: CUDA, else Apple's MPS, else the CPU.")
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="Number format of convolutions and matrix products. auto: the faster one here."),
]


def train(
    data: OptionalData = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe's name, or a .toml file. [default: fast]", autocompletion=complete_recipes),
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
        typer.Option(help="Stop and save after TIME, such as 90s, 15m or 2h.", parser=duration, metavar="TIME"),
    ] = None,
    label_column: LabelColumn = None,
    pixel_columns: PixelColumns = None,
    extra_data: Annotated[
        list[str] | None,
        typer.Option(
            help="More labeled digits to train on, such as corrections; not used for validation. Repeatable.",
            metavar="DATA",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="A PyTorch network of your own instead of the recipe's: the importable function that returns it.",
            metavar="PACKAGE.MODULE:FACTORY",
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="For a recipe that distills: the model to learn from, a run folder, an .onnx file or `bundled`.",
            metavar="MODEL",
            callback=existing_path,
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            help="Cross-validate: train N networks, each without one fold of the samples, measure all samples "
            "out-of-fold, and average the networks.",
            min=2,
            metavar="N",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Train N networks of an ensemble recipe or of --folds in parallel. [default: 1]", min=1, metavar="N"
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.AUTO,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out, with its own options.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in --out once the new one has a result.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a recipe and write a run folder with the model, its metrics and a report.

    Ctrl-C or SIGTERM stops after the current step, saves everything and says how to resume; a second one quits at once.
    """
    choose_wait_policy()
    if resume:
        options = (
            recipe,
            settings,
            epochs,
            seed is not None,
            folds,
            limit,
            network,
            teacher,
            extra_data,
            label_column,
            pixel_columns,
            jobs,
            overwrite,
            device,
            precision,
        )
        job = _resumed_job(out, data, [option for option in options if option not in NOT_GIVEN])
    elif data is None:
        raise typer.BadParameter("name the data to train on, or --resume a run", param_hint="DATA")
    else:
        from tenfold.training import prepare

        chosen = prepare.find_recipe(
            DEFAULT_RECIPE if recipe is None else recipe, settings or (), epochs, seed, network, folds
        )
        train_options = prepare.TrainOptions(
            data,
            limit,
            extra_data or (),
            teacher,
            jobs or 1,
            device,
            precision,
            label_column=label_column,
            pixel_columns=pixel_columns,
        )
        job = prepare.new_job(chosen, out, train_options, overwrite)
    _run(job, time_limit, json)


def _resumed_job(out: Path | None, data: str | None, other_options: list[object]) -> "Job":
    if other_options:
        raise typer.BadParameter("--resume takes only DATA and --time-limit; the other options come from the saved run")
    if out is None:
        raise typer.BadParameter("name the run folder with --out", param_hint="--resume")
    from tenfold.training import prepare

    return prepare.resume_job(out, data)


def _run(job: "Job", time_limit: float | None, json: bool) -> None:
    """Train, print the result, and end the command."""
    from tenfold.cli import output as console
    from tenfold.cli.training_output import print_trained
    from tenfold.training import prepare
    from tenfold.training.callbacks import Callback, ProgressCallback, StopOnSignal, TimeLimit

    was_finished = job.run.is_finished
    with StopOnSignal(console.ERR) as stop:
        callbacks: list[Callback] = [ProgressCallback(console.ERR), stop]
        if time_limit is not None:
            callbacks.append(TimeLimit(time_limit))
        result = prepare.run_job(job, callbacks, console.ERR)
    if was_finished:
        console.ERR.print(f"{job.run.folder}: already finished, nothing to do")
    if not json:
        print_trained(result)
        for warning in result.metrics["warnings"]:
            console.say(f"{warning['level']}: {warning['text']}")
    _finish(result, stop.interrupted, json)


def _finish(result: "TrainResult", interrupted: bool, json: bool) -> None:
    from tenfold.cli import output as console
    from tenfold.cli.training_output import how_to_resume

    document = {"run": str(result.run.folder)} | result.metrics
    if result.finished:
        finish(document, json)
    elif interrupted:
        finish(document, json, Interrupted(how_to_resume(result)))
    else:  # the time limit was reached, as requested: not an error
        console.ERR.print(how_to_resume(result))
        finish(document, json)


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs.", metavar="RUN...", callback=existing_paths)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the model.", file_okay=False, metavar="FOLDER")
    ] = Path("runs/ensemble"),
    json: Json = False,
) -> None:
    """Combine finished runs into one model that averages their probabilities."""
    from tenfold.cli import output as console
    from tenfold.training.ensemble import combine

    metrics = combine(runs, validate_output_path(out))
    if not json:
        console.say_where("model", out)
    finish(metrics, json)


def compare(
    data: Data,
    recipes: Annotated[
        str,
        typer.Option(help="Names or .toml files, comma-separated.", metavar="A,B,...", autocompletion=complete_recipes),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the runs and the comparison.", file_okay=False, metavar="FOLDER"),
    ] = Path("runs/compare"),
    seeds: Annotated[int, typer.Option(help="Train each recipe with N seeds.", min=1, metavar="N")] = 1,
    settings: Settings = None,
    epochs: Epochs = None,
    limit: Limit = None,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = Precision.AUTO,
    json: Json = False,
) -> None:
    """Train several recipes and rank them on samples that none of them saw.

    Finished runs are reused and unfinished ones resumed, so the same command continues after Ctrl-C.
    """
    choose_wait_policy()
    from tenfold.cli import output as console
    from tenfold.cli.evaluation_output import print_leaderboard
    from tenfold.training import prepare
    from tenfold.training.compare import compare as compare_recipes

    chosen = [prepare.find_recipe(name.strip(), settings or [], epochs) for name in recipes.split(",")]
    comparison = prepare.load_comparison(data, limit)
    board = compare_recipes(comparison, chosen, seeds, validate_output_path(out), console.ERR, device, precision)
    if not json:
        print_leaderboard(board, comparison.note)
        console.say_where("page", out / "compare.html")
    finish(board.to_dict() | {"measured_on": comparison.note, "folder": str(out)}, json)


def recipes(context: typer.Context, json: Json = False) -> None:
    """List the recipes with their training times and results, or show one of them."""
    context.obj = json
    if context.invoked_subcommand is None:
        from tenfold.cli.training_output import describe_recipes, print_recipes

        recipes = describe_recipes()
        if not json:
            print_recipes(recipes)
        finish(recipes, json)


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A recipe's name.", metavar="NAME", autocompletion=complete_recipes)],
    json: Json = False,
) -> None:
    """Print a recipe as TOML: edit it and train it with --recipe my.toml."""
    from tenfold.cli.training_output import print_recipe
    from tenfold.recipes import find

    entry = find(name)
    json = json or context.obj  # `recipes --json show NAME`
    if not json:
        print_recipe(entry)
    finish(entry.recipe.model_dump(mode="json"), json)
