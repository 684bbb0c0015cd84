"""Whether training and test images are of one kind: a two-sample test of a few measures of each image.

With 60,000 images the slightest difference is significant, so what counts is its size, in standard deviations (Cohen's
d). Of MNIST's own two splits it is at most 0.1, of its first and last test digits 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding
from tenfold.images import SIDE, Images

EXAMINED = 1_000  # images of each split, evenly spread
MIN_EXAMINED = 50
LARGE_EFFECT = 0.8  # Cohen's (1988) word for it
SAMPLING_ERRORS = 4  # standard errors that a difference of small splits must have in addition

INK, DARKEST_INK, FULL_INK = 64, 16, 224  # pixel values: of the digit's body, of any ink, of its core
MEASURES = ("ink", "height", "width", "vertical position", "horizontal position", "share of gray ink")
MIN_DEVIATION = (2.0, 0.5, 0.5, 0.25, 0.25, 0.02)  # below it, a difference is too small to matter to any model


def drift_findings(train: Dataset, test: Dataset) -> Iterator[Finding]:
    """A warning if the images of the two splits differ in a measure by a large effect."""
    first, second = (_evenly(split.images) for split in (train, test))
    if min(len(first), len(second)) < MIN_EXAMINED:
        return
    effects = effect_sizes(measure(first), measure(second))
    threshold = LARGE_EFFECT + SAMPLING_ERRORS * np.sqrt(1 / len(first) + 1 / len(second))
    different = [
        f"{name} ({'more' if effect > 0 else 'less'} by {abs(effect):.1f} standard deviations)"
        for name, effect in zip(MEASURES, effects, strict=True)
        if abs(effect) > threshold
    ]
    if different:
        text = f"test images differ from training images in {', '.join(different[:3])}: results on one say little about"
        yield Finding("warning", "drift", f"{text} the other")


def measure(images: Images) -> NDArray[np.float64]:
    """What MEASURES names, of images that are not blank: mean value, box of the ink, center of mass, gray pixels.

    Returns float64 (N, 6), in pixels from the center where it is a position.
    """
    images = images[images.reshape(len(images), -1).any(axis=1)]
    ink = images > INK
    values = images.astype(np.float32)
    total = np.maximum(values.sum(axis=(1, 2)), 1)
    offsets = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    inked = np.maximum((images > DARKEST_INK).sum(axis=(1, 2)), 1)
    gray = ((images > DARKEST_INK) & (images < FULL_INK)).sum(axis=(1, 2))
    measures: NDArray[np.float64] = np.column_stack(
        [
            values.mean(axis=(1, 2)),
            _extent(ink.any(axis=2)),
            _extent(ink.any(axis=1)),
            values.sum(axis=2) @ offsets / total,
            values.sum(axis=1) @ offsets / total,
            gray / inked,
        ]
    ).astype(np.float64)
    return measures


def effect_sizes(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cohen's d of each column: the difference of the means in pooled standard deviations."""
    if not len(first) or not len(second):  # all blank, which is a finding of its own
        return np.zeros(len(MEASURES))
    deviation = np.sqrt((first.var(axis=0) + second.var(axis=0)) / 2)
    effects: NDArray[np.float64] = (second.mean(axis=0) - first.mean(axis=0)) / np.maximum(deviation, MIN_DEVIATION)
    return effects


def _extent(inked: Any) -> NDArray[np.intp]:
    """From the first to the last inked row or column, of (N, 28)."""
    extent: NDArray[np.intp] = SIDE - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1)
    return np.where(inked.any(axis=1), extent, 0)


def _evenly(images: Images) -> Images:
    return images[:: 1 + len(images) // EXAMINED]
