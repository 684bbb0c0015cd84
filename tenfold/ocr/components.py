"""From ink to characters: connected parts, specks and rulings dropped, broken strokes joined, rows in reading order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.binarize import FAINTEST
from tenfold.ocr.quantile import median

INK = 60  # of 255: fainter edges join no parts
SOLID = 0.9  # share of the way from its left to its right end that a band without holes is inked
STEEPEST = 0.5  # slope of a row of writing
MOST_CHAINS = 30  # that are looked at for rows that fell apart; what has more is a page or a pattern
FEW = 4  # parts that are quicker measured one by one than by OpenCV's statistics of all
Box = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Blob:
    """Connected ink, or several pieces of it that belong together: their labels, the box around them, their pixels."""

    labels: tuple[int, ...]
    box: Box
    area: int
    severed: bool = False  # cut off what lies at its left

    @property
    def left(self) -> int:
        return self.box[0]

    @property
    def right(self) -> int:
        return self.box[0] + self.box[2]

    @property
    def top(self) -> int:
        return self.box[1]

    @property
    def bottom(self) -> int:
        return self.box[1] + self.box[3]

    @property
    def width(self) -> int:
        return self.box[2]

    @property
    def height(self) -> int:
        return self.box[3]

    @property
    def is_thin(self) -> bool:
        return max(self.box[2:]) > 7 * min(self.box[2:])


def on_paper(blob: Blob, gray: NDArray[np.uint8], margin: int) -> tuple[NDArray[np.uint8], int]:
    """The gray levels of `blob` with a margin of paper around it, and how many columns of them lie before it."""
    top, left = max(blob.top - margin, 0), max(blob.left - margin, 0)
    return gray[top : blob.bottom + margin, left : blob.right + margin], blob.left - left


def joined(blobs: Sequence[Blob]) -> Blob:
    left, top = min(blob.left for blob in blobs), min(blob.top for blob in blobs)
    right, bottom = max(blob.right for blob in blobs), max(blob.bottom for blob in blobs)
    labels = tuple(label for blob in blobs for label in blob.labels)
    return Blob(labels, (left, top, right - left, bottom - top), sum(blob.area for blob in blobs), blobs[0].severed)


@dataclass
class Components:
    """Ink with its parts: ink uint8 (H, W), labels int32 (H, W), 0 being paper."""

    ink: NDArray[np.uint8]
    labels: NDArray[np.int32]
    blobs: list[Blob] = field(default_factory=list)

    def crop(self, blob: Blob) -> NDArray[np.uint8]:
        """The ink of `blob` alone, uint8 (h, w) of its box."""
        x, y, width, height = blob.box
        labels = self.labels[y : y + height, x : x + width]
        own = labels == blob.labels[0]
        for label in blob.labels[1:]:
            own |= labels == label
        # Faint edges belong to the part they lie beside.
        own |= (cv2.dilate(own.view(np.uint8), np.ones((3, 3), np.uint8)) > 0) & (labels == 0)
        return np.where(own, self.ink[y : y + height, x : x + width], np.uint8(0))


def find_blobs(ink: NDArray[np.uint8]) -> Components:
    """All connected parts of `ink`, uint8 (H, W), from the left."""
    core = cv2.threshold(ink, INK - 1, 1, cv2.THRESH_BINARY)[1]
    left, top, right, bottom = cv2.boundingRect(core)  # ink seldom fills its picture
    right, bottom = left + right, top + bottom
    labels = np.zeros(ink.shape, np.int32)
    if right == left:
        return Components(ink, labels)
    labels[top:bottom, left:right], parts = _measured(core[top:bottom, left:right])
    blobs = [
        Blob((label,), (left + int(x), top + int(y), int(width), int(height)), int(area))
        for label, (x, y, width, height, area) in enumerate(parts, start=1)
    ]
    return Components(ink, labels, sorted(blobs, key=lambda blob: blob.left))


def _measured(core: NDArray[Any]) -> tuple[NDArray[Any], Sequence[Sequence[int]]]:
    """The labels of its connected parts, int32 (H, W), and from the first on their x, y, width, height and area."""
    count, labels = cv2.connectedComponents(core, connectivity=8)
    if count - 1 <= FEW:
        masks = [(np.asarray(labels) == label).view(np.uint8) for label in range(1, count)]
        return np.asarray(labels), [(*cv2.boundingRect(mask), cv2.countNonZero(mask)) for mask in masks]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    return np.asarray(labels), stats[1:].tolist()


def typical_height(blobs: Sequence[Blob]) -> float:
    """The height of the writing: the median, in which each part counts by its height and ink. Specks don't."""
    tall = sorted((blob.height, blob.area * blob.height) for blob in blobs)
    return _middle(*np.array(tall, np.int64).T) if tall else 0.0


def _middle(heights: NDArray[np.int64], weights: NDArray[np.int64]) -> float:
    """The median of ascending heights, each of which counts by its weight."""
    so_far = weights.cumsum()
    return float(heights[np.searchsorted(2 * so_far, so_far[-1])])


