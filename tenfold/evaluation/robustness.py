"""What damage does to a model: accuracy on damaged copies of labeled digits, by kind and severity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from tenfold.data.dataset import Dataset
from tenfold.images import Images
from tenfold.model import Model, load_model
from tenfold.synthesis.corruptions import CORRUPTIONS

SEVERITIES = (0.2, 0.4, 0.6, 0.8, 1.0)
ROWS = 2000  # at most; evenly spread over the data
SAMPLES = 10  # kept of each kind, to show them
SEED = 0


@dataclass(frozen=True, eq=False)
class Damaged:
    """One kind of damage: accuracy and mean digitness at each severity, and a few digits at the middle one."""

    name: str
    accuracy: tuple[float, ...]
    digitness: tuple[float, ...]
    samples: Images

    @property
    def mean(self) -> float:
        return float(np.mean(self.accuracy))


@dataclass(frozen=True, eq=False)
class Robustness:
    model: str
    data: str
    rows: int
    undamaged: float  # accuracy on the same rows as they are
    kinds: tuple[Damaged, ...]

    @property
    def mean(self) -> float:
        """The mean accuracy over all kinds and severities."""
        return float(np.mean([kind.mean for kind in self.kinds]))

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "severities": list(SEVERITIES),
            "undamaged": self.undamaged,
            "mean": self.mean,
            "kinds": {
                kind.name: {"accuracy": list(kind.accuracy), "digitness": list(kind.digitness)} for kind in self.kinds
            },
        }


def measure(path: Path, data: Dataset, console: Console) -> Robustness:
    """Read damaged copies of labeled `data`; the same damage for every model. Raises RunError.

    path: a run folder or an .onnx file. console: shows the progress where it is a terminal.
    """
    model = load_model(path)
    part = data.subset(np.linspace(0, len(data) - 1, min(ROWS, len(data))).round().astype(int))
    assert part.labels is not None
    kinds = track(CORRUPTIONS, "damaged copies", console=console, transient=True, disable=not console.is_terminal)
    measured = tuple(_damaged(model, name, part) for name in kinds)
    undamaged = float((model.predict(part.images) == part.labels).mean())
    return Robustness(str(path), data.source, len(part), undamaged, measured)


def _damaged(model: Model, name: str, data: Dataset) -> Damaged:
    accuracy, digitness = [], []
    samples = data.images[:SAMPLES]
    for place, severity in enumerate(SEVERITIES):
        images = damage(name, data.images, severity)
        probabilities, told = model.predict_both(images)
        accuracy.append(float((probabilities.argmax(axis=1) == data.labels).mean()))
        digitness.append(float(told.mean()))
        if place == len(SEVERITIES) // 2:
            samples = images[:SAMPLES]
    return Damaged(name, tuple(accuracy), tuple(digitness), samples)


def damage(name: str, images: Images, severity: float) -> Images:
    """Copies of uint8 (N, 28, 28) with one kind of damage, the same each time."""
    pixels = torch.tensor(images, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        damaged = CORRUPTIONS[name](pixels, torch.full((len(pixels),), severity))
    result: Images = damaged.clamp(0, 255).round().to(torch.uint8).numpy()
    return result
