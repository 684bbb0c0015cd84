"""Pictures that one digit fills: cut out along its edges, or of so few pixels as old collections of digits have.

There is little ground to learn from in such a picture: its ink may lie along all edges and cover half of it. So its
gray levels are stretched as they are, both ways round are framed, and the network says which of them is a digit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.binarize import FAINTEST
from tenfold.ocr.components import Blob
from tenfold.ocr.framing import upscale
from tenfold.ocr.quantile import quantile
from tenfold.ocr.segmentation import Found, Judge

TINY = 24  # pixels of the longer side
GROUND, PEN = 0.1, 0.98  # quantiles of the gray levels that are taken for the ground and for full ink


def is_tiny(gray: NDArray[np.uint8]) -> bool:
    return bool(max(gray.shape) <= TINY)


def filled_digit(gray: NDArray[np.uint8], judge: Judge) -> Found | None:
    """What is most surely a digit, the light or the dark part of `gray`, uint8 (H, W); None where that is even."""
    if int(gray.max()) - int(gray.min()) < FAINTEST:
        return None
    inks = [upscale(stretched(bright)) for bright in (gray, 255 - gray)]
    judged = zip(inks, *judge(inks), strict=True)
    found = [Found(Blob((), _box(ink, gray.shape), 0), ink, p, float(d)) for ink, p, d in judged]
    return max(found, key=lambda one: one.sure)


def stretched(bright: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`bright`, whose ink is the lighter part, with its ground at 0 and its ink at 255."""
    ground, pen = quantile(bright, GROUND), quantile(bright, PEN)
    if pen - ground < FAINTEST:  # hardly any ink
        pen = bright.max()
    share = (bright - ground) / max(pen - ground, 1.0)
    ink: NDArray[np.uint8] = (255 * share).clip(0, 255).round().astype(np.uint8)
    return ink


def _box(ink: NDArray[np.uint8], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """x, y, width and height of enlarged ink in the picture of `shape` that it came from."""
    rows, columns = np.nonzero(ink)
    top, bottom = _reach(rows, ink.shape[0], shape[0])
    left, right = _reach(columns, ink.shape[1], shape[1])
    return left, top, right - left, bottom - top


def _reach(places: NDArray[np.intp], enlarged_side: int, side: int) -> tuple[int, int]:
    if not len(places):
        return 0, side
    return int(places.min() * side / enlarged_side), int(places.max() * side / enlarged_side) + 1
