"""What a training leaves behind for people: metrics, report and model card, of digits and of lines."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold import __version__
from tenfold.data.dataset import Dataset
from tenfold.data.findings import Finding
from tenfold.evaluation import Evaluation
from tenfold.evaluation.label_errors import find_label_errors
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.export.onnx import describe_format
from tenfold.files import write_json, write_text
from tenfold.model import Model
from tenfold.nets import Ensemble, layer_table, parameter_count
from tenfold.ocr.line_model import LINE_HEIGHT
from tenfold.recipes.schema import Recipe
from tenfold.report.label_errors import LabelErrors, collect_label_errors
from tenfold.report.pages import LineReport, TrainingReport, render_line_training, render_training
from tenfold.run import Run
from tenfold.training.augmentation import augmentation_samples
from tenfold.training.describe import (
    CALIBRATED_DIGITS,
    CALIBRATED_LINES,
    describe_progress,
    describe_run,
    describe_weights,
    run_details,
)
from tenfold.training.device import device_name
from tenfold.training.task import FitResult

VALIDATION, OUT_OF_FOLD = "validation", "out-of-fold"  # what samples a run is measured on
SHOWN_PREDICTIONS = 60
SHOWN_LINES = 60

DIGIT_INPUT = (
    "Reads images of single handwritten digits: `uint8 (N, 28, 28)`, white ink on black, to ten probabilities.\n"
    "Normalization is part of the model."
)
WITH_DIGITNESS = (
    "It returns one of ten digits for any image; its second output, `digitness`, is the\n"
    "probability that the image shows a digit at all, and was trained with pictures of other things."
)
WITHOUT_DIGITNESS = (
    "It was trained on digits that are centered and scaled as MNIST's are, and\n"
    "returns one of ten digits for any image, also for one that shows no digit."
)
QUANTIZED = "\n`model.onnx` computes in 8 bits; `model.safetensors` holds the float32 weights."
DIGIT_USE = """import tenfold
model = tenfold.load_model("model.onnx")
model.predict_proba(images)"""

LINE_INPUT = """Reads a line of digits, normalized by `tenfold.ocr.line_model.normalize_line`: `uint8 (N, 32, W)`, white
ink on black, to log probabilities `float32 (N, W / 2, 11)` of the ten digits and CTC's blank. It knows digits only: a
letter in the line is skipped, or read as the digit that it resembles most."""
LINE_USE = """from pathlib import Path
from tenfold.ocr.line_model import LineModel
LineModel(Path("model.onnx").read_bytes()).read(picture)"""


@dataclass(frozen=True, eq=False)
class DigitEvaluation:
    """The exported model on the validation set, or the models of a cross-validation on their folds."""

    data: Dataset
    probabilities: NDArray[np.float32]  # (N, 10)
    evaluation: Evaluation
    kind: str = VALIDATION


@dataclass(frozen=True, eq=False)
class LineEvaluation:
    """The exported model on lines of the validation set."""

    lines: list[tuple[NDArray[np.uint8], str]]  # images (32, W) with their digits
    texts: list[str]  # as read
    metrics: dict[str, Any]


def evaluate_digits(run: Run, val_set: Dataset) -> DigitEvaluation:
    """Evaluate the run's model.onnx."""
    assert val_set.labels is not None
    model = Model(run.model.read_bytes(), str(run.folder))
    probabilities = model.predict_proba(val_set.images)
    return DigitEvaluation(val_set, probabilities, evaluate_predictions(probabilities, val_set.labels))


