"""Small but complete inputs for the pages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tenfold.data.checks import check_data
from tenfold.data.dataset import Dataset
from tenfold.evaluation import RunResult, rank_runs
from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.evaluation.robustness import CorruptionResult, Robustness
from tenfold.nets import Layer
from tenfold.report.pages import (
    LineReport,
    TrainingReport,
    render_check,
    render_comparison,
    render_evaluation,
    render_line_training,
    render_training,
)

VOID = {"meta", "link", "img", "br", "hr", "input"}
HOSTILE = "<script>alert(1)</script>\"'&.csv"


@dataclass
class Parsed(HTMLParser):
    """A page's tags and texts; raises AssertionError for a tag that is closed in the wrong order or never."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in <{tag}>: {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Parsed]:
    def parse(html: str) -> Parsed:
        parsed = Parsed()
        parsed.feed(html)
        parsed.close()
        assert not parsed.open, f"never closed: {parsed.open}"
        return parsed

    return parse


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """300 random images with repeated labels 0 to 9."""
    images = np.zeros((300, 28, 28), np.uint8)
    images[:, 6:22, 8:20] = np.random.default_rng(0).integers(0, 256, (300, 16, 12), np.uint8)
    return Dataset(images, (np.arange(300) % 10).astype(np.uint8), "train.csv")


@pytest.fixture(scope="session")
def probabilities(digits: Dataset) -> np.ndarray:
    """Correct for 270 of the 300 images: every 9 is predicted as 0. The confidence rises."""
    rows = np.arange(len(digits))
    predicted = np.where(rows % 10 == 9, 0, digits.labels)
    confidence = np.linspace(0.3, 0.999, len(digits))
    row_probabilities = np.repeat((1 - confidence)[:, None] / 9, 10, axis=1)
    row_probabilities[rows, predicted] = confidence
    return row_probabilities.astype(np.float32)


@pytest.fixture(scope="session")
def history() -> list[dict[str, float]]:
    """Ten epochs; the rate is halved after epochs 4 and 8, epochs 1, 2, 3 and 7 are the best so far."""
    rows = []
    for epoch in range(1, 11):
        rows.append(
            {
                "epoch": epoch,
                "step": 100.0 * epoch,
                "seconds": 7.5 * epoch,
                "learning_rate": 0.001 / (1, 2, 4)[(epoch > 4) + (epoch > 8)],
                "train_loss": 0.5 / epoch,
                "train_accuracy": 1 - 0.1 / epoch,
                "val_loss": 0.3 / epoch,
                "val_accuracy": 0.99 if epoch == 7 else 0.95 + 0.01 * min(epoch, 3),
                "best": float(epoch in (1, 2, 3, 7)),
            }
        )
    return rows


@pytest.fixture(scope="session")
def training_report(digits, probabilities, history) -> TrainingReport:
    return TrainingReport(
        title="cnn <small>",
        recipe={
            "name": "cnn",
            "epochs": 10,
            "checkpoint": "best",
            "net": {"kind": "plain_cnn", "filters": [16, 32]},
            "ema": False,
        },
        description="From a write-up & more.",
        layers=[
            Layer("conv1", "Conv 5×5", "32 × 28 × 28", 832),
            Layer("pool", "Max pool", "32 × 14 × 14", 0),
            Layer("dense", "Linear", "10", 62730),
        ],
        history=history,
        data=HOSTILE,
        train=digits,
        augmented=digits.images[:12].reshape(3, 4, 28, 28),
        held_out=digits,
        probabilities=probabilities,
        evaluation=evaluate_predictions(probabilities, digits.labels),
        unlabeled=Dataset(digits.images[:12], None, HOSTILE),
        unlabeled_probabilities=probabilities[:12],
        details={"Device": "CPU, 2 threads", "Seed": "0", HOSTILE: HOSTILE},
        note="The best held-out epoch chose the weights.",
    )


@pytest.fixture(scope="session")
def line_report(digits, history, training_report) -> LineReport:
    lines = [(np.full((32, 90), 99, np.uint8), text) for text in ("123", "45", "")]
    held_out = {
        "n": 3, "accuracy": 2 / 3, "accuracy_interval": [0.2, 0.94], "digits": 5, "digit_error_rate": 0.2,
        "calibration_error": 0.05,
    }  # fmt: skip
    return LineReport(
        title=HOSTILE,
        recipe=training_report.recipe,
        description=HOSTILE,
        layers=training_report.layers,
        history=history,
        train=digits,
        lines=list(zip(lines, ["123", "46", ""], strict=True)),
        held_out=held_out,
        details=training_report.details,
        note="The weights are those of the last step.",
    )


@pytest.fixture(scope="session")
def robustness() -> Robustness:
    examples = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)
    return Robustness(
        "model",
        "digits",
        2000,
        0.9975,
        (
            CorruptionResult("gaussian_blur", (0.99, 0.98, 0.95, 0.9, 0.8), (0.9,) * 5, examples),
            CorruptionResult("<fog>", (0.9, 0.8, 0.7, 0.6, 0.5), (0.9,) * 5, examples),
        ),
    )


@pytest.fixture(scope="session")
def pages(digits, probabilities, training_report, line_report, robustness) -> dict[str, str]:
    """Every kind of page, with hostile names wherever a name comes from outside."""
    unlabeled = Dataset(digits.images[200:250], None, HOSTILE)
    entries: list[Any] = [
        RunResult(recipe, seed, 1000, 60.0, 8, np.roll(probabilities, shift, axis=0))
        for recipe, shift in (("fast", 0), (HOSTILE, 1))
        for seed in (0, 1)
    ]
    labeled = Dataset(digits.images, digits.labels, HOSTILE)
    return {
        "training": render_training(training_report),
        "line_training": render_line_training(line_report),
        "check": render_check(check_data(digits, unlabeled, None), HOSTILE, (HOSTILE,), digits, unlabeled),
        "evaluation": render_evaluation(
            evaluate_predictions(probabilities, digits.labels), labeled, probabilities, HOSTILE, [HOSTILE], robustness
        ),
        "comparison": render_comparison(rank_runs(entries, digits.labels), HOSTILE, [HOSTILE]),
    }
