"""Data sets from what a program holds already: arrays, tensors, and tables of pandas or Polars."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from tenfold.data.dataset import Dataset, normalize_polarity
from tenfold.data.formats.columns import Options, columns_of
from tenfold.data.formats.labels import decode_labels
from tenfold.data.formats.pixels import to_images
from tenfold.errors import DataWarning
from tenfold.pixels import check_layout, scale_binary, to_array

INVERTED = "Images are black on white: inverted to white on black."


def from_arrays(images: Any, labels: Any = None, *, source: str = "arrays") -> Dataset:
    """A data set from arrays, tensors or lists.

    images: (N, 28, 28), (N, 28, 28, 1), (N, 1, 28, 28) or (N, 784), of integers from 0 to 255 or any usual scale of
    floats; 8x8, 16x16 and 32x32 pixels are framed to 28x28. labels: (N,) integers, texts or words, or one-hot (N, 10).
    source: what messages call it.

    A DataWarning says what was changed: scaled, framed, or inverted to white on black. Raises DataError for what can't
    be understood.

    >>> import numpy as np
    >>> from_arrays(np.zeros((2, 784), np.uint8), [3, 7])
    Dataset('arrays', 2 samples, labels 3: 1, 7: 1)
    """
    pixels, notes = to_images(check_layout(to_array(images), source), source)
    decoded = None if labels is None else decode_labels(to_array(labels), len(pixels), source)
    return _announce(Dataset(pixels, decoded, source), notes)


def from_frame(
    frame: Any, *, label_column: str | None = None, pixel_columns: str | None = None, source: str = "frame"
) -> Dataset:
    """A data set from a DataFrame of pandas or Polars: a column for each pixel, and one of labels if there are any.

    Columns are recognized by their names, as in a CSV file. label_column, pixel_columns: as for `load_data`, where they
    are not. A DataWarning says what was changed. Raises DataError.

    >>> import pandas as pd
    >>> frame = pd.DataFrame(0, index=range(3), columns=["label", *(f"pixel{i}" for i in range(784))])
    >>> len(from_frame(frame))
    3
    """
    names = [str(name) for name in frame.columns]
    columns = columns_of(names, source, Options(label_column, pixel_columns))
    values = frame.to_numpy()
    pixels, notes = to_images(np.asarray(values[:, columns.pixels].tolist()), source)
    labels = values[:, list(columns.label)] if columns.label else None
    decoded = None if labels is None else decode_labels(np.asarray(labels.tolist()), len(pixels), source)
    return _announce(Dataset(pixels, decoded, source), columns.notes + notes)


def _announce(dataset: Dataset, notes: tuple[str, ...]) -> Dataset:
    """The data set in white on black; warns of each change, where the caller called."""
    images, scaled = scale_binary(dataset.images)
    dataset = replace(dataset, images=images)
    normalized = normalize_polarity(dataset)
    for note in (*notes, *scaled, *([] if normalized is dataset else [INVERTED])):
        warnings.warn(note, DataWarning, stacklevel=3)
    return normalized
