"""Checkpoints and weights as safetensors files, written completely or not at all."""

import json
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from tenfold.errors import RunError
from tenfold.files import write_bytes
from tenfold.nets import Network, build
from tenfold.recipes.networks import Custom
from tenfold.recipes.toml import from_dict
from tenfold.run import Run

Tensors = dict[str, Tensor]


def save_checkpoint(path: Path, tensors: Tensors, progress: dict[str, Any]) -> None:
    """All tensors of a training, and its counters as JSON in the file's metadata."""
    _write(path, tensors, {"progress": json.dumps(progress)})


def load_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """(tensors, progress) of a checkpoint. Raises RunError for any other file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            progress = json.loads((file.metadata() or {})["progress"])
        return load_file(path), progress
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise RunError(f"{path}: not a tenfold checkpoint ({error})") from None


def save_weights(path: Path, weights: Tensors) -> None:
    _write(path, weights)


def load_weights(path: Path) -> Tensors:
    """What `save_weights` wrote. Raises RunError."""
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{path}: not a file of weights ({error})") from None


def load_network(run: Run) -> Network:
    """The trained network of a run, in evaluation mode. Raises RunError."""
    recipe = from_dict(run.read_json(run.recipe), str(run.recipe))
    if isinstance(recipe.net, Custom) and not recipe.net.factory:
        raise RunError(f"{run.folder}: its network was given in Python, which no file holds; use its model.onnx")
    weights = load_weights(run.weights)
    # A stopped ensemble holds only the members that were finished; a single one has no prefix.
    count = len({name.split(".")[1] for name in weights if name.startswith("members.")}) or 1
    if count < recipe.network_count:
        recipe = recipe.model_copy(update={"ensemble_size": count, "folds": 0}) if count > 1 else recipe.member(0)
    network = build(recipe)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{run.weights}: weights of another recipe ({reason})") from None
    return network.eval()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimizer's state by index of the parameter: '0.exp_avg'."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Restore what `optimizer_tensors` returned, in the memory layout of the parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape and tensor.ndim:
            # Fused kernels iterate over parameter and state together, so both need the same strides.
            optimizer.state[parameter][name] = torch.empty_like(parameter).copy_(tensor)
        else:
            # The step counter: fused kernels and captured steps need it on the parameters' device.
            on_device = optimizer.defaults.get("fused") or optimizer.defaults.get("capturable")
            optimizer.state[parameter][name] = tensor.to(parameter.device if on_device else "cpu", copy=True)


def with_prefix(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Tensors) -> Tensors:
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _write(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> None:
    contiguous: Tensors = {}
    for name, tensor in tensors.items():
        # A clone, because the format has no tensors that share memory, as the tied weights of a user's network do.
        contiguous[name] = tensor.detach().cpu().contiguous().clone()
    # Not `save_file`, which writes under a temporary name of its own: a kill would leave that file behind.
    write_bytes(path, to_bytes(contiguous, metadata))
