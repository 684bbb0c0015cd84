"""Paper on a table: the part of a photo that is a page, with its surroundings painted over in the page's own color.

Binarization assumes a smooth background. Where a table shows it isn't, and the edge of the page is the strongest ink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.quantile import median

SEARCH_SIDE = 240  # pixels of the picture that pages are searched for in
MIN_AREA, MAX_AREA = 0.04, 0.98  # of the picture
MIN_CONVEXITY = 0.85  # fraction of its convex hull that a page fills, since its edges are straight
MIN_RECTANGULARITY = 0.75  # fraction of its rotated rectangle; light on a pale table makes a bulge
MIN_PHOTO_SIDE = 60  # pixels
MIN_BARE = 0.75  # fraction of a page without ink; a letter whose holes were filled has less
MIN_DIFFERENCE = 25  # gray levels between page and table
MIN_EDGE_STEP = 12  # gray levels at the edge of a page; light that fades has no such step
EDGE_DISTANCE = 4  # pixels on either side, within which the step is
MAX_STROKE = 0.2  # of the shorter side: what is narrower is writing
EDGE_MARGIN = 0.03  # of the page's shorter side, painted over like its surroundings

Gray = NDArray[np.uint8]  # (H, W)


@dataclass(frozen=True, eq=False)
class Paper:
    """gray: uint8 (h, w), a part of a picture that begins at column `left` and row `top` of it."""

    gray: Gray
    left: int
    top: int


def find_paper(gray: Gray) -> Iterator[Paper]:
    """The light page and the dark board in a picture, uint8 (H, W), if there are such."""
    height, width = gray.shape
    if min(height, width) < MIN_PHOTO_SIDE:
        return
    factor = min(1.0, SEARCH_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    for operation in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
        if (paper := _find_largest(gray, small, operation)) is not None:
            yield paper


def _find_largest(gray: Gray, small: Gray, operation: int) -> Paper | None:
    """A light page if dark strokes are closed, a dark one if light strokes are opened; None if there is none."""
    smooth = _remove_strokes(small, operation)
    kind = cv2.THRESH_BINARY if operation == cv2.MORPH_CLOSE else cv2.THRESH_BINARY_INV
    level, paper = cv2.threshold(smooth, 0, 1, kind | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(paper.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    largest = np.asarray(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    if not MIN_AREA * small.size < cv2.contourArea(outline) < MAX_AREA * small.size or not _is_quadrilateral(
        outline, hull
    ):
        return None
    mask = cv2.fillConvexPoly(np.zeros_like(largest), hull, 1).astype(np.uint8, copy=False)
    if not _has_edge(smooth, mask):
        return None
    is_bare = (small[mask == 1] > level) == (operation == cv2.MORPH_CLOSE)
    table = smooth[mask == 0]
    if is_bare.mean() < MIN_BARE or not table.size or abs(median(smooth[mask == 1]) - median(table)) < MIN_DIFFERENCE:
        return None
    return _crop(gray, smooth, mask)


def _has_edge(smooth: Gray, mask: Gray) -> bool:
    """Whether the light changes along the edge of what is 1 in `mask`, both uint8 (h, w)."""
    around = np.ones((2 * EDGE_DISTANCE + 1, 2 * EDGE_DISTANCE + 1), np.uint8)
    inside = (mask == 1) & (cv2.erode(mask, around, borderValue=1) == 0)
    outside = (mask == 0) & (cv2.dilate(mask, around) == 1)
    return bool(
        inside.any() and outside.any() and abs(median(smooth[inside]) - median(smooth[outside])) >= MIN_EDGE_STEP
    )


def _is_quadrilateral(outline: NDArray[Any], hull: NDArray[Any]) -> bool:
    """Whether what has this outline, and this convex hull, has four straight edges, more or less."""
    _, (across, down), _ = cv2.minAreaRect(hull)
    area = cv2.contourArea(hull)
    return cv2.contourArea(outline) >= MIN_CONVEXITY * area and area >= MIN_RECTANGULARITY * across * down


def _remove_strokes(small: Gray, operation: int) -> Gray:
    width = max(3, int(MAX_STROKE * min(small.shape))) | 1
    # Farther than the kernel reaches: beyond the border, what was widened would not be narrowed again.
    wide = cv2.copyMakeBorder(cv2.medianBlur(small, 3), width, width, width, width, cv2.BORDER_REPLICATE)
    smooth = cv2.morphologyEx(wide, operation, np.ones((width, width), np.uint8))
    return smooth[width:-width, width:-width].astype(np.uint8, copy=False)


def _crop(gray: Gray, smooth: Gray, mask: Gray) -> Paper | None:
    """smooth: a small picture without its strokes; mask: which of its pixels are the page's, 0 or 1."""
    x, y, width, height = cv2.boundingRect(mask)
    margin = max(1, round(EDGE_MARGIN * min(width, height)))
    inner = cv2.erode(mask, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8), borderValue=0)
    if not inner.any():
        return None
    # Around the page each pixel has the color of the nearest paper.
    _, nearest = cv2.distanceTransformWithLabels(1 - inner, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    paper = np.zeros(int(nearest.max()) + 1, np.uint8)
    paper[nearest[inner == 1]] = smooth[inner == 1]
    size = gray.shape[::-1]
    surroundings = cv2.resize(paper[nearest], size, interpolation=cv2.INTER_LINEAR)
    is_page = cv2.resize(inner, size, interpolation=cv2.INTER_NEAREST) > 0
    across, down = size[0] / mask.shape[1], size[1] / mask.shape[0]
    left, top = int(x * across), int(y * down)
    part = slice(top, int((y + height) * down) + 1), slice(left, int((x + width) * across) + 1)
    return Paper(np.where(is_page[part], gray[part], surroundings[part]).astype(np.uint8), left, top)
