"""Digits as PNG data URIs.

The ink is stored as opacity: a page shows dark ink on light paper, and inverts it in the dark theme.
"""

from __future__ import annotations

import io
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tenfold.data.dataset import Dataset
from tenfold.images import CLASSES, SIDE, Images

SAMPLES_PER_DIGIT = 14


def mosaic(images: Images, columns: int, gap: int = 2) -> NDArray[np.uint8]:
    """A grid of uint8 (N, 28, 28), filled row by row, with `gap` empty pixels between neighbors."""
    rows = -(-len(images) // columns)
    step = SIDE + gap
    canvas = np.zeros((rows * step - gap, columns * step - gap), np.uint8)
    for index, image in enumerate(images):
        top, left = step * (index // columns), step * (index % columns)
        canvas[top : top + SIDE, left : left + SIDE] = image
    return canvas


def strip(images: Images) -> NDArray[np.uint8]:
    """Digits side by side."""
    return mosaic(images, columns=len(images), gap=4)


def png_uri(ink: NDArray[np.uint8]) -> str:
    """Black of the given opacity, uint8 (H, W), as a PNG data URI."""
    pixels = np.stack([np.zeros_like(ink), ink], axis=-1)  # (H, W, 2): luminance, alpha
    file = io.BytesIO()
    Image.fromarray(pixels, "LA").save(file, "PNG", optimize=True)
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def samples_by_digit(dataset: Dataset) -> list[tuple[int, Images]]:
    """The first images of each digit that occurs."""
    assert dataset.labels is not None  # without labels there is nothing to sort by
    samples = []
    for digit in range(CLASSES):
        indices = np.flatnonzero(dataset.labels == digit)[:SAMPLES_PER_DIGIT]
        if len(indices):
            samples.append((digit, dataset.images[indices]))
    return samples
