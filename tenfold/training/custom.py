"""Training a network of the user's own: where it comes from, and whether it can be exported."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tenfold.errors import RecipeError, RunError
from tenfold.export.onnx import to_onnx
from tenfold.images import SIDE
from tenfold.model import Model
from tenfold.nets import build
from tenfold.recipes.networks import Custom
from tenfold.recipes.schema import Recipe
from tenfold.recipes.toml import from_dict

TOLERANCE = 1e-4  # of probabilities


def with_network(recipe: Recipe, network: nn.Module | str | None) -> tuple[Recipe, nn.Module | None]:
    """The recipe with this network in place of its own, and the module if it is one. Raises RecipeError."""
    if network is None:
        return recipe, None
    if not isinstance(network, nn.Module | str):
        raise RecipeError(f"network: expected a torch.nn.Module or package.module:factory, got {network!r:.60}")
    factory = network if isinstance(network, str) else ""
    net = {"kind": "custom", "factory": factory}
    recipe = from_dict(recipe.model_dump(mode="json") | {"net": net}, f"network {factory or type(network).__name__}")
    return recipe, None if isinstance(network, str) else network


def check_network(recipe: Recipe, module: nn.Module | None) -> None:
    """Raise, before hours of training, what making and exporting the recipe's own network would raise after them.

    RecipeError also if ONNX Runtime and PyTorch disagree about it. Only for networks of the user's own.
    """
    if not isinstance(recipe.net, Custom):
        return
    images = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
    network = build(recipe.member(0), torch.tensor(images), module).eval()
    try:
        model = Model(to_onnx(network, {}))
    except RunError as error:  # its batch has a fixed size
        raise RecipeError("network: its forward pass must not depend on the number of images, as it does") from error
    for batch in (images, images[:1]):
        with torch.no_grad():
            expected = network(torch.tensor(batch)).softmax(1).numpy()
        if np.abs(model.predict_proba(batch) - expected).max() > TOLERANCE:
            raise RecipeError("network: ONNX Runtime and PyTorch disagree about it; it may draw at random")
