"""What is printed of trained models and of recipes."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tenfold.cli.output import say, say_where, write

if TYPE_CHECKING:
    from tenfold.recipes import Entry
    from tenfold.training.train import TrainResult


def print_trained(trained: TrainResult) -> None:
    metrics = trained.metrics
    epochs = f"{metrics['epochs']} {'epoch' if metrics['epochs'] == 1 else 'epochs'}"
    rate = f"{metrics['images_per_second']:,.0f} images/s"
    say(
        f"{metrics['recipe']}: {epochs} in {metrics['seconds']:,.1f} s ({rate}, {metrics['device']}, "
        f"{metrics['precision']})"
    )
    if values := metrics["validation"]:
        lower, upper = values["accuracy_interval"]
        kind = metrics.get("measured_on", "validation")  # lines are measured on validation digits only
        errors = f"{values['errors']:,} {'error' if values['errors'] == 1 else 'errors'} of {values['n']:,}"
        interval = f"95 % interval {100 * lower:.2f} to {100 * upper:.2f}"
        say(f"{kind} accuracy {100 * values['accuracy']:.2f} % ({interval}), {errors}")
    say_where("run", trained.run.folder)
    say_where("report", trained.run.report)


def how_to_resume(trained: TrainResult) -> str:
    from tenfold.training.describe import describe_progress

    command = shlex.join(["tenfold", "train", "--resume", "--out", str(trained.run.folder)])
    return f"stopped after {describe_progress(trained.metrics)}; resume with: {command}"


def describe_recipes() -> list[dict[str, Any]]:
    """All named recipes with their origin and results, ready for JSON."""
    from tenfold.nets import build, parameter_count
    from tenfold.recipes import RECIPES

    return [
        {
            "name": name,
            "source": entry.source,
            "duration": entry.duration,
            "parameters": parameter_count(build(entry.recipe)),
            "published": entry.published,
            "reproduced": entry.reproduced,
            "description": entry.description,
            "recipe": entry.recipe.model_dump(mode="json"),
        }
        for name, entry in RECIPES.items()
    ]


def print_recipes(recipes: list[dict[str, Any]]) -> None:
    table = Table("recipe", "time", "parameters", "source and figures", box=SIMPLE_HEAD, show_edge=False)
    for column in table.columns[:3]:
        column.no_wrap = True
    table.columns[1].justify = table.columns[2].justify = "right"
    for entry in recipes:
        figures = [f"{name}: {entry[name]}" for name in ("published", "reproduced") if entry[name]]
        table.add_row(
            entry["name"], entry["duration"], f"{entry['parameters']:,}", "\n".join([entry["source"], *figures])
        )
    say(table)
    say("Time: a training on Kaggle's 42,000 labeled digits with two CPU cores, roughly.")
    say("Start with fast, the default; strong and best are more accurate and take longer.")
    say("tenfold recipes show NAME prints a recipe as TOML; edit it and train it with --recipe my.toml.")


def print_recipe(entry: Entry) -> None:
    """A recipe as TOML that `--recipe` reads, with where it comes from as comments."""
    from tenfold.recipes.toml import to_toml

    origin = "" if entry.source == "tenfold" else f"From {entry.source}. "
    text = f"{origin}{entry.description} Takes about {entry.duration} on two CPU cores."
    comments = [f"# {line}\n" for line in textwrap.wrap(text, 110)]
    write("".join(comments) + "\n" + to_toml(entry.recipe))
