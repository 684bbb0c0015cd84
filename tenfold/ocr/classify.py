"""Characters of any size classified by a model of 28x28 images, with test-time augmentation for thin strokes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tenfold.model import Model
from tenfold.ocr.framing import BOX, frame

FINE = 4  # stroke widths are measured and changed at this many times the resolution of MNIST's box
MIN_SAMPLED_WIDTH = 5  # pixels: thinner strokes of a subsampled character are measured again on all pixels
THIN_STROKE, USUAL_STROKE = 1.7, 2.3  # widths in the box of 20: MNIST's are 1.7 to 3.5

# Ink of N characters, uint8 (H, W) each -> probabilities (N, 10) and digitness (N,)
Classify = Callable[[list[NDArray[np.uint8]]], tuple[NDArray[np.float32], NDArray[np.float32]]]


def classify(model: Model, crops: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities (N, 10) and digitness (N,) of characters, whose ink is uint8 (H, W): means over augmentations."""
    augmented = [augment(crop) for crop in crops]
    counts = [len(images) for images in augmented]
    starts = np.cumsum([0, *counts])[:-1]
    probabilities, digitness = model.predict_with_digitness(np.concatenate(augmented))
    divisors = np.array(counts, np.float32)
    means = np.add.reduceat(probabilities, starts) / divisors[:, None]
    return means.astype(np.float32), (np.add.reduceat(digitness, starts) / divisors).astype(np.float32)


def augment(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A character, uint8 (H, W) -> uint8 (1 or 2, 28, 28): as it is, and thickened if its strokes are thin."""
    framed = [frame(ink)]
    if ink.any():
        width = stroke_width(ink)
        if width < THIN_STROKE:
            framed.append(frame(thicken(ink, USUAL_STROKE - width)))
    return np.stack(framed)


def stroke_width(ink: NDArray[np.uint8]) -> float:
    """The typical width of the strokes, in pixels of MNIST's box of 20."""
    step = max(1, max(ink.shape) // (FINE * BOX))  # more pixels of a large character add nothing
    width = _sampled_stroke_width(ink, step)
    if step > 1 and width < MIN_SAMPLED_WIDTH * step:
        width = _sampled_stroke_width(ink, 1)
    return float(max(0.0, width) * BOX / max(ink.shape))


def _sampled_stroke_width(ink: NDArray[np.uint8], step: int) -> float:
    """The typical width of the strokes in pixels, from every `step`-th row and column."""
    sample = np.ascontiguousarray(ink[::step, ::step])
    solid = cv2.copyMakeBorder(cv2.threshold(sample, 127, 1, cv2.THRESH_BINARY)[1], 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distances = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    mean = cv2.mean(distances, solid)[0]  # 0 where nothing is solid
    # Along a stroke of w solid pixels distances are 1 to w / 2, their mean w / 4 + 1 / 2; soft edges are a pixel more.
    return float(4 * (mean - 0.5) * step + 1)


def thicken(ink: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    """The character with strokes wider `by` pixels of MNIST's box of 20."""
    factor = FINE * BOX / max(ink.shape)
    size = tuple(max(1, round(side * factor)) for side in ink.shape[::-1])
    fine = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    radius = max(1, round(by * FINE / 2))
    fine = np.pad(fine, radius)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(fine, kernel).astype(np.uint8, copy=False)
