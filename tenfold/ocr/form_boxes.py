"""What is printed or drawn around writing: frames, the boxes of forms, the cells of tables, rings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.components import INK, Blob, Components, find_blobs, is_inside, without

SIDE, HOLLOW = 15, 0.5  # pixels of a side that a printed box has at least, and the share of it that is ink at most
WRITTEN = 0.05  # of its height, that something in it has: a table has many rows
TOUCHING, SPECK = 0.3, 0.02  # of its height that writing has which touches it, and of its height squared, that is none
SLOPES = np.linspace(-0.06, 0.06, 25)  # of the sides of a box that is held askew
SEARCH_SIDE = 400  # they are searched for in a picture of this side
ROW, COLUMN = 1.2, 1.6  # times as long as high, and as high as long, from which on a box is several
FILLED = 0.93  # share of its way that a side is ink
RINGED = 0.3  # of its height, that a digit in a ring has
MIDDLE = 0.65  # of the half axes of its ellipse, that a ring keeps off,
DIRECTIONS = 36  # and looked at from there in so many, it is nearly everywhere


def without_frame(components: Components) -> Components:
    """Without the frame around the writing, if there is one: ink along the edges of its box.

    A 0 is such ink too, so there must be writing inside, or ink in all four corners.
    """
    height, width = components.ink.shape
    for blob in components.blobs:
        x, y, w, h = blob.box
        if w < 0.6 * width or h < 0.6 * height or blob.area > 0.2 * w * h:
            continue
        own = components.labels[y : y + h, x : x + w] == blob.labels[0]
        inner = own[h // 8 : h - h // 8, w // 8 : w - w // 8]
        written = any(other.height > 0.15 * h for other in components.blobs if is_inside(other, blob))
        if (written or _is_rectangle(own)) and inner.sum() < 0.1 * own.sum():
            return without([blob], components)
    return components


def without_boxes(components: Components) -> Components:
    """Without the printed boxes that are written in, those of a form or the cells of a table, and without rings.

    What touches the sides of a box is part of the same ink; of such a box the sides alone are taken out.
    """
    boxes = np.array([blob.box for blob in components.blobs], np.int64).reshape(len(components.blobs), 4)
    left, top, width, height = boxes.T
    found, touching = [], []
    for blob in components.blobs:
        x, y, w, h = blob.box
        if min(w, h) < SIDE or blob.area > HOLLOW * w * h:
            continue
        inside = (left > x) & (left + width < x + w) & (top > y) & (top + height < y + h)
        own = components.labels[y : y + h, x : x + w] == blob.labels[0]
        if _is_rectangle(own):
            ink = _touching(components.crop(blob))
            if ink is not None:
                touching.append((blob, ink))
            if ink is not None or (inside & (height > WRITTEN * h)).any():
                found.append(blob)
        elif (inside & (height > RINGED * h)).any() and _is_ring(own):
            found.append(blob)
    if not found:
        return components
    rest = without(found, components)
    if not touching:
        return rest
    both = rest.ink.copy()
    for blob, ink in touching:
        x, y, w, h = blob.box
        np.maximum(both[y : y + h, x : x + w], ink, out=both[y : y + h, x : x + w])
    return find_blobs(both)


def _touching(box: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """What is written across the sides of a box, whose ink is uint8 (h, w); None where nothing is."""
    rest = find_blobs(without_sides(box))
    writing = [blob for blob in rest.blobs if _is_writing(blob, rest)]
    others = [blob for blob in rest.blobs if blob not in writing]
    return without(others, rest).ink if writing else None


def _is_writing(blob: Blob, rest: Components) -> bool:
    """Whether this is more than what is left of a side that is not quite straight."""
    height, width = rest.ink.shape
    if blob.height < TOUCHING * height or blob.is_thin or blob.area < SPECK * height**2:
        return False
    margin = max(1, min(height, width) // 8)
    own = np.isin(rest.labels, blob.labels)
    return bool(own[margin:-margin, margin:-margin].sum() > 0.5 * own.sum())


def without_sides(box: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ink of a box, uint8 (h, w), without its straight sides and what divides it, but for what crosses them."""
    height, width = box.shape
    is_row, is_column = width > ROW * height, height > COLUMN * width  # of boxes that share sides
    down = _sides_across(np.ascontiguousarray(box.T), is_row).T
    gone = _sides_across(box, is_row or is_column) | down
    return np.where(gone, 0, box).astype(np.uint8)


def _sides_across(box: NDArray[np.uint8], is_divided: bool) -> NDArray[np.bool_]:
    height, width = box.shape
    factor = min(1.0, SEARCH_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(box, size, interpolation=cv2.INTER_AREA) > INK
    rows, columns = np.mgrid[: size[1], : size[0]]
    # A single box has nothing that divides it, and a stroke may go through all of it.
    reach = size[1] if is_divided else size[1] // 6
    sides = np.zeros_like(small)
    for slope in SLOPES[np.argsort(np.abs(SLOPES), kind="stable")]:
        level = (rows + np.round(slope * (columns - size[0] / 2)).astype(np.intp)).clip(0, size[1] - 1)
        straight = (small & ~sides)[level, columns]  # each side that slopes so is now a row
        if (straight.mean(axis=1) > FILLED).any():
            sides[level, columns] |= _sides_of(straight, reach)
    return cv2.resize(sides.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0


def _sides_of(straight: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """The ink of the rows, no farther than `reach` from the first or the last, that are sides: bool (h, w).

    Not where there is ink beyond them, too: that is a stroke's.
    """
    filled = straight.mean(axis=1)
    filled[reach : len(filled) - reach] = 0
    sides = np.zeros_like(straight)
    while filled.max() > FILLED:
        row = int(filled.argmax())
        top = row - _thickness(straight[:row][::-1]) - 1  # and its soft edge
        bottom = row + _thickness(straight[row + 1 :]) + 1
        band = slice(max(top, 0), bottom + 1)
        away = 1 + (bottom - top) // 2
        beyond = [place for place in (top - away, bottom + away) if 0 <= place < len(straight)]
        sides[band] |= straight[band] & ~straight[beyond].any(axis=0)
        filled[band] = 0
    return sides


def _thickness(beside: NDArray[np.bool_]) -> int:
    """Rows of ink, bool (n, w), that follow one another from the first on, in most columns."""
    return int(np.median(np.logical_and.accumulate(beside).sum(axis=0))) if len(beside) else 0


def _is_rectangle(own: NDArray[np.bool_]) -> bool:
    """Whether ink fills the four sides of its box, bool (h, w)."""
    height, width = own.shape
    high, wide = max(height // 12, 1), max(width // 12, 1)
    across, down = (own[:high], own[-high:]), (own[:, :wide], own[:, -wide:])
    filled = [*(side.any(axis=0).mean() for side in across), *(side.any(axis=1).mean() for side in down)]
    return bool(min(filled) > 0.9)


def _is_ring(own: NDArray[np.bool_]) -> bool:
    """Whether ink, bool (h, w), goes around its middle along an ellipse."""
    height, width = own.shape
    rows, columns = np.nonzero(own)
    down, across = 2 * rows / height - 1, 2 * columns / width - 1
    is_far = np.hypot(down, across) > MIDDLE
    angles = DIRECTIONS * (np.arctan2(down, across) / (2 * np.pi) + 0.5)
    seen = np.bincount(angles.astype(np.intp).clip(0, DIRECTIONS - 1), minlength=DIRECTIONS) > 0
    return bool(is_far.mean() > 0.97 and seen.mean() > 0.85)
