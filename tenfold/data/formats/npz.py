"""Keras' `mnist.npz`: the arrays x_train, y_train, x_test and y_test in one zip of `.npy` files."""

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SPLITS, Dataset, Split
from tenfold.data.formats.archive import LIMIT, open_zip
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE

KEYS = [f"{letter}_{part}" for part in SPLITS for letter in "xy"]


def read_npz(path: Path, wanted: Collection[Split]) -> dict[Split, Dataset]:
    """Images uint8 (N, 28, 28) and whole-number labels (N,) 0 to 9 of the wanted parts; no pickle is ever loaded."""
    with open_zip(path) as archive:
        present = [name.removesuffix(".npy") for name in archive.namelist()]
        missing = [key for key in KEYS if key not in present]
        if missing:
            found = ", ".join(present[:8]) or "nothing"
            raise DataError(f"lacks {', '.join(missing)}; it holds {found}", file=path.name)
        return {part: _part(archive, part, path.name) for part in wanted}


def _part(archive: zipfile.ZipFile, part: Split, file: str) -> Dataset:
    images, labels = _array(archive, f"x_{part}", file), _array(archive, f"y_{part}", file)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise _unexpected(f"x_{part}", images, "uint8 of shape (N, 28, 28)", file)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise _unexpected(f"y_{part}", labels, "whole numbers of shape (N,)", file)
    if len(images) != len(labels):
        raise DataError(f"holds {len(labels):,} labels for {len(images):,} images", file=file, column=f"y_{part}")
    if not len(images):
        raise DataError("holds no images", file=file, column=f"x_{part}")
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(f"the label {labels[row]} is out of range; expected 0 to 9", file=file, row=row + 1,
                        column=f"y_{part}")  # fmt: skip
    return Dataset(np.ascontiguousarray(images), labels.astype(np.uint8), f"{part} part of {file}")


def _array(archive: zipfile.ZipFile, key: str, file: str) -> NDArray[Any]:
    member = f"{key}.npy"
    declared = archive.getinfo(member).file_size
    try:
        with archive.open(member) as stream:
            # The header first: NumPy would make room for whatever shape it claims.
            version = np.lib.format.read_magic(stream)
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read_header(stream)
            size = math.prod(shape) * dtype.itemsize
        if size > LIMIT:
            raise DataError(f"claims {size:,} bytes; expected at most {LIMIT >> 30} GiB", file=file, column=key)
        if dtype.hasobject:
            raise DataError("holds Python objects, which are not loaded; expected numbers", file=file, column=key)
        if size > declared:
            raise DataError(f"breaks off: {size:,} bytes are claimed and {declared:,} there", file=file, column=key)
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:  # NumPy reads headers with Python's own tokenizer, which has errors of many kinds
        raise DataError(f"is no readable array ({error})", file=file, column=key) from None


def _unexpected(key: str, array: NDArray[Any], expected: str, file: str) -> DataError:
    return DataError(f"is {array.dtype} of shape {array.shape}; expected {expected}", file=file, column=key)
