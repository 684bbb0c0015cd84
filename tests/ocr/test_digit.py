"""A second look at a digit that leaves doubt."""

import numpy as np
import pytest

from tenfold.ocr.components import Blob
from tenfold.ocr.digit import read_twice
from tenfold.ocr.segmentation import Found


class Says:
    """A reader of rows that says the same of every picture, and keeps what it was shown."""

    def __init__(self, **shares):
        self.shares, self.shown = chances(**shares), None

    def digit(self, picture):
        self.shown = picture
        return self.shares


def chances(**shares):
    """Ten probabilities: of the digits named d0 to d9, the rest shared by the others."""
    rest = (1 - sum(shares.values())) / (10 - len(shares))
    return np.array([shares.get(f"d{digit}", rest) for digit in range(10)])


def found(digitness=1.0, box=(40, 10, 20, 30), **shares):
    return Found(Blob((), box, 0), np.zeros((30, 20), np.uint8), chances(**shares).astype(np.float32), digitness)


GRAY = np.arange(100 * 80, dtype=np.uint32).reshape(80, 100).astype(np.uint8)


def test_two_networks_that_doubt_decide_together():
    """By hand: 7 gets sqrt(0.5 * 0.1) = 0.224, 1 gets sqrt(0.4 * 0.8) = 0.566, each other one 0.0125."""
    both = read_twice(found(d7=0.5, d1=0.4), GRAY, Says(d7=0.1, d1=0.8))
    total = 0.224 + 0.566 + 8 * 0.0125
    assert both.value == 1
    assert both.probabilities[1] == pytest.approx(0.566 / total, abs=0.002)
    assert both.probabilities[7] == pytest.approx(0.224 / total, abs=0.002)
    assert both.probabilities.sum() == pytest.approx(1)


def test_whether_it_is_a_digit_stays_as_it_was():
    assert read_twice(found(digitness=0.3, d7=0.5, d1=0.4), GRAY, Says(d1=0.9)).digitness == 0.3


def test_who_is_sure_is_not_asked_again():
    sure = found(d7=0.99)
    reader = Says(d1=0.999)
    assert read_twice(sure, GRAY, reader) is sure
    assert reader.shown is None


def test_the_reader_sees_the_digit_and_some_paper_around_it():
    reader = Says(d1=0.5)
    read_twice(found(d7=0.5), GRAY, reader)
    np.testing.assert_array_equal(reader.shown, GRAY[6:44, 36:64])  # 15 % of 30 pixels, rounded, on each side


@pytest.mark.parametrize("box", [(0, 0, 100, 80), (0, 0, 1, 1), (99, 79, 1, 1)])
def test_at_the_edges_it_sees_what_there_is(box):
    reader = Says(d1=0.5)
    read_twice(found(d7=0.5, box=box), GRAY, reader)
    assert min(reader.shown.shape) >= 1
    assert reader.shown.shape <= GRAY.shape
