"""Pictures as samples: in subfolders named by their labels, or listed in a table of labels."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.dataset import is_black_on_white
from tenfold.data.formats.columns import Options
from tenfold.data.formats.label_table import LabelTable, is_small_table, read_label_table
from tenfold.data.formats.labels import parse_label
from tenfold.data.formats.names import SplitName, parse_name
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.tree import File, Tree
from tenfold.errors import DataError, TenfoldError, shorten
from tenfold.images import CLASSES, SIDE, Images

if TYPE_CHECKING:
    from tenfold.ocr.image import Picture

MAX_NAMED = 3  # skipped pictures that a note names


@cache
def image_suffixes() -> frozenset[str]:
    from tenfold.ocr.image import SUFFIXES

    return frozenset(SUFFIXES)


def is_image(file: File) -> bool:
    return PurePosixPath(file.name).suffix.lower() in image_suffixes()


def digit_of(file: File) -> int | None:
    """The digit that the folder of a file is named after: `7`, `seven`, `digit_7`."""
    digit = parse_label(PurePosixPath(file.name).parent.name)
    return digit if digit is not None and digit < CLASSES else None


def has_digit_folders(tree: Tree) -> bool:
    return any(digit_of(file) is not None for file in tree.files)


class PictureReader:
    """Reads pictures of one digit each into images uint8 (28, 28), and counts what was changed and skipped.

    Gray images of 28x28 stay as they are; all others are converted to gray and framed like MNIST's digits. Black on
    white, detected for each image, is inverted.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._images: list[Images] = []
        self._inverted = 0
        self._skipped: list[str] = []
        self._animations = 0

    def add(self, picture: Path | bytes, name: str) -> int:
        """Read a file; how many images came of it: one, or one for each page, or none, which `finish` reports."""
        from tenfold.ocr.pages import load_pages

        count = len(self._images)
        try:
            for page in load_pages(picture, name):
                image, was_inverted = _to_digit(page.picture, name)
                self._images.append(image)
                self._inverted += was_inverted
                self._animations += bool(page.note)
        except TenfoldError as error:
            self._skipped.append(str(error))
        return len(self._images) - count

    def finish(self) -> tuple[Images, tuple[str, ...]]:
        """The images (N, 28, 28) and the notes. Raises DataError if none could be read."""
        if not self._images:
            raise DataError(f"none of {len(self._skipped):,} pictures can be read; the first: {self._skipped[0]}",
                            file=self._source)  # fmt: skip
        notes = []
        if self._inverted:
            count = f"{self._inverted:,} of {len(self._images):,}"
            notes.append(f"{count} images are black on white: inverted to white on black.")
        if self._animations:
            one = self._animations == 1
            files = "1 file is an animation or has" if one else f"{self._animations:,} files are animations or have"
            notes.append(f"{files} too many pages: only the first were read.")
        if self._skipped:
            total = len(self._images) + len(self._skipped)
            first = "; ".join(shorten(each, 160) for each in self._skipped[:MAX_NAMED])
            notes.append(f"Skipped {len(self._skipped):,} of {total:,} pictures that can't be read: {first}")
        return np.stack(self._images), tuple(notes)


def _to_digit(picture: Picture, name: str) -> tuple[Images, bool]:
    """One image as uint8 (28, 28), and whether it was inverted."""
    from tenfold.ocr.binarize import binarize
    from tenfold.ocr.framing import frame

    if picture.is_unmodified and picture.gray.shape == (SIDE, SIDE):
        is_dark = is_black_on_white(picture.gray[None])
        return (255 - picture.gray if is_dark else picture.gray), is_dark
    ink = binarize(picture.gray)
    image = frame(ink.ink)
    if not image.any():
        raise DataError("is blank; expected the image of a digit", file=name)
    return image, not ink.is_light


def read_digit_folders(tree: Tree, splits: Collection[str]) -> dict[SplitName | None, RawSamples]:
    """Pictures in folders `0` to `9`, which may be inside folders named after splits.

    Pictures that lie in a split's folder itself are its unlabeled samples if there are no labeled ones. Raises
    DataError if there are no pictures.
    """
    others = _other_folders(tree)
    notes = (f"Ignored folders other than 0 to 9: {', '.join(others[:8])}.",) if others else ()
    found = {}
    for split, files in _by_split(tree).items():
        if split is None or split in splits:
            labeled = [file for file in files if digit_of(file) is not None]
            title = f"{split} in {tree.name}" if split else tree.name
            found[split] = _read_pictures(labeled or files, title, notes)
    return found


