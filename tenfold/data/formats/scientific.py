"""MATLAB's `.mat` and HDF5's `.h5`, read with SciPy and h5py from the extra `formats`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.archive import MAX_BYTES
from tenfold.data.formats.arrays import Samples, assign_arrays
from tenfold.data.formats.tree import File
from tenfold.errors import DataError, UnavailableError, shorten

MAX_ARRAYS = 100  # of one file
MAX_DEPTH = 4  # of groups and structures


def needs(package: str, file: str) -> UnavailableError:
    """The error for a missing optional package."""
    return UnavailableError(
        f"{shorten(file)}: needs the package {package}; install it with: pip install 'tenfold[formats]'"
    )


def read_mat(file: File, splits: Collection[str]) -> Samples:
    """The arrays of a MATLAB file up to version 7; also EMNIST's, whose arrays are inside a structure."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise needs("scipy", file.title) from None
    content = file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            variables = loadmat(io.BytesIO(content), squeeze_me=False, struct_as_record=True)
    except Exception as error:  # SciPy's readers have errors of many kinds
        raise DataError(f"is a damaged MATLAB file ({shorten(error, 80)})", file=file.title) from None
    arrays = dict(_named_arrays({name: value for name, value in variables.items() if not name.startswith("__")}))
    return _with_matlab_labels(
        assign_arrays({name: partial(np.asarray, array) for name, array in arrays.items()}, file.title, splits)
    )


def _named_arrays(variables: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, NDArray[Any]]]:
    """Numeric arrays with the path of the structures that they are in: `dataset_train_images`."""
    for name, value in variables.items():
        if not isinstance(value, np.ndarray):
            continue
        if value.dtype.names and value.size == 1 and depth < MAX_DEPTH:
            fields = {field: value[field].ravel()[0] for field in value.dtype.names if field != "writers"}
            yield from _named_arrays(fields, f"{prefix}{name}_", depth + 1)
        elif value.dtype.kind in "biufU" and value.size > 1:
            yield prefix + name, value


def _with_matlab_labels(samples: Samples) -> Samples:
    """Labels 1 to 10, where 10 stands for 0 because MATLAB counts from 1, become 0 to 9."""
    for split, found in samples.items():
        labels = np.asarray(found.labels) if found.labels is not None else np.empty(0)
        if labels.size and labels.dtype.kind in "iuf" and labels.min() == 1 and labels.max() == 10:
            note = "Labels are from 1 to 10: 10 was taken as 0, as in MATLAB."
            samples[split] = replace(found, labels=labels % 10, notes=(*found.notes, note))
    return samples


def read_hdf5(file: File, splits: Collection[str]) -> Samples:
    """The data sets of an HDF5 file, also in groups: `train/data`, `test/target` as in USPS'."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise needs("h5py", file.title) from None
    content = file.read()
    arrays: dict[str, Any] = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and len(arrays) < MAX_ARRAYS:
            arrays[name] = item

    def load(name: str) -> NDArray[Any]:
        item = arrays[name]
        if item.nbytes > MAX_BYTES or item.dtype.hasobject:
            raise DataError(f"{shorten(name, 40)} declares {item.nbytes:,} bytes; expected numbers of at most "
                            f"{MAX_BYTES >> 30} GiB", file=file.title)  # fmt: skip
        return np.asarray(item[()])

    try:
        with h5py.File(io.BytesIO(content), "r") as opened:
            opened.visititems(collect)
            return assign_arrays({name: partial(load, name) for name in arrays}, file.title, splits)
    except DataError:
        raise
    except Exception as error:  # h5py turns HDF5's errors into those of Python, of many kinds
        raise DataError(f"is a damaged HDF5 file ({shorten(error, 80)})", file=file.title) from None
