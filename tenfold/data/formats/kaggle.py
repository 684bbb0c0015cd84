"""Kaggle's Digit Recognizer files as people have them: the zip, the folder, or one CSV file (or .csv.gz)."""

import posixpath
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from tenfold.data.dataset import SPLITS, Dataset, Split
from tenfold.data.formats.archive import LIMIT, Stream, Unpacked, gunzip, open_file, open_zip
from tenfold.data.formats.csv import LABEL, read_csv
from tenfold.errors import DataError

ENDS = (".csv", ".csv.gz")
NOT_DIGITS = "sample_submission.csv"


@dataclass(frozen=True)
class _Table:
    """One CSV file, in a folder or in an archive."""

    path: Path  # of the file, or of the archive
    member: str  # in the archive; empty for a file
    open: Callable[[], Stream]

    @property
    def title(self) -> str:
        return f"{self.member} in {self.path.name}" if self.member else self.path.name

    @property
    def stem(self) -> str:
        return _stem(self.member or self.path.name)

    def read(self) -> Dataset:
        images, labels = read_csv(self.open, self.title)
        return Dataset(images, labels, self.title)


def is_csv(path: Path) -> bool:
    return path.name.lower().endswith(ENDS)


def read_folder(folder: Path, wanted: Collection[Split]) -> dict[Split, Dataset]:
    """The CSV files of a folder, or of a single folder within it."""
    files = [*folder.glob("*"), *folder.glob("*/*")]
    tables = {
        path.relative_to(folder).as_posix(): _of_file(path)
        for path in sorted(files)
        if path.is_file() and _is_candidate(path.name)
    }
    return _read(_choose(tables, str(folder)), wanted)


def read_file(path: Path) -> dict[Split, Dataset]:
    """One CSV file: the part is by its name, `train` or `test`, or else by whether it has labels."""
    table = _of_file(path)
    if table.stem in SPLITS:
        return _read({_part(table.stem): table}, SPLITS)
    dataset = table.read()
    return {"test" if dataset.labels is None else "train": dataset}


def read_zip(path: Path, wanted: Collection[Split]) -> dict[Split, Dataset]:
    """The CSV files of an archive, wherever in it they stand; nothing is ever written to disk."""
    with open_zip(path) as archive:
        for info in archive.infolist():
            _refuse(info, path.name)
        members = [info for info in archive.infolist() if not info.is_dir() and _is_candidate(info.filename)]
        tables = {info.filename: _of_member(path, archive, info) for info in members}
        if len(tables) < len(members):
            raise DataError("holds the same CSV file twice", file=path.name)
        return _read(_choose(tables, path.name), wanted)


def _refuse(info: zipfile.ZipInfo, file: str) -> None:
    name = info.orig_filename
    if ".." in PureWindowsPath(name).parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        raise DataError(f"holds the path {name!r}, which leads out of the archive", file=file)
    if _is_candidate(name):
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{name} is packed by method {info.compress_type}; expected deflate", file=file)
        if info.flag_bits & 1:
            raise DataError(f"{name} is encrypted; expected an archive without a password", file=file)
        if info.file_size > LIMIT:
            raise DataError(
                f"{name} unpacks to {info.file_size:,} bytes; expected at most {LIMIT >> 30} GiB", file=file
            )


def _is_candidate(name: str) -> bool:
    base = posixpath.basename(name).lower()
    return base.endswith(ENDS) and base != NOT_DIGITS and not base.startswith((".", "._"))


def _stem(name: str) -> str:
    return posixpath.basename(name).lower().removesuffix(".gz").removesuffix(".csv")


def _choose(tables: dict[str, _Table], place: str) -> dict[Split | None, _Table]:
    """Which file is which part; a single one under another name stands under None."""
    chosen: dict[Split | None, _Table] = {}
    for part in SPLITS:
        names = [name for name in tables if _stem(name) == part]
        if len(names) > 1:
            raise DataError(f"holds {' and '.join(names)}; expected one {part}.csv", file=place)
        if names:
            chosen[part] = tables[names[0]]
    if not tables:
        raise DataError("holds no CSV file; expected train.csv and test.csv", file=place)
    if not chosen:
        if len(tables) > 1:
            raise DataError(f"holds {len(tables)} CSV files, none of them train.csv or test.csv: "
                            f"{', '.join(list(tables)[:5])}", file=place)  # fmt: skip
        chosen[None] = next(iter(tables.values()))
    return chosen


def _read(chosen: dict[Split | None, _Table], wanted: Collection[Split]) -> dict[Split, Dataset]:
    parts: dict[Split, Dataset] = {}
    for name, table in chosen.items():
        if name is None:
            dataset = table.read()
            parts["test" if dataset.labels is None else "train"] = dataset
        elif name in wanted:
            dataset = table.read()
            if name == "train" and dataset.labels is None:
                raise DataError("is missing; training rows need it", file=table.title, column=LABEL)
            parts[name] = dataset
    return parts


def _part(stem: str) -> Split:
    return "train" if stem == "train" else "test"


def _of_file(path: Path) -> _Table:
    return _Table(path, "", lambda: open_file(path))


def _of_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Table:
    title = f"{info.filename} in {path.name}"

    def open_member() -> Stream:
        stream = archive.open(info)
        return gunzip(stream, title) if info.filename.lower().endswith(".gz") else Unpacked(stream, title)

    return _Table(path, info.filename, open_member)
