"""From the picture of one row to the strip that a line reader's network sees, in training and in reading alike."""

import cv2
import numpy as np
from numpy.typing import NDArray

Strip = NDArray[np.uint8]  # (32, W), white ink on black

HEIGHT = 32
SIDE_MARGIN = 6  # black columns at either end, so that no digit touches the border
LARGEST = 96  # rows of a picture above which a smaller one says the same


def strip(picture: NDArray[np.uint8]) -> Strip:
    """What the network sees of the picture of one row, uint8 (H, W), of either polarity: uint8 (32, W').

    Training and reading both come through here. The paper becomes black even where the light is uneven, the darkest
    ink white; what is faintly printed on the paper stays, and the network has learnt to leave it out.
    """
    height, width = picture.shape
    if height > LARGEST:
        picture = cv2.resize(picture, (max(round(width * LARGEST / height), 1), LARGEST), interpolation=cv2.INTER_AREA)
    ink = flattened(picture)
    rows = cv2.blur(ink, (3, 3)).max(axis=1) > 110
    if rows.any():
        top, bottom = int(rows.argmax()), len(rows) - int(rows[::-1].argmax())
        margin = round(0.08 * (bottom - top))
        ink = ink[max(top - margin, 0) : bottom + margin]
    height, width = ink.shape
    method = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_LINEAR
    ink = cv2.resize(ink, (max(round(width * HEIGHT / height), 4), HEIGHT), interpolation=method)
    return cv2.copyMakeBorder(ink, 0, 0, SIDE_MARGIN, SIDE_MARGIN, cv2.BORDER_CONSTANT, value=0)


def flattened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of a picture, uint8 (H, W), white on black: paper and uneven light taken away, contrast made full."""
    darkest, middle, lightest = _quantiles(picture, 0.005, 0.5, 0.995)
    dark_ink = picture if middle - darkest >= lightest - middle else 255 - picture
    side = max(picture.shape[0] // 3, 3) | 1
    paper = cv2.morphologyEx(dark_ink, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    paper = cv2.max(cv2.blur(paper, (side, side)), 1)
    ink = cv2.subtract(255, cv2.divide(dark_ink, paper, scale=255))
    ink = cv2.subtract(ink, _quantiles(ink, 0.5)[0])
    full = max(float(cv2.blur(ink, (3, 3)).max()), 24.0)
    return cv2.convertScaleAbs(ink, alpha=255 / full)


def _quantiles(picture: NDArray[np.uint8], *shares: float) -> list[float]:
    """The grey levels below which these shares of the pixels lie; from a histogram, which is quicker than sorting."""
    levels = np.bincount(picture.ravel(), minlength=256).cumsum()
    return [float(np.searchsorted(levels, share * levels[-1])) for share in shares]
