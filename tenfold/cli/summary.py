"""`tenfold summary`: the layer table of a network."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenfold.cli.exit import finish
from tenfold.cli.options import Json, complete_recipes

if TYPE_CHECKING:
    from tenfold.nets import Layer


def summary(
    name: Annotated[
        str,
        typer.Argument(
            help="A run folder, a recipe's name, a .toml or .json file of a recipe, or an .onnx file.",
            metavar="RUN|RECIPE|MODEL",
            autocompletion=complete_recipes,
        ),
    ],
    json: Json = False,
) -> None:
    """Print the layers of a network with their output shapes and parameters."""
    layers = find_layers(name)
    total = sum(layer.parameters for layer in layers)
    if not json:
        _print_layers(layers, total)
    document: dict[str, Any] = {"layers": [asdict(layer) for layer in layers], "parameters": total}
    finish(document, json)


def find_layers(name: str) -> "list[Layer]":
    """The layer table of what `name` stands for. Raises RunError, RecipeError, UnavailableError."""
    from tenfold.export.summary import summarize_onnx, summarize_recipe, summarize_run
    from tenfold.run import Run
    from tenfold.training.prepare import find_recipe

    if Path(name).is_dir():
        return summarize_run(Run(Path(name)))
    return summarize_onnx(Path(name)) if name.endswith(".onnx") else summarize_recipe(find_recipe(name))


def _print_layers(layers: "list[Layer]", total: int) -> None:
    from rich.table import Table

    from tenfold.cli.output import say

    table = Table("layer", "kind", "output", box=None)
    table.add_column("parameters", justify="right")
    for layer in layers:
        table.add_row(layer.name, layer.kind, layer.output_shape, f"{layer.parameters:,}" if layer.parameters else "")
    say(table)
    say(f"{total:,} parameters")
