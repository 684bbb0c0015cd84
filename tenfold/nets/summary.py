"""The network as a table: what each layer is, what it gives, how many parameters it has."""

from collections import Counter
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tenfold.images import SIDE
from tenfold.nets.network import Ensemble, Network


@dataclass(frozen=True)
class Layer:
    name: str
    kind: str
    output_shape: str  # of one image: "32 × 28 × 28"
    parameters: int


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def layer_table(network: Network, size: tuple[int, int] = (SIDE, SIDE)) -> list[Layer]:
    """A row a layer, in the order of the forward pass; found by running one blank image of this size through it."""
    if isinstance(network, Ensemble):  # a table for each kind of network in it, one after the other
        kinds = Counter(tuple(layer_table(member, size)) for member in network)
        return [
            replace(
                layer,
                name=f"{number}.{layer.name}" if len(kinds) > 1 else layer.name,
                kind=f"{layer.kind}, {times} times",
                parameters=layer.parameters * times,
            )
            for number, (table, times) in enumerate(kinds.items(), 1)
            for layer in table
        ]
    rows: list[Layer] = []
    x: Tensor = network.normalize(torch.zeros(1, 1, *size))
    rows.append(Layer("normalize", type(network.normalize).__name__, _shape(x), 0))
    training = network.training
    network.eval()
    with torch.no_grad():
        for name, module in network.body.named_children():
            x = module(x)
            rows.append(Layer(name, _describe(module), _shape(x), parameter_count(module)))
    network.train(training)
    return rows


def _shape(x: Tensor) -> str:
    return " × ".join(str(size) for size in x.shape[1:])


def _describe(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        padded = module.padding == "same" or module.padding == (height // 2, width // 2)
        return f"Conv {height}×{width}, {'same' if padded else 'valid'}{stride}"
    return type(module).__name__
