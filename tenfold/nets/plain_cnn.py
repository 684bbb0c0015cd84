"""Convolutions, pooling and dense layers: the convolutional networks of the write-ups."""

from torch import nn

from tenfold.images import CLASSES, SIDE
from tenfold.nets.layers import dropout, init_glorot
from tenfold.recipes.networks import PlainCNN


def plain_cnn(net: PlainCNN, outputs: int = CLASSES) -> nn.Sequential:
    """(B, 1, 28, 28) -> logits (B, outputs)."""
    layers: list[nn.Module] = []
    channels, side = 1, SIDE
    for number, (filters, kernel_size, padding) in enumerate(net.convolutions(), 1):
        layers.append(nn.Conv2d(channels, filters, kernel_size, padding=padding))
        channels = filters
        side -= kernel_size - 1 if padding == "valid" else 0
        is_pooled = number % net.pool_every == 0
        if is_pooled:
            layers.append(nn.MaxPool2d(2))  # before ReLU: the same values for a quarter of the work
            side //= 2
        layers.append(nn.ReLU(inplace=True))
        if is_pooled:
            layers += dropout(net.dropout)
    layers.append(nn.Flatten())
    features = channels * side * side
    for units in net.dense:
        layers += [nn.Linear(features, units), nn.ReLU(), *dropout(net.dense_dropout)]
        features = units
    layers.append(nn.Linear(features, outputs))
    return nn.Sequential(*layers).apply(init_glorot)
