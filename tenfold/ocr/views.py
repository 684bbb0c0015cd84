"""The 28x28 views of one character that the network sees; its answers to them are averaged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.framing import BOX, frame

FINE = 4  # a stroke's width is measured and changed on a picture this many times as fine as MNIST's box
THICK = 5  # pixels of a reduced character, from which on it shows how wide its strokes are
THIN, USUAL = 1.7, 2.3  # widths of strokes in the box of 20: MNIST's are 1.7 to 3.5


def views(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Views of the character whose ink is uint8 (H, W) -> uint8 (V, 28, 28): as it is, and with usual strokes."""
    framed = [frame(ink)]
    if ink.any():
        width = stroke_width(ink)
        if width < THIN:
            framed.append(frame(thickened(ink, USUAL - width)))
    return np.stack(framed)


def stroke_width(ink: NDArray[np.uint8]) -> float:
    """The usual width of the strokes, in pixels of MNIST's box of 20."""
    step = max(1, max(ink.shape) // (FINE * BOX))  # of a large character, all pixels say no more
    width = _width(ink, step)
    if step > 1 and width < THICK * step:
        width = _width(ink, 1)
    return float(max(0.0, width) * BOX / max(ink.shape))


def _width(ink: NDArray[np.uint8], step: int) -> float:
    """The usual width of the strokes in pixels, as every `step`-th row and column show it."""
    few = np.ascontiguousarray(ink[::step, ::step])
    solid = cv2.copyMakeBorder(cv2.threshold(few, 127, 1, cv2.THRESH_BINARY)[1], 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    away = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    mean = cv2.mean(away, solid)[0]  # 0 where nothing is solid
    # Along a stroke of w solid pixels distances are 1 to w / 2, their mean w / 4 + 1 / 2; soft edges are a pixel more.
    return float(4 * (mean - 0.5) * step + 1)


def thickened(ink: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    """The character with strokes wider `by` pixels of MNIST's box of 20."""
    factor = FINE * BOX / max(ink.shape)
    size = tuple(max(1, round(side * factor)) for side in ink.shape[::-1])
    fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    reach = max(1, round(by * FINE / 2))
    fine = np.pad(fine, reach)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(fine, kernel).astype(np.uint8, copy=False)
