"""IDX, the format of MNIST's own files: a magic number, the dimensions, then the bytes."""

import math
import struct
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Split
from tenfold.data.formats.archive import LIMIT, open_file
from tenfold.errors import DataError, UnavailableError
from tenfold.images import CLASSES, SIDE, Images, Labels

UNSIGNED_BYTES = 0x08
TYPES = {0x09: "signed bytes", 0x0B: "16-bit integers", 0x0C: "32-bit integers", 0x0D: "floats", 0x0E: "doubles"}
KINDS = {1: "labels", 3: "images"}
NAMES: dict[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def is_idx(path: Path, head: bytes) -> bool:
    """By its first bytes (unpacked), or by its name where those are wrong."""
    return head[:2] == b"\0\0" or "-ubyte" in path.name or ".idx" in path.name


def find(folder: Path, name: str) -> Path | None:
    """The file of that standard name, plain or gzip, with either spelling (`-idx3` or `.idx3`)."""
    spellings = [spelling + end for end in ("", ".gz") for spelling in (name, name.replace("-idx", ".idx"))]
    return next((path for spelling in spellings if (path := folder / spelling).is_file()), None)


def has_idx(folder: Path) -> bool:
    return any(find(folder, name) for names in NAMES.values() for name in names)


def read_folder(folder: Path, wanted: Collection[Split]) -> dict[Split, Dataset]:
    """The parts that stand in a folder under MNIST's names. Raises DataError where one of a pair is missing."""
    parts: dict[Split, Dataset] = {}
    for part in wanted:
        images, labels = (find(folder, name) for name in NAMES[part])
        if images and labels:
            parts[part] = read_pair(images, labels)
        elif images or labels:
            lacking = NAMES[part][0 if labels else 1]
            raise DataError(f"lacks {lacking} (or {lacking}.gz)", file=folder)
    return parts


def read_file(path: Path) -> dict[Split, Dataset]:
    """One file of images, with its labels where their file stands beside it.

    The part is by its name (`t10k` or `test`, `train`) or else by whether there are labels.
    """
    beside = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    labels = find(path.parent, beside) if beside != path.name.removesuffix(".gz") else None
    dataset = read_pair(path, labels)
    is_test = "t10k" in path.name or "test" in path.name or ("train" not in path.name and labels is None)
    return {"test" if is_test else "train": dataset}


def read_pair(images_path: Path, labels_path: Path | None) -> Dataset:
    images: Images = read_array(images_path, 3)
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise DataError(f"holds images of {height}x{width} pixels; expected 28x28", file=images_path.name)
    if labels_path is None:
        return Dataset(images, None, images_path.name)
    labels: Labels = read_array(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(f"holds {len(labels):,} labels for the {len(images):,} images of {images_path.name}",
                        file=labels_path.name)  # fmt: skip
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        row = int(wrong[0])
        raise DataError(f"the label {labels[row]} is out of range; expected 0 to 9", file=labels_path.name, row=row + 1)
    return Dataset(images, labels, f"{images_path.name} and {labels_path.name}")


def read_array(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzip, with exactly that many dimensions."""
    file = path.name
    with open_file(path) as stream:
        magic = stream.read(4)
        if not magic:
            raise DataError("is empty", file=file)
        if magic != bytes([0, 0, UNSIGNED_BYTES, dimensions]):
            raise DataError(f"{_what(magic)}; expected IDX {KINDS[dimensions]} (magic 0x{0x0800 + dimensions:08x})",
                            file=file)  # fmt: skip
        header = stream.read(4 * dimensions)
        if len(header) < 4 * dimensions:
            raise DataError("breaks off within its header", file=file)
        shape = struct.unpack(f">{dimensions}I", header)
        size = math.prod(shape)  # Python's integers don't overflow
        if size > LIMIT:
            raise DataError(f"claims {'x'.join(map(str, shape))} bytes; expected at most {LIMIT >> 30} GiB", file=file)
        if not size:
            raise DataError(f"holds no {KINDS[dimensions]}", file=file)
        content = stream.read(size + 1)
    if len(content) < size:
        raise DataError(f"breaks off after {len(content):,} of {size:,} bytes of {KINDS[dimensions]}", file=file)
    if len(content) > size:
        raise DataError(f"goes on after its {size:,} bytes of {KINDS[dimensions]}; expected the end", file=file)
    # A copy, as bytes can't be written to and callers may.
    return np.frombuffer(content, np.uint8).reshape(shape).copy()


def header_of(array: NDArray[np.uint8]) -> bytes:
    """The bytes that stand before this array in its IDX file."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTES, array.ndim, *array.shape)


def _what(magic: bytes) -> str:
    if len(magic) == 4 and magic[:2] == b"\0\0":
        if magic[2] == UNSIGNED_BYTES and magic[3] in KINDS:
            return f"holds IDX {KINDS[magic[3]]}"
        if magic[2] in TYPES:
            return f"holds {TYPES[magic[2]]} (magic 0x{magic.hex()})"
    return f"has the wrong magic number 0x{magic.hex()}"


def missing_files(folder: Path) -> list[str]:
    """Which of MNIST's four files are not in a folder."""
    return [name for names in NAMES.values() for name in names if find(folder, name) is None]


def require_all(folder: Path, what: str) -> None:
    if missing := missing_files(folder):
        raise UnavailableError(f"{what} is {folder}, which lacks {', '.join(missing)} (plain or .gz)")
