"""Parquet tables, read with PyArrow from the extra `formats`: pixel columns, or Hugging Face's pictures as bytes."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.archive import MAX_BYTES
from tenfold.data.formats.columns import LABEL_NAMES, Options, columns_of, ignored_columns, list_names
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
    label = _label_name(names, file, options)
    labels = None if label is None else _labels(table, label)
    others = [each for each in names if each not in (name, label)]
    found = RawSamples(None, labels, file.title, ignored_columns(others), label_column=label)
    values = table.column(name).to_pylist()
    return _from_lists(values, found, name) if isinstance(values[0], list) else _decode_pictures(values, found, name)


def _label_name(names: list[str], file: File, options: Options) -> str | None:
    label = options.label_column or next((each for each in names if each.lower() in LABEL_NAMES), None)
    if label is not None and label not in names:
        raise DataError(f"has no column {shorten(label, 40)!r}; it has {list_names(names)}", file=file.title)
    return label


def _from_lists(values: list[Any], found: RawSamples, column: str) -> RawSamples:
    try:
        return replace(found, images=np.asarray(values, np.float32))
    except (ValueError, TypeError):
        problem = "has lists of different lengths or types; expected 784 pixels"
        raise DataError(problem, file=found.title, column=column) from None


def _decode_pictures(values: list[Any], found: RawSamples, column: str) -> RawSamples:
    from tenfold.data.formats.image_folder import PictureReader

    pictures = [value.get("bytes") if isinstance(value, dict) else value for value in values]
    reader = PictureReader(found.title)
    kept = []
    for index, picture in enumerate(pictures):
        if not isinstance(picture, bytes):
            problem = "holds no picture bytes; expected PNG or JPEG bytes"
            raise DataError(problem, file=found.title, row=index + 1, column=column)
        kept += [index] * reader.add(picture, f"row {index + 1:,}")
    images, notes = reader.finish()
    labels = None if found.labels is None else np.asarray(found.labels)[kept]
    return replace(found, images=images, labels=labels, notes=found.notes + notes)


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
