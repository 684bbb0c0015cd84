"""`digits`: scikit-learn's handwritten digits, real handwriting that needs no download.

1,797 digits of 8x8 pixels with 17 gray levels, from 43 people (E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998).
"""

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.parts import Part
from tenfold.data.split import stratified_split
from tenfold.errors import Unavailable
from tenfold.images import Images
from tenfold.ocr.enlarge import enlarged
from tenfold.ocr.framing import frame

TEST_ROWS = 360  # a fifth
SPLIT_SEED = 0


def read_digits() -> dict[Part, Dataset]:
    """Framed to 28x28 and split once and for all: 1,437 training and 360 test rows, each digit in proportion."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise Unavailable(
            "digits come with scikit-learn, which is not installed: pip install 'tenfold[train]'"
        ) from None
    digits = load_digits()
    images: Images = np.stack(
        [frame(enlarged(small)) for small in np.rint(digits.images * (255 / 16)).astype(np.uint8)]
    )
    labels = digits.target.astype(np.uint8)
    train, test = stratified_split(labels, TEST_ROWS, SPLIT_SEED)
    return {
        "train": Dataset(images[train], labels[train], "scikit-learn's digits, training part"),
        "test": Dataset(images[test], labels[test], "scikit-learn's digits, test part"),
    }
