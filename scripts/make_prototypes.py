"""Compute the typical images of each digit from MNIST's training set, and store them in tenfold/data/prototypes.npy.

    python scripts/make_prototypes.py

MNIST is downloaded once.
"""

from pathlib import Path

import numpy as np

import tenfold.data
from tenfold.data import load_data
from tenfold.data.prototypes import fit_prototypes
from tenfold.data.split import training_data
from tenfold.files import atomic_write


def main() -> None:
    data = training_data(load_data("mnist:train"))
    assert data.labels is not None
    file = Path(tenfold.data.__path__[0]) / "prototypes.npy"
    with atomic_write(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, fit_prototypes(data.images, data.labels), allow_pickle=False)
    print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
