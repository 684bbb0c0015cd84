"""Networks of the user's own: any PyTorch module from normalized images (B, 1, 28, 28) to logits (B, 10)."""

from __future__ import annotations

import copy
import importlib
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from tenfold.errors import RecipeError
from tenfold.images import CLASSES, SIDE
from tenfold.nets.layers import Temperature
from tenfold.recipes.networks import Custom


def custom_body(net: Custom, module: nn.Module | None = None) -> nn.Sequential:
    """The body of a network: a copy of `module`, or what the factory of `net` returns, and a temperature.

    Raises RecipeError for a factory that can't be imported or called, and for a module that does not take images to
    logits.
    """
    name = net.factory or type(module).__name__
    if module is None:
        module = call_factory(net.factory)
    module = copy.deepcopy(module)
    check_module(module, name)
    return nn.Sequential(OrderedDict(network=module, temperature=Temperature()))


def call_factory(path: str) -> nn.Module:
    """The module that `package.module:factory` returns; the current folder is searched too. Raises RecipeError."""
    if not path:
        raise RecipeError(
            "this recipe trains a module that was given in Python, which no file holds; pass it again as `network`"
        )
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.append(str(Path.cwd()))  # last, so that it hides nothing that is installed
    module_name, _, attributes = path.partition(":")
    try:
        found = importlib.import_module(module_name)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except Exception as error:  # whatever the user's module raises
        raise RecipeError(f"network {path}: can't be imported ({_reason(error)})") from error
    try:
        module = found() if callable(found) and not isinstance(found, nn.Module) else found
    except Exception as error:
        raise RecipeError(f"network {path}: calling it without arguments failed ({_reason(error)})") from error
    if not isinstance(module, nn.Module):
        raise RecipeError(f"network {path}: expected it to return a torch.nn.Module, got {type(module).__name__}")
    return module


@torch.no_grad()
def check_module(module: nn.Module, name: str) -> None:
    """Raise RecipeError unless `module` has weights and takes float (B, 1, 28, 28) to float (B, 10).

    The forward pass also gives lazy layers their shapes.
    """
    was_training = module.training
    module.eval()  # zeros must not change batch norm's statistics
    try:
        logits: Tensor = module(torch.zeros(2, 1, SIDE, SIDE))
    except Exception as error:
        raise RecipeError(
            f"network {name}: its forward pass failed on images float (2, 1, 28, 28) ({_reason(error)})"
        ) from error
    module.train(was_training)
    if not isinstance(logits, Tensor) or logits.shape != (2, CLASSES) or not logits.is_floating_point():
        got = f"{logits.dtype} {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise RecipeError(f"network {name}: expected logits float (2, 10) for two images, got {got}")
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise RecipeError(f"network {name}: it has no parameters to train")


def _reason(error: Exception) -> str:
    """The exception in one short line."""
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"[:120]
