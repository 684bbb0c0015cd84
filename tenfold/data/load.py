"""From whatever the user points at to data sets: the one entrance, and which reader is for what."""

import os
import zipfile
from collections.abc import Collection
from pathlib import Path

from tenfold.data.dataset import Dataset
from tenfold.data.formats import idx, kaggle
from tenfold.data.formats import image_folder as pictures
from tenfold.data.formats.archive import open_file
from tenfold.data.formats.npz import read_npz
from tenfold.data.parts import PARTS, Part, Source
from tenfold.data.polarity import upright
from tenfold.errors import DataError, Unavailable

__all__ = ["NAMES", "Source", "load_data"]

NAMES = ("digits", "mnist")


def load_data(spec: str | os.PathLike[str]) -> Source:
    """Read digits from a path or a name, by what the thing is.

    spec: a path, or else `digits` (embedded) or `mnist`. A path may be Kaggle's zip, folder or CSV (.csv.gz); an IDX
    file (.gz) or a folder of them; Keras' mnist.npz; a folder with pictures in subfolders 0 to 9. With `:train` or
    `:test` at its end, only that part is read and kept. A single file without such names is a training part if it has
    labels, else a test part.

    Images that turn out black on white are turned to white on black, and a note says so.

    Raises DataError with file, row and column for what can't be read, Unavailable for what is not there.
    """
    name = os.fspath(spec)
    place, wanted = _split(name)
    if not place:
        raise Unavailable(f"the name of the data is empty; expected a path, or one of {', '.join(NAMES)}")
    try:
        found, notes = _read(place, wanted)
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror or error})", file=error.filename or place) from None
    parts: dict[Part, Dataset] = {}
    for part in wanted:
        if part in found:
            parts[part], turned = _upright(found[part])
            notes += turned
    if not parts:
        raise DataError(f"has no {' or '.join(wanted)} part", file=place)
    return Source(name, parts.get("train"), parts.get("test"), notes)


def _split(name: str) -> tuple[str, Collection[Part]]:
    """`mnist:test` -> `mnist`, only the test part."""
    for part in PARTS:
        if name.endswith(f":{part}") and not Path(name).exists():
            return name.removesuffix(f":{part}"), (part,)
    return name, PARTS


def _read(place: str, wanted: Collection[Part]) -> tuple[dict[Part, Dataset], tuple[str, ...]]:
    path = Path(place).expanduser()
    if path.is_dir():
        return _read_folder(path, wanted)
    if path.is_file():
        return _read_file(path, wanted), ()
    if place == "digits":
        from tenfold.data.embedded import read_digits

        return read_digits(), ()
    if place == "mnist":
        from tenfold.data.builtin import read_mnist

        return read_mnist(wanted), ()
    before, colon, part = place.rpartition(":")
    if colon and (before in NAMES or Path(before).exists()):
        raise Unavailable(f"{place}: {before} has no part '{part}'; expected :{' or :'.join(PARTS)}")
    raise Unavailable(f"{place}: there is no such file or folder; expected a path, or one of {', '.join(NAMES)}")


def _read_folder(path: Path, wanted: Collection[Part]) -> tuple[dict[Part, Dataset], tuple[str, ...]]:
    if idx.has_idx(path):
        return idx.read_folder(path, wanted), ()
    if pictures.has_digit_folders(path):
        dataset, notes = pictures.read_pictures(path)
        return {"train": dataset}, notes
    return kaggle.read_folder(path, wanted), ()


def _read_file(path: Path, wanted: Collection[Part]) -> dict[Part, Dataset]:
    if not path.stat().st_size:
        raise DataError("is empty", file=path.name)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path, wanted)
    if suffix == ".zip" or zipfile.is_zipfile(path):
        return kaggle.read_zip(path, wanted)
    if kaggle.is_table(path):
        return kaggle.read_file(path)
    with open_file(path) as stream:
        head = stream.read(4)
    if idx.is_idx(path, head):
        return idx.read_file(path)
    if suffix in pictures.suffixes():
        raise DataError("is a single picture; expected a folder with pictures in subfolders 0 to 9", file=path.name)
    return kaggle.read_file(path)


def _upright(dataset: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    turned = upright(dataset)
    if turned is dataset:
        return dataset, ()
    return turned, (f"{dataset.source} is black on white: turned to white on black.",)