def write_digit_artifacts(
    recipe: Recipe,
    result: FitResult,
    train_set: Dataset,
    evaluation: DigitEvaluation | None,
    run: Run,
    device: torch.device,
    unlabeled: Dataset | None,
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Complete the run; returns the metrics."""
    model = Model(run.model.read_bytes(), str(run.folder))
    metrics = build_metrics(recipe, result, train_set, device, findings) | {
        "weights": describe_weights(recipe, result, CALIBRATED_DIGITS if recipe.calibrate else ""),
        "measured_on": evaluation.kind if evaluation else None,
        "validation": evaluation.evaluation.to_dict() if evaluation else None,
    }
    metrics["data"]["val_samples"] = len(evaluation.data) if evaluation and not recipe.folds else 0
    report = digit_report(recipe, result, train_set, evaluation, unlabeled, model, metrics)
    summary = (
        f"On {evaluation.evaluation.n:,} {evaluation.kind} samples: {evaluation.evaluation.summary()}."
        if evaluation
        else "There was no validation set, so nothing was measured."
    )
    digitness = WITH_DIGITNESS if recipe.synthesis.negatives else WITHOUT_DIGITNESS
    card = model_card(
        run,
        metrics,
        describe_run(recipe),
        model_input=f"{DIGIT_INPUT} {digitness}{QUANTIZED if recipe.int8 else ''}",
        summary=summary,
        use=DIGIT_USE,
    )
    return complete_run(run, metrics, report, card)


def write_line_artifacts(
    recipe: Recipe,
    result: FitResult,
    train_set: Dataset,
    evaluation: LineEvaluation | None,
    run: Run,
    device: torch.device,
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Complete a run of a line recipe; returns the metrics."""
    metrics = build_metrics(recipe, result, train_set, device, findings) | {
        "weights": describe_weights(recipe, result, CALIBRATED_LINES if evaluation else ""),
        "validation": evaluation.metrics if evaluation else None,
    }
    metrics["data"]["val_samples"] = len(evaluation.lines) if evaluation else 0
    report = line_report(recipe, result, train_set, evaluation, metrics)
    summary = "There was no validation set, so nothing was measured."
    if evaluation:
        values = evaluation.metrics
        summary = (
            f"On {values['n']:,} synthetic lines of validation digits: {100 * values['accuracy']:.2f} % read without a "
            f"mistake, digit error rate {100 * values['digit_error_rate']:.2f} %, calibration error of a text's "
            f"confidence {100 * values['calibration_error']:.2f} %."
        )
    card = model_card(run, metrics, describe_run(recipe), LINE_INPUT, summary, LINE_USE)
    return complete_run(run, metrics, report, card)


def complete_run(run: Run, metrics: dict[str, Any], report: str, card: str) -> dict[str, Any]:
    write_json(run.metrics, metrics)
    write_text(run.report, report)
    write_text(run.card, card)
    run.write_manifest()
    return metrics


def build_metrics(
    recipe: Recipe, result: FitResult, train_set: Dataset, device: torch.device, findings: Sequence[Finding]
) -> dict[str, Any]:
    """metrics.json, but for what the validation set says."""
    network = result.network
    return {
        "recipe": recipe.name,
        "finished": result.finished,
        "epochs": result.epochs,
        "epochs_planned": recipe.epochs,
        "networks": len(list(network)) if isinstance(network, Ensemble) else 1,
        "networks_planned": recipe.network_count,
        "folds": recipe.folds,
        "parameters": parameter_count(network),
        "seconds": round(result.seconds, 3),
        "images_per_second": round(result.samples / result.seconds, 1) if result.seconds else 0.0,
        "data": {"source": train_set.source, "train_samples": len(train_set)},
        "warnings": [finding.to_dict() for finding in findings],
        "seed": recipe.seed,
        "device": device_name(device),
        "precision": result.precision,
        "versions": {
            "tenfold": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def caveats(metrics: dict[str, Any]) -> str:
    """What is to be known beside the figures: which samples chose the weights, and what was found in the data."""
    found = [
        f"{warning['level'].capitalize()}: {warning['text'].removesuffix('.')}." for warning in metrics["warnings"]
    ]
    return " ".join([metrics["weights"], *found])


def digit_report(
    recipe: Recipe,
    result: FitResult,
    train_set: Dataset,
    evaluation: DigitEvaluation | None,
    unlabeled: Dataset | None,
    model: Model,
    metrics: dict[str, Any],
) -> str:
    sample = unlabeled.subset(slice(SHOWN_PREDICTIONS)) if unlabeled else None
    return render_training(
        TrainingReport(
            title=recipe.name,
            recipe=recipe.model_dump(mode="json"),
            description=describe_run(recipe),
            layers=layer_table(result.network),
            history=result.history,
            data=train_set.source,
            train=train_set,
            augmented=augmentation_samples(recipe, train_set),
            held_out=evaluation.data if evaluation else None,
            probabilities=evaluation.probabilities if evaluation else None,
            evaluation=evaluation.evaluation if evaluation else None,
            unlabeled=sample,
            unlabeled_probabilities=model.predict_proba(sample.images) if sample else None,
            details=run_details(metrics),
            note=caveats(metrics),
            measured_on=evaluation.kind if evaluation else VALIDATION,
            label_errors=label_errors(evaluation) if evaluation and evaluation.kind == OUT_OF_FOLD else None,
        )
    )


def label_errors(evaluation: DigitEvaluation) -> LabelErrors:
    """What the report shows of the samples whose label is probably wrong."""
    assert evaluation.data.labels is not None
    return collect_label_errors(find_label_errors(evaluation.probabilities, evaluation.data.labels), evaluation.data)


def line_report(
    recipe: Recipe,
    result: FitResult,
    train_set: Dataset,
    evaluation: LineEvaluation | None,
    metrics: dict[str, Any],
) -> str:
    return render_line_training(
        LineReport(
            title=recipe.name,
            recipe=recipe.model_dump(mode="json"),
            description=describe_run(recipe),
            layers=layer_table(result.network, (LINE_HEIGHT, 4 * LINE_HEIGHT)),
            history=result.history,
            train=train_set,
            lines=list(zip(evaluation.lines, evaluation.texts, strict=True))[:SHOWN_LINES] if evaluation else [],
            held_out=metrics["validation"],
            details=run_details(metrics),
            note=caveats(metrics),
        )
    )


def model_card(run: Run, metrics: dict[str, Any], description: str, model_input: str, summary: str, use: str) -> str:
    """README.md of the run."""
    unfinished = "" if metrics["finished"] else f"\n**Unfinished**: stopped after {describe_progress(metrics)}.\n"
    details = "\n".join(f"- {name}: {text}" for name, text in run_details(metrics).items())
    return f"""# {metrics["recipe"]}
{unfinished}
{description}

{model_input}

## Metrics

{summary} {caveats(metrics)}

{details}
- Parameters: {metrics["parameters"]:,}
- Format: {describe_format(run.model)}
- Data: {metrics["data"]["source"]}, {metrics["data"]["train_samples"]:,} samples

## Usage

```python
{use}
```
"""
