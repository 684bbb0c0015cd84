"""Pages on tables: found in pictures, and read."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.ocr.paper import find_paper
from tenfold.ocr.reader import Reader, read
from tenfold.ocr.reading import Digit, Reading
from tests.ocr.drawn_digits import draw_digits, draw_on_paper

SIZE = (400, 600)


def draw_on_table(page, corners, table):
    """uint8 `SIZE`: `page` drawn into four corners (x, y), from the upper left clockwise, on a table of one gray."""
    height, width = page.shape
    given = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    to = cv2.getPerspectiveTransform(given, np.float32(corners))
    there = cv2.warpPerspective(np.ones_like(page), to, SIZE[::-1]) > 0
    return np.where(there, cv2.warpPerspective(page, to, SIZE[::-1], flags=cv2.INTER_AREA), table).astype(np.uint8)


STRAIGHT = [(60, 80), (500, 80), (500, 300), (60, 300)]
TURNED = [(70, 70), (510, 110), (490, 330), (50, 290)]
OVER_THE_BORDER = [(-20, -20), (560, -20), (560, 330), (-20, 330)]


def draw_page(text="207"):
    ink = draw_digits(text, 90, 9, margin=40, gap=30)
    return draw_on_paper(np.pad(ink, ((0, 0), (30, 30))))


@pytest.mark.parametrize(
    ("corners", "table"), [*itertools.product([STRAIGHT, TURNED], [30, 130, 190]), (OVER_THE_BORDER, 130)]
)
def test_read_page_on_a_table(model, corners, table):
    photo = draw_on_table(draw_page(), corners, table)
    found = read(photo, "auto", model)
    assert found.text == "207"
    for digit in found.digits:  # and in the photo's own pixels
        x, y, width, height = digit.box
        assert photo[y : y + height, x : x + width].min() < 60
        assert photo[y : y + height, x : x + width].max() > 200


def test_read_dark_board_on_light_wall(model):
    assert read(255 - draw_on_table(draw_page(), STRAIGHT, 30), "auto", model).text == "207"


@pytest.mark.parametrize(("photo", "page", "text"), [(0.3, 0.8, "207"), (0.3, 0.2, "1"), (0.95, 0.99, "1")])
def test_read_prefers_page_if_more_confident(model, monkeypatch, photo, page, text):
    """The edge of a page may read as some digit."""

    def read_page(self, image, expect):
        return Reading("1", photo, ()) if image.gray.shape == SIZE else Reading("207", page, ())

    monkeypatch.setattr(Reader, "_read_page", read_page)
    monkeypatch.setattr("tenfold.ocr.reader.find_panel", lambda gray: None)
    assert read(draw_on_table(draw_page(), STRAIGHT, 130), "auto", model).text == text


@pytest.mark.parametrize("corners", [STRAIGHT, TURNED])
def test_find_paper_paints_surroundings(corners):
    photo = draw_on_table(np.full((200, 400), 220, np.uint8), corners, 40)
    (found,) = [one for one in find_paper(photo) if one.gray.min() > 200]
    xs, ys = np.array(corners).T
    assert abs(found.left - xs.min()) < 6
    assert abs(found.top - ys.min()) < 6
    assert np.allclose(found.gray.shape, (np.ptp(ys), np.ptp(xs)), atol=10)


def test_find_paper_without_page():
    corner = np.where(np.add.outer(np.arange(400) * 1.5, np.arange(600)) < 600, 220, 40).astype(np.uint8)
    pale = draw_on_table(np.full((200, 400), 60, np.uint8), STRAIGHT, 40)
    fading = np.linspace(230, 130, SIZE[1]).round().astype(np.uint8)[None] * np.ones((SIZE[0], 1), np.uint8)
    for picture in (
        np.full(SIZE, 200, np.uint8),
        draw_on_paper(draw_digits("8", 200, 20)),
        corner,
        pale,
        fading,
        fading[:, ::-1],
    ):
        assert list(find_paper(picture)) == []
    assert list(find_paper(np.zeros((28, 28), np.uint8))) == []


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(60, 300), st.integers(60, 900)), st.booleans())
def test_find_paper_stays_inside_the_picture(seed, shape, transposed):
    random = np.random.default_rng(seed)
    picture = np.full(shape, 40, np.uint8)
    for _ in range(random.integers(1, 4)):
        (top, bottom), (left, right) = (np.sort(random.integers(0, side + 1, 2)) for side in shape)
        picture[top:bottom, left:right] = random.integers(0, 256)
    if transposed:
        picture = np.ascontiguousarray(picture.T)
    for paper in find_paper(picture):
        height, width = paper.gray.shape
        assert paper.gray.dtype == np.uint8
        assert 0 <= paper.top < paper.top + height <= picture.shape[0]
        assert 0 <= paper.left < paper.left + width <= picture.shape[1]


@pytest.mark.parametrize(("beside", "text"), [((120, 40, 20, 32), "204"), ((120, 40, 20, 9), "20"), (None, "20")])
def test_read_keeps_digits_beside_a_page_half_in_shadow(model, monkeypatch, beside, text):
    """Digits of the same size beside a page belong to its line, half of which is in a shadow."""

    def reading_of(boxes, confidence):
        blank = np.zeros((28, 28), np.uint8)
        digits = tuple(Digit(value, 0.9, box, (), image=blank) for value, box in zip((2, 0, 4), boxes, strict=False))
        return Reading("204"[: len(boxes)], confidence, digits)

    lit = [(20, 40, 20, 30), (60, 40, 20, 30)]
    complete = [*lit, beside] if beside else lit

    def read_page(self, image, expect):
        return reading_of(complete, 0.6) if image.gray.shape == SIZE else reading_of(lit, 0.99)

    monkeypatch.setattr(Reader, "_read_page", read_page)
    monkeypatch.setattr("tenfold.ocr.reader.find_panel", lambda gray: None)
    assert read(draw_on_table(draw_page(), STRAIGHT, 130), "auto", model).text == text
