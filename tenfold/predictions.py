"""Predictions as a file: a table with a row for each image, or an array of probabilities."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import TenfoldError, UnavailableError
from tenfold.files import atomic_write, write_bytes, write_text
from tenfold.images import CLASSES

FORMATS = (".csv", ".npy", ".parquet")


def validate_predictions_path(path: Path) -> Path:
    """Return `path`, if its suffix is one of `FORMATS`, of any case. Raises TenfoldError."""
    if path.suffix.lower() not in FORMATS:
        raise TenfoldError(f"{path}: the name says no format; expected one that ends in {', '.join(FORMATS)}")
    return path


def write_predictions(path: Path, probabilities: NDArray[np.float32], indices: NDArray[np.int64]) -> None:
    """Write probabilities, float32 (N, 10), in the format of the path's suffix.

    The file appears complete or not at all. .csv and .parquet have a row for each image: index (int64, from 0, of the
    image in its source: `indices`), digit, confidence and p0 to p9. .npy has the probabilities alone. Raises
    TenfoldError for another suffix, UnavailableError for .parquet without pyarrow.
    """
    suffix = validate_predictions_path(path).suffix.lower()
    if suffix == ".npy":
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.save(file, probabilities, allow_pickle=False)
    elif suffix == ".csv":
        write_text(path, _to_csv(_columns(probabilities, indices)))
    else:
        write_bytes(path, _to_parquet(_columns(probabilities, indices)))


def _columns(probabilities: NDArray[np.float32], indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {
        "index": indices,
        "digit": probabilities.argmax(axis=1).astype(np.uint8),
        "confidence": probabilities.max(axis=1),
    } | {f"p{digit}": probabilities[:, digit] for digit in range(CLASSES)}


def _to_csv(columns: dict[str, NDArray[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # str() of a float32 has as few digits as give the same float32 again.
    writer.writerows(zip(*([str(value) for value in column] for column in columns.values()), strict=True))
    return text.getvalue()


def _to_parquet(columns: dict[str, NDArray[Any]]) -> bytes:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise UnavailableError(
            "a .parquet file needs the package pyarrow; install it with: pip install 'tenfold[formats]', "
            "or write .csv or .npy"
        ) from None
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()
