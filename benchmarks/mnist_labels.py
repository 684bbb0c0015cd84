"""The labels of the test images in Kaggle-format files, for measuring at the end and for nothing else.

Kaggle's digits are MNIST's, so each test image can be found in public MNIST. Training never sees these labels; the
benchmarks use them after a training, to say how good a submission would be.
"""

import numpy as np

from tenfold.data import Dataset, load_data
from tenfold.images import hash_images


def mnist_labels(test: Dataset) -> np.ndarray:
    """The labels of `test`, uint8 (N,), found by pixels in MNIST. Raises KeyError for an image not there."""
    known: dict[int, int] = {}
    mnist = load_data("mnist")
    for part in (mnist.train, mnist.test):
        assert part is not None
        assert part.labels is not None
        known |= dict(zip(hash_images(part.images).tolist(), part.labels.tolist(), strict=True))
    return np.array([known[key] for key in hash_images(test.images).tolist()], np.uint8)
