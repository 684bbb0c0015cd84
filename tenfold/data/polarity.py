"""Which way round the ink is: everything here is white on black, as MNIST is; scans are often black on white."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset

SAMPLE = 1_000  # images looked at: a set is one way round or the other


def is_black_on_white(images: NDArray[np.uint8]) -> bool:
    """Whether most of the outermost pixels of images, uint8 (N, H, W), are light: digits seldom reach the border."""
    sample = images[:: max(1, len(images) // SAMPLE)]
    border = [sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]]
    light = sum(int(np.count_nonzero(edge > 127)) for edge in border)
    return 2 * light > sum(edge.size for edge in border)


def upright(dataset: Dataset) -> Dataset:
    """The data set in white on black: itself, or turned."""
    return replace(dataset, images=255 - dataset.images) if is_black_on_white(dataset.images) else dataset
