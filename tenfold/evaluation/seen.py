"""Which images a model was made with: figures on them say nothing about new digits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tenfold.data.findings import Finding
from tenfold.files import sha256
from tenfold.images import hash_images
from tenfold.model import is_bundled
from tenfold.run import Run
from tenfold.weights import is_bundled_digest, seen_by_bundled

# In data.json: the run's teacher was made with the bundled model's images, of which only shortened hashes are kept.
KNOWS_BUNDLED = "teacher_knows_bundled_images"
MAX_BY_CHANCE = 0.002  # of new images; the bundled model's filter takes 0.0004 of them for known ones


def find_seen(model: str | os.PathLike[str], images: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Which of `images`, uint8 (N, 28, 28), the model was trained or validated with, bool (N,); None if unknown.

    model: a run folder, the model.onnx in one, the bundled model or a copy of it. Raises RunError for a damaged run.
    """
    if _is_bundled_model(model):
        return seen_by_bundled(hash_images(images))
    run = run_of(model)
    seen = run.contains(images) if run else None
    if seen is not None and was_made_with_bundled(model):
        seen |= seen_by_bundled(hash_images(images))
    return seen


def run_of(model: str | os.PathLike[str]) -> Run | None:
    """The run of a model that is a run folder or the model.onnx in one."""
    path = Path(model)
    if path.is_dir():
        return Run(path)
    run = Run(path.parent)
    return run if path.name == run.model.name else None


def was_made_with_bundled(model: str | os.PathLike[str]) -> bool:
    """Whether this is the bundled model, or a run that has learned from it, directly or through other runs.

    Raises RunError for a damaged run.
    """
    if _is_bundled_model(model):
        return True
    run = run_of(model)
    return run is not None and run.data.exists() and bool(run.read_json(run.data).get(KNOWS_BUNDLED))


def _is_bundled_model(model: str | os.PathLike[str]) -> bool:
    path = Path(model)
    return is_bundled(path) or (path.is_file() and is_bundled_digest(sha256(path)))


def seen_in_test(model: str | os.PathLike[str], images: NDArray[np.uint8]) -> tuple[Finding, ...]:
    """A warning if the model was made with some of the images that it is to predict."""
    seen = find_seen(model, images)
    count = 0 if seen is None else int(seen.sum())
    if count <= len(images) * MAX_BY_CHANCE:
        return ()
    text = f"{count:,} of the {len(images):,} test images were used to make this model: a score on them measures memory"
    return (Finding("warning", "seen", text),)
