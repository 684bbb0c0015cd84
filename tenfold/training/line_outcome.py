"""What the training of a line reader leaves behind."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import torch

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.files import write_json
from tenfold.nets import parameter_count
from tenfold.recipes.schema import Recipe
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.device import device_name
from tenfold.training.export import export_line
from tenfold.training.fit import Fitted


def leave_line_reader(
    recipe: Recipe, fitted: Fitted, train: Dataset, held_out: Dataset | None, run: Run, device: torch.device
) -> dict[str, Any]:
    """Write model.safetensors, model.onnx, metrics.json and the manifest; returns the metrics."""
    state = fitted.state
    checkpoint.save_weights(run.weights, fitted.network)
    export_line(fitted.network, run.model, {"tenfold": __version__, "recipe": recipe.model_dump_json()})
    images = sum(1 for _ in state.history)
    metrics: dict[str, Any] = {
        "recipe": recipe.name,
        "finished": fitted.finished,
        "epochs": state.epoch,
        "epochs_planned": recipe.epochs,
        "parameters": parameter_count(fitted.network),
        "seconds": round(state.seconds, 3),
        "images_per_second": images,
        "data": {"source": train.source, "train_rows": len(train), "held_out_rows": len(held_out) if held_out else 0},
        "held_out": None,
        "seed": recipe.seed,
        "device": device_name(device),
        "precision": state.precision,
        "versions": {
            "tenfold": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
    write_json(run.metrics, metrics)
    run.write_manifest()
    return metrics
