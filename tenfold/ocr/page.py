"""A sheet on a table: the part of a photo that is paper, with what lies around it painted over as if the paper went on.

The ground of writing is taken for smooth; where a table shows it isn't, and its edge would be the strongest ink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.quantile import median

SIDE = 240  # a sheet is looked for on a picture of this side
SMALLEST, LARGEST = 0.04, 0.98  # shares of the picture
FULL = 0.85  # share of its convex hull that a sheet fills, for its edges are straight,
SQUARE = 0.75  # and of the rectangle around it, however that is turned; with a bulge where light falls on a pale table
LEAST = 60  # pixels of a side of a photo
BARE = 0.75  # share of a sheet that nothing is written on; a letter whose holes were filled has less
APART = 25  # gray levels between paper and table,
STEP, BESIDE = 12, 4  # and at its edge, within so many pixels: light that fades over a page has none
STROKE = 0.2  # of the shorter side: what is narrower is writing
EDGE = 0.03  # of the shorter side of the sheet, that is painted over with what lies around

Gray = NDArray[np.uint8]  # (H, W)


@dataclass(frozen=True, eq=False)
class Sheet:
    """gray: uint8 (h, w), a part of a picture that begins at column `left` and row `top` of it."""

    gray: Gray
    left: int
    top: int


def find_sheets(gray: Gray) -> Iterator[Sheet]:
    """The light sheet and then the dark board in a picture, uint8 (H, W), as far as there are such."""
    height, width = gray.shape
    if min(height, width) < LEAST:
        return
    factor = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    for operation in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
        if (sheet := _sheet(gray, small, operation)) is not None:
            yield sheet


def _sheet(gray: Gray, small: Gray, operation: int) -> Sheet | None:
    """A light sheet if dark strokes are closed, a dark one if light strokes are opened; None where there is none."""
    calm = _without_strokes(small, operation)
    kind = cv2.THRESH_BINARY if operation == cv2.MORPH_CLOSE else cv2.THRESH_BINARY_INV
    level, paper = cv2.threshold(calm, 0, 1, kind | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(paper.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    own = np.asarray(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    outlines, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    if not SMALLEST * small.size < cv2.contourArea(outline) < LARGEST * small.size or not _is_square(outline, hull):
        return None
    whole = cv2.fillConvexPoly(np.zeros_like(own), hull, 1).astype(np.uint8, copy=False)
    if not _has_edge(calm, whole):
        return None
    bare = (small[whole == 1] > level) == (operation == cv2.MORPH_CLOSE)
    table = calm[whole == 0]
    if bare.mean() < BARE or not table.size or abs(median(calm[whole == 1]) - median(table)) < APART:
        return None
    return _alone(gray, calm, whole)


def _has_edge(calm: Gray, whole: Gray) -> bool:
    """Whether the light changes along the edge of what is 1 in `whole`, both uint8 (h, w)."""
    around = np.ones((2 * BESIDE + 1, 2 * BESIDE + 1), np.uint8)
    inside = (whole == 1) & (cv2.erode(whole, around, borderValue=1) == 0)
    outside = (whole == 0) & (cv2.dilate(whole, around) == 1)
    return bool(inside.any() and outside.any() and abs(median(calm[inside]) - median(calm[outside])) >= STEP)


def _is_square(outline: NDArray[Any], hull: NDArray[Any]) -> bool:
    """Whether what has this outline, and this convex hull, has four straight edges, more or less."""
    _, (across, down), _ = cv2.minAreaRect(hull)
    full = cv2.contourArea(hull)
    return cv2.contourArea(outline) >= FULL * full and full >= SQUARE * across * down


def _without_strokes(small: Gray, operation: int) -> Gray:
    reach = max(3, int(STROKE * min(small.shape))) | 1
    # Further than it reaches: beyond the border, what was widened would not be narrowed again.
    wide = cv2.copyMakeBorder(cv2.medianBlur(small, 3), reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    calm = cv2.morphologyEx(wide, operation, np.ones((reach, reach), np.uint8))
    return calm[reach:-reach, reach:-reach].astype(np.uint8, copy=False)


def _alone(gray: Gray, calm: Gray, whole: Gray) -> Sheet | None:
    """calm: a small picture without its strokes; whole: which of its pixels are the sheet's, 0 or 1."""
    x, y, width, height = cv2.boundingRect(whole)
    margin = max(1, round(EDGE * min(width, height)))
    inner = cv2.erode(whole, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8), borderValue=0)
    if not inner.any():
        return None
    # Around the sheet each pixel is as the nearest of its paper.
    _, nearest = cv2.distanceTransformWithLabels(1 - inner, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    paper = np.zeros(int(nearest.max()) + 1, np.uint8)
    paper[nearest[inner == 1]] = calm[inner == 1]
    size = gray.shape[::-1]
    ground = cv2.resize(paper[nearest], size, interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(inner, size, interpolation=cv2.INTER_NEAREST) > 0
    across, down = size[0] / whole.shape[1], size[1] / whole.shape[0]
    left, top = int(x * across), int(y * down)
    part = slice(top, int((y + height) * down) + 1), slice(left, int((x + width) * across) + 1)
    return Sheet(np.where(mask[part], gray[part], ground[part]).astype(np.uint8), left, top)
