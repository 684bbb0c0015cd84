"""NumPy's files, `.npz` and `.npy`; and which of several named arrays are the images and the labels of a split."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.formats.archive import MAX_BYTES, open_zip, open_zip_member
from tenfold.data.formats.columns import list_names
from tenfold.data.formats.names import SplitName, parse_name
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.tree import File
from tenfold.errors import DataError, shorten

Loader = Callable[[], NDArray[Any]]
Samples = dict[SplitName | None, RawSamples]


def read_npz(file: File, splits: Collection[str]) -> Samples:
    """The splits in an archive of arrays; never loads a pickle."""
    with open_zip(io.BytesIO(file.read()), file.title) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if len(set(names)) < len(names):
            raise DataError("contains the same array twice", file=file.title)
        loaders = {name.removesuffix(".npy"): _member_loader(archive, name, file.title) for name in names}
        return assign_arrays(loaders, file.title, splits)


def read_npy(file: File) -> RawSamples:
    """One array: images, or labels if it has one dimension."""
    content = file.read()
    return _as_samples(_read_array(lambda: io.BytesIO(content), len(content), file.title), file.title)


def _as_samples(array: NDArray[Any], title: str) -> RawSamples:
    is_labels = (array.ndim == 1 and array.size != 784) or (array.ndim == 2 and array.shape[1] in (1, 10))
    return RawSamples(None, array, title) if is_labels else RawSamples(array, None, title)


# Which array is what


def assign_arrays(loaders: Mapping[str, Loader], title: str, splits: Collection[str]) -> Samples:
    """The samples of each split among named arrays, by their names: `x_train`, `images`, `test_labels`, `arr_0`.

    loaders: give the arrays. splits: which of them are wanted. Raises DataError that lists the names.
    """
    if not loaders:
        raise DataError("contains no arrays; expected images and labels, such as x_train and y_train", file=title)
    if by_digit := _arrays_by_digit(loaders):
        return {split: _join_digits(arrays, title, split) for split, arrays in by_digit.items() if split in splits}
    return _assign_by_name(loaders, title, splits)


def _assign_by_name(loaders: Mapping[str, Loader], title: str, splits: Collection[str]) -> Samples:
    found = _roles(loaders)
    lonely = [roles["labels"] for roles in found.values() if "images" not in roles]
    if len(lonely) == len(found):
        return _assign_by_shape(loaders, title)
    if lonely:
        raise DataError(f"contains {shorten(lonely[0], 40)}, but no images for these labels", file=title)
    notes = _notes_on_others(loaders, found, title)
    wanted = {split: roles for split, roles in found.items() if split is None or split in splits}
    return {split: _load_pair(loaders, roles, title, notes) for split, roles in wanted.items()}


def _notes_on_others(
    names: Collection[str], found: dict[SplitName | None, dict[str, str]], title: str
) -> tuple[str, ...]:
    used = {name for roles in found.values() for name in roles.values()}
    others = [name for name in names if name not in used]
    if not others:
        return ()
    return (f"Ignored the {'array' if len(others) == 1 else 'arrays'} {list_names(others)} in {title}.",)


def _roles(names: Collection[str]) -> dict[SplitName | None, dict[str, str]]:
    """For each split the names of the images and of the labels; the first of several."""
    found: dict[SplitName | None, dict[str, str]] = {}
    for name in names:
        parsed = parse_name(name.replace("/", "_"))
        role = parsed.role or ("labels" if name == "t" else None)
        if role:
            found.setdefault(parsed.split, {}).setdefault(role, name)
    return found


def _load_pair(
    loaders: Mapping[str, Loader], roles: dict[str, str], title: str, notes: tuple[str, ...] = ()
) -> RawSamples:
    images = loaders[roles["images"]]()
    labels = loaders[roles["labels"]]() if "labels" in roles else None
    label_title = f"{shorten(roles['labels'], 40)} in {title}" if "labels" in roles else None
    return RawSamples(images, labels, f"{shorten(roles['images'], 40)} in {title}", notes, label_title)


def _arrays_by_digit(loaders: Mapping[str, Loader]) -> dict[SplitName, dict[int, Loader]]:
    """`train0` to `test9`, as in mnist_all.mat: one array for each digit."""
    found: dict[SplitName, dict[int, Loader]] = {}
    for name, loader in loaders.items():
        if match := re.fullmatch(r"(train|test)_?(\d)", name):
            found.setdefault("test" if match[1] == "test" else "train", {})[int(match[2])] = loader
    return {split: arrays for split, arrays in found.items() if len(arrays) > 1}


def _join_digits(loaders: dict[int, Loader], title: str, split: str) -> RawSamples:
    arrays = {digit: loader() for digit, loader in sorted(loaders.items())}
    if len({array.shape[1:] for array in arrays.values()}) > 1 or any(array.ndim < 2 for array in arrays.values()):
        raise DataError(f"its arrays {split}0 to {split}9 have different shapes", file=title)
    labels = np.repeat([*arrays], [len(array) for array in arrays.values()])
    note = f"The arrays {split}0 to {split}9 were joined, each labeled by the digit in its name."
    return RawSamples(np.concatenate([*arrays.values()]), labels, f"{split} in {title}", (note,))


def _assign_by_shape(loaders: Mapping[str, Loader], title: str) -> Samples:
    """Names that say nothing, such as `arr_0`: one array of images, and perhaps one of labels."""
    if len(loaders) > 4:
        raise _unknown_names(loaders, title)
    arrays = {name: loader() for name, loader in loaders.items()}
    kinds = {name: _as_samples(array, f"{shorten(name, 40)} in {title}") for name, array in arrays.items()}
    images = [name for name, samples in kinds.items() if samples.images is not None]
    labels = [name for name, samples in kinds.items() if samples.labels is not None]
    if len(images) > 1 or len(labels) > 1:
        raise _unknown_names(loaders, title)
    if not images:
        return {None: kinds[labels[0]]}
    return {None: _load_pair(loaders, {"images": images[0]} | ({"labels": labels[0]} if labels else {}), title)}


def _unknown_names(loaders: Mapping[str, Loader], title: str) -> DataError:
    names = ", ".join(shorten(name, 20) for name in list(loaders)[:6])
    problem = f"contains {len(loaders)} arrays: {names}; expected names such as x_train, y_train, or images, labels"
    return DataError(problem, file=title)


# Reading one array


def _member_loader(archive: zipfile.ZipFile, member: str, title: str) -> Loader:
    name = f"{shorten(member.removesuffix('.npy'), 40)} in {title}"

    def load() -> NDArray[Any]:
        info = archive.getinfo(member)
        return _read_array(lambda: open_zip_member(archive, info, title), info.file_size, name)

    return load


def _read_array(open_stream: Callable[[], Any], available: int, title: str) -> NDArray[Any]:
    try:
        with open_stream() as stream:
            size, dtype = _declared(stream)
        if size > MAX_BYTES:
            raise DataError(f"declares {size:,} bytes; expected at most {MAX_BYTES >> 30} GiB", file=title)
        if dtype.hasobject:
            raise DataError("contains Python objects, which are not loaded; expected numbers", file=title)
        if size > available:
            raise DataError(f"ends early: it declares {size:,} bytes and has {available:,}", file=title)
        with open_stream() as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except DataError:
        raise
    except Exception as error:  # NumPy parses headers with Python's tokenizer, which has errors of many kinds
        raise DataError(f"is not a readable array ({shorten(error, 80)})", file=title) from None


def _declared(stream: Any) -> tuple[int, np.dtype[Any]]:
    """The size in bytes and the type that an array's header declares; NumPy would allocate whatever it says."""
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    return math.prod(shape) * dtype.itemsize, dtype
