"""Connected components of ink: finding them, and dropping those that are not writing (specks, lines, shadow edges)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.ocr.binarize import MIN_CONTRAST
from tenfold.ocr.quantile import median

MIN_INK = 60  # of 255: fainter edges connect nothing
SOLID = 0.9  # fraction of a band's extent that is ink
FEW_COMPONENTS = 4  # are measured faster one by one than by OpenCV's statistics of all
Box = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Component:
    """Connected ink, or several such parts that belong together: their labels, bounding box and number of pixels."""

    labels: tuple[int, ...]
    box: Box
    area: int
    is_cut: bool = False  # separated from the ink on its left

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

    def is_inside(self, other: Component) -> bool:
        return (
            other.left < self.left and self.right < other.right and other.top < self.top and self.bottom < other.bottom
        )


def merge(components: Sequence[Component]) -> Component:
    left, top = min(one.left for one in components), min(one.top for one in components)
    right, bottom = max(one.right for one in components), max(one.bottom for one in components)
    labels = tuple(label for one in components for label in one.labels)
    area = sum(one.area for one in components)
    return Component(labels, (left, top, right - left, bottom - top), area, components[0].is_cut)


def crop_gray(component: Component, gray: NDArray[np.uint8], margin: int) -> tuple[NDArray[np.uint8], int]:
    """The gray levels of a component with a margin around it, and how many columns of them are left of it."""
    top, left = max(component.top - margin, 0), max(component.left - margin, 0)
    return gray[top : component.bottom + margin, left : component.right + margin], component.left - left


@dataclass
class LabeledInk:
    """Ink and its components: ink uint8 (H, W), labels int32 (H, W), 0 for the background."""

    ink: NDArray[np.uint8]
    labels: NDArray[np.int32]
    components: list[Component] = field(default_factory=list)

    def mask(self, component: Component) -> NDArray[np.bool_]:
        """The pixels of `component` within its box, bool (h, w)."""
        x, y, width, height = component.box
        labels = self.labels[y : y + height, x : x + width]
        mask: NDArray[np.bool_] = labels == component.labels[0]
        for label in component.labels[1:]:
            mask |= labels == label
        return mask

    def crop(self, component: Component) -> NDArray[np.uint8]:
        """The ink of `component` alone, uint8 (h, w) of its box."""
        x, y, width, height = component.box
        mask = self.mask(component)
        # Faint edges belong to the component beside them.
        is_edge = cv2.dilate(mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
        mask |= is_edge & (self.labels[y : y + height, x : x + width] == 0)
        return np.where(mask, self.ink[y : y + height, x : x + width], np.uint8(0))


def find_components(ink: NDArray[np.uint8]) -> LabeledInk:
    """All connected components of `ink`, uint8 (H, W), from left to right."""
    core = cv2.threshold(ink, MIN_INK - 1, 1, cv2.THRESH_BINARY)[1]
    left, top, right, bottom = cv2.boundingRect(core)  # ink seldom fills its picture
    right, bottom = left + right, top + bottom
    labels = np.zeros(ink.shape, np.int32)
    if right == left:
        return LabeledInk(ink, labels)
    labels[top:bottom, left:right], measures = _measure(core[top:bottom, left:right])
    components = [
        Component((label,), (left + int(x), top + int(y), int(width), int(height)), int(area))
        for label, (x, y, width, height, area) in enumerate(measures, start=1)
    ]
    return LabeledInk(ink, labels, sorted(components, key=lambda one: one.left))


def _measure(core: NDArray[Any]) -> tuple[NDArray[Any], Sequence[Sequence[int]]]:
    """Labels of the connected components, int32 (H, W), and x, y, width, height and area of each."""
    count, labels = cv2.connectedComponents(core, connectivity=8)
    if count - 1 <= FEW_COMPONENTS:
        masks = [(np.asarray(labels) == label).view(np.uint8) for label in range(1, count)]
        return np.asarray(labels), [(*cv2.boundingRect(mask), cv2.countNonZero(mask)) for mask in masks]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    return np.asarray(labels), stats[1:].tolist()


def typical_height(components: Sequence[Component]) -> float:
    """The height of the writing: the median, weighted by height and ink, so that specks hardly count."""
    heights = sorted((one.height, one.area * one.height) for one in components)
    return _weighted_median(*np.array(heights, np.int64).T) if heights else 0.0


def _weighted_median(ascending: NDArray[np.int64], weights: NDArray[np.int64]) -> float:
    cumulative = weights.cumsum()
    return float(ascending[np.searchsorted(2 * cumulative, cumulative[-1])])


def remove(components: Sequence[Component], labeled: LabeledInk) -> LabeledInk:
    """The ink without some components and their faint edges."""
    mask = np.isin(labeled.labels, [label for one in components for label in one.labels])
    mask = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return find_components(np.where(mask, 0, labeled.ink).astype(np.uint8))


def remove_specks(components: Sequence[Component]) -> list[Component]:
    """Drop what is far smaller than the writing; of many small components, which are a pattern, also larger ones."""
    height = typical_height(components)
    kept = [one for one in components if max(one.width, one.height) >= 0.12 * height and one.area > 2]
    larger = [one for one in kept if max(one.width, one.height) >= 0.3 * height]
    return larger if len(kept) > 8 + 3 * len(larger) else kept


def remove_shadow_edges(labeled: LabeledInk, gray: NDArray[np.uint8]) -> LabeledInk:
    """Drop bands from border to border that are as bright as what lies on one side of them.

    gray: the picture, (H, W). Binarization assumes a smooth background, so beside the edge of a shadow, or of paper on
    a table, it finds ink where there is none. A stroke differs from both of its sides.
    """
    height, width = labeled.ink.shape
    down = [one for one in labeled.components if one.top <= 1 and one.height >= height - 1]
    across = [one for one in labeled.components if one.left <= 1 and one.width >= width - 1]
    edges = [one for one in down if _is_shadow_edge(one, labeled.labels, gray)]
    edges += [one for one in across if _is_shadow_edge(_transpose(one), labeled.labels.T, gray.T)]
    return remove(edges, labeled) if edges else labeled


def _is_shadow_edge(component: Component, labels: NDArray[np.int32], gray: NDArray[np.uint8]) -> bool:
    """Whether this is a solid band from top to bottom, as bright as what lies on its left or on its right."""
    distance = max(3, gray.shape[1] // 50)
    columns = slice(max(component.left - distance, 0), component.right + distance)
    band, gray = labels[:, columns] == component.labels[0], gray[:, columns]
    width = band.shape[1]
    rows = np.flatnonzero(band.any(axis=1))
    first, last = band[rows].argmax(axis=1), width - 1 - band[rows, ::-1].argmax(axis=1)
    if band.sum() < SOLID * (last - first + 1).sum():
        return False
    brightness = median(gray[band])
    for beside, exists in ((first - distance, first >= distance), (last + distance, last + distance < width)):
        if exists.mean() > 0.5 and abs(median(gray[rows[exists], beside[exists]]) - brightness) < MIN_CONTRAST:
            return True
    return False


def _transpose(component: Component) -> Component:
    x, y, width, height = component.box
    return replace(component, box=(y, x, height, width))


def remove_lines(components: Sequence[Component], shape: tuple[int, int]) -> list[Component]:
    """Drop lines, frames, and the dark edge of the paper: what is not writing in a picture of `shape` (H, W)."""
    ascending = sorted(components, key=lambda one: one.height)
    heights, is_thin = np.array([one.height for one in ascending]), np.array([one.is_thin for one in ascending], bool)
    weights = np.array([one.area * one.height for one in ascending])
    kept = np.ones(len(ascending), bool)
    for index in sorted(range(len(ascending)), key=lambda index: -max(ascending[index].box[2:])):
        others = kept.copy()
        others[index] = False
        if not others.any():
            break
        strokes = others & ~is_thin
        writing = _weighted_median(heights, weights * (strokes if strokes.any() else others))
        component, rest = ascending[index], (ascending[other] for other in np.flatnonzero(others))
        if _is_line(component, shape, writing) or _is_frame(component, rest, writing):
            kept = others
    return sorted((ascending[index] for index in np.flatnonzero(kept)), key=lambda one: one.left)


def _is_line(component: Component, shape: tuple[int, int], writing: float) -> bool:
    """Whether this is a line beside writing of a height, or a bar along the border of the picture."""
    (height, width), (x, y, w, h) = shape, component.box
    at_border = x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1
    if component.is_thin and max(w, h) > (1.2 if at_border else 1.5) * writing:
        return True
    return at_border and (w > 0.85 * width or h > 0.85 * height) and max(w, h) > 2.5 * min(w, h)


def _is_frame(component: Component, others: Iterable[Component], writing: float) -> bool:
    """Whether this is hollow, larger than the writing, and around some of it."""
    w, h = component.width, component.height
    is_large = max(w, h) > 1.8 * writing and min(w, h) > writing
    return is_large and component.area < 0.1 * w * h and any(other.is_inside(component) for other in others)
