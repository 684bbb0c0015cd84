"""A folder of pictures, sorted into subfolders `0` to `9` by what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tenfold.data.dataset import Dataset
from tenfold.data.polarity import is_black_on_white
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE


def suffixes() -> frozenset[str]:
    from tenfold.ocr.image import SUFFIXES

    return frozenset(SUFFIXES)


def has_digit_folders(folder: Path) -> bool:
    return any((folder / str(digit)).is_dir() for digit in range(CLASSES))


def read_pictures(folder: Path) -> tuple[Dataset, tuple[str, ...]]:
    """All pictures as one labeled data set, in the order of the digits and the file names, and notes for the user.

    Gray pictures of 28x28 are taken as they are. Anything else is made gray and framed as MNIST frames its digits.
    Black on white, found for each picture by its border, is turned.
    """
    from tenfold.ocr.binarize import find_ink
    from tenfold.ocr.framing import frame  # which itself needs this package
    from tenfold.ocr.image import SUFFIXES, open_picture

    images, labels = [], []
    turned = skipped = 0
    for digit in range(CLASSES):
        for path in _files(folder / str(digit)):
            if path.suffix.lower() not in SUFFIXES:
                skipped += 1
                continue
            picture = open_picture(path)
            if picture.plain and picture.gray.shape == (SIDE, SIDE):
                is_dark = is_black_on_white(picture.gray[None])
                image = 255 - picture.gray if is_dark else picture.gray
            else:
                ink = find_ink(picture.gray)
                is_dark, image = not ink.light, frame(ink.ink)
                if not image.any():
                    raise DataError("is blank: it shows no ink", file=path)
            turned += is_dark
            images.append(image)
            labels.append(digit)
    if not images:
        raise DataError(f"holds no pictures in its subfolders 0 to 9; expected {', '.join(sorted(SUFFIXES))}",
                        file=folder)  # fmt: skip
    notes = []
    if turned:
        notes.append(f"{turned:,} of {len(images):,} pictures are black on white: turned to white on black.")
    if skipped:
        files = "1 file that is no picture was" if skipped == 1 else f"{skipped:,} files that are no pictures were"
        notes.append(f"{files} left out.")
    if others := _other_folders(folder):
        notes.append(f"Folders that are none of 0 to 9 were left out: {', '.join(others)}.")
    return Dataset(np.stack(images), np.array(labels, np.uint8), str(folder)), tuple(notes)


def _other_folders(folder: Path) -> list[str]:
    digits = {str(digit) for digit in range(CLASSES)}
    folders = (path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(name for name in folders if name not in digits)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
