"""Kaggle's CSV of digits: columns `pixel0` to `pixel783` and, in training files, `label`, in any order.

There are two parsers. The fast one parses blocks of bytes with NumPy and accepts only the plainest form: integers of
one to three digits, commas, line ends. If it rejects anything, the slow one parses the file row by row with Python's
csv module, and either accepts it (quotes, spaces around numbers, 5.0) or reports the first invalid cell.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.archive import Stream
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE, Images, Labels

LABEL = "label"
PIXELS = [f"pixel{i}" for i in range(SIDE * SIDE)]
EXPECTED = f"expected the columns {PIXELS[0]} to {PIXELS[-1]}, and {LABEL} for training"

BLOCK_BYTES = 1 << 16  # the temporary arrays of one block fit into the second-level cache of the processor
MAX_LINE_BYTES = 1 << 20
MAX_TRAILING_BLANK_LINES = 1000  # a billion of them would pack into a small .gz

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def read_csv(open_stream: Callable[[], Stream], file: str) -> tuple[Images, Labels | None]:
    """Read a whole file: images uint8 (N, 28, 28), labels uint8 (N,) or None if there is no such column.

    open_stream: opens the file; called again if the fast parser rejects it.
    file: its name in errors. Raises DataError with the first invalid row and column.
    """
    with open_stream() as stream:
        blocks = _line_blocks(stream, file)
        header, _, first_rows = next(blocks, b"").partition(b"\n")
        columns = _Columns.from_header(_parse_header(header, file), file)
        parsed = _parse_fast(chain([first_rows], blocks), columns)
    if parsed is None:
        with open_stream() as stream:
            parsed = _parse_slowly(stream, columns, file)
    if not len(parsed[0]):
        raise DataError("has a header but no rows; expected at least one", file=file)
    return parsed


def _line_blocks(stream: Stream, file: str) -> Iterator[bytes]:
    """Blocks of about `BLOCK_BYTES` that end with a line end; one is added to the last line if it is missing."""
    while block := stream.read(BLOCK_BYTES):
        block += stream.readline(MAX_LINE_BYTES)
        if not block.endswith(b"\n"):
            if b"\r" in block.rstrip() and b"\n" not in block and b"\0" not in block:
                raise DataError("has lines that end with CR alone; expected LF or CRLF", file=file)
            if len(block) >= MAX_LINE_BYTES:
                raise DataError("has a line of more than 1 MiB; expected rows of 784 pixels", file=file)
            block += b"\n"
        yield block


# The header


@dataclass(frozen=True)
class _Columns:
    """The column names of a file, and which columns are pixels and label."""

    names: list[str]
    pixels: slice | NDArray[np.intp]  # indices of pixel0 to pixel783
    label: int | None

    @classmethod
    def from_header(cls, names: list[str], file: str) -> _Columns:
        _check_names(names, file)
        index = {name: column for column, name in enumerate(names)}
        pixels = np.array([index[name] for name in PIXELS])
        in_order = bool((np.diff(pixels) == 1).all())
        return cls(names, slice(pixels[0], pixels[-1] + 1) if in_order else pixels, index.get(LABEL))

    def select(self, cells: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Cells, uint8 (N, columns) -> pixels (N, 784) and labels (N,); views if the pixel columns are in order."""
        return cells[:, self.pixels], None if self.label is None else cells[:, self.label]