def _by_split(tree: Tree) -> dict[SplitName | None, list[File]]:
    groups: dict[SplitName | None, list[File]] = {}
    for file in tree.files:
        split = _split_of(file)
        if digit_of(file) is not None or (split is not None and is_image(file)):
            groups.setdefault(split, []).append(file)
    return groups


def _split_of(file: File) -> SplitName | None:
    """The split that one of the folders around a file is named after."""
    parents = PurePosixPath(file.name).parent.parts
    return next((split for each in reversed(parents) if (split := parse_name(f"{each}/x").split)), None)


def _read_pictures(files: list[File], title: str, notes: tuple[str, ...]) -> RawSamples:
    images = [file for file in files if is_image(file)]
    if not images:
        expected = ", ".join(sorted(image_suffixes()))
        raise DataError(f"has no images in its subfolders 0 to 9; expected {expected}", file=title)
    images.sort(key=lambda file: digit_of(file) or 0)  # stable: in the order of names within a digit
    reader = PictureReader(title)
    digits = [digit_of(file) for file in images for _ in range(reader.add(*_source(file)))]
    pixels, more = reader.finish()
    notes = more + notes
    count = len(files) - len(images)
    if count:
        notes += (
            f"Ignored {'1 file that is not an image' if count == 1 else f'{count:,} files that are not images'}.",
        )
    labels = np.array(digits, np.uint8) if None not in digits else None
    return RawSamples(pixels, labels, title, notes)


def _source(file: File) -> tuple[Path | bytes, str]:
    """What to read a picture from, and what to call it."""
    return (file.path, str(file.path)) if file.path is not None else (file.read(), file.title)


def _other_folders(tree: Tree) -> list[str]:
    """Folders beside those of the digits that hold files."""
    parents = {PurePosixPath(file.name).parent for file in tree.files if digit_of(file) is not None}
    beside = {parent.parent for parent in parents}
    others = {
        PurePosixPath(file.name).parent
        for file in tree.files
        if digit_of(file) is None and PurePosixPath(file.name).parent.parent in beside
    }
    return sorted(each.name for each in others if each.name and parse_name(f"{each.name}/x").split is None)


# Tables of labels


def find_label_tables(tree: Tree) -> list[File]:
    """Tables, among the pictures of a tree, that are too narrow for pixels."""
    tables = [file for file in tree.files if file.name.lower().endswith((".csv", ".tsv", ".csv.gz"))]
    return [file for file in tables if "submission" not in file.name.lower() and is_small_table(file)]


def read_labeled_by_table(
    tree: Tree, tables: list[File], options: Options, splits: Collection[str]
) -> dict[SplitName | None, RawSamples]:
    """Pictures whose names and labels stand in tables, one for each split."""
    images = {name: file for file in tree.files if is_image(file) for name in _names_of(file)}
    found: dict[SplitName | None, RawSamples] = {}
    for file in tables:
        split = parse_name(file.name).split
        table = read_label_table(file, options, set(images))
        if table.names is None or (split is not None and split not in splits):
            continue
        if split in found:
            raise DataError(f"contains several tables of labels: {', '.join(each.name for each in tables[:4])}",
                            file=tree.name)  # fmt: skip
        found[split] = _read_listed(file, table, table.names, images, tree)
    if not found:
        names = ", ".join(shorten(file.name, 40) for file in tables[:3])
        raise DataError(f"has pictures, but no column of {names} holds their names", file=tree.name)
    return found


def _names_of(file: File) -> tuple[str, str, str]:
    path = PurePosixPath(file.name)
    return path.stem, path.name, file.name


def _read_listed(file: File, table: LabelTable, names: list[str], images: dict[str, File], tree: Tree) -> RawSamples:
    reader = PictureReader(tree.name)
    labels, missing, used = [], 0, set()
    for name, label in zip(names, table.labels, strict=True):
        image = images.get(name) or images.get(PurePosixPath(name).name)
        if image is None:
            missing += 1
            continue
        used.add(image.name)
        labels += [label] * reader.add(*_source(image))
    if not used:
        raise DataError("names none of the pictures beside it", file=file.title)
    pixels, notes = reader.finish()
    if missing:
        notes += (f"{file.title} lists {missing:,} pictures that are not there.",)
    unlisted = len({each.name for each in images.values()}) - len(used)
    if unlisted:
        notes += (f"Ignored {unlisted:,} pictures that {file.title} does not list.",)
    return RawSamples(pixels, labels, f"{tree.name} with {file.title}", notes, file.title, table.column)
