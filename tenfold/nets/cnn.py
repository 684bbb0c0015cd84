"""Stages of convolutions with batch norm: few parameters, fast to train."""

from torch import nn

from tenfold.images import CLASSES
from tenfold.nets.layers import AvgMaxPool, ChannelsLastFlatten, activation, dropout
from tenfold.recipes.networks import CNN, Activation, Head


def cnn(net: CNN, outputs: int = CLASSES) -> nn.Sequential:
    """(B, 1, 28, 28) -> logits (B, outputs)."""
    stem_padding = 2 if net.stem_padding == "same" else 0
    layers = conv_block(net.activation, 1, net.stem_filters, 5, net.stem_stride, stem_padding, pool=net.stem_pool)
    channels, padding = net.stem_filters, 1 if net.padding == "same" else 0
    for stage, filters in enumerate(net.filters, 1):
        for number in range(1, net.depth + 1):
            pool = number == net.depth and stage < len(net.filters)
            layers += conv_block(net.activation, channels, filters, 3, padding=padding, pool=pool)
            channels = filters
    head, features = pool_to_vector(net.head, channels, net.final_side())
    layers += head
    for units in net.dense:
        layers += [nn.Linear(features, units, bias=False), nn.BatchNorm1d(units), activation(net.activation)]
        features = units
    return nn.Sequential(*layers, *dropout(net.dropout), nn.Linear(features, outputs))


def conv_block(
    name: Activation,
    channels: int,
    filters: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    pool: bool = False,
) -> list[nn.Module]:
    """A convolution, 2x2 max pooling if `pool` is set, batch norm, and the activation of this name."""
    convolution = nn.Conv2d(channels, filters, kernel_size, stride, padding, bias=False)
    pooling = [nn.MaxPool2d(2)] if pool else []
    return [convolution, *pooling, nn.BatchNorm2d(filters), activation(name)]


def pool_to_vector(head: Head, channels: int, side: int) -> tuple[list[nn.Module], int]:
    """The layers that turn a feature map (B, channels, side, side) into a vector, and the length of that vector."""
    if head == "avg":
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()], channels
    if head == "avgmax":
        return [AvgMaxPool()], 2 * channels
    return [ChannelsLastFlatten()], channels * side**2
