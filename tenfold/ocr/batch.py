"""Many pictures, several models: the files that are meant, what was read in each, and tables of it."""

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
from tenfold.model import BUNDLED, Model, is_bundled, load_model
from tenfold.ocr.image import SUFFIXES, load_image, read_bytes
from tenfold.ocr.reader import read_opened
from tenfold.ocr.reading import Expect, Reading
from tenfold.run import Run

Reader = Callable[[bytes, Expect], Reading]

COLUMNS = ("file", "model", "text", "confidence", "digits", "error")


@dataclass(frozen=True)
class Read:
    """What became of one file: a reading by each model, or an error."""

    file: Path
    readings: dict[str, Reading]
    error: TenfoldError | None = None

    def to_dict(self) -> dict[str, Any]:
        if self.error is not None:
            return {"file": str(self.file), "error": str(self.error)}
        first = next(iter(self.readings.values()))
        told = {"file": str(self.file)} | first.to_dict()
        if len(self.readings) > 1:
            told["models"] = {name: reading.to_dict() for name, reading in self.readings.items()}
        return told


def picture_files(names: Sequence[str]) -> list[Path]:
    """The files that paths, folders (all pictures in them, at any depth) and glob patterns mean.

    A name that means no file stays as it is, and is reported when its turn comes. Raises UnavailableError for an empty
    one.
    """
    if "" in names:
        raise UnavailableError("the name of a picture is empty; expected a file, a folder or a glob pattern")
    return list(dict.fromkeys(file for name in names for file in _meant(name) or [Path(name)]))


def _meant(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if _is_picture(file, path))
    if path.exists():
        return [path]
    return sorted(Path(match) for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207


def _is_picture(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    is_there = file.is_file() or (file.is_symlink() and not file.exists())  # a broken link is told of
    return file.suffix.lower() in SUFFIXES and not hidden and is_there


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


def load_models(paths: Sequence[Path]) -> dict[str, Model]:
    """The models by the names they are shown with; the bundled one where no path is given.

    With one thread, for a picture asks about few images at a time: a second would wait for work, and spin.
    """
    return {str(path): load_model(path, 1) for path in paths} if paths else {BUNDLED: load_model(threads=1)}


def read_files(files: Sequence[Path], expect: Expect, models: dict[str, Model]) -> Iterator[Read]:
    """Read one file after the other; a file that can't be read is an answer too."""

    def read(file: Path) -> dict[str, Reading]:
        opened = load_image(file)
        return {name: read_opened(opened, expect, model) for name, model in models.items()}

    return _each(files, read)


def read_files_with(reader: Reader, name: str, files: Sequence[Path], expect: Expect) -> Iterator[Read]:
    """The same, where `reader` gets each file's bytes and `name` is what it is called."""

    def read(file: Path) -> dict[str, Reading]:
        try:
            return {name: reader(read_bytes(file), expect)}
        except (DataError, UnavailableError) as error:
            if str(file) in str(error):
                raise
            raise (
                DataError(str(error), file=file)
                if isinstance(error, DataError)
                else UnavailableError(f"{file}: {error}")
            ) from None

    return _each(files, read)


def _each(files: Sequence[Path], read: Callable[[Path], dict[str, Reading]]) -> Iterator[Read]:
    for file in files:
        try:
            if file.is_dir():
                expected = ", ".join(sorted(SUFFIXES))
                raise UnavailableError(f"{file}: there are no pictures in this folder; expected {expected}")
            yield Read(file, read(file))
        except TenfoldError as error:
            yield Read(file, {}, error)


def write_table(path: Path, answers: Sequence[Read]) -> None:
    """Write all answers as CSV, a row a file and model, or as JSON where `path` ends so."""
    if path.suffix.lower() == ".json":
        write_json(path, [answer.to_dict() for answer in answers])
        return
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for answer in answers:
        if answer.error is not None:
            table.writerow([answer.file, "", "", "", "", str(answer.error)])
        for name, reading in answer.readings.items():
            table.writerow([answer.file, name, reading.text, f"{reading.confidence:.6f}", len(reading.digits), ""])
    write_text(path, out.getvalue())
