"""The layer table of a recipe, a run or an ONNX file, as `tenfold summary` prints it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from tenfold.errors import RunError
from tenfold.nets import Layer, build, layer_table
from tenfold.ocr.line_model import LINE_HEIGHT
from tenfold.recipes.networks import CTC, Custom
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict
from tenfold.run import Run


def summarize_recipe(recipe: Recipe) -> list[Layer]:
    """The layers of a recipe's network. Raises RecipeError for a network of the user's own that can't be made."""
    size = (LINE_HEIGHT, 4 * LINE_HEIGHT) if isinstance(recipe.net, CTC) else None
    network = build(recipe)
    return layer_table(network, size) if size else layer_table(network)


def summarize_run(run: Run) -> list[Layer]:
    """The layers of a run's network; those of its model.onnx if the network was given in Python. Raises RunError."""
    recipe = from_dict(run.read_json(run.recipe), str(run.recipe))
    if isinstance(recipe.net, Custom) and not recipe.net.factory:
        return summarize_onnx(run.model)
    return summarize_recipe(recipe)


def summarize_onnx(path: Path) -> list[Layer]:
    """The nodes of an ONNX file with the weights that each is the first to use. Raises RunError."""
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(path.read_bytes()))
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}; expected an .onnx file") from None
    except Exception:  # of protobuf and of onnx, without a common base
        raise RunError(f"{path}: expected an ONNX model, got something else") from None
    shapes = {value.name: _shape(value) for value in (*model.graph.value_info, *model.graph.output)}
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    return [
        Layer(
            name=node.name or node.output[0],
            kind=node.op_type,
            output_shape=shapes.get(node.output[0], ""),
            parameters=sum(sizes.pop(name, 0) for name in node.input),
        )
        for node in model.graph.node
    ]


def _shape(value: onnx.ValueInfoProto) -> str:
    """The sizes behind the batch, as in the table of a network."""
    sizes = value.type.tensor_type.shape.dim[1:]
    return " × ".join(size.dim_param or str(size.dim_value) if size.WhichOneof("value") else "?" for size in sizes)
