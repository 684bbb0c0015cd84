"""Printed boxes and drawn rings around digits."""

import cv2
import numpy as np
import pytest

from tenfold.ocr.components import find_blobs
from tenfold.ocr.form_boxes import without_boxes, without_sides
from tenfold.ocr.reader import read
from tests.ocr.drawn_digits import drawn, on_paper


def put(ink, digit, left, top):
    height, width = digit.shape
    ink[top : top + height, left : left + width] |= digit


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_printed_boxes_that_are_written_in_are_dropped(model, pen):
    form = np.zeros((160, 620), np.uint8)
    for place, value in enumerate("4062"):
        cv2.rectangle(form, (20 + 150 * place, 20), (140 + 150 * place, 140), 255, pen)
        digit = drawn(value, 60, 6, margin=0)
        put(form, digit, 60 + 150 * place, 50)
    assert read(on_paper(form), "auto", model).text == "4062"


def test_the_cells_of_a_table_are_dropped(model):
    table = np.zeros((260, 400), np.uint8)
    for x in (10, 130, 250, 370):
        cv2.line(table, (x, 10), (x, 250), 255, 3)
    for y in (10, 130, 250):
        cv2.line(table, (10, y), (370, y), 255, 3)
    for place, value in enumerate("712368"):
        digit = drawn(value, 60, 6, margin=0)
        put(table, digit, 50 + 120 * (place % 3), 40 + 120 * (place // 3))
    assert read(on_paper(table), "auto", model).text == "712\n368"


@pytest.mark.parametrize("down", [0, 12, 17])
def test_digits_that_touch_their_boxes_stay(model, down):
    form = np.zeros((130, 430), np.uint8)
    for place, value in enumerate("8575"):
        cv2.rectangle(form, (15 + 100 * place, 15), (115 + 100 * place, 115), 255, 3)
        put(form, drawn(value, 70, 8, margin=0), 40 + 100 * place, 20 + (down if place % 2 else 0))
    assert read(on_paper(form), "line", model).text == "8575"


@pytest.mark.parametrize("axes", [(85, 85), (110, 80), (80, 105)])
def test_a_ring_around_a_digit_is_dropped(model, axes):
    for value in "0123456789":
        ink = np.zeros((300, 300), np.uint8)
        cv2.ellipse(ink, (150, 150), axes, 0, 0, 345, 255, 6, cv2.LINE_AA)  # not quite closed
        digit = drawn(value, 70, 8, margin=0)
        put(ink, digit, 150 - digit.shape[1] // 2, 150 - digit.shape[0] // 2)
        assert read(on_paper(ink), "digit", model).text == value


@pytest.mark.parametrize("text", ["0", "8", "6", "9", "4", "00", "2"])
def test_digits_are_no_boxes_and_no_rings(text):
    found = find_blobs(drawn(text, 120, 8))
    assert without_boxes(found) is found
    dotted = found.ink.copy()
    cv2.circle(dotted, (dotted.shape[1] // 2, dotted.shape[0] // 2), 8, 255, -1)
    assert without_boxes(find_blobs(dotted)).blobs


def test_an_empty_box_stays():
    ink = np.zeros((200, 200), np.uint8)
    cv2.rectangle(ink, (30, 30), (170, 170), 255, 4)
    found = find_blobs(ink)
    assert without_boxes(found) is found


@pytest.mark.parametrize("thick", [2, 5, 9])
def test_the_sides_of_a_box_go_and_what_crosses_them_stays(thick):
    digit = drawn("5", 90, 8, margin=0)
    box, written = np.zeros((2, 110, 330), np.uint8)
    for left in (0, 110, 220):
        cv2.rectangle(box, (left, 0), (left + 109, 109), 255, thick)
    written[20:, 140 : 140 + digit.shape[1]] = digit[:90]
    left = without_sides(box | written)
    line = (box > 0) & (cv2.dilate(written, np.ones((9, 9), np.uint8)) == 0)
    assert (left[line] > 0).mean() < 0.1
    assert (left[written > 127] > 0).mean() > 0.9
