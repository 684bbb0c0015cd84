"""`Run`: the folder that one training leaves behind."""

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
SYSTEM_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}  # left by file managers
PARTIAL_FILE = f".*.????????{PARTIAL_SUFFIX}"  # of a killed process, as `files.atomic_write` names its temporary files


class Run:
    """A run folder.

    recipe.json       the recipe
    data.json         the data (source, digest, number of samples), the device and the precision
    image_hashes.npy  hashes of all labeled images, to tell known images from new ones
    history.csv       a row an epoch
    oof.npy           of a cross-validation: out-of-fold probabilities, float32 (N, 10) in the order of the data
    checkpoints/      last.safetensors, best.safetensors
    members/          of an ensemble or a cross-validation: a folder with checkpoints and history for each network
    model.safetensors, model.onnx
    metrics.json, report.html, README.md (the model card)
    kaggle.json       scores of submissions, written by `tenfold submit --wait`
    manifest.json     sha256 of all of them but kaggle.json, written last: without it a run is incomplete
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.json"
        self.data = folder / "data.json"
        self.image_hashes = folder / "image_hashes.npy"
        self.history = folder / "history.csv"
        self.oof = folder / "oof.npy"
        self.checkpoints = folder / "checkpoints"
        self.last = self.checkpoints / "last.safetensors"
        self.best = self.checkpoints / "best.safetensors"
        self.members = folder / "members"
        self.weights = folder / "model.safetensors"
        self.model = folder / "model.onnx"
        self.metrics = folder / "metrics.json"
        self.report = folder / "report.html"
        self.card = folder / "README.md"
        self.kaggle = folder / "kaggle.json"
        self.manifest = folder / "manifest.json"

    @property
    def exists(self) -> bool:
        return self.recipe.exists() and self.data.exists()  # a recipe.json alone may be the user's own

    @property
    def is_finished(self) -> bool:
        """Whether the training reached its recipe's end. Raises RunError for a damaged file."""
        return self.manifest.exists() and self.read_json(self.metrics).get("finished") is True

    @property
    def is_just_created(self) -> bool:
        """Whether the folder holds nothing but what is written before recipe.json."""
        entries = self._entries()
        if not set(entries) <= {self.checkpoints, self.data}:
            return False
        if self.checkpoints in entries and not (self.checkpoints.is_dir() and not any(self.checkpoints.iterdir())):
            return False
        try:
            return self.data not in entries or {"digest", "samples"} <= self.read_json(self.data).keys()
        except RunError:
            return False

    @property
    def foreign_files(self) -> list[Path]:
        """Files and folders that no run writes."""
        names = {path.name for path in vars(self).values()}
        return [path for path in self._entries() if path.name not in names]

    def _entries(self) -> list[Path]:
        """The folder's entries, without system files and partial files."""
        entries = sorted(self.folder.iterdir())
        return [path for path in entries if path.name not in SYSTEM_FILES and not path.match(PARTIAL_FILE)]

    def read_json(self, path: Path) -> dict[str, Any]:
        """One of the run's JSON files. Raises RunError."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.folder}: not a tenfold run folder: {path.name} is missing") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: damaged file ({error})") from None
        if not isinstance(content, dict):
            raise RunError(f"{path}: damaged file (expected a JSON object)")
        return content

    def write_history(self, rows: Sequence[dict[str, float]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, HISTORY_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.history, text.getvalue())

    def write_image_hashes(self, hashes: NDArray[np.uint64]) -> None:
        """Save the hashes of all labeled images, sorted."""
        with atomic_write(self.image_hashes) as temporary, temporary.open("wb") as file:
            np.save(file, np.sort(hashes), allow_pickle=False)

    def read_image_hashes(self) -> NDArray[np.uint64] | None:
        """The hashes of all labeled images; None without that file. Raises RunError for a damaged one."""
        try:
            hashes: NDArray[np.uint64] = np.load(self.image_hashes, allow_pickle=False)
        except OSError:
            return None
        except (ValueError, EOFError) as error:
            raise RunError(f"{self.image_hashes}: damaged file ({error})") from None
        return hashes

    def write_oof(self, probabilities: NDArray[np.float32]) -> None:
        """Save out-of-fold probabilities, float32 (N, 10)."""
        with atomic_write(self.oof) as temporary, temporary.open("wb") as file:
            np.save(file, probabilities, allow_pickle=False)

    def read_oof(self) -> NDArray[np.float32]:
        """The out-of-fold probabilities, float32 (N, 10). Raises RunError for a run without them."""
        try:
            probabilities: NDArray[np.float32] = np.load(self.oof, allow_pickle=False)
        except FileNotFoundError:
            raise RunError(
                f"{self.folder}: not a finished cross-validation: {self.oof.name} is missing; "
                "`tenfold train DATA --folds 5` makes one"
            ) from None
        except (OSError, ValueError, EOFError) as error:
            raise RunError(f"{self.oof}: damaged file ({error})") from None
        return probabilities

    def contains(self, images: Images) -> NDArray[np.bool_] | None:
        """Which of `images` are among the labeled images of this run, bool (N,); None if it has no hashes of them."""
        hashes = self.read_image_hashes()
        return None if hashes is None else np.isin(hash_images(images), hashes)

    def remove_partial_files(self) -> None:
        """Remove the temporary files of a killed process."""
        for path in self.folder.rglob(PARTIAL_FILE):
            if path.is_file():
                path.unlink()

    def write_manifest(self) -> None:
        """Complete the run: save the sha256 of every file in it."""
        files = sorted(
            path
            for path in self.folder.rglob("*")
            if path.is_file() and path not in (self.kaggle, self.manifest) and path.name not in SYSTEM_FILES
        )
        digests = {path.relative_to(self.folder).as_posix(): sha256(path) for path in files}
        write_json(self.manifest, {"tenfold": __version__, "sha256": digests})

    def verify(self, file: Path, content: bytes) -> None:
        """Raise RunError if there is a manifest and `content` is not what it lists for `file`."""
        if self.manifest.exists() and self._manifest_digests().get(file.name) != hashlib.sha256(content).hexdigest():
            raise RunError(f"{file}: changed since training (its sha256 is not the one in manifest.json)")

    def verify_files(self, *files: Path) -> None:
        """Raise RunError if one of `files` (without arguments: any file) is not as the manifest says."""
        for damaged in map(self.folder.joinpath, self.damaged_files()):
            if not files or damaged in files:
                raise RunError(
                    f"{damaged}: missing or changed since training (its sha256 is not the one in manifest.json)"
                )

    def damaged_files(self) -> list[str]:
        """The files that are not as the manifest says. Raises RunError if there is no manifest."""
        return [
            name
            for name, digest in self._manifest_digests().items()
            if not (self.folder / name).is_file() or sha256(self.folder / name) != digest
        ]

    def _manifest_digests(self) -> dict[str, str]:
        digests = self.read_json(self.manifest).get("sha256")
        if not isinstance(digests, dict):
            raise RunError(f"{self.manifest}: damaged file (it lists no files)")
        return digests
