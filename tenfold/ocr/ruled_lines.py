"""Printed lines removed from the ink: ruled lines, squares, the frames of forms, as dark as the writing itself.

A line is a straight band of ink through most of the picture. Where a stroke crosses it the ink is thicker, and stays.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.quantile import median

SLOPES = np.linspace(-0.1, 0.1, 33)  # a page held askew by up to six degrees
SEARCH_SIDE = 400  # lines are searched for on a picture of this side
MIN_LINE_INK = 0.9  # fraction of a line that is ink
GAP = 5  # pixels, wider than the gaps of a dotted line
MIN_LENGTH = 1.5  # of a line, in heights of the writing: no stroke is as long
MIN_WRITING_HEIGHT = 0.08  # of the picture's height
MIN_SQUARE_LINES = 3  # in each direction
MAX_WRITING_HEIGHT = 0.9  # of the picture's height, on squared paper
MAX_LINES = 60  # of a page

Ink = NDArray[np.uint8]  # (H, W)


def remove_ruled_lines(ink: Ink) -> Ink:
    """The ink, uint8 (H, W), without straight lines that run through the picture across or down."""
    height, width = ink.shape
    ruled, across = _remove_lines_across(ink)
    # A row of writing may fill its picture from top to bottom: lines down are searched for on pages alone.
    transposed = np.ascontiguousarray(ruled.T)
    squared, down = _remove_lines_across(transposed)
    if squared is transposed:
        return ruled if ruled is ink or width > MIN_LENGTH * _writing_height(ruled) else ink
    squared = np.ascontiguousarray(squared.T)
    tallest = MAX_WRITING_HEIGHT * height if min(across, down) >= MIN_SQUARE_LINES else height / (2 * MIN_LENGTH)
    if squared.any() and MIN_WRITING_HEIGHT * height < _writing_height(squared) < tallest:
        return squared
    return ruled if width > MIN_LENGTH * _writing_height(ruled) else ink


def _remove_lines_across(ink: Ink) -> tuple[Ink, int]:
    """The ink without them, `ink` itself where there are none; and how many there were."""
    height, width = ink.shape
    factor = min(1.0, SEARCH_SIDE / width)
    extent = cv2.boundingRect(ink)[2] + 2 * GAP / factor  # gaps at both ends count as ink
    if width < 40 or height < 12 or extent < MIN_LINE_INK * width:
        return ink, 0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    mask = (cv2.resize(ink, size, interpolation=cv2.INTER_AREA) > 60).astype(np.uint8)
    result, lines = ink, 0
    for _ in range(MAX_LINES):
        slope, start, thickness = _strongest_line(mask)
        if thickness == 0:
            break
        lines += 1
        result = result.copy() if result is ink else result
        removed = _band(mask.shape, slope, start, thickness + 1) & _thinner_than(mask, 1.6 * thickness + 2)
        if not removed.any():  # it is thicker than it seems, and would be found again and again
            break
        mask[removed] = 0
        line = _band(ink.shape, slope, (start + 0.5) / factor - 0.5, (thickness + 1) / factor)
        result[line & _thinner_than((result > 0).astype(np.uint8), 1.6 * thickness / factor + 3)] = 0
    return result, lines


def _strongest_line(mask: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Slope, height at the left edge, and thickness (0: there is none) of the fullest straight line through `mask`."""
    height, width = mask.shape
    # Lines are dotted and not quite straight; writing leaves wider gaps.
    gaps = np.ones((1, GAP), np.uint8)
    if cv2.morphologyEx(mask.max(axis=0)[None], cv2.MORPH_CLOSE, gaps).mean() < MIN_LINE_INK:
        return 0.0, 0.0, 0.0  # not even all rows together reach so far
    closed = cv2.morphologyEx(cv2.dilate(mask, np.ones((3, 1), np.uint8)), cv2.MORPH_CLOSE, gaps)
    best, line = MIN_LINE_INK, (0.0, 0.0, 0.0)
    # Even askew a line is level for a good way, nearly everywhere: most pictures are done with here.
    if cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, 21), np.uint8)).any(axis=0).mean() < MIN_LINE_INK:
        return line
    for slope in SLOPES:
        level = np.array([[1, 0, 0], [-slope, 1, 0]], np.float64)
        fractions = cv2.warpAffine(closed, level, (width, height), flags=cv2.INTER_NEAREST).mean(axis=1)
        # Above or below a line there is less ink: writing at most.
        above, below = np.r_[np.zeros(6), fractions[:-6]], np.r_[fractions[6:], np.zeros(6)]
        clear = np.where(np.minimum(above, below) < 0.75 * fractions, fractions, 0)
        row = int(clear.argmax())
        if clear[row] > best:
            excess = fractions[max(row - 6, 0) : row + 7] - median(fractions[max(row - 6, 0) : row + 7])
            thickness = float(excess.clip(0).sum() / excess.max()) - 2 if excess.max() > 0 else 1.0
            best, line = float(clear[row]), (float(slope), float(row), float(np.clip(thickness, 1, 6)))
    return line


def _band(shape: tuple[int, ...], slope: float, start: float, thickness: float) -> NDArray[np.bool_]:
    """The pixels no farther than `thickness` from a line, bool (H, W)."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    middle = start + slope * np.arange(shape[1], dtype=np.float32)
    near: NDArray[np.bool_] = np.abs(rows - middle) <= thickness
    return near


def _thinner_than(mask: NDArray[np.uint8], limit: float) -> NDArray[np.bool_]:
    """Ink pixels in vertical runs of no more than `limit` pixels, bool (H, W)."""
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((int(limit) + 1, 1), np.uint8))
    thin: NDArray[np.bool_] = (mask > 0) & (thick == 0)
    return thin


def _writing_height(ink: Ink) -> float:
    """The mean height of the writing, weighted by area."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((ink > 80).astype(np.uint8), connectivity=8)
    heights, areas = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    return float(np.average(heights, weights=areas)) if len(heights) else float(max(ink.shape))
