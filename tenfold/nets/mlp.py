"""Fully connected layers on the 784 pixels."""

from torch import nn

from tenfold.images import CLASSES, SIDE
from tenfold.nets.dropout import dropout
from tenfold.nets.init import glorot
from tenfold.recipes.networks import MLP


def mlp(net: MLP, outputs: int = CLASSES) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    features = SIDE * SIDE
    for units in net.dense:
        norm = [nn.BatchNorm1d(units)] if net.batch_norm else []
        layers += [nn.Linear(features, units, bias=not net.batch_norm), *norm, nn.ReLU(), *dropout(net.dropout)]
        features = units
    layers.append(nn.Linear(features, outputs))
    return nn.Sequential(*layers).apply(glorot)
