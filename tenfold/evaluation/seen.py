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

MAX_BY_CHANCE = 0.002  # of new images; the bundled model's filter takes 0.0004 of them for known ones


def find_seen(model: str | os.PathLike[str], images: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Which of `images`, uint8 (N, 28, 28), the model was trained or validated with, bool (N,); None if unknown.

    model: a run folder, the model.onnx in one, the bundled model or a copy of it. Raises RunError for a damaged run.
    """
    path = Path(model)
    if is_bundled(path) or (path.is_file() and is_bundled_digest(sha256(path))):
        return seen_by_bundled(hash_images(images))
    if path.is_dir():
        return Run(path).contains(images)
    return Run(path.parent).contains(images) if path.name == Run(path.parent).model.name else None


def seen_in_test(model: str | os.PathLike[str], images: NDArray[np.uint8]) -> tuple[Finding, ...]:
    """A warning if the model was made with some of the images that it is to predict."""
    seen = find_seen(model, images)
    count = 0 if seen is None else int(seen.sum())
    if count <= len(images) * MAX_BY_CHANCE:
        return ()
    text = f"{count:,} of the {len(images):,} test images were used to make this model: a score on them measures memory"
    return (Finding("warning", "seen", text),)
