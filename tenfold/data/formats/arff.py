"""ARFF, Weka's and OpenML's table: attributes with names, then rows of values, dense or sparse."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np

from tenfold.data.formats.archive import Stream
from tenfold.data.formats.columns import Options, columns_of
from tenfold.data.formats.csv import read_csv
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.tree import File
from tenfold.errors import DataError, shorten

ATTRIBUTE = re.compile(r"@attribute\s+(?:'((?:[^'\\]|\\.)*)'|\"([^\"]*)\"|(\S+))\s+\S", re.IGNORECASE)
MAX_LINE_BYTES = 1 << 20
MAX_ATTRIBUTES = 5000
MAX_ROWS = 1_000_000


def read_arff(file: File, options: Options) -> RawSamples:
    """Pixels and labels by the names of the attributes. Raises DataError."""
    with file.open() as stream:
        names = _read_names(stream, file)
        first = _first_row(stream)
    if not first:
        raise DataError("has no rows after @DATA; expected at least one", file=file.title)
    if first.startswith(b"{"):
        return _read_sparse(file, names, options)
    return read_csv(lambda: _open_rows(file), file.title, options, names)


def _read_names(stream: Stream, file: File) -> list[str]:
    """The names of the attributes; the stream is at the first row after that."""
    names: list[str] = []
    while line := stream.readline(MAX_LINE_BYTES):
        text = line.decode("utf-8", "backslashreplace").strip()
        if text.lower().startswith("@data"):
            return names
        if match := ATTRIBUTE.match(text):
            names.append(next(filter(None, match.groups()), ""))
        if len(names) > MAX_ATTRIBUTES:
            break
    raise DataError("has no @DATA after its attributes; expected an ARFF table of 784 pixels", file=file.title)


def _first_row(stream: Stream) -> bytes:
    while line := stream.readline(MAX_LINE_BYTES):
        if line.strip() and not line.startswith(b"%"):
            return line.strip()
    return b""


class _Rows:
    """The rows of a file as a stream of their own, without comments and blank lines."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        lines, count = [], 0
        while count < size and (line := self.readline(MAX_LINE_BYTES)):
            lines.append(line)
            count += len(line)
        return b"".join(lines)

    def readline(self, size: int, /) -> bytes:
        while line := self._stream.readline(size):
            if line.strip() and not line.startswith(b"%"):
                return line
        return b""

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> None:
        self._stream.__exit__(kind, error, trace)


def _open_rows(file: File) -> Stream:
    stream = file.open()
    _read_names(stream, file)
    return _Rows(stream)


def _read_sparse(file: File, names: list[str], options: Options) -> RawSamples:
    """Rows of `{index value, ...}`; values that are left out are 0, the first class among labels."""
    columns = columns_of(names, file.title, options)
    pixels: list[np.ndarray] = []
    labels: list[str] = []
    label = columns.label[0] if len(columns.label) == 1 else None
    with _open_rows(file) as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            values = np.zeros(len(names), np.float32)
            texts = _sparse_cells(line, file, number, len(names))
            if label is not None:
                labels.append(texts.pop(label, "0"))
            try:
                values[list(texts)] = np.array([*texts.values()], np.float32)
            except ValueError as error:
                raise DataError(shorten(error, 80), file=file.title, row=number) from None
            if number > MAX_ROWS:
                raise DataError(f"has more than {MAX_ROWS:,} rows", file=file.title)
            pixels.append(values[columns.pixels])
    name = None if label is None else names[label]
    return RawSamples(np.stack(pixels), labels or None, file.title, columns.notes, label_column=name)


def _sparse_cells(line: bytes, file: File, number: int, width: int) -> dict[int, str]:
    text = line.decode("utf-8", "backslashreplace").strip()
    try:
        pairs = next(csv.reader(io.StringIO(text.strip("{} ")), skipinitialspace=True), [])
        cells = {int(index): value.strip() for index, _, value in (pair.strip().partition(" ") for pair in pairs)}
        if not (text.startswith("{") and text.endswith("}")) or not all(0 <= index < width for index in cells):
            raise ValueError
    except (ValueError, csv.Error):
        problem = f"is no sparse row; expected {{index value, ...}} with indices below {width:,}"
        raise DataError(problem, file=file.title, row=number) from None
    return cells
