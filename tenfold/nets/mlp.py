"""Fully connected layers on the 784 pixels."""

from torch import nn

from tenfold.images import CLASSES, SIDE
from tenfold.nets.layers import activation, dropout, init_glorot
from tenfold.recipes.networks import MLP


def mlp(net: MLP, outputs: int = CLASSES) -> nn.Sequential:
    """(B, 1, 28, 28) -> logits (B, outputs)."""
    layers: list[nn.Module] = [nn.Flatten()]
    features = SIDE * SIDE
    for units in net.dense:
        batch_norm = [nn.BatchNorm1d(units)] if net.batch_norm else []
        linear = nn.Linear(features, units, bias=not net.batch_norm)
        layers += [linear, *batch_norm, activation(net.activation), *dropout(net.dense_dropout)]
        features = units
    layers.append(nn.Linear(features, outputs))
    return nn.Sequential(*layers).apply(init_glorot)
