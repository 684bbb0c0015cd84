import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

import tenfold
from tenfold.ocr.digit import MAX_TINY_SIDE, stretch
from tenfold.ocr.framing import upscale


@pytest.fixture(scope="module")
def small():
    """scikit-learn's digits as they are: 8x8 pixels with ink along the edges, and their labels."""
    digits = load_digits()
    return np.rint(digits.images[:200] * (255 / 16)).astype(np.uint8), digits.target[:200]


@pytest.mark.parametrize("expect", ["digit", "auto"])
@pytest.mark.parametrize("change", [lambda image: image, lambda image: 255 - image, lambda image: image // 3 + 100])
def test_read_tiny_digits_of_either_polarity(small, change, expect):
    images, labels = small
    texts = [tenfold.read(change(image), expect=expect).text for image in images]
    assert np.mean([text == str(label) for text, label in zip(texts, labels, strict=True)]) > 0.97


@pytest.mark.parametrize("factor", [2, 6])
def test_read_tightly_cropped_digits(small, factor):
    images, labels = small
    texts = []
    for image in images:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        tight = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        fine = cv2.resize(tight, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        texts.append(tenfold.read(fine, expect="digit").text)
    assert np.mean([text == str(label) for text, label in zip(texts, labels, strict=True)]) > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (1, MAX_TINY_SIDE), (MAX_TINY_SIDE, 3)])
@pytest.mark.parametrize("gray", [0, 90, 255])
@pytest.mark.parametrize("expect", ["digit", "auto"])
def test_read_tiny_uniform_picture_is_empty(shape, gray, expect):
    assert tenfold.read(np.full(shape, gray, np.uint8), expect=expect).text == ""


def test_read_tiny_noise_is_mostly_rejected():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (100, 16, 16), np.uint8)
    assert sum(tenfold.read(picture).text != "" for picture in pictures) <= 5


def test_read_tiny_digit_box():
    picture = np.zeros((20, 16), np.uint8)
    picture[4:16, 7:9] = 255
    digit = tenfold.read(picture, expect="digit").digits[0]
    assert digit.value == 1
    x, y, width, height = digit.box
    assert abs(x - 7) <= 1
    assert abs(y - 4) <= 1
    assert abs(x + width - 9) <= 1
    assert abs(y + height - 16) <= 1


def test_stretch_fills_the_range():
    picture = np.full((10, 10), 40, np.uint8)
    picture[2:8, 4:6] = 90
    assert set(np.unique(stretch(picture)[2:8, 4:6])) == {255}
    assert stretch(picture)[0].max() == 0


def test_upscale_keeps_proportions_and_drops_faint_ink():
    ink = np.zeros((4, 8), np.uint8)
    ink[1:3, 1:3] = 255
    ink[1, 6] = 40
    large = upscale(ink)
    assert large.shape == (32, 64)
    assert large[:, 44:].max() == 0
    assert large[8:24, 8:24].mean() > 200
