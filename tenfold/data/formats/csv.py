"""Kaggle's CSV of digits: columns `pixel0` to `pixel783` and, in training files, `label`, in any order.

Two parsers read it. The fast one works on the bytes of whole blocks with NumPy and knows one spelling only: plain
numbers of one to three digits, commas, line ends. Whatever it refuses goes to the slow one, row by row through
Python's csv module, which either accepts it (quotes, blanks around numbers, 5.0) or names the first wrong cell.
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

Digits = tuple[Images, Labels | None]

LABEL = "label"
PIXELS = [f"pixel{i}" for i in range(SIDE * SIDE)]
EXPECTED = f"the columns {PIXELS[0]} to {PIXELS[-1]}, and {LABEL} in training rows"

BLOCK = 1 << 16  # bytes parsed at a time: the temporaries of one block stay in the processor's second cache
LONGEST_LINE = 1 << 20
BLANK_LINES = 1000  # at the end; a billion of them pack into a small .gz

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def read_csv(open_stream: Callable[[], Stream], file: str) -> Digits:
    """Read a whole file: images uint8 (N, 28, 28), labels uint8 (N,) or None where there is no such column.

    open_stream: opens the file from its start; called a second time where the fast parser refuses.
    file: its name in errors. Raises DataError that names the first wrong row and column.
    """
    with open_stream() as stream:
        blocks = _whole_lines(stream, file)
        header, _, first = next(blocks, b"").partition(b"\n")
        layout = _Layout.of(_header(header, file), file)
        digits = _read_blocks(chain([first], blocks), layout)
    if digits is None:
        with open_stream() as stream:
            digits = _read_rows(stream, layout, file)
    if not len(digits[0]):
        raise DataError("has a header and no rows", file=file)
    return digits


def _whole_lines(stream: Stream, file: str) -> Iterator[bytes]:
    """Blocks of about `BLOCK` bytes that end where a line ends; a missing last line end is added."""
    while block := stream.read(BLOCK):
        block += stream.readline(LONGEST_LINE)
        if not block.endswith(b"\n"):
            if b"\r" in block.rstrip() and not any(byte in block for byte in b"\n\0"):
                raise DataError("has lines that end in CR alone; expected LF or CRLF", file=file)
            if len(block) >= LONGEST_LINE:
                raise DataError("holds a line of more than 1 MiB, which is no row of digits", file=file)
            block += b"\n"
        yield block


# The header


@dataclass(frozen=True)
class _Layout:
    """Where the columns of one file stand."""

    names: list[str]
    pixels: slice | NDArray[np.intp]  # pixel0 to pixel783 as columns of the file
    label: int | None

    @classmethod
    def of(cls, names: list[str], file: str) -> _Layout:
        _check_names(names, file)
        at = {name: column for column, name in enumerate(names)}
        pixels = np.array([at[name] for name in PIXELS])
        in_order = bool((np.diff(pixels) == 1).all())
        return cls(names, slice(pixels[0], pixels[-1] + 1) if in_order else pixels, at.get(LABEL))

    def split(self, cells: NDArray[np.uint8]) -> Digits:
        """Cells of whole rows, uint8 (N, columns) -> pixels (N, 784), labels (N,); views where the order allows."""
        return cells[:, self.pixels], None if self.label is None else cells[:, self.label]


def _header(line: bytes, file: str) -> list[str]:
    line = line.removesuffix(b"\r").removeprefix(codecs.BOM_UTF8)
    if (
        line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        or len(line) // 3 < line.count(0) <= len(line) // 2 + 1
    ):
        raise DataError("is UTF-16 text; save it as UTF-8", file=file)
    if 0 in line:
        raise DataError("holds NUL bytes where the header should be", file=file, line=1)
    try:
        names = next(csv.reader([line.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"does not begin with a header; expected {EXPECTED}", file=file, line=1) from None
    if not any(names):
        problem = "is empty" if not line else "does not begin with a header"
        raise DataError(f"{problem}; expected {EXPECTED}", file=file)
    return names


def _check_names(names: list[str], file: str) -> None:
    known = {LABEL, *PIXELS}
    unknown = {column: name for column, name in enumerate(names) if name not in known}
    if all(_NUMBER.fullmatch(name) for name in names):
        raise DataError(f"begins with numbers instead of a header; expected {EXPECTED}", file=file, line=1)
    if len(names) == 1 and (other := next((mark for mark in ";\t" if mark in names[0]), None)):
        raise DataError(f"has cells parted by {other!r}; expected commas", file=file, line=1)
    first_at: dict[str, int] = {}
    for column, name in enumerate(names):
        if name in known and first_at.setdefault(name, column) != column:
            raise DataError(f"stands twice, as columns {first_at[name] + 1} and {column + 1}", file=file, column=name)
    missing = [name for name in PIXELS if name not in first_at]
    if missing:
        problem = "is missing" + (f" ({len(missing)} columns are)" if len(missing) > 1 else "")
        if unknown:
            # The one that stands where the missing one should, or else the first.
            home = PIXELS.index(missing[0]) + (LABEL in first_at)
            column = home if home in unknown else min(unknown)
            problem += f", and column {column + 1} has the unknown name {unknown[column]!r}"
        raise DataError(f"{problem}; expected {EXPECTED}", file=file, column=missing[0])
    if unknown:
        column, name = next(iter(unknown.items()))
        hint = " (pandas writes its index so; to_csv(..., index=False) does not)" if not name and not column else ""
        raise DataError(
            f"column {column + 1} has the unknown name {name!r}{hint}; expected {EXPECTED}", file=file, line=1
        )


# The fast parser


def _read_blocks(blocks: Iterable[bytes], layout: _Layout) -> Digits | None:
    """Parse blocks of whole lines; None where anything is not in the plainest form."""
    # glibc gives memory back to the system after every block, at 100,000 page faults a file, until it has seen
    # a large array freed: then it keeps more. Halves the first reading in a process; does nothing elsewhere.
    np.empty(1 << 24, np.uint8)
    pixels: list[NDArray[np.uint8]] = [np.empty((0, len(PIXELS)), np.uint8)]
    labels: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)]
    for block in blocks:
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        cells = _parse(block, len(layout.names))
        if cells is None:
            return None
        some_pixels, some_labels = layout.split(cells)
        pixels.append(some_pixels)
        if some_labels is not None:
            if some_labels.size and some_labels.max() >= CLASSES:
                return None
            labels.append(some_labels)
    images = np.concatenate(pixels).reshape(-1, SIDE, SIDE)
    return images, None if layout.label is None else np.concatenate(labels)


def _parse(text: bytes, width: int) -> NDArray[np.uint8] | None:
    """Numbers 0 to 255, each closed by a comma or, as the last of a row, a line end -> uint8 (rows, width), or None.

    Everything is done for all bytes at once: the number that ends at a byte is that digit, plus ten times the byte
    before it, plus a hundred times the one before that, as far as those are digits.
    """
    if not text:
        return np.empty((0, width), np.uint8)
    byte = np.frombuffer(text, np.uint8)
    digit = byte - np.uint8(ord("0"))  # wraps: whatever is no digit is above 9
    is_digit = digit <= 9
    is_end = ~is_digit
    ends = np.flatnonzero(is_end)

    rows, over = divmod(ends.size, width)
    row_ends = byte[ends[width - 1 :: width]]
    if over or (row_ends != ord("\n")).any() or np.count_nonzero(byte == ord(",")) != ends.size - rows:
        return None
    if is_end[0] or (is_end[1:] & is_end[:-1]).any():  # a blank cell
        return None
    is_third = is_digit[2:] & is_digit[1:-1] & is_digit[:-2]
    if (is_third[1:] & is_digit[:-3]).any():  # a fourth digit
        return None

    digit *= is_digit.view(np.uint8)
    hundreds = digit[:-2] * is_third.view(np.uint8)
    if (hundreds > 2).any():
        return None
    hundreds *= np.uint8(100)
    before = np.empty(byte.size + 1, np.uint8)  # before[i]: the number that ends just before byte i
    before[1:] = digit
    before[2:] += digit[:-1] * np.uint8(10)
    before[3:] += hundreds
    if (before[3:] < hundreds).any():  # 256 to 299 wrapped
        return None
    return before[ends].reshape(rows, width)


# The slow parser

_VALUES = {str(value): value for value in range(256)}


def _read_rows(stream: Stream, layout: _Layout, file: str) -> Digits:
    """Read row by row; raises DataError at the first wrong cell."""
    reader = csv.reader(_lines(stream, file), strict=True)
    next(reader)
    rows: list[bytes] = []
    blank: tuple[int, int] | None = None
    try:
        for row in reader:
            number, line = len(rows) + 1, reader.line_num
            if not row:
                blank = blank or (number, line)
                if line - blank[1] < BLANK_LINES:
                    continue
            if blank:  # blank lines do no harm at the end only
                raise DataError("is a blank line between rows", file=file, row=blank[0], line=blank[1])
            if len(row) != len(layout.names):
                problem = f"has {len(row)} cells; expected {len(layout.names)}, as in the header"
                raise DataError(problem, file=file, row=number, line=line)
            try:
                cells = bytes(map(_VALUES.__getitem__, row))
                if layout.label is not None and cells[layout.label] >= CLASSES:
                    raise KeyError
            except KeyError:
                cells = _row_values(row, layout, file, number, line)
            rows.append(cells)
    except csv.Error as error:
        raise DataError(f"is not CSV ({error})", file=file, row=len(rows) + 1, line=reader.line_num) from None
    table = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), len(layout.names))
    pixels, labels = layout.split(table)
    # Copies, as what comes from bytes can't be written to.
    return pixels.copy().reshape(-1, SIDE, SIDE), None if labels is None else labels.copy()


def _lines(stream: Stream, file: str) -> Iterator[str]:
    for block in _whole_lines(stream, file):
        for line in io.BytesIO(block):
            # What is not UTF-8 shows in the message about its cell.
            yield line.decode("utf-8", "backslashreplace")


def _row_values(row: list[str], layout: _Layout, file: str, number: int, line: int) -> bytes:
    values = bytearray()
    for column, (name, cell) in enumerate(zip(layout.names, row, strict=True)):
        value = _value(cell, CLASSES - 1 if column == layout.label else 255)
        if isinstance(value, str):
            raise DataError(value, file=file, row=number, line=line, column=name)
        values.append(value)
    return bytes(values)


def _value(cell: str, top: int) -> int | str:
    """The whole number in a cell, or what is wrong with it."""
    expected = f"expected a whole number from 0 to {top}"
    text = cell.strip(" \t")
    if not text:
        return f"the cell is blank; {expected}"
    if "\0" in text:
        return f"the cell holds a NUL byte; {expected}"
    shown = repr(text if len(text) <= 20 else text[:20] + "…")
    if not _NUMBER.fullmatch(text):
        return f"{shown} is not a number; {expected}"
    number = float(text)
    if not 0 <= number <= top:
        return f"{shown} is out of range; {expected}"
    if number != int(number):
        return f"{shown} is a fraction; {expected}"
    return int(number)
