"""Which reader a file needs, by its name and its first bytes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from tenfold.data.formats import idx
from tenfold.data.formats.archive import PACKED_SUFFIXES
from tenfold.data.formats.arff import read_arff
from tenfold.data.formats.arrays import Samples, read_npy, read_npz
from tenfold.data.formats.columns import Options
from tenfold.data.formats.csv import read_csv
from tenfold.data.formats.label_table import is_small_table, read_labels
from tenfold.data.formats.libsvm import is_libsvm, read_libsvm
from tenfold.data.formats.parquet import read_parquet
from tenfold.data.formats.scientific import read_hdf5, read_mat
from tenfold.data.formats.tree import File
from tenfold.errors import DataError
from tenfold.sniff import foreign, identify

Family = Literal["csv", "idx", "npz", "npy", "mat", "hdf5", "parquet", "arff", "libsvm"]

SUFFIXES: dict[str, Family] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".npz": "npz",
    ".npy": "npy",
    ".mat": "mat",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arff": "arff",
    ".libsvm": "libsvm",
    ".svm": "libsvm",
}
CONTENTS: tuple[Family, ...] = ("npz", "npy", "mat", "hdf5", "parquet", "arff", "idx")  # known by their first bytes
OTHER_SUFFIXES = (".txt", ".data", ".dat", ".tra", ".tes", ".scale", ".t", ".train", ".test", ".bin", "")
EXPECTED = "expected CSV, IDX, .npz, .npy, Parquet, MATLAB, HDF5, ARFF or LIBSVM data"


def may_be_data(name: str) -> bool:
    """Whether a file beside others may be data, by its name alone."""
    suffix = _suffix(name)
    return suffix in SUFFIXES or suffix in OTHER_SUFFIXES or suffix[1:].isdigit() or idx.has_idx_name(plain_name(name))


def family_of(file: File) -> Family | None:
    """The format of a file; None for one that is not data. A foreign file keeps the format that its name promises."""
    return "idx" if idx.has_idx_name(plain_name(file.name)) else _by_content(file, SUFFIXES.get(_suffix(file.name)))


def _suffix(name: str) -> str:
    plain = plain_name(name)
    return f".{plain.rpartition('.')[2]}" if "." in plain else ""


def plain_name(name: str) -> str:
    """The last part of a name, in lower case, without the suffix of compression."""
    name = name.rpartition("/")[2].lower()
    return next((name.removesuffix(suffix) for suffix in PACKED_SUFFIXES if name.endswith(suffix)), name)


def _by_content(file: File, named: Family | None) -> Family | None:
    """The format that the first bytes say, else that of the name, else that of a text that looks like a table."""
    head = file.head()
    kind = identify(head)
    family = next((each for each in CONTENTS if kind and each == kind.name), None)
    if family is not None or kind is not None:
        return family or named
    if named in (None, "csv") and is_libsvm(head):
        return "libsvm"
    return named or ("csv" if not is_small_table(file) and head else None)


def read(file: File, family: Family, splits: Collection[str], options: Options, is_labels: bool = False) -> Samples:
    """The samples in one file, by the splits that it names itself. is_labels: a table of labels alone is expected."""
    if family in ("npz", "mat", "hdf5"):
        _check_content(file, family)
    match family:
        case "npz":
            return read_npz(file, splits)
        case "mat":
            return read_mat(file, splits)
        case "hdf5":
            return read_hdf5(file, splits)
        case "idx":
            return {None: idx.read_idx(file)}
        case "npy":
            return {None: read_npy(file)}
        case "parquet":
            _check_content(file, family)
            return {None: read_parquet(file, options)}
        case "arff":
            return {None: read_arff(file, options)}
        case "libsvm":
            return {None: read_libsvm(file)}
    if is_labels and is_small_table(file):
        return {None: read_labels(file, options)}
    return {None: read_csv(file.open, file.title, options)}


def _check_content(file: File, family: Family) -> None:
    """Raise DataError for a file whose name promises another format than its first bytes."""
    head = file.head()
    kind = identify(head)
    if kind is not None and kind.name not in (family, "zip"):
        raise DataError(foreign(head, EXPECTED) or EXPECTED, file=file.title)
