"""Digits in doubt, read by both models."""

import numpy as np
import pytest

from tenfold.ocr.components import Component
from tenfold.ocr.digit import combine_with_line_model
from tenfold.ocr.reader import Reader
from tenfold.ocr.segmentation import DigitCandidate
from tests.ocr.drawn_digits import draw_digits, draw_on_paper


class ConstantLineModel:
    """A line model that gives the same probabilities for every picture, and keeps the picture."""

    def __init__(self, **fractions):
        self.fractions, self.picture = probabilities(**fractions), None

    def classify_digit(self, picture):
        self.picture = picture
        return self.fractions


class ConstantDigitModel:
    digest = "constant"

    def __init__(self, **fractions):
        self.row = probabilities(**fractions).astype(np.float32)

    def predict_with_digitness(self, images):
        return np.tile(self.row, (len(images), 1)), np.ones(len(images), np.float32)


def probabilities(**fractions):
    """Ten probabilities: of the digits named d0 to d9, the rest shared by the others."""
    rest = (1 - sum(fractions.values())) / (10 - len(fractions))
    return np.array([fractions.get(f"d{digit}", rest) for digit in range(10)])


def candidate(digitness=1.0, box=(40, 10, 20, 30), **fractions):
    return DigitCandidate(
        Component((), box, 0), np.zeros((30, 20), np.uint8), probabilities(**fractions).astype(np.float32), digitness
    )


GRAY = np.arange(100 * 80, dtype=np.uint32).reshape(80, 100).astype(np.uint8)


def test_combine_with_line_model_is_geometric_mean():
    """By hand: 7 gets sqrt(0.5 * 0.1) = 0.224, 1 gets sqrt(0.4 * 0.8) = 0.566, each other one 0.0125."""
    both = combine_with_line_model(candidate(d7=0.5, d1=0.4), GRAY, ConstantLineModel(d7=0.1, d1=0.8))
    total = 0.224 + 0.566 + 8 * 0.0125
    assert both.value == 1
    assert both.probabilities[1] == pytest.approx(0.566 / total, abs=0.002)
    assert both.probabilities[7] == pytest.approx(0.224 / total, abs=0.002)
    assert both.probabilities.sum() == pytest.approx(1)


def test_combine_with_line_model_keeps_digitness():
    assert (
        combine_with_line_model(candidate(digitness=0.3, d7=0.5, d1=0.4), GRAY, ConstantLineModel(d1=0.9)).digitness
        == 0.3
    )


@pytest.mark.parametrize("expect", ["digit", "auto"])
@pytest.mark.parametrize(("confidence", "text"), [(0.99, "7"), (0.5, "1")])
def test_reader_asks_line_model_only_in_doubt(expect, confidence, text):
    line_model = ConstantLineModel(d1=0.999)
    reader = Reader(ConstantDigitModel(d7=confidence), line_model)
    assert reader.read(draw_on_paper(draw_digits("7", 90, 8)), expect).text == text
    assert (line_model.picture is None) == (confidence == 0.99)


def test_combine_with_line_model_crops_with_margin():
    line_model = ConstantLineModel(d1=0.5)
    combine_with_line_model(candidate(d7=0.5), GRAY, line_model)
    np.testing.assert_array_equal(line_model.picture, GRAY[6:44, 36:64])  # 15 % of 30 pixels, rounded, on each side


@pytest.mark.parametrize("box", [(0, 0, 100, 80), (0, 0, 1, 1), (99, 79, 1, 1)])
def test_combine_with_line_model_crops_at_borders(box):
    line_model = ConstantLineModel(d1=0.5)
    combine_with_line_model(candidate(d7=0.5, box=box), GRAY, line_model)
    assert min(line_model.picture.shape) >= 1
    assert line_model.picture.shape <= GRAY.shape
