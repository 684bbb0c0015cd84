"""Residual networks: stages of blocks that add to what they are given (He et al. 2015, arXiv:1512.03385)."""

from torch import Tensor, nn

from tenfold.images import CLASSES
from tenfold.nets.cnn import conv_block, pool_to_vector
from tenfold.nets.layers import activation, dropout
from tenfold.recipes.networks import Activation, ResNet


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions whose output is added to the input: (B, C, H, W) -> (B, filters, H, W).

    The last batch norm begins with zero weights, so that the block begins as its shortcut and gradients pass unchanged
    (Goyal et al. 2017, arXiv:1706.02677).
    """

    def __init__(self, channels: int, filters: int, name: Activation = "relu") -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            activation(name),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            zero_batch_norm(filters),
        )
        projection = [nn.Conv2d(channels, filters, 1, bias=False), nn.BatchNorm2d(filters)]
        self.shortcut = nn.Sequential(*(projection if channels != filters else []))
        self.activation = activation(name)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return y


def zero_batch_norm(filters: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(filters)
    nn.init.zeros_(norm.weight)
    return norm


def resnet(net: ResNet, outputs: int = CLASSES) -> nn.Sequential:
    """(B, 1, 28, 28) -> logits (B, outputs)."""
    padding = 2 if net.stem_padding == "same" else 0
    layers = conv_block(net.activation, 1, net.stem_filters, 5, net.stem_stride, padding, pool=net.stem_pool)
    channels = net.stem_filters
    for stage, filters in enumerate(net.filters):
        layers += [nn.MaxPool2d(2)] if stage else []
        for _ in range(net.depth):
            layers.append(ResidualBlock(channels, filters, net.activation))
            channels = filters
    head, features = pool_to_vector(net.head, channels, net.final_side())
    return nn.Sequential(*layers, *head, *dropout(net.dropout), nn.Linear(features, outputs))
