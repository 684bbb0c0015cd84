"""`Run`: the folder that one training leaves behind, and which of its files are there."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import __version__
from tenfold.errors import RunError
from tenfold.files import PARTIAL_SUFFIX, atomic_write, sha256, write_json, write_text
from tenfold.images import Images, hash_images

HISTORY_COLUMNS = (
    "epoch",
    "step",
    "seconds",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "best",
)
MEMBERS = "members"  # of an ensemble: a folder of runs
SYSTEM_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}  # what looking at a folder leaves in it
LEFT_OVER = f".*.????????{PARTIAL_SUFFIX}"  # of a killed process, as `files.atomic_write` names what it begins to write


class Run:
    """A run folder.

    recipe.json       what was trained
    data.json         on what: the source, its digest, how many rows
    rows.npy          a hash of every labeled row it saw, to tell known images from new ones
    history.csv       a line an epoch
    checkpoints/      last.safetensors, best.safetensors
    model.safetensors, model.onnx
    metrics.json, report.html, README.md (the model card)
    manifest.json     sha256 of each of them, written last: a folder without it is not finished
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.json"
        self.data = folder / "data.json"
        self.rows = folder / "rows.npy"
        self.history = folder / "history.csv"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.safetensors"
        self.best = self.checkpoints / "best.safetensors"
        self.weights = folder / "model.safetensors"
        self.model = folder / "model.onnx"
        self.metrics = folder / "metrics.json"
        self.report = folder / "report.html"
        self.card = folder / "README.md"
        self.manifest = folder / "manifest.json"

    @property
    def exists(self) -> bool:
        return self.recipe.exists() and self.data.exists()  # a recipe.json alone may be anyone's

    @property
    def is_finished(self) -> bool:
        """Whether it reached its recipe's end and was sealed. Raises RunError for a damaged file."""
        return self.manifest.exists() and self.read_json(self.metrics).get("finished") is True

    @property
    def is_hardly_begun(self) -> bool:
        """Whether the folder holds only what a run writes before its recipe."""
        found = self._found
        if not set(found) <= {self.checkpoints, self.data}:
            return False
        if self.checkpoints in found and not (self.checkpoints.is_dir() and not any(self.checkpoints.iterdir())):
            return False
        try:
            return self.data not in found or {"digest", "rows"} <= self.read_json(self.data).keys()
        except RunError:
            return False

    @property
    def foreign_files(self) -> list[Path]:
        """What in the folder belongs to no run."""
        ours = {path.name for path in vars(self).values()} | {MEMBERS}
        return [path for path in self._found if path.name not in ours]

    @property
    def _found(self) -> list[Path]:
        """What lies in the folder, but for files of systems and left-overs."""
        found = sorted(self.folder.iterdir())
        return [path for path in found if path.name not in SYSTEM_FILES and not path.match(LEFT_OVER)]

    def read_json(self, path: Path) -> dict[str, Any]:
        """One of the run's JSON files. Raises RunError."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.folder}: this is no run of tenfold, it has no {path.name}") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: this file is damaged ({error})") from None
        if not isinstance(content, dict):
            raise RunError(f"{path}: this file is damaged (a table was expected)")
        return content

    def write_history(self, rows: Sequence[dict[str, float]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history, text.getvalue())

    def write_hashes(self, hashes: NDArray[np.uint64]) -> None:
        """Of the labeled rows, in any order."""
        with atomic_write(self.rows) as beside, beside.open("wb") as file:
            np.save(file, np.sort(hashes), allow_pickle=False)

    def known(self, images: Images) -> NDArray[np.bool_] | None:
        """Which of `images` stood in the labeled rows of this run, bool (N,); None where the run does not say."""
        rows = self.read_hashes()
        return None if rows is None else np.isin(hash_images(images), rows)

    def read_hashes(self) -> NDArray[np.uint64] | None:
        """Of the labeled rows; None where the run does not say. Raises RunError for a damaged file."""
        try:
            hashes: NDArray[np.uint64] = np.load(self.rows, allow_pickle=False)
        except OSError:
            return None
        except (ValueError, EOFError) as error:
            raise RunError(f"{self.rows}: this file is damaged ({error})") from None
        return hashes

    def remove_left_overs(self) -> None:
        """Remove what a killed process had begun to write and could not rename."""
        for path in self.folder.rglob(LEFT_OVER):
            if path.is_file():
                path.unlink()

    def write_manifest(self) -> None:
        """Seal the run: the sha256 of every file in it."""
        files = sorted(
            path
            for path in self.folder.rglob("*")
            if path.is_file() and path != self.manifest and path.name not in SYSTEM_FILES
        )
        names = {str(path.relative_to(self.folder).as_posix()): sha256(path) for path in files}
        write_json(self.manifest, {"tenfold": __version__, "sha256": names})

    def verify(self, file: Path, content: bytes) -> None:
        """Raises RunError where the run is sealed and `content` is not what `file` held then."""
        if self.manifest.exists() and self._sealed().get(file.name) != hashlib.sha256(content).hexdigest():
            raise RunError(f"{file}: this file is not the one that the run ended with, as manifest.json knows it")

    def verify_files(self, *files: Path) -> None:
        """Raises RunError where one of `files`, or of all where none is named, is not as the manifest says."""
        for damaged in map(self.folder.joinpath, self.damaged_files()):
            if not files or damaged in files:
                raise RunError(
                    f"{damaged}: this file is missing or not the one that the run ended with, as manifest.json knows it"
                )

    def damaged_files(self) -> list[str]:
        """The files that are not as the manifest says. Raises RunError where there is no manifest."""
        return [
            name
            for name, digest in self._sealed().items()
            if not (self.folder / name).is_file() or sha256(self.folder / name) != digest
        ]

    def _sealed(self) -> dict[str, str]:
        listed = self.read_json(self.manifest).get("sha256")
        if not isinstance(listed, dict):
            raise RunError(f"{self.manifest}: this file is damaged (it lists no files)")
        return listed
