"""Small tables beside the images: `labels.csv` with a file name and a label in each row, or labels alone."""

from __future__ import annotations

import csv
from pathlib import PurePosixPath
from typing import NamedTuple

from tenfold.data.formats.columns import LABEL_NAMES, Options, list_names
from tenfold.data.formats.dialect import MIN_CELLS, Dialect, detect, line_blocks
from tenfold.data.formats.labels import parse_label
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.tree import File
from tenfold.errors import DataError, shorten

MAX_ROWS = 1_000_000


class LabelTable(NamedTuple):
    """names: of files, or None for a table of labels alone. labels: as they are written."""

    names: list[str] | None
    labels: list[str]
    column: str


def is_small_table(file: File) -> bool:
    """Whether the first line has too few cells for the pixels of an image."""
    head = file.head()
    line = head.partition(b"\n")[0]
    return bool(line) and max(map(line.count, (b",", b";", b"\t", b"|", b" "))) < MIN_CELLS


def read_label_table(file: File, options: Options, images: set[str]) -> LabelTable:
    """The rows of a small table. images: the names, with and without suffix, that may stand in it."""
    rows = _read_rows(file)
    width = len(rows[0])
    names_column = _names_column(rows, images)
    header = [cell.strip().lower() for cell in rows[0]]
    label = _label_column(header, names_column, options, file)
    has_header = header[label] in LABEL_NAMES or parse_label(rows[0][label]) is None
    body = rows[1:] if has_header and len(rows) > 1 else rows
    for number, row in enumerate(body, 1):
        if len(row) != width:
            raise DataError(f"has {len(row)} cells; expected {width}", file=file.title, row=number)
    names = None if names_column is None else [row[names_column].strip() for row in body]
    return LabelTable(names, [row[label] for row in body], rows[0][label] if has_header else str(label + 1))


def read_labels(file: File, options: Options) -> RawSamples:
    """A table of labels alone, for images in another file."""
    table = read_label_table(file, options, set())
    return RawSamples(None, table.labels, file.title, label_column=table.column)


def _read_rows(file: File) -> list[list[str]]:
    with file.open() as stream:
        dialect = detect(stream.read(1 << 16), file.title)
    if dialect.text_separator is None:
        dialect = Dialect(dialect.encoding)
    rows: list[list[str]] = []
    with file.open() as stream:
        lines = (
            line.decode("utf-8", "backslashreplace")
            for block in line_blocks(stream, file.title, dialect)
            for line in block.splitlines(keepends=True)
        )
        try:
            for row in dialect.reader(lines):
                if row:
                    rows.append(row)
                if len(rows) > MAX_ROWS:
                    raise DataError(f"has more than {MAX_ROWS:,} rows", file=file.title)
        except csv.Error as error:
            raise DataError(f"is not valid CSV ({shorten(error, 60)})", file=file.title) from None
    if not rows:
        raise DataError("is empty; expected labels", file=file.title)
    return rows


def _names_column(rows: list[list[str]], images: set[str]) -> int | None:
    """The column with names of images in most of the first rows."""
    examined = rows[1:50] or rows
    for column in range(len(rows[0])):
        cells = [row[column].strip() for row in examined if column < len(row)]
        if cells and 2 * sum(cell in images or PurePosixPath(cell).name in images for cell in cells) > len(cells):
            return column
    return None


def _label_column(header: list[str], names_column: int | None, options: Options, file: File) -> int:
    if options.label_column is not None:
        if options.label_column.lower() not in header:
            problem = f"has no column {shorten(options.label_column, 40)!r}; it has {list_names(header)}"
            raise DataError(problem, file=file.title)
        return header.index(options.label_column.lower())
    named = [column for column, name in enumerate(header) if name in LABEL_NAMES]
    if named:
        return named[0]
    others = [column for column in range(len(header)) if column != names_column]
    if names_column is not None and len(others) == 1:
        return others[0]
    if names_column is None and len(header) <= 2:
        return len(header) - 1
    raise DataError(f"has the columns {list_names(header)}; say which is the label with --label-column",
                    file=file.title)  # fmt: skip
