"""`load_data`: from a path or a name to data sets, by what the thing is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from tenfold.data.dataset import SPLITS, Dataset, DatasetSplits, Split, concatenate
from tenfold.data.formats import image_folder
from tenfold.data.formats.columns import LABEL, Options
from tenfold.data.formats.layout import Samples, partner_of, read_single, read_tree
from tenfold.data.formats.names import SplitName
from tenfold.data.formats.raw import RawSamples
from tenfold.data.formats.readers import EXPECTED, family_of
from tenfold.data.formats.tree import File, Tree, file_at, open_tree, unpack_nested
from tenfold.data.normalize import normalize
from tenfold.errors import DataError, UnavailableError, shorten
from tenfold.sniff import foreign, is_address

BUILTIN_NAMES = ("digits", "mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "qmnist", "usps")

Notes = tuple[str, ...]
Splits = tuple[dict[Split, Dataset], Notes]


def load_data(
    spec: str | os.PathLike[str], *, label_column: str | None = None, pixel_columns: str | None = None
) -> DatasetSplits:
    """Load digits from a path or by name.

    spec: a path, or a name: `digits` comes with the package, `mnist` and the others of BUILTIN_NAMES are downloaded
    once. A path may be a table (CSV, ARFF, LIBSVM, Parquet), IDX, NumPy's .npz and .npy, MATLAB's .mat, HDF5, pictures
    in folders 0 to 9 or with a table of labels, or a folder, zip or tar of any of these; docs/formats.md lists all.
    With `:train` or `:test` appended, only that split is read; `folder:name` and `archive.zip:name` mean what lies in
    them. A single file whose name says no split is a training split if it has labels, else a test split.
    label_column, pixel_columns: for tables, a name or number of the label's column; a range FIRST:LAST of names or
    numbers, or a pattern such as `px*`, of the pixels'.

    Black on white is inverted to white on black, and a note says so, as it does for all that was changed or left out.

    Raises DataError with file, row and column for what can't be read, UnavailableError for what doesn't exist.
    """
    name = os.fspath(spec)
    source, requested = _parse_spec(name)
    if not source:
        raise UnavailableError(f"the name of the data is empty; expected a path, or one of {', '.join(BUILTIN_NAMES)}")
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # values that are no pixels are reported as such
            found, notes = _read(source, requested, Options(label_column, pixel_columns))
    except OSError as error:
        raise DataError(f"can't be read ({error.strerror or error})", file=error.filename or source) from None
    normalized = {split: normalize(found[split]) for split in requested if split in found}
    splits = {split: data for split, (data, _) in normalized.items()}
    if not splits:
        raise DataError(f"has no {' or '.join(requested)} split", file=source)
    notes += tuple(note for _, changes in normalized.values() for note in changes)
    return DatasetSplits(name, splits.get("train"), splits.get("test"), tuple(dict.fromkeys(notes)))


def _parse_spec(name: str) -> tuple[str, Collection[Split]]:
    """`mnist:test` -> `mnist`, only the test split."""
    for split in SPLITS:
        if name.endswith(f":{split}") and not _exists(name):
            return name.removesuffix(f":{split}"), (split,)
    return name, SPLITS


def _exists(name: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a name that is too long, or has a null byte
        return Path(name).exists()
    return False


def _read(source: str, requested: Collection[Split], options: Options) -> Splits:
    if (address := is_address(source)) and not _exists(source):
        raise UnavailableError(f"{shorten(source, 60)}: is {address}")
    path, member = _find_path(source)
    if path is None:
        return _read_builtin(source, requested)
    notes: Notes = ()
    if source in BUILTIN_NAMES:
        kind = "folder" if path.is_dir() else "file"
        notes = (f"Read from the {kind} {source} here, which hides the built-in data of that name.",)
    found, more = _read_path(path, member, requested, options)
    return found, notes + more


def _find_path(source: str) -> tuple[Path | None, str]:
    """An existing path, and the member of it that is named after a colon, or ""."""
    before, member = source, ""
    while before:
        if _exists(before) or _exists(os.path.expanduser(before)):  # noqa: PTH111  # Path raises for unknown ~user
            return Path(os.path.expanduser(before)), member  # noqa: PTH111
        before, colon, part = before.rpartition(":")
        if not colon:
            break
        member = f"{part}:{member}" if member else part
    return None, ""


def _read_builtin(source: str, requested: Collection[Split]) -> Splits:
    if source in BUILTIN_NAMES:
        from tenfold.data.builtin import read_builtin

        return read_builtin(source, requested)
    before, colon, split = source.rpartition(":")
    if colon and before in BUILTIN_NAMES:
        raise UnavailableError(f"{before} has no split {shorten(split, 40)!r}; expected :{' or :'.join(SPLITS)}")
    raise UnavailableError(
        f"{shorten(source)}: no such file or folder; expected a path, or one of {', '.join(BUILTIN_NAMES)}"
    )


def _read_path(path: Path, member: str, requested: Collection[Split], options: Options) -> Splits:
    if not path.is_dir() and not path.is_file():
        raise DataError("is a pipe or a device; expected a file or a folder", file=path)
    if path.is_file() and not path.stat().st_size:
        raise DataError("is empty", file=path.name)
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(open_tree(path)) if not _is_array_file(path) else None
        if tree is not None:
            return _read_members(unpack_nested(tree, stack), member, requested, options)
        if member:
            problem = f"has no split or member {shorten(member, 40)!r}; expected :{' or :'.join(SPLITS)}"
            raise UnavailableError(f"{shorten(path)} {problem}")
        return _read_single(file_at(path), _siblings(path), requested, options)


def _is_array_file(path: Path) -> bool:
    """Whether a zip is one file of data: NumPy's."""
    return path.is_file() and family_of(file_at(path)) == "npz"


