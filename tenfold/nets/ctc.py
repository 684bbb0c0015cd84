"""Convolutions over a line of any width, with logits for every two columns, to be decoded with CTC."""

from torch import Tensor, nn

from tenfold.ocr.marks import BLANK
from tenfold.recipes.networks import CTC

CLASSES = BLANK + 1  # digits, marks and CTC's blank
STEP = 2  # columns of the line per time step


def ctc(net: CTC) -> nn.Sequential:
    """(B, 1, 32, W) -> logits (B, W / 2, CLASSES); W a multiple of 4.

    Feature vectors lie four columns apart, but touching 1s may be closer; so each vector gives the logits of two time
    steps, for its left and its right half.
    """
    one, two, three, four = net.filters
    layers = [
        *_conv_block(1, one, 3, pool=(2, 2)),
        *_conv_block(one, two, 3, pool=(2, 2)),
        *_conv_block(two, three, 3, pool=(2, 1)),
        *_conv_block(three, four, 3),
        *_conv_block(four, net.context_filters, (4, 1)),  # height 4 -> 1
    ]
    for _ in range(net.context_layers):
        layers += _conv_block(net.context_filters, net.context_filters, (1, 3))
    layers += [nn.Conv2d(net.context_filters, 2 * CLASSES, 1), SplitTimeSteps()]
    return nn.Sequential(*layers)


class SplitTimeSteps(nn.Module):
    """Two time steps from each column: (B, 2 * CLASSES, 1, T) -> (B, 2 * T, CLASSES)."""

    def forward(self, x: Tensor) -> Tensor:
        batch, _, _, columns = x.shape
        steps: Tensor = x.reshape(batch, 2, CLASSES, columns).permute(0, 3, 1, 2).flatten(1, 2)
        return steps


def _conv_block(
    channels: int, filters: int, kernel_size: int | tuple[int, int], pool: tuple[int, int] | None = None
) -> list[nn.Module]:
    """Pooling comes before batch norm and ReLU: the same values for less work."""
    padding = 1 if kernel_size == 3 else (0, 1) if kernel_size == (1, 3) else 0
    convolution = nn.Conv2d(channels, filters, kernel_size, padding=padding, bias=False)
    pooling = [nn.MaxPool2d(pool)] if pool else []
    return [convolution, *pooling, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
