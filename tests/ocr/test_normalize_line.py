import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tenfold.ocr.line_model import LINE_HEIGHT, SIDE_MARGIN, normalize_line


def draw_line(height=64, width=220, paper=210, ink=60):
    picture = np.full((height, width), paper, np.uint8)
    cv2.putText(picture, "4096", (20, height - 14), cv2.FONT_HERSHEY_SIMPLEX, height / 40, ink, 3, cv2.LINE_AA)
    return picture


def correlation(one, other):
    other = cv2.resize(other, one.shape[::-1])  # cropped a row higher or lower, a line is a few columns wider
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_normalize_line_gives_white_ink_on_black():
    line_image = normalize_line(draw_line())
    assert line_image.shape[0] == LINE_HEIGHT
    assert line_image.max() > 240
    assert np.median(line_image) == 0
    assert not line_image[:, :SIDE_MARGIN].any()


def test_normalize_line_ignores_polarity():
    assert correlation(normalize_line(draw_line()), normalize_line(255 - draw_line())) > 0.97


def test_normalize_line_removes_uneven_light():
    light = np.linspace(0.35, 1, 220)[None]
    assert correlation(normalize_line(draw_line()), normalize_line((draw_line() * light).astype(np.uint8))) > 0.97


@pytest.mark.parametrize("ink", [30, 120, 180])
def test_normalize_line_stretches_faint_ink(ink):
    assert correlation(normalize_line(draw_line(ink=60)), normalize_line(draw_line(ink=ink))) > 0.99


def test_normalize_line_crops_empty_rows():
    framed = np.full((160, 220), 210, np.uint8)
    framed[60:124] = draw_line()
    assert correlation(normalize_line(draw_line()), normalize_line(framed)) > 0.97


@pytest.mark.parametrize("factor", [0.6, 3])
def test_normalize_line_ignores_size(factor):
    scaled = cv2.resize(draw_line(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    assert correlation(normalize_line(draw_line()), normalize_line(scaled)) > 0.95


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_normalize_line_shape_for_any_picture(picture, repeat):
    line_image = normalize_line(np.repeat(picture, repeat, axis=1))
    assert line_image.dtype == np.uint8
    assert line_image.shape[0] == LINE_HEIGHT


def test_normalize_line_uniform_picture_is_empty():
    assert not normalize_line(np.full((40, 100), 137, np.uint8)).any()
