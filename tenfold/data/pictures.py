"""A folder of pictures, sorted into subfolders `0` to `9` by what they show."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tenfold.data.dataset import CLASSES, SIDE, Dataset
from tenfold.data.polarity import is_black_on_white
from tenfold.errors import DataError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}


def has_digit_folders(folder: Path) -> bool:
    return any((folder / str(digit)).is_dir() for digit in range(CLASSES))


def read_pictures(folder: Path) -> tuple[Dataset, tuple[str, ...]]:
    """All pictures as one labelled data set, in the order of the digits and the file names, and notes for the user.

    Grey pictures of 28x28 are taken as they are. Anything else is made grey and framed as MNIST frames its digits.
    Black on white, found for each picture by its border, is turned.
    """
    from tenfold.vision.frame import frame  # which itself needs this package

    images, labels = [], []
    turned = skipped = 0
    for digit in range(CLASSES):
        for path in _files(folder / str(digit)):
            if path.suffix.lower() not in SUFFIXES:
                skipped += 1
                continue
            grey, is_mnist_like = _grey(path, f"{digit}/{path.name}")
            if is_black_on_white(grey[None]):
                grey, turned = 255 - grey, turned + 1
            if not is_mnist_like:
                grey = frame(_ink(grey))
                if not grey.any():
                    raise DataError("is blank: it shows no ink", file=f"{digit}/{path.name}")
            images.append(grey)
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
    return Dataset(np.stack(images), np.array(labels, np.uint8), str(folder)), tuple(notes)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _grey(path: Path, file: str) -> tuple[NDArray[np.uint8], bool]:
    """The picture as uint8 (H, W), and whether it already has MNIST's form: grey, 28x28."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                picture.load()
                is_mnist_like = picture.mode in ("L", "1") and picture.size == (SIDE, SIDE)
                upright = ImageOps.exif_transpose(picture)
                if upright.mode.startswith("I;16"):
                    return (np.asarray(upright) >> 8).astype(np.uint8), False
                if upright.has_transparency_data:  # drawn on nothing: shown on paper
                    upright = upright.convert("RGBA")
                    upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
                return np.asarray(upright.convert("L")), is_mnist_like
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels", file=file) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"is no readable picture ({error})", file=file) from None


def _ink(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """White ink on pure black: less the background's grey, and nothing fainter than a quarter of the strongest ink.

    The quarter keeps the noise of paper and JPEG out of the tight box.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    above = grey.astype(np.int16) - int(np.median(border))
    ink: NDArray[np.uint8] = np.where(above > max(above.max() // 4, 0), above, 0).astype(np.uint8)
    return ink
