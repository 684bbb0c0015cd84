"""The network as a table: type, output shape and parameters of each layer."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tenfold.images import SIDE
from tenfold.nets.network import Ensemble, Network
from tenfold.nets.resnet import ResidualBlock

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # their layers have rows, and they have none


@dataclass(frozen=True)
class Layer:
    name: str
    kind: str
    output_shape: str  # of one image: "32 × 28 × 28"
    parameters: int


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def layer_table(network: Network, size: tuple[int, int] = (SIDE, SIDE)) -> list[Layer]:
    """The layers in the order of the forward pass, found by passing a blank image of this size through the network.

    An ensemble's members of the same architecture share their layers.
    """
    if not isinstance(network, Ensemble):
        return _layers(network, size)
    architectures = Counter(tuple(_layers(member, size)) for member in network)
    return [
        replace(
            layer,
            name=f"{number}.{layer.name}" if len(architectures) > 1 else layer.name,
            kind=f"{layer.kind}, {count} times",
            parameters=layer.parameters * count,
        )
        for number, (layers, count) in enumerate(architectures.items(), 1)
        for layer in layers
    ]


def format_layers(layers: Sequence[Layer]) -> str:
    """The layers as lines of text, with the number of parameters at the end."""
    header = ("layer", "kind", "output", "parameters")
    rows = [(layer.name, layer.kind, layer.output_shape, f"{layer.parameters:,}") for layer in layers]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], widths), row[3].rjust(10)]) for row in (header, *rows)]
    return "\n".join([*lines, f"{sum(layer.parameters for layer in layers):,} parameters"])


@torch.no_grad()
def _layers(network: Network, size: tuple[int, int]) -> list[Layer]:
    rows, seen = [], set()

    def record(name: str, module: nn.Module, output: Any) -> None:
        parameters = 0 if module in seen else parameter_count(module)  # shared weights count once
        seen.add(module)
        rows.append(Layer(name, _describe(module), _shape(output), parameters))

    handles = [
        module.register_forward_hook(lambda module, _, output, name=name: record(name, module, output))
        for name, module in [("normalize", network.normalize), *_leaves(network.body)]
    ]
    was_training = network.training
    network.eval()  # the blank image must not change batch norm's statistics
    network.body(network.normalize(torch.zeros(1, 1, *size)))
    network.train(was_training)
    for handle in handles:
        handle.remove()
    return rows + _other_parameters(network.body, seen)


def _leaves(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers of a network, by name: its own modules and those of PyTorch that have a row in the table."""
    for name, child in module.named_children():
        is_container = type(child) in CONTAINERS or not type(child).__module__.startswith(("torch.nn.", "tenfold."))
        if is_container and any(child.children()):
            yield from _leaves(child, f"{prefix}{name}.")
        else:
            yield prefix + name, child


def _other_parameters(body: nn.Module, seen: set[nn.Module]) -> list[Layer]:
    """Rows for what no layer of the table has: parameters that a user's module holds itself."""
    counted = {parameter for module in seen for parameter in module.parameters()}
    return [
        Layer(name, "Parameter", " × ".join(map(str, parameter.shape)), parameter.numel())
        for name, parameter in body.named_parameters()
        if parameter not in counted
    ]


def _shape(x: Any) -> str:
    """Of a layer's output, the first one if it has several."""
    while isinstance(x, tuple | list) and x:
        x = x[0]
    if not isinstance(x, Tensor):
        return ""
    return " × ".join(str(size) for size in x.shape[1:])


def _describe(module: nn.Module) -> str:
    if isinstance(module, ResidualBlock):
        return "Residual block, 2 × Conv 3×3" + (", projection" if len(module.shortcut) else "")
    if not isinstance(module, nn.Conv2d):
        return type(module).__name__
    height, width = module.kernel_size
    stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
    is_same = module.padding == "same" or module.padding == (height // 2, width // 2)
    return f"Conv {height}×{width}, {'same' if is_same else 'valid'}{stride}"
