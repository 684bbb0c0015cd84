"""Keras' `mnist.npz`: the arrays x_train, y_train, x_test and y_test in one zip of `.npy` files."""

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SPLITS, Dataset, Split
from tenfold.data.formats.archive import MAX_BYTES, open_zip
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE

KEYS = [f"{letter}_{split}" for split in SPLITS for letter in "xy"]


def read_npz(path: Path, splits: Collection[Split]) -> dict[Split, Dataset]:
    """Images uint8 (N, 28, 28) and integer labels (N,) 0 to 9 of these splits; never loads a pickle."""
    with open_zip(path) as archive:
        present = [name.removesuffix(".npy") for name in archive.namelist()]
        missing = [key for key in KEYS if key not in present]
        if missing:
            found = ", ".join(present[:8]) or "nothing"
            raise DataError(f"lacks {', '.join(missing)}; it contains {found}", file=path.name)
        return {split: _read_split(archive, split, path.name) for split in splits}


def _read_split(archive: zipfile.ZipFile, split: Split, file: str) -> Dataset:
    images, labels = _read_array(archive, f"x_{split}", file), _read_array(archive, f"y_{split}", file)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise _wrong_array(f"x_{split}", images, "uint8 of shape (N, 28, 28)", file)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise _wrong_array(f"y_{split}", labels, "integers of shape (N,)", file)
    if len(images) != len(labels):
        raise DataError(f"y_{split} contains {len(labels):,} labels for {len(images):,} images", file=file)
    if not len(images):
        raise DataError(f"x_{split} contains no images", file=file)
    invalid = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if invalid.size:
        index = int(invalid[0])
        raise DataError(f"y_{split}[{index}] is {labels[index]}; expected 0 to 9", file=file)
    return Dataset(np.ascontiguousarray(images), labels.astype(np.uint8), f"{split} split of {file}")


def _read_array(archive: zipfile.ZipFile, key: str, file: str) -> NDArray[Any]:
    member = f"{key}.npy"
    try:
        size, dtype = _declared(archive, member)
        available = archive.getinfo(member).file_size
        if size > MAX_BYTES:
            raise DataError(f"{key} declares {size:,} bytes; expected at most {MAX_BYTES >> 30} GiB", file=file)
        if dtype.hasobject:
            raise DataError(f"{key} contains Python objects, which are not loaded; expected numbers", file=file)
        if size > available:
            raise DataError(f"{key} ends early: it declares {size:,} bytes and has {available:,}", file=file)
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:  # NumPy parses headers with Python's tokenizer, which has errors of many kinds
        raise DataError(f"{key} is not a readable array ({error})", file=file) from None


def _declared(archive: zipfile.ZipFile, member: str) -> tuple[int, np.dtype[Any]]:
    """The size in bytes and the type that an array's header declares; NumPy would allocate whatever it says."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
    return math.prod(shape) * dtype.itemsize, dtype


def _wrong_array(key: str, array: NDArray[Any], expected: str, file: str) -> DataError:
    return DataError(f"{key} is {array.dtype} of shape {array.shape}; expected {expected}", file=file)
