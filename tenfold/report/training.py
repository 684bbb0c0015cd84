"""The page of a training run: the data, the network, how the training went, and its results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.images import CLASSES, Images
from tenfold.report import charts
from tenfold.report.formats import NARROW_SPACE, count, number, percent, plural, seconds
from tenfold.report.images import samples_by_digit
from tenfold.report.pages import Section, render_page
from tenfold.report.results import SECTIONS, Tile, has_matplotlib, headline, results_context

if TYPE_CHECKING:
    from tenfold.nets import Layer

DOUBTFUL_CONFIDENCE = 0.9  # predictions below it are set apart


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What the page of a run is made of.

    recipe: as in recipe.json. description: where the recipe comes from, may be "". data: the source in words.
    history: as in history.csv; what was not measured is missing or NaN. train: the images trained on. augmented: uint8
    (k, m, 28, 28), k digits, each first without and then m - 1 times with augmentation; None without augmentation.
    held_out, probabilities (N, 10), evaluation: the held-out images as the exported model predicts them, or None.
    unlabeled, unlabeled_probabilities: a few dozen images without labels, or None. details: names and texts (time,
    device, seed, versions). best_step_note: which images chose the weights.
    """

    title: str
    recipe: dict[str, Any]
    description: str
    layers: list[Layer]
    history: list[dict[str, float]]
    data: str
    train: Dataset
    augmented: Images | None
    held_out: Dataset | None
    probabilities: Probabilities | None
    evaluation: Evaluation | None
    unlabeled: Dataset | None
    unlabeled_probabilities: Probabilities | None
    details: dict[str, str]
    best_step_note: str


def render(report: TrainingReport) -> str:
    """The page as HTML."""
    context: dict[str, Any] = {"report": report, "facts": report.details} | _head(report) | _data(report)
    context |= network_context(report.layers, "28 × 28 pixels to ten probabilities")
    context |= {"recipe_groups": recipe_groups(report.recipe)}
    sections = [Section("data", "The data"), Section("network", "The network")]
    if report.augmented is not None:
        sections.append(Section("augmentation", "Augmentation"))
    if report.history:
        context |= history_context(report.history)
        sections.append(Section("training", "Training"))
    if report.held_out is not None and report.probabilities is not None and report.evaluation is not None:
        context |= results_context(report.held_out, report.probabilities, report.evaluation)
        sections += SECTIONS
    if report.unlabeled is not None and report.unlabeled_probabilities is not None:
        context |= {"predictions": _predictions(report.unlabeled, report.unlabeled_probabilities)}
        sections.append(Section("predictions", "Predictions"))
    sections.append(Section("recipe", "The recipe"))
    return render_page("training report", report.title, "figures", sections, context, report.description)


def _head(report: TrainingReport) -> dict[str, Any]:
    tiles: list[Tile] = [] if report.evaluation is None else headline(report.evaluation)
    tiles.append(("Parameters", count(sum(layer.parameters for layer in report.layers)), ""))
    if report.history:
        tiles.append(("Training", seconds(report.history[-1]["seconds"]), plural(len(report.history), "epoch")))
    held_out = "" if report.evaluation is None else f"Measured on {count(report.evaluation.n)} held-out images. "
    return {"tiles": tiles, "notes": [held_out + report.best_step_note]}


def _data(report: TrainingReport) -> dict[str, Any]:
    train = report.train.label_counts.tolist()
    held_out = [0] * CLASSES if report.held_out is None else report.held_out.label_counts.tolist()
    keys = [("train", f"{plural(sum(train), 'image')} trained on")]
    columns, total = ["Digit", "", "Trained on"], ["All", "", count(sum(train))]
    if report.held_out is not None:
        keys.append(("held", f"{plural(sum(held_out), 'image')} held out"))
        columns.append("Held out")
        total.append(count(sum(held_out)))
    label_counts = list(zip(train, held_out, strict=True))
    return {
        "data_keys": keys,
        "label_columns": columns,
        "label_total": total,
        "label_counts": label_counts,
        "most": max(*map(sum, label_counts), 1),
        "samples": samples_by_digit(report.train),
    }


