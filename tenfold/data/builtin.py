"""MNIST itself, known by its content: from a folder that the user names, or downloaded once into the cache."""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pooch
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tenfold.data.cache import cache_folder
from tenfold.data.dataset import Dataset
from tenfold.data.formats import idx
from tenfold.data.formats.archive import open_file
from tenfold.data.parts import PARTS, Part
from tenfold.errors import DataError, Unavailable
from tenfold.files import write_bytes

FOLDER_VARIABLE = "TENFOLD_MNIST"
SHA256 = {  # of the unpacked files
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
LARGEST = 47_040_016  # bytes of the largest of the four, unpacked
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
ROUNDS = 2  # times that each mirror is asked for a file
PAUSE = 1.0  # seconds between the rounds
TIMEOUT = 30  # seconds without an answer


def find_mnist() -> Path | None:
    """The folder with MNIST's four files, if it is at hand; never downloads. Their content is not looked at."""
    folder = _named_folder() or _own_folder()
    return None if idx.missing_files(folder) else folder


def get_mnist(progress: bool) -> Path:
    """The folder with MNIST's four files; what is missing or damaged in the cache is downloaded.

    progress: show a bar while downloading, if stderr is a terminal.
    Raises Unavailable where the folder that TENFOLD_MNIST names lacks a file, or no mirror can be reached.
    """
    if named := _named_folder():
        idx.require_all(named, FOLDER_VARIABLE)
        return named
    folder = _own_folder()
    lacking = [name for name in SHA256 if not _is_intact(folder, name)]
    if lacking:
        with _bars(progress) as bars:
            for name in lacking:
                _keep(folder / name, _download(name, bars))
    return folder


def read_mnist(wanted: Collection[Part]) -> dict[Part, Dataset]:
    """MNIST's own parts: 60,000 and 10,000 rows. Raises DataError where a file's content is not MNIST's."""
    return _checked(get_mnist(progress=True), wanted)


def _checked(folder: Path, wanted: Collection[Part]) -> dict[Part, Dataset]:
    parts = idx.read_folder(folder, wanted)
    for part, dataset in parts.items():
        for name, array in zip(idx.NAMES[part], (dataset.images, dataset.labels), strict=True):
            assert array is not None
            state = hashlib.sha256(idx.header_of(array))
            state.update(array.data)
            if state.hexdigest() != SHA256[name]:
                raise DataError(f"is not MNIST's: its sha256 begins {state.hexdigest()[:8]}; expected "
                                f"{SHA256[name][:8]}", file=folder / name)  # fmt: skip
    return {part: Dataset(data.images, data.labels, f"MNIST's {part} part") for part, data in parts.items()}


def public_mnist() -> Dataset | None:
    """MNIST's 70,000 digits, the training rows first, where they are at hand and intact; never downloads."""
    folder = find_mnist()
    if folder is None:
        return None
    try:
        parts = _checked(folder, PARTS)
    except (DataError, OSError):  # not what was asked for, so no reason to stop
        return None
    train, test = parts["train"], parts["test"]
    assert train.labels is not None
    assert test.labels is not None
    images = np.concatenate([train.images, test.images])
    return Dataset(images, np.concatenate([train.labels, test.labels]), "MNIST")


def _named_folder() -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else None


def _own_folder() -> Path:
    return cache_folder() / "mnist"


def _keep(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content)
    except OSError as error:
        problem = f"{path.parent} can't be written ({error.strerror}); set TENFOLD_CACHE to a folder that can"
        raise Unavailable(problem) from None


def _is_intact(folder: Path, name: str) -> bool:
    path = folder / name
    return path.is_file() and _sha256(path.read_bytes()) == SHA256[name]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _download(name: str, bars: Progress) -> bytes:
    """One file, unpacked and known to be MNIST's, from the first mirror that has it."""
    problems: dict[str, str] = {}
    for attempt in range(ROUNDS):
        if attempt:
            time.sleep(PAUSE)
        for mirror in MIRRORS:
            try:
                return _fetch(f"{mirror}{name}.gz", name, bars)
            except (OSError, DataError) as error:  # requests' errors are OSErrors
                problems[mirror] = _reason(error)
    told = "; ".join(f"{mirror}: {reason}" for mirror, reason in problems.items())
    raise Unavailable(
        f"MNIST can't be downloaded ({told}); go online once, or set {FOLDER_VARIABLE} to a folder "
        f"with its four files ({name}.gz and so on)"
    )


def _reason(error: Exception) -> str:
    import requests  # as pooch does, only when something is downloaded

    if isinstance(error, requests.HTTPError):
        return f"status {error.response.status_code}" if error.response is not None else str(error)
    if isinstance(error, requests.Timeout):
        return "no answer"
    return "no connection" if isinstance(error, requests.ConnectionError) else str(error)


def _fetch(url: str, name: str, bars: Progress) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.gz"
        bar = _Bar(bars, name)
        try:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)(url, str(path), None)
        except BaseException:
            bar.remove()
            raise
        with open_file(path) as stream:
            content = stream.read(LARGEST + 1)
    if _sha256(content) != SHA256[name]:
        raise DataError(f"what was downloaded is not MNIST's {name}")
    return content


class _Bar:
    """One line of the progress display, as pooch's downloader calls it."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars = bars
        self._task = bars.add_task(name, total=None)
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, size: int) -> None:  # known when the answer comes
        self._total = size
        self._bars.update(self._task, total=size or None)

    def update(self, count: int) -> None:
        self._bars.advance(self._task, count)

    def reset(self) -> None:
        self._bars.update(self._task, completed=0)

    def close(self) -> None:
        self._bars.stop_task(self._task)

    def remove(self) -> None:
        self._bars.remove_task(self._task)


def _bars(show: bool) -> Progress:
    quiet = not (show and sys.stderr.isatty())
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=quiet)
