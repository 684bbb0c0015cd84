"""Tables of digits as text: a row an image, with or without a header, in any of the usual separators and encodings.

There are three parsers. The fast one parses blocks of bytes with NumPy and accepts only the plainest form: integers of
one to three digits, one separator, line ends. If it rejects anything, NumPy's own parser reads the table as floats,
which takes fractions, quotes and spaces. If that fails too, a slow one parses row by row with Python's csv module, and
either accepts the table (labels that are texts) or reports the first invalid cell.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.archive import Stream
from tenfold.data.formats.columns import EXPECTED, NO_OPTIONS, Columns, Options, columns_of, columns_without_header
from tenfold.data.formats.dialect import MIN_CELLS, Dialect, detect, line_blocks
from tenfold.data.formats.raw import RawSamples
from tenfold.errors import DataError, shorten
from tenfold.sniff import HEAD_BYTES, foreign

MAX_TRAILING_BLANK_LINES = 1000  # a billion of them would pack into a small .gz
EXAMINED_ROWS = 200  # of a table without header

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
MANGLED = re.compile(r"\d+(\.\d+)?\.\d+")  # what pandas makes of a row of numbers that it takes for a header


def read_csv(
    open_stream: Callable[[], Stream], file: str, options: Options = NO_OPTIONS, names: list[str] | None = None
) -> RawSamples:
    """Read a whole table: pixels (N, 784), and labels if there is such a column.

    open_stream: opens the file; called again for each parser. file: its name in errors and notes. names: of the
    columns, for a table whose header is elsewhere.

    Raises DataError with the first invalid row and column.
    """
    with open_stream() as stream:
        head = stream.read(1 << 16)
    dialect = detect(head, file)
    with open_stream() as stream:
        blocks = line_blocks(stream, file, dialect)
        first_block = next(blocks, b"")
        columns, has_header = _columns(first_block, file, dialect, options, names)
        rows = first_block.partition(b"\n")[2] if has_header else first_block
        parsed = _parse_fast(chain([rows], blocks), columns, dialect)
    table = _Table(open_stream, file, dialect, columns, has_header)
    pixels, labels = parsed or _parse_floats(table) or _parse_slowly(table)
    if not len(pixels):
        raise DataError("has a header but no rows; expected at least one", file=file)
    return RawSamples(pixels, labels, file, columns.notes, label_column=_label_name(columns))


def _label_name(columns: Columns) -> str | None:
    return columns.names[columns.label[0]] if len(columns.label) == 1 else None


# The header


def _columns(
    block: bytes, file: str, dialect: Dialect, options: Options, names: list[str] | None
) -> tuple[Columns, bool]:
    """The columns, and whether the first line is a header."""
    if names is not None:
        return columns_of(names, file, options), False
    line, _, rest = block.partition(b"\n")
    names = _parse_header(line, block[:HEAD_BYTES], file, dialect)
    cells = [dialect.plain(name) for name in names]
    if not all(map(NUMBER.fullmatch, cells)):
        _check_mangled(cells, file)
        return columns_of(names, file, options), True
    if len(cells) > MIN_CELLS and _are_consecutive(cells):
        return columns_of(names, file, options), True
    lines = [line, *rest.split(b"\n")[: EXAMINED_ROWS - 1]]
    return columns_without_header(_numbers_in(lines, len(names), dialect), file, options), False


def _check_mangled(cells: list[str], file: str) -> None:
    """Raise DataError if pandas took a row of pixels for the header and wrote it as one."""
    if sum(bool(MANGLED.fullmatch(cell)) for cell in cells) > MIN_CELLS:
        problem = "has pixels as its header, numbered by pandas (0.1, 0.2); write it again from read_csv(header=None)"
        raise DataError(problem, file=file, line=1)


def _numbers_in(lines: list[bytes], width: int, dialect: Dialect) -> NDArray[np.float64]:
    """The rows of the first lines that are complete and plain numbers, float64 (R, width)."""
    rows = [[dialect.plain(cell) for cell in dialect.split(line)] for line in lines if line.strip()]
    return np.array([list(map(float, row)) for row in rows if len(row) == width and all(map(NUMBER.fullmatch, row))])


def _are_consecutive(cells: list[str]) -> bool:
    """Whether numbers are names: 0 to 783, perhaps with one other, the label's, before or after."""
    numbers = [float(cell) for cell in cells]
    return any(
        all(after - before == 1 for before, after in itertools.pairwise(part)) for part in (numbers[1:], numbers[:-1])
    )