def _member(tree: Tree, member: str) -> Tree:
    found = tree.within(member)
    if found.files:
        return found
    tops = list(dict.fromkeys(file.name.partition("/")[0] for file in tree.files))
    shown = ", ".join(shorten(top, 30) for top in tops[:5]) or "nothing"
    problem = f"has no {shorten(member, 40)!r}, nor a split of that name; it contains {shown}"
    raise UnavailableError(f"{shorten(tree.name, 60)} {problem}")


def _read_members(tree: Tree, member: str, requested: Collection[Split], options: Options) -> Splits:
    """A folder or an archive, or the part of it that the user chose."""
    if not member:
        return _to_datasets(tree.name, *read_tree(tree, _wanted(requested), options))
    folder, _, _ = member.strip("/").rpartition("/")
    siblings = tree.within(folder) if folder else tree
    tree = _member(tree, member)
    if len(tree.files) == 1:
        return _read_single(tree.files[0], siblings, requested, options)
    return _to_datasets(tree.name, *read_tree(tree, _wanted(requested), options))


def _wanted(requested: Collection[Split]) -> Collection[str]:
    """The splits to read, by the names that files have: validation samples are among those to train on."""
    return [*requested, "valid"] if "train" in requested else requested


def _siblings(path: Path) -> Tree:
    """The files beside a file."""
    files: list[File] = []
    with contextlib.suppress(OSError):
        files = [file_at(each) for each in sorted(path.parent.iterdir()) if each.is_file() and each != path]
    return Tree(str(path.parent), files)


def _read_single(file: File, siblings: Tree, requested: Collection[Split], options: Options) -> Splits:
    """A single file, with its labels if they are in another beside it."""
    if family_of(file) is None:
        if image_folder.is_image(file):
            raise DataError("is a single image; expected a folder with images in subfolders 0 to 9", file=file.title)
        raise DataError(foreign(file.head(), EXPECTED) or f"has an unknown format; {EXPECTED}", file=file.title)
    pair = partner_of(file, siblings)
    return _to_datasets(f"{siblings.name}/{file.name}", *read_single(pair, _wanted(requested), options))


# Splits


def _to_datasets(source: str, samples: Samples, notes: Notes) -> Splits:
    """Bring all samples into one form, and split them into train and test."""
    found: dict[SplitName | None, Dataset] = {}
    for split, raw in samples.items():
        if split == "train" and raw.labels is None:
            raise _no_labels(raw)
        # EMNIST's own files have the images lying on their side, in every format.
        found[split], more = raw.to_dataset(is_transposed="emnist" in f"{source} {raw.title}".lower())
        notes += more
    if None in found:
        unnamed = found.pop(None)
        found.setdefault("test" if unnamed.labels is None else "train", unnamed)
    return _join_validation(found, notes)


def _no_labels(raw: RawSamples) -> DataError:
    if raw.title.partition(" in ")[0].endswith((".npy", ".npz")) or "." not in raw.title.partition(" in ")[0]:
        return DataError("has no labels; expected them as y_train, in the same file or beside it", file=raw.title)
    return DataError("is missing; expected it in training data", file=raw.title, column=LABEL)


def _join_validation(found: dict[SplitName | None, Dataset], notes: Notes) -> Splits:
    """Validation samples join the training split, of which a recipe holds out its own."""
    splits: dict[Split, Dataset] = {split: found[split] for split in SPLITS if split in found}
    valid = found.get("valid")
    if valid is None:
        return splits, notes
    if valid.labels is None:
        return splits, (*notes, f"Ignored {valid.source}, which has no labels.")
    splits["train"] = concatenate(splits["train"], valid) if "train" in splits else valid
    return splits, (*notes, f"The {len(valid):,} validation samples of {valid.source} are among those to train on.")
