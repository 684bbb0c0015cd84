"""The page of a line reader's training: the rows that it learned from, the network, how the training went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.report import training
from tenfold.report.images import figure, gallery, picture
from tenfold.report.page import Section, count, page, paragraph, percent, tiles
from tenfold.report.page import facts as shown_facts

if TYPE_CHECKING:
    from tenfold.nets import Layer


@dataclass(frozen=True, eq=False)
class LineReport:
    """lines: held-out rows as ((strip uint8 (32, W), truth), read). held_out: as in metrics.json, or None."""

    title: str
    recipe: dict[str, Any]
    story: str
    layers: list[Layer]
    history: list[dict[str, float]]
    train: Dataset
    lines: list[tuple[tuple[NDArray[np.uint8], str], str]]
    held_out: dict[str, Any] | None
    facts: dict[str, str]
    note: str


def render(report: LineReport) -> str:
    """HTML of `report`. Needs matplotlib for the curves."""
    sections = [Section("network", "The network", training.network(report.layers, "a strip 32 pixels high to digits"))]
    if report.lines:
        sections.insert(0, Section("rows", "Rows that it never saw", _rows(report)))
    if report.history:
        sections.append(Section("training", "Training", training.curves(report.history)))
    sections.append(Section("recipe", "The recipe", training.recipe(report.recipe)))
    return page("training report", report.title, report.story, _head(report), sections)


def _head(report: LineReport) -> str:
    held = report.held_out
    own = [("Parameters", count(sum(layer.parameters for layer in report.layers)), "")]
    if held:
        lower, upper = held["accuracy_interval"]
        own = [
            ("Rows read right", percent(held["accuracy"]), f"{percent(lower)} to {percent(upper)}, n = {held['n']:,}"),
            ("Digit error rate", percent(held["digit_error_rate"]), f"of {held['digits']:,} digits"),
            ("Calibration error", percent(held["calibration_error"]), "of a text's confidence"),
            *own,
        ]
    said = paragraph(f"Rows composed of {report.train.source}. {report.note}")
    return tiles(own) + said + shown_facts(report.facts)


def _rows(report: LineReport) -> str:
    figures = []
    for (strip, truth), read in report.lines:
        caption = f"<strong>{read or 'nothing'}</strong>"
        if read != truth:
            caption += f" is {truth or 'nothing'}"
        alt = f"A row that shows {truth or 'no digit'}, read as {read or 'none'}"
        figures.append(figure(picture(strip, alt), caption, "" if read == truth else "doubtful"))
    return paragraph("Composed of digits held out, as the network sees them, with what it reads.") + gallery(figures)
