"""What /v1/model tells about the served model."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from tenfold import __version__
from tenfold.model import Model, is_bundled
from tenfold.run import Run


def model_info(model: Model, path: Path | None) -> dict[str, Any]:
    """Name, digest, recipe, metrics and card. path: a run folder or an .onnx file, None for the bundled model."""
    metrics = card = None
    bundled = path is None or is_bundled(path)
    if bundled:
        card = files("tenfold.weights").joinpath("README.md").read_text(encoding="utf-8")
    elif path is not None and path.is_dir():
        run = Run(path)
        if run.metrics.exists():
            metrics = run.read_json(run.metrics).get("validation")
        if run.card.exists():
            card = run.card.read_text(encoding="utf-8")
    return {
        "name": "digits" if path is None or bundled else path.stem,
        "digest": model.digest,
        "version": __version__,
        "recipe": json.loads(model.metadata.get("recipe", "null")),
        "metrics": metrics,
        "card": card,
    }
