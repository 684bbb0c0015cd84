"""IDX, the format of MNIST's files: a magic number, the dimensions, then the bytes."""

import math
import struct
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset, Split
from tenfold.data.formats.archive import MAX_BYTES, open_file
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE, Images, Labels

UNSIGNED_BYTE = 0x08
OTHER_TYPES = {0x09: "signed bytes", 0x0B: "16-bit integers", 0x0C: "32-bit integers", 0x0D: "floats", 0x0E: "doubles"}
CONTENTS = {1: "labels", 3: "images"}  # by number of dimensions
NAMES: dict[Split, tuple[str, str]] = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def is_idx(path: Path, head: bytes) -> bool:
    """Whether a file is IDX by its first bytes (unpacked), or by its name if they are wrong."""
    return head[:2] == b"\0\0" or "-ubyte" in path.name or ".idx" in path.name


def find(folder: Path, name: str) -> Path | None:
    """The file with a standard name, plain or gzip, in either spelling (`-idx3` or `.idx3`)."""
    spellings = [spelling + end for end in ("", ".gz") for spelling in (name, name.replace("-idx", ".idx"))]
    return next((path for spelling in spellings if (path := folder / spelling).is_file()), None)


def has_idx(folder: Path) -> bool:
    return any(find(folder, name) for names in NAMES.values() for name in names)


def missing_files(folder: Path) -> list[str]:
    """Which of MNIST's four files are not in a folder."""
    return [name for names in NAMES.values() for name in names if find(folder, name) is None]


def read_folder(folder: Path, splits: Collection[Split]) -> dict[Split, Dataset]:
    """The splits in a folder with MNIST's file names. Raises DataError if one file of a pair is missing."""
    found: dict[Split, Dataset] = {}
    for split in splits:
        images, labels = (find(folder, name) for name in NAMES[split])
        if images and labels:
            found[split] = read_pair(images, labels)
        elif images or labels:
            missing = NAMES[split][0 if labels else 1]
            raise DataError(f"lacks {missing} (or {missing}.gz)", file=folder)
    return found


def read_file(path: Path) -> dict[Split, Dataset]:
    """One file of images, with labels if their file is in the same folder.

    The split is that in the file name (`t10k` or `test`, `train`), else `train` if there are labels.
    """
    name = path.name.removesuffix(".gz")
    labels_name = name.replace("images", "labels").replace("idx3", "idx1")
    labels = find(path.parent, labels_name) if labels_name != name else None
    dataset = read_pair(path, labels)
    is_test = "t10k" in path.name or "test" in path.name or ("train" not in path.name and labels is None)
    return {"test" if is_test else "train": dataset}


def read_pair(images_path: Path, labels_path: Path | None) -> Dataset:
    images: Images = read_array(images_path, 3)
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise DataError(f"contains images of {height}x{width} pixels; expected 28x28", file=images_path.name)
    if labels_path is None:
        return Dataset(images, None, images_path.name)
    labels: Labels = read_array(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(f"contains {len(labels):,} labels for the {len(images):,} images of {images_path.name}",
                        file=labels_path.name)  # fmt: skip
    invalid = np.flatnonzero(labels >= CLASSES)
    if invalid.size:
        index = int(invalid[0])
        raise DataError(f"label {index + 1:,} is {labels[index]}; expected 0 to 9", file=labels_path.name)
    return Dataset(images, labels, f"{images_path.name} and {labels_path.name}")


def read_array(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzip, with this number of dimensions."""
    file, content_name = path.name, CONTENTS[dimensions]
    with open_file(path) as stream:
        magic = stream.read(4)
        if not magic:
            raise DataError("is empty", file=file)
        if magic != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
            expected = f"expected IDX {content_name} (magic 0x{0x0800 + dimensions:08x})"
            raise DataError(f"{_describe(magic)}; {expected}", file=file)
        header = stream.read(4 * dimensions)
        if len(header) < 4 * dimensions:
            raise DataError("ends within its header", file=file)
        shape = struct.unpack(f">{dimensions}I", header)
        size = math.prod(shape)  # Python integers don't overflow
        if size > MAX_BYTES:
            raise DataError(f"declares {'x'.join(map(str, shape))} bytes; expected at most {MAX_BYTES >> 30} GiB",
                            file=file)  # fmt: skip
        if not size:
            raise DataError(f"contains no {content_name}", file=file)
        content = stream.read(size + 1)
    if len(content) < size:
        raise DataError(f"ends after {len(content):,} of {size:,} bytes of {content_name}", file=file)
    if len(content) > size:
        raise DataError(f"continues after its {size:,} bytes of {content_name}; expected the end", file=file)
    # A copy, because an array over bytes is read-only.
    return np.frombuffer(content, np.uint8).reshape(shape).copy()


def header_of(array: NDArray[np.uint8]) -> bytes:
    """The header of an IDX file with this array."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)


def _describe(magic: bytes) -> str:
    if len(magic) == 4 and magic[:2] == b"\0\0":
        if magic[2] == UNSIGNED_BYTE and magic[3] in CONTENTS:
            return f"contains IDX {CONTENTS[magic[3]]}"
        if magic[2] in OTHER_TYPES:
            return f"contains {OTHER_TYPES[magic[2]]} (magic 0x{magic.hex()})"
    return f"has the unknown magic number 0x{magic.hex()}"
