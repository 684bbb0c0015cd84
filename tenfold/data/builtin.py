"""Data sets by name: `digits`, which comes with the package, and those that are downloaded once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import SPLITS, Dataset, Split
from tenfold.data.downloads import SOURCES, download, is_downloaded
from tenfold.data.formats import idx
from tenfold.data.formats.columns import Options
from tenfold.data.formats.layout import read_tree
from tenfold.data.formats.tree import Tree, file_at, open_tree
from tenfold.data.split import stratified_split
from tenfold.errors import DataError, UnavailableError, shorten
from tenfold.files import cache_folder
from tenfold.images import Images
from tenfold.ocr.framing import frame, upscale

TEST_SIZE = 360  # of the small digits: a fifth
SPLIT_SEED = 0
MAX_LEVEL = 16  # of the small digits' gray levels

MNIST_VARIABLE = "TENFOLD_MNIST"
SHA256 = {  # of the unpacked files; people also have MNIST packed in other ways
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def read_builtin(name: str, splits: Collection[Split]) -> tuple[dict[Split, Dataset], tuple[str, ...]]:
    """The splits of a data set by its name, and notes; downloads it if needed.

    Raises UnavailableError if it can't be downloaded, DataError for what can't be used.
    """
    if name == "digits":
        return read_small_digits(), ()
    if name == "mnist":
        return read_mnist(splits), ()
    source = SOURCES[name]
    path = download(name)
    with open_tree(path / next(iter(source.files)) if source.prefix else path) as tree:
        assert tree is not None
        members = [file for file in tree.files if source.prefix in file.name]
        samples, notes = read_tree(Tree(name, members), splits, Options())
        if None in samples:  # LIBSVM's names say only which split is the test split
            samples["train"] = samples.pop(None)
        found: dict[Split, Dataset] = {}
        for split in splits:
            if split in samples:
                data, more = samples[split].to_dataset(is_transposed=name.startswith("emnist"))
                found[split] = Dataset(data.images, data.labels, f"{split} split of {name}")
                notes += more
    return found, tuple(dict.fromkeys(notes))


def read_small_digits() -> dict[Split, Dataset]:
    """1,797 real handwritten digits of 8x8 pixels (digits.md names source and license), framed to 28x28.

    The stratified split into 1,437 training and 360 test samples is always the same.
    """
    with files("tenfold.data").joinpath("digits.npz").open("rb") as file, np.load(file) as arrays:
        small, labels = arrays["images"], arrays["labels"]
    grays = np.rint(small * (255 / MAX_LEVEL)).astype(np.uint8)
    images: Images = np.stack([frame(upscale(gray)) for gray in grays])
    train, test = stratified_split(labels, TEST_SIZE, SPLIT_SEED)
    return {
        "train": Dataset(images[train], labels[train], "training split of digits"),
        "test": Dataset(images[test], labels[test], "test split of digits"),
    }


def read_mnist(splits: Collection[Split]) -> dict[Split, Dataset]:
    """MNIST's 60,000 training and 10,000 test samples; downloads them if needed.

    Raises UnavailableError as `download_mnist` does, DataError for a file whose content is not MNIST's.
    """
    return _read_verified(download_mnist(), splits)


def download_mnist() -> Path:
    """The folder with MNIST's four files; files that are missing or damaged in the cache are downloaded.

    Raises UnavailableError if the folder that TENFOLD_MNIST names lacks a file, or if no mirror has one.
    """
    if folder := _user_folder():
        if missing := idx.missing_files(folder):
            lacks = f"which lacks {', '.join(missing)} (plain or .gz)"
            raise UnavailableError(f"{MNIST_VARIABLE} is {shorten(folder)}, {lacks}")
        return folder
    return download("mnist")


def find_mnist() -> Path | None:
    """The folder with MNIST's four files if there is one; never downloads or reads anything."""
    if folder := _user_folder():
        return None if idx.missing_files(folder) else folder
    return cache_folder() / SOURCES["mnist"].folder if is_downloaded("mnist") else None


def find_public_mnist() -> Dataset | None:
    """MNIST's 70,000 samples, the training split first, if they are on this machine and intact; never downloads."""
    folder = find_mnist()
    if folder is None:
        return None
    try:
        splits = _read_verified(folder, SPLITS)
    except (DataError, OSError):  # the caller asked for other data
        return None
    train, test = splits["train"], splits["test"]
    assert train.labels is not None
    assert test.labels is not None
    return Dataset(np.concatenate([train.images, test.images]), np.concatenate([train.labels, test.labels]), "MNIST")


def _read_verified(folder: Path, splits: Collection[Split]) -> dict[Split, Dataset]:
    found = {}
    for split in splits:
        images, labels = (_read_verified_array(folder, name) for name in idx.NAMES[split])
        found[split] = Dataset(images, labels, f"{split} split of MNIST")
    return found


def _read_verified_array(folder: Path, name: str) -> NDArray[np.uint8]:
    path = idx.find(folder, name)
    assert path is not None
    array = idx.read_array(file_at(path)).astype(np.uint8, copy=False)
    state = hashlib.sha256(idx.header_of(array))
    state.update(array.data)
    if (digest := state.hexdigest()) != SHA256[name]:
        raise DataError(
            f"is not MNIST's file: expected SHA-256 {SHA256[name][:8]}…, found {digest[:8]}…", file=folder / name
        )
    return array


def _user_folder() -> Path | None:
    folder = os.environ.get(MNIST_VARIABLE)
    return Path(folder).expanduser() if folder else None
