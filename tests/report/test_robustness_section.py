import re

import numpy as np
import pytest

from tenfold.evaluation.metrics import evaluate_predictions
from tenfold.evaluation.robustness import CorruptionResult, Robustness
from tenfold.report.evaluation import render
from tenfold.report.robustness import section

SAMPLES = np.random.default_rng(0).integers(0, 256, (10, 28, 28), np.uint8)
DAMAGED = Robustness(
    "model",
    "digits",
    2000,
    0.9975,
    (
        CorruptionResult("gaussian_blur", (0.99, 0.98, 0.95, 0.9, 0.8), (0.9,) * 5, SAMPLES),
        CorruptionResult("<fog>", (0.9, 0.8, 0.7, 0.6, 0.5), (0.9,) * 5, SAMPLES),
    ),
)


def test_kinds_stand_the_worst_first_with_charts_pictures_and_numbers(parse):
    body = section(DAMAGED).body
    page = parse(body)
    assert page.text.index("<fog> · 70.0 %") < page.text.index("gaussian blur · 92.4 %")
    assert "81.20 % right on average" in page.text
    assert "99.75 % of the same rows as they are" in page.text
    assert len(page.all("svg")) == len(page.all("img")) == 2
    assert "<td>98.0" in body


def test_the_lines_points_are_the_accuracies(parse):
    (first, second) = re.findall(r'polyline points="([^"]+)"', section(DAMAGED).body)
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in (first, second)]
    (low, high) = (float(y) for y in re.findall(r'<line x1="34" y1="([\d.]+)"', section(DAMAGED).body)[:2])
    floor = 0.45  # a twentieth below the worst
    shares = [[floor + (1 - floor) * (low - y) / (low - high) for y in line] for line in heights]
    assert shares[0] == pytest.approx(DAMAGED.corruptions[1].accuracy, abs=0.002)
    assert shares[1] == pytest.approx(DAMAGED.corruptions[0].accuracy, abs=0.002)


def test_the_evaluation_page_has_the_section_where_it_was_measured(digits, probabilities, parse):
    evaluation = evaluate_predictions(probabilities, digits.labels)
    assert "Damaged copies" in parse(render(evaluation, digits, probabilities, "fast", damaged=DAMAGED)).text
    assert "Damaged copies" not in parse(render(evaluation, digits, probabilities, "fast")).text
