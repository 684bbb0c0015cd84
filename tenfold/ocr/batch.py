"""Many pictures and several models: which files are meant, the readings of each, and tables of them."""

from __future__ import annotations

import csv
import glob
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import DataError, TenfoldError, UnavailableError
from tenfold.files import write_json, write_text
from tenfold.model import BUNDLED, is_bundled
from tenfold.ocr.image import SUFFIXES, is_file_name, read_bytes
from tenfold.ocr.pages import load_pages
from tenfold.ocr.reader import Reader
from tenfold.ocr.reading import Expect, Reading, Rotate
from tenfold.run import Run

COLUMNS = ("file", "model", "text", "full_text", "confidence", "digits", "error", "page", "note")


@dataclass(frozen=True)
class FileResult:
    """The result for one file, or for one page of it: a reading by each model, or an error.

    page: its number from 1, in a file of several. note: what was left out, such as the rest of an animation, or "".
    """

    file: Path
    readings: dict[str, Reading]
    error: TenfoldError | None = None
    page: int | None = None
    note: str = ""

    @property
    def title(self) -> str:
        """What to call it: the file, its page, and the note."""
        page = "" if self.page is None else f", page {self.page}"
        return f"{self.file}{page}{f' ({self.note})' if self.note else ''}"

    def to_dict(self) -> dict[str, Any]:
        if self.error is not None:
            return {"file": str(self.file), "error": str(self.error)}
        first = next(iter(self.readings.values()))
        result = {"file": str(self.file)} | first.to_dict()
        if self.page is not None:
            result["page"] = self.page
        if self.note:
            result["notes"] = [self.note]
        if len(self.readings) > 1:
            result["models"] = {name: reading.to_dict() for name, reading in self.readings.items()}
        return result


def picture_files(names: Sequence[str]) -> list[Path]:
    """The files that paths, folders (all pictures in them, at any depth) and glob patterns mean.

    A name without a file is kept, and reported in its turn. Raises UnavailableError for an empty one.
    """
    if "" in names:
        raise UnavailableError("the name of a picture is empty; expected a file, a folder or a glob pattern")
    return list(dict.fromkeys(file for name in names for file in _matching_files(name) or [Path(name)]))


def _matching_files(name: str) -> list[Path]:
    path = Path(name)
    if not is_file_name(name):
        return []
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if _is_picture(file, path))
    if path.exists():
        return [path]
    return sorted(Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207


def _is_picture(file: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    exists = file.is_file() or (file.is_symlink() and not file.exists())  # a broken link is reported
    return file.suffix.lower() in SUFFIXES and not is_hidden and exists


def model_paths(patterns: Sequence[str]) -> list[Path]:
    """The models that paths, glob patterns and `bundled` mean, in order. Raises UnavailableError."""
    found: list[Path] = []
    for pattern in patterns:
        is_name = Path(pattern).exists() or is_bundled(pattern)
        matching = [pattern] if is_name else sorted(glob.glob(pattern))  # noqa: PTH207
        models = [path for path in map(Path, matching) if is_model(path)]
        if not models:
            raise UnavailableError(
                f"{pattern}: there is no such model; expected run folders, .onnx files or `{BUNDLED}`"
            )
        found += models
    return list(dict.fromkeys(found))


def is_model(path: Path) -> bool:
    if path.is_dir():
        return Run(path).model.is_file()
    return (path.suffix == ".onnx" and path.exists()) or is_bundled(path)


def load_readers(paths: Sequence[Path]) -> dict[str, Reader]:
    """Readers by the paths of their models; with the bundled one if there is no path."""
    return {str(path): Reader(path) for path in paths} if paths else {BUNDLED: Reader()}


def read_files(
    files: Sequence[Path], expect: Expect, readers: dict[str, Reader], rotate: Rotate = 0
) -> Iterator[FileResult]:
    """Read one file after the other; a file that can't be read gives a result with the error."""

    def read(file: Path) -> Iterator[FileResult]:
        for page in load_pages(file, str(file)):
            readings = {name: reader.read(page.picture, expect, rotate) for name, reader in readers.items()}
            yield FileResult(file, readings, page=page.number, note=page.note)

    return _read_each(files, read)


def read_files_with(
    read_content: Callable[[bytes, Expect], Reading], name: str, files: Sequence[Path], expect: Expect
) -> Iterator[FileResult]:
    """The same, but `read_content` gets each file's bytes; name: what the reader is called."""

    def read(file: Path) -> Iterator[FileResult]:
        try:
            yield FileResult(file, {name: read_content(read_bytes(file), expect)})
        except (DataError, UnavailableError) as error:
            if str(file) in str(error):
                raise
            raise (
                DataError(str(error), file=file)
                if isinstance(error, DataError)
                else UnavailableError(f"{file}: {error}")
            ) from None

    return _read_each(files, read)


def _read_each(files: Sequence[Path], read: Callable[[Path], Iterator[FileResult]]) -> Iterator[FileResult]:
    for file in files:
        try:
            if is_file_name(str(file)) and file.is_dir():
                expected = ", ".join(sorted(SUFFIXES))
                raise UnavailableError(f"{file}: there are no pictures in this folder; expected {expected}")
            yield from read(file)
        except TenfoldError as error:
            yield FileResult(file, {}, error)


def write_table(path: Path, results: Sequence[FileResult]) -> None:
    """Write all results as CSV, one row per file and model, or as JSON if `path` ends in .json."""
    if path.suffix.lower() == ".json":
        write_json(path, [result.to_dict() for result in results])
        return
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for result in results:
        if result.error is not None:
            table.writerow([result.file, "", "", "", "", "", str(result.error), "", ""])
        for name, reading in result.readings.items():
            figures = [reading.text, reading.full_text, f"{reading.confidence:.6f}", len(reading.digits)]
            table.writerow([result.file, name, *figures, "", result.page or "", result.note])
    write_text(path, out.getvalue())
