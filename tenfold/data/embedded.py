"""`digits`: 1,797 real handwritten digits that come with the package; digits.md names their source and license."""

from importlib.resources import files

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.parts import Part
from tenfold.data.split import stratified_split
from tenfold.images import Images
from tenfold.ocr.enlarge import enlarged
from tenfold.ocr.framing import frame

TEST_SIZE = 360  # a fifth
SPLIT_SEED = 0
MAX_LEVEL = 16  # of the file's gray levels


def read_digits() -> dict[Part, Dataset]:
    """The digits framed to 28x28, in a fixed stratified split of 1,437 training and 360 test samples."""
    with files("tenfold.data").joinpath("digits.npz").open("rb") as file, np.load(file) as arrays:
        small, labels = arrays["images"], arrays["labels"]
    grays = np.rint(small * (255 / MAX_LEVEL)).astype(np.uint8)
    images: Images = np.stack([frame(enlarged(gray)) for gray in grays])
    train, test = stratified_split(labels, TEST_SIZE, SPLIT_SEED)
    return {
        "train": Dataset(images[train], labels[train], "digits, training part"),
        "test": Dataset(images[test], labels[test], "digits, test part"),
    }
