"""Sheets on tables, in the pictures and read."""

import itertools

import cv2
import numpy as np
import pytest
from drawn_digits import drawn, on_paper
from hypothesis import given
from hypothesis import strategies as st

from tenfold.vision.reading import read
from tenfold.vision.sheet import find_sheets

SIZE = (400, 600)


def on_table(sheet, corners, table):
    """uint8 `SIZE`: `sheet` drawn into four corners (x, y), from the upper left clockwise, on a table of one grey."""
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
    reading = read(photo, "auto", model)
    assert reading.text == "207"
    for digit in reading.digits:  # and in the photo's own pixels
        x, y, width, height = digit.box
        assert photo[y : y + height, x : x + width].min() < 60
        assert photo[y : y + height, x : x + width].max() > 200


def test_a_dark_board_on_a_light_wall_is_read(model):
    assert read(255 - on_table(sheet(), STRAIGHT, 30), "auto", model).text == "207"


@pytest.mark.parametrize("corners", [STRAIGHT, TURNED])
def test_around_a_sheet_is_paper(corners):
    photo = on_table(np.full((200, 400), 220, np.uint8), corners, 40)
    (found,) = [one for one in find_sheets(photo) if one.grey.min() > 200]
    xs, ys = np.array(corners).T
    assert abs(found.left - xs.min()) < 6
    assert abs(found.top - ys.min()) < 6
    assert np.allclose(found.grey.shape, (np.ptp(ys), np.ptp(xs)), atol=10)


def test_no_sheet_where_there_is_none():
    corner = np.where(np.add.outer(np.arange(400) * 1.5, np.arange(600)) < 600, 220, 40).astype(np.uint8)
    pale = on_table(np.full((200, 400), 60, np.uint8), STRAIGHT, 40)
    for picture in (np.full(SIZE, 200, np.uint8), on_paper(drawn("8", 200, 20)), corner, pale):
        assert list(find_sheets(picture)) == []
    assert list(find_sheets(np.zeros((28, 28), np.uint8))) == []


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_printed_boxes_that_are_written_in_are_dropped(model, pen):
    form = np.zeros((160, 620), np.uint8)
    for place, value in enumerate("4062"):
        cv2.rectangle(form, (20 + 150 * place, 20), (140 + 150 * place, 140), 255, pen)
        digit = drawn(value, 60, 6, margin=0)
        height, width = digit.shape
        form[50 : 50 + height, 60 + 150 * place : 60 + 150 * place + width] |= digit
    assert read(on_paper(form), "auto", model).text == "4062"


def test_the_cells_of_a_table_are_dropped(model):
    table = np.zeros((260, 400), np.uint8)
    for x in (10, 130, 250, 370):
        cv2.line(table, (x, 10), (x, 250), 255, 3)
    for y in (10, 130, 250):
        cv2.line(table, (10, y), (370, y), 255, 3)
    for place, value in enumerate("712368"):
        digit = drawn(value, 60, 6, margin=0)
        height, width = digit.shape
        top, left = 40 + 120 * (place // 3), 50 + 120 * (place % 3)
        table[top : top + height, left : left + width] |= digit
    assert read(on_paper(table), "auto", model).text == "712\n368"


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
        height, width = sheet.grey.shape
        assert sheet.grey.dtype == np.uint8
        assert 0 <= sheet.top < sheet.top + height <= picture.shape[0]
        assert 0 <= sheet.left < sheet.left + width <= picture.shape[1]
