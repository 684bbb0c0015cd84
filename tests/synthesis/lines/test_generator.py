import re

import cv2
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.ocr.marks import DIGITS, SYMBOLS, digits_of
from tenfold.synthesis.lines.generator import LineGenerator
from tenfold.synthesis.lines.glyph_bank import GlyphBank
from tenfold.synthesis.lines.texts import random_digits, random_text
from tenfold.synthesis.strokes import DIGIT_STROKES, SIGN_STROKES, sample_strokes


def printed_digits() -> Dataset:
    images = np.zeros((10, 28, 28), np.uint8)
    for digit, image in enumerate(images):
        cv2.putText(image, str(digit), (6, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return Dataset(images, np.arange(10, dtype=np.uint8), "print")


@pytest.fixture(scope="module")
def generator():
    return LineGenerator.create(GlyphBank.from_dataset(printed_digits()), np.random.default_rng(0))


def test_line_follows_seed(generator):
    (first, text), (second, other_text) = (generator.generate(np.random.default_rng(7)) for _ in range(2))
    assert text == other_text
    np.testing.assert_array_equal(first, second)


def test_lines_vary_and_some_are_empty(generator):
    rng = np.random.default_rng(1)
    lines = [generator.generate(rng) for _ in range(150)]
    texts = [text for _, text in lines]
    assert "" in texts
    assert set(DIGITS) < set("".join(texts)) <= set(SYMBOLS)
    assert all(picture.dtype == np.uint8 and min(picture.shape) >= 8 for picture, _ in lines)
    assert len({picture.tobytes() for picture, _ in lines}) == len(lines)


def test_longer_text_is_wider(generator):
    rng = np.random.default_rng(2)
    lines = [generator.generate(rng) for _ in range(400)]
    widths = {n: [p.shape[1] / p.shape[0] for p, text in lines if len(text) == n] for n in (2, 7)}
    assert np.median(widths[7]) > 1.5 * np.median(widths[2])


def test_random_digits_frequencies():
    rng = np.random.default_rng(3)
    counts = np.bincount([int(digit) for _ in range(3000) for digit in random_digits(rng)], minlength=10)
    assert counts[1:].min() > 0.85 * counts[1:].max()
    assert counts[0] < 4 * counts[1]  # zeros are more frequent, as in amounts


def test_random_text_writes_amounts_dates_and_words():
    rng = np.random.default_rng(5)
    texts = [random_text(rng) for _ in range(2000)]
    for form in (
        r"\d+[.,]\d\d",
        r"\d+/\d+/\d+",
        r"\d+:\d\d",
        r"[-+]\d+",
        r"\(\d+\)",
        r"\d+%",
        r"[A-Za-z]+ \d+",
        r"[$€£].+",
    ):
        assert any(re.fullmatch(form, text) for text in texts), form
    assert "" in texts
    assert max(len(digits_of(text)) for text in texts) <= 14


def test_strokes_stay_in_digit_box():
    rng = np.random.default_rng(4)
    for shape in [shape for shapes in DIGIT_STROKES.values() for shape in shapes]:
        points = np.concatenate(sample_strokes(shape, 0, rng))
        assert np.abs(points[:, 1] - 0.5).max() < 0.75
        assert np.ptp(points[:, 1]) > 0.8
    assert not set(SIGN_STROKES) & set("0123456789")
