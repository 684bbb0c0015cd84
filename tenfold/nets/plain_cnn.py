"""Convolutions, pooling, dense layers: the networks of the write-ups that use convolutions."""

from torch import nn

from tenfold.images import CLASSES, SIDE
from tenfold.nets.dropout import dropout
from tenfold.nets.init import glorot
from tenfold.recipes.networks import PlainCNN


def plain_cnn(net: PlainCNN, outputs: int = CLASSES) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels, side = 1, SIDE
    for i, (filters, kernel, padding) in enumerate(net.convolutions(), 1):
        layers.append(nn.Conv2d(channels, filters, kernel, padding=padding))
        channels = filters
        side -= kernel - 1 if padding == "valid" else 0
        pooled = i % net.pool_every == 0
        if pooled:
            layers.append(nn.MaxPool2d(2))  # before ReLU: the same values for a quarter of the work
            side //= 2
        layers.append(nn.ReLU(inplace=True))
        if pooled:
            layers += dropout(net.dropout)
    layers.append(nn.Flatten())
    features = channels * side * side
    for units in net.dense:
        layers += [nn.Linear(features, units), nn.ReLU(), *dropout(net.dense_dropout)]
        features = units
    layers.append(nn.Linear(features, outputs))
    return nn.Sequential(*layers).apply(glorot)
