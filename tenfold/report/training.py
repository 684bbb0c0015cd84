"""The page of a training run: the data, the network, how the training went, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from tenfold.data.dataset import Dataset
from tenfold.evaluation import Evaluation
from tenfold.evaluation.metrics import Probabilities
from tenfold.images import CLASSES, Images
from tenfold.report import charts, results
from tenfold.report.images import figure, gallery, picture, samples_by_digit, strip
from tenfold.report.page import (
    Section,
    bar,
    count,
    details,
    facts,
    legend,
    number,
    page,
    pairs,
    paragraph,
    percent,
    plural,
    seconds,
    subheading,
    table,
    tiles,
)

if TYPE_CHECKING:
    from tenfold.nets import Layer

# Below this confidence a prediction on the unlabeled rows is set apart.
_DOUBTFUL = 0.9


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """What the page of a run is made of.

    recipe: as in recipe.json. story: a paragraph on where the recipe comes from, may be "". data: the source in words.
    history: rows as in history.csv; what was not measured is absent or NaN. train: the rows trained on.
    augmented: uint8 (k, m, 28, 28), k digits, each first as it is and then m - 1 times augmented; None without
    augmentation. held_out, probabilities (N, 10), evaluation: the held-out rows as the exported model reads them, or
    None. unlabeled, unlabeled_probabilities: a few dozen rows without labels, or None. facts: names and texts (time,
    device, seed, versions). best_step_note: one sentence on which rows chose the weights.
    """

    title: str
    recipe: dict[str, Any]
    story: str
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
    facts: dict[str, str]
    best_step_note: str


def render(report: TrainingReport) -> str:
    """HTML of `report`. Needs matplotlib for the curves."""
    sections = [
        Section("data", "The data", _data(report)),
        Section("network", "The network", network(report.layers, "28 × 28 pixels to ten probabilities")),
    ]
    if report.augmented is not None:
        sections.append(Section("augmentation", "Augmentation", _augmentation(report.augmented)))
    if report.history:
        sections.append(Section("training", "Training", curves(report.history)))
    if report.held_out is not None and report.probabilities is not None and report.evaluation is not None:
        sections += results.sections(report.held_out, report.probabilities, report.evaluation)
    if report.unlabeled is not None and report.unlabeled_probabilities is not None:
        body = _predictions(report.unlabeled, report.unlabeled_probabilities)
        sections.append(Section("predictions", "Predictions", body))
    sections.append(Section("recipe", "The recipe", recipe(report.recipe)))
    return page("training report", report.title, report.story, _head(report), sections)


def _head(report: TrainingReport) -> str:
    parameters = sum(layer.parameters for layer in report.layers)
    own = [("Parameters", count(parameters), "")]
    if report.history:
        own.append(("Training", seconds(report.history[-1]["seconds"]), plural(len(report.history), "epoch")))
    figures = tiles(own) if report.evaluation is None else results.headline(report.evaluation, own)
    rows = "" if report.evaluation is None else f"Measured on {count(report.evaluation.n)} held-out rows. "
    return figures + paragraph(rows + report.best_step_note) + facts(report.facts)


def _data(report: TrainingReport) -> str:
    train = report.train.label_counts.tolist()
    held = [0] * CLASSES if report.held_out is None else report.held_out.label_counts.tolist()
    most = max(max(a + b for a, b in zip(train, held, strict=True)), 1)
    keys = [("train", f"{plural(sum(train), 'row')} trained on")]
    columns, total = ["Digit", "", "Trained on"], ["All", "", count(sum(train))]
    if report.held_out is not None:
        keys.append(("held", f"{plural(sum(held), 'row')} held out"))
        columns.append("Held out")
        total.append(count(sum(held)))
    rows = []
    for digit, (trained, apart) in enumerate(zip(train, held, strict=True)):
        drawn = bar([(trained / most, "train"), (apart / most, "held")])
        rows.append([str(digit), drawn, count(trained), count(apart)][: len(columns)])
    counts = table("Rows by digit", columns, rows, left=[1], wide=True, total=total)
    return (
        paragraph(f"From {report.data}.")
        + legend(keys)
        + f'<div class="charts">{counts}{samples_by_digit(report.train, "Training rows")}</div>'
    )


def network(layers: Sequence[Layer], does: str) -> str:
    """The table of layers; does: from what to what."""
    rows = [
        [escape(layer.name), escape(layer.kind), escape(layer.output_shape.replace(" ", "\N{NO-BREAK SPACE}")),
         count(layer.parameters) if layer.parameters else ""]
        for layer in layers
    ]  # fmt: skip
    total = ["All", "", "", count(sum(layer.parameters for layer in layers))]
    columns = ["Layer", "Kind", "Output", "Parameters"]
    return table(f"From {does}", columns, rows, left=[1, 2], total=total)


def _augmentation(augmented: Images) -> str:
    rows = "".join(
        f"<li>{picture(row[0], 'A training digit as it is', 2)}"
        f'<span class="double">{strip(row[1:], "The same digit, augmented", 2)}</span></li>'
        for row in augmented
    )
    return paragraph("On the left a training digit as it is, then as the network was shown it.") + (
        f'<ul class="rows">{rows}</ul>'
    )


def curves(history: list[dict[str, float]]) -> str:
    """Loss, accuracy and learning rate over the epochs, as pictures and as a table."""
    keys = [("line train", "training rows")]
    if any(not math.isnan(value) for value in charts.column(history, "val_loss")):
        keys.append(("line held", "held-out rows"))
    if best := charts.best_epochs(history):
        keys += [("dot", "better than all before"), ("ring", f"best: epoch {history[best[-1]]['epoch']:g}")]
    if charts.rate_changes(history):
        keys.append(("line rate", "learning rate changed"))
    figures = "".join(
        f"<figure><figcaption>{title}</figcaption>{svg}</figure>"
        for title, svg in (
            ("Loss", charts.loss(history)),
            ("Accuracy, on a scale that stretches towards 100\N{NARROW NO-BREAK SPACE}%", charts.accuracy(history)),
            *([("Learning rate", charts.learning_rate(history))] if len(history) > 1 else []),
        )
    )
    return (
        paragraph(
            "Epochs run along the bottom, elapsed time along the top. Losses are those before a temperature is fitted, "
            "where the recipe fits one."
        )
        + legend(keys)
        + f'<div class="charts">{figures}{_milestones(history, best)}</div>'
        + details("Every epoch as a table", _epochs(history))
    )


def _milestones(history: charts.Rows, best: Sequence[int]) -> str:
    last = history[-1]
    facts = {
        "Epochs": f"{last['epoch']:g}",
        "Elapsed time": seconds(last["seconds"]),
        "Time an epoch": seconds(last["seconds"] / len(history)),
        "Training accuracy, last epoch": percent(charts.column(history, "train_accuracy")[-1]),
    }
    if best:
        row = history[best[-1]]
        facts["Best held-out epoch"] = f"{row['epoch']:g}"
        facts["Held-out accuracy there"] = percent(row["val_accuracy"])
        facts["Held-out loss there"] = number(row["val_loss"])
    for epoch, factor in charts.rate_changes(history):
        facts[f"Learning rate after epoch {epoch:g}"] = f"× {factor:.3g}"
    return f"<div>{subheading('Milestones')}{pairs(facts)}</div>"


def _epochs(history: charts.Rows) -> str:
    kept = best[-1] if (best := charts.best_epochs(history)) else None
    rows = [
        [
            f"{row['epoch']:g}",
            seconds(row["seconds"]),
            f"{row['learning_rate']:.3g}",
            number(row["train_loss"]),
            percent(row["train_accuracy"]),
            number(row.get("val_loss", math.nan)),
            percent(row.get("val_accuracy", math.nan)),
        ]
        for row in history
    ]
    columns = ["Epoch", "Elapsed", "Learning rate", "Loss", "Accuracy", "Held-out loss", "Held-out accuracy"]
    return table("Set in bold: the best held-out epoch", columns, rows, mark=kept)


def _predictions(unlabeled: Dataset, probabilities: Probabilities) -> str:
    figures: list[str] = []
    for image, shares in zip(unlabeled.images, probabilities, strict=True):
        digit, share, index = int(shares.argmax()), float(shares.max()), len(figures) + 1
        caption = f"<strong>{index}: {digit}</strong>{percent(share, 1)}"
        alt = f"Row {index}, read as {digit}"
        figures.append(figure(picture(image, alt, 2), caption, "doubtful" if share < _DOUBTFUL else ""))
    return paragraph(
        f"The first {plural(len(figures), 'row')} of {unlabeled.source}, as index: digit, counted "
        "from 1 as Kaggle's ImageId is, with the confidence."
    ) + gallery(figures, "close")


def recipe(values: Mapping[str, Any]) -> str:
    """The groups of a nested recipe side by side; single values first, in a group of their own."""
    groups: dict[str, dict[str, Any]] = {"run": {}}
    for name, value in values.items():
        if isinstance(value, Mapping):
            groups[name] = dict(value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            groups |= {f"{name} {k}": _flat(part) for k, part in enumerate(value, 1)}
        else:
            groups["run"][name] = value
    return '<div class="groups">' + "".join(_group(name, group) for name, group in groups.items() if group) + "</div>"


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings under dotted names."""
    parts = {name: _flat(value) if isinstance(value, Mapping) else {"": value} for name, value in values.items()}
    return {f"{name}.{key}".rstrip("."): value for name, part in parts.items() for key, value in part.items()}


def _group(name: str, values: Mapping[str, Any]) -> str:
    return f"<div>{subheading(name)}{pairs({key: _setting(value) for key, value in values.items()})}</div>"


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_setting(part) for part in value) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
