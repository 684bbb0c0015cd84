"""MNIST's own framing: one digit of any size becomes 28x28 as its makers framed theirs.

They scaled each digit into a box of 20x20, keeping its proportions, with grey levels that come from the resampling
alone, and laid the box into 28x28 so that the centre of mass is in the middle (LeCun, Cortes and Burges, "The MNIST
database of handwritten digits"). The details that the text leaves open are as they were found out from the files.
"""

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SIDE

BOX = 20
MIDDLE = 15  # the box's corner is int(15 - centre of mass), with pixel centres at .5


def frame(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frame the picture of one digit, uint8 (H, W), white ink on pure black -> uint8 (28, 28).

    Everything above 0 counts as ink. A picture without ink gives an empty frame.
    """
    framed = np.zeros((SIDE, SIDE), np.uint8)
    if not ink.any():
        return framed
    small = _shrink(_square(_tight(ink)))
    small = np.round(small * (255 / small.max()))
    top, left = _corner(small.sum(axis=1)), _corner(small.sum(axis=0))
    framed[top : top + BOX, left : left + BOX] = small
    return framed


def _tight(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _square(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad the short side on both ends."""
    side = max(ink.shape)
    spare = [side - length for length in ink.shape]
    return np.pad(ink, [(missing // 2, missing - missing // 2) for missing in spare])


def _shrink(square: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(S, S) -> (20, 20), each new pixel the mean of the area that it covers."""
    return _averaged(_averaged(square.astype(np.float64)).T).T


def _averaged(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, W) -> (20, W), each new line the mean of the old ones that it covers.

    From sums up to each edge: as products with a matrix of shares, large pictures would be spread over threads, which
    takes ten times as long where those of ONNX Runtime are about.
    """
    side = len(lines)
    edges = np.linspace(0, side, BOX + 1)
    whole = np.minimum(edges.astype(np.intp), side - 1)
    sums = np.concatenate([np.zeros_like(lines[:1]), lines.cumsum(axis=0)])
    up_to = sums[whole] + (edges - whole)[:, None] * lines[whole]
    averages: NDArray[np.float64] = np.diff(up_to, axis=0) * (BOX / side)
    return averages


def _corner(mass: NDArray[np.float64]) -> int:
    """Where the box begins along one axis, given the ink in each of its 20 lines."""
    centre = (mass @ (np.arange(BOX) + 0.5)) / mass.sum()
    return int(np.clip(int(MIDDLE - centre), 0, SIDE - BOX))
