"""What is printed or drawn around writing: frames, the boxes of forms, the cells of tables, rings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.components import MIN_INK, Component, LabeledInk, find_components, remove

MIN_SIDE = 15  # pixels of a printed box
HOLLOW = 0.5  # greatest fraction of a box that is ink
MIN_CELL_WRITING = 0.05  # of a box's height, for what is written in it: a table has many rows
MIN_CROSSING_HEIGHT = 0.3  # of a box's height, for writing that touches its sides,
MIN_CROSSING_AREA = 0.02  # and of that height squared
SLOPES = np.linspace(-0.06, 0.06, 25)  # of the sides of a box that is held askew
SEARCH_SIDE = 400  # pixels of the picture that sides are searched for in
ROW_RATIO, COLUMN_RATIO = 1.2, 1.6  # of the longer to the shorter side, from which on a box is several
MIN_SIDE_INK = 0.93  # fraction of a side that is ink
MIN_RING_WRITING = 0.3  # of a ring's height, for the digit in it
RING_HOLE = 0.65  # of the half axes of its ellipse, free of a ring's ink
RING_DIRECTIONS = 36  # in which a ring is looked for from its center


def remove_frame(labeled: LabeledInk) -> LabeledInk:
    """Remove the frame around the writing, if there is one: ink along the edges of its box.

    A 0 is such ink too, so there must be writing inside, or ink in all four corners.
    """
    height, width = labeled.ink.shape
    for component in labeled.components:
        w, h = component.width, component.height
        if w < 0.6 * width or h < 0.6 * height or component.area > 0.2 * w * h:
            continue
        mask = labeled.mask(component)
        inner = mask[h // 8 : h - h // 8, w // 8 : w - w // 8]
        has_writing = any(other.height > 0.15 * h for other in labeled.components if other.is_inside(component))
        if (has_writing or _is_rectangle(mask)) and inner.sum() < 0.1 * mask.sum():
            return remove([component], labeled)
    return labeled


def remove_boxes(labeled: LabeledInk) -> LabeledInk:
    """Remove printed boxes that are written in, as those of a form or the cells of a table, and rings.

    What touches the sides of a box is part of the same component; of such a box only the sides are removed.
    """
    boxes = np.array([one.box for one in labeled.components], np.int64).reshape(len(labeled.components), 4)
    removed, crossing_ink = [], []
    for component in labeled.components:
        w, h = component.width, component.height
        if min(w, h) < MIN_SIDE or component.area > HOLLOW * w * h:
            continue
        mask = labeled.mask(component)
        crossing = _crossing_ink(labeled.crop(component)) if _is_rectangle(mask) else None
        if crossing is not None:
            crossing_ink.append((component, crossing))
        if crossing is not None or _surrounds_writing(mask, _tallest_inside(component, boxes)):
            removed.append(component)
    if not removed:
        return labeled
    rest = remove(removed, labeled)
    return _add_ink(rest, crossing_ink) if crossing_ink else rest


def _surrounds_writing(mask: NDArray[np.bool_], writing_height: int) -> bool:
    """Whether ink, bool (h, w), is a box or a ring around something of a height that is written in it."""
    if _is_rectangle(mask):
        return writing_height > MIN_CELL_WRITING * len(mask)
    return writing_height > MIN_RING_WRITING * len(mask) and _is_ring(mask)


def _tallest_inside(component: Component, boxes: NDArray[np.int64]) -> int:
    """The greatest height of the boxes (N, 4) that lie inside a component; 0 if there are none."""
    x, y, w, h = component.box
    left, top, width, height = boxes.T
    is_inside = (left > x) & (left + width < x + w) & (top > y) & (top + height < y + h)
    return int(height[is_inside].max(initial=0))


def _add_ink(labeled: LabeledInk, parts: list[tuple[Component, NDArray[np.uint8]]]) -> LabeledInk:
    ink = labeled.ink.copy()
    for component, part in parts:
        x, y, w, h = component.box
        np.maximum(ink[y : y + h, x : x + w], part, out=ink[y : y + h, x : x + w])
    return find_components(ink)


def _crossing_ink(box: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """What is written across the sides of a box, whose ink is uint8 (h, w); None where nothing is."""
    rest = find_components(remove_sides(box))
    writing = [component for component in rest.components if _is_writing(component, rest)]
    others = [component for component in rest.components if component not in writing]
    return remove(others, rest).ink if writing else None


def _is_writing(component: Component, rest: LabeledInk) -> bool:
    """Whether this is more than what is left of a side that is not quite straight."""
    height, width = rest.ink.shape
    if (
        component.height < MIN_CROSSING_HEIGHT * height
        or component.is_thin
        or component.area < MIN_CROSSING_AREA * height**2
    ):
        return False
    margin = max(1, min(height, width) // 8)
    mask = np.isin(rest.labels, component.labels)
    return bool(mask[margin:-margin, margin:-margin].sum() > 0.5 * mask.sum())


def remove_sides(box: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of a box, uint8 (h, w), without its straight sides and what divides it, but for what crosses them."""
    height, width = box.shape
    is_row, is_column = width > ROW_RATIO * height, height > COLUMN_RATIO * width  # of boxes that share sides
    down = _sides_across(np.ascontiguousarray(box.T), is_row).T
    sides = _sides_across(box, is_row or is_column) | down
    return np.where(sides, 0, box).astype(np.uint8)


