import numpy as np
import pytest

from tenfold.ocr.ruled_lines import remove_ruled_lines
from tests.ocr.drawn_digits import draw_digits

INK = draw_digits("2 750", 60, 6, margin=40)


def ruled(ink, slope, every=40, thickness=2):
    lined = ink.copy()
    height, width = ink.shape
    for start in range(-60, height + 60, every):
        middle = start + slope * np.arange(width)
        lined[np.abs(np.arange(height)[:, None] - middle) < thickness / 2 + 0.5] = 255
    return lined


@pytest.mark.parametrize("slope", [0, 0.02, -0.07])
def test_remove_ruled_lines_keeps_strokes(slope):
    lined = ruled(INK, slope)
    left = remove_ruled_lines(lined)
    line = (lined > 0) & (INK == 0)
    # Lines that leave the picture above or below are not looked for.
    assert (left[line] > 0).mean() < 0.4
    assert (left[INK > 127] > 0).mean() > 0.8


@pytest.mark.parametrize("text", ["1", "7", "4", "11", "7777", "2750"])
@pytest.mark.parametrize("margin", [0, 3, 40])
def test_remove_ruled_lines_keeps_unruled_writing(text, margin):
    ink = draw_digits(text, 60, 6, margin=40)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    tight = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ink = np.pad(tight, margin)
    np.testing.assert_array_equal(remove_ruled_lines(ink), ink)


def test_remove_ruled_lines_squared_paper():
    ink = np.pad(draw_digits("3", 60, 7), 120)
    lined = ruled(ruled(ink, 0.01, 45).T.copy(), -0.01, 45).T.copy()
    left = remove_ruled_lines(lined)
    line = (lined > 0) & (ink == 0)
    assert (left[line] > 0).mean() < 0.3
    assert (left[ink > 127] > 0).mean() > 0.75


@pytest.mark.parametrize("height", [100, 220])
def test_remove_ruled_lines_squares_around_large_digit(height):
    ink = np.pad(draw_digits("3", height, 9), (330 - height) // 2)
    lined = ruled(ruled(ink, 0, 45).T.copy(), 0, 45).T.copy()
    left = remove_ruled_lines(lined)
    line = (lined > 0) & (ink == 0)
    assert (left[line] > 0).mean() < 0.4
    assert (left[ink > 127] > 0).mean() > 0.75


def test_remove_ruled_lines_empty_picture():
    for shape in ((1, 1), (5, 300), (300, 5), (100, 100)):
        assert not remove_ruled_lines(np.zeros(shape, np.uint8)).any()
