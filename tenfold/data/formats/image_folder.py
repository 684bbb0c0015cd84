"""A folder of images, sorted by label into subfolders `0` to `9`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tenfold.data.dataset import Dataset, is_black_on_white
from tenfold.errors import DataError
from tenfold.images import CLASSES, SIDE, Images

LABELS = [str(digit) for digit in range(CLASSES)]


def image_suffixes() -> frozenset[str]:
    from tenfold.ocr.image import SUFFIXES

    return frozenset(SUFFIXES)


def has_digit_folders(folder: Path) -> bool:
    return any((folder / label).is_dir() for label in LABELS)


def read_images(folder: Path) -> tuple[Dataset, tuple[str, ...]]:
    """All images as one labeled data set, in the order of the labels and the file names, and notes for the user.

    Gray images of 28x28 stay as they are; all others are converted to gray and framed like MNIST's digits. Black on
    white, detected for each image, is inverted. Raises DataError for an image that can't be read or is blank.
    """
    suffixes = image_suffixes()
    files = [(path, digit) for digit in range(CLASSES) for path in _visible_files(folder / str(digit))]
    images = [(path, digit) for path, digit in files if path.suffix.lower() in suffixes]
    if not images:
        expected = ", ".join(sorted(suffixes))
        raise DataError(f"has no images in its subfolders 0 to 9; expected {expected}", file=folder)
    read = [_read_image(path) for path, _ in images]
    pixels = np.stack([image for image, _ in read])
    labels = np.array([digit for _, digit in images], np.uint8)
    inverted = sum(was_inverted for _, was_inverted in read)
    notes = _notes(len(images), inverted, len(files) - len(images), _other_folders(folder))
    return Dataset(pixels, labels, str(folder)), notes


def _read_image(path: Path) -> tuple[Images, bool]:
    """One image as uint8 (28, 28), and whether it was inverted."""
    from tenfold.ocr.binarize import binarize
    from tenfold.ocr.framing import frame
    from tenfold.ocr.image import load_image

    picture = load_image(path)
    if picture.is_unmodified and picture.gray.shape == (SIDE, SIDE):
        is_dark = is_black_on_white(picture.gray[None])
        return (255 - picture.gray if is_dark else picture.gray), is_dark
    ink = binarize(picture.gray)
    image = frame(ink.ink)
    if not image.any():
        raise DataError("is blank; expected the image of a digit", file=path)
    return image, not ink.is_light


def _notes(count: int, inverted: int, skipped: int, other_folders: list[str]) -> tuple[str, ...]:
    notes = []
    if inverted:
        notes.append(f"{inverted:,} of {count:,} images are black on white: inverted to white on black.")
    if skipped:
        files = "1 file that is not an image" if skipped == 1 else f"{skipped:,} files that are not images"
        notes.append(f"Ignored {files}.")
    if other_folders:
        notes.append(f"Ignored folders other than 0 to 9: {', '.join(other_folders)}.")
    return tuple(notes)


def _other_folders(folder: Path) -> list[str]:
    names = (path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(name for name in names if name not in LABELS)


def _visible_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
