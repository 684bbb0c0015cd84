"""Convolutions with batch norm in stages: few parameters, quick to train."""

import torch
from torch import Tensor, nn

from tenfold.images import CLASSES
from tenfold.nets.dropout import dropout
from tenfold.recipes.networks import CNN


class MeanMax(nn.Module):
    """Each filter's mean and its maximum: (B, C, H, W) -> (B, 2C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)


class Places(nn.Module):
    """Every place of every filter: (B, C, H, W) -> (B, H W C).

    In the order in which the map lies in memory (channels last): its gradient then comes back in that order too, in
    which alone the layers before compute quickly.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def cnn(net: CNN, outputs: int = CLASSES) -> nn.Sequential:
    around = 2 if net.stem_padding == "same" else 0
    layers = _convolution(1, net.stem_filters, kernel=5, stride=net.stem_stride, padding=around, pool=net.stem_pool)
    channels, padding = net.stem_filters, 1 if net.padding == "same" else 0
    for stage, filters in enumerate(net.filters, 1):
        for place in range(1, net.depth + 1):
            pool = place == net.depth and stage < len(net.filters)
            layers += _convolution(channels, filters, kernel=3, padding=padding, pool=pool)
            channels = filters
    head, features = _head(net, channels)
    layers += head
    for units in net.dense:
        layers += [nn.Linear(features, units, bias=False), nn.BatchNorm1d(units), nn.ReLU(inplace=True)]
        features = units
    return nn.Sequential(*layers, *dropout(net.dropout), nn.Linear(features, outputs))


def _convolution(
    channels: int, filters: int, kernel: int, stride: int = 1, padding: int = 0, pool: bool = False
) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, filters, kernel, stride, padding, bias=False)
    pooling = [nn.MaxPool2d(2)] if pool else []
    return [convolution, *pooling, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]


def _head(net: CNN, channels: int) -> tuple[list[nn.Module], int]:
    """What makes features of the last map, and how many."""
    if net.head == "avg":
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten()], channels
    if net.head == "avgmax":
        return [MeanMax()], 2 * channels
    return [Places()], channels * net.final_side() ** 2
