"""The digits that lines are composed of: MNIST's, and the distance of each pixel to the center line of their strokes.

A digit whose strokes are thinned to lines can be written again with any pen: ink is where the distance to the line is
less than the pen's radius. Distances change slowly from pixel to pixel, so they can be scaled, rotated and sheared.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.images import CLASSES

SCALE = 2  # digits are enlarged before they are thinned
DISTANCE_STEPS = 8  # per pixel: distances are stored in eighths of an enlarged pixel
CHUNK = 1000


@dataclass(frozen=True, eq=False)
class GlyphBank:
    """images: uint8 (N, 56, 56), white on black; distances: uint8 (N, 56, 56), in eighths of a pixel, at most 255.

    boxes: int16 (N, 4), left, top, right, bottom of the thinned digit; indices: for each class, its images.
    """

    images: NDArray[np.uint8]
    distances: NDArray[np.uint8]
    boxes: NDArray[np.int16]
    indices: tuple[NDArray[np.intp], ...]

    @classmethod
    def from_dataset(cls, digits: Dataset) -> Self:
        assert digits.labels is not None, "lines are composed of labeled digits"
        return cls.from_images(digits.images, digits.labels, CLASSES)

    @classmethod
    def from_images(cls, images: NDArray[np.uint8], labels: NDArray[np.integer], classes: int) -> Self:
        """images: uint8 (N, 28, 28), white on black. labels: (N,), below `classes`."""
        side = SCALE * images.shape[1]
        images = np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in images])
        distances = np.empty_like(images)
        boxes = np.empty((len(images), 4), np.int16)
        for start in range(0, len(images), CHUNK):
            skeletons = thin(images[start : start + CHUNK] > 110)
            for i, skeleton in enumerate(skeletons, start):
                distance = cv2.distanceTransform((~skeleton).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
                distances[i] = np.minimum(distance * DISTANCE_STEPS, 255)
                left, top, width, height = cv2.boundingRect(skeleton.view(np.uint8))
                boxes[i] = left, top, left + max(width, 1) - 1, top + max(height, 1) - 1
        is_usable = boxes[:, 3] - boxes[:, 1] >= side // 4  # thinning left enough of it
        indices = tuple(np.flatnonzero((labels == label) & is_usable) for label in range(classes))
        return cls(images, distances, boxes, indices)


def thin(shapes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Shapes (N, H, W) thinned to lines one pixel wide (Zhang and Suen 1984); borders count as empty."""
    pixels = np.zeros((len(shapes), shapes.shape[1] + 2, shapes.shape[2] + 2), np.uint8)
    pixels[:, 1:-1, 1:-1] = shapes
    inner = pixels[:, 1:-1, 1:-1]
    has_changed = True
    while has_changed:
        has_changed = False
        for is_removable in _REMOVABLE:
            code = np.zeros(inner.shape, np.uint8)
            for bit, (dy, dx) in enumerate(_NEIGHBORS):
                code |= pixels[:, 1 + dy : pixels.shape[1] - 1 + dy, 1 + dx : pixels.shape[2] - 1 + dx] << bit
            removed = is_removable[code] & inner
            if removed.any():
                has_changed = True
                inner ^= removed
    return inner.astype(bool)


_NEIGHBORS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))  # clockwise from above


def _removable() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """For both half steps: whether a pixel with these eight neighbors, as bits, is removed; uint8 (256,)."""
    neighbors = np.arange(256)[:, None] >> np.arange(8) & 1  # (256, 8)
    up, right, down, left = neighbors[:, ::2].T
    count = neighbors.sum(axis=1)
    transitions = (neighbors < np.roll(neighbors, -1, axis=1)).sum(axis=1)  # from 0 to 1, clockwise
    is_border = (count >= 2) & (count <= 6) & (transitions == 1)
    first = is_border & (up * right * down == 0) & (right * down * left == 0)
    second = is_border & (up * right * left == 0) & (up * down * left == 0)
    return first.astype(np.uint8), second.astype(np.uint8)


_REMOVABLE = _removable()
