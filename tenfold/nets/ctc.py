"""Convolutions over a strip of any width whose last layer answers for every two columns: for CTC."""

from torch import Tensor, nn

from tenfold.images import CLASSES
from tenfold.recipes.networks import CTC

BLANK = CLASSES  # "no digit here", the class after the digits
SYMBOLS = CLASSES + 1
STEP = 2  # columns of the strip that one answer stands for


def ctc(net: CTC) -> nn.Sequential:
    """(B, 1, 32, W) -> logits (B, W / 2, 11); W a multiple of 4.

    Features lie four columns apart, which touching 1s are not always; so each of them answers twice, for its left and
    for its right half.
    """
    one, two, three, four = net.filters
    layers = [
        *_convolution(1, one, 3, pool=(2, 2)),
        *_convolution(one, two, 3, pool=(2, 2)),
        *_convolution(two, three, 3, pool=(2, 1)),
        *_convolution(three, four, 3),
        *_convolution(four, net.context_filters, (4, 1)),  # 4 rows to one
    ]
    for _ in range(net.context_layers):
        layers += _convolution(net.context_filters, net.context_filters, (1, 3))
    layers += [nn.Conv2d(net.context_filters, 2 * SYMBOLS, 1), Halves()]
    return nn.Sequential(*layers)


class Halves(nn.Module):
    """(B, 2 * 11, 1, T) -> (B, 2 * T, 11)."""

    def forward(self, x: Tensor) -> Tensor:
        batch, _, _, places = x.shape
        halves: Tensor = x.reshape(batch, 2, SYMBOLS, places).permute(0, 3, 1, 2).flatten(1, 2)
        return halves


def _convolution(
    channels: int, filters: int, kernel: int | tuple[int, int], pool: tuple[int, int] | None = None
) -> list[nn.Module]:
    """Pooling comes before norm and ReLU: the same values for less work."""
    padding = 1 if kernel == 3 else (0, 1) if kernel == (1, 3) else 0
    convolution = nn.Conv2d(channels, filters, kernel, padding=padding, bias=False)
    pooling = [nn.MaxPool2d(pool)] if pool else []
    return [convolution, *pooling, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
