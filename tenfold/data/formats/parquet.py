"""Parquet tables, read with PyArrow from the extra `formats`: pixel columns, or Hugging Face's pictures as bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.archive import MAX_BYTES
from tenfold.data.formats.columns import LABEL_NAMES, Options, columns_of, list_names
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.scientific import needs
from tenfold.data.formats.tree import File
from tenfold.errors import DataError, shorten

IMAGE_NAMES = ("image", "img", "images", "picture", "png", "pixels", "x")


def read_parquet(file: File, options: Options) -> RawSamples:
    """One table. Raises UnavailableError without PyArrow, DataError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise needs("pyarrow", file.title) from None
    content = file.read()
    try:
        opened = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        size = sum(opened.metadata.row_group(group).total_byte_size for group in range(opened.metadata.num_row_groups))
        if size > MAX_BYTES:
            raise DataError(f"unpacks to {size:,} bytes; expected at most {MAX_BYTES >> 30} GiB", file=file.title)
        table = opened.read()
    except DataError:
        raise
    except Exception as error:  # PyArrow's errors are of many kinds
        raise DataError(f"is a damaged Parquet table ({shorten(error, 80)})", file=file.title) from None
    if not table.num_rows:
        raise DataError("has no rows; expected at least one", file=file.title)
    return _read_pictures(table, file, options) or _read_columns(table, file, options)


def _read_pictures(table: Any, file: File, options: Options) -> RawSamples | None:
    """A column of encoded pictures, or of lists of pixels."""
    names = table.column_names
    name = next((each for each in names if each.lower() in IMAGE_NAMES), None)
    if name is None:
        return None
    values = table.column(name).to_pylist()
    label = options.label_column or next((each for each in names if each.lower() in LABEL_NAMES), None)
    if label is not None and label not in names:
        raise DataError(f"has no column {shorten(label, 40)!r}; it has {list_names(names)}", file=file.title)
    labels = None if label is None else _labels(table, label)
    others = [each for each in names if each not in (name, label)]
    notes = (f"Ignored the {'column' if len(others) == 1 else 'columns'} {list_names(others)}.",) if others else ()
    if isinstance(values[0], list):
        try:
            images = np.asarray(values, np.float32)
        except (ValueError, TypeError):
            raise DataError("has lists of different lengths or types; expected 784 pixels", file=file.title,
                            column=name) from None  # fmt: skip
        return RawSamples(images, labels, file.title, notes, label_column=label)
    pictures = [value.get("bytes") if isinstance(value, dict) else value for value in values]
    encoded = [picture for picture in pictures if isinstance(picture, bytes)]
    if len(encoded) < len(pictures):
        raise DataError("holds no picture bytes; expected PNG or JPEG bytes in each row", file=file.title, column=name)
    return _decode_pictures(encoded, labels, RawSamples(None, None, file.title, notes, label_column=label))


def _decode_pictures(pictures: list[bytes], labels: Any, found: RawSamples) -> RawSamples:
    from tenfold.data.formats.image_folder import PictureReader

    reader = PictureReader(found.title)
    kept = [index for index, picture in enumerate(pictures) if reader.add(picture, f"row {index + 1:,}")]
    images, notes = reader.finish()
    decoded = None if labels is None else np.asarray(labels)[kept]
    return RawSamples(images, decoded, found.title, found.notes + notes, label_column=found.label_column)


def _read_columns(table: Any, file: File, options: Options) -> RawSamples:
    columns = columns_of([str(name) for name in table.column_names], file.title, options)
    try:
        pixels = np.stack([_numbers(table.column(int(index))) for index in columns.pixel_indices], axis=1)
    except (ValueError, TypeError) as error:
        raise DataError(f"has pixels that are no numbers ({shorten(error, 60)})", file=file.title) from None
    labels: Any = None
    if len(columns.label) == 1:
        labels = _labels(table, table.column_names[columns.label[0]])
    elif columns.label:
        labels = np.stack([_numbers(table.column(index)) for index in columns.label], axis=1)
    name = columns.names[columns.label[0]] if len(columns.label) == 1 else None
    return RawSamples(pixels, labels, file.title, columns.notes, label_column=name)


def _numbers(column: Any) -> NDArray[Any]:
    array = column.to_numpy()
    return np.asarray(array if array.dtype.kind in "biuf" else array.astype(np.float32))


def _labels(table: Any, name: str) -> Any:
    values = table.column(name).to_pylist()
    return [str(value) for value in values] if not isinstance(values[0], int | float | bool) else _plain(values)


def _plain(values: list[Any]) -> NDArray[Any]:
    return np.array([np.nan if value is None else value for value in values])
