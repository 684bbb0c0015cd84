"""Fully connected layers on the 784 pixels."""

from torch import nn

from tenfold.images import CLASSES, SIDE
from tenfold.nets.layers import activation, dropout, init_glorot
from tenfold.recipes.networks import MLP, PlainCNN


def mlp(net: MLP, outputs: int = CLASSES) -> nn.Sequential:
    """(B, 1, 28, 28) -> logits (B, outputs)."""
    return nn.Sequential(nn.Flatten(), *dense_layers(net, SIDE * SIDE, outputs)).apply(init_glorot)


def dense_layers(net: MLP | PlainCNN, features: int, outputs: int) -> list[nn.Module]:
    """The hidden layers of `net.dense` and the output layer: (B, features) -> logits (B, outputs)."""
    layers: list[nn.Module] = []
    for units in net.dense:
        batch_norm = [nn.BatchNorm1d(units)] if net.batch_norm else []
        linear = nn.Linear(features, units, bias=not net.batch_norm)
        layers += [linear, *batch_norm, activation(net.activation), *dropout(net.dense_dropout)]
        features = units
    return [*layers, nn.Linear(features, outputs)]
