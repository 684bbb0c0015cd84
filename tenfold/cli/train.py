"""Making models: training recipes, comparing them, and putting runs together."""

from pathlib import Path
from typing import Annotated

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import (
    Data,
    Epochs,
    Json,
    Limit,
    OptionalData,
    Settings,
    complete_recipes,
    duration,
    existing_path,
    existing_paths,
)
from tenfold.cpu import choose_wait_policy
from tenfold.errors import Interrupted
from tenfold.files import validate_output_path


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
        typer.Option(help="Stop cleanly after 90, 90s, 15m or 2h (90 is seconds).", parser=duration, metavar="TIME"),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            help="More labeled digits to train on, such as corrections; none is held out. Repeatable.", metavar="DATA"
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="For a recipe that distils: the model to learn from, a run folder, an .onnx file or `bundled`.",
            metavar="MODEL",
            callback=existing_path,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Train N members of an ensemble recipe in parallel. [default: 1]", min=1, metavar="N"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out; DATA is remembered.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run in --out, once there is a new one.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a recipe and leave a run folder: model, metrics, report.

    Ctrl-C or SIGTERM finishes the current step, saves everything and says how to continue with --resume; a second
    one ends at once.
    """
    choose_wait_policy()
    if resume:
        if (
            recipe is not None
            or settings
            or epochs
            or seed is not None
            or limit
            or overwrite
            or teacher
            or extra
            or jobs
        ):
            raise typer.BadParameter("a resumed run goes on as it was begun; give no more than DATA and --time-limit")
        if out is None:
            raise typer.BadParameter("say which run with --out", param_hint="--resume")
        from tenfold.cli import output as console
        from tenfold.training import prepare

        job = prepare.begun(out, data)
    else:
        if data is None:
            raise typer.BadParameter("say what to train on, or --resume a run", param_hint="DATA")
        from tenfold.cli import output as console
        from tenfold.training import prepare

        chosen = prepare.recipe("fast" if recipe is None else recipe, settings or [], epochs, seed)
        job = prepare.new(data, chosen, out, limit, overwrite, teacher, extra or (), jobs or 1)
    was_finished = job.run.is_finished
    trained = prepare.train(job, console.ERR, time_limit)
    if was_finished:
        console.ERR.print(f"{job.run.folder}: finished before, so nothing was left to do")
    if not json:
        console.print_trained(trained)
    document = {"run": str(job.run.folder)} | trained.metrics
    if not trained.finished and not trained.interrupted:  # the time was up, as it was asked for
        console.ERR.print(console.how_to_go_on(trained))
    finish(document, json, Interrupted(console.how_to_go_on(trained)) if trained.interrupted else None)


def ensemble(
    runs: Annotated[list[Path], typer.Argument(help="Finished runs.", metavar="RUN...", callback=existing_paths)],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the model.", file_okay=False, metavar="FOLDER")
    ] = Path("runs/ensemble"),
    json: Json = False,
) -> None:
    """Make one model that averages the probabilities of several runs."""
    from tenfold.cli import output as console
    from tenfold.training.combine import combine

    facts = combine(runs, validate_output_path(out))
    if not json:
        console.say_where("model", out)
    finish(facts, json)


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
    json: Json = False,
) -> None:
    """Train several recipes and rank them on rows that none of them saw.

    Finished runs are reused and unfinished ones resumed, so the same command continues after Ctrl-C.
    """
    choose_wait_policy()
    from tenfold.cli import output as console
    from tenfold.training import prepare
    from tenfold.training.compare import compare as compare_recipes

    chosen = [prepare.recipe(name.strip(), settings or [], epochs, None) for name in recipes.split(",")]
    contest = prepare.contest(data, limit)
    board = compare_recipes(contest, chosen, seeds, validate_output_path(out), console.ERR)
    if not json:
        console.print_leaderboard(board, contest.note)
        console.say_where("page", out / "compare.html")
    finish(board.to_dict() | {"measured_on": contest.note, "folder": str(out)}, json)


def recipes(context: typer.Context, json: Json = False) -> None:
    """List the recipes with their training times and results, or show one of them."""
    context.obj = json
    if context.invoked_subcommand is None:
        from tenfold.cli import output as console

        recipes = console.describe_recipes()
        if not json:
            console.print_recipes(recipes)
        finish(recipes, json)


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A recipe's name.", metavar="NAME", autocompletion=complete_recipes)],
    json: Json = False,
) -> None:
    """Print a recipe as TOML: edit it and train it with --recipe my.toml."""
    from tenfold.cli import output as console
    from tenfold.recipes import find

    entry = find(name)
    json = json or context.obj  # `recipes --json show NAME`
    if not json:
        console.print_recipe(entry)
    finish(entry.recipe.model_dump(mode="json"), json)
