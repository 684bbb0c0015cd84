"""What the training of a line reader leaves behind: the model with its calibration, metrics, report and card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.evaluation.calibration import calibration_error, reliability_bins
from tenfold.evaluation.statistics import wilson_interval
from tenfold.export.onnx import add_metadata, export
from tenfold.files import write_json, write_text
from tenfold.nets import layer_table
from tenfold.ocr.line_model import CALIBRATION, LINE_HEIGHT, LineModel, calibrate
from tenfold.recipes.schema import Recipe
from tenfold.report.pages import LineReport, render_line_training
from tenfold.run import Run
from tenfold.training import checkpoint
from tenfold.training.artifacts import facts, measured, story
from tenfold.training.lines import Lines, lines_held_out
from tenfold.training.loop import Fitted

SHOWN_LINES = 60


@dataclass(frozen=True, eq=False)
class ReadLines:
    """The held-out rows as the exported model reads them."""

    lines: Lines
    texts: list[str]
    chances: NDArray[np.float64]  # (N,) log P(text), as the network has it
    right: NDArray[np.bool_]  # (N,)


def leave_line_reader(
    recipe: Recipe, fitted: Fitted, train: Dataset, held_out: Dataset | None, run: Run, device: torch.device
) -> dict[str, Any]:
    """Write everything that a run holds beside its checkpoints; returns the metrics."""
    checkpoint.save_weights(run.weights, fitted.network.state_dict())
    export(fitted.network, run.model, {"tenfold": __version__, "recipe": recipe.model_dump_json()})
    read = read_lines(LineModel(run.model.read_bytes()), lines_held_out(recipe, held_out)) if held_out else None
    reached = None
    if read is not None:
        reached = figures(read, calibrated(read.chances, read.right))
        add_metadata(run.model, {CALIBRATION: json.dumps(reached["calibration"])})
    metrics = measured(recipe, fitted, train, len(read.lines) if read else 0, reached, device)
    write_json(run.metrics, metrics)
    page = LineReport(
        title=recipe.name,
        recipe=recipe.model_dump(mode="json"),
        description=story(recipe),
        layers=layer_table(fitted.network, (LINE_HEIGHT, 4 * LINE_HEIGHT)),
        history=fitted.state.history,
        train=train,
        lines=list(zip(read.lines, read.texts, strict=True))[:SHOWN_LINES] if read else [],
        held_out=metrics["held_out"],
        details=facts(metrics),
        note=metrics["weights"],
    )
    write_text(run.report, render_line_training(page))
    write_text(run.card, card(recipe, metrics))
    run.write_manifest()
    return metrics


def read_lines(reader: LineModel, lines: Lines) -> ReadLines:
    texts, chances = [], []
    for strip, _ in lines:
        text, chance, _ = reader.decode(strip)
        texts.append("".join(map(str, text)))
        chances.append(chance)
    right = np.array([text == truth for text, (_, truth) in zip(texts, lines, strict=True)])
    return ReadLines(lines, texts, np.array(chances), right)


def calibrated(chances: NDArray[np.float64], right: NDArray[np.bool_]) -> list[float]:
    """Slope and offset with which a text's log odds say how often such texts are right (Platt 1999).

    chances: log P(text), float (N,). Newton's method on the logistic likelihood, with a little weight decay towards
    leaving the odds as they are, for where all texts are right.
    """
    odds = np.array([calibrate(chance, 1.0, 0.0) for chance in chances])
    x = np.stack([np.log(odds / (1 - odds)), np.ones(len(odds))], axis=1)
    weights = start = np.array([1.0, 0.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (right - p) - (weights - start)
        weights = weights + np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + np.eye(2), gradient)
    return [round(float(weight), 4) for weight in weights]


def figures(read: ReadLines, calibration: list[float]) -> dict[str, Any]:
    """Whole rows right, digits wrong, and how honest the confidence is, calibrated by slope and offset."""
    n, right = len(read.right), int(read.right.sum())
    slope, offset = calibration
    sure = np.array([calibrate(chance, slope, offset) for chance in read.chances])
    digits = sum(len(truth) for _, truth in read.lines)
    wrong = sum(edits(text, truth) for text, (_, truth) in zip(read.texts, read.lines, strict=True))
    return {
        "n": n,
        "errors": n - right,
        "accuracy": right / n,
        "accuracy_interval": list(wilson_interval(right, n)),
        "digits": digits,
        "digit_error_rate": wrong / digits,
        "calibration_error": calibration_error(reliability_bins(sure, read.right)),
        "calibration": calibration,
    }


def edits(one: str, other: str) -> int:
    """The fewest digits to put in, take out or replace to get from one text to the other (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def card(recipe: Recipe, metrics: dict[str, Any]) -> str:
    """README.md of the run."""
    held = metrics["held_out"]
    result = (
        f"On {held['n']:,} composed rows of digits held out from training: {100 * held['accuracy']:.2f} % read without "
        f"a mistake, digit error rate {100 * held['digit_error_rate']:.2f} %, calibration error of the text's "
        f"confidence {100 * held['calibration_error']:.2f} %."
        if held
        else "No digits were held out, so nothing was measured."
    )
    state = "" if metrics["finished"] else f"\n**Unfinished**: {metrics['epochs']} of {recipe.epochs} epochs.\n"
    lines = "\n".join(f"- {name}: {text}" for name, text in facts(metrics).items())
    return f"""# {recipe.name}
{state}
{story(recipe)}

Reads a line of digits, normalized by `tenfold.ocr.line_model.normalize_line`: `uint8 (N, 32, W)`, white ink on
black, to log probabilities `float32 (N, W / 2, 11)` of the ten digits and "none here", for CTC. It knows digits alone:
a letter in the row is left out or read as the digit that it is most like.

## Figures

{result} {metrics["weights"]}

{lines}
- Parameters: {metrics["parameters"]:,}
- Data: {metrics["data"]["source"]}, {metrics["data"]["train_rows"]:,} rows that lines are composed of

## Use

```python
from pathlib import Path
from tenfold.ocr.line_model import LineModel
LineModel(Path("model.onnx").read_bytes()).read(picture)
```
"""
