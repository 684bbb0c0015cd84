"""Convolutions with batch norm in stages, then a global average: few parameters, quick to train."""

from torch import nn

from tenfold.data.dataset import CLASSES
from tenfold.nets.dropout import dropout
from tenfold.recipes.schema import StageNet


def stage_net(net: StageNet, outputs: int = CLASSES) -> nn.Sequential:
    layers = _convolution(1, net.stem, kernel=5, padding=0, pool=True)  # 28 -> 12 pixels
    channels = net.stem
    for stage, filters in enumerate(net.filters, 1):
        for place in range(1, net.depth + 1):
            pool = place == net.depth and stage < len(net.filters)
            layers += _convolution(channels, filters, kernel=3, padding=1, pool=pool)
            channels = filters
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), *dropout(net.dropout), nn.Linear(channels, outputs)]
    return nn.Sequential(*layers)


def _convolution(channels: int, filters: int, kernel: int, padding: int, pool: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, filters, kernel, padding=padding, bias=False)
    pooling = [nn.MaxPool2d(2)] if pool else []
    return [convolution, *pooling, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
