"""A model's accuracy on corrupted copies of labeled digits, by corruption and severity."""

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
MAX_SAMPLES = 2000  # evenly spaced over the data
EXAMPLES = 10  # corrupted images to keep of each corruption, for the report
SEED = 0


@dataclass(frozen=True, eq=False)
class CorruptionResult:
    """Accuracy and mean digit score at each severity, and a few images at the middle one, uint8 (EXAMPLES, 28, 28)."""

    name: str
    accuracy: tuple[float, ...]
    digitness: tuple[float, ...]
    examples: Images

    @property
    def mean_accuracy(self) -> float:
        return float(np.mean(self.accuracy))


@dataclass(frozen=True, eq=False)
class Robustness:
    """A model's results on corrupted copies of `n` samples; clean_accuracy: on the same samples without corruption."""

    model: str
    data: str
    n: int
    clean_accuracy: float
    corruptions: tuple[CorruptionResult, ...]

    @property
    def mean_accuracy(self) -> float:
        """Over all corruptions and severities."""
        return float(np.mean([result.mean_accuracy for result in self.corruptions]))

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "severities": list(SEVERITIES),
            "clean_accuracy": self.clean_accuracy,
            "mean_accuracy": self.mean_accuracy,
            "corruptions": {
                result.name: {"accuracy": list(result.accuracy), "digitness": list(result.digitness)}
                for result in self.corruptions
            },
        }


def evaluate_robustness(path: Path, data: Dataset, console: Console) -> Robustness:
    """Evaluate a model on corrupted copies of labeled `data`; they are the same for every model. Raises RunError.

    path: a run folder or an .onnx file. console: shows a progress bar if it is a terminal.
    """
    model = load_model(path)
    data = data.subset(np.linspace(0, len(data) - 1, min(MAX_SAMPLES, len(data))).round().astype(int))
    assert data.labels is not None
    names = track(CORRUPTIONS, "corrupted copies", console=console, transient=True, disable=not console.is_terminal)
    results = tuple(_evaluate_corruption(model, name, data) for name in names)
    clean_accuracy = float((model.predict(data.images) == data.labels).mean())
    return Robustness(str(path), data.source, len(data), clean_accuracy, results)


def _evaluate_corruption(model: Model, name: str, data: Dataset) -> CorruptionResult:
    accuracy, digitness = [], []
    examples = data.images[:EXAMPLES]
    for index, severity in enumerate(SEVERITIES):
        images = corrupt(name, data.images, severity)
        probabilities, scores = model.predict_with_digitness(images)
        accuracy.append(float((probabilities.argmax(axis=1) == data.labels).mean()))
        digitness.append(float(scores.mean()))
        if index == len(SEVERITIES) // 2:
            examples = images[:EXAMPLES]
    return CorruptionResult(name, tuple(accuracy), tuple(digitness), examples)


def corrupt(name: str, images: Images, severity: float) -> Images:
    """Copies of images, uint8 (N, 28, 28), with one corruption; always the same for the same arguments."""
    pixels = torch.tensor(images, dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        corrupted = CORRUPTIONS[name](pixels, torch.full((len(pixels),), severity))
    result: Images = corrupted.clamp(0, 255).round().to(torch.uint8).numpy()
    return result
