"""The network as a table: type, output shape and parameters of each layer."""

from collections import Counter
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tenfold.images import SIDE
from tenfold.nets.network import Ensemble, Network
from tenfold.nets.resnet import ResidualBlock


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


@torch.no_grad()
def _layers(network: Network, size: tuple[int, int]) -> list[Layer]:
    x: Tensor = network.normalize(torch.zeros(1, 1, *size))
    layers = [Layer("normalize", type(network.normalize).__name__, _shape(x), 0)]
    was_training = network.training
    network.eval()  # the blank image must not change batch norm's statistics
    for name, module in network.body.named_children():
        x = module(x)
        layers.append(Layer(name, _describe(module), _shape(x), parameter_count(module)))
    network.train(was_training)
    return layers


def _shape(x: Tensor) -> str:
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
