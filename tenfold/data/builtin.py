"""Data sets by name: `digits`, which comes with the package, and `mnist`, which is downloaded once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

import numpy as np

from tenfold.data.dataset import SPLITS, Dataset, Split
from tenfold.data.formats import idx
from tenfold.data.split import stratified_split
from tenfold.errors import DataError, UnavailableError
from tenfold.files import cache_folder
from tenfold.images import Images
from tenfold.ocr.framing import frame, upscale

TEST_SIZE = 360  # of the small digits: a fifth
SPLIT_SEED = 0
MAX_LEVEL = 16  # of the small digits' gray levels

MNIST_VARIABLE = "TENFOLD_MNIST"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
RETRIES = 1  # for each file and mirror
TIMEOUT = 30  # seconds without a response
DOWNLOADS = {  # file name -> SHA-256
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
SHA256 = {  # of the unpacked files; people also have MNIST packed in other ways
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


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
            raise UnavailableError(f"{MNIST_VARIABLE} is {folder}, which lacks {', '.join(missing)} (plain or .gz)")
        return folder
    for name in DOWNLOADS:
        _fetch(name)
    return _download_folder()


def find_mnist() -> Path | None:
    """The folder with MNIST's four files if there is one; never downloads or reads anything."""
    folder = _user_folder() or _download_folder()
    return None if idx.missing_files(folder) else folder


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
    found = idx.read_folder(folder, splits)
    for split, dataset in found.items():
        for name, array in zip(idx.NAMES[split], (dataset.images, dataset.labels), strict=True):
            assert array is not None
            state = hashlib.sha256(idx.header_of(array))
            state.update(array.data)
            if (digest := state.hexdigest()) != SHA256[name]:
                raise DataError(
                    f"is not MNIST's file: expected SHA-256 {SHA256[name][:8]}…, found {digest[:8]}…",
                    file=folder / name,
                )
    return {split: Dataset(data.images, data.labels, f"{split} split of MNIST") for split, data in found.items()}


def _user_folder() -> Path | None:
    folder = os.environ.get(MNIST_VARIABLE)
    return Path(folder).expanduser() if folder else None


def _download_folder() -> Path:
    return cache_folder() / "mnist"


def _fetch(name: str) -> None:
    """Bring one file into the cache unless it is there and intact; tries one mirror after the other."""
    import pooch
    import requests

    folder = _download_folder()
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT)
    failures = []
    for mirror in MIRRORS:
        source = pooch.create(folder, mirror, registry=DOWNLOADS, retry_if_failed=RETRIES)
        try:
            source.fetch(name, downloader=downloader)
        except (requests.RequestException, ValueError) as error:
            failures.append(f"{mirror}: {_reason(error)}")
        except OSError as error:
            raise UnavailableError(
                f"{folder} can't be written ({error.strerror or error}); set TENFOLD_CACHE to a folder that can"
            ) from None
        else:
            return
    raise UnavailableError(
        f"MNIST can't be downloaded ({'; '.join(failures)}); connect to the internet once, or set {MNIST_VARIABLE} "
        f"to a folder with its four files ({', '.join(DOWNLOADS)})"
    )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no response"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "the file is damaged" if isinstance(error, ValueError) else str(error)
