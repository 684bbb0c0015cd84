"""Corrections of readings, stored in SQLite to measure models and to train on."""

from __future__ import annotations

import builtins
import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.data.formats.columns import LABEL, PIXELS
from tenfold.errors import DataError, UnavailableError
from tenfold.images import SIDE

SCHEMA = """
CREATE TABLE IF NOT EXISTS corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL,          -- UTC, ISO 8601
  picture BLOB NOT NULL,       -- as it was sent
  image BLOB NOT NULL,         -- 784 gray levels: what the network saw
  prediction INTEGER NOT NULL, -- 0 to 9
  confidence REAL NOT NULL,
  label INTEGER,               -- 0 to 9; NULL if it is not a digit
  model TEXT NOT NULL          -- sha256 of the ONNX file
)
"""
COLUMNS = "id, time, image, prediction, confidence, label, model"
LOCK_SECONDS = 10


def default_database() -> Path:
    return platformdirs.user_data_path("tenfold", appauthor=False) / "feedback.db"


@dataclass(frozen=True, eq=False)
class Correction:
    """image: uint8 (28, 28). label: 0 to 9, or None if it is not a digit. model: sha256 of the model that read it."""

    id: int
    time: str
    image: NDArray[np.uint8]
    prediction: int
    confidence: float
    label: int | None
    model: str


class Feedback:
    """The database at `path`. Every call opens it anew, so that threads and processes can share it.

    Once `add` has returned, the correction is on the disk: it survives a killed process and a power cut.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Create the database if it doesn't exist. Raises DataError, TenfoldError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"the database of corrections can't be created ({error.strerror}); choose another file with "
                "--feedback FILE, or store no corrections with --no-feedback",
                file=self.path,
            ) from None
        with self._connect() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(SCHEMA)

    def add(
        self,
        picture: bytes,
        image: NDArray[np.uint8],
        prediction: int,
        confidence: float,
        label: int | None,
        model: str,
    ) -> int:
        """Store one correction; returns its id."""
        row = (_now(), picture, image.tobytes(), prediction, confidence, label, model)
        with self._connect() as database:
            added = database.execute(
                "INSERT INTO corrections (time, picture, image, prediction, confidence, label, model) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def list(self, after: int = 0, limit: int = -1) -> builtins.list[Correction]:
        """Corrections with an id above `after`, oldest first; -1 for no limit. Raises UnavailableError, DataError."""
        if not self.path.exists():
            raise UnavailableError(f"{self.path}: there are no corrections yet; users of `tenfold serve` make them")
        with self._connect() as database:
            rows = database.execute(
                f"SELECT {COLUMNS} FROM corrections WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
            ).fetchall()
        return [
            Correction(number, time, np.frombuffer(image, np.uint8).reshape(SIDE, SIDE), *rest)
            for number, time, image, *rest in rows
        ]

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=LOCK_SECONDS)) as database, database:
                database.execute("PRAGMA synchronous = FULL")
                yield database
        except sqlite3.Error as error:
            raise DataError(
                f"the database of corrections can't be used ({error}); choose another file with --feedback FILE",
                file=self.path,
            ) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def latest(corrections: Iterable[Correction]) -> list[Correction]:
    """The last correction of each image and model: people also correct their own slips."""
    return list({(one.model, one.image.tobytes()): one for one in corrections}.values())


def to_dataset(corrections: list[Correction], source: str) -> Dataset:
    """The corrections that are digits, as labeled images. Raises DataError if there are none."""
    digits = [one for one in corrections if one.label is not None]
    if not digits:
        raise DataError("contains no corrections with a digit", file=source)
    return Dataset(np.stack([one.image for one in digits]), np.array([one.label for one in digits], np.uint8), source)


def to_kaggle_csv(digits: Dataset) -> bytes:
    """Labeled digits in the format of Kaggle's train.csv."""
    assert digits.labels is not None
    rows = [",".join([LABEL, *PIXELS])]
    for label, image in zip(digits.labels.tolist(), digits.images.reshape(len(digits), -1).tolist(), strict=True):
        rows.append(",".join(map(str, [label, *image])))
    return ("\n".join(rows) + "\n").encode()
