"""An image that is shown in a figure or a screenshot: the filled rectangle on an even page, without axes and labels.

What notebooks draw around a digit (axes, ticks, numbers, a title) is writing, too, and stronger than the digit.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.paper import Paper

MIN_SIDE = 60  # pixels of a picture with a panel
SEARCH_SIDE = 120  # pixels of its shorter side in which the panel is searched for
MAX_BORDER_DEVIATION = 6  # gray levels of the page's border, which is drawn and not photographed
MIN_EVEN_BORDER = 0.99  # fraction of the border within that
MIN_DIFFERENCE = 12  # gray levels between panel and page
MIN_AREA, MAX_AREA = 0.06, 0.9  # of the picture
MIN_FILLED_EDGE = 0.98  # fraction of a panel's edge that differs from the page; of letters and frames it is less
MAX_LABEL = 0.12  # of a panel's shorter side: the height of what is written beside it
TICK = 4  # pixels of the search: how far ticks reach
EDGE = 0.04  # of the shorter side: the width of that edge, more than a line has


def find_panel(gray: NDArray[np.uint8]) -> Paper | None:
    """The largest panel in a picture, uint8 (H, W); None without an even border, or if large writing is beside it."""
    if min(gray.shape) < MIN_SIDE:
        return None
    step = max(1, min(gray.shape) // SEARCH_SIDE)  # every so many pixels are enough to find it
    small = gray[::step, ::step]
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]]).astype(np.int16)
    level = int(np.median(border))
    if (np.abs(border - level) <= MAX_BORDER_DEVIATION).mean() < MIN_EVEN_BORDER:
        return None
    differs = (np.abs(small.astype(np.int16) - level) > MIN_DIFFERENCE).astype(np.uint8)
    box = _find_area(differs)
    if box is None:
        return None
    left, top, width, height = box
    panel = slice(top, top + height), slice(left, left + width)
    if not _has_filled_edge(differs[panel]) or _tallest_outside(differs, panel) > MAX_LABEL * min(width, height):
        return None
    inset = step + 1  # the line that some programs draw around it
    x, y = left * step + inset, top * step + inset
    return Paper(gray[y : (top + height) * step - inset, x : (left + width) * step - inset], x, y)


def _find_area(differs: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """The box of the largest area that differs from the page; None if it is too small or too large for a panel."""
    if differs.mean() < MIN_AREA / 2:
        return None
    side = max(3, min(differs.shape) // 40) | 1
    areas = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))  # without ticks and text
    count, _, stats, _ = cv2.connectedComponentsWithStats(areas)
    if count < 2:
        return None
    left, top, width, height, _ = stats[1 + int((stats[1:, 2] * stats[1:, 3]).argmax())].tolist()
    return (left, top, width, height) if MIN_AREA <= width * height / differs.size <= MAX_AREA else None


def _tallest_outside(differs: NDArray[np.uint8], panel: tuple[slice, slice]) -> int:
    """The height in pixels of the tallest thing beside a panel: its labels, or writing that must not be left out."""
    outside = differs.copy()
    rows, columns = (slice(max(side.start - TICK, 0), side.stop + TICK) for side in panel)
    outside[rows, columns] = 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=8)
    return int(stats[1:, 3].max(initial=0))


def _has_filled_edge(differs: NDArray[np.uint8]) -> bool:
    width = max(2, round(EDGE * min(differs.shape)))
    if min(differs.shape) <= 2 * width:
        return False
    inner = differs[width:-width, width:-width]
    return float((differs.sum() - inner.sum()) / (differs.size - inner.size)) >= MIN_FILLED_EDGE
