"""Corrections: what was shown, what was read, what it is. Kept in SQLite, to measure and to train on."""

from __future__ import annotations

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
from tenfold.data.formats.csv import LABEL, PIXELS
from tenfold.errors import DataError, UnavailableError
from tenfold.images import SIDE

SCHEMA = """
CREATE TABLE IF NOT EXISTS corrections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL,          -- UTC, ISO 8601
  picture BLOB NOT NULL,       -- as it came
  frame BLOB NOT NULL,         -- 784 gray levels: what the network saw
  read INTEGER NOT NULL,       -- 0 to 9
  confidence REAL NOT NULL,
  truth INTEGER,               -- 0 to 9; NULL for no digit
  model TEXT NOT NULL          -- sha256 of the ONNX file that read it
)
"""
COLUMNS = "id, time, frame, read, confidence, truth, model"


def default_database() -> Path:
    return platformdirs.user_data_path("tenfold", appauthor=False) / "feedback.db"


@dataclass(frozen=True, eq=False)
class Correction:
    """frame: uint8 (28, 28). truth: 0 to 9, or None for no digit. model: sha256 of the model that read it."""

    id: int
    time: str
    frame: NDArray[np.uint8]
    read: int
    confidence: float
    truth: int | None
    model: str


class Feedback:
    """The database at `path`. Each call opens it anew, so that threads and processes may share it.

    What `keep` has returned from is on the disk: neither a killed process nor a power cut takes it back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        """Make the database where there is none. Raises DataError for a file that is something else."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(SCHEMA)

    def keep(
        self, picture: bytes, frame: NDArray[np.uint8], read: int, confidence: float, truth: int | None, model: str
    ) -> int:
        """Keep one correction; returns its number."""
        row = (_now(), picture, frame.tobytes(), read, confidence, truth, model)
        with self._opened() as database:
            added = database.execute(
                "INSERT INTO corrections (time, picture, frame, read, confidence, truth, model) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def all(self, after: int = 0, most: int = -1) -> list[Correction]:
        """Corrections numbered above `after`, oldest first, at most `most`. Raises UnavailableError, DataError."""
        if not self.path.exists():
            raise UnavailableError(
                f"{self.path}: there are no corrections yet; `tenfold serve` keeps what its users correct"
            )
        with self._opened() as database:
            rows = database.execute(
                f"SELECT {COLUMNS} FROM corrections WHERE id > ? ORDER BY id LIMIT ?", (after, most)
            ).fetchall()
        return [
            Correction(number, time, np.frombuffer(frame, np.uint8).reshape(SIDE, SIDE), *rest)
            for number, time, frame, *rest in rows
        ]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as database, database:
                database.execute("PRAGMA synchronous = FULL")
                yield database
        except sqlite3.Error as error:
            raise DataError(f"this database of corrections can't be used ({error})", file=self.path) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def latest(corrections: Iterable[Correction]) -> list[Correction]:
    """Of what was said more than once of the same image that the same model read, the last: people mend their slips."""
    return list({(one.model, one.frame.tobytes()): one for one in corrections}.values())


def as_dataset(corrections: list[Correction], source: str) -> Dataset:
    """What is a digit, as labeled images. Raises DataError where nothing is."""
    digits = [one for one in corrections if one.truth is not None]
    if not digits:
        raise DataError("holds no corrections that say a digit", file=source)
    return Dataset(np.stack([one.frame for one in digits]), np.array([one.truth for one in digits], np.uint8), source)


def as_kaggle_csv(digits: Dataset) -> bytes:
    """Labeled digits as Kaggle's train.csv has them."""
    assert digits.labels is not None
    rows = [",".join([LABEL, *PIXELS])]
    for label, image in zip(digits.labels.tolist(), digits.images.reshape(len(digits), -1).tolist(), strict=True):
        rows.append(",".join(map(str, [label, *image])))
    return ("\n".join(rows) + "\n").encode()
