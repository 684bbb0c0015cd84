"""LIBSVM's sparse text, a line an image: `5 153:3 154:18 ...`, label first, pixels counted from 1."""

from __future__ import annotations

import re

import numpy as np

from tenfold.data.formats.archive import Stream
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.tree import File
from tenfold.errors import DataError

LINE = re.compile(rb"\s*[+-]?\d+(\.0*)?(\s+\d+:[-+.\deE]+)+\s*(#.*)?$")
AREAS = (784, 256)
EXPECTED = "expected lines such as `5 153:3 154:18`: a label, then pixels by number"
MAX_LINE_BYTES = 1 << 20
MAX_ROWS = 1_000_000  # of 784 bytes


def is_libsvm(head: bytes) -> bool:
    return bool(LINE.match(head.partition(b"\n")[0].rstrip(b"\r")))


def read_libsvm(file: File) -> RawSamples:
    """Pixels float32 (N, 784), or (N, 256) as in USPS' file, and labels. Raises DataError with the line."""
    labels: list[float] = []
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    with file.open() as stream:
        for number, line in enumerate(_lines(stream, file), 1):
            try:
                label, *pairs = line.partition(b"#")[0].split()
                numbers = np.array(b" ".join(pairs).replace(b":", b" ").split(), "S").astype(np.float64)
                labels.append(float(label))
            except ValueError:
                raise DataError(f"is not LIBSVM's form; {EXPECTED}", file=file.title, line=number) from None
            indices, values = numbers[::2], numbers[1::2]
            if len(indices) != len(values) or not all(1 <= index <= AREAS[0] for index in indices):
                raise DataError(f"has a pixel that is not numbered 1 to {AREAS[0]}; {EXPECTED}", file=file.title,
                                line=number)  # fmt: skip
            if len(rows) >= MAX_ROWS:
                raise DataError(f"has more than {MAX_ROWS:,} lines", file=file.title)
            rows.append((indices.astype(np.intp) - 1, values.astype(np.float32)))
    if not rows:
        raise DataError(f"has no lines; {EXPECTED}", file=file.title)
    return _to_samples(labels, rows, file)


def _lines(stream: Stream, file: File):  # type: ignore[no-untyped-def]
    while line := stream.readline(MAX_LINE_BYTES):
        if len(line) >= MAX_LINE_BYTES:
            raise DataError("has a line of more than 1 MiB", file=file.title)
        if line.strip():
            yield line


def _to_samples(labels: list[float], rows: list[tuple[np.ndarray, np.ndarray]], file: File) -> RawSamples:
    last = max((int(indices.max()) for indices, _ in rows if len(indices)), default=0)
    area = AREAS[1] if last < AREAS[1] else AREAS[0]
    pixels = np.zeros((len(rows), area), np.float32)
    for row, (indices, values) in zip(pixels, rows, strict=True):
        row[indices] = values
    array = np.array(labels)
    notes: tuple[str, ...] = ()
    if array.min() == 1 and array.max() == 10:
        array -= 1
        notes = ("Labels are from 1 to 10: one more than the digit, as in LIBSVM's USPS.",)
    return RawSamples(pixels, array, file.title, notes, label_column="label")
