"""The page of a line reader's training: the lines that it learned from, the network, how the training went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Dataset
from tenfold.report.formats import count, percent
from tenfold.report.pages import Section, render_page
from tenfold.report.training import history_context, network_context, recipe_groups

if TYPE_CHECKING:
    from tenfold.nets import Layer


@dataclass(frozen=True, eq=False)
class LineReport:
    """lines: held-out lines as ((strip uint8 (32, W), truth), prediction). held_out: as in metrics.json, or None."""

    title: str
    recipe: dict[str, Any]
    description: str
    layers: list[Layer]
    history: list[dict[str, float]]
    train: Dataset
    lines: list[tuple[tuple[NDArray[np.uint8], str], str]]
    held_out: dict[str, Any] | None
    details: dict[str, str]
    note: str


def render(report: LineReport) -> str:
    """The page as HTML."""
    context: dict[str, Any] = {
        "tiles": _tiles(report),
        "notes": [f"Lines composed of {report.train.source}. {report.note}"],
        "facts": report.details,
        "lines": [(strip, truth, prediction) for (strip, truth), prediction in report.lines],
        "recipe_groups": recipe_groups(report.recipe),
    } | network_context(report.layers, "a strip 32 pixels high to digits")
    sections = [Section("lines", "Held-out lines")] if report.lines else []
    sections.append(Section("network", "The network"))
    if report.history:
        context |= history_context(report.history)
        sections.append(Section("training", "Training"))
    sections.append(Section("recipe", "The recipe"))
    return render_page("training report", report.title, "figures", sections, context, report.description)


def _tiles(report: LineReport) -> list[tuple[str, str, str]]:
    tiles = [("Parameters", count(sum(layer.parameters for layer in report.layers)), "")]
    if held_out := report.held_out:
        lower, upper = held_out["accuracy_interval"]
        interval = f"{percent(lower)} to {percent(upper)}, n = {held_out['n']:,}"
        tiles = [
            ("Lines read correctly", percent(held_out["accuracy"]), interval),
            ("Digit error rate", percent(held_out["digit_error_rate"]), f"of {held_out['digits']:,} digits"),
            ("Calibration error", percent(held_out["calibration_error"]), "of a text's confidence"),
            *tiles,
        ]
    return tiles