def _parse_header(line: bytes, head: bytes, file: str, dialect: Dialect) -> list[str]:
    if not head.strip():
        raise DataError(f"is empty; {EXPECTED}", file=file)
    if sentence := foreign(head, EXPECTED):
        raise DataError(sentence, file=file)
    if 0 in line:
        raise DataError(f"the header contains NUL bytes; {EXPECTED}", file=file, line=1)
    try:
        names = dialect.split(line, strict=True)
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"does not begin with a header; {EXPECTED}", file=file, line=1) from None
    if not any(names) or sum(not name.isprintable() for name in names):
        raise DataError(f"does not begin with a header; {EXPECTED}", file=file)
    names[0] = names[0].lstrip("# ")
    return names


# The fast parser


def _parse_fast(
    blocks: Iterable[bytes], columns: Columns, dialect: Dialect
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None] | None:
    """Parse blocks of lines to pixels (N, P) and labels; None if anything is not in the plainest form."""
    # glibc returns memory to the system after every block, at 100,000 page faults per file, until a large array was
    # freed once: then it keeps more. Halves the time of the first file in a process; has no effect elsewhere.
    np.empty(1 << 24, np.uint8)
    pixel_blocks: list[NDArray[np.uint8]] = [np.empty((0, len(columns.pixel_indices)), np.uint8)]
    label_blocks: list[NDArray[np.uint8]] = [np.empty((0, len(columns.label)), np.uint8)]
    for block in blocks:
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        if dialect.separator != b",":
            if b"," in block:
                return None
            block = block.replace(dialect.separator, b",")
        cells = _parse_block(block, len(columns.names))
        if cells is None:
            return None
        pixel_blocks.append(cells[:, columns.pixels])
        label_blocks.append(cells[:, list(columns.label)])
    return np.concatenate(pixel_blocks), np.concatenate(label_blocks) if columns.label else None


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


# NumPy's parser


class _Table:
    """What the two other parsers need to know of a file."""

    def __init__(
        self, open_stream: Callable[[], Stream], file: str, dialect: Dialect, columns: Columns, has_header: bool
    ) -> None:
        self.open_stream, self.file, self.dialect, self.columns = open_stream, file, dialect, columns
        self.has_header = has_header

    def lines(self, stream: Stream) -> Iterator[str]:
        """The lines with the header. Invalid UTF-8 appears escaped in the message about its cell."""
        for block in line_blocks(stream, self.file, self.dialect):
            for line in io.BytesIO(block):
                yield line.decode("utf-8", "backslashreplace")


def _parse_floats(table: _Table) -> tuple[NDArray[Any], NDArray[Any] | None] | None:
    """Pixels and labels as float32 if all cells are finite numbers in a range of pixels; else None."""
    columns, dialect = table.columns, table.dialect
    try:
        with table.open_stream() as stream:
            lines = _even_lines(table.lines(stream), table)
            first = next(lines, None)
            if first is None:
                return None
            rows = chain([first], lines)
            cells = np.loadtxt(rows, np.float32, None, dialect.text_separator, quotechar='"', ndmin=2)
    except ValueError:
        return None
    if cells.shape[1] != len(columns.names) or not np.isfinite(cells).all():
        return None
    pixels = cells[:, columns.pixels]
    low, high = pixels.min(initial=0), pixels.max(initial=0)
    if high > 1 and (low < 0 or high > 255 or (np.floor(pixels) != pixels).any()) and not -0.5 < low < high < 2.9:
        return None
    return pixels, cells[:, list(columns.label)] if columns.label else None


