"""What is known of the model that is served: its digest, recipe, figures and card."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from tenfold import __version__
from tenfold.model import Model, is_bundled
from tenfold.run import Run


def about(model: Model, path: Path | None) -> dict[str, Any]:
    """For /v1/model. path: the run folder or .onnx file that the model came from, None for the bundled one."""
    figures = card = None
    brought = path is None or is_bundled(path)
    if brought:
        card = files("tenfold.weights").joinpath("README.md").read_text(encoding="utf-8")
    elif path is not None and path.is_dir():
        run = Run(path)
        if run.metrics.exists():
            figures = run.read_json(run.metrics).get("held_out")
        if run.card.exists():
            card = run.card.read_text(encoding="utf-8")
    return {
        "name": "digits" if path is None or brought else path.stem,
        "digest": model.digest,
        "tenfold": __version__,
        "recipe": json.loads(model.metadata.get("recipe", "null")),
        "figures": figures,
        "card": card,
    }
