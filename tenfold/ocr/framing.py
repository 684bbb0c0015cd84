"""MNIST's own framing: one digit of any size becomes 28x28 as its makers framed theirs.

They scaled each digit into a box of 20x20, keeping its proportions, with gray levels that come from the resampling
alone, and laid the box into 28x28 so that the center of mass is in the middle (LeCun, Cortes and Burges, "The MNIST
database of handwritten digits"). The details that the text leaves open are as they were found out from the files.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.images import SIDE

BOX = 20
UPSCALED_SIDE = 64  # pixels of the longer side of ink that was made smooth
MIN_INK = 64  # of 255: what is fainter after upscaling is no ink
MIDDLE = 15  # the box's corner is int(15 - center of mass), with pixel centers at .5


def frame(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frame the picture of one digit, uint8 (H, W), white ink on pure black -> uint8 (28, 28).

    Everything above 0 counts as ink. A picture without ink gives an empty frame.
    """
    framed = np.zeros((SIDE, SIDE), np.uint8)
    left, top, width, height = cv2.boundingRect(ink)
    if not width:
        return framed
    small = _shrink(_square(ink[top : top + height, left : left + width]))
    small = np.round(small * (255 / small.max()))
    top, left = _corner(small.sum(axis=1)), _corner(small.sum(axis=0))
    framed[top : top + BOX, left : left + BOX] = small
    return framed


def _square(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad the short side on both ends."""
    height, width = ink.shape
    over, beside = max(width - height, 0), max(height - width, 0)
    ends = over // 2, over - over // 2, beside // 2, beside - beside // 2
    return cv2.copyMakeBorder(ink, *ends, cv2.BORDER_CONSTANT, value=0).astype(np.uint8, copy=False)


def _shrink(square: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(S, S) -> (20, 20), each new pixel the mean of the area that it covers, however many or few pixels that are."""
    size = len(square)
    fits = 255 * size**2 < 2**31
    sums = cv2.integral(square, sdepth=cv2.CV_32S if fits else cv2.CV_64F)  # of all above and left, (S + 1, S + 1)
    edges = np.linspace(0, size, BOX + 1)
    pixel = np.minimum(edges.astype(np.intp), size - 1)
    part = edges - pixel
    # Between the edges of pixels, sums grow linearly: so areas are exact.
    sums = sums[pixel] * (1 - part[:, None]) + sums[pixel + 1] * part[:, None]
    sums = sums[:, pixel] * (1 - part) + sums[:, pixel + 1] * part
    means: NDArray[np.float64] = np.diff(np.diff(sums, axis=0), axis=1) * (BOX / size) ** 2
    return means


def _corner(mass: NDArray[np.float64]) -> int:
    """Where the box begins along one axis, given the ink in each of its 20 lines."""
    center = (mass @ (np.arange(BOX) + 0.5)) / mass.sum()
    return min(max(int(MIDDLE - center), 0), SIDE - BOX)


def upscale(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """White ink on black, uint8 (H, W), with the longer side brought to 64 pixels, down too where it is longer."""
    height, width = (max(1, round(side * UPSCALED_SIDE / max(ink.shape))) for side in ink.shape)
    smooth = np.asarray(Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC))
    return np.where(smooth >= MIN_INK, smooth, 0).astype(np.uint8)