def without_specks(blobs: Sequence[Blob]) -> list[Blob]:
    """Drop what is far smaller than the writing; larger specks too where they are many, for then they are a pattern."""
    height = typical_height(blobs)
    kept = [blob for blob in blobs if max(blob.width, blob.height) >= 0.12 * height and blob.area > 2]
    larger = [blob for blob in kept if max(blob.width, blob.height) >= 0.3 * height]
    return larger if len(kept) > 8 + 3 * len(larger) else kept


def without_edge_of_shade(components: Components, gray: NDArray[np.uint8]) -> Components:
    """Without bands from one border to the other that are no darker or lighter than what lies on one side of them.

    gray: the picture, (H, W). The ground is taken for smooth, so beside the edge of a shadow or of a sheet on a table
    it seems to differ from what is there. A stroke differs from what lies on either side.
    """
    height, width = components.ink.shape
    down = [blob for blob in components.blobs if blob.top <= 1 and blob.height >= height - 1]
    across = [blob for blob in components.blobs if blob.left <= 1 and blob.width >= width - 1]
    edges = [blob for blob in down if _is_edge(blob, components.labels, gray)]
    edges += [blob for blob in across if _is_edge(_turned(blob), components.labels.T, gray.T)]
    return without(edges, components) if edges else components


def _is_edge(blob: Blob, labels: NDArray[np.int32], gray: NDArray[np.uint8]) -> bool:
    """Whether this is a solid band from top to bottom, as bright as what lies on its left, or on its right."""
    away = max(3, gray.shape[1] // 50)
    part = slice(max(blob.left - away, 0), blob.right + away)
    band, gray = labels[:, part] == blob.labels[0], gray[:, part]
    width = band.shape[1]
    rows = np.flatnonzero(band.any(axis=1))
    first, last = band[rows].argmax(axis=1), width - 1 - band[rows, ::-1].argmax(axis=1)
    if band.sum() < SOLID * (last - first + 1).sum():
        return False
    inside = median(gray[band])
    for beside, there in ((first - away, first >= away), (last + away, last + away < width)):
        if there.mean() > 0.5 and abs(median(gray[rows[there], beside[there]]) - inside) < FAINTEST:
            return True
    return False


def _turned(blob: Blob) -> Blob:
    """In the picture with its rows as columns."""
    x, y, width, height = blob.box
    return replace(blob, box=(y, x, height, width))


def without(blobs: Sequence[Blob], components: Components) -> Components:
    """Without some connected parts and their faint edges."""
    own = np.isin(components.labels, [label for blob in blobs for label in blob.labels])
    own = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return find_blobs(np.where(own, 0, components.ink).astype(np.uint8))


def is_inside(one: Blob, other: Blob) -> bool:
    return other.left < one.left and one.right < other.right and other.top < one.top and one.bottom < other.bottom


def without_lines(blobs: Sequence[Blob], size: tuple[int, int]) -> list[Blob]:
    """Drop what is no writing beside writing: lines, frames, the dark edge of the paper in a picture of `size`."""
    height, width = size
    tall = sorted(blobs, key=lambda blob: blob.height)
    heights, thin = np.array([blob.height for blob in tall]), np.array([blob.is_thin for blob in tall], bool)
    weights = np.array([blob.area * blob.height for blob in tall])
    kept = np.ones(len(tall), bool)
    for place in sorted(range(len(tall)), key=lambda place: -max(tall[place].box[2:])):
        blob, others = tall[place], kept.copy()
        others[place] = False
        if not others.any():
            break
        x, y, w, h = blob.box
        writing = _middle(heights, weights * (others & ~thin if (others & ~thin).any() else others))
        at_edge = x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1
        line = blob.is_thin and max(w, h) > (1.2 if at_edge else 1.5) * writing
        bar = at_edge and (w > 0.85 * width or h > 0.85 * height) and max(w, h) > 2.5 * min(w, h)
        hollow = blob.area < 0.1 * w * h and any(is_inside(tall[other], blob) for other in np.flatnonzero(others))
        frame = hollow and max(w, h) > 1.8 * writing and min(w, h) > writing
        if line or bar or frame:
            kept = others
    return sorted((tall[place] for place in np.flatnonzero(kept)), key=lambda blob: blob.left)


def characters(blobs: Sequence[Blob]) -> list[Blob]:
    """Join the pieces of broken strokes: a piece that lies over, under or in another one, and close to it."""
    left = Remaining(sorted(blobs, key=lambda blob: -blob.area))
    height = typical_height(blobs)
    found: list[Blob] = []
    while (blob := left.largest()) is not None:
        while pieces := left.take(left.belong_to(blob, height), most=1):
            blob = joined([blob, *pieces])
        found.append(blob)
    return sorted(found, key=lambda blob: blob.left)


def pieced(blobs: Sequence[Blob]) -> list[Blob]:
    """Characters of a picture that shows one: pieces that lie close are joined wherever they lie."""
    if len(blobs) < 2:
        return list(blobs)
    left = Remaining(sorted(blobs, key=lambda blob: -blob.area * blob.height))
    found = []
    while (whole := left.largest()) is not None:
        near = left.away_from(whole) <= 0.2 * max(whole.width, whole.height)
        found.append(joined([whole, *left.take(near | left.belong_to(whole, whole.height))]))
    return found


class Remaining:
    """Blobs that are taken away one after the other, all of them compared with another at once.

    In Python's own loops a page of two thousand blobs would take minutes.
    """

    def __init__(self, blobs: Sequence[Blob]) -> None:
        self._blobs, self._left = list(blobs), np.ones(len(blobs), bool)
        boxes = np.array([blob.box for blob in blobs], np.int64).reshape(len(blobs), 4).T
        self._x0, self._y0 = boxes[:2]
        self._x1, self._y1 = boxes[:2] + boxes[2:]

    def largest(self) -> Blob | None:
        """Take the first that is left."""
        return next(iter(self.take(self._left, most=1)), None)

    def take(self, wanted: NDArray[np.bool_], most: int | None = None) -> list[Blob]:
        """Take those that are wanted and left, in order."""
        places = np.flatnonzero(wanted & self._left)[:most]
        self._left[places] = False
        return [self._blobs[place] for place in places]

    def belong_to(self, whole: Blob, height: float) -> NDArray[np.bool_]:
        """Which are pieces of `whole`, in writing of `height`."""
        wide_piece, tall_piece = self._x1 - self._x0, self._y1 - self._y0
        over = np.minimum(self._x1, whole.right) - np.maximum(self._x0, whole.left)
        gap = np.maximum(self._y0 - whole.bottom, whole.top - self._y1).clip(min=0)
        tall = np.maximum(self._y1, whole.bottom) - np.minimum(self._y0, whole.top)
        wide = np.maximum(self._x1, whole.right) - np.minimum(self._x0, whole.left)
        bar = (wide_piece > 2 * tall_piece) & (self._y1 <= whole.top)  # of a 5, drawn last and far too high
        fits = (tall <= np.where(bar, 1.8, 1.35) * max(height, whole.height)) & (wide <= 1.5 * np.maximum(tall, height))
        near = (over >= 0.5 * np.minimum(wide_piece, whole.width)) & (gap <= np.where(bar, 0.45, 0.25) * height)
        belong: NDArray[np.bool_] = fits & near
        return belong

    def away_from(self, other: Blob) -> NDArray[np.int64]:
        """The gaps between the boxes and another; negative where they overlap."""
        across = np.maximum(self._x0 - other.right, other.left - self._x1)
        down = np.maximum(self._y0 - other.bottom, other.top - self._y1)
        gaps: NDArray[np.int64] = np.maximum(across, down)
        return gaps


def rows(blobs: Sequence[Blob]) -> list[list[Blob]]:
    """Characters in reading order: rows from the top, each from the left. A row may rise or fall."""
    if not blobs:
        return []
    height = typical_height(blobs)
    # Small signs are no ground to chain rows by: they join afterwards.
    large = [blob for blob in blobs if blob.height >= 0.5 * height]
    chains: list[list[Blob]] = []
    for blob in sorted(large, key=lambda blob: blob.left):
        best, best_share = None, 0.35
        for chain in chains:
            share = max(_level(blob, last, height) for last in chain[-2:])
            if share > best_share:
                best, best_share = chain, share
        if best is None:
            chains.append([blob])
        else:
            best.append(blob)
    chains = _continued(chains, height)
    for blob in blobs:
        if blob.height < 0.5 * height and chains:
            near = max(chains, key=lambda chain: max(_level(blob, other, height) for other in chain))
            if max(_level(blob, other, height) for other in near) > 0:
                near.append(blob)
    chains.sort(key=lambda chain: float(np.mean([blob.top + blob.height / 2 for blob in chain])))
    return [sorted(chain, key=lambda blob: blob.left) for chain in chains]


def _continued(chains: list[list[Blob]], height: float) -> list[list[Blob]]:
    """Chains joined where one goes on in the slope of another: steep rows fall apart where digits differ in height."""
    if len(chains) > MOST_CHAINS:
        return chains
    for one, other in itertools.permutations(chains, 2):
        if _goes_on(one, other, height):
            left = [chain for chain in chains if chain is not one and chain is not other]
            return _continued([*left, one + other], height)
    return chains


def _goes_on(one: Sequence[Blob], other: Sequence[Blob], height: float) -> bool:
    """Whether `other` begins where `one` ends, both on one straight line that is not too steep."""
    gap = min(blob.left for blob in other) - max(blob.right for blob in one)
    if not -0.3 * height < gap < height or len(one) + len(other) < 3:
        return False
    across = np.array([blob.left + blob.width / 2 for blob in (*one, *other)])
    down = np.array([blob.top + blob.height / 2 for blob in (*one, *other)])
    slope, offset = np.polyfit(across, down, 1)
    away = np.abs(down - slope * across - offset).max()
    return bool(abs(slope) < STEEPEST and away < 0.2 * height)


def _level(one: Blob, other: Blob, height: float) -> float:
    """How much of the smaller one's height two blobs share; less the farther apart they are."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    away = max(one.left - other.right, other.left - one.right, 0)
    return shared / min(one.height, other.height) - 0.02 * away / max(height, 1)