def _even_lines(lines: Iterator[str], table: _Table) -> Iterator[str]:
    """The rows after the header. Raises ValueError for a blank line between them, and for one of another length."""
    separator = table.dialect.text_separator
    blank = 0
    if table.has_header:
        next(lines, "")
    for line in lines:
        if not line.strip():
            blank += 1
            if blank > MAX_TRAILING_BLANK_LINES:
                raise ValueError
            continue
        if blank or (separator and line.count(separator) != len(table.columns.names) - 1):
            raise ValueError
        yield table.dialect.plain(line)


# The slow parser


def _parse_slowly(table: _Table) -> tuple[NDArray[Any], Any]:
    """Parse row by row; raises DataError at the first invalid cell. Labels may be texts."""
    label = table.columns.label
    pixels, labels = [], []
    with table.open_stream() as stream:
        for number, line, row in _rows(stream, table):
            pixels.append(_parse_row(row, table, number, line))
            labels.append([row[column].strip() for column in label])
    images = np.frombuffer(b"".join(pixels), np.uint8).reshape(len(pixels), -1) if pixels else np.empty((0, 784))
    if len(label) == 1:
        return images, [cells[0] for cells in labels]
    return images, np.array([[float(cell or 0) for cell in cells] for cells in labels]) if label else None


def _rows(stream: Stream, table: _Table) -> Iterator[tuple[int, int, list[str]]]:
    """The number, the line and the cells of each row after the header; blank lines are allowed at the end only."""
    file, width = table.file, len(table.columns.names)
    reader = table.dialect.reader(table.lines(stream))
    if table.has_header:
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
            if len(row) != width:
                problem = f"has {len(row):,} cells; expected {width}" + ", as in the header" * table.has_header
                raise DataError(problem, file=file, row=number, line=line)
            yield number, line, row
            number += 1
    except csv.Error as error:
        raise DataError(f"is not valid CSV ({shorten(error, 60)})", file=file, row=number,
                        line=reader.line_num) from None  # fmt: skip


_VALUES = {str(value): value for value in range(256)}


def _parse_row(row: list[str], table: _Table, number: int, line: int) -> bytes:
    columns = table.columns
    cells = [row[column] for column in columns.pixel_indices] if columns.label else row
    _check_labels(row, table, number, line)
    try:
        return bytes(map(_VALUES.__getitem__, cells))
    except KeyError:
        pass
    values = bytearray()
    for column in columns.pixel_indices:
        value = _parse_cell(table.dialect.plain(row[column]))
        if isinstance(value, str):
            raise DataError(value, file=table.file, row=number, line=line, column=columns.names[column])
        values.append(value)
    return bytes(values)


def _check_labels(row: list[str], table: _Table, number: int, line: int) -> None:
    for column in table.columns.label:
        if not row[column].strip():
            problem = "the cell is empty; expected an integer from 0 to 9"
            raise DataError(problem, file=table.file, row=number, line=line, column=table.columns.names[column])


def _parse_cell(cell: str) -> int | str:
    """The integer in a cell, or what is wrong with it."""
    expected = "expected an integer from 0 to 255"
    text = cell.strip(" \t")
    if not text:
        return f"the cell is empty; {expected}"
    if "\0" in text:
        return f"the cell contains a NUL byte; {expected}"
    quoted = repr(text if len(text) <= 20 else text[:20] + "…")
    if not NUMBER.fullmatch(text):
        return f"{quoted} is not a number; {expected}"
    number = float(text)
    if not 0 <= number <= 255:
        return f"{quoted} is out of range; {expected}"
    if number != int(number):
        return f"{quoted} is a fraction; {expected}"
    return int(number)