def _sides_across(box: NDArray[np.uint8], is_divided: bool) -> NDArray[np.bool_]:
    height, width = box.shape
    factor = min(1.0, SEARCH_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(box, size, interpolation=cv2.INTER_AREA) > MIN_INK
    rows, columns = np.mgrid[: size[1], : size[0]]
    # A single box has nothing that divides it, and a stroke may go through all of it.
    reach = size[1] if is_divided else size[1] // 6
    sides = np.zeros_like(small)
    for slope in SLOPES[np.argsort(np.abs(SLOPES), kind="stable")]:
        level = (rows + np.round(slope * (columns - size[0] / 2)).astype(np.intp)).clip(0, size[1] - 1)
        leveled = (small & ~sides)[level, columns]  # each side that slopes so is now a row
        if (leveled.mean(axis=1) > MIN_SIDE_INK).any():
            sides[level, columns] |= _sides_of(leveled, reach)
    return cv2.resize(sides.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


def _sides_of(leveled: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """The ink of the rows, no farther than `reach` from the first or the last, that are sides: bool (h, w).

    Not where there is ink beyond them, too: that is a stroke's.
    """
    fractions = leveled.mean(axis=1)
    fractions[reach : len(fractions) - reach] = 0
    sides = np.zeros_like(leveled)
    while fractions.max() > MIN_SIDE_INK:
        row = int(fractions.argmax())
        top = row - _thickness(leveled[:row][::-1]) - 1  # and its soft edge
        bottom = row + _thickness(leveled[row + 1 :]) + 1
        band = slice(max(top, 0), bottom + 1)
        distance = 1 + (bottom - top) // 2
        outer_rows = [y for y in (top - distance, bottom + distance) if 0 <= y < len(leveled)]
        sides[band] |= leveled[band] & ~leveled[outer_rows].any(axis=0)
        fractions[band] = 0
    return sides


def _thickness(beside: NDArray[np.bool_]) -> int:
    """Rows of ink, bool (n, w), that follow one another from the first on, in most columns."""
    return int(np.median(np.logical_and.accumulate(beside).sum(axis=0))) if len(beside) else 0


def _is_rectangle(mask: NDArray[np.bool_]) -> bool:
    """Whether ink fills the four sides of its box, bool (h, w)."""
    height, width = mask.shape
    high, wide = max(height // 12, 1), max(width // 12, 1)
    across, down = (mask[:high], mask[-high:]), (mask[:, :wide], mask[:, -wide:])
    fractions = [*(side.any(axis=0).mean() for side in across), *(side.any(axis=1).mean() for side in down)]
    return bool(min(fractions) > 0.9)


def _is_ring(mask: NDArray[np.bool_]) -> bool:
    """Whether ink, bool (h, w), goes around its middle along an ellipse."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    down, across = 2 * rows / height - 1, 2 * columns / width - 1
    is_far = np.hypot(down, across) > RING_HOLE
    angles = RING_DIRECTIONS * (np.arctan2(down, across) / (2 * np.pi) + 0.5)
    has_ink = np.bincount(angles.astype(np.intp).clip(0, RING_DIRECTIONS - 1), minlength=RING_DIRECTIONS) > 0
    return bool(is_far.mean() > 0.97 and has_ink.mean() > 0.85)
