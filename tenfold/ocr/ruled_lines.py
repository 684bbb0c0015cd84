"""Printed lines out of the ink: rulings, squares, the frames of forms, as dark as the writing itself.

A line is what a straight band through most of the picture finds filled. Of its pixels those go that are no thicker than
the line; where a stroke crosses it the ink is thicker and stays.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.quantile import median

SLOPES = np.linspace(-0.1, 0.1, 33)  # a page held askew by up to six degrees
SEARCH_SIDE = 400  # lines are searched for on a picture of this side
FILLED = 0.9  # share of a line's way that is ink
GAP = 5  # pixels, wider than the gaps of a dotted line
LONGER = 1.5  # a line is longer than this many heights of what is written: no stroke is
SMALLEST = 0.08  # of the height, that writing has
SQUARES, TALLEST = 3, 0.9  # lines each way that make squares, and of the height, that is written on such at most
MOST = 60  # lines a page has

Ink = NDArray[np.uint8]  # (H, W)


def without_rulings(ink: Ink) -> Ink:
    """The ink, uint8 (H, W), without straight lines that run through the picture across or down."""
    height, width = ink.shape
    ruled, across = _without_lines_across(ink)
    # A row of writing may fill its picture from top to bottom: lines down are searched for on pages alone.
    turned = np.ascontiguousarray(ruled.T)
    squared, down = _without_lines_across(turned)
    if squared is turned:
        return ruled if ruled is ink or width > LONGER * _writing(ruled) else ink
    squared = np.ascontiguousarray(squared.T)
    tallest = TALLEST * height if min(across, down) >= SQUARES else height / (2 * LONGER)
    if squared.any() and SMALLEST * height < _writing(squared) < tallest:
        return squared
    return ruled if width > LONGER * _writing(ruled) else ink


def _without_lines_across(ink: Ink) -> tuple[Ink, int]:
    """The ink without them, `ink` itself where there are none; and how many there were."""
    height, width = ink.shape
    factor = min(1.0, SEARCH_SIDE / width)
    reach = cv2.boundingRect(ink)[2] + 2 * GAP / factor  # gaps at both ends count as filled
    if width < 40 or height < 12 or reach < FILLED * width:
        return ink, 0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    mask = (cv2.resize(ink, size, interpolation=cv2.INTER_AREA) > 60).astype(np.uint8)
    left, lines = ink, 0
    for _ in range(MOST):
        slope, start, thick = _strongest_line(mask)
        if thick == 0:
            break
        lines += 1
        left = left.copy() if left is ink else left
        gone = _band(mask.shape, slope, start, thick + 1) & _thinner_than(mask, 1.6 * thick + 2)
        if not gone.any():  # it is thicker than it seems, and would be found again and again
            break
        mask[gone] = 0
        line = _band(ink.shape, slope, (start + 0.5) / factor - 0.5, (thick + 1) / factor)
        left[line & _thinner_than((left > 0).astype(np.uint8), 1.6 * thick / factor + 3)] = 0
    return left, lines


def _strongest_line(mask: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Slope, height at the left edge, and thickness (0: there is none) of the fullest straight line through `mask`."""
    height, width = mask.shape
    # Lines are dotted and not quite straight; writing leaves wider gaps.
    gaps = np.ones((1, GAP), np.uint8)
    if cv2.morphologyEx(mask.max(axis=0)[None], cv2.MORPH_CLOSE, gaps).mean() < FILLED:
        return 0.0, 0.0, 0.0  # not even all rows together reach so far
    whole = cv2.morphologyEx(cv2.dilate(mask, np.ones((3, 1), np.uint8)), cv2.MORPH_CLOSE, gaps)
    best, line = FILLED, (0.0, 0.0, 0.0)
    # Even askew a line is level for a good way, nearly everywhere: most pictures are done with here.
    if cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((1, 21), np.uint8)).any(axis=0).mean() < FILLED:
        return line
    for slope in SLOPES:
        level = np.array([[1, 0, 0], [-slope, 1, 0]], np.float64)
        filled = cv2.warpAffine(whole, level, (width, height), flags=cv2.INTER_NEAREST).mean(axis=1)
        # Above or below a line there is less: writing at the most.
        above, below = np.r_[np.zeros(6), filled[:-6]], np.r_[filled[6:], np.zeros(6)]
        clear = np.where(np.minimum(above, below) < 0.75 * filled, filled, 0)
        row = int(clear.argmax())
        if clear[row] > best:
            spare = filled[max(row - 6, 0) : row + 7] - median(filled[max(row - 6, 0) : row + 7])
            thick = float(spare.clip(0).sum() / spare.max()) - 2 if spare.max() > 0 else 1.0
            best, line = float(clear[row]), (float(slope), float(row), float(np.clip(thick, 1, 6)))
    return line


def _band(shape: tuple[int, ...], slope: float, start: float, thick: float) -> NDArray[np.bool_]:
    """The pixels no farther than `thick` from a line, bool (H, W)."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    middle = start + slope * np.arange(shape[1], dtype=np.float32)
    near: NDArray[np.bool_] = np.abs(rows - middle) <= thick
    return near


def _thinner_than(mask: NDArray[np.uint8], limit: float) -> NDArray[np.bool_]:
    """Ink pixels in vertical runs of no more than `limit` pixels, bool (H, W)."""
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((int(limit) + 1, 1), np.uint8))
    thin: NDArray[np.bool_] = (mask > 0) & (thick == 0)
    return thin


def _writing(ink: Ink) -> float:
    """The height of what is written, the mean over its pixels."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((ink > 80).astype(np.uint8), connectivity=8)
    heights, areas = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    return float(np.average(heights, weights=areas)) if len(heights) else float(max(ink.shape))
