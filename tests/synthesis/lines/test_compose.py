import cv2
import numpy as np
import pytest

from tenfold.data.dataset import Dataset
from tenfold.synthesis.lines.compose import LONGEST, Workshop, drawn_text
from tenfold.synthesis.lines.stock import Stock
from tenfold.synthesis.strokes import DIGITS, SIGNS, written


def printed_digits() -> Dataset:
    images = np.zeros((10, 28, 28), np.uint8)
    for digit, image in enumerate(images):
        cv2.putText(image, str(digit), (6, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return Dataset(images, np.arange(10, dtype=np.uint8), "print")


@pytest.fixture(scope="module")
def workshop():
    return Workshop.of(Stock.of(printed_digits()), np.random.default_rng(0))


def test_the_same_seed_makes_the_same_line(workshop):
    (one, text), (other, again) = (workshop.line(np.random.default_rng(7)) for _ in range(2))
    assert text == again
    np.testing.assert_array_equal(one, other)


def test_lines_differ_and_some_are_empty(workshop):
    draw = np.random.default_rng(1)
    lines = [workshop.line(draw) for _ in range(150)]
    texts = [text for _, text in lines]
    assert "" in texts
    assert set("".join(texts)) == set("0123456789")
    assert max(map(len, texts)) <= LONGEST
    assert all(picture.dtype == np.uint8 and min(picture.shape) >= 8 for picture, _ in lines)
    assert len({picture.tobytes() for picture, _ in lines}) == len(lines)


def test_longer_texts_make_wider_pictures(workshop):
    draw = np.random.default_rng(2)
    lines = [workshop.line(draw) for _ in range(200)]
    widths = {n: [p.shape[1] / p.shape[0] for p, text in lines if len(text) == n] for n in (2, 7)}
    assert np.median(widths[7]) > 1.5 * np.median(widths[2])


def test_texts_have_every_digit_about_equally_often():
    draw = np.random.default_rng(3)
    counts = np.bincount([int(digit) for _ in range(3000) for digit in drawn_text(draw)], minlength=10)
    assert counts[1:].min() > 0.85 * counts[1:].max()
    assert counts[0] < 4 * counts[1]  # zeros are more frequent, as in amounts


def test_strokes_stay_near_their_digit():
    draw = np.random.default_rng(4)
    for shape in [shape for shapes in DIGITS.values() for shape in shapes]:
        points = np.concatenate(written(shape, 0, draw))
        assert np.abs(points[:, 1] - 0.5).max() < 0.75
        assert np.ptp(points[:, 1]) > 0.8
    assert not set(SIGNS) & set("0123456789")
