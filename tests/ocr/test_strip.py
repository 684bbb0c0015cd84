import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tenfold.ocr.line_model import LINE_HEIGHT, SIDE_MARGIN, normalize_line


def row(height=64, width=220, paper=210, ink=60):
    picture = np.full((height, width), paper, np.uint8)
    cv2.putText(picture, "4096", (20, height - 14), cv2.FONT_HERSHEY_SIMPLEX, height / 40, ink, 3, cv2.LINE_AA)
    return picture


def alike(one, other):
    other = cv2.resize(other, one.shape[::-1])  # cut a row higher or lower, a strip is a few columns wider
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_ink_is_white_paper_black():
    seen = normalize_line(row())
    assert seen.shape[0] == LINE_HEIGHT
    assert seen.max() > 240
    assert np.median(seen) == 0
    assert not seen[:, :SIDE_MARGIN].any()


def test_either_polarity_gives_the_same():
    assert alike(normalize_line(row()), normalize_line(255 - row())) > 0.97


def test_uneven_light_is_taken_away():
    light = np.linspace(0.35, 1, 220)[None]
    assert alike(normalize_line(row()), normalize_line((row() * light).astype(np.uint8))) > 0.97


@pytest.mark.parametrize("ink", [30, 120, 180])
def test_faint_ink_becomes_white_too(ink):
    assert alike(normalize_line(row(ink=60)), normalize_line(row(ink=ink))) > 0.99


def test_rows_without_ink_are_cut_away():
    framed = np.full((160, 220), 210, np.uint8)
    framed[60:124] = row()
    assert alike(normalize_line(row()), normalize_line(framed)) > 0.97


@pytest.mark.parametrize("factor", [0.6, 3])
def test_size_does_not_matter(factor):
    scaled = cv2.resize(row(), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    assert alike(normalize_line(row()), normalize_line(scaled)) > 0.95


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_any_picture_becomes_a_strip(picture, repeat):
    seen = normalize_line(np.repeat(picture, repeat, axis=1))
    assert seen.dtype == np.uint8
    assert seen.shape[0] == LINE_HEIGHT


def test_an_even_picture_stays_empty():
    assert not normalize_line(np.full((40, 100), 137, np.uint8)).any()
