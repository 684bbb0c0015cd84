import numpy as np
import pytest

from tenfold.ocr.classify import augment, stroke_width, thicken
from tenfold.ocr.framing import BOX, frame
from tests.ocr.drawn_digits import draw_digits


@pytest.mark.parametrize(
    ("size", "pen"), [(100, 6), (100, 10), (100, 40), (300, 4), (300, 6), (300, 10), (300, 20), (300, 40)]
)
def test_stroke_width_of_a_bar(pen, size):
    bar = np.zeros((size, size), np.uint8)
    bar[:, 30 : 30 + pen] = 255
    bar[0, 0] = bar[0, -1] = 255
    assert stroke_width(bar) == pytest.approx(pen * BOX / size, rel=0.2)


def test_augment_adds_thickened_copy_of_thin_strokes():
    assert len(augment(draw_digits("5", 90, 11))) == 1
    thin = augment(draw_digits("5", 200, 3))
    assert len(thin) == 2
    assert thin[1].astype(int).sum() > 1.2 * thin[0].sum()
    np.testing.assert_array_equal(thin[0], frame(draw_digits("5", 200, 3)))


def test_thicken_adds_to_stroke_width():
    bar = np.zeros((200, 200), np.uint8)
    bar[:, 96:104] = 255
    bar[0, 0] = bar[0, -1] = 255
    assert stroke_width(thicken(bar, 1.5)) - stroke_width(bar) == pytest.approx(1.5, abs=0.4)


def test_augment_without_ink():
    assert not augment(np.zeros((20, 20), np.uint8)).any()