def _parse_header(line: bytes, file: str) -> list[str]:
    line = line.removesuffix(b"\r").removeprefix(codecs.BOM_UTF8)
    half_is_nul = len(line) // 3 < line.count(0) <= len(line) // 2 + 1
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or half_is_nul:
        raise DataError("is UTF-16 text; save it as UTF-8", file=file)
    if 0 in line:
        raise DataError(f"the header contains NUL bytes; {EXPECTED}", file=file, line=1)
    try:
        names = next(csv.reader([line.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"does not begin with a header; {EXPECTED}", file=file, line=1) from None
    if not any(names):
        problem = "does not begin with a header" if line else "is empty"
        raise DataError(f"{problem}; {EXPECTED}", file=file)
    return names


def _check_names(names: list[str], file: str) -> None:
    if all(NUMBER.fullmatch(name) for name in names):
        raise DataError(f"begins with numbers instead of a header; {EXPECTED}", file=file, line=1)
    if len(names) == 1 and (separator := next((mark for mark in ";\t" if mark in names[0]), None)):
        raise DataError(f"has cells separated by {separator!r}; expected commas", file=file, line=1)
    known = {LABEL, *PIXELS}
    unknown = {column: name for column, name in enumerate(names) if name not in known}
    _check_duplicates(names, known, file)
    _check_missing(names, unknown, file)
    if unknown:
        column, name = next(iter(unknown.items()))
        hint = " (the index of pandas; write with to_csv(..., index=False))" if not name and not column else ""
        raise DataError(f"column {column + 1} has the unknown name {name!r}{hint}; {EXPECTED}", file=file, line=1)


def _check_duplicates(names: list[str], known: set[str], file: str) -> None:
    first: dict[str, int] = {}
    for column, name in enumerate(names):
        if name in known and first.setdefault(name, column) != column:
            problem = f"occurs twice, as columns {first[name] + 1} and {column + 1}; expected it once"
            raise DataError(problem, file=file, column=name)


def _check_missing(names: list[str], unknown: dict[int, str], file: str) -> None:
    present = set(names)
    missing = [name for name in PIXELS if name not in present]
    if not missing:
        return
    problem = "is missing" + (f" (and {len(missing) - 1} more)" if len(missing) > 1 else "")
    if unknown:
        # The one in the expected position of the missing column, or else the first.
        expected_at = PIXELS.index(missing[0]) + (LABEL in present)
        column = expected_at if expected_at in unknown else min(unknown)
        problem += f", and column {column + 1} has the unknown name {unknown[column]!r}"
    raise DataError(f"{problem}; {EXPECTED}", file=file, column=missing[0])


# The fast parser


def _parse_fast(blocks: Iterable[bytes], columns: _Columns) -> tuple[Images, Labels | None] | None:
    """Parse blocks of lines; None if anything is not in the plainest form."""
    # glibc returns memory to the system after every block, at 100,000 page faults per file, until a large array was
    # freed once: then it keeps more. Halves the time of the first file in a process; has no effect elsewhere.
    np.empty(1 << 24, np.uint8)
    pixel_blocks: list[NDArray[np.uint8]] = [np.empty((0, len(PIXELS)), np.uint8)]
    label_blocks: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)]
    for block in blocks:
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        cells = _parse_block(block, len(columns.names))
        if cells is None:
            return None
        pixels, labels = columns.select(cells)
        pixel_blocks.append(pixels)
        if labels is not None:
            if labels.size and labels.max() >= CLASSES:
                return None
            label_blocks.append(labels)
    images = np.concatenate(pixel_blocks).reshape(-1, SIDE, SIDE)
    return images, None if columns.label is None else np.concatenate(label_blocks)


def _parse_block(text: bytes, width: int) -> NDArray[np.uint8] | None:
    """Integers 0 to 255, each followed by a comma or, at the end of a row, a line end -> uint8 (rows, width), or None.

    All bytes are processed at once: the number that ends at a byte is this digit, plus ten times the previous one, plus
    a hundred times the one before that, if these are digits.
    """
    if not text:
        return np.empty((0, width), np.uint8)
    byte = np.frombuffer(text, np.uint8)
    digit = byte - np.uint8(ord("0"))  # wraps around: whatever is not a digit is above 9
    is_digit = digit <= 9
    is_end = ~is_digit
    ends = np.flatnonzero(is_end)

    rows, remainder = divmod(ends.size, width)
    row_ends = byte[ends[width - 1 :: width]]
    if remainder or (row_ends != ord("\n")).any() or np.count_nonzero(byte == ord(",")) != ends.size - rows:
        return None
    if is_end[0] or (is_end[1:] & is_end[:-1]).any():  # an empty cell
        return None
    is_third = is_digit[2:] & is_digit[1:-1] & is_digit[:-2]
    if (is_third[1:] & is_digit[:-3]).any():  # a fourth digit
        return None

    digit *= is_digit.view(np.uint8)
    hundreds = digit[:-2] * is_third.view(np.uint8)
    if (hundreds > 2).any():
        return None
    hundreds *= np.uint8(100)
    number = np.empty(byte.size + 1, np.uint8)  # number[i]: the one that ends just before byte i
    number[1:] = digit
    number[2:] += digit[:-1] * np.uint8(10)
    number[3:] += hundreds
    if (number[3:] < hundreds).any():  # 256 to 299 wrapped around
        return None
    return number[ends].reshape(rows, width)


