"""How a table is written as text: its encoding, what separates its cells, and decimal commas."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tenfold.data.formats.archive import Stream
from tenfold.errors import DataError

BLOCK_BYTES = 1 << 16  # the temporary arrays of one block fit into the second-level cache of the processor
MAX_LINE_BYTES = 1 << 20
MIN_CELLS = 60  # of a row of pixels: 8x8 at least
SEPARATORS = ("\t", ";", ",", "|")
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16 does
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Dialect:
    """encoding: "utf-8", or what is converted to it. text_separator: None for any number of spaces."""

    encoding: str = "utf-8"
    text_separator: str | None = ","
    has_decimal_comma: bool = False

    @property
    def separator(self) -> bytes:
        return (self.text_separator or " ").encode()

    def plain(self, text: str) -> str:
        """A cell, or a line, with decimal points."""
        return text.replace(",", ".") if self.has_decimal_comma else text

    def split(self, line: bytes, strict: bool = False) -> list[str]:
        """The cells of one line. Raises csv.Error, and UnicodeDecodeError if `strict`."""
        text = line.decode("utf-8", "strict" if strict else "backslashreplace").removesuffix("\r")
        row: list[str] = next(iter(self.reader(iter([text]))), [])
        return row

    def reader(self, lines: Iterator[str]) -> Any:
        """A csv reader of decoded lines, with `line_num`."""
        if self.text_separator is None:
            return _SpacedReader(lines)
        return csv.reader(lines, delimiter=self.text_separator, strict=True)


class _SpacedReader:
    """Cells separated by spaces, as csv.reader gives those with one separator."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.line_num = 0

    def __iter__(self) -> _SpacedReader:
        return self

    def __next__(self) -> list[str]:
        line = next(self._lines)
        self.line_num += 1
        return [cell.strip("\"'") for cell in line.split()]


def detect(head: bytes, file: str) -> Dialect:
    """The dialect of a file that begins with `head`."""
    encoding = _encoding(head)
    text = head.decode(encoding, "replace")
    lines = [line for line in text.splitlines()[:3] if line.strip()]
    if not lines:
        return Dialect(encoding)
    if encoding == "utf-8" and _ends_with_cr(head):
        raise DataError("has lines that end with CR alone; expected LF or CRLF", file=file)
    line = lines[min(1, len(lines) - 1)]
    for separator in SEPARATORS:
        if line.count(separator) >= MIN_CELLS:
            has_decimal_comma = separator != "," and bool(re.search(r"\d,\d", line))
            return Dialect(encoding, separator, has_decimal_comma)
    if len(line.split()) >= MIN_CELLS:
        return Dialect(encoding, None, bool(re.search(r"\d,\d", line)))
    counts = {separator: lines[0].count(separator) for separator in SEPARATORS}
    best = max(counts, key=counts.__getitem__)
    return Dialect(encoding, best if counts[best] else ",")


def _encoding(head: bytes) -> str:
    for bom, encoding in BOMS.items():
        if head.startswith(bom):
            return encoding
    sample = head[:2000]
    if len(sample) // 3 < sample.count(0) <= len(sample) // 2 + 1:  # every second byte of plain text is 0
        return "utf-16-be" if sample[:1] == b"\0" else "utf-16-le"
    return "utf-8"


def _ends_with_cr(head: bytes) -> bool:
    return b"\r" in head.rstrip() and b"\n" not in head and b"\0" not in head


def line_blocks(stream: Stream, file: str, dialect: Dialect) -> Iterator[bytes]:
    """Blocks of lines in UTF-8 that end with a line end; one is added to the last line if it is missing."""
    if dialect.encoding.startswith(("utf-16", "utf-32")):
        yield from _recoded_blocks(stream, file, dialect.encoding)
        return
    is_first = True
    while block := stream.read(BLOCK_BYTES):
        block += stream.readline(MAX_LINE_BYTES)
        if not block.endswith(b"\n"):
            if len(block) >= MAX_LINE_BYTES:
                raise _long_line(file)
            block += b"\n"
        if is_first:
            block = block.removeprefix(codecs.BOM_UTF8)
            is_first = False
        yield block


def _recoded_blocks(stream: Stream, file: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    while block := stream.read(BLOCK_BYTES):
        lines, end, rest = (rest + decoder.decode(block)).rpartition("\n")
        if len(rest) > MAX_LINE_BYTES:
            raise _long_line(file)
        if end:
            yield f"{lines}\n".encode(errors="backslashreplace")
    rest += decoder.decode(b"", final=True)
    if rest:
        yield f"{rest}\n".encode(errors="backslashreplace")


def _long_line(file: str) -> DataError:
    return DataError("has a line of more than 1 MiB; expected rows of 784 pixels", file=file)
