import numpy as np
import pytest

from tenfold.ocr.framing import BOX, frame
from tenfold.ocr.views import stroke_width, thickened, views
from tests.ocr.drawn_digits import drawn


@pytest.mark.parametrize(
    ("size", "pen"), [(100, 6), (100, 10), (100, 40), (300, 4), (300, 6), (300, 10), (300, 20), (300, 40)]
)
def test_the_width_of_a_bar_is_measured(pen, size):
    bar = np.zeros((size, size), np.uint8)
    bar[:, 30 : 30 + pen] = 255
    bar[0, 0] = bar[0, -1] = 255
    assert stroke_width(bar) == pytest.approx(pen * BOX / size, rel=0.2)


def test_a_usual_stroke_is_seen_once_and_a_thin_one_twice():
    assert len(views(drawn("5", 90, 11))) == 1
    thin = views(drawn("5", 200, 3))
    assert len(thin) == 2
    assert thin[1].astype(int).sum() > 1.2 * thin[0].sum()
    np.testing.assert_array_equal(thin[0], frame(drawn("5", 200, 3)))


def test_strokes_grow_by_what_was_asked():
    bar = np.zeros((200, 200), np.uint8)
    bar[:, 96:104] = 255
    bar[0, 0] = bar[0, -1] = 255
    assert stroke_width(thickened(bar, 1.5)) - stroke_width(bar) == pytest.approx(1.5, abs=0.4)


def test_no_ink():
    assert not views(np.zeros((20, 20), np.uint8)).any()
