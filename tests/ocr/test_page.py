"""Sheets on tables, in the pictures and read."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.ocr import reader as reading
from tenfold.ocr.page import find_sheets
from tenfold.ocr.reader import read
from tenfold.ocr.reading import Reading
from tests.ocr.drawn_digits import drawn, on_paper

SIZE = (400, 600)


def on_table(sheet, corners, table):
    """uint8 `SIZE`: `sheet` drawn into four corners (x, y), from the upper left clockwise, on a table of one gray."""
    height, width = sheet.shape
    given = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    to = cv2.getPerspectiveTransform(given, np.float32(corners))
    there = cv2.warpPerspective(np.ones_like(sheet), to, SIZE[::-1]) > 0
    return np.where(there, cv2.warpPerspective(sheet, to, SIZE[::-1], flags=cv2.INTER_AREA), table).astype(np.uint8)


STRAIGHT = [(60, 80), (500, 80), (500, 300), (60, 300)]
TURNED = [(70, 70), (510, 110), (490, 330), (50, 290)]
OVER_THE_BORDER = [(-20, -20), (560, -20), (560, 330), (-20, 330)]


def sheet(text="207"):
    ink = drawn(text, 90, 9, margin=40, gap=30)
    return on_paper(np.pad(ink, ((0, 0), (30, 30))))


@pytest.mark.parametrize(
    ("corners", "table"), [*itertools.product([STRAIGHT, TURNED], [30, 130, 190]), (OVER_THE_BORDER, 130)]
)
def test_a_sheet_on_a_table_is_read(model, corners, table):
    photo = on_table(sheet(), corners, table)
    found = read(photo, "auto", model)
    assert found.text == "207"
    for digit in found.digits:  # and in the photo's own pixels
        x, y, width, height = digit.box
        assert photo[y : y + height, x : x + width].min() < 60
        assert photo[y : y + height, x : x + width].max() > 200


def test_a_dark_board_on_a_light_wall_is_read(model):
    assert read(255 - on_table(sheet(), STRAIGHT, 30), "auto", model).text == "207"


@pytest.mark.parametrize(("whole", "part", "text"), [(0.3, 0.8, "207"), (0.3, 0.2, "1"), (0.95, 0.99, "1")])
def test_where_the_whole_leaves_doubt_a_sheet_is_read_too(model, monkeypatch, whole, part, text):
    """The edge of a sheet may read as some digit."""

    def read_whole(opened, expect, model):
        return Reading("1", whole, ()) if opened.gray.shape == SIZE else Reading("207", part, ())

    monkeypatch.setattr(reading, "_read_whole", read_whole)
    assert read(on_table(sheet(), STRAIGHT, 130), "auto", model).text == text


@pytest.mark.parametrize("corners", [STRAIGHT, TURNED])
def test_around_a_sheet_is_paper(corners):
    photo = on_table(np.full((200, 400), 220, np.uint8), corners, 40)
    (found,) = [one for one in find_sheets(photo) if one.gray.min() > 200]
    xs, ys = np.array(corners).T
    assert abs(found.left - xs.min()) < 6
    assert abs(found.top - ys.min()) < 6
    assert np.allclose(found.gray.shape, (np.ptp(ys), np.ptp(xs)), atol=10)


def test_no_sheet_where_there_is_none():
    corner = np.where(np.add.outer(np.arange(400) * 1.5, np.arange(600)) < 600, 220, 40).astype(np.uint8)
    pale = on_table(np.full((200, 400), 60, np.uint8), STRAIGHT, 40)
    fading = np.linspace(230, 130, SIZE[1]).round().astype(np.uint8)[None] * np.ones((SIZE[0], 1), np.uint8)
    for picture in (np.full(SIZE, 200, np.uint8), on_paper(drawn("8", 200, 20)), corner, pale, fading, fading[:, ::-1]):
        assert list(find_sheets(picture)) == []
    assert list(find_sheets(np.zeros((28, 28), np.uint8))) == []


@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(60, 300), st.integers(60, 900)), st.booleans())
def test_whatever_is_found_is_a_part_of_the_picture(seed, shape, turned):
    random = np.random.default_rng(seed)
    picture = np.full(shape, 40, np.uint8)
    for _ in range(random.integers(1, 4)):
        (top, bottom), (left, right) = (np.sort(random.integers(0, side + 1, 2)) for side in shape)
        picture[top:bottom, left:right] = random.integers(0, 256)
    if turned:
        picture = np.ascontiguousarray(picture.T)
    for sheet in find_sheets(picture):
        height, width = sheet.gray.shape
        assert sheet.gray.dtype == np.uint8
        assert 0 <= sheet.top < sheet.top + height <= picture.shape[0]
        assert 0 <= sheet.left < sheet.left + width <= picture.shape[1]
