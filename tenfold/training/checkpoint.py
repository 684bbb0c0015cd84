"""Checkpoints: all tensors and all counters of a training in one safetensors file, written whole or not at all."""

import json
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialized
from torch import Tensor

from tenfold.errors import RunError
from tenfold.files import write_bytes

Tensors = dict[str, Tensor]


def save(path: Path, tensors: Tensors, state: dict[str, Any]) -> None:
    _write(path, tensors, {"state": json.dumps(state)})


def load(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """The tensors and the state of a checkpoint. Raises RunError for a file that is no checkpoint."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {})["state"])
        return load_file(path), state
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise RunError(f"{path}: this is no checkpoint of tenfold ({error})") from None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """What the optimizer remembers of each parameter, by place: '0.exp_avg'."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` gave, in the memory layout of the parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for place, tensor in tensors.items():
        index, name = place.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape and tensor.ndim:
            # Fused steps walk parameter and memory side by side, so both need the same strides.
            optimizer.state[parameter][name] = torch.empty_like(parameter).copy_(tensor)
        else:
            # The step counter: fused kernels and recorded steps want it beside the parameters.
            beside = optimizer.defaults.get("fused") or optimizer.defaults.get("capturable")
            optimizer.state[parameter][name] = tensor.to(parameter.device if beside else "cpu", copy=True)


def with_prefix(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Tensors) -> Tensors:
    start = prefix + "."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}


def save_weights(path: Path, weights: Tensors) -> None:
    """model.safetensors: a network's tensors alone."""
    _write(path, weights)


def _write(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> None:
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Not by `save_file`, which writes under a name of its own first, and a kill would leave that file there.
    write_bytes(path, serialized(whole, metadata))


def load_weights(path: Path) -> Tensors:
    """What `save_weights` wrote. Raises RunError."""
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"{path}: these are no weights of tenfold ({error})") from None
