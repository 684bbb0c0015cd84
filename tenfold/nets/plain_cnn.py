"""Convolutions, pooling and dense layers: the convolutional networks of the write-ups."""

from torch import nn

from tenfold.images import CLASSES
from tenfold.nets.layers import activation, dropout, init_glorot
from tenfold.nets.mlp import dense_layers
from tenfold.recipes.networks import Convolution, PlainCNN

MONOTONIC = {"relu", "leaky_relu", "elu", "tanh", "sigmoid"}  # activations that keep the maximum where it is
POOLING: dict[str, type[nn.MaxPool2d | nn.AvgPool2d]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


def plain_cnn(net: PlainCNN, outputs: int = CLASSES) -> nn.Sequential:
    """(B, 1, 28, 28) -> logits (B, outputs)."""
    layers: list[nn.Module] = []
    channels, convolutions = 1, net.convolutions()
    for convolution in convolutions:
        layers += _convolution(net, channels, convolution)
        channels = convolution.filters
    layers.append(nn.Flatten())
    layers += dense_layers(net, channels * convolutions[-1].side ** 2, outputs)
    return nn.Sequential(*layers).apply(init_glorot)


def _convolution(net: PlainCNN, channels: int, convolution: Convolution) -> list[nn.Module]:
    filters, kernel_size, padding, stride, ends_block, _ = convolution
    layer = nn.Conv2d(channels, filters, kernel_size, stride, padding, bias=not net.batch_norm)
    batch_norm = [nn.BatchNorm2d(filters)] if net.batch_norm else []
    pooling = [POOLING[net.pooling](2)] if ends_block and net.pooling != "none" else []
    after = dropout(net.dropout) if ends_block else []
    if net.pooling == "max" and net.activation in MONOTONIC and not net.batch_norm:
        # Pooling first: the same values for a quarter of the work.
        return [layer, *pooling, activation(net.activation), *after]
    return [layer, *batch_norm, activation(net.activation), *pooling, *after]
