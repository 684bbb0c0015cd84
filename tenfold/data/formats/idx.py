"""IDX, the format of MNIST's files: a magic number, the dimensions, then the values."""

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Split
from tenfold.data.formats.archive import MAX_BYTES
from tenfold.data.formats.names import Role
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.tree import File
from tenfold.errors import DataError
from tenfold.sniff import foreign

UNSIGNED_BYTE = 0x08
TYPES = {UNSIGNED_BYTE: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CONTENTS: dict[int, Role] = {
    1: "labels",
    2: "labels",
    3: "images",
    4: "images",
}  # by number of dimensions; QMNIST has rows of labels
NAMES: dict[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
EXPECTED = "expected IDX (magic 0x00000803 for images, 0x00000801 for labels)"


def is_idx(name: str, head: bytes) -> bool:
    """Whether a file is IDX by its first bytes (unpacked), or by its name."""
    is_magic = head[:2] == b"\0\0" and len(head) >= 4 and head[2] in TYPES and head[3] in CONTENTS
    return is_magic or has_idx_name(name)


def has_idx_name(name: str) -> bool:
    return "ubyte" in name or "-idx" in name or ".idx" in name


def find(folder: Path, name: str) -> Path | None:
    """The file with a standard name, plain or gzip, in either spelling (`-idx3` or `.idx3`)."""
    spellings = [spelling + end for end in ("", ".gz") for spelling in (name, name.replace("-idx", ".idx"))]
    return next((path for spelling in spellings if (path := folder / spelling).is_file()), None)


def missing_files(folder: Path) -> list[str]:
    """Which of MNIST's four files are not in a folder."""
    return [name for names in NAMES.values() for name in names if find(folder, name) is None]


def read_idx(file: File) -> RawSamples:
    """Images (N, H, W), or labels (N,): what the file holds by its number of dimensions."""
    array = read_array(file)
    if array.ndim >= 3:
        return RawSamples(array, None, file.title)
    if array.ndim == 2 and array.shape[1] == 8 and array.dtype.kind == "i":
        array = array[:, 0]  # QMNIST's: the class, then writer and source
    return RawSamples(None, array, file.title)


def read_array(file: File) -> NDArray[np.generic]:
    """The array in an IDX file. Raises DataError."""
    title = file.title
    with file.open() as stream:
        magic = stream.read(4)
        if not magic:
            raise DataError("is empty", file=title)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] not in CONTENTS:
            problem = foreign(file.head(), EXPECTED) or f"has the unknown magic number 0x{magic.hex()}; {EXPECTED}"
            raise DataError(problem, file=title)
        dimensions, dtype = magic[3], np.dtype(TYPES[magic[2]])
        header = stream.read(4 * dimensions)
        if len(header) < 4 * dimensions:
            raise DataError("ends within its header", file=title)
        shape = struct.unpack(f">{dimensions}I", header)
        size = math.prod(shape) * dtype.itemsize  # Python integers don't overflow
        content_name = CONTENTS[dimensions]
        if size > MAX_BYTES:
            raise DataError(f"declares {'x'.join(map(str, shape))} values; expected at most {MAX_BYTES >> 30} GiB",
                            file=title)  # fmt: skip
        if not size:
            raise DataError(f"contains no {content_name}", file=title)
        content = stream.read(size + 1)
    if len(content) < size:
        raise DataError(f"ends after {len(content):,} of {size:,} bytes of {content_name}", file=title)
    if len(content) > size:
        raise DataError(f"continues after its {size:,} bytes of {content_name}; expected the end", file=title)
    # A copy, because an array over bytes is read-only; in the machine's byte order.
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def header_of(array: NDArray[np.uint8]) -> bytes:
    """The header of an IDX file with this array."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
