"""Kaggle's Digit Recognizer files: the zip, a folder, or one CSV file (or .csv.gz)."""

import posixpath
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from tenfold.data.dataset import SPLITS, Dataset, Split
from tenfold.data.formats.archive import MAX_BYTES, SafeStream, Stream, gunzip, open_file, open_zip
from tenfold.data.formats.csv import LABEL, read_csv
from tenfold.errors import DataError

SUFFIXES = (".csv", ".csv.gz")
NOT_DIGITS = "sample_submission.csv"


@dataclass(frozen=True)
class _CSVFile:
    """One CSV file in a folder or in an archive."""

    title: str  # in messages
    stem: str
    open: Callable[[], Stream]

    def read(self) -> Dataset:
        images, labels = read_csv(self.open, self.title)
        return Dataset(images, labels, self.title)


def is_csv(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def read_folder(folder: Path, splits: Collection[Split]) -> dict[Split, Dataset]:
    """The CSV files in a folder or its subfolders."""
    paths = [*folder.glob("*"), *folder.glob("*/*")]
    files = {
        path.relative_to(folder).as_posix(): _from_path(path)
        for path in sorted(paths)
        if path.is_file() and _may_be_digits(path.name)
    }
    return _read_splits(_select(files, str(folder)), splits)


def read_file(path: Path) -> dict[Split, Dataset]:
    """One CSV file: its split is that in its name, `train` or `test`, else `train` if it has labels."""
    file = _from_path(path)
    for split in SPLITS:
        if file.stem == split:
            return _read_splits({split: file}, SPLITS)
    return _read_by_labels(file)


def read_zip(path: Path, splits: Collection[Split]) -> dict[Split, Dataset]:
    """The CSV files in an archive, at any depth; nothing is written to disk."""
    with open_zip(path) as archive:
        for info in archive.infolist():
            _check_member(info, path.name)
        members = [info for info in archive.infolist() if not info.is_dir() and _may_be_digits(info.filename)]
        files = {info.filename: _from_member(path, archive, info) for info in members}
        if len(files) < len(members):
            raise DataError("contains the same CSV file twice", file=path.name)
        return _read_splits(_select(files, path.name), splits)


def _check_member(info: zipfile.ZipInfo, file: str) -> None:
    name = info.orig_filename
    if ".." in PureWindowsPath(name).parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise DataError(f"contains the path {name!r}, which leads out of the archive", file=file)
    if not _may_be_digits(name):
        return
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{name} is compressed with method {info.compress_type}; expected deflate", file=file)
    if info.flag_bits & 1:
        raise DataError(f"{name} is encrypted; expected an archive without a password", file=file)
    if info.file_size > MAX_BYTES:
        limit = f"expected at most {MAX_BYTES >> 30} GiB"
        raise DataError(f"{name} unpacks to {info.file_size:,} bytes; {limit}", file=file)


def _may_be_digits(name: str) -> bool:
    base = posixpath.basename(name).lower()
    return base.endswith(SUFFIXES) and base != NOT_DIGITS and not base.startswith(".")


def _stem(name: str) -> str:
    return posixpath.basename(name).lower().removesuffix(".gz").removesuffix(".csv")


def _select(files: dict[str, _CSVFile], source: str) -> dict[Split | None, _CSVFile]:
    """Which file is which split; the key of a single file with another name is None."""
    if not files:
        raise DataError("contains no CSV file; expected train.csv and test.csv", file=source)
    selected: dict[Split | None, _CSVFile] = {}
    for split in SPLITS:
        names = [name for name, file in files.items() if file.stem == split]
        if len(names) > 1:
            raise DataError(f"contains {' and '.join(names)}; expected one {split}.csv", file=source)
        if names:
            selected[split] = files[names[0]]
    if selected:
        return selected
    if len(files) > 1:
        names = list(files)[:5]
        raise DataError(f"contains {len(files)} CSV files, but neither train.csv nor test.csv: {', '.join(names)}",
                        file=source)  # fmt: skip
    return {None: next(iter(files.values()))}


def _read_splits(files: dict[Split | None, _CSVFile], splits: Collection[Split]) -> dict[Split, Dataset]:
    found: dict[Split, Dataset] = {}
    for split, file in files.items():
        if split is None:
            found |= _read_by_labels(file)
        elif split in splits:
            dataset = file.read()
            if split == "train" and dataset.labels is None:
                raise DataError("is missing; expected it in training data", file=file.title, column=LABEL)
            found[split] = dataset
    return found


def _read_by_labels(file: _CSVFile) -> dict[Split, Dataset]:
    dataset = file.read()
    return {"test" if dataset.labels is None else "train": dataset}


def _from_path(path: Path) -> _CSVFile:
    return _CSVFile(path.name, _stem(path.name), lambda: open_file(path))


def _from_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _CSVFile:
    title = f"{info.filename} in {path.name}"

    def open_member() -> Stream:
        stream = archive.open(info)
        return gunzip(stream, title) if info.filename.lower().endswith(".gz") else SafeStream(stream, title)

    return _CSVFile(title, _stem(info.filename), open_member)