def network_context(layers: Sequence[Layer], caption: str) -> dict[str, Any]:
    """caption: from what to what."""
    rows = [
        [
            layer.name,
            layer.kind,
            layer.output_shape.replace(" ", "\N{NO-BREAK SPACE}"),
            count(layer.parameters) if layer.parameters else "",
        ]
        for layer in layers
    ]
    parameters = sum(layer.parameters for layer in layers)
    return {"layers": rows, "parameters": parameters, "network_caption": caption}


def history_context(history: list[dict[str, float]]) -> dict[str, Any]:
    """Loss, accuracy and learning rate over the epochs, as charts and as a table."""
    best = charts.best_epochs(history)
    return {
        "curves": _curves(history),
        "milestones": _milestones(history, best),
        "epochs": _epochs(history),
        "best_epoch": best[-1] if best else None,
    }


def _curves(history: charts.History) -> list[tuple[str, Any]]:
    if not has_matplotlib():
        return []
    curves = [
        ("Loss", charts.plot_loss(history)),
        (f"Accuracy, on a scale that stretches towards 100{NARROW_SPACE}%", charts.plot_accuracy(history)),
    ]
    if len(history) > 1:
        curves.append(("Learning rate", charts.plot_learning_rate(history)))
    return curves


def _milestones(history: charts.History, best: Sequence[int]) -> dict[str, str]:
    last = history[-1]
    milestones = {
        "Epochs": f"{last['epoch']:g}",
        "Elapsed time": seconds(last["seconds"]),
        "Time per epoch": seconds(last["seconds"] / len(history)),
        "Training accuracy, last epoch": percent(charts.column(history, "train_accuracy")[-1]),
    }
    if best:
        epoch = history[best[-1]]
        milestones["Best held-out epoch"] = f"{epoch['epoch']:g}"
        milestones["Held-out accuracy there"] = percent(epoch["val_accuracy"])
        milestones["Held-out loss there"] = number(epoch["val_loss"])
    for changed, factor in charts.rate_changes(history):
        milestones[f"Learning rate after epoch {changed:g}"] = f"× {factor:.3g}"
    return milestones


def _epochs(history: charts.History) -> list[list[str]]:
    return [
        [
            f"{epoch['epoch']:g}",
            seconds(epoch["seconds"]),
            f"{epoch['learning_rate']:.3g}",
            number(epoch["train_loss"]),
            percent(epoch["train_accuracy"]),
            number(epoch.get("val_loss", math.nan)),
            percent(epoch.get("val_accuracy", math.nan)),
        ]
        for epoch in history
    ]


def _predictions(unlabeled: Dataset, probabilities: Probabilities) -> list[tuple[Any, int, float, bool]]:
    """(image, digit, confidence, doubtful)."""
    confidences = probabilities.max(axis=1).tolist()
    digits = probabilities.argmax(axis=1).tolist()
    return [
        (image, digit, confidence, confidence < DOUBTFUL_CONFIDENCE)
        for image, digit, confidence in zip(unlabeled.images, digits, confidences, strict=True)
    ]


def recipe_groups(recipe: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The groups of a nested recipe; single values first, in a group of their own."""
    groups: dict[str, dict[str, Any]] = {"run": {}}
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            groups[name] = dict(value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            groups |= {f"{name} {index}": _flatten(part) for index, part in enumerate(value, 1)}
        else:
            groups["run"][name] = value
    return {name: {key: _setting(value) for key, value in group.items()} for name, group in groups.items() if group}


def _flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings under dotted names."""
    parts = {name: _flatten(value) if isinstance(value, Mapping) else {"": value} for name, value in settings.items()}
    return {f"{name}.{key}".rstrip("."): value for name, part in parts.items() for key, value in part.items()}


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_setting(part) for part in value) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
