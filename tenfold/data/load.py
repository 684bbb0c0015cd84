"""`load_data`: from a path or a name to data sets, by what the thing is."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Collection
from pathlib import Path

from tenfold.data.dataset import SPLITS, Dataset, DatasetSplits, Split, normalize_polarity
from tenfold.data.formats import idx, image_folder, kaggle
from tenfold.data.formats.archive import open_file
from tenfold.data.formats.npz import read_npz
from tenfold.errors import DataError, UnavailableError

BUILTIN_NAMES = ("digits", "mnist")


def load_data(spec: str | os.PathLike[str]) -> DatasetSplits:
    """Load digits from a path or by name.

    spec: a path, `digits` (comes with the package) or `mnist` (downloaded once). A path may be Kaggle's zip, folder or
    CSV (.csv.gz); an IDX file (.gz) or a folder of them; Keras' mnist.npz; a folder with images in subfolders 0 to 9.
    With `:train` or `:test` appended, only that split is read. A single file whose name says neither is a training
    split if it has labels, else a test split.

    Black on white is inverted to white on black, and a note says so.

    Raises DataError with file, row and column for what can't be read, UnavailableError for what doesn't exist.
    """
    name = os.fspath(spec)
    source, requested = _parse_spec(name)
    if not source:
        raise UnavailableError(f"the name of the data is empty; expected a path, or one of {', '.join(BUILTIN_NAMES)}")
    try:
        found, notes = _read(source, requested)
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror or error})", file=error.filename or source) from None
    splits = {split: normalize_polarity(found[split]) for split in requested if split in found}
    if not splits:
        raise DataError(f"has no {' or '.join(requested)} split", file=source)
    inverted = [data.source for split, data in splits.items() if data is not found[split]]
    notes += tuple(f"{source} is black on white: inverted to white on black." for source in inverted)
    return DatasetSplits(name, splits.get("train"), splits.get("test"), notes)


def _parse_spec(name: str) -> tuple[str, Collection[Split]]:
    """`mnist:test` -> `mnist`, only the test split."""
    for split in SPLITS:
        if name.endswith(f":{split}") and not Path(name).exists():
            return name.removesuffix(f":{split}"), (split,)
    return name, SPLITS


def _read(source: str, requested: Collection[Split]) -> tuple[dict[Split, Dataset], tuple[str, ...]]:
    path = Path(source).expanduser()
    if path.is_dir():
        return _read_folder(path, requested)
    if path.is_file():
        return _read_file(path, requested), ()
    if source in BUILTIN_NAMES:
        from tenfold.data.builtin import read_mnist, read_small_digits

        return (read_small_digits() if source == "digits" else read_mnist(requested)), ()
    before, colon, split = source.rpartition(":")
    if colon and (before in BUILTIN_NAMES or Path(before).exists()):
        raise UnavailableError(f"{source}: {before} has no split '{split}'; expected :{' or :'.join(SPLITS)}")
    raise UnavailableError(f"{source}: no such file or folder; expected a path, or one of {', '.join(BUILTIN_NAMES)}")


def _read_folder(path: Path, requested: Collection[Split]) -> tuple[dict[Split, Dataset], tuple[str, ...]]:
    if idx.has_idx(path):
        return idx.read_folder(path, requested), ()
    if image_folder.has_digit_folders(path):
        dataset, notes = image_folder.read_images(path)
        return {"train": dataset}, notes
    return kaggle.read_folder(path, requested), ()


def _read_file(path: Path, requested: Collection[Split]) -> dict[Split, Dataset]:
    if not path.stat().st_size:
        raise DataError("is empty", file=path.name)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path, requested)
    if suffix == ".zip" or zipfile.is_zipfile(path):
        return kaggle.read_zip(path, requested)
    if kaggle.is_csv(path):
        return kaggle.read_file(path)
    with open_file(path) as stream:
        head = stream.read(4)
    if idx.is_idx(path, head):
        return idx.read_file(path)
    if suffix in image_folder.image_suffixes():
        raise DataError("is a single image; expected a folder with images in subfolders 0 to 9", file=path.name)
    return kaggle.read_file(path)