# The slow parser

_VALUES = {str(value): value for value in range(256)}


def _parse_slowly(stream: Stream, columns: _Columns, file: str) -> tuple[Images, Labels | None]:
    """Parse row by row; raises DataError at the first invalid cell."""
    rows = [_parse_row(row, columns, file, number, line) for number, line, row in _rows(stream, columns, file)]
    cells = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), len(columns.names))
    pixels, labels = columns.select(cells)
    # Copies, because arrays over bytes are read-only.
    return pixels.copy().reshape(-1, SIDE, SIDE), None if labels is None else labels.copy()


def _rows(stream: Stream, columns: _Columns, file: str) -> Iterator[tuple[int, int, list[str]]]:
    """The number, the line and the cells of each row after the header; blank lines are allowed at the end only."""
    reader = csv.reader(_decoded_lines(stream, file), strict=True)
    next(reader)
    number = 1
    first_blank_line: int | None = None
    try:
        for row in reader:
            line = reader.line_num
            if not row:
                first_blank_line = first_blank_line or line
                if line - first_blank_line < MAX_TRAILING_BLANK_LINES:
                    continue
            if first_blank_line:
                raise DataError("is a blank line between rows", file=file, row=number, line=first_blank_line)
            if len(row) != len(columns.names):
                problem = f"has {len(row)} cells; expected {len(columns.names)}, as in the header"
                raise DataError(problem, file=file, row=number, line=line)
            yield number, line, row
            number += 1
    except csv.Error as error:
        raise DataError(f"is not valid CSV ({error})", file=file, row=number, line=reader.line_num) from None


def _decoded_lines(stream: Stream, file: str) -> Iterator[str]:
    for block in _line_blocks(stream, file):
        for line in io.BytesIO(block):
            # Invalid UTF-8 appears escaped in the message about its cell.
            yield line.decode("utf-8", "backslashreplace")


def _parse_row(row: list[str], columns: _Columns, file: str, number: int, line: int) -> bytes:
    try:
        cells = bytes(map(_VALUES.__getitem__, row))
    except KeyError:
        cells = b""
    if cells and (columns.label is None or cells[columns.label] < CLASSES):
        return cells
    values = bytearray()
    for column, (name, cell) in enumerate(zip(columns.names, row, strict=True)):
        value = _parse_cell(cell, CLASSES - 1 if column == columns.label else 255)
        if isinstance(value, str):
            raise DataError(value, file=file, row=number, line=line, column=name)
        values.append(value)
    return bytes(values)


def _parse_cell(cell: str, maximum: int) -> int | str:
    """The integer in a cell, or what is wrong with it."""
    expected = f"expected an integer from 0 to {maximum}"
    text = cell.strip(" \t")
    if not text:
        return f"the cell is empty; {expected}"
    if "\0" in text:
        return f"the cell contains a NUL byte; {expected}"
    quoted = repr(text if len(text) <= 20 else text[:20] + "…")
    if not NUMBER.fullmatch(text):
        return f"{quoted} is not a number; {expected}"
    number = float(text)
    if not 0 <= number <= maximum:
        return f"{quoted} is out of range; {expected}"
    if number != int(number):
        return f"{quoted} is a fraction; {expected}"
    return int(number)
