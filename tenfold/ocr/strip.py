"""From the picture of one row to the strip that a line reader's network sees, in training and in reading alike."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Strip = NDArray[np.uint8]  # (32, W), white ink on black

HEIGHT = 32
SIDE_MARGIN = 6  # black columns at either end, so that no digit touches the border
FAINTEST = 24.0  # share of the paper's light, of 255, that ink takes away at least
WIDEST = 2048  # columns; a picture even wider for its height is squeezed
COARSE = 24  # rows are enough to tell ink from paper
LARGEST = 96  # rows of a picture above which a smaller one says the same


def strip(picture: NDArray[np.uint8]) -> Strip:
    """What the network sees of the picture of one row, uint8 (H, W), of either polarity: uint8 (32, W').

    Training and reading both come through here. The paper becomes black even where the light is uneven, the darkest
    ink white; what is faintly printed on the paper stays, and the network has learned to leave it out.
    """
    height, width = picture.shape
    if height > LARGEST:
        smaller = max(round(width * LARGEST / height), 1), LARGEST
        picture = _gray(cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA))
    ink = flattened(picture)
    rows = cv2.blur(ink, (3, 3)).max(axis=1) > 110
    if rows.any():
        top, bottom = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
        margin = round(0.08 * (bottom - top))
        ink = ink[max(top - margin, 0) : bottom + margin]
    height, width = ink.shape
    method = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_LINEAR
    across = min(max(round(width * HEIGHT / height), 4), WIDEST)
    ink = _gray(cv2.resize(ink, (across, HEIGHT), interpolation=method))
    return np.pad(ink, ((0, 0), (SIDE_MARGIN, SIDE_MARGIN)))


def flattened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of a picture, uint8 (H, W), white on black: paper and uneven light taken away, contrast made full."""
    dark_ink = 255 - picture if has_light_ink(picture) else picture
    side = max(picture.shape[0] // 3, 3) | 1
    paper = cv2.morphologyEx(dark_ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    smooth = (side // 4) | 1  # a wider blur would lay the light beyond a shadow's edge upon the shadow
    paper = np.maximum(_gray(cv2.blur(paper, (smooth, smooth))), 1)
    ink = 255 - _gray(cv2.divide(dark_ink, paper, scale=255))
    pattern = np.uint8(_quantiles(ink, 0.5)[0])
    ink = np.maximum(ink, pattern) - pattern
    full = max(float(cv2.blur(ink, (3, 3)).max()), FAINTEST)
    return _gray(cv2.convertScaleAbs(ink, alpha=255 / full))


def has_light_ink(picture: NDArray[np.uint8]) -> bool:
    """Whether the ink is lighter than the paper: what differs most, from its surroundings and from the whole."""
    height, width = picture.shape
    small = _gray(cv2.resize(picture, (max(round(width * COARSE / height), 1), COARSE), interpolation=cv2.INTER_AREA))
    cubes = (small.astype(np.float32) - cv2.medianBlur(small, COARSE + 1)) ** 3
    near = float(cubes.sum() / max(float(np.abs(cubes).sum()), 1.0))
    darkest, middle, lightest = _quantiles(picture, 0.005, 0.5, 0.995)
    far = (lightest + darkest - 2 * middle) / max(lightest - darkest, 1.0)
    return near + far > 0


def _gray(picture: Any) -> NDArray[np.uint8]:
    """What OpenCV gives back, typed."""
    return np.asarray(picture, np.uint8)


def _quantiles(picture: NDArray[np.uint8], *shares: float) -> list[float]:
    """The gray levels below which these shares of the pixels lie; from a histogram, which is quicker than sorting."""
    levels = np.bincount(picture.ravel(), minlength=256).cumsum()
    return [float(np.searchsorted(levels, share * levels[-1])) for share in shares]
